"""What a kind of control is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlKind:
    """A kind of control.

    Attributes:
        name: what it is called in the topic, on the command line and on alerts.
        name_zh: what it is called in Chinese.
        decode: what a body says, JSON as `domain.controls.Control.body` has it: a value that is hashable and equal to
            what an equal body says. Raises ValueError for a body that says what cannot be.
        default: the body of version 0 for settings by name; for none, what the product has. Raises ValueError or
            OSError for a file that a setting names.
        install: enters the value in force into an `engine.features.event.REFERENCE`, shape (1,), given the values of
            all kinds in force at that time; None where rows of features do not depend on it.
        settings: names of the settings that version 0 is made of.
        toml: whether people write it as TOML, one table named as the kind; else as JSON.
    """

    name: str
    name_zh: str
    decode: Callable[[bytes], Any]
    default: Callable[[Mapping[str, Any]], bytes]
    install: Callable[[Any, Mapping[str, Any]], None] | None = None
    settings: tuple[str, ...] = ()
    toml: bool = False


def file_or_null(setting: str) -> Callable[[Mapping[str, Any]], bytes]:
    """Version 0 of a kind: the JSON of the file that a setting names, null where it names none."""

    def default(settings: Mapping[str, Any]) -> bytes:
        file = settings.get(setting)
        return msgspec.json.format(Path(file).read_bytes(), indent=-1) if file else b"null"

    return default


def model_kind(name: str, name_zh: str, decode: Callable[[bytes], Any]) -> ControlKind:
    """A kind that holds a model, or null for none; its setting has its name.

    The kernel needs no model, so nothing is entered into its tables: the rows that it wrote are scored afterwards.

    Args:
        name: of the kind.
        name_zh: likewise.
        decode: makes the model of an artefact's bytes; asked only where there is one.
    """
    return ControlKind(
        name=name, name_zh=name_zh, decode=lambda body: None if body == b"null" else decode(body),
        default=file_or_null(name), install=lambda _reference, _in_force: None, settings=(name,),
    )  # fmt: skip

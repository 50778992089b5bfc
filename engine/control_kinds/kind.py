"""What a kind of control is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

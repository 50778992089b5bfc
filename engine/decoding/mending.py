"""JSON that is well formed, and writes what no program can hold: numbers beyond a double, halves of characters.

msgspec refuses such a record as a whole. Read here it costs the field alone: what cannot be held is text, and of a
declared field a value that no field takes, so that an optional one is left out, and a dead letter shows what came.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from domain.events import EVENTS

_DECLARED = {field.name for fields in EVENTS.values() for field in fields}
_HALF = re.compile("[\ud800-\udfff]")


class Unreadable(list[str]):
    """The value of a declared field that cannot be held: a list of what came as text, for no field takes that.

    Attributes:
        is_number: whether a number came, and not text.
    """

    def __init__(self, text: str, *, is_number: bool) -> None:
        super().__init__((text,))
        self.is_number = is_number


class _Beyond(str):
    """A number beyond a double, as it was written."""

    __slots__ = ()


def mended(raw: bytes) -> Any:
    r"""A record that msgspec refused, with what can be held in the place of what cannot.

    Numbers beyond a double become text, halves of surrogate pairs U+FFFD; values of declared fields `Unreadable`.

    Raises:
        ValueError: it is no JSON or no UTF-8 all the same.
        RecursionError: it is nested too deeply.

    >>> mended(b'{"amount":1e400,"x":{"y":[-1e999,"a\\ud800"]}}')
    {'amount': ['1e400'], 'x': {'y': ['-1e999', 'a\ufffd']}}
    """
    event = json.loads(raw.decode(), parse_float=_float, parse_constant=_no_constant)
    if not isinstance(event, dict):
        return _held(event)
    return {_held(name): _of_field(name, value) for name, value in event.items()}


def _float(text: str) -> float | _Beyond:
    value = float(text)
    return value if math.isfinite(value) else _Beyond(text)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _of_field(name: str, value: Any) -> Any:
    held = _held(value)
    is_number = isinstance(value, _Beyond)
    if name in _DECLARED and (is_number or (isinstance(value, str) and held != value)):
        return Unreadable(held, is_number=is_number)
    return held


def _held(value: Any) -> Any:
    """`value` with text that can be held, at any depth."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_held(name): _held(each) for name, each in value.items()}
    return [_held(each) for each in value] if isinstance(value, list) else value

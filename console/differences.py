"""What differs between two values of JSON, place by place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SHOWN = 160
"""Characters of a value that are shown."""


class Difference(NamedTuple):
    """A place in which two values differ.

    Attributes:
        place: names and numbers from the root, parted by dots; "" for the root.
        before: as JSON, cut; None where there is nothing.
        after: likewise.
    """

    place: str
    before: str | None
    after: str | None


def differences(before: Any, after: Any) -> list[Difference]:
    """The places, in the order of their names.

    >>> differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}, "d": [1]})
    [Difference(place='a.b', before='1', after='3'), Difference(place='a.c', before='2', after=None), \
Difference(place='d', before=None, after='[1]')]
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    places = sorted({*old, *new}, key=lambda place: [(not each.isdecimal(), each.zfill(12)) for each in place])
    return [
        Difference(".".join(each), _shown(old.get(each)), _shown(new.get(each)))
        for each in places
        if old.get(each) != new.get(each)
    ]


def _leaves(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every value that holds no other one, and lists of such, as JSON."""
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    parts = [(f"{name}", each) for name, each in held]
    if not parts or (isinstance(value, list) and not any(isinstance(each, dict | list) for _, each in parts)):
        yield place, msgspec.json.encode(value).decode()
        return
    for name, each in parts:
        yield from _leaves(each, (*place, name))


def _shown(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"

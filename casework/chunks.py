"""Ids, so many at a time as a statement may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")
_MOST_IDS = 500


def chunks(ids: Iterable[T]) -> Iterator[list[T]]:
    """Ids, so many at a time as a statement may hold.

    >>> [len(each) for each in chunks(range(501))]
    [500, 1]
    """
    listed = [*ids]
    for first in range(0, len(listed), _MOST_IDS):
        yield listed[first : first + _MOST_IDS]

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba.core.errors import TypingError

from engine.borrowing import borrowed
from engine.jit import njit, njit_inner


class Pair(NamedTuple):
    """Two arrays of one type, which Numba has another type for than for arrays of two."""

    left: Any
    right: Any


class Nested(NamedTuple):
    pair: Pair
    table: Any
    rows: Any
    limit: int
    strict: bool


class Texts(NamedTuple):
    text: str


def nested() -> Nested:
    rows = np.zeros(3, [("count", np.int32), ("sums", np.float64, 2)])
    return Nested(Pair(np.arange(4), np.arange(4, 8)), np.arange(12.0).reshape(3, 4), rows, 7, strict=True)


@njit_inner
def _add(given: Any, k: int) -> None:
    given.pair.right[k] += given.pair.left[k]
    row = given.rows[k]
    row.count += given.limit if given.strict else 0
    row.sums[1] = given.table[k, 3] + given.table.shape[1]


@njit
def _run(given: Any) -> int:
    given = borrowed(given)
    for k in range(len(given.rows)):
        _add(given, k)
    return len(given.pair.left) + given.table.size


@njit
def _first(array: Any) -> Any:
    array = borrowed(array)
    return array[0] + len(array)


@njit
def _borrow(given: Any) -> int:
    borrowed(given)
    return 0


def test_borrowed_fields_are_read_and_their_arrays_written() -> None:
    given = nested()
    assert _run(given) == 4 + 12
    assert given.pair.right.tolist() == [4, 6, 8, 7]
    assert given.rows["count"].tolist() == [7, 7, 7]
    assert given.rows["sums"][:, 1].tolist() == [7.0, 11.0, 15.0]


def test_a_borrowed_array_reads_the_same_memory() -> None:
    assert _first(np.array([5, 6])) == 7


def test_no_owner_is_lost_or_gained() -> None:
    given = nested()
    arrays = (given.pair.left, given.pair.right, given.table, given.rows)
    before = [sys.getrefcount(each) for each in arrays]
    for _ in range(100):
        _run(given)
    assert [sys.getrefcount(each) for each in arrays] == before


@pytest.mark.parametrize(
    "given", [np.arange(12)[::2], Pair(np.arange(12)[::2], np.arange(2))], ids=["array", "in a tuple"]
)
def test_an_array_with_gaps_cannot_be_borrowed(given: Any) -> None:
    with pytest.raises(TypingError, match="must be C-contiguous"):
        _borrow(given)


def test_what_has_an_owner_and_is_no_array_cannot_be_borrowed() -> None:
    with pytest.raises(TypingError, match="must be arrays, numbers or named tuples of them"):
        _borrow(Texts("a"))

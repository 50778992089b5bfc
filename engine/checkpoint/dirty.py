"""Which rows were written to since the last checkpoint, and how the rows of a checkpoint keep still while the stream
goes on.

A row carries the mark of the interval it was last written in: 1 and 2 by turns, 0 where it is clean. When a checkpoint
begins, the list of its rows is put aside and the mark changes. Whoever writes to one of its rows after that copies
it first; the others are gathered between batches. So the stream rests only while the list changes hands.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.jit import njit_cached, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.jit import Structured


class Dirty(NamedTuple):
    """The rows written to since the last checkpoint, and the copies that a checkpoint in hand has of its rows."""

    mark: NDArray[np.uint8]
    """(1,): the mark of this interval."""
    row: NDArray[np.int32]
    """(capacity,): rows with this interval's mark, in the order they got it."""
    length: NDArray[np.int64]
    """(1,)"""
    saved: NDArray[np.uint8]
    """(rows of the checkpoint in hand, bytes of a row with its blocks): copies made before the first write since."""
    saved_row: NDArray[np.int32]
    saved_deadline: NDArray[np.int64]
    saved_count: NDArray[np.int64]
    """(1,)"""


def reserved(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array whose memory is taken page by page as it is written; zeros.

    Pages are large where the system has such: of small ones the processor cannot keep the places of all rows in mind.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size == 0:
        return np.zeros(shape, dtype)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    memory = mmap.mmap(-1, size, flags=flags)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a system built without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)


def room_for(rows: int, row_bytes: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Where copies of as many rows go: `saved` and the three that follow."""
    return (
        reserved((rows, row_bytes), np.uint8), reserved((rows,), np.int32), reserved((rows,), np.int64),
        np.zeros(1, np.int64),
    )  # fmt: skip


@njit_inline
def touch(rows: Structured, row_bytes: NDArray[np.uint8], deadlines: NDArray[np.int64], dirty: Dirty, r: int) -> int:
    """Say that row `r` is about to be written to; where it was copied to, for its blocks to follow, or -1."""
    row = rows[r]
    mark = dirty.mark[0]
    at = -1
    if row.touched == mark:
        return at
    if row.touched != 0:
        k = dirty.saved_count[0]
        for b in range(row_bytes.shape[1]):
            dirty.saved[k, b] = row_bytes[r, b]
        dirty.saved_row[k] = r
        dirty.saved_deadline[k] = deadlines[r]
        dirty.saved_count[0] = k + 1
        at = k
    row.touched = mark
    dirty.row[dirty.length[0]] = r
    dirty.length[0] += 1
    return at


@njit_cached
def touch_all(
    rows: Structured, row_bytes: NDArray[np.uint8], deadlines: NDArray[np.int64], dirty: Dirty, which: NDArray[np.int32]
) -> None:
    """Mark rows that were not written to for the next checkpoint; while none is in hand, so nothing is copied."""
    for k in range(len(which)):
        touch(rows, row_bytes, deadlines, dirty, which[k])


@njit_cached
def gather(
    rows: Structured, row_bytes: NDArray[np.uint8], deadlines: NDArray[np.int64], which: NDArray[np.int32], mark: int,
    out: NDArray[np.uint8], out_row: NDArray[np.int32], out_deadline: NDArray[np.int64],
) -> int:  # fmt: skip
    """Copy those of the rows `which` that still carry the checkpoint's `mark` to the front of `out`'s entries, and make
    them clean; how many they were.
    """
    n = 0
    for k in range(len(which)):
        r = which[k]
        if rows[r].touched != mark:
            continue
        for b in range(row_bytes.shape[1]):
            out[n, b] = row_bytes[r, b]
        out_row[n] = r
        out_deadline[n] = deadlines[r]
        rows[r].touched = 0
        n += 1
    return n

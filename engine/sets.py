"""Sets of 64-bit hashes that belong to merchants and age with their clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.hashing import mix64
from engine.jit import Structured, i64, njit_cached, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Table(NamedTuple):
    """Open addressing from (hash, row) to the turn it was last entered in."""

    key: NDArray[np.uint64]
    """(size,): 0 where free; size is a power of two."""
    row: NDArray[np.int32]
    turn: NDArray[np.int32]
    flag: NDArray[np.bool_]
    """What the caller noted of the hash when it entered it."""
    used: NDArray[np.int64]
    """(1,): slots that are not free."""


class AgedSet:
    """Remembers a hash for the merchant's turn it was entered in and the next: two generations.

    A turn is `turn_ms` of the merchant's clock, so what is remembered depends on the merchant alone. Entries that
    are out of date stay until the table is rebuilt, and count as absent.
    """

    def __init__(self, turn_ms: int) -> None:
        self.turn_ms = turn_ms
        self.table = _empty(1024)

    def make_room(self, more: int, rows: Structured) -> None:
        """Let `more` hashes be entered: drop what is out of date, and grow if that is not enough."""
        size = len(self.table.key)
        if 2 * (int(self.table.used[0]) + more) <= size:
            return
        live = count_live(self.table, rows, self.turn_ms)
        while 4 * live + 2 * more > size:
            size *= 2
        table = _empty(size)
        move_live(self.table, table, rows, self.turn_ms)
        self.table = table


def _empty(size: int) -> Table:
    return Table(
        np.zeros(size, np.uint64), np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.bool_),
        np.zeros(1, np.int64),
    )  # fmt: skip


@njit_inline
def _slot(table: Table, key: np.uint64, r: int) -> int:
    mask = len(table.key) - 1
    at = i64(mix64(key ^ np.uint64(r)) & np.uint64(mask))
    while table.key[at] != np.uint64(0) and (table.key[at] != key or table.row[at] != r):
        at = (at + 1) & mask
    return at


ABSENT, PLAIN, FLAGGED = 0, 1, 2
"""What `holds` says."""


@njit_inline
def holds(table: Table, key: np.uint64, r: int, turn: int) -> int:
    """Whether the merchant entered `key` in this turn or the one before, and with its flag set or not."""
    at = _slot(table, key, r)
    if table.key[at] == np.uint64(0) or table.turn[at] < turn - 1:
        return ABSENT
    return FLAGGED if table.flag[at] else PLAIN


@njit_inline
def enter(table: Table, key: np.uint64, r: int, turn: int, flag: bool) -> None:
    """Enter `key` for the merchant of row `r`; the caller made room."""
    at = _slot(table, key, r)
    if table.key[at] == np.uint64(0):
        table.key[at] = key
        table.row[at] = r
        table.used[0] += 1
    table.turn[at] = turn
    table.flag[at] = flag


@njit_cached
def count_live(table: Table, rows: Structured, turn_ms: int) -> int:
    """How many entries are not out of date."""
    live = 0
    for at in range(len(table.key)):
        if table.key[at] != np.uint64(0):
            live += table.turn[at] >= rows[table.row[at]].clock_ms // turn_ms - 1
    return live


@njit_cached
def move_live(old: Table, new: Table, rows: Structured, turn_ms: int) -> None:
    """Enter what is not out of date into an empty table."""
    for at in range(len(old.key)):
        if old.key[at] != np.uint64(0) and old.turn[at] >= rows[old.row[at]].clock_ms // turn_ms - 1:
            enter(new, old.key[at], old.row[at], old.turn[at], old.flag[at])

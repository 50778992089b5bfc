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
    journal: Journal


class Journal(NamedTuple):
    """What was entered since the last cut, in order; without room where no cuts are taken."""

    key: NDArray[np.uint64]
    row: NDArray[np.int32]
    turn: NDArray[np.int32]
    """Twice the turn, and one more where the flag was set."""
    length: NDArray[np.int64]
    """(1,)"""


class Entered(NamedTuple):
    """A stretch of a journal; nothing writes to its arrays any more."""

    whole: bool
    """Whether it holds all that is remembered; else it goes on from the stretches before it."""
    key: NDArray[np.uint64]
    row: NDArray[np.int32]
    turn: NDArray[np.int32]


class AgedSet:
    """Remembers a hash for the merchant's turn it was entered in and the next: two generations.

    A turn is `turn_ms` of the merchant's clock, so what is remembered depends on the merchant alone. Entries that
    are out of date stay until the table is rebuilt, and count as absent.

    Args:
        turn_ms: length of a turn.
        journals: whether what is entered is noted for cuts too; then `entered` must be called now and again.
    """

    def __init__(self, turn_ms: int, *, journals: bool = False) -> None:
        self.turn_ms = turn_ms
        self._journals = journals
        self._whole = True
        self.table = _empty(1024, 1024 if journals else 0)

    def make_room(self, more: int, rows: Structured) -> None:
        """Let `more` hashes be entered: drop what is out of date, and grow if that is not enough."""
        size = len(self.table.key)
        if 2 * (int(self.table.used[0]) + more) <= size:
            self._make_journal_room(more)
            return
        live = count_live(self.table, rows, self.turn_ms)
        while 4 * live + 2 * more > size:
            size *= 2
        # What moves is noted anew, so the new table's journal begins with everything.
        table = _empty(size, live + more if self._journals else 0)
        move_live(self.table, table, rows, self.turn_ms)
        self.table = table
        self._whole = True

    def _make_journal_room(self, more: int) -> None:
        journal = self.table.journal
        need = int(journal.length[0]) + more
        if not self._journals or need <= len(journal.key):
            return
        larger = _journal(max(need, 2 * len(journal.key)))
        n = int(journal.length[0])
        larger.key[:n], larger.row[:n], larger.turn[:n] = journal.key[:n], journal.row[:n], journal.turn[:n]
        larger.length[0] = n
        self.table = self.table._replace(journal=larger)

    def entered(self) -> Entered:
        """What was entered since this was last called."""
        journal = self.table.journal
        n = int(journal.length[0])
        found = Entered(self._whole, journal.key[:n], journal.row[:n], journal.turn[:n])
        self._whole = False
        # What was entered may be kept for long, so the room it lies in should not be much larger.
        self.table = self.table._replace(journal=_journal(max(1024, 2 * n) if self._journals else 0))
        return found

    def enter_again(
        self, key: NDArray[np.uint64], row: NDArray[np.int32], turn: NDArray[np.int32], rows: Structured
    ) -> None:
        """Take in what `entered` gave before, its stretches in their order."""
        self.make_room(len(key), rows)
        enter_all(self.table, key, row, turn)
        self.table.journal.length[0] = 0
        self._whole = False


def _empty(size: int, journal: int) -> Table:
    return Table(
        np.zeros(size, np.uint64), np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.bool_),
        np.zeros(1, np.int64), _journal(journal),
    )  # fmt: skip


def _journal(size: int) -> Journal:
    return Journal(np.empty(size, np.uint64), np.empty(size, np.int32), np.empty(size, np.int32), np.zeros(1, np.int64))


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
    journal = table.journal
    if len(journal.key) > 0:
        k = journal.length[0]
        journal.key[k] = key
        journal.row[k] = r
        journal.turn[k] = 2 * turn + (1 if flag else 0)
        journal.length[0] = k + 1


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


@njit_cached
def enter_all(table: Table, key: NDArray[np.uint64], row: NDArray[np.int32], turn: NDArray[np.int32]) -> None:
    """Enter a stretch of a journal; the caller made room."""
    for k in range(len(key)):
        enter(table, key[k], row[k], turn[k] >> 1, turn[k] & 1 == 1)

"""Sets of 64-bit hashes that belong to merchants and age with their clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.checkpoint.dirty import reserved
from engine.decoding.hashing import mix64, prefetch
from engine.jit import Structured, i64, njit_cached, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Table(NamedTuple):
    """Open addressing from (hash, row) to the turn it was last entered in.

    While a table moves into another, what has not moved yet is looked up in `old`, where nothing is entered any more.
    """

    key: NDArray[np.uint64]
    """(size,): 0 where free; size is a power of two."""
    row: NDArray[np.int32]
    turn: NDArray[np.int32]
    flag: NDArray[np.bool_]
    """What the caller noted of the hash when it entered it."""
    used: NDArray[np.int64]
    """(1,): slots that are not free."""
    journal: Journal
    old_key: NDArray[np.uint64]
    """(old size,): of one that moves into this; 1 slot, free, where none does."""
    old_row: NDArray[np.int32]
    old_turn: NDArray[np.int32]
    old_flag: NDArray[np.bool_]


class Journal(NamedTuple):
    """What was entered since the last checkpoint, in order; without room where no checkpoints are taken."""

    key: NDArray[np.uint64]
    row: NDArray[np.int32]
    turn: NDArray[np.int32]
    """Twice the turn, and one more where the flag was set."""
    length: NDArray[np.int64]
    """(1,)"""


class Entered(NamedTuple):
    """A stretch of a journal; nothing writes to its arrays any more.

    What is remembered is noted anew, stretch by stretch, while a table moves. Then what came before the move began is
    of no use, and says so the stretch in which the move ends.
    """

    whole: bool
    """Whether it holds all that is remembered: the stretches before it are of no use."""
    ends: bool
    """Whether those before the stretch with the last `begins` are of no use."""
    begins: bool
    """Whether a move began in it that goes on."""
    key: NDArray[np.uint64]
    row: NDArray[np.int32]
    turn: NDArray[np.int32]


SLICE = 65_536
"""Least slots of an old table that are moved at once: some milliseconds."""


class AgedSet:
    """Remembers a hash for the merchant's turn it was entered in and the next: two generations.

    A turn is `turn_ms` of the merchant's clock, so what is remembered depends on the merchant alone. Entries that
    are out of date stay until the table moves into another, and count as absent. It moves in slices, so that no batch
    waits for all of it.

    Args:
        turn_ms: length of a turn.
        journals: whether what is entered is noted for checkpoints too; then `entered` must be called now and again.
    """

    def __init__(self, turn_ms: int, *, journals: bool = False) -> None:
        self.turn_ms = turn_ms
        self._journals = journals
        self._whole, self._ends, self._begins = True, False, False
        self._moved = 1
        """Slots of the old table that have moved; all where none does."""
        self.table = _empty(1024, 1024 if journals else 0)

    def make_room(self, more: int, rows: Structured) -> None:
        """Make room for `more` hashes: drop expired ones, and grow if there is too little room."""
        # Eight slots for each entry: the old table has moved before the new one fills.
        slots = max(SLICE, 8 * more)
        self._make_journal_room(more + min(slots, len(self.table.old_key)))
        self._move(slots, rows)
        size = len(self.table.key)
        if 2 * (int(self.table.used[0]) + more) <= size:
            return
        self._make_journal_room(more + len(self.table.old_key))
        self._move(len(self.table.old_key), rows)
        looked = min(size, SLICE)
        live = count_live(self.table, rows, self.turn_ms, looked) * (size // looked)
        old = self.table
        while max(4 * live, 2 * live + len(old.key) // 4) + 2 * more > size:
            size *= 2
        self.table = _empty(size, 0)._replace(
            journal=old.journal, old_key=old.key, old_row=old.row, old_turn=old.turn, old_flag=old.flag
        )
        self._moved = 0
        self._begins = True
        self._make_journal_room(more + min(slots, len(old.key)))
        self._move(slots, rows)

    def _move(self, slots: int, rows: Structured) -> None:
        """Move some more slots of the old table, and let it go after the last."""
        size = len(self.table.old_key)
        if self._moved == size:
            return
        last = min(size, self._moved + slots)
        move_live(self.table, rows, self.turn_ms, self._moved, last)
        self._moved = last
        if last == size:
            none = _empty(1, 0)
            self.table = self.table._replace(old_key=none.key, old_row=none.row, old_turn=none.turn, old_flag=none.flag)
            self._moved = 1
            # One that began in this stretch leaves everything in it.
            self._whole, self._ends, self._begins = self._whole or self._begins, not self._begins, False

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
        found = Entered(self._whole, self._ends, self._begins, journal.key[:n], journal.row[:n], journal.turn[:n])
        self._whole = self._ends = self._begins = False
        # What was entered may be kept for long, so the room it lies in should not be much larger.
        self.table = self.table._replace(journal=_journal(max(1024, 2 * n) if self._journals else 0))
        return found

    def enter_again(
        self, key: NDArray[np.uint64], row: NDArray[np.int32], turn: NDArray[np.int32], rows: Structured
    ) -> None:
        """Restore what `entered` gave, stretch by stretch in order."""
        self.make_room(len(key), rows)
        enter_all(self.table, key, row, turn)
        self.table.journal.length[0] = 0
        # The stretches that are there hold everything, and none of them is of no use.
        self._whole = self._ends = self._begins = False


def _empty(size: int, journal: int) -> Table:
    def array(kind: type[np.generic]) -> NDArray[Any]:
        return reserved((size,), kind) if size > SLICE else np.zeros(size, kind)

    return Table(
        array(np.uint64), array(np.int32), array(np.int32), array(np.bool_), np.zeros(1, np.int64), _journal(journal),
        np.zeros(1, np.uint64), np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.bool_),
    )  # fmt: skip


def _journal(size: int) -> Journal:
    return Journal(np.empty(size, np.uint64), np.empty(size, np.int32), np.empty(size, np.int32), np.zeros(1, np.int64))


@njit_inline
def _slot(keys: NDArray[np.uint64], rows: NDArray[np.int32], key: np.uint64, r: int) -> int:
    mask = len(keys) - 1
    at = i64(mix64(key ^ np.uint64(r)) & np.uint64(mask))
    while keys[at] != np.uint64(0) and (keys[at] != key or rows[at] != r):
        at = (at + 1) & mask
    return at


ABSENT, PLAIN, FLAGGED = 0, 1, 2
"""What `holds` says."""


@njit_inline
def fetch(table: Table, key: np.uint64, r: int) -> None:
    """Prefetch the slot of `key` into the cache."""
    at = i64(mix64(key ^ np.uint64(r)) & np.uint64(len(table.key) - 1))
    prefetch(table.key, 8 * at)
    prefetch(table.row, 4 * at)
    prefetch(table.turn, 4 * at)
    prefetch(table.flag, at)


@njit_inline
def holds(table: Table, key: np.uint64, r: int, turn: int) -> int:
    """Whether the merchant entered `key` in this turn or the one before, and with its flag set or not."""
    at = _slot(table.key, table.row, key, r)
    if table.key[at] != np.uint64(0):
        if table.turn[at] < turn - 1:
            return ABSENT
        return FLAGGED if table.flag[at] else PLAIN
    if len(table.old_key) > 1:
        at = _slot(table.old_key, table.old_row, key, r)
        if table.old_key[at] != np.uint64(0) and table.old_turn[at] >= turn - 1:
            return FLAGGED if table.old_flag[at] else PLAIN
    return ABSENT


@njit_inline
def enter(table: Table, key: np.uint64, r: int, turn: int, flag: bool) -> None:
    """Enter `key` for the merchant of row `r`; the caller made room."""
    at = _slot(table.key, table.row, key, r)
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
def count_live(table: Table, rows: Structured, turn_ms: int, slots: int) -> int:
    """How many entries among the first `slots` are not out of date; those of an old table left out."""
    live = 0
    for at in range(slots):
        if table.key[at] != np.uint64(0):
            live += table.turn[at] >= rows[table.row[at]].clock_ms // turn_ms - 1
    return live


@njit_cached
def move_live(table: Table, rows: Structured, turn_ms: int, first: int, last: int) -> None:
    """Enter what is not out of date of some slots of the old table, unless it was entered again meanwhile."""
    for at in range(first, last):
        key, r = table.old_key[at], i64(table.old_row[at])
        if key == np.uint64(0) or table.old_turn[at] < rows[r].clock_ms // turn_ms - 1:
            continue
        if table.key[_slot(table.key, table.row, key, r)] == np.uint64(0):
            enter(table, key, r, i64(table.old_turn[at]), bool(table.old_flag[at]))


@njit_cached
def enter_all(table: Table, key: NDArray[np.uint64], row: NDArray[np.int32], turn: NDArray[np.int32]) -> None:
    """Enter a stretch of a journal; the caller made room."""
    for k in range(len(key)):
        enter(table, key[k], row[k], turn[k] >> 1, turn[k] & 1 == 1)

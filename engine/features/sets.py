"""What merchants' messages were, by keyed hash, for as long as each must be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.checkpoint.dirty import reserved
from engine.decoding.hashing import mix64, prefetch
from engine.jit import Structured, i64, njit_cached, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray


ENTRY = np.dtype(
    [("key", np.uint64), ("amount", np.int64), ("row", np.int32), ("until_s", np.uint32), ("time_s", np.uint32)],
    align=True,
)
"""What is remembered under a hash of a merchant, in one piece, so that a look-up waits for memory once.

`key` is 0 where the slot is free; `row` is the merchant's; `until_s` the last second of its clock in which the entry is
known; `time_s` the record's own time; `amount` what the caller noted with the hash.
"""

ENTRY_BYTES = ENTRY.itemsize


class Table(NamedTuple):
    """Open addressing from (hash, merchant's row) to an entry.

    While a table moves into another, what has not moved yet is looked up in `old`, where nothing is entered any more.
    """

    entry: Structured
    """(size,) of `ENTRY`; size is a power of two."""
    used: NDArray[np.int64]
    """(1,): slots that are not free."""
    journal: Journal
    old: Structured
    """(old size,) of one that moves into this; 1 slot, free, where none does."""


class Journal(NamedTuple):
    """What was entered since the last checkpoint, in order; without room where no checkpoints are taken."""

    key: NDArray[np.uint64]
    row: NDArray[np.int32]
    until_s: NDArray[np.uint32]
    time_s: NDArray[np.uint32]
    amount: NDArray[np.int64]
    length: NDArray[np.int64]
    """(1,)"""


class Entries(NamedTuple):
    """Entries of a table as a checkpoint holds them, (n,) each."""

    key: NDArray[np.uint64]
    row: NDArray[np.int32]
    until_s: NDArray[np.uint32]
    time_s: NDArray[np.uint32]
    amount: NDArray[np.int64]


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
    entries: Entries


_FETCH = 16
"""How many slots ahead of those that move, what lies anywhere in memory is fetched."""
SLICE = 65_536
"""Least slots of an old table that are moved at once: some milliseconds."""


class AgedSet:
    """Remembers a hash of a merchant until a moment of the merchant's own clock, with a time and an amount.

    What is remembered depends on the merchant alone. Entries that are out of date stay until the table moves into
    another, and count as absent. It moves in slices, so that no batch waits for all of it.

    Args:
        journals: whether what is entered is noted for checkpoints too; then `entered` must be called now and again.
    """

    def __init__(self, *, journals: bool = False) -> None:
        self._journals = journals
        self._whole, self._ends, self._begins = True, False, False
        self._moved = 1
        """Slots of the old table that have moved; all where none does."""
        self.table = _empty(1024, 1024 if journals else 0)

    def make_room(self, more: int, rows: Structured) -> None:
        """Make room for `more` hashes: drop expired ones, and grow if there is too little room."""
        # Eight slots for each entry: the old table has moved before the new one fills.
        slots = max(SLICE, 8 * more)
        self._make_journal_room(more + min(slots, len(self.table.old)))
        self._move(slots, rows)
        size = len(self.table.entry)
        if 2 * (int(self.table.used[0]) + more) <= size:
            return
        self._make_journal_room(more + len(self.table.old))
        self._move(len(self.table.old), rows)
        looked = min(size, SLICE)
        live = count_live(self.table, rows, looked) * (size // looked)
        old = self.table
        while max(4 * live, 2 * live + len(old.entry) // 4) + 2 * more > size:
            size *= 2
        self.table = _empty(size, 0)._replace(
            journal=old.journal, old=old.entry
        )  # fmt: skip
        self._moved = 0
        self._begins = True
        self._make_journal_room(more + min(slots, len(old.entry)))
        self._move(slots, rows)

    def _move(self, slots: int, rows: Structured) -> None:
        """Move some more slots of the old table, and let it go after the last."""
        size = len(self.table.old)
        if self._moved == size:
            return
        last = min(size, self._moved + slots)
        move_live(self.table, rows, self._moved, last)
        self._moved = last
        if last == size:
            self.table = self.table._replace(old=np.zeros(1, ENTRY))
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
        for name, of in _entries(journal)._asdict().items():
            getattr(larger, name)[:n] = of[:n]
        larger.length[0] = n
        self.table = self.table._replace(journal=larger)

    def entered(self) -> Entered:
        """What was entered since this was last called."""
        journal = self.table.journal
        n = int(journal.length[0])
        found = Entered(self._whole, self._ends, self._begins, _entries(journal, n))
        self._whole = self._ends = self._begins = False
        # What was entered may be kept for long, so the room it lies in should not be much larger.
        self.table = self.table._replace(journal=_journal(max(1024, 2 * n) if self._journals else 0))
        return found

    def enter_again(self, entries: Entries, rows: Structured) -> None:
        """Restore what `entered` gave, stretch by stretch in order."""
        self.make_room(len(entries.key), rows)
        enter_all(self.table, entries)
        self.table.journal.length[0] = 0
        # The stretches that are there hold everything, and none of them is of no use.
        self._whole = self._ends = self._begins = False

    def enter_anew(self, entries: Entries, rows: Structured) -> None:
        """Enter what no checkpoint of this kind holds yet; the next one will."""
        self.make_room(len(entries.key), rows)
        self._make_journal_room(len(entries.key))
        enter_all(self.table, entries)


def _empty(size: int, journal: int) -> Table:
    entry = reserved((size,), ENTRY) if size > SLICE else np.zeros(size, ENTRY)
    return Table(entry, np.zeros(1, np.int64), _journal(journal), np.zeros(1, ENTRY))


def _journal(size: int) -> Journal:
    return Journal(
        np.empty(size, np.uint64), np.empty(size, np.int32), np.empty(size, np.uint32), np.empty(size, np.uint32),
        np.empty(size, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip


def _entries(journal: Journal, n: int | None = None) -> Entries:
    """The first `n` entries of a journal."""
    return Entries(
        journal.key[:n], journal.row[:n], journal.until_s[:n], journal.time_s[:n], journal.amount[:n]
    )  # fmt: skip


@njit_inline
def _slot(entries: Structured, key: np.uint64, r: int) -> int:
    mask = len(entries) - 1
    at = i64(mix64(key ^ np.uint64(r)) & np.uint64(mask))
    while entries[at].key != np.uint64(0) and (entries[at].key != key or entries[at].row != r):
        at = (at + 1) & mask
    return at


ABSENT = -1
"""What `find` says of what is not known, or not any more."""


@njit_inline
def fetch(table: Table, key: np.uint64, r: int) -> None:
    """Prefetch the slot of `key` into the cache, that of the old table too."""
    h = mix64(key ^ np.uint64(r))
    prefetch(table.entry, ENTRY_BYTES * i64(h & np.uint64(len(table.entry) - 1)))
    prefetch(table.old, ENTRY_BYTES * i64(h & np.uint64(len(table.old) - 1)))


@njit_inline
def find(table: Table, key: np.uint64, r: int, now_s: int) -> int:
    """Where the merchant's `key` stands, if it is known in a second of its clock; else `ABSENT`.

    `amount_at` and `time_at` read what was noted there, until something is entered.
    """
    at = _slot(table.entry, key, r)
    if table.entry[at].key != np.uint64(0):
        return at if now_s <= i64(table.entry[at].until_s) else ABSENT
    if len(table.old) > 1:
        at = _slot(table.old, key, r)
        if table.old[at].key != np.uint64(0) and now_s <= i64(table.old[at].until_s):
            return len(table.entry) + at
    return ABSENT


@njit_inline
def amount_at(table: Table, at: int) -> int:
    """What was noted with the entry that `find` found."""
    size = len(table.entry)
    return i64(table.entry[at].amount) if at < size else i64(table.old[at - size].amount)


@njit_inline
def time_at(table: Table, at: int) -> int:
    """The time, UTC seconds, of the entry that `find` found."""
    size = len(table.entry)
    return i64(table.entry[at].time_s) if at < size else i64(table.old[at - size].time_s)


@njit_inline
def enter(table: Table, key: np.uint64, r: int, until_s: int, time_s: int, amount: int) -> None:
    """Enter `key` for the merchant of row `r`, or change its entry; the caller made room."""
    at = _slot(table.entry, key, r)
    entry = table.entry[at]
    if entry.key == np.uint64(0):
        entry.key = key
        entry.row = r
        table.used[0] += 1
    entry.until_s = until_s
    entry.time_s = time_s
    entry.amount = amount
    journal = table.journal
    if len(journal.key) > 0:
        k = journal.length[0]
        journal.key[k] = key
        journal.row[k] = r
        journal.until_s[k] = until_s
        journal.time_s[k] = time_s
        journal.amount[k] = amount
        journal.length[0] = k + 1


@njit_cached
def count_live(table: Table, rows: Structured, slots: int) -> int:
    """How many entries among the first `slots` are not out of date; those of an old table left out."""
    live = 0
    for at in range(slots):
        if at + _FETCH < slots:
            prefetch(rows, rows.itemsize * i64(table.entry[at + _FETCH].row))
        entry = table.entry[at]
        if entry.key != np.uint64(0):
            live += i64(entry.until_s) >= rows[entry.row].clock_ms // 1000
    return live


@njit_cached
def move_live(table: Table, rows: Structured, first: int, last: int) -> None:
    """Enter what is not out of date of some slots of the old table, unless it was entered again meanwhile."""
    for at in range(first, last):
        if at + _FETCH < last:
            ahead = table.old[at + _FETCH]
            prefetch(rows, rows.itemsize * i64(ahead.row))
            fetch(table, ahead.key, i64(ahead.row))
        was = table.old[at]
        r = i64(was.row)
        if was.key == np.uint64(0) or i64(was.until_s) < rows[r].clock_ms // 1000:
            continue
        if table.entry[_slot(table.entry, was.key, r)].key == np.uint64(0):
            enter(table, was.key, r, i64(was.until_s), i64(was.time_s), i64(was.amount))


@njit_cached
def enter_all(table: Table, entries: Entries) -> None:
    """Enter a stretch of a journal; the caller made room."""
    for k in range(len(entries.key)):
        until_s, time_s = i64(entries.until_s[k]), i64(entries.time_s[k])
        enter(table, entries.key[k], i64(entries.row[k]), until_s, time_s, entries.amount[k])

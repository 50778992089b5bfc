"""A partition's merchants: one structured row each, found by hash and confirmed by the merchant's own id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.checkpoint.dirty import Dirty, gather, reserved, room_for, touch_all
from engine.checkpoint.fitting import Moved
from engine.features.blocks import Block, BlockArrays, aligned, block_arrays, blocks_of, whole_dtype
from engine.features.identity import keyed, new_secret, words_of
from engine.jit import Structured, i64, njit_cached, njit_inline

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

ID_BYTES = 32
"""Longest merchant_id; `domain.events.MERCHANT_ID.high`."""

CHUNK = 256
"""Rows whose deadlines are passed over together where none of them is due."""

HEADER = (
    ("merchant_hash", np.uint64),
    ("clock_ms", np.int64),
    ("watermark_ms", np.int64),
    ("currency", np.int64),
    ("close_ms", np.int64),
    ("master_data", np.int32),
    ("contract", np.int32),
    ("pending", np.int32),
    ("day", np.int32),
    ("close_day", np.int32),
    ("fee_told_s", np.uint32),
    ("fee_known_s", np.uint32),
    ("other_events", np.uint32),
    ("first_received_day", np.uint16),
    ("feed", np.int16),
    ("zone", np.int16),
    ("versions", np.uint16),
    ("contract_versions", np.uint16),
    ("id_length", np.uint8),
    ("started", np.uint8),
    ("touched", np.uint8),
    ("month_prices", np.uint8),
    ("id", np.uint8, ID_BYTES),
)
"""Fields of every row. `master_data` and `contract` are a place in their side table, `pending` a place + 1, 0 for none.
`close_day` is the next local day to be closed, at `close_ms`; 0 where none is. `first_received_day` is the day (UTC)
its first record was received. `clock_ms` is meaningful once `started`. `versions` and `contract_versions` count
its versions of master data and contracts. `fee_told_s` is the time (UTC seconds) of the first sale that told its fee,
`fee_known_s` the clock since which the fees that sales tell are remembered, for settlements tell fees too; 0 for never.
`month_prices` is 1 once a price went by the month's sales. `touched` belongs to the module `dirty` and is no part of
what is remembered. `watermark_ms` is the latest that the merchant's clock, or that of the feed it came through at the
time, stood at when a transaction was accepted or a day closed: it never goes back, even where the merchant changes its
feed."""
MOVED = {"first_received_day": Moved("first_received_day", lambda held: held.astype(np.uint16))}
"""Where earlier versions stored such a field otherwise."""


def row_dtype(families: tuple[ModuleType, ...]) -> tuple[np.dtype[np.void], int]:
    """The row's dtype, and how many of its leading bytes a reset keeps: header and what families keep for ever.

    The former by falling alignment, the rest by rising, so that no byte is lost between fields.
    """
    places = ((each.place, np.int32) for each in blocks_of(families))
    kept = (*HEADER, *places, *(field for family in families for field in getattr(family, "KEPT", ())))
    fields = (field for family in families for field in family.FIELDS)
    return aligned(tuple(sorted(kept, key=_alignment, reverse=True)), tuple(sorted(fields, key=_alignment)))


def _alignment(field: tuple[Any, ...]) -> int:
    return int(np.dtype(field[1]).alignment)


class Index(NamedTuple):
    """Open addressing from a merchant's keyed hash to its row."""

    hash: NDArray[np.uint64]
    """(size,): 0 where free; size is a power of two."""
    row: NDArray[np.int32]


class Rows:
    """Rows of up to `capacity` merchants.

    Memory is reserved at once and taken by the system page by page as rows are written, so rows never move and
    nothing is copied when there are more.
    """

    def __init__(self, dtype: np.dtype[np.void], capacity: int, kinds: tuple[Block, ...] = ()) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.rows: Structured = reserved((capacity,), dtype)
        self.row_bytes = self.rows.view(np.uint8).reshape(capacity, dtype.itemsize)
        self.kinds, self.blocks = kinds, block_arrays(kinds, capacity)
        self._whole = whole_dtype(dtype, kinds)
        self.deadlines = reserved((capacity,), np.int64)
        self.soonest = np.zeros(capacity // CHUNK + 1, np.uint64)
        """As `engine.features.state.State` has it; 0 is no more than any."""
        self.count = np.zeros(1, np.int64)
        self.dirty = Dirty(
            np.array([1], np.uint8), reserved((capacity,), np.int32), np.zeros(1, np.int64),
            *room_for(0, self._whole.itemsize),
        )  # fmt: skip
        self._spare_list = reserved((capacity,), np.int32)
        self.secret = words_of(new_secret())
        """(2,) under which ids are hashed; it may be set while there are no rows."""
        self.index = _empty_index(1024)

    def make_room(self, more: int) -> None:
        """Grow the index so that it is at most half full after `more` merchants."""
        need = 2 * (int(self.count[0]) + more)
        size = len(self.index.hash)
        if need <= size:
            return
        while size < need:
            size *= 2
        index = _empty_index(size)
        reindex(self.rows, int(self.count[0]), index, self.secret)
        self.index = index

    def set_aside(self, more: NDArray[np.int32]) -> Aside:
        """Begin a checkpoint: put aside the list of dirty rows, with `more` that are to be in it; it may be long.

        Until `release` no other may begin.
        """
        touch_all(self.rows, self.row_bytes, self.deadlines, self.dirty, more)
        lists, mark, count = self.dirty.row, int(self.dirty.mark[0]), int(self.dirty.length[0])
        self.dirty = Dirty(
            np.array([3 - mark], np.uint8), self._spare_list, np.zeros(1, np.int64),
            *room_for(count, self._whole.itemsize),
        )  # fmt: skip
        self._spare_list = lists
        return Aside(lists[:count], mark)

    def gather(self, aside: Aside, first: int, last: int) -> Copies:
        """Copies of those of the list's rows `first` to `last` that were not written to since it was put aside."""
        which = aside.row[first:last]
        out, row = np.empty((len(which), self._whole.itemsize), np.uint8), np.empty(len(which), np.int32)
        deadline_ms = np.empty(len(which), np.int64)
        n = gather(self.rows, self.row_bytes, self.deadlines, which, aside.mark, out, row, deadline_ms)
        found = self._copies(out[:n], row[:n], deadline_ms[:n])
        for kind, held in zip(self.kinds, self.blocks, strict=False):
            found.blocks[kind.name] = held.record[found.rows[kind.place][found.has(kind)]]
        return found

    def saved(self) -> Copies:
        """Copies of those that were, from before; once all others are gathered."""
        n = int(self.dirty.saved_count[0])
        found = self._copies(self.dirty.saved[:n], self.dirty.saved_row[:n], self.dirty.saved_deadline[:n])
        whole = self.dirty.saved[:n].view(self._whole)[:, 0]
        for kind in self.kinds:
            found.blocks[kind.name] = whole[kind.name][found.has(kind)]
        return found

    def _copies(self, whole: NDArray[np.uint8], row: NDArray[np.int32], deadline_ms: NDArray[np.int64]) -> Copies:
        """Copies of rows, without their blocks yet."""
        rows = whole.view(self._whole)[:, 0]["row"].copy()
        rows["touched"] = 0
        return Copies(rows, row, deadline_ms, {})

    def part(self, copies: Copies, first: int, last: int) -> Copies:
        """Those of the copies from `first` to `last` - 1, with their blocks."""
        of, blocks = slice(first, last), {}
        for kind in self.kinds:
            has = copies.has(kind)
            before = np.count_nonzero(has[:first])
            blocks[kind.name] = copies.blocks[kind.name][before : before + np.count_nonzero(has[of])]
        return Copies(copies.rows[of], copies.row[of], copies.deadline_ms[of], blocks)

    def release(self) -> Dirty:
        """End the checkpoint in hand. What is returned holds its copies: to let go of many takes the system long."""
        held, self.dirty = self.dirty, Dirty(*self.dirty[:3], *room_for(0, self._whole.itemsize))
        return held

    def put_back(self, copies: Copies) -> None:
        """Restore rows from copies. Where blocks lay is of no consequence: they are given places anew."""
        for kind, held in zip(self.kinds, self.blocks, strict=False):
            self._put_back_blocks(kind, held, copies)
        self.rows[copies.row] = copies.rows
        self.deadlines[copies.row] = copies.deadline_ms
        self.soonest[copies.row // CHUNK] = 0

    def _put_back_blocks(self, kind: Block, held: BlockArrays, copies: Copies) -> None:
        """Restore the blocks of a kind, at the places that the rows have by an earlier copy or at fresh ones."""
        places, has = self.rows[kind.place][copies.row], copies.has(kind)
        held.bytes[places[places > 0]] = 0
        fresh = np.flatnonzero(has & (places == 0))
        places[fresh] = held.used[0] + 1 + np.arange(len(fresh))
        held.used[0] += len(fresh)
        held.record[places[has]] = copies.blocks[kind.name]
        copies.rows[kind.place] = places

    def put_back_index(self, count: int) -> None:
        """Enter the first `count` rows, all restored, into the index."""
        self.count[0] = count
        self.index = _empty_index(1024)
        self.make_room(0)
        reindex(self.rows, count, self.index, self.secret)

    def id_of(self, row: int) -> str:
        """The merchant's id."""
        each = self.rows[row]
        return bytes(each["id"][: each["id_length"]]).decode("ascii")

    def ids_of(self, rows: NDArray[np.integer[Any]]) -> list[str]:
        """The ids of several merchants; what an id leaves of its field is zero."""
        found: list[str] = self.rows["id"][rows].view(f"S{ID_BYTES}")[:, 0].astype(str).tolist()
        return found

    def block(self, name: str, row: int) -> np.void:
        """A merchant's block of a kind; all zeros where it has none."""
        k = [each.name for each in self.kinds].index(name)
        found: np.void = self.blocks[k].record[self.rows[row][self.kinds[k].place]]
        return found

    def find(self, merchant_id: str) -> int:
        """The merchant's row, -1 where there is none."""
        raw = merchant_id.encode()
        if not 0 < len(raw) <= ID_BYTES:
            return -1
        return _find_id(self.rows, self.index, np.frombuffer(raw + bytes(8), np.uint8), len(raw), self.secret)


class Aside(NamedTuple):
    """The rows of a checkpoint in hand."""

    row: NDArray[np.int32]
    mark: int


class Copies(NamedTuple):
    """Copies of rows; one entry for each."""

    rows: Structured
    """(n,)"""
    row: NDArray[np.int32]
    deadline_ms: NDArray[np.int64]
    blocks: dict[str, NDArray[np.void]]
    """By kind, the blocks of those that have one."""

    def has(self, kind: Block) -> NDArray[np.bool_]:
        """(n,) which of the rows have a block of a kind."""
        there: NDArray[np.bool_] = self.rows[kind.place] != 0
        return there


def _empty_index(size: int) -> Index:
    return Index(np.zeros(size, np.uint64), np.zeros(size, np.int32))


@njit_inline
def place(rows: Structured, index: Index, h: np.uint64, data: NDArray[np.uint8], start: int, length: int) -> int:
    """Where in the index the merchant stands, or would stand: its slot."""
    mask = len(index.hash) - 1
    at = i64(h & np.uint64(mask))
    while index.hash[at] != np.uint64(0):
        if index.hash[at] == h:
            row = rows[index.row[at]]
            same = row.id_length == length
            k = 0
            while same and k < length:
                same = row.id[k] == data[start + k]
                k += 1
            if same:
                return at
        at = (at + 1) & mask
    return at


@njit_cached
def reindex(rows: Structured, count: int, index: Index, secret: NDArray[np.uint64]) -> None:
    """Enter the first `count` rows into an empty index."""
    mask = len(index.hash) - 1
    raw = np.zeros(ID_BYTES + 8, np.uint8)
    for r in range(count):
        for k in range(ID_BYTES):
            raw[k] = rows[r].id[k]
        h = keyed(secret, raw, 0, i64(rows[r].id_length))
        at = i64(h & np.uint64(mask))
        while index.hash[at] != np.uint64(0):
            at = (at + 1) & mask
        index.hash[at] = h
        index.row[at] = r


@njit_cached
def _find_id(rows: Structured, index: Index, raw: NDArray[np.uint8], length: int, secret: NDArray[np.uint64]) -> int:
    at = place(rows, index, keyed(secret, raw, 0, length), raw, 0, length)
    return i64(index.row[at]) if index.hash[at] != np.uint64(0) else -1

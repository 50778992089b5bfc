"""Everything one partition remembers, as arrays the kernel reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.checkpoint.dirty import Dirty
    from engine.features.rows import Index
    from engine.features.sets import Table
    from engine.features.zones import Zones
    from engine.jit import Structured

MAX_FEEDS = 64
"""Most feeds of a partition; transactions of more are dead letters (`capacity`)."""

MOST_VERSIONS = 1_000
"""Most versions of master data, and of contracts, of a merchant."""
MOST_WAITING = 256
"""Most reversals of a merchant that wait at once; more are unmatched at once, for all are walked at each sale."""

PENDING = np.dtype(
    [("original", np.uint64), ("amount", np.int64), ("deadline_ms", np.int64), ("next", np.int32)], align=True
)
"""A reversal that waits for its original, keyed; `amount` is what it takes out, 0 for all; `next` is the place + 1 of
the merchant's next one, or the free list's."""


class State(NamedTuple):
    """A partition's state."""

    rows: Structured
    row_bytes: NDArray[np.uint8]
    """The same memory, (capacity, row size)."""
    blocks: Any
    """`engine.features.blocks.Blocks`: the optional parts of rows."""
    deadlines: NDArray[np.int64]
    """(capacity,): the earliest deadline of each row, 0 for none."""
    soonest: NDArray[np.uint64]
    """By `CHUNK` rows, no more than the least of their deadlines, minus 1; those that are 0 count as the greatest."""
    row_count: NDArray[np.int64]
    """(1,): rows in use."""
    merchants: Index
    duplicates: Table
    undone: Table
    pending: Structured
    pending_free: NDArray[np.int64]
    """(2,): place + 1 of the first free one, and how many were ever used."""
    master_data: Structured
    master_data_next: NDArray[np.int32]
    """(versions,): the place of the merchant's version before each, 0 for none."""
    contracts: Structured
    contract_next: NDArray[np.int32]
    """(versions,): the place of the merchant's version before each, 0 for none."""
    price_lines: Structured
    zones: Zones
    secret: NDArray[np.uint64]
    """(2,): under which identities are hashed."""
    feed_hash: NDArray[np.uint64]
    feed_clock_ms: NDArray[np.int64]
    feed_count: NDArray[np.int64]
    dirty: Dirty


class Limits(NamedTuple):
    """Settings the kernel reads."""

    future_ms: int
    forget_ms: int
    reversal_ms: int
    earlier_until_s: int
    """Until this second of a merchant's clock, what was remembered before identities were keyed is looked up, too."""
    capacity: int
    pending: int
    partition: int
    partitions: int
    keep_bytes: int
    foreign: bool
    """Whether accepted transactions move their feed's clock, for no clock records come."""


class Into(NamedTuple):
    """Where the kernel writes rows of features; `room` entries each."""

    words: NDArray[np.int64]
    """(columns,): scratch; one row, floats by their bits."""
    nulls: NDArray[np.int64]
    """(columns,): the same with every feature null; read."""
    table: NDArray[np.int64]
    """(columns, room). Columns that only closings tell are null in a row that says it is of a transaction."""
    of_transactions: NDArray[np.int64]
    """(runs, 2) the columns that a transaction writes, each run by its first place and that behind its last; read."""
    of_closings: NDArray[np.int64]
    """The same of the others, which only closings tell."""
    record_of: NDArray[np.int32]
    """(room,): which record it is of; -1 for none."""
    row_of: NDArray[np.int32]
    """(room,): its merchant's row."""
    time_ms: NDArray[np.int64]
    """(room,): of the transaction, the deadline, the version's receipt."""
    clock_ms: NDArray[np.int64]
    """(room,): the later of that and the merchant's clock after it, by which the version of each control is chosen."""
    watermark_ms: NDArray[np.int64]
    """(room,): the latest of the merchant's clock and its feeds' clocks so far; never goes back."""
    currency: NDArray[np.int64]
    """(room,): the merchant's by then, 0 before its first transaction."""
    approved_role: NDArray[np.int8]
    """(room,): `domain.events.Role` of an approved transaction; -1 of another one, and of what is no transaction."""
    local_ms: NDArray[np.int64]
    """(room,): a transaction's local time, or the midnight that a closed day began with; `MISSING` of others."""
    version_of: NDArray[np.int32]
    """(room,): the place of the master data in force at its time, by what had come until then; 0 for none."""
    event_context: NDArray[np.int64]
    """(room, 3): by record, its merchant's row and a figure of it at that moment. Of an event that is no transaction
    the figure is the merchant's watermark, and the third how many rows of features came before; of a late transaction
    it is the merchant's clock, of one in another currency the merchant's currency."""

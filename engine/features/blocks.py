"""Optional parts of a merchant's row: fields that only some merchants need, in arrays of their own.

A family names its blocks in `BLOCKS`; each has a field in the row that says where the merchant's lies, 0 for nowhere.
A block is taken when an event first needs it, stays the merchant's for good, and is emptied where the row is reset.
Whoever has none reads place 0, which is all zeros and never written to: zeros mean "nothing seen".
"""

from __future__ import annotations

from collections import namedtuple
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.checkpoint.dirty import reserved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from numpy.typing import NDArray

    from engine.checkpoint.fitting import Moved
    from engine.jit import Structured

MOST_BLOCKS = 16
"""Kinds of blocks there may be of all families together."""


class Block(NamedTuple):
    """A kind of block as its family declares it.

    The family has a compiled function `<name>_needed(row, event, master_data, reference)`, asked before `update` and
    `settle`, and may have `<name>_settled` for the latter alone, `<name>_undone(row, undone)`, asked before `undo`, and
    `<name>_complained(row, complaint)`, asked before `complain`, or `<name>_reported(row, report)`, asked before
    `report`: whether the event writes to the block.
    Its hooks are given the merchant's blocks after the row, in their order. Of a kind that is `late` they are given the
    `BlockArrays`, and take the merchant's where they find that they need it; nothing is asked before.

    Attributes:
        name: of the kind, unique among all families.
        fields: entries of its dtype; all zeros must mean "nothing seen".
        kept: further fields, which outlive a reset of the row.
        moved: by field, where an earlier version stored it, in the row or the block.
        late: whether it shows only within a hook that the block is needed.
        was_in: the kind of block that its fields were in, in states that know none of this kind; "" for none.
    """

    name: str
    fields: tuple[Any, ...]
    kept: tuple[Any, ...] = ()
    moved: Mapping[str, Moved] = MappingProxyType({})
    late: bool = False
    was_in: str = ""

    @property
    def place(self) -> str:
        """The row's field that says where the merchant's block lies."""
        return f"{self.name}_block"

    def dtype(self) -> tuple[np.dtype[np.void], int]:
        """Its dtype, and how many of its leading bytes a reset keeps."""
        return aligned(self.kept, self.fields)


class BlockArrays(NamedTuple):
    """The blocks of one kind."""

    record: Structured
    """(capacity + 1,) by place."""
    bytes: NDArray[np.uint8]
    """The same memory, (capacity + 1, block size)."""
    used: NDArray[np.int64]
    """(1,): places given to merchants so far."""


Blocks: Any = namedtuple("Blocks", [f"kind_{k}" for k in range(MOST_BLOCKS)])  # type: ignore[misc]  # noqa: PYI024  one type for every number
"""`BlockArrays` of every kind, in order; those behind the last are empty."""


def aligned(kept: tuple[Any, ...], fields: tuple[Any, ...]) -> tuple[np.dtype[np.void], int]:
    """The dtype of both, and how many of its leading bytes hold what is `kept`."""
    dtype = np.dtype([*kept, *fields], align=True)
    after = [dtype.fields[field[0]][1] for field in fields] if dtype.fields else []
    return dtype, min([np.dtype([*kept], align=True).itemsize, *after])


def blocks_of(families: tuple[ModuleType, ...]) -> tuple[Block, ...]:
    """The kinds of blocks of the families, in order.

    Raises:
        ValueError: there are more than `MOST_BLOCKS`.
    """
    found = tuple(each for family in families for each in getattr(family, "BLOCKS", ()))
    if len(found) > MOST_BLOCKS:
        raise ValueError(f"blocks must be at most {MOST_BLOCKS}, got {len(found)}")
    return found


def whole_dtype(row: np.dtype[np.void], kinds: tuple[Block, ...]) -> np.dtype[np.void]:
    """A row with a block of each kind, as a checkpoint in hand keeps copies."""
    return np.dtype([("row", row), *((each.name, each.dtype()[0]) for each in kinds)], align=True)


def block_arrays(kinds: tuple[Block, ...], merchants: int) -> Any:
    """`Blocks` with room for as many merchants; their memory is taken as it is written."""
    dtypes = [each.dtype()[0] for each in kinds]
    made = [_arrays(reserved((merchants + 1,), dtype)) for dtype in dtypes]
    return Blocks(*made, *(_arrays(np.zeros(1, [("none", np.uint8)])) for _ in range(MOST_BLOCKS - len(kinds))))


def _arrays(record: Structured) -> BlockArrays:
    return BlockArrays(record, record.view(np.uint8).reshape(len(record), -1), np.zeros(1, np.int64))


def copy_of(kinds: tuple[Block, ...], blocks: Any, row: NDArray[np.void]) -> Any:
    """`Blocks` of one merchant alone; `row` (1,) is changed to say where they lie."""
    copies = block_arrays(kinds, 1)
    for kind, held, copy in zip(kinds, blocks, copies, strict=False):
        place = int(row[kind.place][0])
        if place:
            copy.bytes[1] = held.bytes[place]
            row[kind.place] = 1
    return copies

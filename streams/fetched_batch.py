"""One fetched batch: records, and offset ranges that could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.decoding.records import Records


@dataclass(frozen=True, slots=True)
class Broken:
    """Offsets whose records could not be read.

    Attributes:
        first_offset: the first of them.
        last_offset: the last of them; some in between may never have held a record.
        message: what was expected and what came.
    """

    first_offset: int
    last_offset: int
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of a partition at once: at least a record or a broken range.

    Attributes:
        records: in order; may be none.
        broken: in order; their offsets lie before, between and behind those of `records`.
        next_offset: reading goes on there; everything before it is in this batch or an earlier one, was a marker,
            was aborted, or was compacted away.
    """

    records: Records
    broken: tuple[Broken, ...]
    next_offset: int

    @classmethod
    def of(cls, records: Records) -> Batch:
        """A batch of whole records, at least one."""
        return cls(records, (), int(records.offsets[-1]) + 1)

    @property
    def last_offset(self) -> int:
        """The offset that it ends at."""
        return self.next_offset - 1

    @property
    def first_offset(self) -> int:
        """The first offset that it holds anything of."""
        firsts = [int(each) for each in self.records.offsets[:1]] + [each.first_offset for each in self.broken[:1]]
        return min(firsts)

    @property
    def appended_ms(self) -> int:
        """When its last record was appended, UTC milliseconds; 0 where it has none."""
        return int(self.records.appended_ms[-1]) if len(self.records) else 0


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """A batch as the agent receives it, the value of a Faust message.

    Attributes:
        token: of the recovery after which it was fetched; an earlier one's batch is read again, and must be dropped.
        batch: what was read.
    """

    token: int
    batch: Batch

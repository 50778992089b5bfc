"""One fetched batch: records, offset ranges that could not be read, and where reading goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.decoding.records import Records


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of a partition at once: at least a record or a broken range.

    Attributes:
        records: in order, with what could not be read; may be none.
        next_offset: reading goes on there; everything before it is in this batch or an earlier one, was a marker,
            was aborted, or was compacted away.
    """

    records: Records
    next_offset: int

    @classmethod
    def of(cls, records: Records) -> Batch:
        """A batch of whole records, at least one."""
        return cls(records, int(records.offsets[-1]) + 1)

    @property
    def last_offset(self) -> int:
        """The offset that it ends at."""
        return self.next_offset - 1

    @property
    def first_offset(self) -> int:
        """The first offset that it holds anything of."""
        records = self.records
        return min([int(each) for each in records.offsets[:1]] + [each.first_offset for each in records.broken[:1]])

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

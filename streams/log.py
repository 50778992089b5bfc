"""What a log is to those who use one: topics of partitions, appended to and read by offset.

`streams.sqlite.log.SqliteLog` keeps it in a file, `streams.kafka.log.KafkaLog` on a Kafka cluster. On Kafka offsets
ascend but need not be consecutive: a transaction's marker takes one, and so does what an aborted one had written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, Self

import msgspec
import numpy as np

from streams.sqlite.blocks import MAX_BLOCK_RECORDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from engine.decoding.records import Records
    from streams.topics import Topics, WantedTopic


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a worker has come.

    Attributes:
        worker: the worker's consumer group.
        topic: what it reads.
        updated_ms: when this was written, UTC milliseconds.
        next_offsets: by partition, the offset after the last processed record.
        counts: records by what became of them, as in `engine.outputs.Counts`.
        rate: records a second, over about the last second.
        earlier: those of `counts` that earlier runs of the worker had counted, whose state it went on from.
        stalled_feeds: those that have sent no clock record for long: the deadlines of their merchants wait.
        clock_ms: the greatest that a feed told or a merchant's clock has reached, UTC milliseconds; 0 before the first.
        speed: how many times as fast as the wall clock it went lately, at least 1.
    """

    worker: str
    topic: str
    updated_ms: int
    next_offsets: dict[int, int]
    counts: dict[str, int]
    rate: float
    earlier: dict[str, int] = {}
    stalled_feeds: list[str] = []
    clock_ms: int = 0
    speed: float = 1.0


class KeyedRecord(NamedTuple):
    """A record of a compacted topic. An empty value says that the key is no more."""

    offset: int
    key: bytes
    value: bytes
    appended_ms: int


def now_utc_ms() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def check_each(
    topic: str, count: int, values: Sequence[Sequence[bytes]], keys: Sequence[Sequence[object]] | None
) -> None:
    """What `Log.append_each` wants of its arguments; raises ValueError."""
    if len(values) != count:
        raise ValueError(f"values of {topic!r} must be given for each of {count} partitions, got {len(values)}")
    if keys is not None and [*map(len, keys)] != [*map(len, values)]:
        raise ValueError(f"a key must be given for each value of {topic!r}, got {[*map(len, keys)]} keys")


def ends_of(
    topic: str, count: int, data: bytes, lengths: NDArray[np.int32], counts: Sequence[int]
) -> NDArray[np.int64]:
    """Where each record ends in `data`, by what `Log.append_blocks` is given; raises ValueError where that is wrong."""
    if len(counts) != count or sum(counts) != len(lengths):
        raise ValueError(f"counts of {topic!r} must be {count} and sum to {len(lengths)}, got {[*counts]}")
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    if total != len(data) or (len(lengths) and int(lengths.min()) < 0):
        raise ValueError(f"lengths must be at least 0 and sum to {len(data)} bytes, got {total}")
    return ends


class Log(Protocol):
    """A log, used by one thread at a time; any number of processes may append and read at once.

    Attributes:
        has_internal_topics: whether checkpoints, positions and progress lie in topics of it.
        topics: its topics, by what each is for.
    """

    has_internal_topics: ClassVar[bool]
    topics: Topics

    def close(self) -> None:
        """Let go of it; an open transaction is rolled back."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def transaction(self, *, writer: str | None = None) -> AbstractContextManager[None]:
        """Everything written inside is there at once or not at all. Inside another transaction it joins it.

        On Kafka others see it, partition by partition, moments after the transaction has ended.

        Args:
            writer: who writes; on Kafka a later writer of the same name ends this one. Positions that are read
                inside are those that this writer goes on from.

        Raises:
            Fenced: another writer of the name has begun; nothing was written.
        """
        ...

    @property
    def identity(self) -> str:
        """What tells this log from every other: offsets mean something in one log only."""
        ...

    def create_topic(
        self,
        name: str,
        partitions: int,
        *,
        compacted: bool = False,
        retention_ms: int | None = None,
        retention_bytes: int | None = None,
    ) -> None:
        """Make a topic; where it is there already, only its retention is set anew.

        Args:
            name: the topic's name.
            partitions: at least 1; never changes.
            compacted: whether records have keys, and only the newest of each is kept for good.
            retention_ms: what is older may be dropped; None keeps it.
            retention_bytes: the oldest of a partition that holds more may be dropped; None keeps it.

        Raises:
            ValueError: partitions is below 1, or the topic was made with other partitions or compaction.
        """
        ...

    def create_topics(self, wanted: Sequence[WantedTopic]) -> None:
        """Make several topics, as `create_topic` makes one."""
        ...

    def topic_names(self) -> list[str]:
        """Names of all topics, sorted."""
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions `topic` has; raises `UnknownTopic`."""
        ...

    def compacted(self, topic: str) -> bool:
        """Whether `topic` is compacted; raises `UnknownTopic`."""
        ...

    def can_append(self, topic: str) -> bool:
        """Whether we may append to `topic`, as things are now; raises `UnknownTopic`."""
        ...

    def append(
        self,
        topic: str,
        partition: int,
        values: Sequence[bytes],
        *,
        keys: Sequence[bytes] | None = None,
    ) -> int:
        """Append `values` in order and return the first one's offset (the end, if there are none).

        Args:
            topic: where to.
            partition: 0 up to the topic's partitions.
            values: any bytes; an empty one in a compacted topic takes its key away.
            keys: one for each value in a compacted topic; elsewhere they may be given, for other readers on Kafka.

        Raises:
            UnknownTopic, ValueError: no such topic or partition; keys missing, too many or out of place.
        """
        ...

    def append_each(
        self,
        topic: str,
        values: Sequence[Sequence[bytes]],
        *,
        keys: Sequence[Sequence[bytes | None]] | None = None,
    ) -> None:
        """Append to every partition what `values` has for it: on Kafka at once, not one after the other.

        Args:
            topic: a topic that is not compacted.
            values: by partition.
            keys: of the values; they are for other readers on Kafka.

        Raises:
            UnknownTopic, ValueError: no such topic; it is compacted; other partitions, or other keys than values.
        """
        ...

    def append_blocks(self, topic: str, data: bytes, lengths: NDArray[np.int32], counts: Sequence[int]) -> None:
        """Append to every partition its part of the records joined in `data`: the fast way.

        Args:
            topic: a topic that is not compacted.
            data: the values, joined, by partition.
            lengths: each value's length in bytes, int32, at least 0; they sum to `len(data)`.
            counts: how many records each partition gets.

        Raises:
            UnknownTopic, ValueError: no such topic; it is compacted; the lengths or the counts do not fit.
        """
        ...

    def read(self, topic: str, partition: int, offset: int, max_records: int = MAX_BLOCK_RECORDS) -> Records:
        """Read on from `offset`: between 1 and `max_records` records, or none at the end of the partition.

        Offsets that were compacted away are passed over.

        Raises:
            OffsetGone: `offset` lies before the first retained record, or past the end.
        """
        ...

    def read_keyed(
        self, topic: str, partition: int, offset: int, max_records: int = MAX_BLOCK_RECORDS,
        *, committed: bool | None = None,
    ) -> list[KeyedRecord]:  # fmt: skip
        """Read a compacted topic on from `offset`.

        Args:
            topic: its name.
            partition: of it.
            offset: where to begin.
            max_records: most records to read.
            committed: only what is committed, or all at once; None as the topic is meant to be read
                (`TopicSpec.seen_at_once`). A log without open transactions has committed records only.

        Raises:
            OffsetGone, as in `read`.
        """
        ...

    def first_offset(self, topic: str, partition: int) -> int:
        """The oldest offset that can be read."""
        ...

    def end_offset(self, topic: str, partition: int, *, committed: bool | None = None) -> int:
        """The offset after everything that can be read; `committed` as in `read_keyed`."""
        ...

    def changed(self) -> bool:
        """Whether others have appended since this was last asked. Cheap: poll it."""
        ...

    def commit(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        """Note that `group` has done with everything before `next_offset`."""
        ...

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """What `commit` noted last; None where nothing was."""
        ...

    def set_position(self, name: str, position: int) -> None:
        """Keep a figure under a name, such as how far a file was read, in the transaction of its records."""
        ...

    def position(self, name: str) -> int | None:
        """What `set_position` kept last; None where nothing was."""
        ...

    def read_positions(self, names: Collection[str]) -> dict[str, int]:
        """What `set_position` kept last under each of `names`; those under which nothing was are left out."""
        ...

    def positions(self, prefix: str) -> list[str]:
        """What follows `prefix` in the names of the positions that begin with it, sorted."""
        ...

    def write_progress(self, progress: Progress) -> None:
        """Show how far a worker has come."""
        ...

    def progress(self) -> list[Progress]:
        """What each worker showed last, by worker."""
        ...

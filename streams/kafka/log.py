"""The log on a Kafka cluster: `streams.log.Log` for those who wait for each call.

Readers see committed records only. Positions and what workers show lie in compacted topics of one partition.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import islice, pairwise
from typing import TYPE_CHECKING, ClassVar, Self
from uuid import uuid4

import kafka.errors  # type: ignore[import-untyped]
import msgspec
import numpy as np
from aiokafka.errors import KafkaError

from domain.events import FUTURE_MS
from engine.decoding.records import Records, padded
from streams.errors import LogFailed, UnfitTopic, UnknownFormat
from streams.kafka.admin import KafkaAdmin
from streams.kafka.aiokafka_compat import CompatClient
from streams.kafka.reads import END, FIRST, Newest, Reader
from streams.kafka.topic_faults import TIMESTAMP_BOUND, TIMESTAMP_TYPE
from streams.kafka.writes import Writer
from streams.log import KeyedRecord, Progress, check_each, ends_of
from streams.loop_thread import LoopThread
from streams.sqlite.blocks import MAX_BLOCK_RECORDS
from streams.topics import TOPICS, WantedTopic, kafka_configs

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    from aiokafka import ConsumerRecord
    from numpy.typing import NDArray

    from streams.kafka.admin import KafkaTopic
    from streams.kafka.options import KafkaOptions
    from streams.kafka.writes import Part
    from streams.topics import Topics

    T = TypeVar("T")

FORMAT = 1
"""Of what the topics hold; a log of a higher one is refused."""
_FORMAT_MARK = "log-format"
"""The position that has it."""
_LOOK_EVERY_S = 0.005


class KafkaLog:
    """The log on a Kafka cluster. Used by one thread at a time.

    Args:
        options: where it is.
        topics: its topics, by what each is for.

    Raises:
        LogFailed: it cannot be reached; so every method, besides what `Log` says.
    """

    has_internal_topics: ClassVar[bool] = True

    def __init__(self, options: KafkaOptions, topics: Topics = TOPICS) -> None:
        self._options, self.topics = options, topics
        self._seen_at_once = topics.seen_at_once
        self._admin = KafkaAdmin(options)
        self._known: dict[str, KafkaTopic] = {}
        self._writers: dict[str | None, Writer] = {}
        self._own = f"tillwatch-{uuid4()}"
        self._open: Writer | None = None
        self._pending: dict[str, int] = {}
        self._begun: dict[tuple[str, int], int] = {}
        self._unseen: dict[tuple[str, int], int] = {}
        self._ends: dict[tuple[str, int], int] = {}
        self._looked = 0.0
        self._loop = LoopThread("kafka-log")
        try:
            self._client: CompatClient = self._run(_connected(options))
        except BaseException:
            self._loop.close()
            raise
        self._reader = Reader(self._client)
        self._positions = Newest(self._reader, topics.positions.name)
        self._progress = Newest(self._reader, topics.progress.name)

    def close(self) -> None:
        """Disconnect, within seconds even where no broker answers; an open transaction is rolled back."""
        with self._failing():
            for each in [*self._writers.values()]:
                self._loop.run(each.stop())
            self._writers.clear()
            self._loop.run(self._client.close())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._failing():
            return self._loop.run(work)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, kafka.errors.KafkaError, TimeoutError) as error:
            raise LogFailed(f"{self._options.url}: {str(error) or type(error).__name__}") from error

    @property
    def identity(self) -> str:
        """The cluster's id and that of its topic `events`: one made anew is another log."""
        with self._failing():
            return f"{self._admin.cluster_id()}/{self._topic(self.topics.events.name).id}"

    # -- topics

    def create_topic(
        self,
        name: str,
        partitions: int,
        *,
        compacted: bool = False,
        retention_ms: int | None = None,
        retention_bytes: int | None = None,
    ) -> None:
        """As `Log.create_topic`."""
        self.create_topics([WantedTopic(name, partitions, compacted, retention_ms, retention_bytes)])

    def create_topics(self, wanted: Sequence[WantedTopic]) -> None:
        """As `Log.create_topics`, all at once; what else topics are set to on Kafka, `streams.topics` says."""
        for each in wanted:
            if each.partitions < 1:
                raise ValueError(f"partitions of topic {each.name!r} must be at least 1, got {each.partitions!r}")
        with self._failing():
            there = self._admin.described([each.name for each in wanted])
            self._fit([each for each in wanted if each.name in there], there)
            missing = [each for each in wanted if each.name not in there]
            if missing:
                self._admin.create({each.name: (each.partitions, self._configs(each)) for each in missing})
                there |= self._admin.described([each.name for each in missing])
                self._fit(missing, there)  # another may have made them meanwhile
        self._known |= there

    def _configs(self, wanted: WantedTopic) -> dict[str, str]:
        return kafka_configs(self.topics, wanted.name, compacted=wanted.compacted) | _kept(wanted)

    def _fit(self, wanted: Sequence[WantedTopic], there: Mapping[str, KafkaTopic]) -> None:
        """Refuse topics that were made otherwise than wanted; have the others kept as long as wanted."""
        for each in wanted:
            found = there[each.name]
            if (found.partitions, found.compacted) != (each.partitions, each.compacted):
                raise ValueError(
                    f"topic {each.name!r} has {found.partitions} partitions, compacted={found.compacted};"
                    f" got {each.partitions}, compacted={each.compacted}"
                )
        for each in wanted:
            kept = _kept(each)
            if not each.compacted and kept != {key: there[each.name].configs[key] for key in kept}:
                self._admin.set_configs(each.name, kept)

    def topic_names(self) -> list[str]:
        """Names of all topics of the cluster, sorted; Kafka's own are left out."""
        with self._failing():
            return self._admin.topics()

    def partitions(self, topic: str) -> int:
        """How many partitions `topic` has; raises `UnknownTopic`."""
        return self._topic(topic).partitions

    def compacted(self, topic: str) -> bool:
        """Whether `topic` is compacted; raises `UnknownTopic`."""
        return self._topic(topic).compacted

    def can_append(self, topic: str) -> bool:
        """Whether the brokers let us write to `topic`: asked anew each time, for rights are given and taken away."""
        with self._failing():
            return "WRITE" in self._admin.topic(topic).rights

    def _topic(self, name: str) -> KafkaTopic:
        if (known := self._known.get(name)) is None:
            with self._failing():
                known = self._known[name] = self._admin.topic(name)
        return known

    def _check(self, topic: str, partition: int) -> None:
        count = self._topic(topic).partitions
        if not 0 <= partition < count:
            raise ValueError(f"partition of {topic!r} must be 0 to {count - 1}, got {partition!r}")

    def check_timestamps(self) -> None:
        """Refuse a topic of events whose producers may say that a record was appended in the future.

        Raises:
            UnfitTopic: so it is: one such record would make all later ones of its merchant late.
        """
        name = self.topics.events.name
        configs = self._topic(name).configs
        if configs[TIMESTAMP_TYPE] == "LogAppendTime":
            return
        bound = configs.get(TIMESTAMP_BOUND, "none")
        if not bound.isdigit() or int(bound) > FUTURE_MS:
            raise UnfitTopic(
                f"topic {name!r} must have {TIMESTAMP_BOUND} of at most {FUTURE_MS}, or {TIMESTAMP_TYPE}"
                f" LogAppendTime, got {bound} with {configs[TIMESTAMP_TYPE]}"
            )

    # -- appending

    @contextmanager
    def transaction(self, *, writer: str | None = None) -> Iterator[None]:
        """As `Log.transaction`.

        Raises:
            Fenced: another has begun to write under the same name; nothing was written.
        """
        if self._open is not None:
            yield
            return
        name = self._own if writer is None else f"tillwatch-{writer}"
        self._open = self._writer(name)
        try:
            self._run(self._open.begin())
            yield
            if self._pending:
                keys = [each.encode() for each in self._pending]
                figures = [b"%d" % each for each in self._pending.values()]
                self._append(self.topics.positions.name, 0, figures, keys)
            self._run(self._open.commit())
            self._unseen |= self._begun
            self._positions.know({name.encode(): b"%d" % each for name, each in self._pending.items()})
        except BaseException:
            self._drop(name)
            raise
        finally:
            self._open = None
            self._pending, self._begun = {}, {}

    def _writer(self, name: str | None) -> Writer:
        if (known := self._writers.get(name)) is None:
            known = self._writers[name] = self._run(Writer.started(self._options, name))
        return known

    def _drop(self, name: str | None) -> None:
        """Abort what a writer has begun, and do without it: it may be fenced, or wait for ever."""
        if (writer := self._writers.pop(name, None)) is not None:
            self._loop.run(writer.abort())
            self._loop.run(writer.stop())

    def append(
        self, topic: str, partition: int, values: Sequence[bytes], *, keys: Sequence[bytes] | None = None
    ) -> int:
        """As `Log.append`. Outside a transaction, what a failure leaves behind may be a part of `values`."""
        compacted = self._topic(topic).compacted
        self._check(topic, partition)
        if (compacted or keys is not None) and (keys is None or len(keys) != len(values)):
            got = "none" if keys is None else len(keys)
            raise ValueError(f"topic {topic!r} takes a key for each of {len(values)} values, got {got}")
        if not values:
            return self.end_offset(topic, partition)
        return self._append(topic, partition, [each or None for each in values] if compacted else values, keys)

    def append_each(
        self,
        topic: str,
        values: Sequence[Sequence[bytes]],
        *,
        keys: Sequence[Sequence[bytes | None]] | None = None,
    ) -> None:
        """As `Log.append_each`."""
        check_each(topic, self.partitions(topic), values, keys)
        if self.compacted(topic):
            raise ValueError(f"topic {topic!r} is compacted: append with keys, partition by partition")
        given = keys or [[None] * len(each) for each in values]
        parts = [(topic, p, each, given[p]) for p, each in enumerate(values) if each]
        if parts:
            self._append_all(parts)

    def append_blocks(self, topic: str, data: bytes, lengths: NDArray[np.int32], counts: Sequence[int]) -> None:
        """As `Log.append_blocks`."""
        ends = ends_of(topic, self.partitions(topic), data, lengths, counts)
        values = (data[start:end] for start, end in pairwise([0, *ends.tolist()]))
        self.append_each(topic, [list(islice(values, count)) for count in counts])

    def _append(self, topic: str, partition: int, values: Sequence[bytes | None], keys: Sequence[bytes] | None) -> int:
        (first,) = self._append_all([(topic, partition, values, keys or [None] * len(values))])
        return first

    def _append_all(self, parts: Sequence[Part]) -> list[int]:
        if self._open is None:
            try:
                return self._run(self._writer(None).append_all(parts))
            except LogFailed:
                self._drop(None)  # what it still holds must not come later, behind other records
                raise
        found = self._run(self._open.append_all(parts))
        self._begun = {part[:2]: first for part, first in zip(parts, found, strict=True)} | self._begun
        return found

    # -- reading

    def read(self, topic: str, partition: int, offset: int, max_records: int = MAX_BLOCK_RECORDS) -> Records:
        """As `Log.read`; an offset up to the end of what is written but not committed is no error."""
        self._check(topic, partition)
        found = self._read(topic, partition, offset, max_records)
        values = [each.value or b"" for each in found]
        count = len(found)
        return Records(
            data=padded(values),
            ends=np.cumsum(np.fromiter(map(len, values), np.int64, count)),
            offsets=np.fromiter((each.offset for each in found), np.int64, count),
            appended_ms=np.fromiter((each.timestamp for each in found), np.int64, count),
            source=f"{topic}-{partition}",
        )

    def read_keyed(
        self, topic: str, partition: int, offset: int, max_records: int = MAX_BLOCK_RECORDS,
        *, committed: bool | None = None,
    ) -> list[KeyedRecord]:  # fmt: skip
        """As `Log.read_keyed`."""
        if not self._topic(topic).compacted:
            raise ValueError(f"topic {topic!r} is not compacted and keeps no keys")
        self._check(topic, partition)
        found = self._read(topic, partition, offset, max_records, committed=committed)
        return [KeyedRecord(each.offset, each.key or b"", each.value or b"", each.timestamp) for each in found]

    def _read(
        self, topic: str, partition: int, offset: int, most: int, *, committed: bool | None = None
    ) -> list[ConsumerRecord]:
        self._see_own(topic, partition)
        if committed is None:
            committed = topic not in self._seen_at_once
        return self._run(self._reader.read(topic, partition, offset, most, committed=committed))

    def _see_own(self, topic: str, partition: int) -> None:
        """Wait until what we have committed is seen: brokers say that it is kept a moment before."""
        if (first := self._unseen.pop((topic, partition), None)) is not None:
            self._run(self._reader.pass_over(topic, partition, first))

    def first_offset(self, topic: str, partition: int) -> int:
        """The oldest offset that can be read."""
        return self._offset(topic, partition, FIRST)

    def end_offset(self, topic: str, partition: int, *, committed: bool | None = None) -> int:
        """The offset after everything that can be read; `committed` as in `read_keyed`."""
        return self._offset(topic, partition, END, committed=committed)

    def _offset(self, topic: str, partition: int, which: int, *, committed: bool | None = None) -> int:
        self._check(topic, partition)
        self._see_own(topic, partition)
        if committed is None:
            committed = topic not in self._seen_at_once
        (found,) = self._run(self._reader.offsets([(topic, partition)], which, committed=committed)).values()
        return found

    def changed(self) -> bool:
        """Whether there is more to read of the topics in use since this was last asked; waits at most 5 ms."""
        time.sleep(max(0.0, self._looked + _LOOK_EVERY_S - time.monotonic()))
        before, self._ends = self._ends, {}
        for committed in (True, False):
            names = [each for each in self._known if committed == (each not in self._seen_at_once)]
            wanted = [(name, p) for name in names for p in range(self._known[name].partitions)]
            self._ends |= self._run(self._reader.offsets(wanted, END, committed=committed))
        self._looked = time.monotonic()
        return before != self._ends

    # -- the format

    def check_format(self) -> None:
        """Refuse a log that a later version has marked.

        Raises:
            UnknownFormat: so it is.
        """
        if self.topics.positions.name not in self.topic_names():
            return  # nobody has worked on it yet
        if (found := self.position(_FORMAT_MARK) or 0) > FORMAT:
            where = f"the log at {self._options.url}"
            raise UnknownFormat(f"{where} must be of format {FORMAT} or below, got format {found}")

    def mark_format(self) -> None:
        """Note the format in the log, where it is not noted yet."""
        if self.position(_FORMAT_MARK) is None:
            self.set_position(_FORMAT_MARK, FORMAT)

    # -- positions

    def commit(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        """Note that `group`, which has no members now, has done with everything before `next_offset`."""
        self._check(topic, partition)
        with self._failing():
            self._admin.commit(group, topic, partition, next_offset)

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """What `commit`, or the group itself, noted last; None where nothing was."""
        self._check(topic, partition)
        with self._failing():
            return self._admin.committed(group, topic, partition)

    def set_position(self, name: str, position: int) -> None:
        """Keep a figure under a name, such as how far a file was read, in the transaction of its records."""
        with self.transaction():
            self._pending[name] = position

    def position(self, name: str) -> int | None:
        """What `set_position` kept last; None where nothing was."""
        if name in self._pending:
            return self._pending[name]
        found = self._run(self._positions.values()).get(name.encode())
        return None if found is None else int(found)

    def read_positions(self, names: Collection[str]) -> dict[str, int]:
        """What `set_position` kept last under each of `names`; those under which nothing was are left out."""
        kept = self._run(self._positions.values())
        found = {name: int(kept[key]) for name in names if (key := name.encode()) in kept}
        return found | {name: each for name, each in self._pending.items() if name in names}

    def positions(self, prefix: str) -> list[str]:
        """What follows `prefix` in the names of the positions that begin with it, sorted."""
        names = {each.decode() for each in self._run(self._positions.values())} | self._pending.keys()
        return sorted(each.removeprefix(prefix) for each in names if each.startswith(prefix))

    def write_progress(self, progress: Progress) -> None:
        """Show how far a worker has come."""
        self.append(self.topics.progress.name, 0, [msgspec.json.encode(progress)], keys=[progress.worker.encode()])

    def progress(self) -> list[Progress]:
        """What each worker showed last, by worker."""
        shown = self._run(self._progress.values())
        return [msgspec.json.decode(shown[each], type=Progress) for each in sorted(shown)]


async def _connected(options: KafkaOptions) -> CompatClient:
    client = CompatClient(**options.client_kwargs())
    try:
        await client.bootstrap()
    except BaseException:
        await client.close()
        raise
    return client


def _kept(wanted: WantedTopic) -> dict[str, str]:
    """How long and how much of a topic is to be kept, as Kafka is told."""
    return {
        "retention.ms": str(-1 if wanted.retention_ms is None else wanted.retention_ms),
        "retention.bytes": str(-1 if wanted.retention_bytes is None else wanted.retention_bytes),
    }

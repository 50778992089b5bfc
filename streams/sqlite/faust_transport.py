"""Faust's transport over the embedded log: `sqlite:///folder/tillwatch.db`.

One worker has the log, by a lease; any number of other processes append and read beside it. There is no group
coordinator: the worker gets every partition. Reading starts where the `PartitionHandler` recovered to, whatever the
group committed; that only shows the lag.
"""

from __future__ import annotations

import asyncio
import platform
import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from faust.exceptions import ImproperlyConfigured
from faust.transport import base
from faust.types import TP, RecordMetadata
from mode import Service, get_logger
from mode.utils.times import want_seconds
from yarl import URL

from engine.decoding.hashing import partition_of
from streams.batches import BatchConsumer, BatchTransport
from streams.errors import Fenced, LogFailed
from streams.fetched_batch import Batch
from streams.sqlite.log import SqliteLog
from streams.sqlite.renewal import Renewal
from streams.sqlite.writer import Writer

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from streams.sqlite.leases import Lease

logger = get_logger(__name__)

LEASE = "worker"
"""The lease of a log: who runs its worker; other stages have one each, whose name begins with their prefix."""
LEASE_TTL_S = 10.0
"""After how long without renewal a worker counts as gone; one whose process is seen to be dead, at once."""
POLL_S = 0.002
"""How often an idle worker looks for new records."""


def log_path(url: URL | str) -> Path:
    """The file that a `sqlite:///…` URL names; raises ValueError for any other."""
    url = URL(url)
    if url.scheme != "sqlite" or url.host or len(url.path) < 2:
        raise ValueError(f"log URL must be sqlite:///folder/file.db, got {str(url)!r}")
    return Path(url.path)


def log_url(path: str | os.PathLike[str]) -> str:
    """The URL of the log file `path`."""
    return "sqlite://" + URL.build(path=str(Path(path).absolute())).raw_path


class Consumer(BatchConsumer):
    """Reads the log for the one worker, and holds its lease."""

    transport: Transport

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log = self.transport.log
        self._assignment: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._renewal: Renewal | None = None

    async def on_start(self) -> None:
        """Take the lease; raises `LeaseHeld` where another worker has it, or the file stays locked for its term."""
        owner, until_s = f"{self.app.conf.id}@{platform.node()}", time.monotonic() + LEASE_TTL_S

        def write(log: SqliteLog) -> Lease:
            # In a transaction of ours: a file that others only write to is waited for, and is no lease that is held.
            with log.transaction() if time.monotonic() < until_s else nullcontext():
                return log.acquire_lease(self.transport.lease_name, owner, LEASE_TTL_S)

        self.transport.lease = await self.transport.writer.run(write)
        self._renewal = Renewal(self.transport.path, self.transport.lease)

    @Service.task
    async def _watch_lease(self) -> None:
        if self._renewal is not None:
            await self.wait(self._renewal.lost)

    async def on_stop(self) -> None:
        """Commit what is done, and give the lease back."""
        lease, renewal = self.transport.lease, self._renewal
        if lease is None or renewal is None:
            return
        try:
            try:
                await super().on_stop()
            finally:
                await renewal.stop()
            await self.transport.writer.run(partial(SqliteLog.release_lease, lease=lease))
        except (Fenced, LogFailed) as error:
            logger.warning("the last offsets were not committed: %s", error)
        self.transport.lease = None

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Take every partition of `topics`; the assignment runs in a task of its own."""
        self.add_future(self._rebalance(set(topics)))

    async def _rebalance(self, topics: set[str]) -> None:
        app = self.app
        if app.tables.changelog_topics:
            raise ImproperlyConfigured(f"{self.transport.url} has no tables: {app.tables.changelog_topics}")
        app.on_rebalance_start()
        await self.on_partitions_revoked(set(self._assignment))
        cluster = _Cluster({topic: self._log.partitions(topic) for topic in topics})
        assignor = cast("Any", app.assignor)  # its type in Faust lacks what a coordinator calls
        members = assignor.assign(cluster, {app.conf.id: assignor.metadata(topics)})
        assignor.on_assignment(members[app.conf.id])
        self._assignment = {TP(topic, each) for topic in topics for each in range(self._log.partitions(topic))}
        app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(self._assignment), app.consumer_generation_id)

    async def fetch(self, partitions: Sequence[TP], timeout: float) -> dict[TP, Batch]:  # noqa: ASYNC109
        """The next batch of each partition that has one."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while loop.time() < until and self.flow_active and not self.should_stop:
            fetched = self._read(partitions)
            if fetched:
                return fetched
            # another process commits, so there is no event to wait for
            while not self._log.changed() and loop.time() < until and self.flow_active:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        return {}

    def _read(self, partitions: Iterable[TP]) -> dict[TP, Batch]:
        fetched = {}
        for tp in partitions:
            batch = self._log.read(*tp, self._positions[tp], self.transport.batch_records)
            if len(batch):
                self._positions[tp] = int(batch.offsets[-1]) + 1
                fetched[tp] = Batch.of(batch)
        return fetched

    async def recover(self) -> Mapping[TP, int]:
        """Have what is assigned recovered, and go to where its reading starts."""
        try:
            numbers = [each.partition for each in self._assignment]
            found = await self.transport.handler.on_assigned(numbers, unbroken=False)
            self._positions = {tp: found[tp.partition] for tp in self._assignment}
        except Exception as error:
            await self.app.crash(error)
            raise
        return dict(self._positions)

    async def seek_to_beginning(self, *partitions: TP) -> None:
        """Go to the first record of `partitions`."""
        self._positions.update({tp: self._log.first_offset(*tp) for tp in partitions})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to an offset in each of `partitions`."""
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def move_to(self, partition: TP, offset: int) -> None:
        """Read a partition on from `offset`."""
        self._positions[partition] = offset

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit the group's offsets, under the lease."""
        lease, group = self.transport.lease, self.app.conf.id

        def write(log: SqliteLog) -> None:
            with log.transaction(lease):
                for tp, offset in offsets.items():
                    log.commit(group, *tp, offset)

        await self.transport.writer.run(write)
        return True

    async def position(self, tp: TP) -> int | None:
        """The offset that is read next."""
        return self._positions.get(tp)

    def assignment(self) -> set[TP]:
        """Every partition of the subscribed topics."""
        return self._assignment

    def highwater(self, tp: TP) -> int:
        """The offset the partition's next record gets."""
        return self._log.end_offset(*tp)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """`highwater` of each."""
        return {tp: self.highwater(tp) for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Each one's first readable offset."""
        return {tp: self._log.first_offset(*tp) for tp in partitions}

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions `topic` has."""
        return self._log.partitions(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Where a record with `key` belongs."""
        if partition is not None or key is None:
            return partition
        return partition_of(key, self._log.partitions(topic))

    async def create_topic(self, topic: str, partitions: int, replication: int, **settings: Any) -> None:
        """Make a topic that is not there."""
        await self.app.producer.create_topic(topic, partitions, replication, **settings)


class _Cluster:
    """What Faust's assignor asks of a cluster."""

    def __init__(self, partitions: dict[str, int]) -> None:
        self._partitions = partitions

    def topics(self) -> set[str]:
        return set(self._partitions)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self._partitions.get(topic, 0)))


@dataclass(slots=True)
class _Send:
    """Records of one partition on their way, and who waits for their first offset."""

    topic: str
    partition: int
    keys: Sequence[bytes | None]
    values: Sequence[bytes]
    done: Callable[[int], object]
    future: asyncio.Future[Any]


class Producer(base.Producer):
    """Appends to the log. What is sent while a transaction runs goes into the next one, all of it at once."""

    transport: Transport

    def __post_init__(self) -> None:
        self._waiting: list[_Send] = []
        self._appending: asyncio.Task[None] | None = None

    @property
    def epoch(self) -> int:
        """The lease's."""
        lease = self._backend.lease
        return 0 if lease is None else lease.epoch

    @property
    def _backend(self) -> Transport:
        return cast("Transport", self.app.transport)  # the consumer's: it has the lease

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,  # noqa: ARG002  records carry append time
        headers: Any,  # noqa: ARG002  the log keeps none
        *,
        transactional_id: str | None = None,  # noqa: ARG002  a flush is a transaction
    ) -> Awaitable[RecordMetadata]:
        """Append a record; what is returned is done when the record is committed."""
        tp = self.key_partition(topic, key or b"") if partition is None else TP(topic, partition)

        def metadata(offset: int) -> RecordMetadata:
            return RecordMetadata(*tp, tp, offset)

        return self._enqueue(*tp, [key], [value or b""], metadata)

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """`send`, and wait for the commit."""
        return await (await self.send(*args, **kwargs))

    def prepare(self) -> None:
        """There is nothing to get ready."""

    def send_many(
        self, topic: str, partition: int, values: Sequence[bytes], keys: Sequence[bytes] | None = None
    ) -> Awaitable[int]:
        """Append records of one partition; what is returned is done at their commit: the first offset."""
        return self._enqueue(topic, partition, keys or [None] * len(values), values, int)

    def _enqueue(
        self,
        topic: str,
        partition: int,
        keys: Sequence[bytes | None],
        values: Sequence[bytes],
        done: Callable[[int], object],
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Send(topic, partition, keys, values, done, future))
        if self._appending is None or self._appending.done():
            self._appending = asyncio.get_running_loop().create_task(self._append_waiting())
        return future

    async def _append_waiting(self) -> None:
        while self._waiting:
            sends, self._waiting = self._waiting, []
            work = partial(_append, sends=sends, lease=self._backend.lease)
            try:
                offsets = await self._backend.writer.run(work)
            except Exception as error:  # noqa: BLE001  it belongs to those who wait
                for send in sends:
                    if not send.future.done():
                        send.future.set_exception(error)
            else:
                for send, offset in zip(sends, offsets, strict=True):
                    if not send.future.done():
                        send.future.set_result(send.done(offset))

    async def flush(self) -> None:
        """Wait until everything sent is committed."""
        await self.buffer.flush()
        if self._appending is not None:
            await self._appending

    async def on_stop(self) -> None:
        """Commit what was sent, and close the log."""
        await self.flush()
        self._backend.close()

    async def create_topic(
        self,
        topic: str,
        partitions: int,
        replication: int,  # noqa: ARG002  there is one file
        *,
        retention: Any = None,
        compacting: bool | None = None,
        **_: Any,
    ) -> None:
        """Make a topic that is not there; one that is stays as it is."""

        def write(log: SqliteLog) -> None:
            if topic not in log.topic_names():
                retention_ms = None if retention is None else int(want_seconds(retention) * 1000)
                log.create_topic(topic, partitions, compacted=bool(compacting), retention_ms=retention_ms)

        await self._backend.writer.run(write)

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Where a record with `key` belongs."""
        return TP(topic, partition_of(key, self._backend.log.partitions(topic)))


def _append(log: SqliteLog, sends: Sequence[_Send], lease: Lease | None) -> list[int]:
    """Append all of `sends` in one transaction, those of a partition together; the first offset of each."""
    groups: dict[tuple[str, int], list[int]] = {}
    for i, send in enumerate(sends):
        groups.setdefault((send.topic, send.partition), []).append(i)
    offsets = [0] * len(sends)
    with log.transaction(lease):
        for (topic, partition), members in groups.items():
            values = [value for i in members for value in sends[i].values]
            keys = [key or b"" for i in members for key in sends[i].keys] if log.compacted(topic) else None
            offset = log.append(topic, partition, values, keys=keys)
            for i in members:
                offsets[i] = offset
                offset += len(sends[i].values)
    return offsets


class Transport(BatchTransport):
    """Faust's transport over the embedded log.

    Attributes:
        lease_name: what the worker's lease is called.
        lease: the worker's, once it was taken.
    """

    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = Producer
    driver_version = "sqlite"
    default_port = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        url = self.url[0] if isinstance(self.url, list) else self.url
        self.path = str(log_path(url))
        self.lease_name = LEASE
        self.lease: Lease | None = None
        self._log: SqliteLog | None = None
        self._writer: Writer | None = None

    @property
    def log(self) -> SqliteLog:
        """The log, for reading in the event loop."""
        if self._log is None:
            self._log = SqliteLog(self.path)
        return self._log

    @property
    def writer(self) -> Writer:
        """The thread that writes; it starts when it is first asked for."""
        if self._writer is None:
            self._writer = Writer(self.path)
        return self._writer

    def close(self) -> None:
        """Close the log and end the writing thread."""
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None

"""The agent of the `events` topic: processes each batch, publishes what it gave, and keeps what waits for a
checkpoint.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
from faust.types import TP
from mode import get_logger

from domain.errors import TillwatchError
from domain.events import Reason
from engine.decoding.hashing import partition_of
from engine.outputs import Counts
from streams.batches import BatchSchema
from streams.observer import BatchReport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from faust.types import StreamT

    from domain.controls import Control
    from engine.checkpoint.checkpoints import Checkpoint
    from engine.checkpoint.pages import Page
    from engine.controls import Known
    from engine.decoding.records import Records
    from engine.outputs import Outputs
    from engine.overview import Overview
    from engine.tallies import Tallies
    from streams.batches import BatchConsumer
    from streams.faust_compat import App
    from streams.fetched_batch import FetchedBatch
    from streams.log_backend import ResultWriter
    from streams.manifests import PageRef
    from streams.observer import Observer, RecoveryReport
    from streams.topics import Topics

logger = get_logger(__name__)


class MonitorLike(Protocol):
    """One partition's monitor.

    Attributes:
        counts: records by how they ended, since the partition's first.
    """

    counts: Counts

    @property
    def tallies(self) -> Tallies:
        """What was found since the partition's first record."""
        ...

    @property
    def feeds(self) -> Mapping[str, int]:
        """By feed, the latest time that a clock record of it carried, UTC milliseconds."""
        ...

    @property
    def reached_ms(self) -> int:
        """The latest clock of a merchant that was judged so far, UTC milliseconds; `NEVER_MS` before the first."""
        ...

    def overview(self, most: int) -> Overview:
        """The partition at a glance, with at most so many of its riskiest merchants."""
        ...

    def learn(self, known: Sequence[Known]) -> list[Control]:
        """Use these versions of controls, all there are; those that came too late."""
        ...

    def process(self, records: Records) -> Outputs:
        """Process the partition's next records, and what could not be read of it; what follows from them."""
        ...


class CheckpointedMonitor(MonitorLike, Protocol):
    """One that can be checkpointed and restored; `engine.monitor.Monitor` made with `checkpoints`."""

    def checkpoint(self) -> Checkpoint:
        """Begin a checkpoint."""
        ...

    def restore(self, notes: bytes, pages: Iterable[tuple[int, Page]]) -> None:
        """Go on as a checkpoint has it."""
        ...


class MonitorFailed(TillwatchError):
    """A batch could not be processed or published; nothing of it was acknowledged."""


@dataclass(slots=True)
class Partition:
    """A partition in this worker's hands.

    Attributes:
        number: which it is.
        monitor: its monitor.
        result_writer: where its results go.
        next_offset: the offset after the last record that was processed and whose outputs are published.
        checkpoint: number of its last checkpoint, 0 for none.
        checkpoint_offset: the offset that checkpoint reads on from, 0 for none.
        checkpoint_ms: when that was taken, UTC milliseconds, 0 for never.
        checkpoint_at: when that began, by the event loop's clock.
        pages: live pages of that checkpoint, by number.
        waiting: the last offsets of the batches that are processed and not in a checkpoint yet, in order.
        released: whether it is no longer ours; what is still under way with it comes to nothing.
        warned: whether it was said that records are in it which belong to others.
        earlier: what its records had come to when it was recovered.
        recovery: how it was brought back to its last checkpoint; None where it had none, or was held.
    """

    number: int
    monitor: MonitorLike
    result_writer: ResultWriter
    next_offset: int
    checkpoint: int = 0
    checkpoint_offset: int = 0
    checkpoint_ms: int = 0
    checkpoint_at: float = 0.0
    pages: dict[int, PageRef] = field(default_factory=dict)
    waiting: deque[int] = field(default_factory=deque)
    released: bool = False
    warned: bool = False
    earlier: Counts = field(default_factory=Counts)
    recovery: RecoveryReport | None = None


class MonitorAgent:
    """The agent of the `events` topic.

    Args:
        app: the Faust app to join.
        topics: where events are read from and results go.
        acknowledges: whether a batch is acknowledged as soon as it is published; else that waits for a checkpoint.
        recover_after: called with the error and the offsets of a batch that was not published; returns whether its
            partition will be recovered.
        observer: told of each batch.

    Attributes:
        topics: as given.
        partitions: those assigned, by number.
        counts: records by what became of them, `earlier` included.
        earlier: those that earlier runs had counted, whose state was restored.
        failure: why nothing is processed any more.
        sound: whether each monitor holds exactly what was published; a batch that failed may have left half of it.
        turn: held while a batch is processed; whoever takes it keeps the next one from starting.
    """

    def __init__(
        self, app: App, topics: Topics, *, acknowledges: bool,
        recover_after: Callable[[Exception, str], bool], observer: Observer,
    ) -> None:  # fmt: skip
        self.partitions: Mapping[int, Partition] = {}
        self.counts = Counts()
        self.earlier = Counts()
        self.failure: Exception | None = None
        self.sound = True
        self.turn = asyncio.Lock()
        self._app, self.topics = app, topics
        self._acknowledges = acknowledges
        self._token = -1
        self._resting = False
        self._recover_after, self._observer = recover_after, observer
        partition_of(b"", 1)  # loaded now: the first call, for master data, takes a second
        app.agent(app.topic(topics.events.name, schema=BatchSchema()), name="monitor", concurrency=1)(self._run)

    def begin(self, partitions: Mapping[int, Partition], token: int) -> None:
        """Go on with these partitions, and with the batches that carry `token`."""
        self.partitions, self._token = partitions, token
        self.sound = True
        self.earlier = Counts()
        for each in partitions.values():
            each.earlier = replace(each.monitor.counts)
            self.earlier.add(each.earlier)
        self.counts = replace(self.earlier)

    def abandon(self) -> None:
        """Process nothing more of these partitions until they are recovered."""
        self._token = -1
        for each in self.partitions.values():
            each.released = True

    @property
    def next_offsets(self) -> dict[int, int]:
        """By partition, the offset after the last record that was processed."""
        return {number: each.next_offset for number, each in self.partitions.items()}

    def acknowledge(self, partition: Partition, up_to: int) -> None:
        """Let the group's offset pass the batches that end before `up_to`."""
        consumer = cast("BatchConsumer", self._app.consumer)
        while partition.waiting and partition.waiting[0] < up_to:
            consumer.processed(TP(self.topics.events.name, partition.number), partition.waiting.popleft(), self._token)

    async def release(self, numbers: Collection[int], patience_s: float) -> bool:
        """Let go of partitions once the batch in hand is done; whether that was in time, and all of it arrived."""
        try:
            async with asyncio.timeout(patience_s), self.turn:
                return self.sound
        except TimeoutError:
            return False
        finally:
            self.partitions = {number: each for number, each in self.partitions.items() if number not in numbers}

    async def rest(self) -> None:
        """Process nothing any more, once the batch in hand is done."""
        async with self.turn:
            self._resting = True

    async def _run(self, stream: StreamT[FetchedBatch]) -> None:
        events = cast("Any", stream).noack()  # Faust's type leaves it out
        async for event in events.events():
            fetched: FetchedBatch = event.value
            async with self.turn:
                if not self._resting:
                    await self._take(event.message.partition, fetched)
                    self._resting |= self.failure is not None
                if not self._resting:
                    await events.ack(event)
            if self._resting:  # no later batch may be tried: wait to be stopped
                await asyncio.get_running_loop().create_future()

    async def _take(self, number: int, fetched: FetchedBatch) -> None:
        batch = fetched.batch
        if fetched.token != self._token:
            return  # it was fetched before the newest recovery, and is read again
        if (partition := self.partitions.get(number)) is None:
            return  # it was released
        self.sound = False
        try:
            began = time.perf_counter()
            partition.result_writer.prepare()
            outputs = partition.monitor.process(batch.records)
            processed = time.perf_counter()
            _warn(partition, batch.records.source, outputs)
            await self._publish(partition, outputs)
            partition.waiting.append(batch.last_offset)
            partition.next_offset = batch.next_offset
            if self._acknowledges:
                self.acknowledge(partition, partition.next_offset)
        except Exception as error:  # whatever it is, the batch is kept
            span = f"{batch.records.source}, offsets {batch.first_offset} to {batch.last_offset}"
            if partition.released or self._recover_after(error, span):
                self._token = -1  # nothing more until the partitions are recovered
                return
            logger.exception("monitor failed on %s", span)
            self.failure = MonitorFailed(f"monitor failed on {span}: {type(error).__name__}: {error}")
            self.failure.__cause__ = error
        else:
            self.sound = True
            self.counts.add(outputs.counts)
            seconds = processed - began, time.perf_counter() - processed
            self._observer.on_batch(BatchReport(number, outputs.counts.records, outputs, batch.appended_ms, *seconds))

    async def _publish(self, partition: Partition, outputs: Outputs) -> None:
        """Append what a batch gave to its topics, and wait until the log has it.

        All of it goes where its merchants' events are: a checkpoint's transaction is of one partition of each topic.
        """
        result_writer = partition.result_writer
        sends: list[Awaitable[object]] = []
        for topic, keys, records in outputs.by_topic():
            values = [_encoded(each, result_writer.epoch) for each in records]
            encoded_keys = None if keys is None else [each.encode() for each in keys]
            sends.append(result_writer.send_many(self.topics[topic].name, partition.number, values, encoded_keys))
        await asyncio.gather(*sends)


def _encoded(record: msgspec.Struct, epoch: int) -> bytes:
    """A record as its topic has it, with the owner's epoch where it carries one."""
    if "epoch" in record.__struct_fields__:
        record = msgspec.structs.replace(record, epoch=epoch)
    return msgspec.json.encode(record)


def _warn(partition: Partition, source: str, outputs: Outputs) -> None:
    """Say, once for each recovery, that a producer puts records where they do not belong: it loses most of them."""
    if partition.warned or all(each.reason != Reason.WRONG_PARTITION for each in outputs.dead_letters):
        return
    partition.warned = True
    logger.error(
        "%s has records of merchants that belong to other partitions; they are dead letters. Who writes them must"
        " choose partitions by murmur2 of merchant_id; librdkafka does so with partitioner=murmur2_random",
        source,
    )

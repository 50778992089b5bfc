"""The worker: reads events, runs a monitor for each partition, publishes what it says, then acknowledges."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import deque
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
from mode import get_logger

from engine.hashing import partition_of
from engine.outputs import Counts
from streams.app import build_app
from streams.batches import BatchSchema
from streams.sqlite_log import Progress, SqliteLog, now_utc_ms
from streams.sqlite_transport import log_path
from streams.topics import ALERTS, DEAD_LETTERS, EVENTS, MERCHANT_RISK, TOPICS, create_topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from faust.types import EventT, StreamT

    from engine.outputs import Outputs
    from engine.records import Records
    from streams.app import App, WorkerSettings
    from streams.sqlite_transport import Consumer, Producer, Transport

logger = get_logger(__name__)

_WATCH_S = 0.02
_PROGRESS_S = 0.25
_RATE_S = 1.0
_HOUSEKEEPING_S = 60.0
_MIN_DIRTY = 0.5
_STOP_GRACE_S = 10.0


class MonitorLike(Protocol):
    """One partition's monitor."""

    def process(self, records: Records) -> Outputs:
        """Take the partition's next records; what they gave."""
        ...


class MonitorFailed(RuntimeError):
    """A batch could not be processed or published; nothing of it was acknowledged."""


class MonitorAgent:
    """The agent of the `events` topic.

    Args:
        app: the Faust app to join.
        settings: the worker's settings.
        factory: makes a partition's monitor out of its number and the number of partitions.

    Attributes:
        counts: records by what became of them, since the partitions were assigned.
        next_offsets: by partition, the offset after the last acknowledged record.
        failure: why nothing is processed any more.
        turn: held while a batch is processed; whoever takes it keeps the next one from starting.
    """

    def __init__(self, app: App, settings: WorkerSettings, factory: Callable[[int, int], MonitorLike]) -> None:
        self.counts = Counts()
        self.next_offsets: dict[int, int] = {}
        self.failure: Exception | None = None
        self.turn = asyncio.Lock()
        self._app = app
        self._partitions = settings.partitions
        self._factory = factory
        self._monitors: dict[int, MonitorLike] = {}
        self._generation = -1
        partition_of(b"", 1)  # loaded now: the first call takes a second
        app.agent(app.topic(EVENTS.name, schema=BatchSchema()), name="monitor", concurrency=1)(self._run)

    async def _run(self, stream: StreamT[Records]) -> None:
        events = cast("Any", stream).noack()  # Faust's type leaves it out
        async for event in events.events():
            async with self.turn:
                await self._take(event)
                if self.failure is None:
                    await events.ack(event)
            if self.failure is not None:  # no later batch may be tried: wait to be stopped
                await asyncio.get_running_loop().create_future()

    async def _take(self, event: EventT[Records]) -> None:
        message, records = event.message, cast("Records", event.value)
        try:
            outputs = self._monitor(message.partition, message.generation_id or 0).process(records)
            await self._publish(message.partition, outputs)
            cast("Consumer", self._app.consumer).processed(message)
        except Exception as error:  # whatever it is, the batch is kept
            span = f"{records.source}, offsets {records.offsets[0]} to {records.offsets[-1]}"
            logger.exception("monitor failed on %s", span)
            self.failure = MonitorFailed(f"monitor failed on {span}: {type(error).__name__}: {error}")
            self.failure.__cause__ = error
        else:
            self.counts.add(outputs.counts)
            self.next_offsets[message.partition] = message.offset + 1

    def _monitor(self, partition: int, generation: int) -> MonitorLike:
        """The partition's monitor; a fresh one after every assignment, for then all is read again."""
        if generation != self._generation:
            self._generation = generation
            self._monitors.clear()
            self.next_offsets.clear()
            self.counts = Counts()
        if partition not in self._monitors:
            self._monitors[partition] = self._factory(partition, self._partitions)
        return self._monitors[partition]

    async def _publish(self, partition: int, outputs: Outputs) -> None:
        """Append what a batch gave to its topics, and wait until it is committed."""
        encode = msgspec.json.encode
        producer = cast("Producer", self._app.producer)
        sends = [
            *self._keyed(producer, ALERTS.name, ((each.alert_id, encode(each)) for each in outputs.alerts)),
            *self._keyed(producer, MERCHANT_RISK.name, ((each.merchant_id, encode(each)) for each in outputs.scores)),
        ]
        if outputs.dead_letters:
            letters = [encode(each) for each in outputs.dead_letters]
            sends.append(producer.send_many(DEAD_LETTERS.name, partition, letters))
        await asyncio.gather(*sends)

    def _keyed(self, producer: Producer, topic: str, records: Iterable[tuple[str, bytes]]) -> list[Awaitable[int]]:
        by_partition: dict[int, tuple[list[bytes], list[bytes]]] = {}
        for text, value in records:
            key = text.encode()
            keys, values = by_partition.setdefault(partition_of(key, self._partitions), ([], []))
            keys.append(key)
            values.append(value)
        return [producer.send_many(topic, at, values, keys) for at, (keys, values) in by_partition.items()]


class Worker:
    """A worker in a running event loop; `run_worker` runs one.

    Args: see `run_worker`.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        factory: Callable[[int, int], MonitorLike],
        *,
        until_idle: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._settings = settings
        self._until_idle = until_idle
        self._on_progress = on_progress
        with SqliteLog(log_path(settings.log_url)) as log:
            create_topics(log, settings.partitions)
        self.app = build_app(settings)
        self.agent = MonitorAgent(self.app, settings, factory)
        self._transport = cast("Transport", self.app.transport)
        self._stopping = False
        self._shown: dict[int, int] | None = None
        self._samples: deque[tuple[float, int]] = deque()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopping = True

    async def run(self) -> Counts:
        """Work until stopped, or idle where that was asked for.

        Raises:
            LeaseHeld: another worker has the log.
            MonitorFailed, Fenced: see `run_worker`.
        """
        try:
            await self.app.start()
            await self._watch()
        finally:
            await self._end()
        failure = self.agent.failure or self.app.crash_reason
        if failure is not None:
            raise failure
        return self.agent.counts

    async def _watch(self) -> None:
        show_at = tidy_at = 0.0
        while not (self._stopping or self.agent.failure or self.app.crashed):
            now = time.monotonic()
            if now >= show_at:
                await self._show()
                show_at = now + _PROGRESS_S
            if now >= tidy_at:
                await self._transport.writer.run(_tidy)
                tidy_at = now + _HOUSEKEEPING_S
            if self._until_idle and self._idle():
                return
            await asyncio.sleep(_WATCH_S)

    def _idle(self) -> bool:
        log, done = self._transport.log, self.agent.next_offsets
        return all(
            done.get(each, log.first_offset(EVENTS.name, each)) >= log.end_offset(EVENTS.name, each)
            for each in range(self._settings.partitions)
        )

    async def _show(self) -> None:
        """Write how far we are, if that has changed."""
        offsets = dict(self.agent.next_offsets)
        rate = self._rate()
        if offsets == self._shown and not rate:
            return
        self._shown = offsets if not rate else None
        progress = Progress(
            worker=self._settings.group,
            topic=EVENTS.name,
            updated_ms=now_utc_ms(),
            next_offsets=offsets,
            counts=asdict(self.agent.counts),
            rate=rate,
        )
        await self._transport.writer.run(partial(SqliteLog.write_progress, progress=progress))
        if self._on_progress is not None:
            self._on_progress(progress)

    def _rate(self) -> float:
        """Records a second over about the last second."""
        now, records = time.monotonic(), self.agent.counts.records
        self._samples.append((now, records))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _RATE_S:
            self._samples.popleft()
        since, before = self._samples[0]
        return max(0, records - before) / (now - since) if now > since else 0.0

    async def _end(self) -> None:
        """Let the batch in hand finish, show where we are, and stop the app."""
        try:
            async with asyncio.timeout(_STOP_GRACE_S):
                await self.agent.turn.acquire()
                if self._transport.lease is not None:
                    await self._show()
        except TimeoutError:
            logger.warning("the batch in hand was not done in %g s; it is read again", _STOP_GRACE_S)
            self._transport.writer.give_up()
        finally:
            await self.app.stop()


def _tidy(log: SqliteLog) -> None:
    """Compaction and retention. Of events nothing is dropped: a worker that starts reads them all."""
    with log.transaction():
        for topic in TOPICS:
            if topic.compacted:
                log.compact(topic.name, min_dirty=_MIN_DIRTY)
        log.retain(keep_from={(EVENTS.name, each): 0 for each in range(log.partitions(EVENTS.name))})


async def _run(worker_of: Callable[[], Worker]) -> Counts:
    worker = worker_of()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, worker.stop)
    try:
        return await worker.run()
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


def run_worker(
    settings: WorkerSettings,
    factory: Callable[[int, int], MonitorLike],
    *,
    until_idle: bool = False,
    on_progress: Callable[[Progress], Any] | None = None,
) -> Counts:
    """Run a worker in this thread, the process's main one, until SIGINT or SIGTERM.

    Every partition of `events` is read from its first record on, by a fresh monitor. What a batch gave is
    committed to its topics before the batch is acknowledged.

    Args:
        settings: where the log is, and the sizes of things.
        factory: makes a partition's monitor out of its number and the number of partitions.
        until_idle: return when every partition has been processed to its end.
        on_progress: called about four times a second while there is work, and at the end.

    Returns:
        Records by what became of them.

    Raises:
        LeaseHeld: another worker has the log.
        Fenced: another worker took the log, because this one was not heard of for too long.
        MonitorFailed: a batch could not be processed or published; neither it nor a later one is committed.
    """
    worker = partial(Worker, settings, factory, until_idle=until_idle, on_progress=on_progress)
    return asyncio.run(_run(worker))

"""The worker: recovers its partitions, has the agent process and publish, takes cuts, and shows how far it is."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from faust.types import TP
from mode import get_logger

from streams.agent import MonitorAgent, MonitorFailed, Partition
from streams.app import build_app
from streams.checkpoints import SqliteCheckpoints, state_path
from streams.controls import ControlsReader, Pace
from streams.cutting import CutReport, Cutter
from streams.feeds import FeedWatch
from streams.leases import Fenced
from streams.log import Progress, now_utc_ms
from streams.sqlite_log import SqliteLog
from streams.sqlite_transport import log_path
from streams.topics import EVENTS, TOPICS, create_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.outputs import Counts
    from streams.agent import MonitorLike
    from streams.app import WorkerSettings
    from streams.leases import Lease
    from streams.sqlite_transport import Transport

__all__ = ["CutReport", "MonitorFailed", "Worker", "run_worker"]

logger = get_logger(__name__)

_WATCH_S = 0.02
_PROGRESS_S = 0.25
_RATE_S = 1.0
_HOUSEKEEPING_S = 60.0
_LOOK_S = 1.0
_MIN_DIRTY = 0.5
_STOP_GRACE_S = 10.0
_LAST_CUTS_S = 20.0


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
        on_cut: Callable[[CutReport], object] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._factory = factory
        self._until_idle = until_idle
        self._on_progress = on_progress
        path = log_path(settings.log_url)
        with SqliteLog(path) as log:
            create_topics(log, settings.partitions, keep_events_days=settings.keep_events_days)
        self.app = build_app(settings)
        self.agent = MonitorAgent(self.app, settings.partitions, acknowledges=settings.cut_every_s is None)
        self._cutter: Cutter | None = None
        if settings.cut_every_s is not None:
            self._cutter = Cutter(SqliteCheckpoints(state_path(path)), self.agent, settings.cut_every_s, on_cut)
        self._transport = cast("Transport", self.app.transport)
        self._transport.recover = self._recover
        self._feeds = FeedWatch()
        self._controls: ControlsReader | None = None
        self._pace = Pace()
        self._stalled: list[str] = []
        self._stopping = False
        self._shown: tuple[dict[int, int], list[str]] | None = None
        self._samples: deque[tuple[float, int]] = deque()

    def stop(self) -> None:
        """End after the batch in hand; from a handler of the running loop."""
        self._stopping = True
        # Whatever waits for a writer that holds the log would keep the end waiting for ever.
        asyncio.get_running_loop().call_later(_STOP_GRACE_S, self._transport.writer.give_up)

    async def run(self) -> Counts:
        """Work until stopped, or idle where that was asked for.

        Raises:
            LeaseHeld: another worker has the log.
            MonitorFailed, Fenced: see `run_worker`.
        """
        cuts = None
        try:
            await self.app.start()
            if self._cutter is not None:
                cuts = asyncio.create_task(self._take_cuts(self._cutter))
            await self._watch()
        finally:
            await self._end(cuts)
        failure = self.agent.failure or self.app.crash_reason
        if failure is not None:
            raise failure
        return self.agent.counts

    async def _recover(self, assigned: Iterable[TP], generation: int) -> Mapping[TP, int]:
        """Make the partitions' monitors, brought back to their last cuts; where to read on from."""
        log, numbers = self._transport.log, sorted(each.partition for each in assigned)
        self._controls = self._controls or ControlsReader(log)
        self._controls.read_all()
        if self._cutter is None:
            found = {each: Partition(each, self._make(each), log.first_offset(EVENTS.name, each)) for each in numbers}
        else:
            lease = self._transport.lease
            assert lease is not None
            found = await self._cutter.recover(
                lease.number, self._settings.group, numbers, self._make, log.identity, self._bounds
            )
        self.agent.begin(found, generation)
        self._teach()
        return {TP(EVENTS.name, number): each.next_offset for number, each in found.items()}

    def _bounds(self, partition: int) -> tuple[int, int]:
        """First and end offset of the partition's events."""
        log = self._transport.log
        return log.first_offset(EVENTS.name, partition), log.end_offset(EVENTS.name, partition)

    def _make(self, partition: int) -> MonitorLike:
        monitor = self._factory(partition, self._settings.partitions)
        if self._controls is not None:
            self._controls.teach([monitor])
        return monitor

    def _teach(self) -> None:
        """Have every monitor know the controls that have come."""
        if self._controls is not None:
            self._controls.poll()
            monitors = [each.monitor for each in self.agent.partitions.values()]
            self.agent.counts.controls_late += self._controls.teach(monitors)

    async def _take_cuts(self, cutter: Cutter) -> None:
        try:
            await cutter.watch()
        except Exception as error:  # noqa: BLE001  it ends the worker
            self.agent.failure = self.agent.failure or error

    async def _watch(self) -> None:
        try:
            await self._look_after()
        except sqlite3.OperationalError as error:
            if not self._stopping:
                raise
            logger.warning("the log stays locked (%s): what is not acknowledged is read again", error)

    async def _look_after(self) -> None:
        """Show how far we are, see to the feeds and tidy up, until it is time to end."""
        show_at = tidy_at = look_at = 0.0
        while not (self._stopping or self.agent.failure or self.app.crashed):
            now = time.monotonic()
            if now >= show_at:
                await self._show()
                show_at = now + _PROGRESS_S
            if now >= look_at:
                clocks = [getattr(each.monitor, "feeds", {}) for each in self.agent.partitions.values()]
                self._stalled = self._feeds.look(now, clocks)
                self._teach()
                look_at = now + _LOOK_S
            if now >= tidy_at:
                await self._transport.writer.run(
                    partial(_tidy, lease=self._transport.lease, keep_from=self._keep_from())
                )
                tidy_at = now + _HOUSEKEEPING_S
            if self._until_idle and self._idle():
                return
            await asyncio.sleep(_WATCH_S)

    def _keep_from(self) -> dict[tuple[str, int], int]:
        """The offset of each partition's last cut: nothing that lies behind it is dropped."""
        partitions = self.agent.partitions
        cut = {
            each: partitions[each].cut_offset if each in partitions else 0 for each in range(self._settings.partitions)
        }
        return {(EVENTS.name, each): offset for each, offset in cut.items()}

    def _idle(self) -> bool:
        log, done = self._transport.log, self.agent.next_offsets
        return len(done) == self._settings.partitions and all(
            offset >= log.end_offset(EVENTS.name, each) for each, offset in done.items()
        )

    async def _show(self) -> None:
        """Write how far we are, if that has changed."""
        offsets = dict(self.agent.next_offsets)
        rate = self._rate()
        self._pace.look(time.monotonic(), [each.monitor for each in self.agent.partitions.values()])
        if (offsets, self._stalled) == self._shown and not rate:
            return
        self._shown = (offsets, self._stalled) if not rate else None
        progress = Progress(
            worker=self._settings.group,
            topic=EVENTS.name,
            updated_ms=now_utc_ms(),
            next_offsets=offsets,
            counts=asdict(self.agent.counts),
            rate=rate,
            earlier=asdict(self.agent.earlier),
            stalled_feeds=self._stalled,
            clock_ms=self._pace.clock_ms,
            speed=self._pace.speed,
        )
        await self._transport.writer.run(partial(_show, lease=self._transport.lease, progress=progress))
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

    async def _end(self, cuts: asyncio.Task[None] | None) -> None:
        """Let the batch in hand finish, show where we are, take last cuts, and stop the app."""
        if self._cutter is not None:
            self._cutter.stop()
        try:
            async with asyncio.timeout(_STOP_GRACE_S):
                await self.agent.rest()
                if self._transport.lease is not None:
                    self._pace.rest()
                    self._shown = None
                    with suppress(Fenced):  # then it is its successor's to show
                        await self._show()
        except TimeoutError:
            logger.warning("the batch in hand was not done in %g s; it is read again", _STOP_GRACE_S)
            self._transport.writer.give_up()
        except sqlite3.OperationalError as error:
            logger.warning("how far it came was not written: %s", error)
        else:
            await self._take_last_cuts(cuts)
        finally:
            if cuts is not None:
                cuts.cancel()
            if self._cutter is not None:
                await asyncio.to_thread(self._cutter.close)
            await self.app.stop()

    async def _take_last_cuts(self, cuts: asyncio.Task[None] | None) -> None:
        """Cut what has gone on since the last cuts, so that the next start reads nothing again."""
        if self._cutter is None or cuts is None:
            return
        try:
            async with asyncio.timeout(_LAST_CUTS_S):
                await cuts
                if not (self.agent.failure or self.app.crashed):
                    await self._cutter.cut_all()
        except TimeoutError:
            logger.warning("the last cuts were not done in %g s; what lies behind them is read again", _LAST_CUTS_S)
        except Exception as error:  # noqa: BLE001  it is the worker's to raise
            self.agent.failure = self.agent.failure or error


def _show(log: SqliteLog, lease: Lease | None, progress: Progress) -> None:
    with log.transaction(lease):
        log.write_progress(progress)


def _tidy(log: SqliteLog, lease: Lease | None, keep_from: Mapping[tuple[str, int], int]) -> None:
    """Compaction and retention."""
    with log.transaction(lease):
        for topic in TOPICS:
            if topic.compacted:
                log.compact(topic.name, min_dirty=_MIN_DIRTY)
        log.retain(keep_from=keep_from)


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
    on_cut: Callable[[CutReport], Any] = lambda _: None,
) -> Counts:
    """Run a worker in this thread, the process's main one, until SIGINT or SIGTERM.

    Every partition of `events` is read on from the last cut of its state, which lies in a file beside the log. What a
    batch gave is committed to its topics, then the state is cut, then the batch is acknowledged.

    Args:
        settings: where the log is, and the sizes of things.
        factory: makes a partition's monitor out of its number and the number of partitions; one that can be cut,
            unless the settings say that there are no cuts.
        until_idle: return when every partition has been processed to its end.
        on_progress: called about four times a second while there is work, and at the end.
        on_cut: called with a report of each cut.

    Returns:
        Records by what became of them, those of earlier runs included where their state was restored.

    Raises:
        LeaseHeld: another worker has the log.
        Fenced: another worker took the log, because this one was not heard of for too long.
        StateLocked: the state's file stays locked; the message says by whom.
        Damaged: a page or manifest of the state is not as it was written: `tillwatch state rebuild`.
        OtherState: the state was written by another version or with other settings.
        OffsetGone: the log has not what follows the last cut.
        MonitorFailed: a batch could not be processed or published; neither it nor a later one is committed.
    """
    worker = partial(Worker, settings, factory, until_idle=until_idle, on_progress=on_progress, on_cut=on_cut)
    return asyncio.run(_run(worker))

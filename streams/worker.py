"""The worker: recovers its partitions, has the agent process and publish, takes checkpoints, and shows how far it
is.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from mode import get_logger

from streams.agent import MonitorAgent, MonitorFailed
from streams.checkpointing import Checkpointer, CheckpointReport
from streams.controls import ControlsWatch
from streams.errors import Fenced, LetGo, LogFailed, Unreachable
from streams.feeds import FeedWatch
from streams.health import Health
from streams.observer import Observers, PartitionLook
from streams.partitions import PartitionKeeper
from streams.reporting import ProgressReport
from streams.stage import Stage
from streams.watchdog import Stuck, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.outputs import Counts
    from streams.agent import MonitorLike
    from streams.app import WorkerSettings
    from streams.metrics import Metrics
    from streams.observer import Observer

__all__ = ["CheckpointReport", "MonitorFailed", "Stuck", "Worker", "run_stage", "run_worker"]

logger = get_logger(__name__)

_WATCH_S = 0.02
_PROGRESS_S = 0.25
_HOUSEKEEPING_S = 60.0
_LOOK_S = 1.0
_STOP_GRACE_S = 10.0
_LAST_CHECKPOINTS_S = 20.0
_COLLECTIONS = (20_000, 20, 1_000)
"""Thresholds of Python's collector: the young often enough, everything hardly ever; `_collect` does that."""


class Worker:
    """A worker in a running event loop; `run_stage` runs one.

    Args: see `run_stage`.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        stage: Stage,
        *,
        until_idle: bool = False,
        observer: Observer | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings = settings = stage.settings(settings)
        self._stage = stage
        self._until_idle = until_idle
        self._observer = Observers(*(each for each in (observer, metrics) if each is not None))
        self._stalled: list[str] = []
        self._trouble: str | None = None  # so that the first look tells
        self._backend = settings.address.backend(settings, stage)
        self.app = self._backend.app
        self.agent = MonitorAgent(
            self.app,
            settings.topics,
            acknowledges=settings.checkpoint_every_s is None,
            recover_after=self._recover_after,
            observer=self._observer,
        )
        self._checkpointer: Checkpointer | None = None
        if settings.checkpoint_every_s is not None:
            store = self._backend.checkpoint_store()
            self._checkpointer = Checkpointer(
                store, self._backend, self.agent, settings.checkpoint_every_s, self._observer
            )
        self._report = ProgressReport(settings.group, self.agent, self._observer, by_partition=self._backend.shared)
        self._watchdog = Watchdog()
        self._health = Health(settings.health, self._watchdog, metrics)
        self._feeds = FeedWatch()
        self._controls = ControlsWatch(partial(settings.address.open, settings.topics))
        self.partitions = PartitionKeeper(
            lambda number: stage.factory(number, settings.partitions), self._backend, self.agent, self._checkpointer,
            self._controls, self._watchdog, self._observer,
        )  # fmt: skip
        self._backend.attach(self.partitions)
        self._stopping = False

    def stop(self) -> None:
        """End after the batch in hand; from a handler of the running loop."""
        self._stopping = True
        # Whatever waits for a log that others hold would keep the end waiting for ever.
        asyncio.get_running_loop().call_later(_STOP_GRACE_S, self._backend.give_up)

    async def run(self) -> Counts:
        """Work until stopped, or idle where that was asked for.

        Raises:
            LeaseHeld: another worker has the log.
            MonitorFailed, Fenced, Stuck: see `run_stage`.
        """
        checkpoints = None
        try:
            await self._health.start()
            await self.app.start()
            if self._checkpointer is not None:
                checkpoints = asyncio.create_task(self._take_checkpoints(self._checkpointer))
            await self._watch()
        finally:
            await self._end(checkpoints)
        failure = self.agent.failure or self.app.crash_reason
        if failure is not None and not (self._stopping and isinstance(failure, LetGo)):
            raise failure
        return self.agent.counts

    # -- checkpoints

    def _recover_after(self, error: Exception, what: str) -> bool:
        return self.partitions.recover_after(error, what)

    async def _take_checkpoints(self, checkpointer: Checkpointer) -> None:
        while not (checkpointer.stopped or self.agent.failure):
            try:
                await checkpointer.watch()
            except Exception as error:  # noqa: BLE001  it ends the worker, or has it recover
                if not (isinstance(error, LetGo) or self._recover_after(error, "a checkpoint")):
                    self.agent.failure = self.agent.failure or error

    # -- the loop

    async def _watch(self) -> None:
        try:
            await self._look_after()
        except LogFailed as error:
            if not (self._stopping and error.may_pass):
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
                await self._look(now)
                look_at = now + _LOOK_S
            if now >= tidy_at:
                if not self._stage.prefix:  # one stage tidies the log for all
                    await self._backend.tidy(self._keep_from())
                _collect()
                tidy_at = now + _HOUSEKEEPING_S
            if self._until_idle and await self._backend.finished(self.agent.next_offsets):
                return
            await asyncio.sleep(_WATCH_S)

    async def _look(self, now: float) -> None:
        """See which controls have come, whether feeds stall, and whether we do."""
        await self._controls.look()
        self.partitions.apply_controls()
        clocks = [each.monitor.feeds for each in self.agent.partitions.values()]
        self._report.stalled = self._feeds.look(now, clocks)
        self.partitions.count_anew()
        done = self.agent.next_offsets
        try:
            lags = await self._lags(done)
        except Unreachable as error:
            lags = None
            self._watchdog.unreachable(now, str(error))
            self._observer.on_lag(None)
        else:
            lag = None if lags is None else sum(lags.values())
            self._watchdog.look(now, lag, done)
            self._observer.on_lag(lag)
        self._tell_looks(lags)
        self._tell_changes()

    def _tell_looks(self, lags: Mapping[int, int] | None) -> None:
        """Tell the observer how each partition stands."""
        self._observer.on_look(
            [
                PartitionLook(number, each.monitor, (lags or {}).get(number))
                for number, each in self.agent.partitions.items()
            ]
        )

    def _tell_changes(self) -> None:
        """Tell the observer of controls, feeds and troubles that are others than at the last look."""
        if fresh := self._controls.fresh():
            self._observer.on_controls(fresh)
        if self._report.stalled != self._stalled:
            self._stalled = self._report.stalled
            self._observer.on_feeds(self._stalled)
        if (trouble := self._watchdog.trouble) != self._trouble:
            self._trouble = trouble
            self._observer.on_trouble(trouble)

    async def _lags(self, done: Mapping[int, int]) -> Mapping[int, int] | None:
        """By partition, how many records wait; None where that is not known."""
        if (ends := await self._backend.ends()) is None:
            return None
        lags = {each: max(0, end - done[each]) for each, end in ends.items() if each in done}
        # What nobody is to see takes offsets, too: markers of transactions, and what aborted ones had written.
        return dict.fromkeys(lags, 0) if any(lags.values()) and await self._backend.finished(done) else lags

    def _keep_from(self) -> dict[tuple[str, int], int]:
        """The offset of each partition's last checkpoint: nothing that lies behind it is dropped."""
        partitions = self.agent.partitions
        checkpoint = {
            each: partitions[each].checkpoint_offset if each in partitions else 0
            for each in range(self._settings.partitions)
        }
        return {(self._settings.topics.events.name, each): offset for each, offset in checkpoint.items()}

    async def _show(self) -> None:
        """Write how far we are, if that has changed."""
        if (progress := self._report.due()) is not None:
            await self._backend.show(progress)
            self._report.shown()

    # -- the end

    async def _end(self, checkpoints: asyncio.Task[None] | None) -> None:
        """Let the batch in hand finish, show where we are, take last checkpoints, and stop the app."""
        if self._checkpointer is not None:
            self._checkpointer.stop()
        try:
            async with asyncio.timeout(_STOP_GRACE_S):
                await self.agent.rest()
                self._report.rest()
                with suppress(Fenced, Unreachable):  # then it is its successor's to show
                    await self._show()
        except TimeoutError:
            logger.warning("the batch in hand was not done in %g s; it is read again", _STOP_GRACE_S)
            self._backend.give_up()
        except LogFailed as error:
            if not error.may_pass:
                raise
            logger.warning("how far it came was not written: %s", error)
        else:
            await self._take_last_checkpoints(checkpoints)
        finally:
            if checkpoints is not None:
                checkpoints.cancel()
            if self._checkpointer is not None:
                await self._checkpointer.close()
            await self.app.stop()
            await self._backend.close()
            await self._controls.close()
            await self._health.stop()
            self._watchdog.stop()

    async def _take_last_checkpoints(self, checkpoints: asyncio.Task[None] | None) -> None:
        """Checkpoint what has gone on since the last checkpoints, so that the next start reads nothing again."""
        if self._checkpointer is None or checkpoints is None:
            return
        try:
            async with asyncio.timeout(_LAST_CHECKPOINTS_S):
                await checkpoints
                if not (self.agent.failure or self.app.crashed):
                    await self._checkpointer.checkpoint_all()
        except TimeoutError:
            logger.warning(
                "the last checkpoints were not done in %g s; what lies behind them is read again", _LAST_CHECKPOINTS_S
            )
        except Exception as error:  # noqa: BLE001  it is the worker's to raise
            if isinstance(error, LetGo) or (isinstance(error, Fenced) and self._backend.shared and self._stopping):
                logger.warning("the last checkpoints were not done, for the group gave partitions to others: %s", error)
            else:
                self.agent.failure = self.agent.failure or error


def _collect() -> None:
    """Collect what became garbage of late, and look at what survived no more: open episodes are many, and live long.

    Python's own full collections walked all of them again and again, up to a fifth of a second each.
    """
    gc.collect()
    gc.freeze()


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
    observer: Observer | None = None,
    metrics: Metrics | None = None,
) -> Counts:
    """Run a worker of the first stage, which reads `events`; see `run_stage`."""
    return run_stage(settings, Stage.monitor(factory), until_idle=until_idle, observer=observer, metrics=metrics)


def run_stage(
    settings: WorkerSettings, stage: Stage, *, until_idle: bool = False, observer: Observer | None = None,
    metrics: Metrics | None = None,
) -> Counts:  # fmt: skip
    """Run a worker of a stage in this thread, the process's main one, until SIGINT or SIGTERM.

    Every partition of the stage's topic that is assigned to it, on the embedded log all, is read on from the last
    checkpoint of its state. What a batch gave is written to its topics, then the state is checkpointed, then the batch
    is acknowledged.

    Args:
        settings: where the log is, and the sizes of things.
        stage: which topic is read, and what makes of its records what.
        until_idle: return when every partition has been processed to its end.
        observer: told of everything worth watching.
        metrics: the observer that `/metrics` shows; None for no such page.

    Returns:
        Records by what became of them, those of earlier runs included where their state was restored.

    Raises:
        LeaseHeld: another worker has the log.
        Fenced: another worker took the log, because this one was not heard of for too long.
        StateLocked: the state's file stays locked; the message says by whom.
        Damaged: a page or manifest of the state is not as it was written: `tillwatch state rebuild`.
        OtherState: the state was written by another version or with other settings.
        OffsetGone: the log has not what follows the last checkpoint.
        MonitorFailed: a batch could not be processed or published; neither it nor a later one is committed.
        Stuck: there are records to read, the log answers, and nothing has moved for long.
    """
    worker = partial(Worker, settings, stage, until_idle=until_idle, observer=observer, metrics=metrics)
    usual = gc.get_threshold()
    gc.set_threshold(*_COLLECTIONS)
    try:
        return asyncio.run(_run(worker))
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()

"""Takes the checkpoints of a worker's partitions, one after another, and brings partitions back to their last one.

A checkpoint begins between two batches, when what they gave is published. Its rows are gathered in slices between later
batches; pages are encoded and committed in a thread. Then the batches before it are acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from mode import get_logger

from engine.checkpoint.checkpoints import OtherState
from engine.checkpoint.pages import Damaged, decode, encode
from streams.agent import CheckpointedMonitor, Partition
from streams.errors import LetGo, OffsetGone, UnknownFormat
from streams.log import now_utc_ms
from streams.manifests import Manifest, PageRef
from streams.observer import RecoveryReport, Tallied

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from engine.checkpoint.checkpoints import Checkpoint
    from engine.checkpoint.page_log import Fresh
    from streams.agent import MonitorAgent, MonitorLike
    from streams.log_backend import CheckpointStore, LogBackend
    from streams.observer import Observer

R = TypeVar("R")
logger = get_logger(__name__)

SLICE_ROWS = 1_024
"""Rows gathered between two batches: about a millisecond."""
MOST_SHARE = 0.1
"""Of a core's time that checkpoints may take."""
_WATCH_S = 0.05


@dataclass(frozen=True, slots=True)
class CheckpointReport:
    """What a checkpoint came to.

    Attributes:
        partition: of which partition.
        merchants: known when it began.
        pages: written.
        bytes: of these pages.
        pause_s: how long the stream rested for it to begin.
        slice_s: the longest that gathering a slice held up the stream.
        cost_s: processor time of all of it, but for the sending on Kafka, about 1 ms a megabyte.
        seconds: from its beginning to its commit.
        committed_ms: when it was committed, UTC milliseconds of the wall clock.
        tallied: what the partition's records had come to when it began.
    """

    partition: int
    merchants: int
    pages: int
    bytes: int
    pause_s: float
    slice_s: float
    cost_s: float
    seconds: float
    committed_ms: int
    tallied: Tallied


class Checkpointer:
    """Takes checkpoints.

    Args:
        store: where they go.
        backend: of the worker.
        agent: whose partitions are checkpointed.
        every_s: seconds from one checkpoint of a partition to the next.
        observer: told of checkpoints.

    Attributes:
        stopped: whether `watch` is to end.
    """

    def __init__(
        self, store: CheckpointStore, backend: LogBackend, agent: MonitorAgent, every_s: float, observer: Observer
    ) -> None:  # fmt: skip
        self._store, self._backend, self._agent = store, backend, agent
        self._every_s, self._observer = every_s, observer
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpointer")
        self._turn = asyncio.Lock()
        self._source = ""
        self._not_before = 0.0
        self.stopped = self._closed = False

    # -- recovery

    async def recover(
        self, partitions: Iterable[int], make: Callable[[int], MonitorLike], held: Mapping[int, Partition],
    ) -> dict[int, Partition]:  # fmt: skip
        """Become the only one who may checkpoint these partitions, then bring them back to their last checkpoint.

        Args:
            partitions: which.
            make: makes an empty monitor for a partition.
            held: those of them that are as their last checkpoint has them, and that nobody else has owned since.

        Raises:
            StateLocked, Fenced, Damaged, OtherState, OffsetGone: see `run_worker`.
        """
        numbers, self._source = sorted(partitions), self._backend.identity
        if not self._backend.shared:
            await self._refuse_others([each for each in numbers if each not in held])
        await self._store.fence([each for each in numbers if each not in held], held)
        found = {}
        try:
            for number in numbers:
                found[number] = (
                    replace(held[number], released=False, waiting=deque(), recovery=None)
                    if number in held
                    else await self._recover_one(number, make(number))
                )
        except Exception:
            # If another worker took over during recovery, raise Fenced rather than the misleading read error. Not where
            # workers share the log: fencing would take partitions from their new owners, and what was read was whole.
            if not self._backend.shared:
                await self._store.fence(numbers)
            raise
        now = asyncio.get_running_loop().time()
        for k, each in enumerate(found.values()):  # so that they take turns
            each.checkpoint_at = now - self._every_s * k / len(found)
        return found

    async def _recover_one(self, number: int, monitor: MonitorLike) -> Partition:
        manifest = await self._store.manifest(number)
        self._check(number, manifest, *await self._backend.bounds(number))  # now: a state is never ahead of its log
        result_writer = self._backend.result_writer(number)
        if manifest is None:
            return Partition(number, monitor, result_writer, 0)
        started = time.monotonic()
        pages = await self._store.pages(manifest)
        await self._in_thread(restore, cast("CheckpointedMonitor", monitor), manifest, pages)
        report = RecoveryReport(number, manifest.rows, manifest.offset, time.monotonic() - started)
        logger.info(
            "partition %d: %d merchants restored in %.2f s as of offset %d",
            number, report.merchants, report.seconds, report.offset,
        )  # fmt: skip
        refs = {each.id: each for each in manifest.pages}
        return Partition(
            number, monitor, result_writer, manifest.offset, manifest.checkpoint, manifest.offset,
            manifest.checkpoint_ms, pages=refs, recovery=report,
        )  # fmt: skip

    async def _refuse_others(self, numbers: Iterable[int]) -> None:
        """Refuse the state of another log before it is fenced, which would end that log's worker.

        On Kafka state and log are topics of one cluster.

        Raises:
            OtherState: so it is.
        """
        for number in numbers:
            try:
                manifest = await self._store.manifest(number)
            except (Damaged, UnknownFormat):
                continue  # said after fencing, when nobody can have written meanwhile
            self._check_source(number, manifest)

    def _check_source(self, number: int, manifest: Manifest | None) -> None:
        if manifest is not None and manifest.source != self._source:
            raise OtherState(
                f"the state of partition {number} of {self._backend.topics.events.name} must be that of this log"
                f" ({self._source}), got that of another ({manifest.source}): put the right one beside it, or move it"
                " away"
            )

    def _check(self, number: int, manifest: Manifest | None, first: int, end: int) -> None:
        """Refuse a state that is not this log's, or that the log has not what follows of.

        Raises:
            OtherState, OffsetGone: so it is.
        """
        offset = 0 if manifest is None else manifest.offset
        what = f"partition {number} of {self._backend.topics.events.name}"
        self._check_source(number, manifest)
        if offset > end:
            raise OffsetGone(
                f"{what} must reach to offset {offset}, up to which its state was checkpointed, got an end of {end}"
            )
        if offset < first:
            raise OffsetGone(
                f"{what} must be read on from offset {offset}, got a log that begins at {first}: what lies between is"
                " gone; see `tillwatch state rebuild`"
            )

    async def release(self, partitions: Collection[int]) -> None:
        """Give up the right to checkpoint these partitions."""
        await self._store.release(partitions)

    # -- checkpoints

    async def watch(self) -> None:
        """Take checkpoints when they are due, until `stop`, or until a batch fails for good."""
        loop = asyncio.get_running_loop()
        while not (self.stopped or self._agent.failure):
            now = loop.time()
            due = [each for each in self._overdue() if now >= max(each.checkpoint_at + self._every_s, self._not_before)]
            if not due or not await self.checkpoint(min(due, key=lambda each: each.checkpoint_at)):
                await asyncio.sleep(min(_WATCH_S, self._every_s / 4))

    def stop(self) -> None:
        """Let `watch` end after the checkpoint in hand."""
        self.stopped = True

    async def checkpoint_all(self) -> None:
        """Take a checkpoint of each partition that has gone on since its last one."""
        for each in self._overdue():
            await self.checkpoint(each)

    def _overdue(self) -> list[Partition]:
        return [each for each in self._agent.partitions.values() if each.next_offset > each.checkpoint_offset]

    async def checkpoint(self, partition: Partition) -> bool:
        """Take a checkpoint of a partition, and acknowledge what lies before it; whether there is anything to
        checkpoint.

        What a failed batch left behind must not be kept: then, and from then on, there is not. One at a time.
        """
        async with self._turn:
            return await self._checkpoint(partition)

    async def _checkpoint(self, partition: Partition) -> bool:
        loop = asyncio.get_running_loop()
        async with self._agent.turn:
            if partition.released or not self._agent.sound:
                return False
            if partition.next_offset <= partition.checkpoint_offset:
                return True
            began = time.perf_counter()
            partition.checkpoint_at = loop.time()
            offset = partition.next_offset
            checkpoint = cast("CheckpointedMonitor", partition.monitor).checkpoint()
            tallied = Tallied.of(partition.monitor)
            pause_s = time.perf_counter() - began
        fresh: dict[int, bytes] = {}
        slice_s = cost_s = 0.0
        while not checkpoint.gathered:
            sliced = time.perf_counter()
            pages = checkpoint.gather(SLICE_ROWS)
            slice_s = max(slice_s, time.perf_counter() - sliced)
            cost_s += time.perf_counter() - sliced + await self._in_thread(_encode, pages, fresh)
        manifest, finish_s = await self._in_thread(self._finish, checkpoint, fresh, partition, offset)
        cost_s += pause_s + finish_s + await self._store.commit(manifest, fresh)
        held = [checkpoint.end()]
        await self._in_thread(held.clear)
        partition.checkpoint, partition.checkpoint_offset = partition.checkpoint + 1, offset
        partition.checkpoint_ms = manifest.checkpoint_ms
        self._agent.acknowledge(partition, offset)
        self._not_before = partition.checkpoint_at + cost_s / MOST_SHARE
        size = sum(map(len, fresh.values()))
        seconds = time.perf_counter() - began
        report = CheckpointReport(
            partition.number, checkpoint.merchants, len(fresh), size, pause_s, slice_s, cost_s, seconds,
            now_utc_ms(), tallied,
        )  # fmt: skip
        self._observer.on_checkpoint(report)
        return True

    def _finish(
        self, checkpoint: Checkpoint, fresh: dict[int, bytes], partition: Partition, offset: int
    ) -> tuple[Manifest, float]:
        """Encode the rest; the manifest, and the processor time it took."""
        began = time.thread_time()
        _encode(checkpoint.rest(), fresh)
        for page_id in checkpoint.dropped:
            partition.pages.pop(page_id, None)
        partition.pages.update((page_id, PageRef.of(page_id, raw)) for page_id, raw in fresh.items())
        manifest = Manifest(
            partition=partition.number,
            checkpoint=partition.checkpoint + 1,
            parent=partition.checkpoint,
            offset=offset,
            source=self._source,
            epoch=self._store.epoch(partition.number),
            rows=checkpoint.merchants,
            checkpoint_ms=now_utc_ms(),
            pages=tuple(partition.pages.values()),
            notes=checkpoint.notes(),
        )
        return manifest, time.thread_time() - began

    async def _in_thread(self, work: Callable[..., R], *args: object) -> R:
        if self._closed:  # a rebalance may be under way while the worker ends
            raise LetGo("the worker is ending: it takes no checkpoint and recovers no partition any more")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def give_up(self) -> None:
        """Try nothing again from now on."""
        self.stopped = True
        self._store.give_up()

    async def close(self) -> None:
        """Try nothing again from now on, and end the thread."""
        self.give_up()
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        await self._store.close()


def restore(monitor: CheckpointedMonitor, manifest: Manifest, pages: Iterable[tuple[int, bytes]]) -> None:
    """Bring an empty monitor to where a checkpoint was taken.

    Raises:
        Damaged, Superseded: a page is not what the manifest says.
        OtherState: the checkpoint was taken by another version or with other settings.
    """
    monitor.restore(manifest.notes, ((page_id, decode(raw)) for page_id, raw in pages))


def _encode(pages: Iterable[Fresh], fresh: dict[int, bytes]) -> float:
    """Encode pages into `fresh`; the processor time it took."""
    began = time.thread_time()
    for each in pages:
        fresh[each.id] = encode(each.page)
    return time.thread_time() - began

"""The embedded log as a worker's backend: the checkpoints in a file of their own beside it, and what the worker
writes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from mode import get_logger

from streams.app import build_app
from streams.errors import Fenced
from streams.sqlite.checkpoints import SqliteCheckpoints, state_path
from streams.sqlite.connection import SqliteFailed
from streams.sqlite.faust_transport import LEASE
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from streams.app import WorkerSettings
    from streams.log import Progress
    from streams.log_backend import ResultWriter
    from streams.manifests import Manifest
    from streams.partition_handler import PartitionHandler
    from streams.sqlite.faust_transport import Producer, Transport
    from streams.sqlite.leases import Lease
    from streams.stage import Stage
    from streams.topics import Topics

R = TypeVar("R")
logger = get_logger(__name__)

_PATIENCE_S = 0.1
_MIN_DIRTY = 0.5


class SqliteBackend:
    """A worker's backend over the embedded log. It has every partition, by a lease.

    Args:
        path: the log's file; its topics are made where they are not there.
        settings: the worker's.
        stage: what it works at.
    """

    shared = False
    losses: tuple[type[Exception], ...] = ()

    def __init__(self, path: Path, settings: WorkerSettings, stage: Stage) -> None:
        self._path, self._partitions = path, settings.partitions
        self.topics = settings.topics
        with SqliteLog(self._path, self.topics) as log:
            create_topics(log, settings.partitions, keep_events_days=settings.keep_events_days)
        self._state_path = state_path(path, stage.prefix)
        self.app = build_app(settings)
        self._transport = cast("Transport", self.app.transport)
        self._transport.lease_name = stage.name(LEASE)

    def attach(self, handler: PartitionHandler) -> None:
        """Have `handler` called when the worker gets its partitions; no other takes any over, so none is revoked."""
        self._transport.handler = handler

    @property
    def identity(self) -> str:
        """The log's."""
        return self._transport.log.identity

    @property
    def lease(self) -> Lease | None:
        """The worker's, once it was taken."""
        return self._transport.lease

    def checkpoint_store(self) -> SqliteCheckpointStore:
        """The file beside the log."""
        return SqliteCheckpointStore(self._state_path, self)

    def result_writer(self, partition: int) -> ResultWriter:  # noqa: ARG002  the lease is of all
        """The log itself, under the lease."""
        return cast("Producer", self.app.producer)

    async def bounds(self, partition: int) -> tuple[int, int]:
        """First and end offset of the partition's events."""
        log, events = self._transport.log, self.topics.events.name
        return log.first_offset(events, partition), log.end_offset(events, partition)

    async def ends(self) -> Mapping[int, int] | None:
        """The end offset of every partition's events."""
        if not self.app.consumer.assignment():
            return None
        return {each: self._transport.log.end_offset(self.topics.events.name, each) for each in range(self._partitions)}

    async def finished(self, next_offsets: Mapping[int, int]) -> bool:
        """Whether the end of every partition is reached."""
        log = self._transport.log
        return len(next_offsets) == self._partitions and all(
            offset >= log.end_offset(self.topics.events.name, each) for each, offset in next_offsets.items()
        )

    async def show(self, progress: Sequence[Progress]) -> None:
        """Write how far we are; raises Fenced."""
        if self.lease is None:
            return
        await self._transport.writer.run(partial(_show, lease=self.lease, progress=progress))

    async def tidy(self, keep_from: Mapping[tuple[str, int], int]) -> None:
        """Compaction and retention."""
        await self._transport.writer.run(partial(_tidy, topics=self.topics, lease=self.lease, keep_from=keep_from))

    def rejoin(self) -> None:
        """There is no group to join again."""
        raise NotImplementedError("the embedded log has one worker: start it again")

    def give_up(self) -> None:
        """Try nothing again from now on."""
        self._transport.writer.give_up()

    async def close(self) -> None:
        """The transport has closed the log."""


class SqliteCheckpointStore:
    """The checkpoints' file, used in a thread of its own.

    Args:
        path: the file, made where it does not exist.
        backend: whose lease says who may checkpoint.
    """

    def __init__(self, path: Path, backend: SqliteBackend) -> None:
        self._store, self._backend = SqliteCheckpoints(path), backend
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._closing = threading.Event()
        self._epoch = 0

    async def fence(self, partitions: Collection[int], held: Collection[int] = ()) -> None:  # noqa: ARG002  the file, whole
        """Become the only one who may checkpoint; raises Fenced, StateLocked."""
        lease = self._backend.lease
        assert lease is not None
        self._epoch = lease.epoch
        await self._in_thread(self._store.fence, lease.epoch, self._backend.app.conf.id)

    async def release(self, partitions: Collection[int]) -> None:
        """The lease is given back when the consumer stops."""

    def epoch(self, partition: int) -> int:  # noqa: ARG002  one for all
        """The lease's."""
        return self._epoch

    async def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint; None where there is none."""
        return await self._in_thread(self._store.manifest, partition)

    async def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages it lists; each is read when it is asked for."""
        return self._store.pages(manifest)

    async def commit(self, manifest: Manifest, fresh: Mapping[int, bytes]) -> float:
        """Keep the next checkpoint; tried again while the file is locked or the disk full."""
        return await self._in_thread(self._insist, manifest, fresh)

    def _insist(self, manifest: Manifest, fresh: Mapping[int, bytes]) -> float:
        began = time.thread_time()
        while True:
            try:
                self._store.commit(self._epoch, manifest, fresh)
                return time.thread_time() - began
            except SqliteFailed as error:
                if not error.may_pass or self._closing.is_set():
                    raise
                logger.warning("cannot keep the state (%s); trying again", error.reason)
                self._closing.wait(_PATIENCE_S)

    async def _in_thread(self, work: Callable[..., R], *args: object) -> R:
        if self._closing.is_set():
            raise Fenced("the worker is ending: its state is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def give_up(self) -> None:
        """Try nothing again from now on."""
        self._closing.set()

    async def close(self) -> None:
        """End the thread and close the file."""
        self.give_up()
        await asyncio.to_thread(self._pool.shutdown)
        self._store.close()


def _show(log: SqliteLog, lease: Lease | None, progress: Sequence[Progress]) -> None:
    with log.transaction(lease):
        for each in progress:
            log.write_progress(each)


def _tidy(log: SqliteLog, topics: Topics, lease: Lease | None, keep_from: Mapping[tuple[str, int], int]) -> None:
    with log.transaction(lease):
        for topic in topics:
            if topic.compacted and not topic.internal:
                log.compact(topic.name, min_dirty=_MIN_DIRTY)
        log.retain(keep_from=keep_from)

"""Finds the partitions whose state a worker cannot go on from, and replaces it by a backup's or by none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from domain.alerts import Text
from domain.errors import TillwatchError
from engine.checkpoint.checkpoints import OtherState
from engine.checkpoint.pages import Damaged, encode
from streams.checkpointing import restore
from streams.log import now_utc_ms
from streams.sqlite.checkpoints import Manifest, PageRef, SqliteCheckpoints, is_whole, state_path
from tillwatch.logs import read_controls
from tillwatch.worker import new_monitor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from engine.monitor import Monitor
    from streams.sqlite.leases import Lease
    from streams.sqlite.log import SqliteLog
    from tillwatch.settings import Settings


ASKED = "asked for"
"""Why a partition that may be whole is built anew."""


class CannotRebuild(TillwatchError):
    """The state cannot be built anew as it was asked for; nothing was changed."""


class Checkpoints(Protocol):
    """Where checkpoints can be looked at."""

    def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint of a partition."""
        ...

    def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages it lists, each checked."""
        ...


def restored(settings: Settings, store: Checkpoints, manifest: Manifest) -> Monitor:
    """A monitor that stands where a checkpoint was taken; raises what `restore` does."""
    monitor = new_monitor(settings, manifest.partition)
    monitor.learn(read_controls(settings))
    restore(monitor, manifest, store.pages(manifest))
    return monitor


class Rebuild:
    """A rebuild of the state of some partitions.

    Args:
        settings: where log and state are.
        log: the log.
        lease: the worker's lease on it, so that no worker runs.
        source: a backup to go on from; None where everything is read again.
        from_first: whether state may begin at the log's first event where what lay before is gone.
    """

    def __init__(
        self, settings: Settings, log: SqliteLog, lease: Lease, source: Path | None, *, from_first: bool
    ) -> None:
        self._settings, self._log, self._lease = settings, log, lease
        self._source, self._from_first = source, from_first
        self._path = state_path(settings.log_path)

    def run(self, chosen: AbstractSet[int]) -> list[Text]:
        """Replace the state of the chosen partitions, or of those that are damaged if none is chosen.

        Returns:
            What was done, in lines for people; none where nothing was.

        Raises:
            CannotRebuild: one of them cannot be replaced; nothing was changed.
            Fenced: somebody took the lease meanwhile.
            StateLocked, UnknownFormat: see `SqliteCheckpoints`.
        """
        whole = not self._path.exists() or is_whole(self._path)
        why = dict.fromkeys(sorted(chosen), ASKED) if chosen else {}
        if not (chosen and whole):
            why = dict(sorted((self._damaged(whole=whole) | why).items()))
        starts = {partition: self._start(partition) for partition in why}
        if whole and not why:
            return []
        lines = [] if whole else [_moved(self._path)]
        self._replace(starts, None if whole else _move_aside(self._path))
        return lines + [goes_on(each, why[each], start) for each, start in starts.items()]

    # -- what is wrong

    def _damaged(self, *, whole: bool) -> dict[int, str]:
        """By partition, why a worker cannot go on from its state."""
        numbers = range(self._settings.partitions)
        try:
            with SqliteCheckpoints(self._path, read_only=not whole) as store:
                faults = {each: self._fault(store, each) for each in numbers}
        except Damaged as error:  # it cannot even be opened
            faults = dict.fromkeys(numbers, _without_advice(error))
        return {each: fault for each, fault in faults.items() if fault}

    def _fault(self, store: SqliteCheckpoints, partition: int) -> str:
        """What is wrong with a partition's state, "" for nothing."""
        self._log.renew_lease(self._lease)
        try:
            manifest = store.manifest(partition)
            if manifest is not None:
                restored(self._settings, store, manifest)
        except Damaged as error:
            return _without_advice(error)
        except OtherState as error:
            raise CannotRebuild(
                f"partition {partition}: {error}: set it so again, or build it anew with --partition {partition}"
            ) from error
        return self._gone(partition, 0 if manifest is None else manifest.offset)

    def _gone(self, partition: int, offset: int) -> str:
        """Why a partition cannot be read on from an offset, "" where it can."""
        first, end = self._bounds(partition)
        return (
            "" if first <= offset <= end else f"it would go on from offset {offset:,}, the log has {first:,} to {end:,}"
        )

    def _bounds(self, partition: int) -> tuple[int, int]:
        events = self._log.topics.events.name
        return self._log.first_offset(events, partition), self._log.end_offset(events, partition)

    # -- what takes its place

    def _start(self, partition: int) -> int:
        """The offset that a partition will go on from."""
        self._log.renew_lease(self._lease)
        saved = None if self._source is None else self._saved(self._source, partition)
        if saved is not None:
            return saved
        first, _ = self._bounds(partition)
        if first and not self._from_first:
            raise CannotRebuild(
                f"partition {partition} must be read again from offset 0, got a log that begins at {first}: give a"
                " backup with --from, or let the state begin there with --from-first"
            )
        return first

    def _saved(self, source: Path, partition: int) -> int | None:
        """The offset that a backup's state of a partition goes on from, None if it has none."""
        try:
            with SqliteCheckpoints(source, read_only=True) as store:
                manifest = store.manifest(partition)
                if manifest is None:
                    return None
                restored(self._settings, store, manifest)
        except (Damaged, OtherState) as error:
            raise CannotRebuild(f"partition {partition} of the backup: {_without_advice(error)}") from error
        if manifest.source != self._log.identity:
            raise CannotRebuild(f"partition {partition} of the backup is the state of another log")
        if gone := self._gone(partition, manifest.offset):
            raise CannotRebuild(f"partition {partition} of the backup: {gone}")
        return manifest.offset

    def _replace(self, starts: dict[int, int], aside: Path | None) -> None:
        """Replace the state of partitions; where the file was broken, take the others over from it."""
        epoch = self._lease.epoch
        with SqliteCheckpoints(self._path) as store:
            store.fence(epoch, "tillwatch state rebuild")
            for partition in range(self._settings.partitions):
                self._log.renew_lease(self._lease)
                if partition not in starts:
                    if aside is not None:
                        store.restore_from(epoch, aside, partition)
                elif self._source is None or store.restore_from(epoch, self._source, partition) is None:
                    store.drop(epoch, partition)
                    if starts[partition]:
                        self._begin(store, partition, starts[partition])

    def _begin(self, store: SqliteCheckpoints, partition: int, offset: int) -> None:
        """Commit a checkpoint of a partition that remembers nothing, to be read on from an offset."""
        manifest, fresh = first_checkpoint(self._settings, partition, offset, self._log.identity)
        store.commit(self._lease.epoch, msgspec.structs.replace(manifest, epoch=self._lease.epoch), fresh)


def first_checkpoint(settings: Settings, partition: int, offset: int, source: str) -> tuple[Manifest, dict[int, bytes]]:
    """A checkpoint of a partition that remembers nothing, to be read on from an offset, and its pages; it has no owner
    yet.
    """
    checkpoint = new_monitor(settings, partition).checkpoint()
    fresh = {each.id: encode(each.page) for each in checkpoint.rest()}
    refs = tuple(PageRef.of(page_id, raw) for page_id, raw in fresh.items())
    manifest = Manifest(
        partition=partition,
        checkpoint=1,
        parent=0,
        offset=offset,
        source=source,
        epoch=0,
        rows=0,
        checkpoint_ms=now_utc_ms(),
        pages=refs,
        notes=checkpoint.notes(),
    )
    return manifest, fresh


def goes_on(partition: int, why: str, start: int) -> Text:
    """What was done to a partition, for people; what is wrong with a file or page is in English in both."""
    return Text(
        f"partition {partition}: {why}; it goes on from offset {start:,}",
        f"分区{partition}：{'按要求重建' if why == ASKED else why}；自位点{start:,}继续",
    )


def _moved(path: Path) -> Text:
    aside = _aside(path)
    return Text(f"{path} is broken as a file; it was moved to {aside}", f"文件{path}已损坏，移至{aside}")


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def _move_aside(path: Path) -> Path:
    """Give a file another name, and its write-ahead log with it."""
    aside = _aside(path)
    for suffix in ("-wal", ""):
        before, after = Path(f"{path}{suffix}"), Path(f"{aside}{suffix}")
        if before.exists():
            before.replace(after)
        else:
            after.unlink(missing_ok=True)
    Path(f"{path}-shm").unlink(missing_ok=True)
    return aside


def _without_advice(error: Exception) -> str:
    """What an error says, without the advice to do what is being done."""
    return str(error).partition("; run `tillwatch state rebuild`")[0]

"""Finds the partitions whose state a worker cannot go on from, and replaces it by a backup's or by none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from domain.alerts import Text
from engine.checkpoint.checkpoints import OtherState
from engine.checkpoint.pages import Damaged
from streams.sqlite.checkpoints import SqliteCheckpoints, is_whole, state_path
from streams.sqlite.faust_transport import LEASE
from streams.state_rebuild import ASKED, CannotRebuild, goes_on

if TYPE_CHECKING:
    from streams.sqlite.leases import Lease
    from streams.sqlite.log import SqliteLog
    from streams.state_rebuild import RebuildRequest

_OWNER = "tillwatch state rebuild"
_LEASE_S = 120.0
"""For how long a rebuild keeps the lease without renewing it, which it does before each partition."""


def rebuild(path: Path, request: RebuildRequest) -> list[Text]:
    """Replace the state of the chosen partitions, or of those that are damaged if none is chosen.

    Args:
        path: the log's file.
        request: what is to be built anew.

    Returns:
        What was done, in lines for people; none where nothing was.

    Raises:
        CannotRebuild: one of them cannot be replaced; nothing was changed.
        LeaseHeld: a worker runs.
        Fenced: somebody took the lease meanwhile.
        StateLocked, UnknownFormat: see `SqliteCheckpoints`.
    """
    with request.open_log() as opened:
        log = cast("SqliteLog", opened)  # it is at our own address
        lease = log.acquire_lease(LEASE, _OWNER, _LEASE_S)
        try:
            return _Rebuild(request, log, lease, state_path(path)).run()
        finally:
            log.release_lease(lease)


class _Rebuild:
    """A rebuild under the worker's lease on the log, so that no worker runs."""

    def __init__(self, request: RebuildRequest, log: SqliteLog, lease: Lease, path: Path) -> None:
        self._request, self._log, self._lease, self._path = request, log, lease, path

    def run(self) -> list[Text]:
        """Find out what is to be replaced, make sure that it can be, then replace it."""
        chosen = self._request.chosen
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
        numbers = range(self._request.partitions)
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
                self._request.restored(store, manifest)
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
        source = self._request.source
        saved = None if source is None else self._saved(source, partition)
        if saved is not None:
            return saved
        first, _ = self._bounds(partition)
        if first and not self._request.from_first:
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
                self._request.restored(store, manifest)
        except (Damaged, OtherState) as error:
            raise CannotRebuild(f"partition {partition} of the backup: {_without_advice(error)}") from error
        if manifest.source != self._log.identity:
            raise CannotRebuild(f"partition {partition} of the backup is the state of another log")
        if gone := self._gone(partition, manifest.offset):
            raise CannotRebuild(f"partition {partition} of the backup: {gone}")
        return manifest.offset

    def _replace(self, starts: dict[int, int], aside: Path | None) -> None:
        """Replace the state of partitions; where the file was broken, take the others over from it."""
        epoch, source = self._lease.epoch, self._request.source
        with SqliteCheckpoints(self._path) as store:
            store.fence(epoch, _OWNER)
            for partition in range(self._request.partitions):
                self._log.renew_lease(self._lease)
                if partition not in starts:
                    if aside is not None:
                        store.restore_from(epoch, aside, partition)
                elif source is None or store.restore_from(epoch, source, partition) is None:
                    store.drop(epoch, partition)
                    if starts[partition]:
                        self._begin(store, partition, starts[partition])

    def _begin(self, store: SqliteCheckpoints, partition: int, offset: int) -> None:
        """Commit a checkpoint of a partition that remembers nothing, to be read on from an offset."""
        manifest, fresh = self._request.first_checkpoint(partition, offset, self._log.identity)
        store.commit(self._lease.epoch, msgspec.structs.replace(manifest, epoch=self._lease.epoch), fresh)


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

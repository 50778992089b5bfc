"""What keeps a worker from a log in a file: its folder, the log, its topics, the state, the clock."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from engine.checkpoint.pages import Damaged
from streams.diagnosis import CLOCK_SKEW_MS, OK, clock_finding, fault, ok, skipped, topic_findings
from streams.errors import StateLocked, UnknownFormat
from streams.log import now_utc_ms
from streams.manifests import REBUILD
from streams.sqlite.checkpoints import SqliteCheckpoints, state_path
from streams.sqlite.connection import SqliteFailed
from streams.sqlite.log import SqliteLog
from streams.topic_faults import embedded_faults, wanted_topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.diagnosis import Finding
    from streams.topics import Topics


class SqliteDiagnosis:
    """Looks for faults of a log in a file; nothing is made or changed.

    Args:
        path: the log's file.
        topics: the log's topics.
        partitions: of each topic that says nothing else.
    """

    def __init__(self, path: Path, topics: Topics, partitions: int) -> None:
        self._path, self._topics, self._partitions = path, topics, partitions

    def findings(self) -> Iterator[Finding]:
        """What was found, check by check."""
        yield from self._folder()
        if not self._path.exists():
            yield ok("log", f"there is none at {self._path} yet; `tillwatch ingest` and `tillwatch worker` make it")
            for check in ("topics", "state", "clock"):
                yield skipped(check, "there is no log yet")
            return
        try:
            with SqliteLog(self._path, self._topics) as log:
                yield ok("log", f"{self._path} can be opened")
                faults = embedded_faults(log, self._partitions)
                yield from topic_findings(faults, len(wanted_topics(log)))
                yield from self._state(log)
                yield self._clock(log)
        except UnknownFormat as error:
            yield fault("log", str(error), "correct log_url, or install the version of Tillwatch that has written it")
        except SqliteFailed as error:
            cure = "correct log_url, or put the file back from a backup"
            yield fault("log", f"{self._path} must be a log that can be opened: {error}", cure)

    def _folder(self) -> Iterator[Finding]:
        folder = self._path.absolute().parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            yield fault("files", f"{folder} must be a folder, it is a file", "correct log_url, or move that file away")
            return
        open_to_all = [
            each
            for each in (self._path, state_path(self._path))
            if each.exists() and each.stat().st_mode & stat.S_IWOTH
        ]
        for each in open_to_all:
            mode = stat.S_IMODE(each.stat().st_mode)
            yield fault(
                "files", f"{each} must not be writable by everybody, its mode is {mode:04o}", f"chmod 600 {each}"
            )
        if not open_to_all:
            yield ok("files", "log and state can be written by nobody else")

    def _state(self, log: SqliteLog) -> Iterator[Finding]:
        path = state_path(self._path)
        if not path.exists():
            yield ok("state", "there is none yet; the first worker makes it")
            return
        try:
            with SqliteCheckpoints(path, read_only=True) as store:
                findings = [self._checkpoint(log, store, each) for each in sorted(store.offsets())]
        except FileNotFoundError:
            yield ok("state", "a worker is just making it")
        except UnknownFormat as error:
            yield fault("state", str(error), "install the version of Tillwatch that has written it, or a later one")
        except Damaged as error:
            yield fault("state", str(error), REBUILD)
        except (StateLocked, SqliteFailed) as error:
            yield fault("state", str(error), "end the process that keeps it locked")
        else:
            faults = [each for each in findings if each.status != OK]
            yield from faults or [ok("state", f"checkpoints of {len(findings)} partitions go on in this log")]

    def _checkpoint(self, log: SqliteLog, store: SqliteCheckpoints, partition: int) -> Finding:
        manifest, name = store.manifest(partition), log.topics.events.name
        if manifest is None:
            return ok("state", f"no checkpoint of partition {partition}")
        if manifest.source != log.identity:
            return fault(
                "state", f"the checkpoint of partition {partition} must be of this log, it is of another",
                f"put the log's own state back from a backup, or {REBUILD} --all",
            )  # fmt: skip
        if partition >= self._partitions:
            return ok("state", f"partition {partition} is no longer read")
        first, end = log.first_offset(name, partition), log.end_offset(name, partition)
        if not first <= manifest.offset <= end:
            return fault(
                "state", f"the checkpoint of partition {partition} must go on between {first} and {end}, it does at"
                f" {manifest.offset}", f"put log and state back from one backup, or {REBUILD} --partition {partition}",
            )  # fmt: skip
        return ok("state", f"checkpoint {manifest.checkpoint} of partition {partition}")

    def _clock(self, log: SqliteLog) -> Finding:
        """Whether this machine's clock has gone back behind what was appended."""
        name, latest_ms = log.topics.events.name, 0
        for partition in range(log.partitions(name)) if name in log.topic_names() else ():
            end = log.end_offset(name, partition)
            if end > log.first_offset(name, partition):
                latest_ms = max(latest_ms, int(log.read(name, partition, end - 1, 1).appended_ms[-1]))
        if not latest_ms:
            return ok("clock", "nothing has been appended yet that it could be compared with")
        ahead_ms = latest_ms - now_utc_ms()
        if ahead_ms <= CLOCK_SKEW_MS:
            return ok("clock", "the newest record was not appended after this machine's present time")
        return clock_finding(ahead_ms, "the time at which the newest record was appended")

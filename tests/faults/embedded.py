"""What the faults must know of the embedded log: its files, its lease, and where its worker can be struck."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from streams.app import WorkerSettings
from streams.errors import UnknownFormat
from streams.sqlite.address import SqliteAddress
from streams.sqlite.checkpoints import SqliteCheckpoints, state_path
from streams.sqlite.faust_transport import LEASE
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from tests.faults.damage import flipped, rebuild
from tests.outcome import Result, result_of
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from streams.sqlite.checkpoints import Manifest
    from tests.faults.child import Ending
    from tests.faults.traffic import Traffic

SHORT_LEASE: Mapping[str, object] = {"streams.sqlite.faust_transport:LEASE_TTL_S": 0.6}
"""Given to workers, lets the lease of one that stands still expire soon."""
STRIKES: Mapping[str, int] = {
    "engine.monitor:Monitor.process": 20,
    "streams.sqlite.faust_transport:_append": 10,
    "streams.sqlite.log:SqliteLog.append": 10,
    "streams.sqlite.log:SqliteLog.transaction": 40,
    "streams.sqlite.log:SqliteLog.write_progress": 3,
    "streams.sqlite.log:SqliteLog.commit": 3,
    "engine.checkpoint.checkpoints:Checkpoint.gather": 6,
    "streams.sqlite.checkpoints:SqliteCheckpoints.fence": 1,
    "streams.sqlite.checkpoints:SqliteCheckpoints.commit": 6,
    "streams.sqlite.checkpoints:SqliteCheckpoints._transaction": 7,
    "streams.agent:MonitorAgent.acknowledge": 6,
}
"""Where a worker can be struck, and within how many calls: as many as a run of some 30 batches comes to."""


@dataclass(frozen=True)
class EmbeddedLog:
    """The embedded log in a folder of its own. Processes hand it to each other.

    Attributes:
        folder: where its files are.
        partitions: of every topic.
        strikes: where a worker on it can be struck.
        given: module attributes that workers are given.
        longest_s: within which a worker is killed at any moment.
    """

    strikes: ClassVar[Mapping[str, int]] = STRIKES
    given: ClassVar[Mapping[str, object]] = {}
    longest_s: ClassVar[float] = 0.6
    folder: Path
    partitions: int

    @property
    def path(self) -> Path:
        """The log's file."""
        return self.folder / "tillwatch.db"

    @property
    def state(self) -> Path:
        """The file of the checkpoints."""
        return state_path(self.path)

    def create(self) -> None:
        """Make the topics."""
        with SqliteLog(self.path) as log:
            create_topics(log, self.partitions)

    def close(self) -> None:
        """Nothing stays open."""

    def settings(self, *, batch_records: int, checkpoint_every_s: float | None) -> WorkerSettings:
        """What a worker on it is told."""
        return WorkerSettings(
            address=SqliteAddress(self.path),
            partitions=self.partitions,
            batch_records=batch_records,
            checkpoint_every_s=checkpoint_every_s,
        )

    def feed(self, traffic: Traffic, until: float = 1.0, pace: float | None = None) -> None:
        """Append the traffic's records of a share of its time, going on where the last feed stopped.

        Args:
            traffic: what is fed.
            until: share of the simulation's time, 0 to 1.
            pace: simulated time per real time; as fast as possible by default.
        """
        with SqliteLog(self.path) as log:
            until_ms = None if until >= 1 else traffic.until_ms(until)
            feed_simulation(log, traffic.simulation, until_ms=until_ms, pace=pace)

    def ends(self) -> dict[int, int]:
        """By partition, the offset that the next event gets."""
        with SqliteLog(self.path) as log:
            return {each: log.end_offset(TOPICS.events.name, each) for each in range(self.partitions)}

    def event_count(self) -> int:
        """How many events there are."""
        return sum(self.ends().values())

    def acknowledged(self) -> dict[int, int]:
        """By partition, the group's committed offset; 0 before the first."""
        with SqliteLog(self.path) as log:
            return {each: log.committed("tillwatch", TOPICS.events.name, each) or 0 for each in range(self.partitions)}

    def checkpoints(self) -> dict[int, int]:
        """By partition, the offset of the last committed checkpoint; partitions without one are left out."""
        return {each.partition: each.offset for each in self._manifests()}

    def checkpoint_count(self) -> int:
        """How many checkpoints were committed, of all partitions together."""
        return sum(each.checkpoint for each in self._manifests())

    def _manifests(self) -> list[Manifest]:
        try:
            with SqliteCheckpoints(self.state, read_only=True) as store:
                return [found for each in range(self.partitions) if (found := store.manifest(each)) is not None]
        except (FileNotFoundError, UnknownFormat):  # it is not there, or just being made
            return []

    def published(self) -> dict[tuple[str, int], int]:
        """By topic and partition, how much there is: what a worker that may not write leaves as it was."""
        with SqliteLog(self.path) as log:
            return {
                (name, p): log.end_offset(name, p) for name in log.topic_names() for p in range(log.partitions(name))
            }

    def epochs(self) -> dict[tuple[str, int], list[int]]:
        """By topic and partition, whose worker wrote each alert or score, in the order they were written."""
        with SqliteLog(self.path) as log:
            return {
                (topic.name, each): [
                    json.loads(record.value)["epoch"] for record in log.read_keyed(topic.name, each, 0, 1_000_000)
                ]
                for topic in (TOPICS.alerts, TOPICS.merchant_risk)
                for each in range(self.partitions)
            }

    def result(self, ending: Ending) -> Result:
        """What its readers see in the end, with the sums of the worker that ended."""
        with SqliteLog(self.path) as log:
            return result_of(log, self.partitions, ending.counts, ending.totals)

    def holder(self) -> int | None:
        """The process that holds the worker's lease."""
        with closing(sqlite3.connect(self.path, timeout=10)) as db:
            row = db.execute("SELECT pid FROM lease WHERE name = ? AND held", (LEASE,)).fetchone()
            return None if row is None else int(row[0])

    def shown_ms(self) -> int:
        """What the worker's clock was when it last showed its progress, UTC milliseconds; 0 before."""
        with SqliteLog(self.path) as log:
            return max((each.updated_ms for each in log.progress()), default=0)

    def locked(self) -> bool:
        """Whether somebody is in the middle of a write, to the log or to the state."""
        try:
            for path in filter(os.path.exists, (self.path, self.state)):
                with self.locking(path):
                    pass
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return True
        return False

    @contextmanager
    def locking(self, path: Path, patience_s: float = 0) -> Iterator[None]:
        """Keep every other writer out of one of its files; raises OperationalError where one is in it for longer."""
        with closing(sqlite3.connect(path, timeout=patience_s, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")

    def damage_page(self, draw: random.Random) -> str:
        """Flip some bytes of a stored page; which one it was."""
        with closing(sqlite3.connect(self.state, timeout=10, isolation_level=None)) as db:
            partition, number = draw.choice(db.execute("SELECT partition, id FROM page ORDER BY 1, 2").fetchall())
            where = "WHERE partition = ? AND id = ?"
            (body,) = db.execute(f"SELECT body FROM page {where}", (partition, number)).fetchone()
            db.execute(f"UPDATE page SET body = ? {where}", (flipped(body, draw), partition, number))
        return f"page {number} of partition {partition}"

    def damage_file(self, draw: random.Random) -> None:
        """Flip bytes anywhere in the state's file, at some places, or checkpoint its end off."""
        body = self.state.read_bytes()
        if draw.random() < 0.2:
            body = body[: draw.randrange(len(body))]
        for _ in range(draw.randint(1, 50)):
            first = draw.randrange(max(1, len(body)))
            body = body[:first] + flipped(body[first : first + 1000], draw) + body[first + 1000 :]
        self.state.write_bytes(body)

    def rebuild(self) -> None:
        """Compute the state anew from the log, as an operator does."""
        rebuild(SqliteAddress(self.path).url, self.partitions)

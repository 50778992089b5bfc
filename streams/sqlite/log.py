"""The embedded log: topics and partitions in one SQLite file, stored in blocks of records.

A block is one row: up to 5,000 records, their values joined, with their lengths beside them, as in Kafka's
record batches. So 5,000 records are appended and read without a Python object for each. Compacted topics keep
a row per record, with its key. Why: `docs/decisions/001-blocks-in-the-log.md`.

Any number of processes may append and read at once; writers wait for each other. A `SqliteLog` is used by one
thread at a time.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

import msgspec
import numpy as np

from streams.errors import LeaseHeld, OffsetGone, UnknownFormat, UnknownTopic
from streams.log import KeyedRecord, Progress, check_each, ends_of, now_utc_ms
from streams.sqlite import housekeeping, leases
from streams.sqlite.blocks import MAX_BLOCK_RECORDS, cut, join
from streams.sqlite.connection import SqliteFailed, connect, immediate, open_patiently
from streams.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from engine.decoding.records import Records
    from streams.sqlite.leases import Lease
    from streams.topics import Topics, WantedTopic

_WAL_PAGES = 4_096
_PAGE_BYTES = 16_384

_SCHEMA = """
CREATE TABLE IF NOT EXISTS topic (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, compacted INTEGER NOT NULL,
    retention_ms INTEGER, retention_bytes INTEGER
);
CREATE TABLE IF NOT EXISTS topic_partition (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL,
    first_offset INTEGER NOT NULL DEFAULT 0, end_offset INTEGER NOT NULL DEFAULT 0,
    compacted_to INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, number)
);
CREATE TABLE IF NOT EXISTS block (
    id INTEGER PRIMARY KEY, tp INTEGER NOT NULL, base INTEGER NOT NULL, count INTEGER NOT NULL,
    appended_ms INTEGER NOT NULL, key BLOB, bytes INTEGER NOT NULL, lengths BLOB NOT NULL, body BLOB NOT NULL,
    UNIQUE (tp, base)
);
CREATE TABLE IF NOT EXISTS committed (
    consumer_group TEXT, topic TEXT, number INTEGER, next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, number)
);
CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);
INSERT OR IGNORE INTO identity VALUES (1, lower(hex(randomblob(16))));
CREATE TABLE IF NOT EXISTS position (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


APPLICATION_ID = int.from_bytes(b"TWLG")
VERSION = 1
"""Format of the log's tables."""
_MARK = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"


@dataclass(frozen=True, slots=True)
class _Topic:
    ids: tuple[int, ...]
    compacted: bool


class SqliteLog:
    """A log in the file `path`, made where it does not exist.

    Args:
        path: the file; its folder must exist.
        topics: its topics, by what each is for.
        durable: whether appended records outlive a power failure (`synchronous=FULL`), not only the process.
        busy_timeout_s: how long to wait for another writer before `SqliteFailed` is raised.

    Raises:
        UnknownFormat: the file is no log, or one of a later format.
    """

    has_internal_topics: ClassVar[bool] = False

    def __init__(
        self, path: str | PathLike[str], topics: Topics = TOPICS, *, durable: bool = True, busy_timeout_s: float = 30.0
    ) -> None:
        self.path, self.topics = path, topics
        self._db = connect(path, busy_timeout_s)
        self._topics: dict[str, _Topic] = {}
        try:
            open_patiently(partial(self._set_up, durable=durable), busy_timeout_s)
        except (SqliteFailed, UnknownFormat):
            self._db.close()
            raise
        self._seen = self._version()

    def _set_up(self, *, durable: bool) -> None:
        execute = self._db.execute
        is_new = self._is_new()
        execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        # Some builds overwrite what they delete, which retention and compaction would pay for.
        execute("PRAGMA secure_delete = OFF")
        if is_new:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {leases.SCHEMA}; {_MARK} COMMIT;")
        elif execute("PRAGMA application_id").fetchone() == (0,):  # of a version that did not mark its logs
            self._db.executescript(f"BEGIN IMMEDIATE; {_MARK} COMMIT;")

    def _is_new(self) -> bool:
        """Whether there is nothing in the file yet.

        Raises:
            UnknownFormat: what is in it is no log, or one of a later format.
        """
        execute = self._db.execute
        (mark,), (version,) = execute("PRAGMA application_id").fetchone(), execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if mark not in {0, APPLICATION_ID} or (tables and "identity" not in tables):
            raise UnknownFormat(f"{self.path} must be a log of Tillwatch, got a database of another application")
        if version > VERSION:
            raise UnknownFormat(f"{self.path} must be a log of format {VERSION} or below, got format {version}")
        return not tables

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(
        self,
        lease: Lease | None = None,
        *,
        writer: str | None = None,  # noqa: ARG002  writers wait for each other
    ) -> Iterator[None]:
        """Everything written inside is there at once or not at all. Inside another transaction it joins it.

        Args:
            lease: write only while this lease is in force.
            writer: ignored; SQLite writers queue for the lock, none is fenced.

        Raises:
            Fenced: the lease is stale; nothing was written.
        """
        if self._db.in_transaction:
            if lease is not None:
                leases.check(self._db, lease)
            yield
            return
        try:
            with immediate(self._db):
                if lease is not None:
                    leases.check(self._db, lease)
                yield
        except BaseException:
            self._topics.clear()  # one may have been made in the transaction
            raise

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """All reads inside see the log at one moment."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    @property
    def identity(self) -> str:
        """What tells this log from every other: offsets mean something in one log only."""
        (found,) = self._db.execute("SELECT id FROM identity").fetchone()
        return str(found)

    # -- topics

    def create_topic(
        self,
        name: str,
        partitions: int,
        *,
        compacted: bool = False,
        retention_ms: int | None = None,
        retention_bytes: int | None = None,
    ) -> None:
        """Make a topic; where it is there already, only its retention is set anew.

        Args:
            name: the topic's name.
            partitions: at least 1; never changes.
            compacted: whether records have keys, and `compact` keeps the newest of each.
            retention_ms: `retain` drops blocks older than this; None keeps them.
            retention_bytes: `retain` drops the oldest blocks of a partition that holds more; None keeps them.

        Raises:
            ValueError: partitions is below 1, or the topic was made with other partitions or compaction.
        """
        if partitions < 1:
            raise ValueError(f"partitions of topic {name!r} must be at least 1, got {partitions!r}")
        row = self._db.execute("SELECT * FROM topic WHERE name = ?", (name,)).fetchone()
        if row == (name, partitions, compacted, retention_ms, retention_bytes):
            return  # nothing to write: this waits for no writer, nor does it fail where one stands still
        with self.transaction():
            row = self._db.execute("SELECT partitions, compacted FROM topic WHERE name = ?", (name,)).fetchone()
            if row is None:
                self._db.execute("INSERT INTO topic VALUES (?, ?, ?, NULL, NULL)", (name, partitions, compacted))
                self._db.executemany(
                    "INSERT INTO topic_partition (topic, number) VALUES (?, ?)",
                    [(name, number) for number in range(partitions)],
                )
            elif row != (partitions, compacted):
                raise ValueError(
                    f"topic {name!r} has {row[0]} partitions, compacted={bool(row[1])};"
                    f" got {partitions}, compacted={compacted}"
                )
            self._db.execute(
                "UPDATE topic SET retention_ms = ?, retention_bytes = ? WHERE name = ?",
                (retention_ms, retention_bytes, name),
            )

    def create_topics(self, wanted: Sequence[WantedTopic]) -> None:
        """As `Log.create_topics`."""
        for each in wanted:
            self.create_topic(
                each.name, each.partitions, compacted=each.compacted, retention_ms=each.retention_ms,
                retention_bytes=each.retention_bytes,
            )  # fmt: skip

    def topic_names(self) -> list[str]:
        """Names of all topics, sorted."""
        return [name for (name,) in self._db.execute("SELECT name FROM topic ORDER BY name")]

    def partitions(self, topic: str) -> int:
        """How many partitions `topic` has; raises `UnknownTopic`."""
        return len(self._topic(topic).ids)

    def compacted(self, topic: str) -> bool:
        """Whether `topic` is compacted; raises `UnknownTopic`."""
        return self._topic(topic).compacted

    def _topic(self, name: str) -> _Topic:
        if (known := self._topics.get(name)) is not None:
            return known
        rows = self._db.execute(
            "SELECT p.id, t.compacted FROM topic t JOIN topic_partition p ON p.topic = t.name"
            " WHERE t.name = ? ORDER BY p.number",
            (name,),
        ).fetchall()
        if not rows:
            raise UnknownTopic(f"topic must be one of {self.topic_names()}, got {name!r}")
        topic = _Topic(tuple(row[0] for row in rows), bool(rows[0][1]))
        self._topics[name] = topic
        return topic

    def _tp(self, topic: str, partition: int) -> int:
        ids = self._topic(topic).ids
        if not 0 <= partition < len(ids):
            raise ValueError(f"partition of {topic!r} must be 0 to {len(ids) - 1}, got {partition!r}")
        return ids[partition]

    # -- appending

    def can_append(self, topic: str) -> bool:
        """Whether the file may be written to; raises UnknownTopic."""
        self.partitions(topic)
        return os.access(self.path, os.W_OK)

    def append(
        self,
        topic: str,
        partition: int,
        values: Sequence[bytes],
        *,
        keys: Sequence[bytes] | None = None,
        appended_ms: int | None = None,
    ) -> int:
        """Append `values` in order and return the first one's offset (the end, if there are none).

        Args:
            topic: where to.
            partition: 0 up to the topic's partitions.
            values: any bytes; an empty one in a compacted topic takes its key away.
            keys: one for each value in a compacted topic; elsewhere they are not kept, the record holds its key.
            appended_ms: append time, UTC milliseconds; now by default.

        Raises:
            UnknownTopic, ValueError: no such topic or partition; keys missing or too many.
        """
        if not self._topic(topic).compacted:
            lengths = np.fromiter(map(len, values), np.int32, len(values))
            return self.append_block(topic, partition, b"".join(values), lengths, appended_ms)
        if keys is None or len(keys) != len(values):
            got = "none" if keys is None else len(keys)
            raise ValueError(f"topic {topic!r} is compacted: a key for each of {len(values)} values, got {got}")
        at = now_utc_ms() if appended_ms is None else appended_ms
        tp = self._tp(topic, partition)
        with self.transaction():
            base = self._reserve(tp, len(values))
            self._insert(
                [
                    (tp, base + i, 1, at, key, len(value), len(value).to_bytes(4, "little"), value)
                    for i, (key, value) in enumerate(zip(keys, values, strict=True))
                ]
            )
        return base

    def append_each(
        self,
        topic: str,
        values: Sequence[Sequence[bytes]],
        *,
        keys: Sequence[Sequence[bytes | None]] | None = None,
    ) -> None:
        """Append to every partition what `values` has for it, in one transaction; keys are not kept."""
        check_each(topic, self.partitions(topic), values, keys)
        with self.transaction():
            for partition, each in enumerate(values):
                if each:
                    self.append(topic, partition, each)

    def append_block(
        self,
        topic: str,
        partition: int,
        data: bytes,
        lengths: NDArray[np.int32],
        appended_ms: int | None = None,
    ) -> int:
        """Append the records joined in `data`, and return the first one's offset: the fast way.

        Args:
            topic: a topic that is not compacted.
            partition: 0 up to the topic's partitions.
            data: the values, joined.
            lengths: each value's length in bytes, int32, at least 0; they sum to `len(data)`.
            appended_ms: append time, UTC milliseconds; now by default.

        Raises:
            UnknownTopic, ValueError: no such topic or partition; it is compacted; the lengths do not fit.
        """
        if self._topic(topic).compacted:
            raise ValueError(f"topic {topic!r} is compacted: append with keys, got a block")
        ends = np.cumsum(lengths, dtype=np.int64)
        total = int(ends[-1]) if len(ends) else 0
        if total != len(data) or (len(lengths) and int(lengths.min()) < 0):
            raise ValueError(f"lengths must be at least 0 and sum to {len(data)} bytes, got {total}")
        at = now_utc_ms() if appended_ms is None else appended_ms
        tp = self._tp(topic, partition)
        little = np.ascontiguousarray(lengths, "<i4")
        with self.transaction():
            base = self._reserve(tp, len(lengths))
            self._insert(
                (tp, base + first, last - first, at, None, len(body), little[first:last].tobytes(), body)
                for first, last, body in cut(data, ends)
            )
        return base

    def append_blocks(self, topic: str, data: bytes, lengths: NDArray[np.int32], counts: Sequence[int]) -> None:
        """Append to every partition its part of the records joined in `data`, as in `append_block`.

        Args:
            topic: a topic that is not compacted.
            data: the values, joined, by partition.
            lengths: each value's length in bytes.
            counts: how many records each partition gets.

        Raises:
            UnknownTopic, ValueError: no such topic; it is compacted; the lengths or the counts do not fit.
        """
        ends = ends_of(topic, self.partitions(topic), data, lengths, counts)
        with self.transaction():
            first, start = 0, 0
            for partition, count in enumerate(counts):
                if count:
                    end = int(ends[first + count - 1])
                    self.append_block(topic, partition, data[start:end], lengths[first : first + count])
                    first, start = first + count, end

    def _reserve(self, tp: int, count: int) -> int:
        (end,) = self._db.execute(
            "UPDATE topic_partition SET end_offset = end_offset + ? WHERE id = ? RETURNING end_offset",
            (count, tp),
        ).fetchone()
        return int(end) - count

    def _insert(self, rows: Iterator[tuple[object, ...]] | list[tuple[object, ...]]) -> None:
        self._db.executemany(
            "INSERT INTO block (tp, base, count, appended_ms, key, bytes, lengths, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    # -- reading

    def read(self, topic: str, partition: int, offset: int, max_records: int = MAX_BLOCK_RECORDS) -> Records:
        """Read on from `offset`: between 1 and `max_records` records, or none at the end of the partition.

        A batch ends with a block where it can, so it may hold fewer than `max_records` before the end. In a
        compacted topic offsets that were compacted away are passed over.

        Raises:
            OffsetGone: `offset` lies before the first retained record, or past the end.
        """
        tp = self._tp(topic, partition)
        source = f"{topic}-{partition}"
        with self._snapshot():
            left = self._check_offset(tp, source, offset)
            rows = self._blocks(tp, offset, max_records) if left else []
        return join(rows, offset, max_records, source)

    def read_keyed(
        self, topic: str, partition: int, offset: int, max_records: int = MAX_BLOCK_RECORDS,
        *, committed: bool | None = None,  # noqa: ARG002  there is nothing else
    ) -> list[KeyedRecord]:  # fmt: skip
        """As `Log.read_keyed`."""
        if not self._topic(topic).compacted:
            raise ValueError(f"topic {topic!r} is not compacted and keeps no keys")
        tp = self._tp(topic, partition)
        with self._snapshot():
            self._check_offset(tp, f"{topic}-{partition}", offset)
            rows = self._db.execute(
                "SELECT base, key, body, appended_ms FROM block WHERE tp = ? AND base >= ? ORDER BY base LIMIT ?",
                (tp, offset, max_records),
            )
            return [KeyedRecord(*row) for row in rows]

    def _check_offset(self, tp: int, source: str, offset: int) -> int:
        first, end = self._bounds(tp)
        if not first <= offset <= end:
            raise OffsetGone(f"offset of {source} must be {first} to {end}, got {offset}: it is not in the log")
        return end - offset

    def _blocks(self, tp: int, offset: int, max_records: int) -> list[tuple[int, int, bytes, bytes]]:
        """Blocks with at most `max_records` from `offset` on together; at least one where there is one."""
        heads = self._db.execute(
            "SELECT base, count FROM block WHERE tp = :tp AND base >= coalesce("
            "(SELECT max(base) FROM block WHERE tp = :tp AND base <= :offset), 0) ORDER BY base LIMIT :most",
            {"tp": tp, "offset": offset, "most": max_records + 1},
        )
        first = last = None
        held = 0
        for base, count in heads:
            fresh = base + count - max(base, offset)
            if fresh <= 0:
                continue
            held += fresh
            if first is not None and held > max_records:
                break
            first, last = base if first is None else first, base
        heads.close()
        if first is None:
            return []
        return self._db.execute(
            "SELECT base, appended_ms, lengths, body FROM block WHERE tp = ? AND base BETWEEN ? AND ? ORDER BY base",
            (tp, first, last),
        ).fetchall()

    def _bounds(self, tp: int) -> tuple[int, int]:
        first, end = self._db.execute(
            "SELECT first_offset, end_offset FROM topic_partition WHERE id = ?", (tp,)
        ).fetchone()
        return first, end

    def first_offset(self, topic: str, partition: int) -> int:
        """The oldest offset that can be read."""
        return self._bounds(self._tp(topic, partition))[0]

    def end_offset(
        self, topic: str, partition: int, *, committed: bool | None = None,  # noqa: ARG002  there is nothing else
    ) -> int:  # fmt: skip
        """The offset the next record gets."""
        return self._bounds(self._tp(topic, partition))[1]

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def changed(self) -> bool:
        """Whether another connection has committed since this was last asked. Cheap: poll it."""
        before, self._seen = self._seen, self._version()
        return before != self._seen

    # -- positions

    def commit(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        """Note that `group` has done with everything before `next_offset`."""
        self._tp(topic, partition)
        with self.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?)", (group, topic, partition, next_offset)
            )

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """What `commit` noted last; None where nothing was."""
        row = self._db.execute(
            "SELECT next_offset FROM committed WHERE consumer_group = ? AND topic = ? AND number = ?",
            (group, topic, partition),
        ).fetchone()
        return None if row is None else int(row[0])

    def set_position(self, name: str, position: int) -> None:
        """Keep a figure under a name, such as how far a file was read, in the transaction of its records."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO position VALUES (?, ?)", (name, position))

    def position(self, name: str) -> int | None:
        """What `set_position` kept last; None where nothing was."""
        row = self._db.execute("SELECT value FROM position WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def read_positions(self, names: Collection[str]) -> dict[str, int]:
        """What `set_position` kept last under each of `names`; those under which nothing was are left out."""
        return {name: found for name in names if (found := self.position(name)) is not None}

    def positions(self, prefix: str) -> list[str]:
        """What follows `prefix` in the names of the positions that begin with it, sorted."""
        rows = self._db.execute(
            "SELECT substr(name, ?) FROM position WHERE substr(name, 1, ?) = ? ORDER BY name",
            (len(prefix) + 1, len(prefix), prefix),
        )
        return [name for (name,) in rows]

    def write_progress(self, progress: Progress) -> None:
        """Show how far a worker has come."""
        with self.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO progress VALUES (?, ?)",
                (progress.worker, msgspec.json.encode(progress)),
            )

    def progress(self) -> list[Progress]:
        """What each worker showed last, by worker."""
        rows = self._db.execute("SELECT value FROM progress ORDER BY name")
        return [msgspec.json.decode(value, type=Progress) for (value,) in rows]

    # -- leases

    def acquire_lease(self, name: str, owner: str, ttl_s: float) -> Lease:
        """Become the holder of `name`; its number is greater than any before.

        It is free when released or expired, when the machine was restarted, or when its holder's process on
        this machine is dead.

        Raises:
            LeaseHeld: somebody else holds it, or locks the file; the message names owner, process, age.
        """
        try:
            with self.transaction():
                return leases.acquire(self._db, name, owner, ttl_s)
        except SqliteFailed as error:
            if not error.may_pass:
                raise
            holder = leases.last_holder(self._db, name)
            raise LeaseHeld(f"lease {name!r}: {self.path} stays locked; last held by {holder}") from error

    def renew_lease(self, lease: Lease) -> None:
        """Start the lease's time to live anew; raises `Fenced` where somebody else has it."""
        with self.transaction():
            leases.renew(self._db, lease)

    def release_lease(self, lease: Lease) -> None:
        """Give the lease back, if it is still ours."""
        with self.transaction():
            leases.release(self._db, lease)

    # -- housekeeping

    def compact(self, topic: str, *, min_dirty: float = 0.0) -> int:
        """Drop every record of a compacted topic whose key has a newer one in its partition. Offsets stay.

        Args:
            topic: a compacted topic.
            min_dirty: pass over a partition of which a smaller share (0 to 1) came since its last compaction.
                Compaction sorts the whole partition and holds up other writers meanwhile.

        Returns:
            How many records were dropped.
        """
        if not self._topic(topic).compacted:
            raise ValueError(f"topic {topic!r} is not compacted")
        with self.transaction():
            return sum(housekeeping.compact(self._db, tp, min_dirty) for tp in self._topic(topic).ids)

    def retain(self, now_ms: int | None = None, keep_from: Mapping[tuple[str, int], int] | None = None) -> int:
        """Drop the blocks that their topic's retention no longer keeps, oldest first.

        Compacted topics are left alone. The file does not shrink: freed pages are used again.

        Args:
            now_ms: what ages are counted from, UTC milliseconds; now by default.
            keep_from: by topic and partition, the offset from which on everything is kept regardless.

        Returns:
            How many records were dropped.
        """
        with self.transaction():
            return housekeeping.retain(self._db, now_utc_ms() if now_ms is None else now_ms, keep_from or {})

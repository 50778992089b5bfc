"""Reading alerts by revision and epoch, from positions that the reader's user keeps."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts import Alert
from streams.kafka.checkpoints import KafkaCheckpointStore
from streams.kafka.options import KafkaOptions
from streams.revisions import RevisionReader
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from tests.seeds import examples
from tests.streams.sums import alert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.log import Log
    from tests.kafka.broker import Cluster
    from tests.streams.conftest import LogBackend

Told = tuple[str, int, int]
"""Alert id, revision, epoch."""


def encoded(alert_id: str, revision: int, epoch: int = 1, at_stake: int = 0) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(alert(alert_id, revision, at_stake), epoch=epoch))


def write(log: Log, *told: Told, partition: int = 0) -> None:
    log.append("alerts", partition, [encoded(*each) for each in told], keys=[each[0].encode() for each in told])


def told(reader: RevisionReader[Alert]) -> list[Told]:
    return [(each.value.alert_id, each.value.revision, each.value.epoch) for each in reader.read_all() if each.value]


def alerts(log: Log, positions: dict[int, int] | None = None, *, most: int = 1_000) -> RevisionReader[Alert]:
    return RevisionReader(log, "alerts", Alert, positions=positions, committed=True, most_remembered=most)


def test_what_an_owner_writes_once_more_is_passed_over_and_what_a_later_one_changes_is_not(backend: LogBackend) -> None:
    with backend.address.open(TOPICS) as log:
        create_topics(log, 2)
        reader = alerts(log)
        write(log, ("a", 1, 1), ("a", 2, 1), ("b", 1, 1))
        assert told(reader) == [("a", 1, 1), ("a", 2, 1), ("b", 1, 1)]
        write(log, ("a", 1, 2), ("a", 2, 2), ("a", 3, 2))
        assert told(reader) == [("a", 3, 2)]
        log.append("alerts", 0, [encoded("a", 3, 3, at_stake=5)], keys=[b"a"])
        assert told(reader) == [("a", 3, 3)], "the same revision, but its later owner says something else"
        assert told(reader) == []


def test_a_reader_goes_on_from_the_positions_that_its_user_kept(backend: LogBackend) -> None:
    with backend.address.open(TOPICS) as log:
        create_topics(log, 2)
        write(log, ("a", 1, 1), ("a", 2, 1))
        write(log, ("c", 1, 1), partition=1)
        reader = alerts(log)
        assert len(told(reader)) == 3
        kept = reader.positions
        write(log, ("a", 3, 1))
        assert told(alerts(log, kept)) == [("a", 3, 1)]


def test_a_key_that_is_no_more_is_told_of_as_such(embedded: LogBackend) -> None:
    with embedded.address.open(TOPICS) as log:
        create_topics(log, 1)
        write(log, ("a", 3, 1))
        log.append("alerts", 0, [b""], keys=[b"a"])
        write(log, ("a", 1, 1))
        assert [each.value and each.value.revision for each in alerts(log).read_all()] == [3, None, 1]


def test_no_more_keys_are_remembered_than_was_said_and_a_forgotten_one_is_given_again(embedded: LogBackend) -> None:
    with embedded.address.open(TOPICS) as log:
        create_topics(log, 1)
        reader = alerts(log, most=2)
        write(log, ("a", 1, 1), ("b", 1, 1), ("c", 1, 1))
        assert len(told(reader)) == 3
        write(log, ("b", 1, 2), ("c", 1, 2), ("a", 1, 2))
        assert told(reader) == [("a", 1, 2)]
        assert len(reader._known) == 2
    with pytest.raises(ValueError, match="most_remembered must be at least 1, got 0"):
        alerts(log, most=0)


def test_one_reader_sees_what_is_not_committed_yet_and_the_other_waits_for_it(
    kafka: Cluster, on_kafka: LogBackend
) -> None:
    options = KafkaOptions(bootstrap=(kafka.bootstrap,))
    with on_kafka.address.open(TOPICS) as log:
        create_topics(log, 1)
        at_once = RevisionReader(log, "alerts", Alert, committed=False)
        confirmed = RevisionReader(log, "alerts", Alert, committed=True)

        async def an_owner(alert_id: str, *, commits: bool) -> tuple[list[Told], list[Told]]:
            store = KafkaCheckpointStore(options, TOPICS)
            await store.fence([0])
            writer = store.result_writer(0)
            await writer.send_many("alerts", 0, [encoded(alert_id, 1, writer.epoch)], [alert_id.encode()])
            seen = await asyncio.to_thread(lambda: (told(at_once), told(confirmed)))
            if commits:
                await writer.commit()
            await store.close()  # which aborts what is not committed
            return seen

        assert asyncio.run(an_owner("a", commits=False)) == ([("a", 1, 1)], [])
        assert told(confirmed) == [], "it was aborted"
        assert asyncio.run(an_owner("a", commits=True)) == ([], []), "the next owner writes the same"
        assert told(confirmed) == [("a", 1, 2)]


class Filing:
    """A user of the reader that files alerts in a database, with the positions, in one transaction."""

    def __init__(self, path: Path, log: Log) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS alert (id TEXT PRIMARY KEY, revision INT, epoch INT, times INT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS position (one INT PRIMARY KEY, kept TEXT)")
        row = self._db.execute("SELECT kept FROM position").fetchone()
        kept = {int(key): value for key, value in json.loads(row[0]).items()} if row else None
        self._reader = RevisionReader(log, "alerts", Alert, positions=kept, committed=True)

    def file(self, most: int, *, dies: bool) -> bool:
        """File the next few; whether there were any. Who dies does so before the commit."""
        found = self._reader.read(most)
        self._db.execute("BEGIN")
        for each in found:
            assert each.value is not None
            self._db.execute(
                "INSERT INTO alert VALUES (?1, ?2, ?3, 1) ON CONFLICT (id) DO UPDATE SET revision = ?2, epoch = ?3,"
                " times = times + (?2 > revision) WHERE (?2, ?3) > (revision, epoch)",
                (each.value.alert_id, each.value.revision, each.value.epoch),
            )
        self._db.execute("INSERT OR REPLACE INTO position VALUES (1, ?)", (json.dumps(self._reader.positions),))
        self._db.execute("ROLLBACK" if dies else "COMMIT")
        return bool(found)

    def rows(self) -> list[tuple[str, int, int]]:
        return self._db.execute("SELECT id, revision, times FROM alert ORDER BY id").fetchall()

    def close(self) -> None:
        self._db.close()


@settings(max_examples=examples(40))
@given(
    written=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), min_size=1, max_size=20),
    deaths=st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12),
)
def test_whoever_keeps_positions_with_its_results_loses_nothing_and_counts_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, written: Sequence[tuple[str, int]], deaths: Sequence[tuple[int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("filing")
    revisions: dict[str, int] = {}
    with SqliteLog(folder / "log.db", durable=False) as log:
        create_topics(log, 1)
        for epoch, (alert_id, again) in enumerate(written, 1):
            last = revisions.get(alert_id, 0)
            first = max(1, last + 1 - again)  # a later owner writes a few once more
            revisions[alert_id] = last + 1
            write(log, *((alert_id, each, epoch) for each in range(first, last + 2)))
        for most, dies in deaths:
            with closing(Filing(folder / "filed.db", log)) as filing:
                filing.file(most, dies=dies)
        with closing(Filing(folder / "filed.db", log)) as filing:
            while filing.file(100, dies=False):
                pass
            assert filing.rows() == sorted((key, last, last) for key, last in revisions.items())

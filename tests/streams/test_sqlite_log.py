from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.errors import LogFailed, UnknownFormat, UnknownTopic
from streams.log import Progress
from streams.sqlite.blocks import MAX_BLOCK_BYTES, MAX_BLOCK_RECORDS
from streams.sqlite.log import APPLICATION_ID, VERSION, SqliteLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "log.db") as opened:
        opened.create_topic("events", 2)
        opened.create_topic("alerts", 1, compacted=True)
        yield opened


def blocks(log: SqliteLog) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(log.path)) as db:
        return db.execute("SELECT count, bytes FROM block ORDER BY id").fetchall()


def test_a_topic_made_again_is_the_same_topic(log: SqliteLog) -> None:
    log.append("events", 1, [b"a"])
    log.create_topic("events", 2, retention_ms=5)
    assert log.topic_names() == ["alerts", "events"]
    assert (log.partitions("events"), log.end_offset("events", 1)) == (2, 1)


@pytest.mark.parametrize(("partitions", "compacted"), [(3, False), (2, True)])
def test_a_topic_cannot_be_made_otherwise(log: SqliteLog, partitions: int, compacted: bool) -> None:
    with pytest.raises(ValueError, match="topic 'events' has 2 partitions, compacted=False; got"):
        log.create_topic("events", partitions, compacted=compacted)


def test_a_topic_has_at_least_one_partition(log: SqliteLog) -> None:
    with pytest.raises(ValueError, match="partitions of topic 'x' must be at least 1, got 0"):
        log.create_topic("x", 0)


def test_an_unknown_topic_or_partition_is_named(log: SqliteLog) -> None:
    with pytest.raises(UnknownTopic, match=r"must be one of \['alerts', 'events'\], got 'event'"):
        log.append("event", 0, [b""])
    with pytest.raises(ValueError, match="partition of 'events' must be 0 to 1, got 2"):
        log.read("events", 2, 0)


def test_a_topic_rolled_back_with_its_transaction_is_unknown_again(log: SqliteLog) -> None:
    with suppress(ZeroDivisionError), log.transaction():
        log.create_topic("new", 1)
        log.append("new", 0, [b"a"])
        raise ZeroDivisionError
    with pytest.raises(UnknownTopic):
        log.append("new", 0, [b"a"])


def test_a_compacted_topic_wants_a_key_for_each_value(log: SqliteLog) -> None:
    for keys in (None, [b"a"]):
        with pytest.raises(ValueError, match="a key for each of 2 values"):
            log.append("alerts", 0, [b"1", b"2"], keys=keys)
    with pytest.raises(ValueError, match="append with keys"):
        log.append_block("alerts", 0, b"1", np.array([1], np.int32))


def test_a_topic_that_keeps_no_keys_does_not_give_them_back(log: SqliteLog) -> None:
    log.append("events", 0, [b"1"], keys=[b"a"])
    assert log.read("events", 0, 0).value(0) == b"1"
    with pytest.raises(ValueError, match="keeps no keys"):
        log.read_keyed("events", 0, 0)
    with pytest.raises(ValueError, match="is not compacted"):
        log.compact("events")


@pytest.mark.parametrize("lengths", [[1], [3, -1], [1, 2]])
def test_lengths_that_do_not_fit_the_data_are_refused(log: SqliteLog, lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="lengths must be at least 0 and sum to 2 bytes"):
        log.append_block("events", 0, b"ab", np.array(lengths, np.int32))
    assert log.end_offset("events", 0) == 0


def test_blocks_are_cut_by_records_and_by_bytes(log: SqliteLog) -> None:
    log.append("events", 0, [b"x"] * (MAX_BLOCK_RECORDS + 1))
    half = bytes(MAX_BLOCK_BYTES // 2)
    log.append("events", 1, [half, half, half, bytes(MAX_BLOCK_BYTES + 1), b""])
    assert blocks(log) == [
        (MAX_BLOCK_RECORDS, MAX_BLOCK_RECORDS),
        (1, 1),
        (2, MAX_BLOCK_BYTES),
        (1, MAX_BLOCK_BYTES // 2),
        (1, MAX_BLOCK_BYTES + 1),
        (1, 0),
    ]
    read = log.read("events", 1, 0)
    assert read.ends.tolist() == np.cumsum([len(half)] * 3 + [MAX_BLOCK_BYTES + 1, 0]).tolist()


def test_a_transaction_that_fails_leaves_neither_records_nor_position(log: SqliteLog) -> None:
    with suppress(ZeroDivisionError), log.transaction():
        log.append("events", 0, [b"a"])
        log.set_position("file", 10)
        raise ZeroDivisionError
    assert (log.end_offset("events", 0), log.position("file")) == (0, None)


def test_a_transaction_inside_another_is_part_of_it(log: SqliteLog) -> None:
    with suppress(ZeroDivisionError), log.transaction():
        with log.transaction():
            log.append("events", 0, [b"a"])
        raise ZeroDivisionError
    assert log.end_offset("events", 0) == 0


def test_changed_tells_of_other_connections_commits_once(log: SqliteLog) -> None:
    with SqliteLog(log.path) as other:
        log.changed()
        assert not log.changed()
        other.append("events", 0, [b"a"])
        assert log.changed()
        assert not log.changed()


def test_records_carry_append_time(log: SqliteLog) -> None:
    log.append("events", 0, [b"a"], appended_ms=1)
    log.append("events", 0, [b"b", b"c"], appended_ms=2)
    assert log.read("events", 0, 0).appended_ms.tolist() == [1, 2, 2]
    log.append("events", 1, [b"now"])
    assert log.read("events", 1, 0).appended_ms[0] > 1_700_000_000_000


def test_the_newest_progress_of_each_worker_is_shown(log: SqliteLog) -> None:
    def progress(worker: str, offset: int) -> Progress:
        return Progress(
            worker=worker,
            topic="events",
            updated_ms=1,
            next_offsets={1: offset},
            counts={"records": 3},
            rate=2.5,
        )

    for worker, offset in (("b", 1), ("a", 2), ("b", 3)):
        log.write_progress(progress(worker, offset))
    with SqliteLog(log.path) as other:
        assert other.progress() == [progress("a", 2), progress("b", 3)]


def test_a_durable_log_waits_for_the_disk_and_another_does_not(tmp_path: Path) -> None:
    for durable, level in ((True, 2), (False, 1)):
        with SqliteLog(tmp_path / "log.db", durable=durable) as log:
            assert log._db.execute("PRAGMA synchronous").fetchone() == (level,)
            assert log._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_new_logs_that_processes_open_and_close_at_the_same_moment_can_be_opened(tmp_path: Path) -> None:
    """Who closes a log last locks it for a moment, and who opens it first turns its journal."""
    code = """if True:
        import pathlib, sys
        from streams.sqlite.log import APPLICATION_ID, VERSION, SqliteLog
        for k in range(60):
            pathlib.Path(f"{sys.argv[1]}/{k}.{sys.argv[2]}").touch()
            while not all(pathlib.Path(f"{sys.argv[1]}/{k}.{n}").exists() for n in range(3)):
                pass  # all three begin together
            for _ in range(3):
                SqliteLog(f"{sys.argv[1]}/{k}.db").close()
    """
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(3)]
    try:
        assert [each.communicate(timeout=60)[1] for each in processes] == [""] * 3
    finally:
        for each in processes:
            each.kill()
            each.communicate()


def test_a_file_that_stays_locked_is_given_up_after_the_time_out(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE held (x)")
        with pytest.raises(LogFailed, match="database is locked") as failed:
            SqliteLog(tmp_path / "log.db", busy_timeout_s=0.2)
        assert failed.value.may_pass


def test_a_damaged_file_fails_as_a_log_does_and_not_as_sqlite_does_however_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with SqliteLog(path) as log:
        log.create_topic("events", 2)
        log.append("events", 0, [b"x" * 1_000] * 1_000)
    whole = path.read_bytes()
    path.write_bytes(whole[:16_384] + b"\xff" * (len(whole) - 16_384))
    with SqliteLog(path) as log:
        for read in (log.topic_names, lambda: log.read("events", 0, 0), log.progress, lambda: log.set_position("a", 1)):
            with pytest.raises(LogFailed, match="malformed") as failed:
                read()
            assert not failed.value.may_pass


def test_a_misuse_of_sqlite_is_a_bug_and_no_failure_of_the_log(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    log.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        log.topic_names()


def marks(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as db:
        (application_id,), (version,) = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        return application_id, version


def test_a_log_is_marked_with_its_format(tmp_path: Path) -> None:
    SqliteLog(tmp_path / "log.db").close()
    assert marks(tmp_path / "log.db") == (APPLICATION_ID, VERSION)


def test_a_log_of_a_version_that_did_not_mark_it_is_read_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with SqliteLog(path) as log:
        log.create_topic("events", 1)
        log.append("events", 0, [b"a"])
    with closing(sqlite3.connect(path)) as db:
        db.executescript("PRAGMA application_id = 0; PRAGMA user_version = 0;")
    with SqliteLog(path) as log:
        assert log.read("events", 0, 0).value(0) == b"a"
    assert marks(path) == (APPLICATION_ID, VERSION)


def test_a_database_of_another_application_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE account (id INTEGER PRIMARY KEY);")
    with pytest.raises(UnknownFormat, match=r"accounts\.db must be a log of Tillwatch, got a database of another"):
        SqliteLog(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("account",)]


def test_a_log_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    SqliteLog(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA user_version = {VERSION + 1};")
    with pytest.raises(UnknownFormat, match=f"must be a log of format {VERSION} or below, got format {VERSION + 1}"):
        SqliteLog(path)

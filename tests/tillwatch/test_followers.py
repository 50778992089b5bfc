"""Readers of compacted topics: long ones, and ones that a worker writes once more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from domain.alerts import Alert, Score, Text
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.tillwatch.conftest import start
from tillwatch.demo.log_snapshot import Picture
from tillwatch.logs import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as opened:
        create_topics(opened, 4)
        yield opened


def alert(alert_id: str, revision: int) -> Alert:
    return Alert(
        alert_id=alert_id, revision=revision, detector="d", version=1, merchant_id="m", subject="m", severity=0.5,
        hits=revision, first_time="", last_time="", at_stake=revision, currency="CNY", title=Text("", ""),
        reason=Text("", ""), evidence=(), txn_ids=(), risk_code="",
    )  # fmt: skip


def score(second: int, value: float) -> Score:
    time = f"2025-01-01T00:00:{second:02}.000Z"
    return Score(merchant_id="m", revision=second, time=time, score=value, grade="A", contributions=())


def write(log: SqliteLog, *values: Any) -> None:
    """Append each to partition 0 of its topic."""
    for topic, kind, key in (("alerts", Alert, "alert_id"), ("merchant-risk", Score, "merchant_id")):
        chosen = [each for each in values if isinstance(each, kind)]
        keys = [getattr(each, key).encode() for each in chosen]
        log.append(topic, 0, [msgspec.json.encode(each) for each in chosen], keys=keys)


def test_tail_from_the_start_shows_more_alerts_than_are_read_at_a_time(log: SqliteLog) -> None:
    there = [alert(f"a{i}", 1) for i in range(12_000)]
    write(log, *there)
    process = start("--log-url", SqliteAddress(Path(log.path)).url, "tail", "--from-start", "--json")
    assert process.stdout is not None
    shown = [msgspec.json.decode(process.stdout.readline(), type=Alert) for _ in there]
    process.kill()
    process.communicate()
    assert shown == there


def test_what_is_there_is_read_in_its_last_revision_only(log: SqliteLog) -> None:
    write(log, alert("a", 1), alert("b", 1), alert("a", 2))
    assert Follower(log, "alerts", Alert, from_start=True).poll() == [alert("b", 1), alert("a", 2)]


@pytest.mark.parametrize("from_start", [True, False])
def test_revisions_that_a_worker_writes_once_more_are_passed_over(log: SqliteLog, *, from_start: bool) -> None:
    write(log, alert("a", 1), alert("a", 2), alert("a", 3))
    follower = Follower(log, "alerts", Alert, from_start=from_start)
    assert follower.poll() == [alert("a", 3)] * from_start
    write(log, alert("a", 1), alert("a", 2))
    assert follower.poll() == []
    write(log, alert("a", 3), alert("a", 4), alert("a", 5), alert("b", 1))
    assert follower.poll() == [alert("a", 4), alert("a", 5), alert("b", 1)]


def test_a_key_that_is_no_more_may_begin_again(log: SqliteLog) -> None:
    write(log, alert("a", 3))
    follower = Follower(log, "alerts", Alert, from_start=False)
    log.append("alerts", 0, [b""], keys=[b"a"])
    write(log, alert("a", 1))
    assert follower.poll() == [alert("a", 1)]


def test_a_picture_keeps_the_highest_revision_and_the_latest_score(log: SqliteLog) -> None:
    picture = Picture(log, 0)
    write(log, alert("a", 1), alert("a", 2), score(1, 10.0), score(2, 30.0), score(2, 40.0))
    picture.refresh()
    assert (picture.alerts, picture.scores) == ({"a": alert("a", 2)}, {"m": score(2, 40.0)})
    write(log, alert("a", 1), score(1, 10.0))
    picture.refresh()
    assert (picture.alerts, picture.scores) == ({"a": alert("a", 2)}, {"m": score(2, 40.0)})
    write(log, alert("a", 3), score(3, 5.0))
    picture.refresh()
    assert (picture.alerts, picture.scores) == ({"a": alert("a", 3)}, {"m": score(3, 5.0)})

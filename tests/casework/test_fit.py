"""A store beside its log: backups of another moment, and a log that verdicts cannot be written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from casework import operations, outbox
from casework.agent import FilingAgent
from casework.decisions import UNDO_MS
from casework.errors import UnfitStore
from casework.fit import refile
from casework.outbox import ASKED_AGAIN_MS, Delivery, verdicts_reach_log
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.desk import LI, Desk
from tests.casework.world import NOW_MS, alert, cause, rows, write

if TYPE_CHECKING:
    from pathlib import Path

    from casework.store import Store


def backed_up(log: SqliteLog, path: Path) -> SqliteLog:
    """A copy of a log, as a backup has it."""
    log._db.execute("VACUUM INTO ?", (str(path),))
    return SqliteLog(path, durable=False)


def test_a_log_that_is_older_than_the_store_is_refused_until_everything_is_filed_again(
    store: Store, log: SqliteLog, tmp_path: Path
) -> None:
    write(log, alert("a"))
    FilingAgent(store, log).file()
    with backed_up(log, tmp_path / "backup.db") as old:
        write(log, alert("b"))
        FilingAgent(store, log).file()
        with pytest.raises(
            UnfitStore, match=r"up to 1 at most.* got 2: the log is older .*`tillwatch casework refile`"
        ):
            FilingAgent(store, old)
        write(old, alert("c"), alert("b", epoch=2, loss=7))  # the worker works on, and writes b again
        refile(store, old, NOW_MS)
        FilingAgent(store, old).file()
    assert rows(store, "alerts", "alert_id", "epoch", "loss_minor") == [("a", 0, 1_000), ("b", 2, 7), ("c", 0, 1_000)]
    assert len(rows(store, "cases")) == 1, "filed again, nothing is twice"
    assert ("refile",) in rows(store, "audit", "kind")


def test_another_log_is_refused_until_everything_is_filed_again_from_it(
    store: Store, log: SqliteLog, tmp_path: Path
) -> None:
    write(log, alert("a"))
    FilingAgent(store, log).file()
    with SqliteLog(tmp_path / "other.db", durable=False) as other:
        create_topics(other, 2)
        write(other, alert("a", epoch=3), alert("b"))
        with pytest.raises(UnfitStore, match=r"the log must be .* got .*: if log or store was restored"):
            FilingAgent(store, other)
        refile(store, other, NOW_MS)
        FilingAgent(store, other).file()
    assert rows(store, "alerts", "alert_id") == [("a",), ("b",)]


def test_a_store_that_is_older_than_its_log_files_what_is_missing(desk: Desk) -> None:
    with desk.store.writing() as connection:  # as a backup from before anything was filed has it
        connection.execute(text("UPDATE positions SET next_offset = 0"))
    write(desk.log, alert("d"))
    FilingAgent(desk.store, desk.log).file()
    assert [alert_id for (alert_id,) in rows(desk.store, "alerts", "alert_id")] == ["a", "b", "c", "d", "x"]
    assert len(rows(desk.store, "cases")) == 3


class ReadOnly(SqliteLog):
    """A log of which events are somebody else's to write, as of Kafka without the right WRITE."""

    allowed = False

    def can_append(self, topic: str) -> bool:
        return self.allowed


def test_verdicts_stay_in_casework_while_events_cannot_be_written_and_are_sent_later(desk: Desk) -> None:
    desk.decide("c")
    with ReadOnly(desk.log.path, durable=False) as log:
        assert not verdicts_reach_log(log)
        delivery, now_ms = Delivery(desk.store, log), NOW_MS + UNDO_MS
        assert delivery.deliver(now_ms) == 0
        assert outbox.kept(desk.store) == 1
        assert rows(desk.store, "outbox", "status") == [("kept",)]
        assert desk.header().decided == 1
        log.allowed = True
        assert delivery.deliver(now_ms + ASKED_AGAIN_MS - 1) == 0, "it is not asked each second"
        assert delivery.deliver(now_ms + ASKED_AGAIN_MS) == 1
    assert [each["alert_id"] for each in desk.sent()] == ["c"]
    assert outbox.kept(desk.store) == 0


def test_who_may_write_events_is_told_so(log: SqliteLog) -> None:
    assert verdicts_reach_log(log)


def test_one_verdict_on_a_cause_reaches_every_member_also_of_a_case_merged_into_it(desk: Desk) -> None:
    desk.file(alert("d", "m3"), cause("k", {"m1": ["a"], "m2": ["c"]}))
    case_id = operations.open_cause_case(desk.store, LI, "k", NOW_MS)
    operations.merge(desk.store, LI, desk.case_of("d"), case_id, NOW_MS)
    desk.decide("a")
    desk.now_ms += UNDO_MS
    desk.agent.file()
    assert {(each["merchant_id"], each["alert_id"], each["case_id"]) for each in desk.sent()} == {
        ("m1", "a", str(case_id)), ("m2", "c", str(case_id)), ("m3", "d", str(case_id)),
    }  # fmt: skip
    assert dict(rows(desk.store, "cases", "case_id", "status"))[case_id] == "decided"
    assert desk.case_of("b") != case_id, "of m1, but no member"

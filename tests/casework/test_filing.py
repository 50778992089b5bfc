"""The filing agent: everything once, whatever is read again, and nothing lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from casework import filing
from casework.agent import FilingAgent
from casework.bodies import day_columns
from casework.errors import AgentSuperseded, UnfitStore
from casework.filing import AlertFiling
from casework.schema import alerts
from casework.status import status
from streams.revisions import Revision
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.world import NOW_MS, alert, cause, days, rows, score, write
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from pathlib import Path

    from casework.filing import Filed
    from casework.store import Store
    from domain.alerts import Alert


def test_alerts_of_one_merchant_are_filed_in_one_case_and_those_of_another_in_another(
    store: Store, log: SqliteLog
) -> None:
    write(log, alert("a", severity=0.4), alert("b", detector="fee_over", severity=0.7), alert("c", "m2"))
    assert FilingAgent(store, log).file()[:3] == (3, 3, 2)
    (first, _), (second, _) = rows(store, "cases", "case_id", "merchant_id")
    assert rows(store, "alerts", "alert_id", "case_id") == [("a", first), ("b", first), ("c", second)]
    assert rows(store, "cases", "merchant_id", "status", "severity", "version") == [
        ("m1", "open", 0.7, 1), ("m2", "open", 0.5, 1),
    ]  # fmt: skip
    assert [each[:2] for each in rows(store, "alert_transactions")] == [(each, f"t-{each}") for each in "abc"]
    write(log, alert("d"))
    assert FilingAgent(store, log).file() == filing.Filed(alerts=1, revisions=1)
    assert rows(store, "cases", "case_id", "version") == [(first, 2), (second, 1)]


def test_every_revision_is_kept_and_the_highest_shown_whatever_is_written_again(store: Store, log: SqliteLog) -> None:
    agent = FilingAgent(store, log)
    write(log, alert("a", revision=1, epoch=1), alert("a", revision=2, epoch=1, hits=2, loss=3_000))
    agent.file()
    write(log, alert("a", revision=1, epoch=2), alert("a", revision=2, epoch=2, hits=2, loss=3_000))
    FilingAgent(store, log).file()  # one that remembers nothing
    assert rows(store, "alerts", "revision", "loss_minor", "state") == [(2, 3_000, "confirmed")]
    assert rows(store, "alert_revisions", "revision", "epoch", "state") == [(1, 2, "confirmed"), (2, 2, "confirmed")]
    assert len(rows(store, "cases")) == 1


def test_an_alert_that_becomes_severer_makes_its_case_so_but_no_other_one_of_it(store: Store, log: SqliteLog) -> None:
    write(log, alert("a", severity=0.4))
    FilingAgent(store, log).file()
    write(log, alert("a", revision=2, severity=0.9))
    FilingAgent(store, log).file()
    assert rows(store, "cases", "severity", "version") == [(0.9, 1)]


def test_what_only_aml_may_see_is_in_a_case_of_its_own(store: Store, log: SqliteLog) -> None:
    write(log, alert("a"), alert("b", risk_code="29"), alert("c", risk_code="46"), alert("d", risk_code="13"))
    FilingAgent(store, log).file()
    placed = dict(rows(store, "alerts", "alert_id", "case_id"))
    assert placed["a"] == placed["d"] != placed["b"] == placed["c"]
    assert rows(store, "cases", "is_aml") == [(False,), (True,)]


def test_an_alert_that_turns_out_to_be_of_money_laundering_leaves_the_case_that_others_see(
    store: Store, log: SqliteLog
) -> None:
    write(log, alert("a"))
    FilingAgent(store, log).file()
    write(log, alert("a", revision=2, risk_code="29"), alert("a", revision=3))
    FilingAgent(store, log).file()
    (case_id,) = [each for each, is_aml in rows(store, "cases", "case_id", "is_aml") if is_aml]
    assert rows(store, "alerts", "case_id", "is_aml", "revision") == [(case_id, True, 3)]


def filed(store: Store, *found: Alert, committed: bool, now_ms: int = NOW_MS, offset: int = 5) -> Filed:
    read = [Revision(0, offset + i, NOW_MS, each.alert_id.encode(), each) for i, each in enumerate(found)]
    with store.writing() as connection:
        return AlertFiling(store, connection, now_ms, committed=committed).file(read)


def withdrawn(store: Store, passed: int, after_ms: int) -> list[str]:
    with store.writing() as connection:
        return filing.withdraw(store, connection, {0: passed}, NOW_MS + after_ms)


def test_what_is_not_committed_yet_is_provisional_and_confirmed_by_whoever_writes_it_again(store: Store) -> None:
    assert filed(store, alert("a", epoch=1), committed=False).alerts == 1
    assert rows(store, "alerts", "state") == [("provisional",)]
    assert filed(store, alert("a", epoch=2), committed=True).alerts == 0
    assert rows(store, "alerts", "state", "epoch") == [("confirmed", 2)]
    assert rows(store, "alert_revisions", "state") == [("confirmed",)]
    assert withdrawn(store, 99, 2 * filing.WITHDRAW_AFTER_MS) == []


def test_what_was_aborted_and_not_written_again_is_withdrawn_but_not_deleted(store: Store) -> None:
    filed(store, alert("a"), committed=False)
    assert withdrawn(store, 5, filing.WITHDRAW_AFTER_MS) == [], "its transaction is still open"
    assert withdrawn(store, 6, filing.WITHDRAW_AFTER_MS - 1) == [], "the next owner may still write it"
    assert withdrawn(store, 6, filing.WITHDRAW_AFTER_MS) == ["a"]
    assert rows(store, "alerts", "state") == [("withdrawn",)]
    assert rows(store, "audit", "kind") == [("withdraw",)]
    filed(store, alert("a", epoch=2), committed=False)
    assert rows(store, "alerts", "state") == [("provisional",)], "written after all"


def test_an_alert_of_which_a_revision_was_aborted_shows_the_one_before(store: Store) -> None:
    filed(store, alert("a", loss=7), committed=True)
    filed(store, alert("a", revision=2, loss=70), committed=False)
    assert rows(store, "alerts", "loss_minor", "state") == [(70, "provisional")]
    assert withdrawn(store, 6, filing.WITHDRAW_AFTER_MS) == []
    assert rows(store, "alerts", "loss_minor", "state", "revision") == [(7, "confirmed", 1)]


def test_a_revision_that_the_log_dropped_for_a_later_one_is_not_taken_for_aborted(store: Store) -> None:
    filed(store, alert("a"), committed=False)
    filed(store, alert("a", revision=2), committed=True)
    assert withdrawn(store, 99, filing.WITHDRAW_AFTER_MS) == []
    assert rows(store, "alert_revisions", "state") == [("confirmed",), ("confirmed",)]


def test_a_decided_alert_that_is_reopened_comes_back(store: Store) -> None:
    filed(store, alert("a", epoch=1), committed=True)
    with store.writing() as connection:
        connection.execute(alerts.update().values(verdict="false_alarm", decided_reopened=0))
    filed(store, alert("a", revision=2), committed=True)
    assert rows(store, "alerts", "verdict") == [("false_alarm",)]
    assert filed(store, alert("a", revision=3, reopened=1), committed=True).reopened == 1
    assert rows(store, "alerts", "verdict") == [(None,)]


def test_scores_profiles_days_and_causes_are_filed_each_the_newest(store: Store, log: SqliteLog) -> None:
    agent = FilingAgent(store, log, lambda: NOW_MS)
    write(log, score("m1", "C", 2), score("m1", "B", 1), cause("x", {"m1": ["a"]}), cause("y", {"m2": []}))
    made = profile("m1", FIRST, rep_id="rep-1", city="Hefei")
    log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[made.key.encode()])
    for found in (days(("m1", "2025-01-01", 5.0), epoch=2), days(("m1", "2025-01-01", 4.0), epoch=1)):
        log.append("merchant-days", 0, [msgspec.json.encode(found)])
    agent.file()
    log.append("causes", 0, [b""], keys=[b"y"])
    agent.file()
    assert rows(store, "merchants", "merchant_id", "grade", "score_revision") == [("m1", "C", 2)]
    assert rows(store, "merchant_profiles", "merchant_id", "rep_id") == [("m1", "rep-1")]
    assert rows(store, "causes", "cause_id", "withdrawn") == [("x", False), ("y", True)]
    ((day, body),) = rows(store, "merchant_days", "day", "body")
    assert (day, day_columns(body)) == ("2025-01-01", {"sales": 5.0})


def test_days_are_kept_for_400_days_and_a_day_of_the_future_costs_none(store: Store, log: SqliteLog) -> None:
    agent = FilingAgent(store, log, lambda: NOW_MS)  # of 2026-11-29
    listed = [("m1", (FIRST + timedelta(days=each)).isoformat(), 1.0) for each in (0, 1, 401)]
    log.append("merchant-days", 0, [msgspec.json.encode(days(*listed))])
    agent.file()
    assert [day for (day,) in rows(store, "merchant_days", "day")] == ["2025-01-02", "2026-02-06"]
    log.append("merchant-days", 0, [msgspec.json.encode(days(("m2", "2999-01-01", 1.0)))])
    agent.file()
    assert len(rows(store, "merchant_days")) == 2


def test_of_two_agents_the_one_that_comes_second_ends(store: Store, log: SqliteLog) -> None:
    first, second = FilingAgent(store, log), FilingAgent(store, log)
    write(log, alert("a"))
    first.file()
    write(log, alert("b"))
    with pytest.raises(AgentSuperseded):
        second.file()
    first.file()
    assert len(rows(store, "alerts")) == 2


def test_a_store_that_was_filed_from_another_log_is_refused(store: Store, log: SqliteLog, tmp_path: Path) -> None:
    FilingAgent(store, log)
    with SqliteLog(tmp_path / "other.db", durable=False) as other:
        create_topics(other, 2)
        with pytest.raises(UnfitStore, match="the log must be"):
            FilingAgent(store, other)


def test_the_status_shows_how_far_each_topic_was_filed(store: Store, log: SqliteLog) -> None:
    agent = FilingAgent(store, log)
    write(log, alert("a"), alert("b", risk_code="29"), partition=1)
    agent.file()
    write(log, alert("c"))
    found = status(store, log)
    assert (found.filed, found.provisional, found.cases, found.audit_entries) == (1, 0, {"open": 1}, 1)
    assert {each.topic: each.behind for each in found.topics if each.behind} == {"alerts": 1}

"""People, visits and complaints of the log, filed each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from casework import notes
from casework.agent import FilingAgent
from casework.persons import names_of_people, persons_at
from casework.reading.merchant import merchant
from domain.readings import Profile, TransactionRow
from domain.timestamps import iso
from tests.casework.desk import DAY_MS, LI, REP, Desk
from tests.casework.world import NOW_MS, alert, rows, write

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog

VISITED_MS = NOW_MS - DAY_MS


def tell(log: SqliteLog, kind: str, whose: str, time_ms: int, offset: int | None = None, **fields: Any) -> None:
    name = "event_time" if kind in {"visit", "complaint"} else "effective_from"
    made = Profile(
        merchant_id=whose, kind=kind, effective_from=iso(time_ms), fields={name: time_ms, **fields}, offset=offset,
        epoch=1,
    )  # fmt: skip
    log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[made.key.encode()])


def test_a_visit_of_the_log_is_filed_once_however_often_it_is_read(store: Store, log: SqliteLog) -> None:
    tell(
        log, "visit", "m1", VISITED_MS, 7, person_id="rep-1", visit_kind="routine", outcome="moved", lat=31.2,
        lon=121.5, coord_sys="gcj02", note="next door", case_id="12", alert_id="a",
    )  # fmt: skip
    FilingAgent(store, log, lambda: NOW_MS).file()
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE positions SET next_offset = 0")
    FilingAgent(store, log, lambda: NOW_MS).file()
    assert rows(store, "visits") == [
        (1, "m1", VISITED_MS, "routine", "moved", "next door", "rep-1", NOW_MS, 31.2, 121.5, "gcj02", "a", "12", 7)
    ]
    assert rows(store, "merchant_profiles") == []


def test_a_later_record_of_the_same_visit_corrects_it_and_an_earlier_one_does_not(store: Store, log: SqliteLog) -> None:
    agent = FilingAgent(store, log, lambda: NOW_MS)
    tell(log, "visit", "m1", VISITED_MS, 7, person_id="rep-1", outcome="not_found")
    agent.file()
    tell(log, "visit", "m1", VISITED_MS, 9, person_id="rep-1", outcome="as_registered")
    agent.file()
    tell(log, "visit", "m1", VISITED_MS, 8, person_id="rep-1", outcome="refused")
    tell(log, "visit", "m1", VISITED_MS, 10, person_id="rep-2", outcome="differs")
    agent.file()
    assert rows(store, "visits", "by", "outcome") == [("rep-1", "as_registered"), ("rep-2", "differs")]


def test_terminals_are_told_as_they_stood_then_beside_those_that_alerts_list(store: Store, log: SqliteLog) -> None:
    early_ms, late_ms = NOW_MS - 9 * DAY_MS, NOW_MS - DAY_MS
    tell(log, "terminal", "m1", early_ms, 7, terminal_id="t2", terminal_status="active")
    tell(log, "terminal", "m1", early_ms, 8, terminal_id="t1", terminal_sn="SN1", lat=31.2)
    tell(log, "terminal", "m1", early_ms, 6, terminal_id="t1", terminal_sn="SN0")
    tell(log, "terminal", "m1", late_ms, 9, terminal_id="t2", terminal_status="returned")
    write(
        log,
        alert(
            "a",
            transactions=(TransactionRow(txn_id="1", time=iso(NOW_MS), amount=100, currency="CNY", terminal_id="t9"),),
        ),
    )
    FilingAgent(store, log, lambda: NOW_MS).file()
    now, then = (merchant(store, LI, "m1", NOW_MS, as_of_ms=at_ms).terminals for at_ms in (NOW_MS, early_ms))
    assert [(each.terminal_id, each.transactions, each.since_ms) for each in now] == [
        ("t9", 1, None), ("t1", 0, early_ms), ("t2", 0, late_ms),
    ]  # fmt: skip
    assert [dict(each.fields).get("terminal_status") for each in (now[2], then[2])] == ["returned", "active"]
    assert now[1].fields["terminal_sn"] == "SN1"


def test_a_visit_recorded_here_that_comes_back_from_the_log_is_the_same(desk: Desk) -> None:
    notes.record_visit(desk.store, REP, "m1", VISITED_MS, "alert", "renovating", "dust", NOW_MS)
    desk.agent.file()
    (sent,) = desk.sent()
    again = {each: sent[each] for each in ("person_id", "visit_kind", "outcome", "note")}
    tell(desk.log, "visit", "m1", VISITED_MS, 3, **again)
    desk.agent.file()
    (seen,) = notes.visits_of(desk.store, LI, "m1", NOW_MS)
    assert (seen.visit_id, seen.by, seen.outcome, seen.recorded_ms, seen.offset) == (
        1,
        "rep-1",
        "renovating",
        NOW_MS,
        3,
    )


def test_complaints_of_one_moment_are_several(store: Store, log: SqliteLog) -> None:
    for offset, code in ((4, "fee"), (5, "service"), (5, "service")):
        tell(log, "complaint", "m1", VISITED_MS, offset, reason_code=code, channel="hotline")
    FilingAgent(store, log).file()
    assert rows(store, "complaints", "offset", "reason_code", "channel") == [
        (4, "fee", "hotline"), (5, "service", "hotline"),
    ]  # fmt: skip


def test_a_person_is_who_the_version_in_force_says(store: Store, log: SqliteLog) -> None:
    tell(log, "person", "rep-1", NOW_MS - 9 * DAY_MS, name="Wei Miao", role="rep", supervisor_id="sup-1")
    tell(log, "person", "rep-1", NOW_MS - DAY_MS, name="苇杪", role="rep", supervisor_id="sup-2", deputy_id="rep-2",
         absent_from=NOW_MS, absent_until=NOW_MS + DAY_MS, wecom_id="wm", time_zone="Asia/Shanghai")  # fmt: skip
    tell(log, "person", "rep-2", NOW_MS + DAY_MS, name="later")
    FilingAgent(store, log).file()
    with store.reading() as connection:
        before = persons_at(connection, NOW_MS - 2 * DAY_MS)
        now = persons_at(connection, NOW_MS, ["rep-1"])["rep-1"]
        assert [each.name for each in before.values()] == ["Wei Miao", "later"], "of rep-2 the first version counts"
        assert (now.name, now.deputy_id, now.wecom_id, now.email, now.time_zone) == (
            "苇杪", "rep-2", "wm", "", "Asia/Shanghai",
        )  # fmt: skip
        assert [now.is_absent(NOW_MS + each) for each in (-1, 0, DAY_MS - 1, DAY_MS)] == [False, True, True, False]
        assert (before["rep-1"].supervisor_id, now.supervisor_id) == ("sup-1", "sup-2")
        assert names_of_people(connection, ["rep-1", "rep-9"], NOW_MS) == {"rep-1": "苇杪"}


def test_an_absence_without_a_beginning_has_begun_and_one_without_an_end_lasts(store: Store, log: SqliteLog) -> None:
    tell(log, "person", "a", 1, absent_until=NOW_MS)
    tell(log, "person", "b", 1, absent_from=NOW_MS)
    FilingAgent(store, log).file()
    with store.reading() as connection:
        found = persons_at(connection, NOW_MS, ["a", "b"])
    assert [found["a"].is_absent(each) for each in (NOW_MS - 1, NOW_MS)] == [True, False]
    assert [found["b"].is_absent(each) for each in (NOW_MS - 1, NOW_MS + 99 * DAY_MS)] == [False, True]

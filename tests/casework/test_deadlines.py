"""By when cases are due: by grade, by duty, by the working days of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from casework import actions, decisions, operations, pauses
from casework.agent import FilingAgent
from casework.deadlines import HOUR_MS
from casework.working_days import WorkingDays
from domain.alerts import Duty
from domain.timestamps import iso
from tests.casework.desk import DAY_MS, LI, WANG, Desk
from tests.casework.world import NOW_MS, alert, rows, score

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog

SHANGHAI = ZoneInfo("Asia/Shanghai")


def ms(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=SHANGHAI).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-05-08", True), ("2026-05-09", True), ("2026-05-10", False), ("2026-05-01", False),
        ("2026-02-13", True), ("2026-02-16", False), ("2026-02-23", False), ("2026-02-24", True),
        ("2026-04-04", False), ("2026-09-20", True), ("2026-10-10", True), ("2026-10-07", False),
        ("2040-02-13", True), ("2040-02-11", False),
    ],
)  # fmt: skip
def test_weekends_and_holidays_do_not_work_but_shifted_weekends_do(day: str, works: bool) -> None:
    assert WorkingDays().works(date.fromisoformat(day)) is works


def test_working_days_are_those_of_the_country() -> None:
    assert WorkingDays("GB", "Europe/London").works(date(2026, 10, 1))
    assert not WorkingDays("GB", "Europe/London").works(date(2026, 12, 25))


def test_working_days_end_with_the_day_and_begin_after_it() -> None:
    days = WorkingDays()
    assert days.after(ms(2026, 9, 29, 9), 3) == ms(2026, 10, 10), "30 September, 8 and 9 October"
    assert days.after(ms(2026, 9, 29, 23, 59), 3) == ms(2026, 10, 10)
    assert days.after(ms(2026, 11, 30), 0) == ms(2026, 12, 1)


def due(desk: Desk, alert_id: str) -> tuple[int | None, str]:
    found = {each[0]: each[1:] for each in rows(desk.store, "cases", "case_id", "due_ms", "due_rule")}
    made: tuple[int | None, str] = found[desk.case_of(alert_id)]
    return made


def test_a_case_is_due_by_its_merchants_grade(desk: Desk) -> None:
    assert due(desk, "a") == (None, "")
    days = desk.store.working_days
    desk.file(score("m1", "C", 1))
    assert due(desk, "a") == (days.after(NOW_MS, 5), "grade C")
    assert due(desk, "c") == (None, ""), "of another merchant"
    desk.now_ms += HOUR_MS
    desk.file(score("m1", "E", 2))
    assert due(desk, "a") == (NOW_MS + 25 * HOUR_MS, "grade E")
    desk.now_ms += HOUR_MS
    desk.file(score("m1", "D", 3))
    assert due(desk, "a") == (days.after(NOW_MS + HOUR_MS, 3), "grade D"), "since it was D or worse first"
    desk.file(score("m1", "B", 4))
    assert due(desk, "a") == (None, "")


def test_a_grade_that_gets_worse_postpones_nothing(desk: Desk) -> None:
    desk.file(score("m1", "C", 1))
    before = due(desk, "a")
    assert before[0] is not None
    desk.now_ms = before[0] - HOUR_MS
    desk.file(score("m1", "E", 2))
    assert due(desk, "a") == before


def owed(alert_id: str, rule: str, due_ms: int, **more: Any) -> Any:
    return alert(alert_id, duty=Duty(rule, iso(due_ms)), **more)


def test_of_grade_and_duties_the_earliest_wins_until_its_alert_is_decided(desk: Desk) -> None:
    desk.file(
        score("m1", "E", 1), owed("d", "Mastercard GLB 12772", NOW_MS + HOUR_MS), owed("e", "Visa VAMP", NOW_MS + 9)
    )
    assert due(desk, "a") == (NOW_MS + 9, "Visa VAMP")
    desk.decide("e", alert_ids=["e"])
    assert due(desk, "a") == (NOW_MS + HOUR_MS, "Mastercard GLB 12772")
    operations.detach(desk.store, LI, ["d"], NOW_MS)
    assert due(desk, "a") == (NOW_MS + DAY_MS, "grade E")
    assert due(desk, "d") == (NOW_MS + HOUR_MS, "Mastercard GLB 12772")


def test_a_decided_case_is_not_due_and_one_that_comes_back_has_its_time_anew(desk: Desk) -> None:
    desk.file(score("m2", "D", 1))
    desk.decide("c")
    assert due(desk, "c") == (None, "")
    desk.now_ms += 30 * DAY_MS
    desk.file(alert("c", "m2", revision=2, reopened=1))
    assert due(desk, "c") == (desk.store.working_days.after(desk.now_ms, 3), "grade D")


def test_an_undone_decision_leaves_the_deadline_as_it_was(desk: Desk) -> None:
    desk.file(score("m2", "D", 1))
    before = due(desk, "c")
    decisions.undo(desk.store, LI, desk.decide("c"), NOW_MS)
    assert due(desk, "c") == before


def test_what_is_late_is_counted_of_the_open_ones(desk: Desk) -> None:
    desk.file(owed("d", "Visa VAMP", NOW_MS))
    assert desk.header().late == 0, "it is due now, not before"
    desk.now_ms += 1
    assert (desk.header().late, desk.header().open) == (3, 4)
    pauses.snooze(desk.store, LI, desk.case_of("d"), desk.now_ms + DAY_MS, "owner away", desk.now_ms)
    assert desk.header().late == 0


def test_an_agent_that_starts_gives_every_open_case_its_deadline(desk: Desk, store: Store, log: SqliteLog) -> None:
    desk.file(score("m1", "D", 1))
    before = due(desk, "a")
    with store.writing() as connection:
        connection.execute(text("UPDATE cases SET due_ms = NULL, due_rule = ''"))  # as an upgrade leaves them
    FilingAgent(store, log)
    assert due(desk, "a") == before


def test_going_back_a_version_and_forth_again_leaves_duties_and_grades_what_they_want(desk: Desk) -> None:
    desk.file(score("m1", "D", 1), owed("d", "Visa VAMP", NOW_MS + 9))
    actions.recommend(desk.store, WANG, desk.case_of("a"), "visit", "look", NOW_MS)
    desk.store.migrate("003")
    desk.store.migrate()
    FilingAgent(desk.store, desk.log, lambda: NOW_MS)
    assert due(desk, "a") == (NOW_MS + 9, "Visa VAMP")
    desk.decide("d", alert_ids=["d"])
    assert due(desk, "a") == (desk.store.working_days.after(NOW_MS, 3), "grade D")


def test_times_of_the_calendar_are_local() -> None:
    assert WorkingDays("CN", "UTC").after(0, 0) == round(datetime(1970, 1, 2, tzinfo=UTC).timestamp() * 1000)

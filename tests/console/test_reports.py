"""Reports: a day, a shift, what waits for a second person, and cases looked at once more."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from casework import actions, notes, pauses
from casework.decisions import decide
from casework.operations import take
from casework.people import SYSTEM, Actor, put_user
from tests.casework.world import NOW_MS, rows, score
from tests.console.filed import HOSTILE, file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor

ANALYST, LEAD = Actor("analyst", frozenset({"analyst"})), Actor("lead", frozenset({"lead"}))
TODAY = "2026-11-30"
DAY_MS = 86_400_000


def case_of(store: Store, merchant_id: str) -> int:
    return next(
        int(number) for merchant, number in rows(store, "cases", "merchant_id", "case_id") if merchant == merchant_id
    )


@pytest.fixture
def worked(store: Store) -> None:
    """The case of m1 is confirmed, that of m2 taken."""
    decide(store, ANALYST, case_of(store, "m1"), 1, "confirmed", "mcc", "seen", NOW_MS)
    take(store, LEAD, case_of(store, "m2"), 1, NOW_MS)


def test_the_day_is_that_of_the_consoles_clock(visit: Callable[[str], Visitor]) -> None:
    page = visit("viewer").get("/reports").text
    assert f"Daily report {TODAY}" in page
    assert 'href="/reports?day=2026-11-29"' in page


@pytest.mark.usefixtures("worked")
@pytest.mark.parametrize(
    ("lang", "told"), [("en", ["confirmed", "Analyst (analyst)", "¥10.00"]), ("zh", ["属实", "已判定告警", "日报"])]
)
def test_a_day_says_what_was_filed_decided_and_by_whom(
    lang: str, told: list[str], visit: Callable[[str], Visitor]
) -> None:
    page = visit("viewer").get("/reports", headers={"Accept-Language": lang}).text
    for each in told:
        assert each in page
    before = visit("viewer").get("/reports?day=2026-11-29", headers={"Accept-Language": "en"}).text
    assert before.count("None.") == 3


@pytest.mark.usefixtures("worked")
def test_a_day_is_kept_as_a_file(visit: Callable[[str], Visitor]) -> None:
    answer = visit("viewer").get(f"/reports/day.csv?day={TODAY}")
    found = [*csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))]
    assert ["cases opened", "", "2", ""] in found
    assert ["alerts decided", "confirmed", "1", ""] in found
    assert ["alerts decided by", "Analyst", "1", ""] in found
    assert visit("viewer").get("/reports/day.xlsx").status_code == 200


@pytest.mark.parametrize("day", ["tomorrow", "2026-12-24", "1999-01-01", "2026-02-30"])
def test_a_day_that_is_none_is_refused(day: str, visit: Callable[[str], Visitor]) -> None:
    assert visit("viewer").get(f"/reports?day={day}").status_code == 422


def test_notes_are_kept_shown_as_text_and_hidden_from_who_does_not_work(
    visit: Callable[[str], Visitor], store: Store
) -> None:
    put_user(store, SYSTEM, "analyst", "Analyst", {"analyst"}, NOW_MS, team="north")
    for back, path in (("", f"/reports?day={TODAY}"), ("hand-over", "/reports/hand-over")):
        answer = visit("analyst").post("/reports/notes", data={"day": TODAY, "text": HOSTILE, "back": back})
        assert answer.headers["location"] == path
        page = visit("lead").get(path).text
        assert "&lt;script&gt;alert(1)" in page
        assert "north" in page
    assert len(notes.handovers_of(store, LEAD, "north", TODAY)) == 2
    assert "script&gt;" not in visit("viewer").get("/reports").text
    for role in ("viewer", "admin", "rule_editor"):
        assert visit(role).post("/reports/notes", data={"day": TODAY, "text": "x"}).status_code == 403
        assert visit(role).get("/reports/hand-over").status_code == 403


@pytest.mark.usefixtures("worked")
def test_a_shift_hands_over_what_is_held_begun_and_wakes(
    store: Store, clock: Clock, visit: Callable[[str], Visitor]
) -> None:
    pauses.snooze(store, LEAD, case_of(store, "m2"), NOW_MS + 20 * 3_600_000, "call back", NOW_MS)
    page = visit("analyst").get("/reports/hand-over").text
    assert "Lead (lead)" in page
    assert page.count(f'<a href="/cases/{case_of(store, "m2")}">') == 2
    clock.now_ms += 9 * 3_600_000
    assert visit("analyst").get("/reports/hand-over").text.count(f'<a href="/cases/{case_of(store, "m2")}">') == 1
    assert visit("analyst").get("/reports/hand-over?hours=0").status_code == 422


@pytest.mark.usefixtures("worked")
def test_a_decided_case_is_drawn_for_another_who_agrees_or_not(store: Store, visit: Callable[[str], Visitor]) -> None:
    visit("analyst").post("/reports/recheck", data={"count": 5})
    assert "Nothing is drawn" in visit("analyst").get("/reports/recheck").text
    assert visit("lead").post("/reports/recheck", data={"count": 5}).status_code == 303
    assert "confirmed" in visit("lead").get("/reports/recheck").text
    answered = visit("lead").post("/reports/recheck/1", data={"agrees": "false", "comment": HOSTILE})
    assert answered.status_code == 303
    page = visit("lead").get("/reports/recheck").text
    assert "disagree" in page
    assert '0% <span class="quiet">(0%–79%)' in page
    assert "<script>alert" not in page
    assert visit("lead").post("/reports/recheck/1", data={"agrees": "true", "comment": "x"}).status_code == 422
    assert visit("lead").post("/reports/recheck", data={"count": 500}).status_code == 422
    assert rows(store, "rechecks", "agrees", "drawn_by") == [(False, "lead")]


@pytest.fixture
def proposed(store: Store, tmp_path: Path) -> None:
    """m1 is of grade E, and an analyst calls its alert a false alarm."""
    file_more(store, tmp_path, score("m1", "E", 1), shop("m1", HOSTILE))
    decide(store, ANALYST, case_of(store, "m1"), version(store), "false_alarm", "usual", "looked at", NOW_MS)


def version(store: Store) -> int:
    return next(
        number for case_id, number in rows(store, "cases", "case_id", "version") if case_id == case_of(store, "m1")
    )


@pytest.mark.usefixtures("proposed")
def test_a_decision_that_needs_two_is_answered_by_another_lead(store: Store, visit: Callable[[str], Visitor]) -> None:
    page = visit("lead").get("/reports/waiting").text
    assert "usual for this shop" in page
    assert "<script>alert" not in page
    assert "/reports/decisions/1/agree" not in visit("analyst").get("/reports/waiting").text
    assert visit("analyst").post("/reports/decisions/1/agree", data={"text": "x"}).status_code == 403
    assert visit("lead").get("/reports").text.count("false alarm") == 0
    assert visit("lead").post("/reports/decisions/1/agree", data={"text": "so do I"}).status_code == 303
    assert "No decision waits" in visit("lead").get("/reports/waiting").text
    assert rows(store, "decisions", "status", "second_by") == [("given", "lead")]


@pytest.mark.usefixtures("proposed")
def test_it_may_be_declined(store: Store, visit: Callable[[str], Visitor]) -> None:
    assert visit("lead").post("/reports/decisions/1/decline", data={"text": "look again"}).status_code == 303
    assert rows(store, "decisions", "status") == [("declined",)]


def test_actions_wait_until_they_are_recorded(store: Store, clock: Clock, visit: Callable[[str], Visitor]) -> None:
    actions.recommend(store, ANALYST, case_of(store, "m1"), "training", HOSTILE, NOW_MS)
    assert "waits for" not in visit("analyst").get("/reports/waiting").text
    clock.now_ms += 6_000_000
    assert "<script>alert" not in visit("analyst").get("/reports/waiting").text
    with store.writing() as connection:
        connection.exec_driver_sql(f"UPDATE actions SET recommended_ms = {NOW_MS - 2 * DAY_MS}")
    assert "waits for 2 d" in visit("analyst").get("/reports/waiting").text
    table = visit("analyst").get("/reports/actions.csv").content.decode("utf-8-sig")
    assert f"1,{case_of(store, 'm1')},m1,,training," in table
    assert visit("analyst").post("/reports/actions/1/record", data={"outcome": "done"}).status_code == 303
    assert "No action waits" in visit("analyst").get("/reports/waiting").text


def test_what_is_of_money_laundering_waits_for_aml_alone(
    store: Store, hidden: int, visit: Callable[[str], Visitor]
) -> None:
    actions.recommend(store, Actor("aml", frozenset({"aml"})), hidden, "training", "ours alone", NOW_MS)
    assert "ours alone" in visit("aml").get("/reports/waiting").text
    assert "ours alone" not in visit("lead").get("/reports/waiting").text
    assert visit("lead").post("/reports/actions/1/record", data={"outcome": "x"}).status_code == 404

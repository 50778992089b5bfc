"""Cases given to others: assigned, escalated, flagged, and what somebody is reminded of."""

from __future__ import annotations

import pytest

from casework import escalation, flags, operations, reminders
from casework.errors import Conflict, NotAllowed, NotFound, Refused
from casework.people import Actor
from casework.reading.audit import audit_of
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, ZHAO, Desk
from tests.casework.world import NOW_MS, rows


@pytest.fixture
def staffed(desk: Desk) -> Desk:
    desk.hire()
    return desk


def holder(desk: Desk, alert_id: str = "a") -> str | None:
    found: str | None = dict(rows(desk.store, "cases", "case_id", "holder"))[desk.case_of(alert_id)]
    return found


def test_a_lead_assigns_a_case_to_anybody_who_works_and_takes_it_back(staffed: Desk) -> None:
    case_id, store = staffed.case_of("a"), staffed.store
    version = operations.assign(store, WANG, case_id, "li", staffed.version(case_id), NOW_MS)
    assert (holder(staffed), version) == ("li", staffed.version(case_id))
    with pytest.raises(Conflict):
        operations.assign(store, WANG, case_id, "zhao", version - 1, NOW_MS)
    operations.assign(store, WANG, case_id, "zhao", version, NOW_MS)
    with pytest.raises(Refused, match="must be held by li, it is by zhao"):
        operations.release(store, LI, case_id, NOW_MS)
    operations.release(store, WANG, case_id, NOW_MS)
    assert holder(staffed) is None
    assert staffed.kinds()[-3:] == ["assign", "assign", "release"]


@pytest.mark.parametrize(
    ("to", "error"), [("rep-1", "must be somebody who works on case"), ("nobody", "no user nobody")]
)
def test_a_case_is_not_assigned_to_who_cannot_work_on_it(staffed: Desk, to: str, error: str) -> None:
    with pytest.raises(Refused, match=error):
        operations.assign(staffed.store, WANG, staffed.case_of("a"), to, 1, NOW_MS)


def test_who_is_assigned_a_case_must_see_it_and_who_assigns_must_be_a_lead(staffed: Desk) -> None:
    with pytest.raises(Refused, match="zhao must be somebody who works on case"):
        operations.assign(staffed.store, CHEN, staffed.case_of("x"), "zhao", 1, NOW_MS)
    with pytest.raises(NotAllowed):
        operations.assign(staffed.store, LI, staffed.case_of("a"), "zhao", 1, NOW_MS)


def test_an_escalated_case_is_given_away_until_it_is_answered(staffed: Desk) -> None:
    case_id, store = staffed.case_of("a"), staffed.store
    operations.take(store, LI, case_id, staffed.version(case_id), NOW_MS)
    made = escalation.escalate(store, LI, case_id, "too much money for me", NOW_MS, to_role="lead")
    assert holder(staffed) is None
    assert [each.escalation_id for each in escalation.open_to(store, WANG, NOW_MS)] == [made]
    assert escalation.open_to(store, LI, NOW_MS) == []
    with pytest.raises(Refused, match="must not be escalated already"):
        escalation.escalate(store, LI, case_id, "again", NOW_MS, to_user="zhao")
    with pytest.raises(Refused, match="must be answered by lead"):
        escalation.answer(store, LI, made, "I can", NOW_MS)
    escalation.answer(store, WANG, made, "hold settlement", NOW_MS)
    assert escalation.open_to(store, WANG, NOW_MS) == []
    escalation.escalate(store, LI, case_id, "you know the owner", NOW_MS, to_user="zhao")
    assert holder(staffed) == "zhao"
    assert len(escalation.open_to(store, ZHAO, NOW_MS)) == 1
    staffed.decide("a", ZHAO)
    assert escalation.open_to(store, ZHAO, NOW_MS) == [], "the decision has answered it"
    told = escalation.of_case(store, LI, case_id, NOW_MS)
    assert [(each.to_role, each.to_user, each.answer) for each in told] == [
        ("lead", None, "hold settlement"), (None, "zhao", ""),
    ]  # fmt: skip


def test_reps_do_not_learn_that_a_case_went_to_those_of_money_laundering(staffed: Desk) -> None:
    case_id, store = staffed.case_of("a"), staffed.store
    escalation.escalate(store, LI, case_id, "money in, money out", NOW_MS, to_role="aml")
    assert escalation.of_case(store, REP, case_id, NOW_MS) == []
    assert "escalate" not in {each.kind for each in audit_of(store, REP, case_id, NOW_MS)}
    assert "escalate" in {each.kind for each in audit_of(store, CHEN, case_id, NOW_MS)}
    assert len(escalation.of_case(store, LI, case_id, NOW_MS)) == len(escalation.open_to(store, CHEN, NOW_MS)) == 1


@pytest.mark.parametrize(
    "to", [{}, {"to_role": "lead", "to_user": "zhao"}, {"to_role": "viewer"}, {"to_user": "rep-1"}]
)
def test_a_case_is_escalated_to_one_role_or_person_who_can_work_on_it(staffed: Desk, to: dict[str, str]) -> None:
    with pytest.raises(Refused):
        escalation.escalate(staffed.store, LI, staffed.case_of("a"), "why", NOW_MS, **to)


def test_a_flag_is_lifted_by_another_than_who_put_it_up_and_the_holder_keeps_the_case(staffed: Desk) -> None:
    case_id, store = staffed.case_of("a"), staffed.store
    operations.take(store, LI, case_id, staffed.version(case_id), NOW_MS)
    made = flags.flag(store, LI, case_id, "is this a wedding?", NOW_MS)
    assert [(each.by, each.why) for each in flags.up(store, WANG, NOW_MS)] == [("li", "is this a wedding?")]
    assert holder(staffed) == "li"
    with pytest.raises(Refused, match="by another than li"):
        flags.lift(store, LI, made, "yes", NOW_MS)
    with pytest.raises(Refused, match="must not be flagged already"):
        flags.flag(store, WANG, case_id, "me too", NOW_MS)
    flags.lift(store, ZHAO, made, "a wedding it was", NOW_MS)
    assert flags.up(store, WANG, NOW_MS) == []
    assert staffed.kinds()[-2:] == ["flag", "lift_flag"]


def test_a_reminder_is_listed_for_its_person_once_due_until_it_is_done(staffed: Desk) -> None:
    case_id, store, thursday = staffed.case_of("a"), staffed.store, NOW_MS + 3 * DAY_MS
    mine = reminders.remind(store, LI, case_id, thursday, "call the owner", NOW_MS)
    reminders.remind(store, WANG, case_id, thursday, "ask li", NOW_MS, whom="zhao")
    assert reminders.due(store, LI, thursday - 1) == []
    assert [each.text for each in reminders.due(store, LI, thursday)] == ["call the owner"]
    assert [(each.by, each.text) for each in reminders.due(store, ZHAO, thursday)] == [("wang", "ask li")]
    with pytest.raises(NotFound):
        reminders.done(store, ZHAO, mine, thursday)
    reminders.done(store, LI, mine, thursday)
    assert reminders.due(store, LI, thursday) == []


def test_a_reminder_is_of_a_time_to_come_and_of_a_case_that_the_person_sees(staffed: Desk) -> None:
    with pytest.raises(Refused, match="due_ms must be"):
        reminders.remind(staffed.store, LI, staffed.case_of("a"), NOW_MS, "now", NOW_MS)
    with pytest.raises(Refused, match="li must be somebody who works"):
        reminders.remind(staffed.store, CHEN, staffed.case_of("x"), NOW_MS + 1, "?", NOW_MS, whom="li")
    hidden = Actor("li", frozenset({"analyst", "aml"}))
    reminders.remind(staffed.store, hidden, staffed.case_of("x"), NOW_MS + 1, "report it", NOW_MS)
    assert reminders.due(staffed.store, LI, NOW_MS + 1) == [], "who has lost the role sees it no more"

"""What needs two: decisions that clear a merchant of grade E, and actions; and what was executed of these."""

from __future__ import annotations

import pytest

from casework import actions, agreement, decisions, operations, queue
from casework.actions import EXECUTE_WITHIN_MS, Executed
from casework.decisions import UNDO_MS
from casework.errors import NotAllowed, NotFound, Refused
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, ZHAO, Desk
from tests.casework.world import NOW_MS, alert, cause, rows, score


@pytest.fixture
def at_e(desk: Desk) -> Desk:
    """m2 is of grade E."""
    desk.file(score("m2", "E", 1))
    return desk


def test_an_alert_of_grade_e_is_cleared_once_another_agrees(at_e: Desk) -> None:
    made = at_e.decide("c", WANG, "false_alarm")
    assert at_e.header() == queue.Header(open=3)
    assert [each.decision_id for each in agreement.waiting(at_e.store, ZHAO, NOW_MS)] == [made]
    with pytest.raises(NotAllowed):
        agreement.agree(at_e.store, LI, made, "so do I", NOW_MS)
    with pytest.raises(Refused, match="by another than wang"):
        agreement.agree(at_e.store, WANG, made, "so do I", NOW_MS)
    at_e.now_ms += DAY_MS
    agreement.agree(at_e.store, ZHAO, made, "so do I", at_e.now_ms)
    assert at_e.header() == queue.Header(open=2, decided=1)
    assert agreement.waiting(at_e.store, ZHAO, NOW_MS) == []
    at_e.now_ms += UNDO_MS
    at_e.agent.file()
    assert [(each["alert_id"], each["verdict"], each["by"]) for each in at_e.sent()] == [("c", "false_alarm", "wang")]
    assert at_e.kinds()[-2:] == ["propose", "agree"]
    with pytest.raises(Refused, match="must wait for somebody to agree"):
        agreement.decline(at_e.store, ZHAO, made, "no", NOW_MS)


def test_to_confirm_one_is_enough_and_below_grade_e_to_clear_too(at_e: Desk) -> None:
    at_e.decide("c", verdict="confirmed")
    at_e.decide("a", verdict="false_alarm")
    assert at_e.header() == queue.Header(decided=3)
    assert agreement.waiting(at_e.store, ZHAO, NOW_MS) == []


def test_a_cause_with_one_member_of_grade_e_is_cleared_by_two(at_e: Desk) -> None:
    at_e.file(cause("k", {"m1": ["a"], "m2": ["c"]}))
    operations.open_cause_case(at_e.store, LI, "k", NOW_MS)
    at_e.decide("a", verdict="lawful_change")
    assert at_e.header().decided == 0


def test_what_is_declined_is_as_if_it_had_not_been(at_e: Desk) -> None:
    made = at_e.decide("c", verdict="false_alarm")
    agreement.decline(at_e.store, WANG, made, "look at the slips first", NOW_MS)
    assert at_e.header() == queue.Header(open=3)
    assert rows(at_e.store, "decisions", "status", "second_by", "second_text") == [
        ("declined", "wang", "look at the slips first")
    ]
    assert at_e.decide("c", verdict="confirmed") > made


def test_a_proposal_is_undone_by_who_gave_it_until_somebody_agrees(at_e: Desk) -> None:
    made = at_e.decide("c", verdict="false_alarm")
    decisions.undo(at_e.store, LI, made, NOW_MS)
    assert agreement.waiting(at_e.store, ZHAO, NOW_MS) == []
    with pytest.raises(Refused, match="must wait"):
        agreement.agree(at_e.store, ZHAO, made, "yes", NOW_MS)
    again = at_e.decide("c", verdict="false_alarm")
    agreement.agree(at_e.store, ZHAO, again, "yes", NOW_MS)
    with pytest.raises(Refused, match="can be undone once"):
        decisions.undo(at_e.store, LI, again, NOW_MS)


def test_nobody_agrees_to_what_was_decided_or_moved_meanwhile(at_e: Desk) -> None:
    made = at_e.decide("c", verdict="false_alarm")
    other = at_e.decide("c", verdict="confirmed")
    with pytest.raises(Refused, match="they have changed"):
        agreement.agree(at_e.store, ZHAO, made, "yes", NOW_MS)
    decisions.undo(at_e.store, LI, other, NOW_MS)
    operations.move(at_e.store, LI, ["c"], at_e.case_of("a"), NOW_MS)
    with pytest.raises(Refused, match="they have changed"):
        agreement.agree(at_e.store, ZHAO, made, "yes", NOW_MS)


def test_what_comes_after_a_proposal_is_not_cleared_by_it(at_e: Desk) -> None:
    made = at_e.decide("c", verdict="false_alarm")
    at_e.file(alert("d", "m2"))
    agreement.agree(at_e.store, ZHAO, made, "yes", NOW_MS)
    assert dict(rows(at_e.store, "alerts", "alert_id", "verdict"))["d"] is None
    assert dict(rows(at_e.store, "cases", "case_id", "status"))[at_e.case_of("c")] == "open"


def test_a_proposal_on_a_case_that_one_does_not_see_is_not_there(at_e: Desk) -> None:
    at_e.file(score("m1", "E", 1))
    made = at_e.decide("x", CHEN, "false_alarm")
    assert agreement.waiting(at_e.store, WANG, NOW_MS) == []
    with pytest.raises(NotFound):
        agreement.agree(at_e.store, WANG, made, "yes", NOW_MS)


@pytest.mark.parametrize(
    ("kind", "alert_id", "wanted"),
    [("suspend", "a", 2), ("terminate", "a", 2), ("visit", "c", 0), ("limit", "a", 0), ("limit", "c", 2)],
)
def test_actions_need_two_by_kind_and_by_grade(at_e: Desk, kind: str, alert_id: str, wanted: int) -> None:
    actions.recommend(at_e.store, LI, at_e.case_of(alert_id), kind, "do it", NOW_MS)
    assert rows(at_e.store, "actions", "approvals_wanted") == [(wanted,)]


def approved(desk: Desk, kind: str = "suspend", alert_id: str = "a", at_ms: int = NOW_MS) -> int:
    made = actions.recommend(desk.store, LI, desk.case_of(alert_id), kind, "do it", NOW_MS)
    for each in (WANG, CHEN):
        actions.approve(desk.store, each, made, at_ms)
    return made


def test_what_is_approved_and_not_executed_in_a_day_is_listed(desk: Desk) -> None:
    later = NOW_MS + DAY_MS
    made = approved(desk, at_ms=later)
    plain = actions.recommend(desk.store, LI, desk.case_of("c"), "visit", "look", NOW_MS)
    actions.recommend(desk.store, LI, desk.case_of("a"), "terminate", "not approved yet", NOW_MS)
    hidden = actions.recommend(desk.store, CHEN, desk.case_of("x"), "visit", "look", NOW_MS)
    found = actions.to_execute(desk.store, LI, later)
    assert [(each.action_id, each.since_ms, each.merchant_id) for each in found] == [
        (plain, NOW_MS, "m2"), (made, later, "m1"),
    ]  # fmt: skip
    overdue = actions.to_execute(desk.store, CHEN, later, for_ms=EXECUTE_WITHIN_MS)
    assert [each.action_id for each in overdue] == [plain, hidden]
    actions.record(desk.store, LI, made, "done", later)
    assert [each.action_id for each in actions.to_execute(desk.store, LI, later)] == [plain]


def test_another_systems_answers_are_recorded_and_those_that_are_none_are_told(desk: Desk) -> None:
    made, waits = approved(desk), actions.recommend(desk.store, LI, desk.case_of("a"), "terminate", "x", NOW_MS)
    hidden = actions.recommend(desk.store, CHEN, desk.case_of("x"), "visit", "look", NOW_MS)
    answers = [
        Executed(made, "held"),
        Executed(waits, "x"),
        Executed(99, "x"),
        Executed(hidden, "x"),
        Executed(made, "x"),
    ]
    refused = actions.record_executed(desk.store, LI, answers, NOW_MS)
    assert {place: why.partition(";")[0] for place, why in refused.items()} == {
        1: f"action {waits} must be approved and not recorded yet, it is recommended",
        2: "there is no action 99",
        3: f"there is no case {desk.case_of('x')}",
        4: f"action {made} must be approved and not recorded yet, it is recorded",
    }
    assert (made, "recorded", "held") in rows(desk.store, "actions", "action_id", "status", "outcome")
    with pytest.raises(NotAllowed):
        actions.record_executed(desk.store, REP, answers, NOW_MS)

"""Tasks and notices: given with one, opened and answered as they are, and told where people give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.json import decode

from casework import decisions
from casework.people import REP, Actor
from casework.tasks.answering import Given, acknowledge, answer
from casework.tasks.making import give, withdraw
from notices.bodies import Body
from notices.outbox import Tried, lease, mark
from notices.plan import Planner
from notices.rendering import render
from notices.routing.reading import SHIPPED, parse_routing
from notices.tasking import over
from notices.viewing import view_of
from tests.notices.field import DAY_MS, HOUR_MS, LI, MINUTE_MS, NOON_MS

if TYPE_CHECKING:
    from tests.notices.field import Field

REP_1 = Actor("rep-1", frozenset({REP}))
WAIT_MS = 10_000


def given(key: str = "k1234567890abcdef") -> Given:
    return Given(key=key, outcome="as_registered", checks={}, text="called twice, all is well")


def test_a_notice_gives_its_rep_a_task_of_the_case(field: Field) -> None:
    field.shop("m1")
    field.confirmed("a")
    (made,) = field.look(WAIT_MS)
    (task,) = field.rows("tasks")
    (entry,) = made.body.entries
    assert (entry.task_id, task.kind, task.rep_id, task.due_ms) == (task.task_id, "visit", "rep-1", entry.due_ms)
    assert task.case_id == field.rows("alerts")[0].case_id


def test_a_notice_is_opened_and_answered_as_its_tasks_are(field: Field) -> None:
    field.shop("m1")
    field.confirmed("a")
    field.look(WAIT_MS)
    (task,) = field.rows("tasks")
    acknowledge(field.store, REP_1, task.task_id, field.now_ms)
    field.look()
    (row,) = field.rows("notices")
    assert (row.status, row.opened_ms) == ("opened", field.now_ms)
    withdraw(field.store, LI, task.task_id, "done by telephone", field.now_ms + 1)
    field.look(MINUTE_MS)
    (row,) = field.rows("notices")
    assert (row.status, row.answered_ms, row.escalate_ms) == ("answered", NOON_MS + WAIT_MS + 1, None)


def test_a_merchant_under_visit_gets_no_second_task_and_what_came_meanwhile_is_told_after_it(field: Field) -> None:
    field.shop("m1")
    field.confirmed("a")
    field.look(WAIT_MS)
    field.confirmed("b")
    assert field.told(HOUR_MS) == []
    (task,) = field.rows("tasks")
    withdraw(field.store, LI, task.task_id, "the shop has closed for a day", field.now_ms)
    (made,) = field.look(10 * MINUTE_MS)
    assert made.alert_ids == (("b",),)
    assert len(field.rows("tasks")) == 2


def test_what_was_seen_to_is_told_again_only_once_it_is_confirmed(field: Field) -> None:
    field.shop("m1")
    field.alert("a", detector="terminal_silent")
    field.look(20 * MINUTE_MS)
    (task,) = field.rows("tasks")
    assert task.kind == "repair"
    withdraw(field.store, LI, task.task_id, "repaired", field.now_ms)
    assert field.told(8 * DAY_MS) == []


def test_who_confirms_ends_the_task_of_an_alert_and_has_somebody_sent_anew(field: Field) -> None:
    field.shop("m1")
    field.alert("a")
    given_by = {"merchant_id": "m1", "rep_id": "rep-1", "kind": "visit", "due_ms": field.now_ms + DAY_MS}
    give(field.store, LI, **given_by, case_id=field.rows("alerts")[0].case_id, now_ms=field.now_ms)  # type: ignore[arg-type]
    (asked,) = field.look()
    decision_id = field.confirm("a")
    field.look()
    assert [each.status for each in field.rows("notices")] == ["withdrawn"]
    decisions.undo(field.store, LI, decision_id, field.now_ms)
    field.look()
    assert [each.status for each in field.rows("notices")] == ["pending"]
    field.confirm("a")
    (made,) = field.look(WAIT_MS)
    assert made.alert_ids == (("a",),)
    assert [each.status for each in field.rows("tasks")] == ["withdrawn", "open"]
    assert asked.body.entries[0].task_id != made.body.entries[0].task_id


def test_a_notice_that_was_sent_counts_as_answered_once_the_decision_stands(field: Field) -> None:
    field.shop("m1")
    field.alert("a", detector="terminal_silent")
    field.look(20 * MINUTE_MS)
    (row,) = lease(field.store, "w", field.now_ms)
    mark(field.store, "w", row.notice_id, Tried("one", "sent", "m-1"), field.now_ms)
    field.confirm("a", "false_alarm")
    field.look()
    assert [each.status for each in field.rows("notices")] == ["sent"], "it may be undone"
    field.look(WAIT_MS)
    assert [(each.status, each.escalate_ms) for each in field.rows("notices")] == [("answered", None)]


def test_a_notice_that_waits_does_not_name_the_task_that_was_taken_back(field: Field) -> None:
    for k in (1, 2):
        field.shop(f"m{k}")
        field.alert(f"a{k}", f"m{k}", detector="terminal_silent")
    field.look(20 * MINUTE_MS)
    field.confirm("a1", "false_alarm")
    (row,) = lease(field.store, "w", field.now_ms)
    with field.store.reading() as connection:
        gone = over(connection, [row.notice_id])
    view = view_of(row, decode(row.body, type=Body).without(gone), lambda _: "https://console.example/t/1")
    assert [each.shop for each in view.tasks] == ["店m2"]


def test_a_rep_is_reminded_once_of_a_task_without_an_answer_when_it_is_due_soon(field: Field) -> None:
    field.shop("m1")
    field.confirmed("a")
    field.look(WAIT_MS)
    (task,) = field.rows("tasks")
    field.now_ms = task.due_ms - DAY_MS - 1
    assert "reminder" not in [each.kind for each in field.look()]
    field.now_ms = task.due_ms - DAY_MS
    (made,) = field.look(MINUTE_MS)
    assert (made.kind, made.recipient.name, [each.task_id for each in made.body.entries]) == (
        "reminder", "rep-1", [task.task_id],
    )  # fmt: skip
    assert [each.is_task for each in made.body.entries] == [False], "it takes none of the day's tasks"
    assert "reminder" not in [each.kind for each in field.look(20 * HOUR_MS)]


def test_a_rep_is_not_reminded_of_what_is_answered_or_was_only_just_given(field: Field) -> None:
    field.shop("m1")
    field.hire(REP_1)
    field.confirmed("a")
    field.look(WAIT_MS)
    (task,) = field.rows("tasks")
    answer(field.store, REP_1, task.task_id, given(), field.now_ms)
    give(
        field.store, LI, merchant_id="m1", rep_id="rep-1", kind="call", due_ms=field.now_ms + 8 * HOUR_MS,
        now_ms=field.now_ms,
    )  # fmt: skip
    assert [each.kind for each in field.look(3 * HOUR_MS)] == ["visit"]
    assert [each.kind for each in field.look(HOUR_MS)] == ["reminder"]
    field.now_ms = task.due_ms - HOUR_MS
    assert "reminder" not in [each.kind for each in field.look()]


def test_a_routing_file_may_remind_of_nothing(field: Field) -> None:
    field.route(SHIPPED.read_text("utf-8").replace("remind_before: 1d", "remind_before: never"))
    field.shop("m1")
    field.confirmed("a")
    field.look(WAIT_MS)
    field.now_ms = field.rows("tasks")[0].due_ms - HOUR_MS
    assert "reminder" not in [each.kind for each in field.look()]


def test_a_desk_is_told_what_to_do_by_its_name_with_the_number_of_the_case(field: Field) -> None:
    field.shop("m1")
    field.alert("a")
    (made,) = field.look(MINUTE_MS)
    case_id = field.rows("alerts")[0].case_id
    assert (made.body.name, [(each.task, each.case_id) for each in made.body.entries]) == (
        "风险管理组", [("decide", case_id)],
    )  # fmt: skip
    (row,) = field.rows("notices")
    view = view_of(
        row, decode(row.body, type=Body), lambda each: f"https://console.example/cases/{each and each.case_id}"
    )
    said = render(view, "zh")
    assert "1. 待判定：「店m1」（路m1号，商户号尾号m1）" in said.text
    assert f"案件{case_id}" in said.text
    assert row.notice_id[:8] not in said.text


def test_what_goes_on_to_others_names_only_what_is_open_still(field: Field) -> None:
    field.person("rep-1", supervisor_id="sup")
    field.person("sup", "supervisor")
    field.hire(REP_1)
    for k in (1, 2):
        field.shop(f"m{k}")
        field.confirmed(f"a{k}", f"m{k}")
    field.look(WAIT_MS)
    first, second = field.rows("tasks")
    answer(field.store, REP_1, first.task_id, given(), field.now_ms)
    gone_on = [each for each in field.look(25 * HOUR_MS) if each.kind == "escalation_supervisor"]
    assert [[one.task_id for one in each.body.entries] for each in gone_on] == [[second.task_id]]


def test_nothing_goes_on_to_others_while_a_decision_that_has_ended_it_can_be_undone(field: Field) -> None:
    field.person("rep-1", supervisor_id="sup")
    field.person("sup", "supervisor")
    field.shop("m1")
    field.alert("a")
    due_ms, case_id = field.now_ms + 9 * DAY_MS, field.rows("alerts")[0].case_id
    give(
        field.store, LI, merchant_id="m1", rep_id="rep-1", kind="visit", due_ms=due_ms, case_id=case_id,
        now_ms=field.now_ms,
    )  # fmt: skip
    field.look()
    (row,) = lease(field.store, "w", field.now_ms)
    mark(field.store, "w", row.notice_id, Tried("one", "sent", "m-1"), field.now_ms)
    field.now_ms += DAY_MS
    decision_id = field.confirm("a", "false_alarm")
    assert [each.kind for each in field.look()] == []
    decisions.undo(field.store, LI, decision_id, field.now_ms)
    assert "escalation_supervisor" in [each.kind for each in field.look()]


def test_a_task_that_an_analyst_gives_is_told_to_its_rep(field: Field) -> None:
    field.shop("m1")
    due_ms = field.now_ms + DAY_MS
    task_id = give(
        field.store, LI, merchant_id="m1", rep_id="rep-1", kind="visit", due_ms=due_ms, now_ms=field.now_ms
    )  # fmt: skip
    (made,) = field.look()
    assert (made.recipient.name, [each.task_id for each in made.body.entries]) == ("rep-1", [task_id])
    assert field.look(MINUTE_MS) == []


def test_what_was_beyond_five_tasks_becomes_tasks_on_the_next_days(field: Field) -> None:
    for k in range(12):
        field.shop(f"m{k:02}")
        field.confirmed(f"a{k}", f"m{k:02}")
    counts = []
    for _ in range(3):
        field.look(WAIT_MS)
        counts.append(len(field.rows("tasks")))
        field.now_ms += DAY_MS
    assert counts == [5, 10, 12]


def test_who_can_have_no_tasks_is_told_all_the_same(field: Field) -> None:
    field.person("rep-1", supervisor_id="sup", absent_from=NOON_MS - DAY_MS)
    field.person("sup", "supervisor")
    field.shop("m1")
    field.confirmed("a")
    (made,) = field.look(WAIT_MS)
    assert (made.recipient.name, [each.is_task for each in made.body.entries]) == ("sup", [False])
    assert field.rows("tasks") == []


def test_a_desk_gets_no_tasks(field: Field) -> None:
    file = """
        desk: risk
        receivers: {risk: {to: desk, channels: [one]}, rep: {to: rep, channels: [one]}}
        route: {receiver: risk, group_wait: 0s}
    """
    field.planner = Planner(field.store, parse_routing(file))
    field.shop("m1")
    field.confirmed("a")
    assert [each.recipient.name for each in field.look(WAIT_MS)] == ["risk"]
    assert field.rows("tasks") == []


def test_an_answer_ends_what_the_notice_was_about(field: Field) -> None:
    field.shop("m1")
    field.hire(REP_1)
    field.alert("a", detector="volume_decline")
    field.look(20 * MINUTE_MS)
    (task,) = field.rows("tasks")
    assert task.kind == "warning"
    assert [each.kind for each in field.rows("notices")] == ["warning"]
    answer(field.store, REP_1, task.task_id, given(), field.now_ms)
    field.look(MINUTE_MS)
    assert [each.status for each in field.rows("notices")] == ["answered"]
    assert field.told(4 * DAY_MS) == []

"""Tasks that a decision or a merge ends, with their notices, and what an undo brings back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from casework import agreement, bulk, decisions, operations
from casework.schema import notice_entries, notices
from casework.tasks import answering, making, reading
from casework.tasks.ending import BY_DECISION, BY_MERGE
from tests.casework.desk import LI, REP, WANG, Desk
from tests.casework.tasks.field import DUE_MS, answer, give
from tests.casework.world import NOW_MS, rows, score

if TYPE_CHECKING:
    from collections.abc import Sequence


def statuses(desk: Desk) -> dict[int, str]:
    return dict(rows(desk.store, "tasks", "task_id", "status"))


def add_notice(desk: Desk, notice_id: str, task_ids: Sequence[int | None], status: str = "pending") -> None:
    """A notice of some tasks; of None, of a shop without one."""
    row: dict[str, Any] = {
        "notice_id": notice_id, "kind": "digest", "recipient": "rep-1", "is_desk": False, "channels": "[]",
        "route": "", "body": "{}", "urgent": False, "made_ms": NOW_MS, "status": status, "not_before_ms": NOW_MS,
        "attempts": 0, "channel": "", "message_id": "", "said": "",
    }  # fmt: skip
    entries = [
        {"notice_id": notice_id, "position": k, "merchant_id": "m1", "alert_ids": "[]", "is_task": task_id is not None,
         "task_id": task_id}
        for k, task_id in enumerate(task_ids)
    ]  # fmt: skip
    with desk.store.writing() as connection:
        connection.execute(insert(notices), row)
        connection.execute(insert(notice_entries), entries)


def told(desk: Desk) -> dict[str, str]:
    return dict(rows(desk.store, "notices", "notice_id", "status"))


@pytest.mark.parametrize("verdict", ["confirmed", "false_alarm"])
def test_a_verdict_that_ends_a_case_takes_its_open_tasks_back_and_notices_that_wait(desk: Desk, verdict: str) -> None:
    mine, other = give(desk), give(desk, merchant_id="m2", rep_id="rep-2", case_id=desk.case_of("c"))
    add_notice(desk, "waits", [mine])
    add_notice(desk, "went", [mine], "sent")
    add_notice(desk, "tells of another", [mine, other])
    add_notice(desk, "tells of a shop", [mine, None])
    desk.decide("a", verdict=verdict)
    assert statuses(desk) == {mine: "withdrawn", other: "open"}
    assert told(desk) == {
        "waits": "withdrawn", "went": "sent", "tells of another": "pending", "tells of a shop": "pending",
    }  # fmt: skip
    (kind, case_id, detail) = desk.entries()[-2]
    assert (kind, case_id) == ("withdraw_task", desk.case_of("a"))
    assert detail == {"task_id": mine, "reason": BY_DECISION}


@pytest.mark.parametrize(("verdict", "stands"), [("confirmed", "open"), ("data_error", "withdrawn")])
@pytest.mark.parametrize("kind", ["repair", "call", "inspection"])
def test_what_helps_the_shop_stays_where_the_verdict_confirms(desk: Desk, kind: str, verdict: str, stands: str) -> None:
    task_id = give(desk, kind=kind)
    desk.decide("a", verdict=verdict)
    assert statuses(desk) == {task_id: stands}


def test_a_verdict_that_leaves_a_case_open_leaves_its_tasks(desk: Desk) -> None:
    task_id = give(desk)
    desk.decide("a", alert_ids=["a"])
    assert statuses(desk) == {task_id: "open"}


def test_undoing_a_decision_brings_back_what_it_ended_and_nothing_else(desk: Desk) -> None:
    by_hand, mine, seen_to = give(desk), give(desk), give(desk)
    making.withdraw(desk.store, LI, by_hand, "the owner has called", NOW_MS)
    add_notice(desk, "waits", [mine])
    decision_id = desk.decide("a")
    answer(desk, seen_to, NOW_MS + 1)
    decisions.undo(desk.store, LI, decision_id, NOW_MS + 2)
    assert statuses(desk) == {by_hand: "withdrawn", mine: "open", seen_to: "answered"}
    assert told(desk) == {"waits": "pending"}
    row = reading.task(desk.store, REP, mine, NOW_MS).task.row
    assert (row.withdrawn_ms, row.withdrawn_why) == (None, "")
    assert desk.kinds()[-3:] == ["bring_back_task", "bring_back_task", "undo"]


def test_a_bulk_ends_tasks_and_brings_them_back_likewise(desk: Desk) -> None:
    one, other = give(desk), give(desk, merchant_id="m2", rep_id="rep-2", case_id=desk.case_of("c"))
    ids = [desk.case_of("a"), desk.case_of("c")]
    done = bulk.decide(
        desk.store, LI, {each: desk.version(each) for each in ids}, "confirmed", "mcc-01", "seen", NOW_MS
    )  # fmt: skip
    assert statuses(desk) == {one: "withdrawn", other: "withdrawn"}
    bulk.undo(desk.store, LI, done.bulk_id, NOW_MS + 1)
    assert statuses(desk) == {one: "open", other: "open"}


def test_a_decision_that_waits_for_another_ends_tasks_once_that_one_agrees(desk: Desk) -> None:
    desk.file(score("m1", "E", 1))
    task_id = give(desk)
    decision_id = desk.decide("a", verdict="false_alarm")
    assert statuses(desk) == {task_id: "open"}
    agreement.agree(desk.store, WANG, decision_id, "I have looked too", NOW_MS + 1)
    assert statuses(desk) == {task_id: "withdrawn"}


def test_what_is_to_be_put_right_is_checked_again_though_the_case_is_decided(desk: Desk) -> None:
    task_id = give(desk)
    answer(desk, task_id, outcome="differs", finding_until_ms=DUE_MS)
    desk.decide("a")
    assert [status for task, status in statuses(desk).items() if task != task_id] == ["open"]


def test_an_answer_to_a_task_that_was_taken_back_is_kept_and_shown_with_its_case(desk: Desk) -> None:
    task_id = give(desk)
    desk.decide("a", verdict="false_alarm")
    version = desk.version(desk.case_of("a"))
    first = answer(desk, task_id, NOW_MS + 5)
    assert answer(desk, task_id, NOW_MS + 6) == first
    (page,) = reading.of_case(desk.store, LI, desk.case_of("a"), NOW_MS)
    assert (page.task.row.status, page.task.row.answered_ms) == ("withdrawn", NOW_MS + 5)
    assert page.answer is not None
    assert page.answer.row.answered_ms == NOW_MS + 5
    assert desk.version(desk.case_of("a")) == version + 1, "whoever looks at the case is told that it has changed"
    answering.acknowledge(desk.store, REP, task_id, NOW_MS + 7)


def test_a_case_that_is_merged_leaves_behind_what_the_other_has_open_too(desk: Desk) -> None:
    own, into = desk.case_of("a"), operations.detach(desk.store, LI, ["b"], NOW_MS)
    same, twin = give(desk, case_id=own), give(desk, case_id=into)
    goes_along = give(desk, case_id=own, kind="call")
    operations.merge(desk.store, LI, own, into, NOW_MS)
    assert statuses(desk) == {same: "withdrawn", twin: "open", goes_along: "open"}
    assert {each.task.row.task_id for each in reading.of_case(desk.store, LI, into, NOW_MS)} == {same, twin, goes_along}
    assert reading.task(desk.store, LI, same, NOW_MS).task.row.withdrawn_why == BY_MERGE

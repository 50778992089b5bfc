"""A rep says that it knows, and answers; the answer reaches case, deadline, log, retrieval and audit."""

from __future__ import annotations

from typing import Any

import pytest

from casework import retrieval
from casework.change import Change
from casework.errors import NotAllowed, NotFound, Refused
from casework.notes import visits_of
from casework.people import Actor
from casework.tasks import answering, reading
from casework.tasks.place import Position
from tests.casework.desk import DAY_MS, LI, REP, WANG, Desk
from tests.casework.tasks.field import OTHER_REP, add_photo, answer, give
from tests.casework.world import NOW_MS, rows, score
from tests.causes.world import FIRST, profile

HOUR_MS = 3_600_000


def case(desk: Desk, case_id: int) -> Any:
    with desk.store.reading() as connection:
        return Change(desk.store, connection, LI, NOW_MS).case(case_id)


def test_a_task_is_opened_once_by_its_rep_and_by_nobody_else(desk: Desk) -> None:
    task_id = give(desk)
    for who, error in ((OTHER_REP, NotFound), (LI, NotAllowed), (Actor("li", frozenset({"rep", "lead"})), NotAllowed)):
        with pytest.raises(error):
            answering.acknowledge(desk.store, who, task_id, NOW_MS)
    for at in (NOW_MS + 1, NOW_MS + 2):
        answering.acknowledge(desk.store, REP, task_id, at)
    assert rows(desk.store, "tasks", "opened_ms") == [(NOW_MS + 1,)]
    assert desk.kinds().count("acknowledge_task") == 1


def test_an_answer_lands_in_the_case_and_the_log_hears_of_a_visit(desk: Desk) -> None:
    task_id, case_id = give(desk), desk.case_of("a")
    before = case(desk, case_id).version
    answer(desk, task_id, NOW_MS + HOUR_MS, outcome="differs", notes={"payer": "another firm, 6222021234567894"})
    (found,) = reading.of_case(desk.store, LI, case_id, NOW_MS)
    assert found.answer is not None
    assert (found.task.row.status, found.task.row.answered_ms) == ("answered", NOW_MS + HOUR_MS)
    assert found.answer.checks == {
        "sign": {"said": "ok", "note": ""}, "payer": {"said": "differs", "note": "another firm, ************7894"},
    }  # fmt: skip
    assert case(desk, case_id).version == before + 1
    desk.now_ms = NOW_MS + HOUR_MS
    desk.agent.file()
    (sent,) = desk.sent()
    assert (sent["type"], sent["person_id"], sent["outcome"], sent["visit_kind"]) == (
        "visit", "rep-1", "differs", "alert",
    )  # fmt: skip
    assert sent["case_id"] == str(case_id)
    assert sent["note"] == f"task {task_id}；到账及时，付款方为本机构：否；open as usual"
    assert not {"lat", "lon"} & {*sent}
    kinds = [kind for kind, of, _ in desk.entries() if of == case_id]
    assert kinds[-3:] == ["give_task", "acknowledge_task", "answer_task"]
    assert [each.outcome for each in visits_of(desk.store, LI, "m1", NOW_MS)] == ["differs"]


def test_an_answer_that_is_sent_again_is_one_answer_and_another_is_refused(desk: Desk) -> None:
    task_id = give(desk)
    first = answer(desk, task_id)
    assert answer(desk, task_id, NOW_MS + 5) == first
    with pytest.raises(Refused, match="must have no answer yet"):
        answer(desk, task_id, key="another-key")
    assert [len(rows(desk.store, each)) for each in ("task_answers", "visits", "outbox")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key": "short"}, "key must be 8 to 64"),
        ({"outcome": "fine"}, "outcome must be one of as_registered"),
        ({"checks": {"tea": "ok"}}, "checks must be of sign"),
        ({"checks": {"sign": "maybe"}}, "checks must be of sign"),
        ({"notes": {"sign": "x" * 201}}, "a note must be of a check and have at most 200"),
        ({"text": " "}, "an answer must have a photo, or a text"),
        ({"text": "x" * 4_001}, "the text of an answer must have at most"),
        ({"finding_until_ms": NOW_MS}, "finding_until_ms must be within"),
        ({"finding_until_ms": NOW_MS + 91 * DAY_MS}, "finding_until_ms must be within"),
        ({"position": Position(91, 0)}, "a position must be of -90 to 90"),
        ({"position": Position(1, 1, "mars")}, "coord_sys must be one of wgs84"),
        ({"position": Position(1, 1, "wgs84", -1)}, "accuracy_m must be 0"),
    ],
)
def test_what_cannot_be_an_answer_is_refused_and_leaves_nothing(
    desk: Desk, given: dict[str, Any], message: str
) -> None:
    task_id = give(desk)
    with pytest.raises(Refused, match=message):
        answer(desk, task_id, **given)
    assert (rows(desk.store, "task_answers"), rows(desk.store, "visits")) == ([], [])
    assert rows(desk.store, "tasks", "status", "opened_ms") == [("open", None)]


def test_a_photo_takes_the_place_of_a_text(desk: Desk) -> None:
    task_id = give(desk)
    add_photo(desk.store, task_id)
    answer(desk, task_id, text="")
    assert desk.entries()[-1][2]["photos"] == 1


def test_a_call_and_what_has_no_case_are_answered_too(desk: Desk) -> None:
    for kind, visits in (("call", 0), ("inspection", 1)):
        task_id = give(desk, kind=kind, case_id=None)
        answer(desk, task_id, checks={"payer": "ok"})
        assert len(rows(desk.store, "visits")) == visits


@pytest.mark.parametrize(
    ("registered", "told", "far", "radius"),
    [
        ({"lat": 31.2304, "lon": 121.4737, "coord_sys": "gcj02"}, Position(31.2304, 121.4737, "gcj02"), 0, 300),
        ({"lat": 31.2304, "lon": 121.4737, "coord_sys": "gcj02"}, Position(31.2304, 121.4737, "wgs84"), 481, 300),
        ({"lat": 31.2304, "lon": 121.4737, "coord_sys": "gcj02"}, Position(31.2304, 121.4737), 0, 800),
        ({"lat": 31.2304, "lon": 121.4737}, Position(31.2304, 121.4737, "wgs84"), 0, 800),
        ({}, Position(31.2304, 121.4737, "wgs84"), None, None),
    ],
)
def test_a_position_is_held_against_the_registered_address_on_one_map(
    desk: Desk, registered: dict[str, Any], told: Position, far: float | None, radius: int | None
) -> None:
    desk.know(profile("m1", FIRST, rep_id="rep-1", **registered))
    desk.agent.file()
    answer(desk, give(desk), position=told)
    ((distance, within),) = rows(desk.store, "task_answers", "distance_m", "radius_m")
    assert (None if distance is None else round(distance), within) == (far, radius)


def test_a_position_that_was_not_given_is_not_kept(desk: Desk) -> None:
    answer(desk, give(desk))
    assert rows(desk.store, "task_answers", "lat", "lon", "position_agreed_ms") == [(None, None, None)]


def test_an_answer_is_to_be_looked_at_by_the_next_working_day_and_duties_before_that_stay(desk: Desk) -> None:
    task_id, case_id = give(desk), desk.case_of("a")
    assert case(desk, case_id).due_ms is None
    answer(desk, task_id, NOW_MS + HOUR_MS)
    due = case(desk, case_id)
    assert (due.due_ms, due.due_rule) == (desk.store.working_days.after(NOW_MS + HOUR_MS, 1), "answer")


def test_while_a_merchant_puts_things_right_its_grade_wants_no_verdict(desk: Desk) -> None:
    desk.file(score("m1", "E", 1))
    task_id, case_id = give(desk), desk.case_of("a")
    assert case(desk, case_id).due_rule == "grade E"
    until_ms = NOW_MS + 7 * DAY_MS
    answer(desk, task_id, outcome="differs", finding_until_ms=until_ms)
    (again,) = reading.open_tasks(desk.store, REP, NOW_MS)
    assert (again.row.kind, again.row.after_task_id, again.row.case_id) == ("recheck", task_id, case_id)
    assert again.row.due_ms == desk.store.working_days.after(until_ms, 3)
    waits = case(desk, case_id)
    assert (waits.due_rule, waits.due_ms) == ("recheck", desk.store.working_days.after(again.row.due_ms, 1))
    before = reading.task(desk.store, REP, again.row.task_id, NOW_MS).before
    assert before is not None
    assert before.task.row.task_id == task_id
    answer(desk, again.row.task_id, NOW_MS + 8 * DAY_MS, checks={"rectified": "ok"}, key="recheck-1")
    assert case(desk, case_id).due_rule == "grade E"


def test_somebody_in_the_office_sets_a_time_for_rectification_once(desk: Desk) -> None:
    task_id, until_ms = give(desk), NOW_MS + 5 * DAY_MS
    with pytest.raises(Refused, match="must be answered"):
        answering.set_finding(desk.store, LI, task_id, until_ms, "sign", NOW_MS)
    answer(desk, task_id)
    made = answering.set_finding(desk.store, WANG, task_id, until_ms, "change the sign", NOW_MS)
    again = reading.task(desk.store, REP, made, NOW_MS)
    assert (again.task.row.text, again.task.row.made_by) == ("change the sign", "wang")
    assert reading.task(desk.store, LI, task_id, NOW_MS).after == (made,)
    with pytest.raises(Refused, match="no time for rectification yet"):
        answering.set_finding(desk.store, LI, task_id, until_ms, "again", NOW_MS)
    with pytest.raises(NotAllowed):
        answering.set_finding(desk.store, REP, task_id, until_ms, "mine", NOW_MS)


def test_who_stands_in_for_the_rep_answers_and_gets_the_re_check(desk: Desk) -> None:
    task_id = give(desk, rep_id="rep-2")
    answer(desk, task_id, actor=OTHER_REP, outcome="differs", finding_until_ms=NOW_MS + DAY_MS)
    assert [each.row.kind for each in reading.open_tasks(desk.store, OTHER_REP, NOW_MS)] == ["recheck"]
    assert reading.open_tasks(desk.store, REP, NOW_MS) == []
    assert [each.by for each in visits_of(desk.store, LI, "m1", NOW_MS)] == ["rep-2"]


def test_photos_of_a_task_for_documents_become_those_of_the_retrieval(desk: Desk) -> None:
    txn = retrieval.Chosen("a", "t-a", *rows(desk.store, "alert_transactions", "txn_type", "time")[0])
    asked = retrieval.ask(desk.store, LI, desk.case_of("a"), [txn], ["sales_slip", "invoice"], "slips of 9 May", NOW_MS)
    task_id = give(desk, kind="documents", case_id=asked)
    for slot, digest in (("sales_slip", "ab"), ("other", "cd"), ("invoice", "ef")):
        add_photo(desk.store, task_id, slot, digest)
    answer(desk, task_id, checks={}, text="")
    (found,) = retrieval.listed(desk.store, LI, NOW_MS)
    assert (found.status, {*found.documents.values()}) == ("received", {NOW_MS})
    assert sorted(rows(desk.store, "attachments", "case_id", "sha256", "by")) == [
        (asked, "ab", "rep-1"), (asked, "ef", "rep-1"),
    ]  # fmt: skip
    assert rows(desk.store, "visits") == []
    with pytest.raises(Refused, match="a task for documents must be of a retrieval"):
        give(desk, case_id=asked)


def test_a_task_is_answered_after_its_case_was_decided(desk: Desk) -> None:
    task_id, case_id = give(desk), desk.case_of("a")
    desk.decide("a")
    answer(desk, task_id, finding_until_ms=NOW_MS + DAY_MS)
    assert (case(desk, case_id).status, case(desk, case_id).due_ms) == ("decided", None)
    (again,) = reading.open_tasks(desk.store, REP, NOW_MS)
    assert again.row.case_id is None

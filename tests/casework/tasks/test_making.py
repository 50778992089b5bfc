"""Giving tasks and taking them back: to whom, of which cases, and who sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from casework import operations
from casework.change import Change
from casework.errors import NotAllowed, NotFound, Refused
from casework.people import SYSTEM, Actor, put_user
from casework.tasks import making, reading
from casework.tasks.words import CHECKS, KINDS, STANDARD
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, Desk
from tests.casework.tasks.field import DUE_MS, OTHER_REP, add_photo, answer, give
from tests.casework.world import NOW_MS, alert, rows
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from casework.store import Store


def listed(store: Store, actor: Actor = REP, now_ms: int = NOW_MS) -> list[int]:
    return [each.row.task_id for each in reading.open_tasks(store, actor, now_ms)]


def test_a_task_reaches_its_rep_with_shop_and_checklist_and_is_on_the_audit(desk: Desk) -> None:
    desk.know(profile("m1", FIRST, rep_id="rep-1", short_name="旺角茶餐厅", address="中山路7号", lat=1.5, lon=2.5))
    desk.agent.file()
    task_id = give(desk, text="ask for the owner, card 6222021234567894")
    (found,) = reading.open_tasks(desk.store, REP, NOW_MS)
    assert (found.row.task_id, found.row.kind, found.row.due_ms, found.is_late) == (task_id, "visit", DUE_MS, False)
    assert found.row.text == "ask for the owner, card ************7894"
    assert (found.shop.name, found.shop.address, found.shop.lat, found.shop.tail) == (
        "旺角茶餐厅",
        "中山路7号",
        1.5,
        "m1",
    )
    assert found.checklist == STANDARD["visit"]
    assert reading.open_tasks(desk.store, REP, DUE_MS + 1)[0].is_late
    kind, case_id, detail = desk.entries()[-1]
    assert (kind, case_id, detail["rep_id"], detail["of_kind"]) == ("give_task", desk.case_of("a"), "rep-1", "visit")


def test_every_kind_has_a_checklist_of_items_that_are_known() -> None:
    assert {*STANDARD} == {*KINDS}
    assert {each for listed in STANDARD.values() for each in listed} <= {*CHECKS}


def test_a_case_of_money_laundering_never_has_a_task_whoever_wants_it(desk: Desk) -> None:
    case_id = desk.case_of("x")
    with pytest.raises(Refused, match="must not be one for the role aml alone"):
        give(desk, CHEN, case_id=case_id)
    for who in (LI, WANG, SYSTEM):
        with pytest.raises((NotFound, NotAllowed)):
            give(desk, who, case_id=case_id)
    with desk.store.writing() as connection:
        change = Change(desk.store, connection, SYSTEM, NOW_MS)
        with pytest.raises(NotFound):
            making.make(change, merchant_id="m1", rep_id="rep-1", kind="visit", due_ms=DUE_MS, case_id=case_id)
    assert rows(desk.store, "tasks") == []


def test_nothing_of_alerts_or_scores_is_read_where_a_rep_lists_its_tasks(desk: Desk) -> None:
    task_id = give(desk)
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    event.listen(desk.store._engine, "before_cursor_execute", note)
    reading.open_tasks(desk.store, REP, NOW_MS)
    reading.task(desk.store, REP, task_id, NOW_MS)
    event.remove(desk.store._engine, "before_cursor_execute", note)
    assert any("FROM tasks" in each for each in seen)
    told = " ".join(seen)
    assert not any(each in told for each in ("alerts", "cases", "FROM merchants", "scores", "causes"))


def test_an_alert_of_money_laundering_changes_nothing_that_its_rep_is_shown(desk: Desk) -> None:
    for merchant_id in ("n1", "n2"):
        desk.know(profile(merchant_id, FIRST, rep_id="rep-9", short_name="店"))
    desk.file(alert("n", "n1"), alert("o", "n2"), alert("p", "n1", risk_code="29", severity=0.9))
    for merchant_id, of in (("n1", "n"), ("n2", "o")):
        give(desk, merchant_id=merchant_id, rep_id="rep-9", case_id=desk.case_of(of))
    one, other = reading.open_tasks(desk.store, Actor("rep-9", REP.roles), NOW_MS)
    columns = ("kind", "rep_id", "is_own", "due_ms", "checklist", "text", "status", "made_ms")
    assert [getattr(one.row, each) for each in columns] == [getattr(other.row, each) for each in columns]
    assert one.shop._replace(merchant_id="") == other.shop._replace(merchant_id="")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "tea"}, "kind must be one of visit, call"),
        ({"due_ms": NOW_MS}, "due_ms must be after now"),
        ({"checklist": ["sign", "tea"]}, "checklist must be of sign, .* got 'tea'"),
        ({"checklist": []}, "checklist must have an item"),
        ({"text": "x" * 4_001}, "the text of a task must have"),
        ({"rep_id": "nobody"}, "rep_id must be somebody who has the role rep"),
        ({"merchant_id": "m2"}, "merchant m2 must be of case"),
        ({"kind": "documents"}, "a task for documents must be of a retrieval"),
        ({"kind": "documents", "case_id": None}, "a task for documents must be of a retrieval, got no case"),
        ({"after_task_id": 7}, "there is no task 7 of merchant m1"),
        ({"case_id": None, "merchant_id": "nowhere"}, "there is no merchant nowhere"),
    ],
)
def test_what_cannot_be_a_task_is_refused_and_leaves_nothing(desk: Desk, given: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        give(desk, **given)
    assert rows(desk.store, "tasks") == []


def test_neither_a_rep_nor_a_viewer_gives_tasks(desk: Desk) -> None:
    for who in (REP, Actor("v", frozenset({"viewer"}))):
        with pytest.raises(NotAllowed):
            give(desk, who)


def test_a_disabled_rep_and_a_user_who_is_none_get_no_task(desk: Desk) -> None:
    desk.hire()
    give(desk)
    put_user(desk.store, SYSTEM, "rep-1", "Rep", {"rep"}, NOW_MS, disabled=True)
    for who in ("rep-1", "li"):
        with pytest.raises(Refused, match="rep_id must be somebody"):
            give(desk, rep_id=who)


def test_a_rep_sees_its_own_tasks_alone_and_the_office_all(desk: Desk) -> None:
    mine, theirs = give(desk), give(desk, merchant_id="m2", rep_id="rep-2", case_id=desk.case_of("c"))
    assert (listed(desk.store), listed(desk.store, OTHER_REP)) == ([mine], [theirs])
    assert listed(desk.store, LI) == [mine, theirs]
    with pytest.raises(NotFound, match=f"there is no task {theirs}"):
        reading.task(desk.store, REP, theirs, NOW_MS)
    assert listed(desk.store, Actor("rep-1", frozenset())) == []


def test_a_task_goes_with_the_merchant_but_stays_with_who_stands_in(desk: Desk) -> None:
    own, lent = give(desk), give(desk, rep_id="rep-2")
    assert (listed(desk.store), listed(desk.store, OTHER_REP)) == ([own], [lent])
    desk.know(profile("m1", FIRST.replace(year=2026), rep_id="rep-3"))
    desk.agent.file()
    assert (listed(desk.store), listed(desk.store, OTHER_REP)) == ([], [lent])
    with pytest.raises(NotFound):
        answer(desk, own)


def test_tasks_come_by_their_deadline(desk: Desk) -> None:
    late, soon = give(desk), give(desk, due_ms=DUE_MS - 1)
    assert listed(desk.store) == [soon, late]


def test_a_task_that_was_withdrawn_is_gone_from_the_list_and_says_why(desk: Desk) -> None:
    kept, gone = give(desk), give(desk)
    with pytest.raises(Refused, match="why a task is withdrawn"):
        making.withdraw(desk.store, LI, gone, " ", NOW_MS)
    making.withdraw(desk.store, LI, gone, "the owner has called", NOW_MS)
    assert listed(desk.store) == [kept]
    assert reading.task(desk.store, REP, gone, NOW_MS).task.row.withdrawn_why == "the owner has called"
    with pytest.raises(NotFound, match=f"there is no open task {gone}"):
        making.withdraw(desk.store, LI, gone, "again", NOW_MS)
    assert [each.row.task_id for each in reading.closed_tasks(desk.store, REP, NOW_MS, NOW_MS)] == [gone]


def test_a_case_has_so_many_open_tasks_at_most(desk: Desk) -> None:
    for _ in range(making.MOST_OPEN):
        give(desk)
    with pytest.raises(Refused, match="at most 20 open tasks"):
        give(desk)


def test_tasks_go_with_a_case_that_is_merged_into_another(desk: Desk) -> None:
    task_id, into = give(desk), desk.case_of("c")
    operations.merge(desk.store, LI, desk.case_of("a"), into, NOW_MS)
    assert dict(rows(desk.store, "tasks", "task_id", "case_id")) == {task_id: into}
    assert [each.task.row.task_id for each in reading.of_case(desk.store, LI, into, NOW_MS)] == [task_id]


def test_a_case_shows_its_tasks_to_whoever_sees_both(desk: Desk) -> None:
    mine = give(desk)
    give(desk, rep_id="rep-2")
    add_photo(desk.store, mine)
    assert len(reading.of_case(desk.store, LI, desk.case_of("a"), NOW_MS)) == 2
    (found,) = reading.of_case(desk.store, REP, desk.case_of("a"), NOW_MS)
    assert (found.task.row.task_id, len(found.photos), found.answer) == (mine, 1, None)
    assert reading.of_case(desk.store, OTHER_REP, desk.case_of("a"), NOW_MS) == [], "the case is another rep's"


def test_each_task_has_a_sign_of_its_own_to_be_in_the_picture(desk: Desk) -> None:
    signs = {making.made_nonce() for _ in range(200)}
    assert len(signs) > 150
    assert all(len(each) == 4 and each.isalnum() for each in signs)
    give(desk)
    assert reading.open_tasks(desk.store, REP, NOW_MS + DAY_MS)[0].row.nonce

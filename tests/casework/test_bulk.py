"""One thing done to many cases: one transaction, one entry, what cannot be done listed."""

from __future__ import annotations

import pytest

from casework import bulk, decisions, operations, queue
from casework.bulk import Money
from casework.decisions import UNDO_MS
from casework.errors import NotFound, Refused
from casework.people import AML, Actor
from casework.reading.audit import audit_of
from tests.casework.desk import DAY_MS, LI, REP, WANG, Desk
from tests.casework.world import NOW_MS, alert, rows, score


def versions(desk: Desk, *alert_ids: str) -> dict[int, int]:
    return {desk.case_of(each): desk.version(desk.case_of(each)) for each in alert_ids}


def decide(desk: Desk, seen: dict[int, int], verdict: str = "false_alarm") -> bulk.Bulk:
    return bulk.decide(desk.store, LI, seen, verdict, "x", "a holiday", desk.now_ms)


def test_many_cases_are_decided_as_one_with_one_entry_of_members_count_and_money(desk: Desk) -> None:
    desk.file(alert("d", "m3", currency="USD", turnover=None))
    before = len(desk.entries())
    made = decide(desk, versions(desk, "a", "c", "d"))
    cases = tuple(sorted(desk.case_of(each) for each in "acd"))
    money = {"CNY": Money(270_000, 3_000), "USD": Money(0, 1_000)}
    assert (made.case_ids, made.alerts, made.skipped, made.money) == (cases, 4, (), money)
    ((kind, case_id, detail),) = desk.entries()[before:]
    assert (kind, case_id, tuple(detail["case_ids"]), detail["alerts"]) == ("bulk_decide", None, cases, 4)
    assert detail["money"]["CNY"] == {"turnover_minor": 270_000, "loss_minor": 3_000}
    assert desk.header() == queue.Header(decided=4)
    desk.now_ms += UNDO_MS
    desk.agent.file()
    assert {(each["alert_id"], each["verdict"]) for each in desk.sent()} == {(each, "false_alarm") for each in "abcd"}


def test_the_entry_of_a_bulk_is_in_the_audit_of_each_of_its_cases(desk: Desk) -> None:
    decide(desk, versions(desk, "a", "c"))
    for each in "ac":
        found = audit_of(desk.store, LI, desk.case_of(each), NOW_MS)
        assert [entry.kind for entry in found] == ["bulk_decide"]
    assert audit_of(desk.store, REP, desk.case_of("c"), NOW_MS) == ()


def test_who_was_faster_keeps_a_case_and_the_others_are_decided(desk: Desk) -> None:
    seen = versions(desk, "a", "c")
    operations.take(desk.store, WANG, desk.case_of("a"), seen[desk.case_of("a")], NOW_MS)
    hidden, unknown = desk.case_of("x"), 99
    made = decide(desk, {**seen, hidden: 1, unknown: 1})
    assert made.case_ids == (desk.case_of("c"),)
    assert [(each.case_id, each.holder, each.version) for each in made.skipped] == [
        (desk.case_of("a"), "wang", 2), (hidden, None, None), (unknown, None, None),
    ]  # fmt: skip
    assert desk.header() == queue.Header(open=2, decided=1)


def test_what_can_be_done_to_no_case_leaves_no_entry(desk: Desk) -> None:
    before = desk.entries()
    made = decide(desk, {desk.case_of("a"): 99})
    assert (made.bulk_id, made.case_ids, len(made.skipped)) == (0, (), 1)
    assert desk.entries() == before
    assert rows(desk.store, "bulks") == []


def test_a_bulk_of_decisions_is_undone_as_one_within_ten_seconds(desk: Desk) -> None:
    made = decide(desk, versions(desk, "a", "c"))
    with pytest.raises(Refused, match="by li, for 10 s"):
        bulk.undo(desk.store, WANG, made.bulk_id, NOW_MS)
    with pytest.raises(Refused, match="by li, for 10 s"):
        bulk.undo(desk.store, LI, made.bulk_id, NOW_MS + UNDO_MS + 1)
    bulk.undo(desk.store, LI, made.bulk_id, NOW_MS + UNDO_MS)
    assert desk.header() == queue.Header(open=3)
    kind, _, detail = desk.entries()[-1]
    assert (kind, detail["of"], detail["alerts"]) == ("bulk_undo", made.bulk_id, 3)
    desk.now_ms += DAY_MS
    desk.agent.file()
    assert desk.sent() == []
    with pytest.raises(Refused, match="can be undone once"):
        bulk.undo(desk.store, LI, made.bulk_id, NOW_MS)
    with pytest.raises(NotFound):
        bulk.undo(desk.store, LI, 77, NOW_MS)


def test_a_bulk_of_which_one_decision_was_followed_by_another_is_not_undone_in_part(desk: Desk) -> None:
    made = decide(desk, versions(desk, "a", "c"))
    desk.decide("c", WANG, alert_ids=["c"])
    with pytest.raises(Refused, match="followed by another"):
        bulk.undo(desk.store, LI, made.bulk_id, NOW_MS)
    assert desk.header() == queue.Header(decided=3)


def test_a_decision_of_a_bulk_is_undone_alone_but_then_not_the_bulk(desk: Desk) -> None:
    made = decide(desk, versions(desk, "a", "c"))
    decisions.undo(desk.store, LI, 1, NOW_MS)
    with pytest.raises(Refused, match="decision 1 can be undone once"):
        bulk.undo(desk.store, LI, made.bulk_id, NOW_MS)


def test_many_cases_are_taken_and_put_off(desk: Desk) -> None:
    seen = versions(desk, "a", "c")
    assert len(bulk.take(desk.store, LI, seen, NOW_MS).case_ids) == 2
    assert desk.header().mine == 3
    again = bulk.take(desk.store, WANG, versions(desk, "a", "c"), NOW_MS)
    assert [each.holder for each in again.skipped] == ["li", "li"]
    made = bulk.snooze(desk.store, LI, versions(desk, "a", "c"), NOW_MS + DAY_MS, "holiday", NOW_MS)
    assert (len(made.case_ids), made.alerts) == (2, 3)
    assert desk.header().snoozed == 3
    assert [kind for kind, *_ in desk.entries()][-2:] == ["bulk_take", "bulk_snooze"]


def test_cases_of_money_laundering_are_done_apart_from_others(desk: Desk) -> None:
    both = Actor("sun", frozenset({"analyst", AML}))
    made = bulk.take(desk.store, both, versions(desk, "a", "x"), NOW_MS)
    assert made.case_ids == (desk.case_of("a"),)
    assert "apart from others" in made.skipped[0].reason
    assert bulk.take(desk.store, both, versions(desk, "x"), NOW_MS).case_ids == (desk.case_of("x"),)
    assert [is_aml for kind, is_aml in rows(desk.store, "audit", "kind", "is_aml") if kind == "bulk_take"] == [
        False,
        True,
    ]


def test_of_a_bulk_what_needs_two_is_proposed(desk: Desk) -> None:
    desk.file(score("m2", "E", 1))
    made = decide(desk, versions(desk, "a", "c"))
    assert made.proposed == (desk.case_of("c"),)
    assert desk.header() == queue.Header(open=1, decided=2)
    bulk.undo(desk.store, LI, made.bulk_id, NOW_MS)
    assert desk.header() == queue.Header(open=3)


def test_there_must_be_some_cases_and_not_too_many(desk: Desk) -> None:
    for seen in ({}, dict.fromkeys(range(bulk.MOST_CASES + 1), 0)):
        with pytest.raises(Refused, match="cases must be 1 to"):
            decide(desk, seen)


def test_a_snooze_of_many_of_which_none_fits_puts_none_off_and_says_why(desk: Desk) -> None:
    case_id = desk.case_of("a")
    done = bulk.snooze(desk.store, LI, {case_id: desk.version(case_id) + 1}, NOW_MS + DAY_MS, "later", NOW_MS)
    assert (done.bulk_id, done.case_ids, [each.case_id for each in done.skipped]) == (0, (), [case_id])
    assert rows(desk.store, "snoozes") == []

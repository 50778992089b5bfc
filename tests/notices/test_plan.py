"""Planning: who is told of what stands, once, in the transaction that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from casework import decisions
from notices.plan import LOOK_EVERY_MS
from tests.notices.field import DAY_MS, HOUR_MS, LI, MINUTE_MS, NOON_MS, TOLD

if TYPE_CHECKING:
    from tests.notices.field import Field

WAIT_MS = 10_000
"""The wait of a confirmed alert's group, in which a decision can be undone."""


def test_a_confirmed_alert_is_told_to_the_merchants_rep_once(field: Field) -> None:
    field.person("rep-1", name="苇杪")
    field.shop("m1")
    field.confirmed("a")
    assert field.told(WAIT_MS) == [("rep-1", ["m1"])]
    (row,) = field.rows("notices")
    assert (row.status, row.kind, row.recipient, row.is_desk, row.channels) == (
        "pending", "visit", "rep-1", False, '["wecom","dingtalk","feishu","email"]',
    )  # fmt: skip
    body = field.bodies()[row.notice_id]
    assert (body.name, body.lang, body.zone) == ("苇杪", "zh", "Asia/Shanghai")
    assert [(e.shop, e.address, e.task, e.is_task) for e in body.entries] == [("店m1", "路m1号", "visit", True)]
    assert field.told(LOOK_EVERY_MS) == []
    assert [each.notice_id for each in field.rows("notice_entries")] == [row.notice_id]


def test_an_alert_that_nobody_has_confirmed_is_told_to_the_desk_alone(field: Field) -> None:
    field.person("rep-1")
    field.shop("m1")
    field.alert("a")
    assert field.told(MINUTE_MS) == [("risk", ["m1"])]
    field.confirm("a")
    assert field.told(WAIT_MS) == [("rep-1", ["m1"])]


@pytest.mark.parametrize("verdict", ["false_alarm", "lawful_change"])
def test_an_alert_that_was_cleared_is_told_to_nobody(field: Field, verdict: str) -> None:
    field.shop("m1")
    field.alert("a")
    field.confirm("a", verdict)
    assert field.told(MINUTE_MS) == []


def test_a_decision_that_is_undone_within_its_time_is_told_to_nobody(field: Field) -> None:
    field.shop("m1")
    field.alert("a")
    decision_id = field.confirm("a")
    assert field.told(WAIT_MS - 1) == []
    decisions.undo(field.store, LI, decision_id, field.now_ms)
    assert field.told(1) == []


def test_a_merchant_that_changed_hands_is_told_to_whose_it_was_at_the_event(field: Field) -> None:
    field.shop("m1", "rep-1")
    field.assign("m1", "rep-2", NOON_MS - DAY_MS)
    field.confirmed("a")
    assert field.told(WAIT_MS) == [("rep-1", ["m1"])]


def test_who_stands_in_is_told_while_the_rep_is_absent(field: Field) -> None:
    field.person("rep-1", deputy_id="rep-2", absent_from=NOON_MS - DAY_MS, absent_until=NOON_MS + DAY_MS)
    field.person("rep-2")
    field.shop("m1")
    field.confirmed("a")
    assert field.told(WAIT_MS) == [("rep-2", ["m1"])]


def test_the_supervisor_is_told_where_nobody_stands_in_and_the_desk_where_there_is_none(field: Field) -> None:
    field.person("rep-1", supervisor_id="sup-1", absent_from=NOON_MS - DAY_MS)
    field.person("sup-1", "supervisor")
    field.shop("m1")
    field.shop("m2", "")
    field.confirmed("a")
    field.confirmed("b", "m2")
    assert field.told(WAIT_MS) == [("risk", ["m2"]), ("sup-1", ["m1"])]


def test_all_shops_of_a_rep_are_told_in_one_notice_five_as_tasks_and_the_rest_as_a_list(field: Field) -> None:
    for k in range(8):
        field.shop(f"m{k}")
        field.confirmed(f"a{k}", f"m{k}", loss=1_000 * k)
    (made,) = field.look(WAIT_MS)
    assert made.kind == "digest"
    assert [each.merchant_id for each in made.body.entries if each.is_task] == ["m7", "m6", "m5", "m4", "m3"]
    assert [each.merchant_id for each in made.body.entries if not each.is_task] == ["m2", "m1", "m0"]
    field.confirmed("b", "m1")
    (later,) = field.look(5 * MINUTE_MS)
    assert not any(each.is_task for each in later.body.entries)


def test_nobody_is_told_in_the_night_and_all_of_it_in_the_morning(field: Field) -> None:
    field.person("rep-1")
    for k in (1, 2):
        field.shop(f"m{k}")
    field.now_ms = NOON_MS + 10 * HOUR_MS  # 22:00
    field.confirmed("a")
    assert field.told(WAIT_MS) == []
    field.confirmed("b", "m2")
    assert field.told(HOUR_MS) == []
    assert field.told(9 * HOUR_MS) == [("rep-1", ["m1", "m2"])]  # 08:00 of Tuesday
    assert field.rows("notice_held") == []


def test_the_night_is_by_the_clock_of_who_is_told(field: Field) -> None:
    field.person("rep-1", time_zone="Europe/Berlin")
    field.shop("m1")
    field.now_ms = NOON_MS + 10 * HOUR_MS  # 22:00 in Shanghai, 15:00 in Berlin
    field.confirmed("a")
    assert field.told(WAIT_MS) == [("rep-1", ["m1"])]


def test_what_was_held_and_does_not_stand_any_more_is_told_to_nobody(field: Field) -> None:
    field.shop("m1")
    field.now_ms = NOON_MS + 10 * HOUR_MS
    field.alert("a", detector="terminal_silent")
    assert field.told(20 * MINUTE_MS) == []
    assert len(field.rows("notice_held")) == 1
    field.confirm("a", "false_alarm")
    assert field.told(10 * HOUR_MS) == []
    assert field.rows("notice_held") == []


def test_a_look_that_could_see_nothing_new_changes_nothing(field: Field) -> None:
    field.shop("m1")
    field.confirmed("a")
    field.look(WAIT_MS)
    before = field.rows("facts")
    field.look(1_000)
    field.look(1_000)
    assert field.rows("facts")[:-1] == before[:-1]


def test_a_notice_is_noted_in_the_audit(field: Field) -> None:
    field.shop("m1")
    field.confirmed("a")
    (made,) = field.look(WAIT_MS)
    assert [each.detail for each in field.rows("audit") if each.kind == "make_notice"] == [
        f'{{"notice_id":"{made.notice_id}","recipient":"rep-1","shops":1}}'
    ]


def test_the_detector_of_these_tests_is_one_that_a_rep_may_hear_of(field: Field) -> None:
    field.shop("m1")
    for k, detector in enumerate(("mcc_jump", "mcc_static", "mcc_rotation", "fee_over", "fee_rise", TOLD)):
        field.confirmed(f"a{k}", detector=detector)
    assert [(each.recipient.name, each.alert_ids) for each in field.look(MINUTE_MS)] == [
        ("rep-1", (("a5",),)), ("risk", (("a0", "a1", "a2", "a3", "a4"),)),
    ]  # fmt: skip

"""What a sender shows of the outbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from casework.people import REP, Actor
from casework.tasks.answering import acknowledge
from casework.tasks.making import withdraw
from notices.channels.contract import Outcome
from notices.metrics import NotifyMetrics
from notices.sending import Sender
from tests.notices.far_side import FarSide, plain
from tests.notices.field import HOUR_MS, LI
from tests.scrape import Series, series, value

if TYPE_CHECKING:
    from tests.notices.field import Field

URGENT = """
    desk: risk
    receivers: {risk: {to: desk, channels: [wecom]}, rep: {to: rep, channels: [wecom]}}
    route:
      receiver: risk
      routes:
        - match: {verdict: confirmed}
          receiver: rep
          task: visit
          group_by: [merchant]
          group_wait: 0s
          urgent: true
          supervisor_after: 1h
"""


def shown(field: Field) -> Series:
    return series(NotifyMetrics(field.store, lambda: field.now_ms).written())


def unopened(field: Field) -> float:
    return value(shown(field), "notices_unopened_urgent")


def gone_on(field: Field, *merchants: str) -> list[int]:
    """Have urgent notices of merchants go on to the supervisor; the tasks' numbers."""
    field.route(URGENT)
    field.person("rep-1", wecom_id="weimiao", supervisor_id="sup-1")
    field.person("sup-1", "supervisor", wecom_id="head")
    for each in merchants:
        field.shop(each)
        field.confirmed(f"of-{each}", each)
        field.look()
    assert unopened(field) == 0
    assert {each.kind for each in field.look(2 * HOUR_MS)} == {"escalation_supervisor"}
    return [each.task_id for each in field.rows("tasks")]


def test_an_urgent_notice_that_went_on_counts_until_it_is_opened(field: Field) -> None:
    first, _ = gone_on(field, "m1", "m2")
    assert unopened(field) == 2
    acknowledge(field.store, Actor("rep-1", frozenset({REP})), first, field.now_ms)
    assert unopened(field) == 1


def test_one_whose_task_was_withdrawn_counts_no_more_though_it_is_dead(field: Field) -> None:
    (task_id,) = gone_on(field, "m1")
    far = FarSide()
    far.answer = lambda to: Outcome(address=to, status="refused", said="40003")
    sender = Sender(field.store, {"wecom": far}, plain, lambda *_: "https://c.example/", lambda: field.now_ms, {})
    asyncio.run(sender.send_due())
    found = shown(field)
    assert value(found, "notices_notices", status="dead") == 2
    assert value(found, "notices_attempts_total", channel="wecom", status="refused") == 2
    assert unopened(field) == 1
    withdraw(field.store, LI, task_id, "the supervisor has been there", field.now_ms)
    assert unopened(field) == 0


def test_what_is_due_is_shown_since_when(field: Field) -> None:
    assert "tillwatch_notices_oldest_due_timestamp_seconds" not in shown(field)
    gone_on(field, "m1")
    since = value(shown(field), "notices_oldest_due_timestamp_seconds")
    assert since == (field.now_ms - 2 * HOUR_MS) / 1000

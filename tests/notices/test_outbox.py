"""The outbox: leases, attempts, waits, death with a reason, and sending again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from casework.errors import NotAllowed, NotFound, Refused
from casework.schema import notices
from casework.tasks.making import withdraw
from notices import outbox
from notices.channels.contract import Hold, Outcome
from notices.outbox import LEASE_MS, MOST_ATTEMPTS, Tried, lease, mark, wait_after_ms
from notices.routing.reading import SHIPPED
from notices.sending import Sender
from tests.notices.far_side import FarSide, plain
from tests.notices.field import LEAD, LI, MINUTE_MS, Field

if TYPE_CHECKING:
    from notices.channels.contract import Address
    from notices.composing import Made

ROOT = Path(__file__).parents[2]


def noticed(field: Field) -> Made:
    field.person("rep-1", wecom_id="weimiao", supervisor_id="sup-1")
    field.person("sup-1", "supervisor", wecom_id="head")
    field.shop("m1")
    field.confirmed("a")
    (made,) = field.look(10_000)
    return made


def send(field: Field, *channels: FarSide) -> int:
    found = {each.name: each for each in channels}
    sender = Sender(field.store, found, plain, lambda *_: "https://c.example/", lambda: field.now_ms, {})
    return asyncio.run(sender.send_due())


def test_what_is_sent_is_sent_once_to_the_recipients_own_address(field: Field) -> None:
    made, far = noticed(field), FarSide()
    assert (send(field, far), send(field, far)) == (1, 0)
    ((message, address),) = far.got
    assert (message.notice_id, message.lang) == (made.notice_id, "zh")
    assert address == ("rep-1", "weimiao", "Rep-1")
    (row,) = field.rows("notices")
    assert (row.status, row.sent_ms, row.channel, row.message_id) == ("sent", field.now_ms, "wecom", "1")


def test_the_first_channel_that_reaches_somebody_is_taken(field: Field) -> None:
    noticed(field)
    mail, robot = FarSide("email", "email"), FarSide("dingtalk", "dingtalk")
    field.person("rep-1", since_ms=1_700_000_000_000, email="rep@acquirer.example")
    assert send(field, mail, robot) == 1
    assert [each.to for _, each in mail.got] == ["rep@acquirer.example"]
    assert robot.got == []


def test_who_cannot_be_reached_has_a_dead_notice_with_the_reason_and_others_are_told_at_once(field: Field) -> None:
    noticed(field)
    field.person("rep-1", since_ms=1_700_000_000_000, supervisor_id="sup-1")
    assert send(field, FarSide()) == 0
    (row,) = field.rows("notices")
    assert (row.status, row.dead_ms) == ("dead", field.now_ms)
    assert row.said == (
        "rep-1 has no wecom_id; channel dingtalk is not set; channel feishu is not set; channel email is not set"
    )
    (further,) = field.look()
    assert (further.kind, further.recipient.name) == ("escalation_supervisor", "sup-1")
    assert [each.holder for each in further.body.entries] == ["Rep-1"]


@pytest.mark.parametrize("status", ["retry", "unknown"])
def test_what_was_not_taken_is_tried_again_later_under_the_same_id_and_dead_in_the_end(
    field: Field, status: str
) -> None:
    made, far = noticed(field), FarSide()

    def busy(to: Address) -> Outcome:
        return Outcome(address=to, status=status, said="45009 too many")  # type: ignore[arg-type]

    far.answer = busy
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert send(field, far) == 0
        assert len(far.got) == attempt
        field.now_ms += wait_after_ms(made.notice_id, attempt) - 1
        assert send(field, far) == 0
        assert len(far.got) == attempt
        field.now_ms += 1
    (row,) = field.rows("notices")
    assert (row.status, row.said) == ("dead", f"given up after {MOST_ATTEMPTS} attempts: 45009 too many")
    assert {message.notice_id for message, _ in far.got} == {made.notice_id}
    assert [each.status for each in field.rows("notice_attempts")] == [status] * MOST_ATTEMPTS


def test_what_a_block_holds_back_is_no_attempt_and_waits_as_long_as_the_channel_says(field: Field) -> None:
    noticed(field)
    far = FarSide()
    far.answer = lambda to: Outcome(address=to, status="retry", said="blocked", retry_after_s=600.0, was_tried=False)
    for _ in range(MOST_ATTEMPTS + 1):
        send(field, far)
        field.now_ms += 600_000
    (row,) = field.rows("notices")
    assert (row.status, row.attempts, len(field.rows("notice_attempts"))) == ("pending", 0, 0)


def test_what_a_channel_holds_back_gets_no_link_and_makes_no_look_and_is_sent_after_its_wait(field: Field) -> None:
    noticed(field)
    far, made = FarSide(), list[str]()
    far.held = Hold(30.0, "held back: 20 messages in 60 s are sent")
    entries = len(field.rows("audit"))

    def link_of(*_: object) -> str:
        made.append("one")
        return "https://c.example/"

    sender = Sender(field.store, {"wecom": far}, plain, link_of, lambda: field.now_ms, {})
    assert asyncio.run(sender.send_due()) == 0
    (row,) = field.rows("notices")
    assert (row.status, row.attempts, row.not_before_ms, row.said) == (
        "pending", 0, field.now_ms + 30_000, far.held.said,
    )  # fmt: skip
    assert (made, len(field.rows("audit")), far.got) == ([], entries, [])
    far.held = None
    field.now_ms += 30_000
    assert asyncio.run(sender.send_due()) == 1
    assert made == ["one"]


def test_what_is_refused_is_dead_at_once_and_a_lead_has_it_sent_again(field: Field) -> None:
    made, far = noticed(field), FarSide()
    far.answer = lambda to: Outcome(address=to, status="refused", said="40003 invalid user")
    send(field, far)
    assert [(each.status, each.said) for each in field.rows("notices")] == [("dead", "40003 invalid user")]
    with pytest.raises(NotAllowed, match="to send a notice again needs one of the roles"):
        outbox.resend(field.store, LI, made.notice_id, field.now_ms)
    outbox.resend(field.store, LEAD, made.notice_id, field.now_ms)
    with pytest.raises(Refused, match="must be dead or sent to be sent again, it is pending"):
        outbox.resend(field.store, LEAD, made.notice_id, field.now_ms)
    with pytest.raises(NotFound, match="there is no notice x"):
        outbox.resend(field.store, LEAD, "x", field.now_ms)
    far.answer = FarSide().answer
    assert send(field, far) == 1
    assert {message.notice_id for message, _ in far.got} == {made.notice_id}


def test_a_leased_notice_is_nobody_elses_until_the_lease_is_over(field: Field) -> None:
    made = noticed(field)
    assert [each.notice_id for each in lease(field.store, "one", field.now_ms)] == [made.notice_id]
    assert lease(field.store, "two", field.now_ms + LEASE_MS - 1) == []
    assert [each.notice_id for each in lease(field.store, "two", field.now_ms + LEASE_MS)] == [made.notice_id]


def test_a_late_failure_changes_nothing_of_what_another_sends_by_now_but_a_late_success_does(field: Field) -> None:
    made = noticed(field)
    lease(field.store, "one", field.now_ms)
    later_ms = field.now_ms + LEASE_MS
    lease(field.store, "two", later_ms)
    assert mark(field.store, "one", made.notice_id, Tried("wecom", "refused", said="no"), later_ms) == "pending"
    assert [each.leased_by for each in field.rows("notices")] == ["two"]
    assert mark(field.store, "one", made.notice_id, Tried("wecom", "sent", "7"), later_ms) == "sent"
    assert mark(field.store, "two", made.notice_id, Tried("wecom", "retry", said="busy"), later_ms) == "sent"


def test_waits_grow_up_to_half_an_hour_and_differ_from_notice_to_notice() -> None:
    waits = [wait_after_ms("a", k) for k in range(1, 20)]
    assert waits[:8] == sorted(waits[:8])
    assert 3_750 <= waits[0] <= 5_000
    assert all(1_350_000 <= each <= 1_800_000 for each in waits[10:])
    assert len({wait_after_ms(str(k), 5) for k in range(50)}) > 40


KILLED = """
import sys
from tests.notices.killed import run
run(sys.argv[1], int(sys.argv[2]))
"""


def test_a_sender_killed_between_sending_and_marking_has_the_notice_sent_again_under_the_same_id(
    field: Field, tmp_path: Path
) -> None:
    if not field.store.is_sqlite:
        pytest.skip("the other process opens the store's file")
    made, log = noticed(field), tmp_path / "sent"
    url = f"sqlite:///{tmp_path}/casework.db"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(field.now_ms)], cwd=ROOT, env=os.environ | {"SENT": str(log)},
        check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    assert log.read_text().split() == [made.notice_id]
    far = FarSide()
    assert send(field, far) == 0
    field.now_ms += LEASE_MS
    assert send(field, far) == 1
    assert [message.notice_id for message, _ in far.got] == [made.notice_id]


def test_what_nobody_has_opened_goes_to_the_supervisor_and_what_nobody_has_answered_to_the_desk(field: Field) -> None:
    made = noticed(field)
    send(field, FarSide())
    (further,) = field.look(24 * 60 * MINUTE_MS)
    assert (further.kind, further.recipient.name) == ("escalation_supervisor", "sup-1")
    for _ in range(3):
        field.look(48 * 60 * MINUTE_MS)
    of_it = [each for each in field.rows("notices") if each.escalates == made.notice_id]
    assert sorted((each.kind, each.recipient) for each in of_it) == [
        ("escalation_desk", "risk"), ("escalation_supervisor", "sup-1"),
    ]  # fmt: skip


def test_a_text_message_goes_to_the_telephone_of_the_person_and_nothing_keeps_it(field: Field) -> None:
    field.person("rep-1", mobile="13800000001")
    field.route(SHIPPED.read_text("utf-8").replace("wecom, dingtalk, feishu, email", "wecom, text"))
    field.shop("m1")
    field.confirmed("a")
    field.look(10_000)
    far = FarSide("text", "sms")
    assert send(field, far) == 1
    assert [each.to for _, each in far.got] == ["13800000001"]
    kept = [*field.rows("notices"), *field.rows("notice_attempts"), *field.rows("audit")]
    assert "13800000001" not in str(kept)


def test_what_is_over_before_it_is_sent_is_not_sent_and_is_not_dead(field: Field) -> None:
    made, far = noticed(field), FarSide()
    (task,) = field.rows("tasks")
    withdraw(field.store, LI, task.task_id, "done by telephone", field.now_ms)
    with field.store.writing() as connection:
        connection.execute(update(notices).values(status="pending"))  # as another saw it before
    assert (send(field, far), far.got) == (0, [])
    assert [(each.notice_id, each.status) for each in field.rows("notices")] == [(made.notice_id, "pending")]


def test_leads_see_how_notices_stand(field: Field) -> None:
    made = noticed(field)
    assert [(each.notice_id, each.shops) for each in outbox.listed(field.store, LEAD)] == [(made.notice_id, 1)]
    assert outbox.listed(field.store, LEAD, "dead") == []
    assert outbox.counts(field.store, LEAD)["pending"] == 1
    assert outbox.one(field.store, LEAD, made.notice_id)[0].recipient == "rep-1"
    with pytest.raises(NotAllowed):
        outbox.listed(field.store, LI)
    with pytest.raises(Refused, match=r"status must be one of pending, .*, withdrawn, dead, got 'lost'"):
        outbox.listed(field.store, LEAD, "lost")

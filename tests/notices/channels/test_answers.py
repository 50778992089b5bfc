"""What each channel makes of what a far side answers: nothing counts as sent that was refused."""

from __future__ import annotations

import asyncio
import itertools
import socket
from typing import TYPE_CHECKING, Any

import pytest

from notices.channels.contract import Address
from tests.notices.channels.far_side import (
    CUT,
    GATEWAYS,
    HANG,
    KEY,
    LI,
    LINK,
    MESSAGE,
    OK,
    ROBOTS,
    SECRET,
    WANG,
    WEBHOOK_SECRET,
    Bench,
    FarSide,
    Say,
)  # fmt: skip

if TYPE_CHECKING:
    from notices.channels.contract import Outcome

KINDS = (*ROBOTS, *GATEWAYS)


@pytest.mark.parametrize("kind", KINDS)
def test_success_is_sent_once(bench: Bench, kind: str) -> None:
    (outcome,), far = bench.ask(kind, Say(OK[kind]))
    assert (outcome.status, outcome.address, outcome.was_tried, outcome.said) == ("sent", WANG, True, "")
    assert outcome.message_id == ("m-8871" if kind in GATEWAYS else "")
    assert len(far.asked) == 1


REFUSALS: list[tuple[str, Any, str, float | None]] = [
    ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, "refused", None),
    ("wecom", {"errcode": 40058, "errmsg": "content exceed max length"}, "refused", None),
    ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, "retry", 65.0),
    ("wecom", {"errcode": -1, "errmsg": "system busy"}, "retry", None),
    ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, "refused", None),
    ("dingtalk", {"errcode": "310000", "errmsg": "keywords not in content"}, "refused", None),
    ("dingtalk", {"errcode": 300001, "errmsg": "token is not exist"}, "refused", None),
    ("dingtalk", {"errcode": 460101, "errmsg": "message too long, exceed 20000 bytes"}, "refused", None),
    ("dingtalk", {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}, "retry", 600.0),
    ("dingtalk", {"status": 1111, "punish": "deny", "wait": 5}, "retry", 600.0),
    ("feishu", {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}, "refused", None),
    ("feishu", {"code": 19022, "msg": "Ip Not Allowed"}, "refused", None),
    ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, "refused", None),
    ("feishu", {"code": 9499, "msg": "Bad Request"}, "refused", None),
    ("feishu", {"code": 11232, "msg": "frequency limited"}, "retry", 60.0),
    ("webhook", {"code": 5, "said": "no such desk"}, "refused", None),
    ("webhook", {"code": 6, "said": "later", "retry": True}, "retry", None),
    ("sms", {"code": 21, "said": "template not registered"}, "refused", None),
    ("sms", {"code": 7, "said": "too many", "retry_after_s": 20}, "retry", 20.0),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "status", "after_s"), REFUSALS)
def test_a_code_that_refuses_is_not_sent_though_http_says_200(
    bench: Bench, kind: str, body: dict[str, Any], status: str, after_s: float | None
) -> None:
    (outcome,), _ = bench.ask(kind, Say(body))
    assert (outcome.status, outcome.retry_after_s, outcome.message_id) == (status, after_s, "")
    said = body.get("errmsg") or body.get("msg") or body.get("said") or "punish: deny"
    assert said in outcome.said


@pytest.mark.parametrize("kind", ROBOTS)
@pytest.mark.parametrize("body", [b"", b"<html>welcome</html>", b'{"errcode":', [], {}, {"errcode": True}, "ok", None])
def test_an_answer_without_a_code_leaves_open_whether_it_was_sent(bench: Bench, kind: str, body: Any) -> None:
    (outcome,), _ = bench.ask(kind, Say(body))
    assert (outcome.status, outcome.was_tried) == ("unknown", True)
    assert outcome.said.startswith("answered without")


def test_feishus_older_answer_is_read_too(bench: Bench) -> None:
    assert bench.ask("feishu", Say({"StatusCode": 0, "StatusMessage": "success"}))[0][0].status == "sent"
    assert bench.ask("feishu", Say({"StatusCode": 9499, "StatusMessage": "Bad"}))[0][0].status == "refused"


@pytest.mark.parametrize("body", [{"code": 0}, {"code": 0, "message_id": ""}, {"code": 0, "message_id": None}, b"ok"])
def test_a_silent_drop_is_not_sent_where_an_id_belongs_to_success(bench: Bench, body: Any) -> None:
    for kind, more in (("sms", {}), ("webhook", {"wants_id": True})):
        (outcome,), _ = bench.ask(kind, Say(body), **more)
        assert (outcome.status, outcome.message_id) == ("unknown", "")
        assert "without" in outcome.said


def test_a_webhook_that_owes_no_id_takes_any_2xx(bench: Bench) -> None:
    for say in (Say(b"", 204), Say(b"thanks"), Say({"code": 0}), Say({"other": 1}, 202)):
        assert bench.ask("webhook", say)[0][0].status == "sent"


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_is_tried_again_when_the_far_side_says(bench: Bench, kind: str) -> None:
    outcomes, asked = bench.ask_at(kind, [Say(b"slow down", 429, {"Retry-After": "30"}), Say(OK[kind])], [0, 29, 30])
    assert [each.status for each in outcomes] == ["retry", "retry", "sent"]
    assert [each.was_tried for each in outcomes] == [True, False, True]
    assert [each.retry_after_s for each in outcomes] == [30.0, 1.0, None]
    assert asked == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_far_side_is_asked_again_whatever_its_body_says(bench: Bench, kind: str) -> None:
    for status in (500, 502, 503, 504, 408):
        (outcome,), _ = bench.ask(kind, Say(OK[kind], status))
        assert (outcome.status, outcome.message_id) == ("retry", "")
        assert outcome.said.startswith(f"HTTP {status}")


@pytest.mark.parametrize("kind", KINDS)
def test_what_http_refuses_is_refused(bench: Bench, kind: str) -> None:
    for status in (400, 401, 403, 404, 410, 413):
        assert bench.ask(kind, Say(OK[kind], status))[0][0].status == "refused"


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_in_time_leaves_open_whether_it_was_sent(impatient: Bench, kind: str) -> None:
    (outcome,), _ = impatient.ask(kind, HANG)
    assert (outcome.status, outcome.said, outcome.was_tried) == ("unknown", "no answer within 0.4 s", True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_connection_leaves_open_whether_it_was_sent(bench: Bench, kind: str) -> None:
    (outcome,), far = bench.ask(kind, CUT)
    assert (outcome.status, len(far.asked)) == ("unknown", 1)
    assert outcome.said.startswith("the connection was cut")


@pytest.mark.parametrize("kind", KINDS)
def test_where_nobody_listens_it_is_tried_again(bench: Bench, kind: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: a connection is refused
        channel = bench.channel(kind, f"http://127.0.0.1:{taken.getsockname()[1]}/send")
        (outcome,) = asyncio.run(channel.send(MESSAGE, [WANG]))
    assert (outcome.status, outcome.was_tried) == ("retry", True)
    assert outcome.said.startswith("could not be reached: ")


@pytest.mark.parametrize("kind", KINDS)
def test_after_failures_it_pauses_longer_and_longer_and_a_success_ends_that(bench: Bench, kind: str) -> None:
    async def scene() -> tuple[list[float], list[Outcome]]:
        async with FarSide(Say(b"", 500)) as far:
            channel, waits_s = bench.channel(kind, far.url), []
            for _ in range(8):
                await channel.send(MESSAGE, [WANG])
                hold = channel.hold(MESSAGE.notice_id, urgent=False)
                assert hold
                waits_s.append(hold.wait_s)
                bench.clock.now_s += hold.wait_s
            far.answers = [Say(OK[kind])]
            return waits_s, await channel.send(MESSAGE, [WANG])

    bench.clock.now_s = bench.clock.now_s // 1800 * 1800 + 700  # far from the half hour
    waits_s, (outcome,) = asyncio.run(scene())
    assert all(longer > shorter for shorter, longer in itertools.pairwise(waits_s[:6]))
    assert 1 <= waits_s[0] <= 2
    assert max(waits_s) <= 60
    assert outcome.status == "sent"


BLOCKS = [{"errcode": 130101, "errmsg": "send too fast"}, {"status": 1111, "punish": "deny"}]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("status", [200, 403, 429, 500])
def test_dingtalk_is_left_alone_for_the_ten_minutes_of_its_block(
    bench: Bench, block: dict[str, Any], status: int
) -> None:
    outcomes, asked = bench.ask_at("dingtalk", [Say(block, status), Say(OK["dingtalk"])], [0, 1, 300, 599, 601])
    assert [each.status for each in outcomes] == ["retry"] * 4 + ["sent"]
    assert [each.was_tried for each in outcomes] == [True, False, False, False, True]
    assert [each.retry_after_s for each in outcomes] == [600.0, 599.0, 300.0, 1.0, None]
    assert asked == 2


def test_a_wait_without_end_is_cut_to_an_hour(bench: Bench) -> None:
    outcomes, asked = bench.ask_at("webhook", [Say(b"", 429, {"Retry-After": "999999999"}), Say(b"")], [0, 3599, 3601])
    assert [each.status for each in outcomes] == ["retry", "retry", "sent"]
    assert asked == 2


def test_a_partial_failure_is_theirs_whom_the_gateway_names(bench: Bench) -> None:
    chen, zhao = Address("u-chen", "13800000003"), Address("u-zhao", "13800000004")
    results = [
        {"to": WANG.to, "code": 0, "message_id": "m-1"},
        {"to": LI.to, "code": 21, "said": "number is not in service"},
        {"to": chen.to, "code": 7, "said": "too many to this number", "retry_after_s": 3600},
    ]
    for kind, more in (("sms", {}), ("webhook", {"wants_id": True})):
        to = (WANG, LI, chen, zhao)
        found, far = bench.ask(kind, Say({"code": 0, "results": results}), to=to, **more)
        assert [each.address for each in found] == list(to)
        assert [each.status for each in found] == ["sent", "refused", "retry", "unknown"]
        assert [each.message_id for each in found] == ["m-1", "", "", ""]
        assert "not in service" in found[1].said
        assert found[2].retry_after_s == 3600
        assert len(far.asked) == 1


def test_a_partial_failure_is_theirs_whom_dingtalk_names(bench: Bench) -> None:
    to = (Address("a", "staff-a"), Address("b", "staff-b"), Address("c", "staff-c"))
    body = {"errcode": 0, "invalidStaffIdList": ["staff-b"], "flowControlledStaffIdList": ["staff-c"]}
    found, _ = bench.ask("dingtalk", Say(body), to=to)
    assert [each.status for each in found] == ["sent", "refused", "retry"]


def test_whom_a_channel_cannot_reach_is_refused_and_the_others_are_told(bench: Bench) -> None:
    odd = Address("u-odd", 'x"></at><at user_id="all')
    for kind in (*ROBOTS, "sms"):
        found, far = bench.ask(kind, Say(OK[kind]), to=(odd, WANG))
        assert [(each.status, each.was_tried) for each in found] == [("refused", False), ("sent", True)]
        assert b"all" not in far.asked[0].raw.replace(b"isAtAll", b"")


def test_a_telephone_is_cut_in_what_the_gateway_of_text_messages_says(bench: Bench) -> None:
    to = (Address("a", "+8613800000001"),)
    said = {"code": 21, "said": "13800000001 is blocked, so is +8613800000001"}
    for say in (Say(said), Say({"code": 0, "results": [{"to": "+8613800000001", **said}]}), Say(said, 400)):
        (outcome,), _ = bench.ask("sms", say, to=to)
        assert "…0001 is blocked" in outcome.said
        assert "13800000001" not in outcome.said


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_comes_back_in_what_a_far_side_says(bench: Bench, kind: str) -> None:
    held = {"wecom": [KEY], "dingtalk": [KEY, SECRET], "feishu": [KEY, SECRET]}.get(kind, [WEBHOOK_SECRET])
    echo = f"bad {' '.join(held)} at https://u:p4ss@far.example/hook/k3y?sign=abc%2Bdef&x=1 secret=hunter22"
    codes: dict[str, Any] = {"errcode": 1, "errmsg": echo, "code": 1, "msg": echo, "said": echo}
    for say in (Say(codes), Say(echo.encode(), 500), Say(echo.encode(), 400), Say({"hint": echo})):
        (outcome,), _ = bench.ask(kind, say)
        assert not any(secret in outcome.said for secret in (*held, "p4ss", "k3y", "abc%2Bdef", "hunter22"))
        assert len(outcome.said) <= 300


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_shows_no_secret_of_its_own(bench: Bench, kind: str) -> None:
    channel = bench.channel(kind, "http://127.0.0.1:1/send")
    shown = repr(channel) + repr(vars(channel))
    assert KEY not in shown
    assert SECRET not in shown
    assert WEBHOOK_SECRET not in shown


def test_every_message_carries_its_link_whole(bench: Bench) -> None:
    for kind in KINDS:
        _, far = bench.ask(kind, Say(OK[kind]))
        assert LINK.encode() in far.asked[0].raw

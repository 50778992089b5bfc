"""What each channel sends: signed as the far side checks it, within its bytes, and to whom it may."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from notices.channels.contract import Address
from notices.channels.secret import Secret
from notices.channels.signing import signing_keys
from notices.channels.sms import characters
from tests.notices.channels.far_side import (
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
    Say,
)  # fmt: skip

LONG = replace(
    MESSAGE,
    text=f"{'请走访「老张便利店」核对门头。' * 2000}{LINK}",
    markdown=f"{'**老张便利店** ' * 2000}[反馈]({LINK})",
)
STAFF = Address("u-chen", "chen.wei")


def sha256_of(key: bytes, words: bytes) -> str:
    return base64.b64encode(hmac.new(key, words, hashlib.sha256).digest()).decode()


def test_wecom_gets_its_key_and_whom_to_mention(bench: Bench) -> None:
    _, far = bench.ask("wecom", Say(OK["wecom"]), to=(WANG, STAFF))
    (asked,) = far.asked
    assert parse_qs(urlsplit(asked.url).query) == {"key": [KEY]}
    assert asked.body == {
        "msgtype": "text",
        "text": {"content": MESSAGE.text, "mentioned_list": ["chen.wei"], "mentioned_mobile_list": [WANG.to]},
    }


def test_wecom_in_markdown_only_where_it_is_set(bench: Bench) -> None:
    _, far = bench.ask("wecom", Say(OK["wecom"]), format="markdown")
    assert far.asked[0].body == {"msgtype": "markdown", "markdown": {"content": MESSAGE.markdown}}


def test_dingtalk_is_signed_with_the_time_in_milliseconds(bench: Bench) -> None:
    _, far = bench.ask("dingtalk", Say(OK["dingtalk"]), to=(WANG, STAFF))
    (asked,) = far.asked
    query = parse_qs(urlsplit(asked.url).query, strict_parsing=True)
    timestamp = str(int(bench.clock.now_s * 1000))
    assert query["access_token"] == [KEY]
    assert query["timestamp"] == [timestamp]
    assert query["sign"] == [sha256_of(SECRET.encode(), f"{timestamp}\n{SECRET}".encode())]
    assert asked.body["at"] == {"atMobiles": [WANG.to], "atUserIds": ["chen.wei"], "isAtAll": False}


def test_dingtalk_without_a_secret_is_not_signed(bench: Bench) -> None:
    _, far = bench.ask("dingtalk", Say(OK["dingtalk"]), secret_file="")
    assert set(parse_qs(urlsplit(far.asked[0].url).query)) == {"access_token"}


def test_feishu_is_signed_in_the_body_over_nothing(bench: Bench) -> None:
    _, far = bench.ask("feishu", Say(OK["feishu"]), to=(Address("u", "ou_1"),))
    (asked,) = far.asked
    timestamp = str(int(bench.clock.now_s))
    assert urlsplit(asked.url).path == f"/send/{KEY}"
    assert (asked.body["timestamp"], asked.body["sign"]) == (
        timestamp,
        sha256_of(f"{timestamp}\n{SECRET}".encode(), b""),
    )
    assert asked.body["content"]["text"] == f'<at user_id="ou_1"></at> {MESSAGE.text}'


def test_no_shop_mentions_everybody(bench: Bench) -> None:
    shop = replace(MESSAGE, text=f'「<at user_id="all">所有人</at>」<@all> {LINK}')
    _, far = bench.ask("feishu", Say(OK["feishu"]), message=shop)
    assert "<at" not in far.asked[0].body["content"]["text"].removeprefix(f'<at user_id="{WANG.to}"></at>')
    _, far = bench.ask("wecom", Say(OK["wecom"]), message=replace(shop, markdown=shop.text), format="markdown")
    assert "<@" not in far.asked[0].body["markdown"]["content"]


@pytest.mark.parametrize("kind", ["webhook", "sms"])
def test_gateways_get_what_standard_webhooks_check(bench: Bench, kind: str) -> None:
    _, far = bench.ask(kind, Say(OK[kind]))
    (asked,) = far.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + asked.raw
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    assert headers["webhook-signature"] == f"v1,{sha256_of(key, signed)}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("n-1", str(int(bench.clock.now_s)))


def test_an_older_key_signs_beside_the_new_one() -> None:
    newer = "whsec_" + base64.b64encode(b"n" * 32).decode()
    assert signing_keys(Secret(newer, WEBHOOK_SECRET)) == (b"n" * 32, b"0123456789abcdef0123456789abcdef")


@pytest.mark.parametrize("words", ["whsec_!!!!", "c2VjcmV0", "whsec_c2hvcnQ=", "whsec_" + "QUFB" * 40])
def test_a_key_that_is_none_is_refused_without_its_words(words: str) -> None:
    with pytest.raises(ValueError, match="secret_file must hold whsec_ and Base64") as error:
        signing_keys(Secret(words))
    assert words not in str(error.value)


def test_a_webhook_says_whom_what_and_which_tasks(bench: Bench) -> None:
    _, far = bench.ask("webhook", Say(OK["webhook"]), to=(WANG, LI))
    data = far.asked[0].body["data"]
    assert far.asked[0].body["type"] == "notice"
    assert [each["id"] for each in data["recipients"]] == ["u-wang", "u-li"]
    assert (data["notice_id"], data["link"], data["tasks"]) == ("n-1", LINK, [{"no": "88", "shop": "老张便利店"}])


def test_a_repetition_carries_the_same_id(bench: Bench) -> None:
    async def twice() -> list[str]:
        from tests.notices.channels.far_side import FarSide  # noqa: PLC0415

        async with FarSide(Say(b"", 500)) as far:
            channel = bench.channel("webhook", far.url)
            for _ in range(2):
                await channel.send(MESSAGE, [WANG])
                bench.clock.now_s += 60
            return [each.headers["webhook-id"] for each in far.asked]

    assert asyncio.run(twice()) == ["n-1", "n-1"]


LIMITS = [
    ("wecom", "text", 2_048),
    ("wecom", "markdown", 4_096),
    ("dingtalk", "text", 20_000),
    ("dingtalk", "markdown", 20_000),
]


@pytest.mark.parametrize(("kind", "form", "most_bytes"), LIMITS)
def test_robots_keep_their_bytes_and_the_link(bench: Bench, kind: str, form: str, most_bytes: int) -> None:
    _, far = bench.ask(kind, Say(OK[kind]), message=LONG, format=form)
    (asked,) = far.asked
    found = asked.body[form]
    words = found["content"] if "content" in found else found["text"]
    assert len(words.encode()) <= most_bytes
    assert words.endswith(f"…\n{LINK}")
    assert len(words.encode()) > 0.7 * most_bytes or kind == "dingtalk"
    if kind == "dingtalk":
        assert len(asked.raw) <= most_bytes


def test_feishu_keeps_its_bytes_of_all_the_body_even_with_many_line_breaks(bench: Bench) -> None:
    for text in (LONG.text, "\n" * 30_000, '"' * 30_000):
        _, far = bench.ask("feishu", Say(OK["feishu"]), message=replace(LONG, text=text))
        assert len(far.asked[0].raw) <= 20 * 1024
        assert far.asked[0].body["content"]["text"].endswith(LINK)


def test_a_link_without_room_is_refused_and_nobody_is_asked(bench: Bench) -> None:
    message = replace(LONG, link="https://console.example/" + "a" * 3_000)
    (outcome,), far = bench.ask("wecom", Say(OK["wecom"]), message=message)
    assert (outcome.status, outcome.was_tried, far.asked) == ("refused", False, [])
    assert outcome.said == "the link must have room in 2048 bytes, it has 3024"


def test_a_text_message_is_the_registered_template_with_its_values(bench: Bench) -> None:
    _, far = bench.ask("sms", Say(OK["sms"]), to=(WANG, LI))
    data = far.asked[0].body["data"]
    assert data == {
        "notice_id": "n-1", "template_id": "T1", "to": [WANG.to, LI.to],
        "values": {"shop": "老张便利店", "tail": "0002", "deadline": "6月30日18:00", "link": LINK},
        "text": f"【某支付】老张便利店（尾号0002）商户任务请6月30日18:00前处理：{LINK}",
    }  # fmt: skip
    assert characters(data["text"]) <= 70


def test_several_tasks_take_the_other_template(bench: Bench) -> None:
    message = replace(MESSAGE, fields={**MESSAGE.fields, "count": "3"}, rows=({"no": "1"}, {"no": "2"}, {"no": "3"}))
    _, far = bench.ask("sms", Say(OK["sms"]), message=message)
    data = far.asked[0].body["data"]
    assert data["template_id"] == "T2"
    assert data["text"] == f"【某支付】您有3项商户任务，最早6月30日18:00截止，详见：{LINK}"


@pytest.mark.parametrize("shop", ["上海市浦东新区张江高科技园区老张记正宗兰州牛肉拉面馆" * 3, "🏪🏪🏪" * 30])
def test_a_long_name_gives_way_to_the_rest_of_a_text_message(bench: Bench, shop: str) -> None:
    _, far = bench.ask("sms", Say(OK["sms"]), message=replace(MESSAGE, fields={**MESSAGE.fields, "shop": shop}))
    text = far.asked[0].body["data"]["text"]
    assert characters(text) <= 70
    assert LINK in text
    assert "尾号0002" in text
    assert "…" in text
    assert shop[:2] in text


def test_a_text_message_without_room_or_value_is_refused_and_nobody_is_asked(bench: Bench) -> None:
    for fields, said in (
        ({**MESSAGE.fields, "link": "https://console.example/" + "a" * 60}, "at most 70 characters"),
        ({**MESSAGE.fields, "deadline": ""}, "needs deadline, the notice has none"),
    ):
        (outcome,), far = bench.ask("sms", Say(OK["sms"]), message=replace(MESSAGE, fields=fields))
        assert (outcome.status, outcome.was_tried, far.asked) == ("refused", False, [])
        assert said in outcome.said


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_robot_of_a_desk_mentions_nobody(bench: Bench, kind: str) -> None:
    (outcome,), far = bench.ask(kind, Say(OK[kind]), to=(Address("risk-desk"),))
    assert outcome.status == "sent"
    assert b"<at" not in far.asked[0].raw
    assert b'"mentioned_list":[""' not in far.asked[0].raw

"""Versions of master data, contracts and assignments in words: their fields, and what each changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from console.languages import same
from detectors.words.figures import mcc_text, tariff
from domain.alerts import Text
from domain.currencies import money_text
from domain.events import MERCHANT_STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from casework.reading.merchant import Version

KINDS: Mapping[str, Text] = {
    "merchant": Text("master data", "登记信息"), "contract": Text("contract", "签约费率"),
    "assignment": Text("assignment", "归属"),
}  # fmt: skip
"""What each kind of version is called."""
FIELDS: Mapping[str, Text] = {
    "name": Text("Name", "名称"), "short_name": Text("Short name", "简称"), "status": Text("Status", "状态"),
    "mccs": Text("MCCs", "登记MCC"), "approved_channel_mccs": Text("Approved channel MCCs", "已批通道MCC"),
    "special_fee_types": Text("Special-fee types", "特殊计费类型"), "address": Text("Address", "地址"),
    "city": Text("City", "城市"), "region": Text("Region", "地区"), "country": Text("Country", "国家"),
    "lat": Text("Latitude", "纬度"), "lon": Text("Longitude", "经度"),
    "coord_sys": Text("Coordinate system", "坐标系"), "premises": Text("Premises", "经营场所"),
    "channel": Text("Channel", "通道"), "currency": Text("Currency", "币种"), "time_zone": Text("Time zone", "时区"),
    "rep_id": Text("Sales rep", "客户经理"), "agent_id": Text("Agent", "代理商"),
    "opened_at": Text("Opened", "入网日期"), "licence_expires_at": Text("Licence expires", "营业执照到期"),
    "settlement_account_key": Text("Settlement account", "结算账户"), "owner_key": Text("Owner", "法定代表人"),
    "notice_from": Text("Announced", "公示起始"), "prices": Text("Prices", "费率"), "until": Text("Until", "终止"),
}  # fmt: skip
"""What each field is called, in the order in which they are shown."""
VALUES: Mapping[str, Text] = {
    "pending": Text("pending", "待开通"), "active": Text("active", "正常"), "suspended": Text("suspended", "暂停"),
    "closed": Text("closed", "已注销"), "fixed": Text("fixed", "固定场所"), "mobile": Text("mobile", "流动"),
    "online": Text("online", "线上"), "agent": Text("won by an agent", "代理拓展"),
    "direct": Text("won directly", "直营拓展"), "debit": Text("debit", "借记卡"), "credit": Text("credit", "贷记卡"),
    "semi_credit": Text("semi-credit", "准贷记卡"), "prepaid": Text("prepaid", "预付卡"),
    "standard": Text("standard class", "标准类"), "concession": Text("concession class", "优惠类"),
    "exempt": Text("exempt class", "减免类"), "unionpay": Text("UnionPay", "银联"), "visa": Text("Visa", "Visa"),
    "mastercard": Text("Mastercard", "万事达"), "alipay": Text("Alipay", "支付宝"), "wechat": Text("WeChat", "微信"),
}  # fmt: skip
"""What values that are codes are called."""
STATUSES: Mapping[str, Text] = {each: VALUES[each] for each in MERCHANT_STATUSES}
"""By `status` of master data, what it is called."""
_DRAFTED: Mapping[str, Text] = {"grade": Text("Grade", "等级")}
"""What fields are called that drafts have and versions have not."""
_CODES = frozenset({"status", "premises", "channel"})
_DAYS = frozenset({"opened_at", "licence_expires_at", "notice_from", "until"})
_KEYS = frozenset({"settlement_account_key", "owner_key"})
_HASH_SHOWN = 8


class FieldLine(NamedTuple):
    """A field in words: what it is called, and its values, more than one of a list."""

    name: str
    title: Text
    values: tuple[Text, ...]


class Change(NamedTuple):
    """A field that a version changed: its values before and after; empty where there was or is none."""

    name: str
    title: Text
    before: tuple[Text, ...]
    after: tuple[Text, ...]


class VersionLine(NamedTuple):
    """A version, with what it changed.

    Attributes:
        kind: `merchant`, `contract` or `assignment`.
        effective_from_ms: from when on it counts, UTC milliseconds.
        is_first: whether none of its kind was before it: nothing was changed then.
        changes: in the order of `FIELDS`.
    """

    kind: str
    effective_from_ms: int
    is_first: bool
    changes: tuple[Change, ...]


def lines(fields: Mapping[str, Any], currency: str, zone: str) -> tuple[FieldLine, ...]:
    """The fields of a version in words.

    Args:
        fields: as the event has them; those that `FIELDS` does not name are of the transport, and are left out.
        currency: of prices, ISO 4217; "" where it is not known.
        zone: IANA name of the time zone that days are told in.
    """
    return tuple(
        FieldLine(name, title, values)
        for name, title in FIELDS.items()
        if (values := _values(name, fields.get(name), currency, zone))
    )


def history(versions: Sequence[Version], currency: str, zone: str) -> tuple[VersionLine, ...]:
    """Versions with what each changed, in the order given: the newest first, as the store has them."""
    found = []
    for place, each in enumerate(versions):
        before = next((other for other in versions[place + 1 :] if other.kind == each.kind), None)
        changes = () if before is None else _changes(before.fields, each.fields, currency, zone)
        found.append(VersionLine(each.kind, each.effective_from_ms, before is None, changes))
    return tuple(found)


def drafted(changes: str, zone: str) -> tuple[FieldLine, ...]:
    """What a draft changes, in words; `changes` is JSON, as the store has it. A field taken away has no values."""
    given: dict[str, Any] = msgspec.json.decode(changes)
    return tuple(
        FieldLine(name, FIELDS.get(name) or _DRAFTED.get(name) or same(name), _values(name, value, "", zone))
        for name, value in given.items()
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], currency: str, zone: str) -> tuple[Change, ...]:
    found = []
    for name, title in FIELDS.items():
        was, now = (_values(name, each.get(name), currency, zone) for each in (before, after))
        if was != now:
            found.append(Change(name, title, was, now))
    return tuple(found)


def _values(name: str, value: Any, currency: str, zone: str) -> tuple[Text, ...]:
    if value in (None, "", []):
        return ()
    if name == "prices":
        return tuple(price(each, currency) for each in value)
    words = _WORDS.get(name)
    if name in _DAYS:
        return (same(f"{datetime.fromtimestamp(value / 1000, ZoneInfo(zone)):%Y-%m-%d}"),)
    listed = value if isinstance(value, list) else [value]
    return tuple(words(str(each)) if words else same(str(each)) for each in listed)


def price(fields: Mapping[str, Any], currency: str) -> Text:
    """A price of a contract in words: for what it is, and what it comes to.

    >>> price({"card_kind": "debit", "rate_ppm": 5000, "cap": 2000}, "CNY")
    Text(en='debit: 0.50 %, at most ¥20.00', zh='借记卡：0.50%，封顶¥20.00')
    >>> price({"rate_ppm": 6000}, "CNY").zh, price({"rate_ppm": 6000, "minimum": 10}, "").en
    ('其他：0.60%', 'all else: 0.60 %, at least 10 minor units')
    """
    keys = [_word(str(fields[name])) for name in _PRICE_KEYS if fields.get(name)]
    for name, en, zh in _TIERS:
        if fields.get(name):
            keys.append(_amount(fields[name], currency, en, zh))
    what = Text(", ".join(each.en for each in keys), "、".join(each.zh for each in keys)) if keys else _ALL_ELSE
    rate = tariff(fields.get("rate_ppm"), fields.get("fixed"), currency)
    limits = [_amount(fields[name], currency, en, zh) for name, en, zh in _LIMITS if fields.get(name) is not None]
    return Text(
        f"{what.en}: {', '.join((rate.en, *(each.en for each in limits)))}",
        f"{what.zh}：{'，'.join((rate.zh, *(each.zh for each in limits)))}",
    )


_ALL_ELSE = Text("all else", "其他")
_PRICE_KEYS = ("scheme", "card_kind", "channel", "settlement_mode", "fee_class")
_TIERS = (
    ("amount_from", "payments from {sum}", "单笔{sum}起"),
    ("month_from", "from {sum} a month", "月交易{sum}起"),
)  # fmt: skip
_LIMITS = (("minimum", "at least {sum}", "保底{sum}"), ("cap", "at most {sum}", "封顶{sum}"))


def _amount(amount_minor: int, currency: str, en: str, zh: str) -> Text:
    known = money_text(amount_minor, currency) if currency else ""
    return Text(
        en.format(sum=known or f"{amount_minor} minor units"), zh.format(sum=known or f"{amount_minor}（最小货币单位）")
    )


def _word(code: str) -> Text:
    return VALUES.get(code, same(code))


def _key(text: str) -> Text:
    """A keyed hash by its beginning: enough to see that it is another one."""
    return same(f"{text[:_HASH_SHOWN]}…" if len(text) > _HASH_SHOWN else text)


_WORDS: Mapping[str, Callable[[str], Text]] = {
    "mccs": mcc_text, "approved_channel_mccs": mcc_text, **dict.fromkeys(_CODES, _word), **dict.fromkeys(_KEYS, _key),
}  # fmt: skip

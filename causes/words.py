"""What a cause says, in English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causes.onsets import FALL
from detectors.registry import title_of
from domain.alerts import BEARERS, Text
from domain.currencies import money_text
from domain.mcc_names import mcc_short_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from domain.causes import Cause, Money

_KINDS = {
    "agent": Text("agent {0}", "代理商{0}"),
    "rep": Text("rep {0}", "客户经理{0}"),
    "channel": Text("channel {0}", "渠道{0}"),
    "city": Text("city {0}", "城市{0}"),
    "mcc_pair": Text("MCC {0} sent as {1}", "MCC {0}按{1}上送"),
}
_WHOSE = {
    "agent": Text("merchants of {name}", "{name}名下{n}户商户"),
    "rep": Text("merchants of {name}", "{name}名下{n}户商户"),
    "channel": Text("merchants of {name}", "{name}的{n}户商户"),
    "city": Text("merchants in {key}", "{key}的{n}户商户"),
    "mcc_pair": Text(
        "merchants registered as {0} ({a}) with sales sent as {1} ({b})",
        "登记MCC {0}（{a}）的{n}户商户（按{1}（{b}）上送）",
    ),
}
_GROUPS = {
    "mcc": Text("Findings about MCCs", "MCC类告警"),
    "fee": Text("Findings about fees", "费率类告警"),
    "volume": Text("More volume than usual", "交易量上升类告警"),
    FALL: Text("Less volume than usual", "交易量下降类告警"),
    "terminal": Text("Findings about terminals", "终端类告警"),
    "card": Text("Reports of fraud and chargebacks", "欺诈及拒付类告警"),
    "service": Text("Maintenance and duties", "维护及巡检事项"),
}
_HINTS = {
    "24": Text("Possibly switched to another acquirer.", "疑似切机。"),
    "13": Text("The {kind} may be the cause: let somebody else look.", "不排除{kind}参与，请由他人核查。"),
}


def name_of(kind: str, key: str) -> Text:
    """What a kind and a key are called together.

    >>> name_of("agent", "A-17")
    Text(en='agent A-17', zh='代理商A-17')
    >>> name_of("mcc_pair", "5812>5411").en
    'MCC 5812 sent as 5411'
    """
    words = _KINDS[kind]
    parts = key.split(">") if kind == "mcc_pair" else [key]
    return Text(words.en.format(*parts), words.zh.format(*parts))


def title(detector: str, group: str) -> Text:
    """What the members show: the title of the detector, or of the group without one."""
    return title_of(detector) if detector else _GROUPS.get(group, Text(f"Findings of group {group}", f"{group}类告警"))


def reason(cause: Cause, since: date) -> Text:
    """A cause in a sentence; `since` is the local day of the earliest member."""
    whose = _whose(cause)
    share, elsewhere = f"{100 * cause.share:.1f}", f"{100 * cause.share_elsewhere:.2g}"
    en = (
        f"{cause.count:,} of {cause.merchants:,} {whose.en} since {since}:"
        f" {_lower(cause.title.en)}, {share} % against {elsewhere} % elsewhere."
    )
    zh = (
        f"{whose.zh}中，自{since.year}年{since.month}月{since.day}日起{cause.count:,}户出现“{cause.title.zh}”"
        f"（占{share}%，其他商户{elsewhere}%）。"
    )
    more = [*_losses(cause.money), *_also(cause)]
    if cause.risk_code in _HINTS:
        hint, kind = _HINTS[cause.risk_code], _KINDS[cause.kind]
        kinds = kind.en.format("", "").strip(), kind.zh.format("", "")
        more.append(Text(hint.en.format(kind=kinds[0]), hint.zh.format(kind=kinds[1])))
    return Text(" ".join([en, *(each.en for each in more)]), "".join([zh, *(each.zh for each in more)]))


def _whose(cause: Cause) -> Text:
    words, key = _WHOSE[cause.kind], cause.key
    if cause.kind != "mcc_pair":
        count = f"{cause.merchants:,}"
        return Text(words.en.format(name=cause.name.en, key=key), words.zh.format(name=cause.name.zh, key=key, n=count))
    own, used = key.split(">")
    first, second = mcc_short_name(own), mcc_short_name(used)
    return Text(
        words.en.format(own, used, a=first.en, b=second.en),
        words.zh.format(own, used, a=first.zh, b=second.zh, n=f"{cause.merchants:,}"),
    )


def _losses(money: Sequence[Money]) -> list[Text]:
    """A sentence for each party that bears a known loss."""
    return [
        Text(
            f"Loss so far {money_text(each.loss, each.currency)}, borne by {_many(each.bearer)}.",
            f"累计损失{money_text(each.loss, each.currency)}，由{BEARERS[each.bearer].zh}承担。",
        )
        for each in money
        if each.bearer and each.loss
    ]


def _many(bearer: str) -> str:
    name = BEARERS[bearer].en
    return f"{name}s" if bearer in {"merchant", "cardholder"} else name


def _also(cause: Cause) -> list[Text]:
    """A sentence that names the other keys that most members share."""
    if not cause.shared:
        return []
    named = [(name_of(each.kind, each.key), each.members) for each in cause.shared]
    en = ", ".join(f"{count:,} share {name.en}" for name, count in named)
    zh = "、".join(f"{count:,}户同属{name.zh}" for name, count in named)
    return [Text(f"Of these, {en}.", f"其中{zh}。")]


def _lower(words: str) -> str:
    """A title inside a sentence; abbreviations keep their capitals.

    >>> _lower("Fee above contract"), _lower("MCC code-jumping")
    ('fee above contract', 'MCC code-jumping')
    """
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]

"""Why a verdict was given, as codes that are counted and words that people choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = "other"
"""The reason that wants a comment: it says nothing itself."""
_OTHER = Text("something else", "其他（请说明）")
REASONS: Mapping[str, Mapping[str, Text]] = {
    "confirmed": {
        "mcc": Text("miscoded trade", "跳码、套码属实"), "fees": Text("fees beyond the contract", "违规收费属实"),
        "cash-out": Text("cash-out", "套现属实"), "false-trade": Text("sales that were none", "虚假交易"),
        "second-clearing": Text("money passed through others", "二清"),
        "terminal": Text("terminal moved, shared or changed", "移机、切机、一机多户"),
        "card-fraud": Text("stolen or cloned cards", "盗刷、伪卡"), "laundering": Text("money laundering", "涉嫌洗钱"),
        "breakdown": Text("terminal broken, shop closed", "终端故障或商户歇业"), OTHER: _OTHER,
    },
    "lawful_change": {
        "trade": Text("trade changed, and reported", "经营内容变更已报备"),
        "campaign": Text("campaign or holiday", "促销、节假日"), "big-order": Text("large single order", "大额订单"),
        "season": Text("season", "淡旺季"), "moved": Text("moved or rebuilt, and reported", "搬迁、装修已报备"),
        "fee-agreed": Text("fee agreed anew", "费率已重新签约"),
        "staff": Text("owner or hours changed", "转让或营业时间变更"),
        OTHER: _OTHER,
    },
    "data_error": {
        "master-data": Text("master data are wrong", "登记资料有误"),
        "feed": Text("records lacking or doubled", "数据缺失或重复"),
        "fields": Text("a field is filled wrongly", "字段填写错误"), "clock": Text("times are wrong", "时间有误"),
        OTHER: _OTHER,
    },
    "false_alarm": {
        "usual": Text("usual for this shop", "该商户正常经营"),
        "usual-trade": Text("usual for this trade", "该行业正常"),
        "small": Text("too small to matter", "影响甚微"),
        "too-early": Text("shop too new to judge", "新商户，数据不足"),
        OTHER: _OTHER,
    },
    "duplicate": {"same-story": Text("told by another alert", "另一告警已反映"), OTHER: _OTHER},
}  # fmt: skip
"""By verdict its reasons, by code of at most 16 characters."""
VERDICT_WORDS: Mapping[str, Text] = {
    "confirmed": Text("confirmed", "属实"), "false_alarm": Text("false alarm", "误报"),
    "lawful_change": Text("lawful change", "合规变更"), "data_error": Text("data error", "数据错误"),
    "duplicate": Text("duplicate", "重复"),
}  # fmt: skip
"""What each verdict is called."""

_USUAL = {"mcc": "mcc", "fee": "fees", "terminal": "terminal", "stan": "false-trade", "compromised": "card-fraud"}
"""By the first word of a detector's name, the reason that confirms it; chosen beforehand, so that Enter is enough."""


def usual_reason(verdict: str, detector: str) -> str:
    """The code of the reason that a verdict on a detector's alert mostly has; "" where none is usual.

    >>> usual_reason("confirmed", "fee_over"), usual_reason("confirmed", "volume_rise"), usual_reason("duplicate", "")
    ('fees', '', 'same-story')
    """
    if verdict != "confirmed":
        return next(iter(REASONS[verdict]))
    return _USUAL.get(detector.partition("_")[0], "")

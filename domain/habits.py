"""Habits: what a merchant usually does, as the anomaly model sees it at the end of each local day.

A habit is a figure of the last weeks of a merchant (each day weighs half as much as the one a week later). Beside it
stands what was usual for the same merchant before. `docs/models.md` says how each is counted, and how the model
compares it with the peers of the merchant and with itself.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from domain.alerts import Text

Scale = Literal["log", "share", "plain"]
"""How differences are measured: of logarithms, of arc sines of roots of shares, or of the figures as they are."""


class Habit(NamedTuple):
    """One figure.

    Attributes:
        name: its column is `habit_` and this; the merchant's own usual one ends in `_usual`.
        unit: of the figure.
        scale: how differences of it are measured.
        title: what it is called in a reason.
    """

    name: str
    unit: str
    scale: Scale
    title: Text


HABITS = (
    Habit("sales_a_day", "transactions", "log", Text("sales a day", "日均笔数")),
    Habit("open_share", "share", "share", Text("share of days with sales", "有交易天数占比")),
    Habit("ticket_minor", "minor units", "log", Text("typical ticket", "典型客单价")),
    Habit("ticket_spread", "octaves", "plain", Text("spread of tickets", "客单价离散度")),
    Habit("ticket_shape", "ratio", "plain", Text("two sizes of tickets", "客单价双峰程度")),
    Habit("ticket_by_hour", "octaves", "plain", Text("evening tickets against daytime ones", "晚间与白天客单价之差")),
    Habit("night_share", "share", "share", Text("share of 00-06 h", "0-6时占比")),
    Habit("morning_share", "share", "share", Text("share of 06-11 h", "6-11时占比")),
    Habit("lunch_share", "share", "share", Text("share of 11-14 h", "11-14时占比")),
    Habit("afternoon_share", "share", "share", Text("share of 14-17 h", "14-17时占比")),
    Habit("dinner_share", "share", "share", Text("share of 17-20 h", "17-20时占比")),
    Habit("evening_share", "share", "share", Text("share of 20-24 h", "20-24时占比")),
    Habit("weekend_share", "share", "share", Text("share of weekends", "周末占比")),
    Habit("credit_share", "share", "share", Text("share of credit cards", "贷记卡占比")),
    Habit("round_share", "share", "share", Text("share of round amounts", "整额占比")),
    Habit("refund_share", "share", "share", Text("refund share", "退款占比")),
    Habit("refund_minor_share", "share", "share", Text("refunded share of turnover", "退款金额占比")),
    Habit("undone_share", "share", "share", Text("share of voids", "撤销占比")),
    Habit("testing_share", "share", "share", Text("share declined for wrong card data", "卡信息错误拒付占比")),
    Habit("limit_share", "share", "share", Text("share declined for limits", "额度不足拒付占比")),
    Habit("keyed_share", "share", "share", Text("share keyed in", "手输卡号占比")),
    Habit("stripe_share", "share", "share", Text("share by magnetic stripe", "磁条占比")),
    Habit("code_share", "share", "share", Text("share by code", "扫码占比")),
    Habit("foreign_share", "share", "share", Text("share of foreign cards", "境外卡占比")),
    Habit("repeat_share", "share", "share", Text("share of cards seen shortly before", "短期重复卡占比")),
    Habit("regular_share", "share", "share", Text("share of regular cards", "常客卡占比")),
    Habit("same_amount_share", "share", "share", Text("share of repeated amounts", "重复金额占比")),
    Habit("other_mcc_share", "share", "share", Text("share under other MCCs", "其他MCC占比")),
    Habit("switch_share", "share", "share", Text("switches between terminals", "终端切换占比")),
    Habit("quick_share", "share", "share", Text("share within a minute of the sale before", "一分钟内连续交易占比")),
    Habit("fee_off", "share", "plain", Text("fees above what was due", "手续费偏差")),
    Habit("reported_share", "share", "share", Text("reported as fraud or charged back", "欺诈举报与拒付占比")),
)
"""In the order of vectors. New ones come last: a model says which it was trained on."""
NAMES = tuple(each.name for each in HABITS)
LEAST_WEIGHT = 10.0
"""Least weight of the base that a habit is told for."""
HALF_LIFE_D = 7
"""Days in which what a day did loses half of its weight."""


def scaled(value: float, scale: Scale) -> float:
    """A figure on the scale on which differences are measured; NaN stays NaN.

    >>> round(scaled(0.25, "share"), 6), round(scaled(8.0, "log"), 6), scaled(-1.5, "plain")
    (0.523599, 2.079442, -1.5)
    """
    if scale == "share":
        return math.asin(math.sqrt(min(max(value, 0.0), 1.0))) if not math.isnan(value) else value
    if scale == "log":
        return math.log(max(value, 1e-3)) if not math.isnan(value) else value
    return value


def unscaled(value: float, scale: Scale) -> float:
    """The figure that `scaled` takes to a value; shares at the ends of their range stay there.

    >>> unscaled(scaled(0.25, "share"), "share"), unscaled(2.0, "share"), round(unscaled(scaled(8.0, "log"), "log"), 9)
    (0.25, 1.0, 8.0)
    """
    if scale == "share":
        return round(math.sin(min(max(value, 0.0), math.pi / 2)) ** 2, 12)
    return math.exp(value) if scale == "log" else value

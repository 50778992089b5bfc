"""Risk overview: what is happening. Alerts and money by kind, grades, regions, agents, the riskiest merchants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import words
from dashboards.colours import (
    GREEN,
    GREY,
    OF_BEARER,
    OF_DETECTOR,
    OF_GRADE,
    OF_MCC_GROUP,
    OF_PLACE,
    OF_SEVERITY,
    ORANGE,
    RED,
)
from dashboards.frame import board
from dashboards.kit import NONE, Column, Query, Step
from dashboards.queries import chosen, gained, or_none, or_zero
from domain.alerts import Text
from domain.risk import GRADES

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit
    from dashboards.words import Words

ALERTS, TURNOVER, LOSS = "tillwatch_alerts_total", "tillwatch_alert_turnover_total", "tillwatch_alert_loss_total"
MERCHANTS = "tillwatch_merchants"
BLUE_STEP: tuple[Step, ...] = ((None, "#5794F2"),)
SCORE_STEPS: tuple[Step, ...] = tuple((least or None, OF_GRADE[grade].colour) for least, grade in reversed(GRADES))
"""A score has the colour of its grade."""
BARS = 96
"""In a day, one for each quarter of an hour."""
_P, _D = chosen("partition"), chosen("partition", "detector")
_ALERT = chosen("partition", "detector", "severity")


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit,
        "tillwatch-risk",
        Text("Tillwatch · Risk overview", "Tillwatch · 风险概览"),
        Text(
            "What is happening: alerts, money and merchants. For leads and analysts.",
            "正在发生什么：告警、金额与商户。供风控负责人与分析员使用。",
        ),
        variables=("partition", "detector", "severity", "region", "agent", "tz", "console"),
        since="now-24h",
        night=True,
    )
    for part in (_figures, _courses, _merchants, _places):
        part(kit, made)
    return made


def bad_merchants() -> str:
    """How many merchants have the two worst grades."""
    return f'sum(max by (partition, grade) ({MERCHANTS}{{partition=~"$partition",grade=~"D|E"}}))'


def _figures(kit: Kit, made: Dashboard) -> None:
    critical = chosen("partition", "detector", severity="critical")
    everyone = f"sum(max by (partition, grade) ({MERCHANTS}{_P}))"
    figures: tuple[tuple[Words, str, str, tuple[Step, ...]], ...] = (
        (words.NEW_ALERTS, or_zero(gained(ALERTS, _ALERT, "$__range")), "short", BLUE_STEP),
        (words.CRITICAL_ALERTS, or_zero(gained(ALERTS, critical, "$__range")), "short", ((None, GREEN), (1, RED))),
        (words.TURNOVER, or_zero(gained(TURNOVER, _D, "$__range")), kit.money, BLUE_STEP),
        (words.LOSS, or_zero(gained(LOSS, _P, "$__range")), kit.money, ((None, ORANGE),)),
        (words.BAD_MERCHANTS, bad_merchants(), "short", ((None, GREEN), (1, ORANGE))),
        (words.MERCHANTS, everyone, "short", ((None, GREY),)),
    )
    for said, expression, unit, steps in figures:
        zero = None if unit == kit.money else NONE
        made.with_panel(kit.stat(said, expression, unit, (4, 4), steps=steps, zero=zero))


def _courses(kit: Kit, made: Dashboard) -> None:
    made.with_panel(
        kit.bars(
            words.ALERTS_BY_SEVERITY,
            each_interval(kit, ALERTS, "severity", _ALERT),
            "short",
            (15, 9),
            OF_SEVERITY,
            most=BARS,
        )
    )
    kinds = ranked(kit, ALERTS, "detector", _ALERT, most=20)
    made.with_panel(kit.ranking(words.ALERTS_BY_KIND, kinds, "short", (9, 9), looks=OF_DETECTOR, decimals=0))
    turnover = each_interval(kit, TURNOVER, "detector", _D)
    made.with_panel(kit.bars(words.TURNOVER_BY_KIND, turnover, kit.money, (12, 9), OF_DETECTOR, most=BARS))
    loss = each_interval(kit, LOSS, "bearer", _P)
    made.with_panel(kit.bars(words.LOSS_BY_BEARER, loss, kit.money, (12, 9), OF_BEARER, most=BARS))


def _merchants(kit: Kit, made: Dashboard) -> None:
    labels = "merchant_id, name, grade"
    query = Query(f"sort_desc(topk(20, max by ({labels}) (tillwatch_riskiest_merchant_score{_P})))")
    link = "${console}/merchants/${__data.fields.merchant_id}"
    columns = (
        Column("merchant_id", Text("Merchant", "商户编号"), width=190, link=link),
        Column("name", Text("Name", "商户名称")),
        Column("grade", Text("Grade", "等级"), width=80, looks=OF_GRADE),
        Column("Value", Text("Score", "评分"), unit="none", width=260, gauge=100, steps=SCORE_STEPS),
    )
    made.with_panel(kit.table(words.RISKIEST, [query], columns, (14, 16), sort="Value"))
    grades = f'sum by (grade) (max by (partition, grade) ({MERCHANTS}{{partition=~"$partition",grade=~"C|D|E"}}))'
    made.with_panel(kit.lines(words.GRADES, [Query(grades, "{{grade}}")], "short", (10, 8), looks=OF_GRADE, stack=True))
    groups = ranked(kit, "tillwatch_alerts_by_mcc_group_total", "mcc_group", _P, most=10)
    made.with_panel(kit.ranking(words.ALERTS_BY_MCC, groups, "short", (10, 8), looks=OF_MCC_GROUP, decimals=0))


def _places(kit: Kit, made: Dashboard) -> None:
    for said, label in ((words.ALERTS_BY_REGION, "region"), (words.ALERTS_BY_AGENT, "agent")):
        query = ranked(kit, f"tillwatch_alerts_by_{label}_total", label, chosen("partition", label), most=10)
        made.with_panel(kit.ranking(said, query, "short", (12, 9), looks=OF_PLACE, decimals=0))


def each_interval(kit: Kit, metric: str, label: str, selector: str) -> Query:
    """What came in each interval, by those values of a label of which anything came in the time shown."""
    some = gained(metric, selector, "$__range", label, at="@ end()") + " > 0"
    gain = f"{gained(metric, selector, '$__interval', label)} and on ({label}) ({some})"
    return Query(or_none(gain, label, kit.say(NONE), unless=some), f"{{{{{label}}}}}")


def ranked(kit: Kit, metric: str, label: str, selector: str, most: int) -> Query:
    """What came in the time shown by a label, the most first, without those of which there were none."""
    gain = f"sort_desc(topk({most}, {gained(metric, selector, '$__range', label)} > 0))"
    return Query(or_none(gain, label, kit.say(NONE)), f"{{{{{label}}}}}")

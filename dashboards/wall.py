"""Wall: one screen, readable across a room, for today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import thresholds as limit
from dashboards.alerting import BEHIND
from dashboards.colours import GREEN, OF_DETECTOR, OF_SEVERITY, ORANGE, RED
from dashboards.frame import board
from dashboards.kit import NONE, Query, steps_of
from dashboards.queries import chosen, gained, or_none, or_zero, series
from dashboards.risk_overview import ALERTS, LOSS, riskiest
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit

_P = chosen("partition")


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit, "tillwatch-wall", Text("Tillwatch · Wall", "Tillwatch · 大屏"),
        Text("Today at a glance, for a screen on the wall: open it in kiosk mode.", "今日一览，供大屏展示，请用全屏模式打开。"),
        variables=("partition", "tz", "console"), since="now/d",
    )  # fmt: skip
    _figures(kit, made)
    today = kit.lines(
        Text("New alerts today", "今日新增预警"), Text("Alerts begun, in each interval, by severity.", "每个间隔内新增的预警，按级别。"),
        [Query(or_none(gained(ALERTS, _P, "$__interval", "severity"), "severity", kit.say(NONE)), "{{severity}}")],
        "short", (14, 8), looks=OF_SEVERITY, stack=True, bars=True, every="10m",
    )  # fmt: skip
    kinds = or_none(
        f"sort_desc(topk(6, {gained(ALERTS, _P, '$__range', 'detector')} > 0))", "detector", kit.say(NONE)
    )
    made.with_panel(today).with_panel(
        kit.ranking(
            Text("What they are", "预警类型"), Text("New alerts today by kind, the six with most.", "今日新增预警按类型，取前六。"),
            Query(kinds, "{{detector}}"), "short", (10, 8), looks=OF_DETECTOR, decimals=0,
        )
    )  # fmt: skip
    made.with_panel(riskiest(kit, 8, (14, 9)))
    _well(kit, made)
    return made


def _figures(kit: Kit, made: Dashboard) -> None:
    critical = or_zero(gained(ALERTS, chosen("partition", severity="critical"), "$__range"))
    merchants = f'sum({series("tillwatch_merchants")}{{partition=~"$partition",grade=~"D|E"}})'
    for title, about, expression, unit, steps in (
        (Text("New alerts", "新增预警"), Text("Alerts begun today.", "今日新增的预警。"),
         or_zero(gained(ALERTS, _P, "$__range")), "short", ((None, "#3274D9"),)),
        (Text("Critical", "紧急"), Text("Of these, those to be worked today.", "其中须当日核查的。"), critical, "short",
         ((None, GREEN), (1, RED))),
        (Text("Loss", "损失"), Text("Loss by the transactions that hit today, in the acquirer's own currency.",
                                  "今日命中交易造成的损失，以本位币计。"),
         or_zero(gained(LOSS, _P, "$__range")), kit.money, ((None, "#C15C17"),)),
        (Text("Merchants D or E", "D、E级商户"), Text("Merchants of the two worst grades now.", "当前等级最差两级的商户数。"),
         merchants, "short", ((None, GREEN), (1, "#C15C17"))),
    ):  # fmt: skip
        zero = None if unit == kit.money else NONE
        made.with_panel(
            kit.stat(title, about, expression, unit, (6, 6), steps=steps, zero=zero, large=96, background=True)
        )


def _well(kit: Kit, made: Dashboard) -> None:
    pages = 'count(ALERTS{alertstate="firing",service="tillwatch",severity="page"})'
    stalled = "sum(max by (feed) (tillwatch_feed_stalled))"
    watched = f"count({series('tillwatch_records_total')}{_P}) * 0"
    rate = f'sum(rate({series("tillwatch_records_total")}{{partition=~"$partition",outcome="transaction"}}[$__rate_interval]))'
    for title, about, expression, unit, steps, zero in (
        (Text("Pages", "紧急告警"), Text("Alerts on Tillwatch itself that somebody is called for.", "Tillwatch 自身的紧急告警。"),
         f"{pages} or {watched}", "short", ((None, GREEN), (1, RED)), NONE),
        (Text("Behind", "积压"), Text("How much work waits in the worst partition.", "积压最大的分区所需处理时间。"),
         f"max({BEHIND}{_P})", "s", steps_of(limit.BEHIND_S), None),
        (Text("Feeds stalled", "停滞的来源"), Text("Feeds that have told no time for 10 minutes.", "10分钟内无时钟记录的来源。"),
         stalled, "short", ((None, GREEN), (1, RED)), NONE),
        (Text("Transactions a second", "每秒交易数"), Text("Transactions judged a second.", "每秒处理的交易笔数。"),
         rate, "short", ((None, "#3274D9"),), None),
    ):  # fmt: skip
        panel = kit.stat(
            title, about, expression, unit, (5, 4), steps=steps, zero=zero, large=44, background=True, decimals=0
        )
        made.with_panel(panel)

"""Detectors: what each finds, which are silent against their own calendar, what they see, which versions are in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import thresholds as limit
from dashboards.alerting import CONTROLS, FIELD_SHARE, QUIET, QUIET_SHARE
from dashboards.colours import GREEN, GREY, OF_DETECTOR, OF_SEVERITY, ORANGE, RED
from dashboards.frame import board
from dashboards.kit import NONE, Column, Query
from dashboards.queries import chosen, gained, or_none, or_zero, series
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit

ALERTS, FINDINGS = "tillwatch_alerts_total", "tillwatch_findings_total"
_D = chosen("partition", "detector")
_BLIND = "tillwatch_detector_blind_until_timestamp_seconds"
_OF = "{detector=~\"$detector\"}"


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit, "tillwatch-detectors", Text("Tillwatch · Detectors", "Tillwatch · 检测项"),
        Text("Hits, silence, coverage and versions. For whoever tunes detectors.", "命中、静默、覆盖与版本。供调优人员使用。"),
        variables=("partition", "detector", "severity"), since="now-7d",
    )  # fmt: skip
    for part in (_figures, _table, _courses, _coverage):
        part(kit, made)
    return made


def _figures(kit: Kit, made: Dashboard) -> None:
    found = f"count(sum by (detector) ({series(FINDINGS)}{_D}) > 0)"
    fired = f"count({gained(FINDINGS, _D, '$__range', 'detector')} > 0)"
    silent = f"count(max by (detector) ({QUIET_SHARE}{_OF}) > 1)"
    blind = f"count(max by (detector) ({_BLIND}{_OF}) > time())"
    for title, about, expression, steps in (
        (Text("Detectors that ever fired", "曾命中的检测项"),
         Text(f"Of {len(OF_DETECTOR)} that are shipped, those with a finding since the state began.",
              f"随产品提供的{len(OF_DETECTOR)}项中，自状态建立以来有过命中的。"), or_zero(found), ((None, GREY),)),
        (Text("Fired in the time shown", "时段内命中的检测项"), Text("Detectors with a finding in the time shown.",
                                                         "所选时段内有命中的检测项。"), or_zero(fired), ((None, GREEN),)),
        (Text("Silent against their own calendar", "按自身节奏静默"),
         Text(f"Detectors without a finding for longer than {limit.QUIET_GAPS} of their own mean gaps of 28 days and"
              f" {limit.QUIET_LEAST_S // 86_400} days: see the runbook detector-silent.",
              f"超过自身近28天平均间隔{limit.QUIET_GAPS}倍且超过{limit.QUIET_LEAST_S // 86_400}天未命中：见运维手册 detector-silent。"),
         or_zero(silent), ((None, GREEN), (1, ORANGE))),
        (Text("Blind after an upgrade", "升级后暂不可判"),
         Text("Detectors that cannot judge every merchant yet, because an upgrade began to remember something.",
              "升级后因新增记忆内容而暂不能判断全部商户的检测项。"), or_zero(blind), ((None, GREEN), (1, ORANGE))),
    ):  # fmt: skip
        made.with_panel(kit.stat(title, about, expression, "short", (6, 4), steps=steps, zero=NONE, decimals=0))


def _table(kit: Kit, made: Dashboard) -> None:
    columns = (
        Column("detector", Text("Detector", "检测项"), looks=OF_DETECTOR),
        Column("Value #A", Text("Findings", "命中"), unit="short", width=130),
        Column("Value #B", Text("New alerts", "新增预警"), unit="short", width=130),
        Column("Value #C", Text("Critical", "紧急"), unit="short", width=110, colours=((None, GREY), (1, RED))),
        Column("Value #D", Text("Turnover in question", "涉及交易额"), unit=kit.money, width=180),
        Column("Value #E", Text("Since it fired", "距上次命中"), unit="s", width=150),
        Column("Value #F", Text("Of the silence it may have", "占允许静默时长"), unit="percentunit", width=260, gauge=1,
               colours=((None, GREEN), (0.5, "#F2CC0C"), (1, RED))),
    )  # fmt: skip
    critical = chosen("partition", "detector", severity="critical")
    queries = [
        gained(FINDINGS, _D, "$__range", "detector"),
        gained(ALERTS, chosen("partition", "detector", "severity"), "$__range", "detector"),
        gained(ALERTS, critical, "$__range", "detector"),
        gained("tillwatch_alert_turnover_total", _D, "$__range", "detector"),
        f"max by (detector) ({QUIET}{_OF})",
        f"max by (detector) ({QUIET_SHARE}{_OF})",
    ]
    made.with_panel(
        kit.table(
            Text("Each detector", "各检测项"),
            Text("Figures of the time shown. Silence is counted on the merchants' clock; how long it may be is"
                 f" {limit.QUIET_GAPS} times the detector's mean gap of the last 28 days, at least"
                 f" {limit.QUIET_LEAST_S // 86_400} days, and is not known before {limit.GAPS_LEAST} hits.",
                 f"均为所选时段的数据。静默按商户时钟计；允许时长为近28天平均间隔的{limit.QUIET_GAPS}倍，"
                 f"不少于{limit.QUIET_LEAST_S // 86_400}天；命中不足{limit.GAPS_LEAST}次时未知。"),
            [Query(each) for each in queries], columns, (24, 11), sort="Value #B",
        )
    )  # fmt: skip


def _courses(kit: Kit, made: Dashboard) -> None:
    none = kit.say(NONE)
    made.with_panel(
        kit.lines(
            Text("New alerts by detector", "新增预警（按检测项）"), Text("Alerts begun, in each interval shown.", "每个间隔内新增的预警。"),
            [Query(or_none(gained(ALERTS, chosen("partition", "detector", "severity"), "$__interval", "detector"),
                           "detector", none), "{{detector}}")],
            "short", (12, 9), looks=OF_DETECTOR, stack=True, bars=True, every="5m",
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Findings by detector", "命中（按检测项）"),
            Text("Rows of features that a detector found fault with, in each interval; many make one alert.",
                 "每个间隔内检测项命中的特征行数；多次命中合为一条预警。"),
            [Query(or_none(gained(FINDINGS, _D, "$__interval", "detector"), "detector", none), "{{detector}}")],
            "short", (12, 9), looks=OF_DETECTOR, stack=True, bars=True, every="5m",
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Time since each detector fired", "各检测项静默时长"),
            Text("On the merchants' clock, the latest judged event less the detector's newest finding.",
                 "按商户时钟，最近已处理事件减去该检测项最近命中。"),
            [Query(f"max by (detector) ({QUIET}{_OF})", "{{detector}}")], "s", (12, 9), looks=OF_DETECTOR,
        )
    )  # fmt: skip
    made.with_panel(
        kit.ranking(
            Text("New alerts by severity", "新增预警（按级别）"), Text("Alerts begun in the time shown.", "所选时段内新增的预警。"),
            Query(or_none(gained(ALERTS, chosen("partition", "detector", "severity"), "$__range", "severity"), "severity",
                          none), "{{severity}}"),
            "short", (12, 9), looks=OF_SEVERITY, decimals=0,
        )
    )  # fmt: skip


def _coverage(kit: Kit, made: Dashboard) -> None:
    share = (
        f"sum by (field) ({{field}}) / on () group_left () sum({series('tillwatch_records_total')}"
        f"{chosen('partition', outcome='transaction')})"
    ).replace("{field}", series("tillwatch_field_present_total") + chosen("partition"), 1)
    made.with_panel(
        kit.ranking(
            Text("Coverage: fields that detectors need", "覆盖：检测所需字段"),
            Text("Share of all accepted transactions that have the field. A detector without its field is silent.",
                 "带有该字段的交易占全部已接受交易的比例。缺字段的检测项不会命中。"),
            Query(f"sort_desc({share})", "{{field}}"), "percentunit", (8, 12), top=1,
            steps=((None, RED), (limit.FIELD_SHARE_LEAST, ORANGE), (0.5, GREEN)),
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Share of transactions with a field", "字段携带率"),
            Text(f"Over an hour of at least {limit.FIELD_TRANSACTIONS_LEAST} transactions. Fewer than"
                 f" {limit.FIELD_SHARE_OF_USUAL:.0%} of the share a day before is a ticket.",
                 f"按一小时计（不少于{limit.FIELD_TRANSACTIONS_LEAST}笔）。低于前一日的{limit.FIELD_SHARE_OF_USUAL:.0%}即工单告警。"),
            [Query(f"max by (field) ({FIELD_SHARE})", "{{field}}")], "percentunit", (8, 12), top=1,
        )
    )  # fmt: skip
    made.with_panel(
        kit.table(
            Text("Controls in force", "生效的控制项"), Text("The newest version of each kind that a worker knows.",
                                                    "工作进程已知的各类控制项最新版本。"),
            [Query(f"max by (control) ({CONTROLS})")],
            (Column("control", Text("Control", "控制项")), Column("Value", Text("Version", "版本"), unit="none")),
            (8, 12),
        )
    )  # fmt: skip

"""Detectors: what each finds, which are silent against their own calendar, what they see, which versions they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import thresholds as limit
from dashboards import words
from dashboards.alerting import CONTROLS, FIELD_SHARE, QUIET, QUIET_SHARE
from dashboards.colours import GREEN, GREY, OF_CONTROL, OF_DETECTOR, OF_HABIT, OF_SEVERITY, ORANGE, RED, YELLOW
from dashboards.frame import board
from dashboards.kit import NONE, Column, Query, Step
from dashboards.queries import chosen, gained, or_zero, series
from dashboards.risk_overview import each_interval, ranked
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit
    from dashboards.words import Words

ALERTS, FINDINGS = "tillwatch_alerts_total", "tillwatch_findings_total"
BARS = 84
"""In a week, one for every two hours."""
_P, _D = chosen("partition"), chosen("partition", "detector")
_ALERT = chosen("partition", "detector", "severity")
_BLIND = "tillwatch_detector_blind_until_timestamp_seconds"
_OF = '{detector=~"$detector"}'


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit,
        "tillwatch-detectors",
        Text("Tillwatch · Detectors", "Tillwatch · 检测项"),
        Text(
            "Hits, silence, coverage and versions. For whoever tunes detectors.",
            "命中、静默、覆盖与版本。供调优人员使用。",
        ),
        variables=("partition", "detector", "severity"),
        since="now-7d",
    )
    for part in (_figures, _table, _courses, _coverage, _model):
        part(kit, made)
    return made


def _figures(kit: Kit, made: Dashboard) -> None:
    found = f"count(sum by (detector) ({series(FINDINGS)}{_D}) > 0)"
    fired = f"count({gained(FINDINGS, _D, '$__range', 'detector')} > 0)"
    silent = f"count(max by (detector) ({QUIET_SHARE}{_OF}) > 1)"
    blind = f"count(max by (detector) ({_BLIND}{_OF}) > time())"
    figures: tuple[tuple[Words, str, tuple[Step, ...]], ...] = (
        (words.EVER_FIRED, found, ((None, GREY),)),
        (words.FIRED, fired, ((None, GREEN),)),
        (words.SILENT, silent, ((None, GREEN), (1, ORANGE))),
        (words.BLIND, blind, ((None, GREEN), (1, ORANGE))),
    )
    for said, expression, steps in figures:
        made.with_panel(kit.stat(said, or_zero(expression), "short", (6, 4), steps=steps, zero=NONE, decimals=0))


def _table(kit: Kit, made: Dashboard) -> None:
    critical = chosen("partition", "detector", severity="critical")
    shares: tuple[Step, ...] = ((None, GREEN), (0.5, YELLOW), (1, RED))
    queries = [
        gained(FINDINGS, _D, "$__range", "detector"),
        gained(ALERTS, _ALERT, "$__range", "detector"),
        gained(ALERTS, critical, "$__range", "detector"),
        gained("tillwatch_alert_turnover_total", _D, "$__range", "detector"),
        f"max by (detector) ({QUIET}{_OF})",
        f"max by (detector) ({QUIET_SHARE}{_OF})",
    ]
    columns = (
        Column("detector", Text("Detector", "检测项"), looks=OF_DETECTOR),
        Column("Value #A", Text("Findings", "命中"), unit="short", width=130),
        Column("Value #B", Text("New alerts", "新增告警"), unit="short", width=130),
        Column("Value #C", Text("Critical", "紧急"), unit="short", width=110, steps=((None, GREY), (1, RED))),
        Column("Value #D", Text("Turnover in question", "涉及交易额"), unit=kit.money, width=180),
        Column("Value #E", Text("Since it fired", "距上次命中"), unit="s", width=150),
        Column(
            "Value #F", Text("Of the silence it may have", "占允许静默时长"), "percentunit", 280, gauge=1, steps=shares
        ),
    )
    asked = [Query(each) for each in queries]
    made.with_panel(kit.table(words.EACH_DETECTOR, asked, columns, (24, 14), sort="Value #B"))


def _courses(kit: Kit, made: Dashboard) -> None:
    alerts = each_interval(kit, ALERTS, "detector", _ALERT)
    made.with_panel(kit.bars(words.ALERTS_BY_DETECTOR, alerts, "short", (12, 9), OF_DETECTOR, most=BARS))
    findings = each_interval(kit, FINDINGS, "detector", _D)
    made.with_panel(kit.bars(words.FINDINGS, findings, "short", (12, 9), OF_DETECTOR, most=BARS))
    silence = Query(f"max by (detector) ({QUIET}{_OF})", "{{detector}}")
    made.with_panel(kit.lines(words.SILENCE, [silence], "s", (12, 9), looks=OF_DETECTOR))
    shares = Query(f"max by (field) ({FIELD_SHARE})", "{{field}}")
    made.with_panel(kit.lines(words.FIELD_SHARE, [shares], "percentunit", (12, 9), top=1))


def _coverage(kit: Kit, made: Dashboard) -> None:
    accepted = f"sum({series('tillwatch_records_total')}{chosen('partition', outcome='transaction')})"
    present = f"sum by (field) ({series('tillwatch_field_present_total')}{_P})"
    steps: tuple[Step, ...] = ((None, RED), (limit.FIELD_SHARE_LEAST, ORANGE), (0.5, GREEN))
    query = Query(f"sort_desc({present} / on () group_left () {accepted})", "{{field}}")
    made.with_panel(kit.ranking(words.COVERAGE, query, "percentunit", (8, 11), top=1, steps=steps))
    severities = ranked(kit, ALERTS, "severity", _ALERT, most=4)
    made.with_panel(kit.ranking(words.SEVERITIES, severities, "short", (8, 11), looks=OF_SEVERITY, decimals=0))
    columns = (
        Column("control", Text("Control", "控制项"), looks=OF_CONTROL),
        Column("Value", Text("Version", "版本"), unit="none", steps=((None, GREY),)),
    )
    made.with_panel(kit.table(words.CONTROLS, [Query(f"max by (control) ({CONTROLS})")], columns, (8, 11)))


def _model(kit: Kit, made: Dashboard) -> None:
    grey: tuple[Step, ...] = ((None, GREY),)
    drift: tuple[Step, ...] = ((None, GREEN), (limit.MODEL_DRIFT_NOTED, YELLOW), (limit.MODEL_DRIFT, ORANGE))
    age = "time() - max(tillwatch_model_trained_until_timestamp_seconds)"
    scored = or_zero(gained("tillwatch_closings_scored_total", _P, "$__range"))
    figures: tuple[tuple[Words, str, str, tuple[Step, ...]], ...] = (
        (words.MODEL_SCORED, scored, "short", grey),
        (words.MODEL_BEYOND, "max(tillwatch_model_beyond_ratio)", "percentunit", grey),
        (words.MODEL_AGE, age, "s", ((None, GREEN), (limit.MODEL_AGE_S, ORANGE))),
        (words.MODEL_SCORE_DRIFT, "max(tillwatch_model_score_drift)", "none", drift),
    )
    for said, expression, unit, steps in figures:
        made.with_panel(kit.stat(said, expression, unit, (6, 4), steps=steps))
    habits = Query("sort_desc(topk(10, max by (habit) (tillwatch_model_habit_drift)))", "{{habit}}")
    made.with_panel(kit.ranking(words.MODEL_DRIFT, habits, "none", (24, 10), looks=OF_HABIT, steps=drift))

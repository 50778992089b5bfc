"""Wall: one screen, readable across a room, for today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import thresholds as limit
from dashboards import words
from dashboards.alerting import BEHIND
from dashboards.colours import GREEN, OF_DETECTOR, OF_SEVERITY, RED
from dashboards.frame import board
from dashboards.kit import NONE, Query, Step, steps_of
from dashboards.operations import firing
from dashboards.queries import chosen, gained, or_zero, series
from dashboards.risk_overview import ALERTS, LOSS, SCORE_STEPS, bad_merchants, each_interval, ranked
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit
    from dashboards.words import Words

DARK_BLUE, DARK_ORANGE = "#3274D9", "#C15C17"
BARS = 72
_P = chosen("partition")


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit,
        "tillwatch-wall",
        Text("Tillwatch · Wall", "Tillwatch · 大屏"),
        Text(
            "Today at a glance, for a screen on the wall: open it in kiosk mode.",
            "今日一览，供大屏展示，请用全屏模式打开。",
        ),
        variables=("partition",),
        since="now/d",
    )
    _figures(kit, made)
    today = each_interval(kit, ALERTS, "severity", _P)
    made.with_panel(kit.bars(words.TODAY, today, "short", (13, 9), OF_SEVERITY, most=BARS))
    kinds = ranked(kit, ALERTS, "detector", _P, most=6)
    made.with_panel(kit.ranking(words.KINDS_TODAY, kinds, "short", (11, 9), looks=OF_DETECTOR, decimals=0, large=18))
    score = f"max by (merchant_id, name) (tillwatch_riskiest_merchant_score{_P})"
    riskiest = Query(f"sort_desc(topk(6, {score}))", "{{name}}  {{merchant_id}}")
    made.with_panel(
        kit.ranking(words.WALL_RISKIEST, riskiest, "none", (14, 9), steps=SCORE_STEPS, top=100, decimals=0, large=20)
    )
    _well(kit, made)
    return made


def _figures(kit: Kit, made: Dashboard) -> None:
    critical = or_zero(gained(ALERTS, chosen("partition", severity="critical"), "$__range"))
    figures: tuple[tuple[Words, str, str, tuple[Step, ...]], ...] = (
        (words.NEW_ALERTS, or_zero(gained(ALERTS, _P, "$__range")), "short", ((None, DARK_BLUE),)),
        (words.CRITICAL_ALERTS, critical, "short", ((None, GREEN), (1, RED))),
        (words.LOSS, or_zero(gained(LOSS, _P, "$__range")), kit.money, ((None, DARK_ORANGE),)),
        (words.BAD_MERCHANTS, bad_merchants(), "short", ((None, GREEN), (1, DARK_ORANGE))),
    )
    for said, expression, unit, steps in figures:
        zero = None if unit == kit.money else NONE
        made.with_panel(kit.stat(said, expression, unit, (6, 6), steps=steps, zero=zero, large=80))


def _well(kit: Kit, made: Dashboard) -> None:
    accepted = chosen("partition", outcome="transaction")
    rate = f"sum(rate({series('tillwatch_records_total')}{accepted}[$__rate_interval]))"
    stalled = "sum(max by (feed) (tillwatch_feed_stalled))"
    bad: tuple[Step, ...] = ((None, GREEN), (1, RED))
    figures: tuple[tuple[Words, str, str, tuple[Step, ...], int], ...] = (
        (words.PAGES, firing("page"), "short", bad, 4),
        (words.BEHIND, f"max({BEHIND}{_P})", "s", steps_of(limit.BEHIND_S), 4),
        (words.FEEDS_STALLED, stalled, "short", bad, 5),
        (words.TRANSACTIONS, rate, "short", ((None, DARK_BLUE),), 5),
    )
    for said, expression, unit, steps, high in figures:
        zero = NONE if steps is bad else None
        made.with_panel(kit.stat(said, expression, unit, (5, high), steps=steps, zero=zero, large=44, decimals=0))

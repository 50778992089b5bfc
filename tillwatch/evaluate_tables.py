"""How an evaluation looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.timestamps import iso
from evaluation.cells import delay, kind, percent, rows, size
from evaluation.matching import SEVERITIES
from evaluation.metrics import LOAD, UNIT_DAYS
from evaluation.plots import number
from tillwatch.show import money, severity_bar, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from evaluation.matching import Matching
    from evaluation.metrics import Report

_LISTED = 10
"""False alarms and missed violations that a terminal shows."""


def print_tables(console: Console, figures: Report, matching: Matching) -> None:
    """Print every table that has rows."""
    made = (
        _recalls(figures), _bins(figures), _delays(figures), _precisions(figures), _look_alikes(figures),
        _false_alarms(matching), _missed(matching),
    )  # fmt: skip
    for each in made:
        if each.row_count:
            console.print(each)
            console.print()


def _recalls(figures: Report) -> Table:
    made = table(
        f"Recall: {figures.merchants:,} merchants, {figures.days:g} days, alerts from severity 0.3, 0.6, 0.85",
        "category", "kind", "effect", *(f"from {each}" for each in SEVERITIES), "95 % from",
    )  # fmt: skip
    for each in (*figures.categories, *figures.recalls):
        cells = [percent(it) for it in each.at_severity]
        if each.effect_unit:
            made.add_row(each.category, kind(each), each.effect_unit, *cells, size(each.reliable_from))
        else:
            made.add_row(each.category, "", "", *cells, "", style="bold")
    return made


def _bins(figures: Report) -> Table:
    made = table("Recall by effect", "category", "kind", "effect", "from", "to", "recall", numbers=[3, 4])
    for each in figures.by_unit():
        for it in each.bins:
            made.add_row(
                each.category, kind(each), each.effect_unit, number(it.low), number(it.high), percent(it.recall)
            )
    return made


def _delays(figures: Report) -> Table:
    made = table(
        "Found violations: delay (median / 90 %), and money in minor units",
        "category", "kind", "hours", "transactions", "money at stake", "of it found", "alerted",
        numbers=[2, 3, 4, 5, 6],
    )  # fmt: skip
    for each in (*figures.categories, *(it for it in figures.recalls if it.kind)):
        money_of = each.money
        made.add_row(
            each.category, each.kind, delay(each.delay_h), delay(each.delay_txns),
            f"{money_of.at_stake:,}", f"{money_of.found:,}", f"{money_of.alerted:,}",
            style="" if each.kind else "bold",
        )  # fmt: skip
    return made


def _precisions(figures: Report) -> Table:
    made = table(
        f"Precision (neither: a violation of another category, or excused); rates per {UNIT_DAYS:,} merchant-days\n"
        f"The severest {LOAD} find {percent(figures.at_load.recall)} violations",
        "alerts taken", "category", "alerts", "rate", "true", "false", "on look-alikes", "neither", "precision",
        numbers=range(2, 8),
    )  # fmt: skip
    taken = [(f"the severest {LOAD}", figures.at_load.rows)]
    taken += [(f"severity from {each.severity}", each.rows) for each in figures.at_severity]
    for name, precisions in taken:
        for k, cells in enumerate(rows(precisions)):
            made.add_row("" if k else name, *cells, style="" if k else "bold")
    return made


def _look_alikes(figures: Report) -> Table:
    made = table(
        f"False alarms on controls; rates per {UNIT_DAYS:,} of their merchant-days",
        "category", "kind", "look-alikes", "days", "alerts", "rate", "excused", "merchants hit", numbers=range(2, 7),
    )  # fmt: skip
    for each in figures.look_alikes:
        rate = "-" if each.per_unit is None else f"{each.per_unit:,.1f}"
        made.add_row(
            each.category, each.kind, f"{each.look_alikes:,}", f"{each.days:,.0f}", f"{each.alerts:,}", rate,
            f"{each.excused:,}", percent(each.merchants), style="red" if each.alerts else "",
        )  # fmt: skip
    return made


def _false_alarms(matching: Matching) -> Table:
    every = matching.false_alarms()
    made = table(f"False alarms ({len(every):,})", "severity", "merchant", "detector", "first hit", "on", "reason")
    for each in every[:_LISTED]:
        it = each.alert
        on = each.look_alike.kind if each.look_alike else ""
        made.add_row(severity_bar(it.severity), it.merchant_id, it.detector, iso(it.first_ms)[:16], on, it.reason)
    return made


def _missed(matching: Matching) -> Table:
    every = matching.missed()
    made = table(
        f"Missed violations ({len(every):,})",
        "category", "kind", "effect", "unit", "merchant", "onset", "transactions", "money", numbers=[2, 6, 7],
    )  # fmt: skip
    for each in every[:_LISTED]:
        it = each.violation
        lost = "-" if it.money_minor is None else money(it.money_minor, "")
        made.add_row(
            it.category, it.kind, number(it.effect), it.effect_unit, it.merchant_id, iso(it.onset_ms)[:16],
            f"{it.transactions:,}", lost,
        )  # fmt: skip
    return made

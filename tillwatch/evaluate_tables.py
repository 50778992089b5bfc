"""How an evaluation looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.episodes import iso
from tillwatch.judge import SEVERITIES
from tillwatch.measures import LOAD, UNIT_DAYS
from tillwatch.plots import number
from tillwatch.show import money, severity_bar, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.table import Table

    from tillwatch.judge import Judgement
    from tillwatch.measures import Delay, Precision, Recall, Report, Share, Size

_LISTED = 10
"""False alarms and missed violations that a terminal shows."""


def print_tables(console: Console, figures: Report, judgement: Judgement) -> None:
    """Print every table that has rows."""
    made = (
        _recalls(figures), _bins(figures), _delays(figures), _precisions(figures), _controls(figures),
        _false_alarms(judgement), _missed(judgement),
    )  # fmt: skip
    for each in made:
        if each.row_count:
            console.print(each)
            console.print()


def percent(it: Share) -> str:
    """A share with its interval and counts.

    >>> from tillwatch.measures import share
    >>> percent(share(9, 10)), percent(share(0, 0))
    ('90.0 % (60-98) 9/10', '-')
    """
    if it.value is None:
        return "-"
    return f"{it.value:.1%} ({100 * it.low:.0f}-{100 * it.high:.0f}) {it.part:,}/{it.whole:,}".replace("%", " %")


def size(it: Size | None) -> str:
    """An effect size with the recall from there on."""
    return "none" if it is None else f"{number(it.effect)}: {percent(it.recall)}"


def delay(it: Delay) -> str:
    """Median and 90 % quantile.

    >>> from tillwatch.measures import Delay
    >>> delay(Delay(3, 1.25, 30.0)), delay(Delay(0, None, None))
    ('1.2 / 30.0', '-')
    """
    if it.median is None or it.p90 is None:
        return "-"
    return f"{it.median:,} / {it.p90:,}" if isinstance(it.median, int) else f"{it.median:,.1f} / {it.p90:,.1f}"


def kind(it: Recall) -> str:
    """A kind's name; that of all kinds where it has none."""
    return it.kind or "all kinds"


def rows(it: Iterable[Precision]) -> list[tuple[str, str, str, str, str, str, str, str]]:
    """Cells of precision: family, alerts, rate, true, false, of those on controls, neither, precision."""
    return [
        (
            each.family or "all", f"{each.alerts:,}", f"{each.per_unit:,.1f}", f"{each.true:,}", f"{each.false:,}",
            f"{each.on_controls:,}", f"{each.other + each.excused:,}", percent(each.precision),
        )
        for each in it
    ]  # fmt: skip


def _recalls(figures: Report) -> Table:
    made = table(
        f"Recall: {figures.merchants:,} merchants, {figures.days:g} days, alerts from severity 0.3, 0.6, 0.85",
        "family", "kind", "effect", *(f"from {each}" for each in SEVERITIES), "95 % from",
    )  # fmt: skip
    for each in (*figures.families, *figures.recalls):
        cells = [percent(it) for it in each.at_severity]
        if each.effect_unit:
            made.add_row(each.family, kind(each), each.effect_unit, *cells, size(each.reliable_from))
        else:
            made.add_row(each.family, "", "", *cells, "", style="bold")
    return made


def _bins(figures: Report) -> Table:
    made = table("Recall by effect", "family", "kind", "effect", "from", "to", "recall", numbers=[3, 4])
    for each in figures.by_unit():
        for it in each.bins:
            made.add_row(each.family, kind(each), each.effect_unit, number(it.low), number(it.high), percent(it.recall))
    return made


def _delays(figures: Report) -> Table:
    made = table(
        "Found violations: delay (median / 90 %), and money in minor units",
        "family", "kind", "hours", "transactions", "money at stake", "of it found", "alerted", numbers=[2, 3, 4, 5, 6],
    )  # fmt: skip
    for each in (*figures.families, *(it for it in figures.recalls if it.kind)):
        money_of = each.money
        made.add_row(
            each.family, each.kind, delay(each.delay_h), delay(each.delay_txns),
            f"{money_of.at_stake:,}", f"{money_of.found:,}", f"{money_of.alerted:,}",
            style="" if each.kind else "bold",
        )  # fmt: skip
    return made


def _precisions(figures: Report) -> Table:
    made = table(
        f"Precision (neither: another family's violation, or excused); rates per {UNIT_DAYS:,} merchant-days\n"
        f"The severest {LOAD} find {percent(figures.at_load.recall)} violations",
        "alerts taken", "family", "alerts", "rate", "true", "false", "on controls", "neither", "precision",
        numbers=range(2, 8),
    )  # fmt: skip
    taken = [(f"the severest {LOAD}", figures.at_load.rows)]
    taken += [(f"severity from {each.severity}", each.rows) for each in figures.at_severity]
    for name, precisions in taken:
        for k, cells in enumerate(rows(precisions)):
            made.add_row("" if k else name, *cells, style="" if k else "bold")
    return made


def _controls(figures: Report) -> Table:
    made = table(
        f"False alarms on controls; rates per {UNIT_DAYS:,} of their merchant-days",
        "family", "kind", "controls", "days", "alerts", "rate", "excused", "merchants hit", numbers=range(2, 7),
    )  # fmt: skip
    for each in figures.controls:
        rate = "-" if each.per_unit is None else f"{each.per_unit:,.1f}"
        made.add_row(
            each.family, each.kind, f"{each.controls:,}", f"{each.days:,.0f}", f"{each.alerts:,}", rate,
            f"{each.excused:,}", percent(each.merchants), style="red" if each.alerts else "",
        )  # fmt: skip
    return made


def _false_alarms(judgement: Judgement) -> Table:
    every = judgement.false_alarms()
    made = table(f"False alarms ({len(every):,})", "severity", "merchant", "detector", "first hit", "on", "reason")
    for each in every[:_LISTED]:
        it = each.alert
        on = each.control.kind if each.control else ""
        made.add_row(severity_bar(it.severity), it.merchant_id, it.detector, iso(it.first_ms)[:16], on, it.reason)
    return made


def _missed(judgement: Judgement) -> Table:
    every = judgement.missed()
    made = table(
        f"Missed violations ({len(every):,})",
        "family", "kind", "effect", "unit", "merchant", "onset", "transactions", "money", numbers=[2, 6, 7],
    )  # fmt: skip
    for each in every[:_LISTED]:
        it = each.violation
        lost = "-" if it.money_minor is None else money(it.money_minor, "")
        made.add_row(
            it.family, it.kind, number(it.effect), it.effect_unit, it.merchant_id, iso(it.onset_ms)[:16],
            f"{it.transactions:,}", lost,
        )  # fmt: skip
    return made

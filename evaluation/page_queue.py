"""The part of an evaluation's page that is about the queue: what severities and grades mean, and what stands first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.severity import LEVELS
from evaluation.cells import percent, rates
from evaluation.page_parts import html_table
from evaluation.plots import Point, shares
from evaluation.queue import HEAD, UNIT_LAWFUL_DAYS

if TYPE_CHECKING:
    from evaluation.queue import Calibration, Queue


def calibration_plot(figures: Queue) -> tuple[str, str, str]:
    """Title, drawing and note: the share of true by tenth of severity, over all and by category."""
    series = [(each.category or "all", _points(each)) for each in figures.calibration]
    svg = shares(series, x_label="severity", y_label="share of true alerts")
    return (
        "What a severity means",
        svg,
        "Alerts by tenth of severity, with intervals of 95 %; empty tenths are left out.",
    )


def _points(of: Calibration) -> list[Point]:
    return [
        Point(
            (each.low + each.high) / 2, each.true.value, each.true.low, each.true.high,
            f"{of.category or 'all'}, {each.low:g} to {each.high:g}: {percent(each.true)}",
        )
        for each in of.tenths
        if each.true.value is not None
    ]  # fmt: skip


def queue_tables(figures: Queue) -> list[str]:
    """Calibration by level, the queue's head, false alerts on lawful merchants, grades; each with its heading."""
    levels = [
        (each.category or "all*", *(percent(it.true) for it in each.levels)) for each in figures.calibration
    ]  # fmt: skip
    head = [
        (
            each.category, each.kind or "no violation", percent(each.cases) if each.kind else "", percent(each.head),
            "-" if each.first is None else f"{each.first:,}",
        )
        for each in figures.head
    ]  # fmt: skip
    false = [
        (each.category if each.detector else f"{each.category}*", each.detector, *rates(each))
        for each in figures.false_rates
    ]
    grades = [(each.grade, percent(each.violating)) for each in figures.grades]
    return [
        "<h3>Share of true alerts by level of severity</h3>",
        html_table(("category", *(f"{each.word.en}, from {each.least}" for each in LEVELS)), levels),
        f"<h3>Head of the queue: the severest {HEAD} alerts</h3>",
        html_table(
            ("category", "kind", "of the violations found", "of the head", "rank of its first alert"), head, [4]
        ),
        f"<h3>False alerts per {UNIT_LAWFUL_DAYS:,} days of merchants without a violation (and how many)</h3>",
        html_table(("category", "detector", *(f"from {each.least}" for each in LEVELS[1:3])), false, (2, 3)),
        "<h3>Merchants with a violation, of those whose highest grade it was</h3>",
        html_table(("grade", "with a violation"), grades),
    ]

"""An evaluation as one HTML page: plots and tables, nothing loaded from elsewhere."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from domain.timestamps import iso
from domain.visible import escape
from evaluation.cells import delay, kind, minor, percent, rows, size, stories
from evaluation.matching import SEVERITIES
from evaluation.metrics import LOAD, RECALL, UNIT_DAYS
from evaluation.page_parts import html_table, plots
from evaluation.page_queue import calibration_plot, queue_tables
from evaluation.plots import Point, bars, columns, curves, intervals, number

if TYPE_CHECKING:
    from evaluation.matching import Matching
    from evaluation.metrics import Recall, Report
    from evaluation.queue import Queue

MOST = 50
"""Rows of a list of false alarms or missed violations."""
_DELAYS_H = (("< 1 h", 1), ("6 h", 6), ("1 d", 24), ("2 d", 48), ("4 d", 96), ("7 d", 168), ("14 d", 336))
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6b7c; --line: #dfe5ec; --page: #f5f7fa; --card: #fff;
  --s0: #2364aa; --s1: #d1495b; --s2: #2a9d6f; --s3: #a86c00; --bad: #b3263a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --soft: #9aa8b7; --line: #313b47; --page: #12171d;
  --card: #1b222b; --s0: #6aa9f0; --s1: #f07c8c; --s2: #5ccba0; --s3: #e6b455; --bad: #ff8b9a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 28px 20px 60px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans SC", "PingFang SC", sans-serif; }
h1 { margin: 0; font-size: 25px; } h2 { margin: 36px 0 10px; font-size: 18px; }
h3 { margin: 0 0 6px; font-size: 14.5px; }
.about { margin: 2px 0 20px; color: var(--soft); }
.tiles, .plots { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); }
.plots { grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.tile, figure, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.tile { padding: 12px 16px; } .tile b { display: block; font-size: 25px; line-height: 1.3; }
.tile small, figcaption { color: var(--soft); font-size: 12.5px; }
figure { margin: 0; padding: 14px 16px 10px; } svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { padding: 6px 11px; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; } tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.all td { font-weight: 600; } td.words { min-width: 300px; } .none { color: var(--soft); }
svg text { fill: var(--soft); font-size: 11.5px; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
svg .x { text-anchor: middle; } svg .y { text-anchor: end; }
svg .name { text-anchor: end; } svg .label { font-size: 12px; fill: var(--ink); }
.grid { stroke: var(--line); } .axis { stroke: var(--soft); }
.mark { stroke: var(--soft); stroke-dasharray: 4 4; fill: none; }
.line { fill: none; stroke-width: 2; } .whisker { fill: none; stroke-width: 1.4; opacity: .75; }
.s0 { fill: var(--s0); stroke: var(--s0); } .s1 { fill: var(--s1); stroke: var(--s1); }
.s2 { fill: var(--s2); stroke: var(--s2); } .s3 { fill: var(--s3); stroke: var(--s3); }
rect.s0, rect.s1, rect.s2 { stroke: none; }
.line.s0, .line.s1, .line.s2, .line.s3, .whisker { fill: none; }
.legend { margin: 4px 0 0; font-size: 12.5px; color: var(--soft); } .legend span { margin-right: 16px; }
.legend i { display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 2px; }
.legend i.s0 { background: var(--s0); } .legend i.s1 { background: var(--s1); } .legend i.s2 { background: var(--s2); }
.legend i.s3 { background: var(--s3); }
"""


def page(facts: dict[str, Any], figures: Report, of_queue: Queue, matching: Matching) -> str:
    """The whole page; `facts` has `folder`, `left_out` and `transactions`."""
    without = f", without {' and '.join(facts['left_out'])} events" if facts["left_out"] else ""
    unseen = f" ({matching.unseen:,} more touched no transaction)" if matching.unseen else ""
    about = (
        f"{figures.merchants:,} merchants, {figures.days:g} days, {facts['transactions']:,} transactions, "
        f"{len(matching.outcomes):,} violations{unseen}{without}"
    )
    body = [
        f"<h1>Evaluation of {escape(facts['folder'])}</h1>", f'<p class="about">{escape(about)}</p>',
        _tiles(figures, matching),
        "<h2>Recall by effect</h2>", _recall_plots(figures),
        "<h2>Load, severity, delay, look-alikes</h2>", _other_plots(figures, matching),
        "<h2>Severity, queue and grades</h2>", plots([calibration_plot(of_queue)]), *queue_tables(of_queue),
        "<h2>Recall</h2>", _recall_table(figures),
        "<h2>Delay and money of what was found</h2>", _delay_table(figures),
        "<h2>Precision</h2>", _precision_table(figures),
        "<h2>Look-alikes</h2>", _look_alike_table(figures),
        "<h2>Alerts by merchant-story</h2>", _story_table(figures),
        f"<h2>False alarms ({len(matching.false_alarms()):,})</h2>", _false_alarm_table(matching),
        f"<h2>Missed violations ({len(matching.missed()):,})</h2>", _missed_table(matching),
    ]  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evaluation of {escape(facts['folder'])}</title><style>{_STYLE}</style></head>\n"
        f"<body>{chr(10).join(body)}</body></html>\n"
    )


def _tiles(figures: Report, matching: Matching) -> str:
    """The figures that matter most, large."""
    overall, caught, known = figures.at_load.rows[0].precision, figures.at_load.recall, figures.at_severity[0].rows[0]
    tiles = [
        (f"{each.category} recall", _value(each.at_severity[0].value), _counts(each)) for each in figures.categories
    ]
    tiles += [
        ("precision at load", _value(overall.value), f"{overall.part:,} of {overall.whole:,}, the severest {LOAD}"),
        ("recall at load", _value(caught.value), f"{caught.part:,} of {caught.whole:,} by these alerts"),
        ("alerts", f"{known.per_unit:,.1f}", f"per {UNIT_DAYS:,} merchant-days, from severity {SEVERITIES[0]}"),
        ("false alarms", f"{len(matching.false_alarms()):,}", f"of them {known.on_look_alikes:,} on look-alikes"),
    ]
    made = (
        f'<div class="tile"><small>{escape(name)}</small><b>{escape(value)}</b><small>{escape(note)}</small></div>'
        for name, value, note in tiles
    )
    return f'<div class="tiles">{"".join(made)}</div>'


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}".replace("%", " %")


def _counts(it: Recall) -> str:
    found = it.at_severity[0]
    return f"{found.part:,} of {found.whole:,}; 95 %: {100 * found.low:.0f}-{100 * found.high:.0f}"


def _recall_plots(figures: Report) -> str:
    """One plot for each category and unit of effect."""
    return plots(_recall_plot(each) for each in figures.by_unit())


def _recall_plot(it: Recall) -> tuple[str, str, str]:
    points = [
        Point(
            (each.low * each.high) ** 0.5, each.recall.value or 0.0, each.recall.low, each.recall.high,
            f"{number(each.low)} to {number(each.high)}: {percent(each.recall)}",
        )
        for each in it.bins
        if 0 < each.low < each.high
    ]  # fmt: skip
    title = f"{it.category}: {kind(it)}"
    if not points:
        return title, '<p class="none">No violation has an effect that can be drawn.</p>', ""
    reliable = it.reliable_from
    mark = (reliable.effect, f"95 % from {number(reliable.effect)}") if reliable and 0 < reliable.effect < inf else None
    svg = intervals(points, x_label=it.effect_unit, y_label="recall", mark=mark, target=RECALL)
    if reliable is None:
        return title, svg, "At no size recall reaches 95 %."
    return title, svg, f"At least 95 % from {number(reliable.effect)} on: {percent(reliable.recall)}."


def _other_plots(figures: Report, matching: Matching) -> str:
    made = []
    if figures.curve:
        made.append(_load_plot(figures))
        made.append(_severity_plot(matching))
    if any(each.found for each in matching.outcomes):
        made.append(_delay_plot(matching))
    if figures.look_alikes:
        made.append(_look_alike_plot(figures))
    return plots(made)


def _load_plot(figures: Report) -> tuple[str, str, str]:
    precision = [(each.load, each.rows[0].precision.value) for each in figures.curve]
    known = [(load, value) for load, value in precision if value is not None]
    recall = [(each.load, each.recall.value) for each in figures.curve]
    found = [(load, value) for load, value in recall if value is not None]
    x_label = f"alerts per {UNIT_DAYS:,} merchant-days, the severest first"
    svg = curves([("precision", known), ("recall", found)], x_label=x_label, mark=(LOAD, f"load {LOAD}"))
    return "Precision and recall by load", svg, ""


def _severity_plot(matching: Matching) -> tuple[str, str, str]:
    counts = [[0] * 20 for _ in range(3)]
    for each in matching.ranked:
        series = 0 if each.label == "true" else 1 if each.is_false else 2
        counts[series][min(19, int(each.alert.severity * 20 + 1e-9))] += 1
    labels = [f"{k / 20:.2f}" for k in range(20)]
    named = list(zip(("true", "false", "neither"), counts, strict=True))
    svg = columns(labels, named, x_label="peak severity, from", y_label="alerts")
    return "Severity of true and false alerts", svg, ""


def _delay_plot(matching: Matching) -> tuple[str, str, str]:
    labels = [name for name, _ in _DELAYS_H]
    labels = [labels[0], *(f"to {each}" for each in labels[1:]), f"> {labels[-1]}"]
    counts: dict[str, list[int]] = {}
    for each in matching.outcomes:
        if each.delay_h is not None:
            mine = counts.setdefault(each.violation.category, [0] * len(labels))
            mine[sum(each.delay_h >= upper for _, upper in _DELAYS_H)] += 1
    svg = columns(labels, list(counts.items()), x_label="from onset to detection", y_label="violations")
    return "Delay until found", svg, ""


def _look_alike_plot(figures: Report) -> tuple[str, str, str]:
    made = [
        (f"{each.category} {each.kind}".strip(), each.per_unit or 0.0, f"{each.per_unit or 0:,.1f} ({each.alerts:,})")
        for each in figures.look_alikes
    ]
    return "False alarms on look-alikes", bars(made), f"Per {UNIT_DAYS:,} of their merchant-days (and how many)."


def _recall_table(figures: Report) -> str:
    headings = ("category", "kind", "effect", *(f"from {each}" for each in SEVERITIES), "95 % from", "surely from")
    cells = [
        (
            each.category if each.effect_unit else f"{each.category}*", kind(each) if each.effect_unit else "",
            each.effect_unit, *(percent(it) for it in each.at_severity),
            *((size(each.reliable_from), size(each.surely_from)) if each.effect_unit else ("", "")),
        )
        for each in (*figures.categories, *figures.recalls)
    ]  # fmt: skip
    return html_table(headings, cells)


def _delay_table(figures: Report) -> str:
    headings = (
        "category", "kind", "hours, median / 90 %", "transactions, median / 90 %",
        "loss (minor units)", "of it found", "loss alerted", "turnover alerted",
    )  # fmt: skip
    cells = [
        (
            each.category if each.kind else f"{each.category}*", each.kind, delay(each.delay_h), delay(each.delay_txns),
            f"{each.money.at_stake:,}", f"{each.money.found:,}", minor(each.money.alerted), minor(each.money.turnover),
        )
        for each in (*figures.categories, *(it for it in figures.recalls if it.kind))
    ]  # fmt: skip
    return html_table(headings, cells, range(2, 8))


def _precision_table(figures: Report) -> str:
    taken = [(f"the severest {LOAD} per {UNIT_DAYS:,}", figures.at_load.rows)]
    taken += [(f"severity from {each.severity}", each.rows) for each in figures.at_severity]
    cells = [("" if k else f"{name}*", *row) for name, every in taken for k, row in enumerate(rows(every))]
    headings = ("alerts taken", "category", "alerts", "rate", "true", "false", "on look-alikes", "neither", "precision")
    return html_table(headings, cells, range(2, 8))


def _look_alike_table(figures: Report) -> str:
    headings = ("category", "kind", "look-alikes", "days", "alerts", "rate", "excused", "merchants hit")
    cells = [
        (
            each.category, each.kind, f"{each.look_alikes:,}", f"{each.days:,.0f}", f"{each.alerts:,}",
            "-" if each.per_unit is None else f"{each.per_unit:,.1f}", f"{each.excused:,}", percent(each.merchants),
        )
        for each in figures.look_alikes
    ]  # fmt: skip
    return html_table(headings, cells, range(2, 7))


def _story_table(figures: Report) -> str:
    cells = [(f"{name}*" if name == "all" else name, *counts) for name, *counts in stories(figures.stories)]
    return html_table(("detector", "alerts", "of them reopened", "stories", "alerts a story"), cells, range(1, 5))


def _false_alarm_table(matching: Matching) -> str:
    cells = [
        (
            f"{each.alert.severity:.2f}", each.alert.merchant_id, each.alert.detector, iso(each.alert.first_ms)[:16],
            f"{each.alert.hits:,}", each.look_alike.kind if each.look_alike else "", each.alert.reason,
        )
        for each in matching.false_alarms()[:MOST]
    ]  # fmt: skip
    return html_table(("severity", "merchant", "detector", "first hit (UTC)", "hits", "on", "reason"), cells, (0, 4), 6)


def _missed_table(matching: Matching) -> str:
    cells = [
        (
            it.category, it.kind, number(it.effect), it.effect_unit, it.merchant_id, iso(it.onset_ms)[:16],
            f"{it.transactions:,}", "-" if it.money_minor is None else f"{it.money_minor:,}", f"{each.severity:.2f}",
        )
        for each in matching.missed()[:MOST]
        for it in (each.violation,)
    ]  # fmt: skip
    headings = (
        "category", "kind", "effect", "unit", "merchant", "onset (UTC)", "transactions", "money (minor units)",
        "severest alert",
    )  # fmt: skip
    return html_table(headings, cells, (2, 6, 7, 8))

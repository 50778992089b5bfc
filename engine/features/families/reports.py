"""Reports of fraud on a merchant's payments, chargebacks and requests for slips, and where they gather.

A report counts in the week of its payment, once for each payment, as long as 13 weeks reach it; what is withdrawn is
taken out again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.feature_codes import POINT_MERCHANT, POINT_TERMINAL, REPORT_RETRIEVAL
from domain.fraud_rates import base_ppm
from engine.features.blocks import Block
from engine.features.event import CARD_ABSENT, Report
from engine.features.families import Column, terminals
from engine.features.families.volume import WEEKS
from engine.jit import i64, njit_inner

TERMINALS = 8
"""Terminals of which reports are held; a ninth takes the place of the one whose payments lie furthest back."""
DAYS = 64
"""Days of payments of which it is known how many were reported; of a terminal's, whether any was."""
OWN_WEIGHT = 2.0
"""A merchant's own history weighs as much as its peers' once so many reports would be expected of it."""
_MOST = 255
_PPM = 1e-6
_LN10 = np.log(10.0)
_0, _1 = np.uint64(0), np.uint64(1)
_BASES = np.array(
    [[base_ppm(f"{mcc:04d}", present=present) for present in (True, False)] for mcc in range(10_000)], np.uint16
)

BASE_D = 1
"""Days until what started anew on a merchant means something: reports that are missing accuse nobody."""
RESTS_ON = ("volume", "terminals")
READS = ("terminals", "more_terminals")
FIELDS = ()
_FIELDS = (
    ("reported_minor", np.int64),
    ("charged_back_minor", np.int64),
    ("reported_terminal_days", np.uint64, TERMINALS),
    ("reported_retrievals", np.uint32),
    ("reported_day", np.int32),
    ("reported_rolled_week", np.int32),
    ("reported_week", np.uint16, WEEKS),
    ("reported_terminal", np.uint16, TERMINALS),
    ("reported_terminal_day", np.uint16, TERMINALS),
    ("reported_terminal_week", np.uint8, (TERMINALS, WEEKS)),
    ("reported_on_day", np.uint8, DAYS),
)
BLOCKS = (Block("reports", _FIELDS),)

_NO_REPORT = "no report"
_NO_POINT = "no report, or none of fraud that was not known yet, on a payment of the last 13 weeks"


def _point(name: str, unit: str, of: str, *, kind: Any = "int", error: str = "") -> Column:
    return Column(f"point_{name}", unit, "up to 13 weeks", of, kind, null=_NO_POINT, error=error)


COLUMNS = (
    Column("report_kind", "code", "report", "1 fraud, 2 chargeback, 3 retrieval request", null=_NO_REPORT),
    Column("report_loss_minor", "minor units", "report", "its payment, if not reported as fraud before",
           null=f"{_NO_REPORT}, or its payment was known as fraud, or it is none"),
    Column("report_terminal", "code", "report", "the terminal it names, as `terminal_text` reads it",
           null=f"{_NO_REPORT}, or it names none"),
    _point("form", "code", "1 the merchant, 2 the report's terminal: where the reports are rarer"),
    _point("evidence", "decades", "how rare so many reports are by chance, of the weeks in which they are rarest, "
           "without what the worst day has more than the second",
           kind="float", error="relative 1e-9"),
    _point("reports", "transactions", "payments of these weeks reported as fraud"),
    _point("sales", "transactions", "approved sales of these weeks"),
    _point("days", "days", "days of these weeks with such a payment, of the last 64"),
    _point("weeks", "weeks", "how many weeks"),
    _point("base_ppm", "parts per million", "share to be expected, by the weeks before and by peers", kind="float",
           error="relative 1e-9"),
    Column("reported_minor", "minor units", "lifetime", "payments reported as fraud", null=_NO_REPORT),
    Column("charged_back_minor", "minor units", "lifetime", "those of them that were charged back", null=_NO_REPORT),
    Column("retrievals", "reports", "lifetime", "requests for slips", null=_NO_REPORT),
)  # fmt: skip
REPORTS = tuple(column.name for column in COLUMNS)


@njit_inner
def reports_reported(row: Any, report: Report) -> bool:
    """Any report takes the block."""
    return True


@njit_inner
def _roll(row: Any, block: Any) -> None:
    """Empty the weeks that the merchant's clock moved into."""
    week, was = i64(row.rolled_day) // 7, i64(block.reported_rolled_week)
    for each in range(max(was + 1, week - WEEKS + 1), week + 1):
        block.reported_week[each % WEEKS] = 0
        for k in range(TERMINALS):
            block.reported_terminal_week[k, each % WEEKS] = 0
    block.reported_rolled_week = max(week, was)


@njit_inner
def _terminal(block: Any, tag: int, change: int) -> int:
    """The place of a terminal, of a new one of which a report comes that of the one gone longest; -1 for none."""
    if tag == 0:
        return -1
    oldest = 0
    for k in range(TERMINALS):
        if i64(block.reported_terminal[k]) == tag:
            return k
        if block.reported_terminal_day[k] < block.reported_terminal_day[oldest]:
            oldest = k
    if change <= 0:
        return -1
    block.reported_terminal[oldest] = tag
    block.reported_terminal_day[oldest] = 0
    block.reported_terminal_days[oldest] = _0
    for week in range(WEEKS):
        block.reported_terminal_week[oldest, week] = 0
    return oldest


@njit_inner
def _with_day(days: np.uint64, last: int, day: int) -> np.uint64:
    """Days as bits, the last the lowest, with a further one, which may be later."""
    if day > last:
        return days << np.uint64(day - last) | _1 if day - last < DAYS else _1
    return days | _1 << np.uint64(last - day) if last - day < DAYS else days


@njit_inner
def _count_day(block: Any, day: int, change: int) -> None:
    """Count a payment on its day, of those that are held."""
    last = i64(block.reported_day)
    for each in range(max(last + 1, day - DAYS + 1), day + 1):
        block.reported_on_day[each % DAYS] = 0
    block.reported_day = max(last, day)
    if day > last - DAYS:
        block.reported_on_day[day % DAYS] = min(max(i64(block.reported_on_day[day % DAYS]) + change, 0), _MOST)


@njit_inner
def _count(row: Any, block: Any, report: Report) -> int:
    """Count a payment that is newly reported, or take it out; the place of its terminal, -1 for none."""
    week, change, k = report.own_day // 7, report.reported, _terminal(block, report.tag, report.reported)
    at = week % WEEKS
    block.reported_week[at] = min(max(i64(block.reported_week[at]) + change, 0), 60_000)
    _count_day(block, report.own_day, change)
    if k >= 0:
        of_terminal = i64(block.reported_terminal_week[k, at]) + change
        block.reported_terminal_week[k, at] = min(max(of_terminal, 0), _MOST)
        if change > 0:
            last = i64(block.reported_terminal_day[k])
            block.reported_terminal_days[k] = _with_day(block.reported_terminal_days[k], last, report.own_day)
            block.reported_terminal_day[k] = max(last, report.own_day)
    return k


@njit_inner
def _on_days(block: Any, first: int) -> tuple[int, int]:
    """On how many days from `first` on a payment was made that is reported, and by how many the worst of these days
    is ahead of the second.
    """
    days, most, second = i64(0), i64(0), i64(0)
    for day in range(max(first, i64(block.reported_day) - DAYS + 1), i64(block.reported_day) + 1):
        n = i64(block.reported_on_day[day % DAYS])
        days += n > 0
        if n > most:
            most, second = n, most
        elif n > second:
            second = n
    return days, most - second


@njit_inner
def evidence(reports: int, expected: float) -> float:
    """How rare so many reports are where so many are expected, decades: the likelihood ratio of the rate they show."""
    if reports <= expected or expected <= 0:
        return 0.0
    return float((reports * np.log(reports / expected) - (reports - expected)) / _LN10)


@njit_inner
def _rarest(reports: Any, sales: Any, week: int, sold_to: int, peers: float) -> tuple[float, int, int, int, int, float]:
    """The weeks that end with the latest reported one in which the reports are rarest.

    Args:
        reports: (13,) by week modulo 13.
        sales: (13,) likewise.
        week: the clock's.
        sold_to: the last week of which `sales` tells; later ones had none.
        peers: share to be expected of a merchant without history.

    Returns:
        Their evidence, their first and last week, reports, sales and the share expected of them.
    """
    whole, total, before, last = i64(0), i64(0), i64(0), i64(-1)
    for each in range(week - WEEKS + 1, week + 1):
        n = _sold(sales, each, sold_to)
        whole, total = whole + min(i64(reports[each % WEEKS]), n), total + n
        if reports[each % WEEKS] > 0:
            last, before = each, total
    best, first, of_reports, of_sales, base = -1.0, last, i64(0), i64(0), peers
    k, n = i64(0), i64(0)
    for each in range(last, max(week - WEEKS, -1), -1):
        sold = _sold(sales, each, sold_to)
        k, n = k + min(i64(reports[each % WEEKS]), sold), n + sold
        share = (whole - k + OWN_WEIGHT) / (before - n + OWN_WEIGHT / peers)
        found = evidence(k, n * share)
        if found > best:
            best, first, of_reports, of_sales, base = found, each, k, n, share
    return best, first, last, of_reports, of_sales, base


@njit_inner
def _sold(sales: Any, week: int, sold_to: int) -> int:
    return max(i64(sales[week % WEEKS]), 0) if week <= sold_to else i64(0)


@njit_inner
def _write_point(row: Any, block: Any, report: Report, master_data: Any, out: Any) -> float:
    """Write how reports gather at the merchant; what is to be expected of its peers."""
    mcc = i64(master_data.mccs[0]) if master_data.mcc_count > 0 else i64(0)
    present = 0 <= report.entry < 100 and not CARD_ABSENT[report.entry]
    peers, week = i64(_BASES[mcc, 0 if present else 1]) * _PPM, i64(row.rolled_day) // 7
    best, first, last, reports, sales, base = _rarest(block.reported_week, row.week_sales, week, week, peers)
    days, ahead = _on_days(block, 7 * first)
    # One stolen card makes many payments on one day: what such a day has more than any other proves nothing.
    out.point_evidence = min(best, evidence(reports - ahead, sales * base))
    out.point_form = POINT_MERCHANT
    out.point_reports = reports
    out.point_sales = sales
    out.point_days = days
    out.point_weeks = last - first + 1
    out.point_base_ppm = base / _PPM
    return peers


@njit_inner
def _write_terminal(row: Any, block: Any, k: int, held: Any, at: int, sold_to: int, peers: float, out: Any) -> None:
    """Write how reports gather at the terminal in place `k`, if they are rarer there than at the merchant."""
    week = i64(row.rolled_day) // 7
    best, first, last, reports, sales, base = _rarest(
        block.reported_terminal_week[k], held.terminal_weeks[at], week, sold_to, peers
    )  # fmt: skip
    _, ahead = _on_days(block, 7 * first)
    found = min(best, evidence(reports - ahead, sales * base))
    if found <= out.point_evidence:
        return
    days, latest = i64(0), i64(block.reported_terminal_day[k])
    for back in range(min(latest - 7 * first + 1, DAYS)):
        days += i64(block.reported_terminal_days[k] >> np.uint64(back) & _1)
    out.point_form = POINT_TERMINAL
    out.point_evidence = found
    out.point_reports = reports
    out.point_sales = sales
    out.point_days = min(days, reports)
    out.point_weeks = last - first + 1
    out.point_base_ppm = base / _PPM


@njit_inner
def report(
    row: Any, block: Any, few: Any, more: Any, report: Report, master_data: Any, reference: Any, out: Any
) -> None:
    """Count a report, or take one out; write what it says and where reports gather."""
    out.report_kind = report.kind
    if report.terminal_id != _0:
        out.report_terminal = i64(report.terminal_id)
    if report.kind == REPORT_RETRIEVAL:
        block.reported_retrievals = max(i64(block.reported_retrievals) + report.change, 0)
    block.reported_minor += report.reported * report.amount
    block.charged_back_minor += report.charged_back * report.amount
    out.reported_minor = block.reported_minor
    out.charged_back_minor = block.charged_back_minor
    out.retrievals = i64(block.reported_retrievals)
    if report.reported > 0:
        out.report_loss_minor = report.amount
    if report.reported == 0 or report.own_day < 0:
        return
    _roll(row, block)
    if report.own_day // 7 <= i64(row.rolled_day) // 7 - WEEKS:
        return
    k = _count(row, block, report)
    if report.reported <= 0:
        return
    peers = _write_point(row, block, report, master_data, out)
    if k < 0 or report.terminal_id == _0:
        return
    at, other = terminals.find(few, report.terminal_id), terminals.find(more, report.terminal_id)
    sold_to = i64(few.terminals_week)
    if at >= 0:
        _write_terminal(row, block, k, few, at, sold_to, peers, out)
    elif other >= 0:
        _write_terminal(row, block, k, more, other, sold_to, peers, out)

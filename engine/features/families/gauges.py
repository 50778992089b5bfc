"""How near a merchant is to what Visa and Mastercard hold it to: the counts of a calendar month, and how it will end.

Payments count in the month they were made, reports in that in which they came. Told at the end of each local day;
`docs/gauges.md` says what is counted and by which figures.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from domain import scheme_programmes as programmes
from domain.feature_codes import REPORT_CHARGEBACK, REPORT_FRAUD, REPORT_RETRIEVAL
from domain.timestamps import DAY_MS
from engine.decoding.columns import pack
from engine.features.blocks import Block
from engine.features.event import CARD_ABSENT, MASTERCARD, MISSING, ONLINE, REFUND, SALE, VISA, Closing, Event, Report
from engine.features.families import Column
from engine.features.families.daily import is_fault
from engine.features.money import converted
from engine.features.months import STARTS, month_of
from engine.jit import i64, njit_inner

MONTHS, RING = 3, 32
"""Months and days held; the third month and the spare days are for what comes before the day is closed."""
PACE_D, WINDOW_D, APPROVAL_D, BEFORE_D = 14, 30, 3, 28
"""Days by which a month is forecast; of the refunds; of the approval rate, and of the rate before it."""
_BEFORE_ATTEMPTS = 100
"""Attempts from which on the rate before means something."""
_VISA, _MASTERCARD, _VISA_FRAUD, _VISA_DISPUTES, _CHARGEBACKS, _FRAUD, _ONLINE, _SECURE, _TOLD = range(9)
"""Places in `gauge_month`: payments (of Visa those without the card), reports and chargebacks; e-commerce of
Mastercard, what of it is authenticated, and what says whether it is."""
_D_VISA, _D_VISA_ITEMS, _D_CHARGEBACKS, _D_ATTEMPTS, _D_APPROVED, _D_SALES, _D_REFUNDS = range(7)
"""Places in `gauge_day`: of Visa payments and items, the others of Mastercard without the card."""
_USD = pack("USD")
_PPM = 1_000_000
_MOST_SHARE = 10.0
_NET = np.zeros(100, np.bool_)
_NET[[*ONLINE]] = True
_SECURED = (1, 2, 5, 6)
"""ECI of an authenticated payment: Mastercard's 01, 02, Visa's 06, 05."""
_FIRST_DAY = np.array([(each.since - date(1970, 1, 1)).days for each in programmes.PROGRAMMES], np.int64)
_OF = np.array([programmes.NAMES.index(each.name) for each in programmes.PROGRAMMES], np.int64)
_LIMITS = np.array(
    [[each.least_items, each.ratio_ppm, each.least_base, each.least_usd_minor] for each in programmes.PROGRAMMES],
    np.int64,
)
_ITEMS, _RATIO, _BASE, _USD_MINOR = range(4)
"""Places in `_LIMITS`."""
VAMP, ECM, HECM, EFM, APPROVAL, RETURNS = range(len(programmes.NAMES))
"""Bits of `gauge_breached`."""

BASE_D = 1
"""Days until what started anew on a merchant means something: whether a month was counted as a whole is known."""
FIELDS = ()
_FIELDS = (
    ("gauge_fraud_minor", np.int64, MONTHS),
    ("gauge_month", np.uint32, (MONTHS, 9)),
    ("gauge_of_month", np.int32, MONTHS),
    ("gauge_day", np.uint32, (RING, 7)),
    ("gauge_rolled_day", np.int32),
    ("gauge_since_day", np.int32),
)
BLOCKS = (Block("gauges", _FIELDS),)

_MONTH, _NONE = "calendar month", "no end of a day, or neither e-commerce nor a report of Visa or Mastercard yet"


def _count(name: str, unit: str, window: str, of: str, null: str = _NONE) -> Column:
    return Column(f"gauge_{name}", unit, window, of, null=null)


def _share(name: str, window: str, null: str = _NONE) -> Column:
    of = f"how much of what `{name}` asks for is reached: 1 is the limit, at most 10"
    return Column(f"gauge_{name}_share", "ratio", window, of, "float", null=null, error="relative 1e-9")


_WHOLE = f"{_NONE}, or the month before was not counted as a whole"
_EFM = f"{_WHOLE}, or nothing says what is authenticated, or there is no rate of the US dollar"
COLUMNS = (
    _count("visa_sales_1m", "transactions", _MONTH, "approved sales of Visa, card not present"),
    _count("visa_fraud_1m", "reports", _MONTH, "fraud reports of Visa"),
    _count("visa_disputes_1m", "reports", _MONTH, "chargebacks of Visa"),
    _count("mastercard_sales_1m", "transactions", _MONTH, "approved sales of Mastercard"),
    _count("mastercard_sales_before", "transactions", "the month before", "approved sales of Mastercard", _WHOLE),
    _count("mastercard_chargebacks_1m", "reports", _MONTH, "chargebacks of Mastercard"),
    _count("mastercard_fraud_1m", "reports", _MONTH, "those of them for fraud"),
    _count("mastercard_fraud_usd_1m", "minor units", _MONTH, "their amounts, US cents",
           f"{_NONE}, or there is no rate of the US dollar"),
    _count("mastercard_online_before", "transactions", "the month before", "approved e-commerce of Mastercard", _WHOLE),
    _count("mastercard_secure_before", "transactions", "the month before", "what of it was authenticated",
           f"{_WHOLE}, or nothing says so"),
    _count("attempts_3d", "transactions", "3 local days", "sale attempts of Mastercard, card not present, no faults"),
    _count("approved_3d", "transactions", "3 local days", "what of it was approved"),
    _count("sales_30d", "transactions", "30 local days", "approved sales of Mastercard, card not present"),
    _count("returns_30d", "transactions", "30 local days", "refunds of these, and chargebacks of Mastercard"),
    _count("vamp_limit_ppm", "parts per million", _MONTH, "the share in force", f"{_NONE}, or none is in force"),
    _count("breached", "code", _MONTH, "bits of the programmes breached: 1 VAMP, 2 ECM, 4 HECM, 8 EFM, 16 approval "
           "rate, 32 refunds"),
    _share("vamp", _MONTH, f"{_NONE}, or none is in force"),
    _share("ecm", _MONTH, _WHOLE),
    _share("hecm", _MONTH, _WHOLE),
    _share("efm", _MONTH, _EFM),
    _share("approval", "3 local days", f"{_NONE}, or none is in force"),
    _share("returns", "30 local days", f"{_NONE}, or none is in force, or the merchant is six months old"),
    *(
        _count(f"{name}_days", "days", _MONTH, f"until `{name}` is breached at the pace of 7 or 14 days; 0 where it is",
               f"{_NONE}, or it will not be in this month, or it cannot be told")
        for name in ("vamp", "ecm", "hecm", "efm")
    ),
)  # fmt: skip
CLOSES = tuple(column.name for column in COLUMNS)


@njit_inner
def _of_scheme(scheme: int) -> bool:
    return bool(scheme in (VISA, MASTERCARD))


@njit_inner
def _is_online(event: Event) -> bool:
    return event.eci >= 0 or (0 <= event.entry < 100 and _NET[event.entry])


@njit_inner
def gauges_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is a sale of Visa or Mastercard on the net, approved or not."""
    return event.role == SALE and _of_scheme(event.scheme) and _is_online(event)


@njit_inner
def gauges_reported(row: Any, report: Report) -> bool:
    """Whether it is a report of fraud or a chargeback of Visa or Mastercard."""
    return report.kind != REPORT_RETRIEVAL and _of_scheme(report.scheme)


@njit_inner
def _month(block: Any, month: int) -> int:
    """The place of a month, emptied if it held an earlier one; -1 where it holds a later one."""
    k = month % MONTHS
    if block.gauge_of_month[k] > month:
        return -1
    if block.gauge_of_month[k] < month:
        block.gauge_of_month[k] = month
        block.gauge_fraud_minor[k] = 0
        for each in range(9):
            block.gauge_month[k, each] = 0
    return i64(k)


@njit_inner
def _roll(block: Any, day: int) -> None:
    """Empty the days up to one; note the first."""
    was = i64(block.gauge_rolled_day)
    if block.gauge_since_day == 0:
        block.gauge_since_day = day
    for each in range(max(was + 1, day - RING + 1), day + 1):
        for k in range(7):
            block.gauge_day[each % RING, k] = 0
    block.gauge_rolled_day = max(was, day)


@njit_inner
def _in_month(block: Any, month: int, what: int, change: int) -> None:
    k = _month(block, month)
    if k >= 0:
        block.gauge_month[k, what] = max(i64(block.gauge_month[k, what]) + change, 0)


@njit_inner
def _on_day(block: Any, day: int, what: int, change: int) -> None:
    if i64(block.gauge_rolled_day) - day < RING:
        block.gauge_day[day % RING, what] = max(i64(block.gauge_day[day % RING, what]) + change, 0)


@njit_inner
def update(row: Any, block: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count a payment of Visa or Mastercard in its month and day."""
    if row.gauges_block == 0 or not _of_scheme(event.scheme) or event.role > REFUND:
        return
    _roll(block, event.now_day)
    absent = _is_online(event) or (0 <= event.entry < 100 and CARD_ABSENT[event.entry])
    sale, month = event.role == SALE and event.approved, month_of(event.day)
    if event.scheme == VISA:
        if sale and absent:
            _in_month(block, month, _VISA, 1)
            _on_day(block, event.day, _D_VISA, 1)
        return
    if sale:
        _in_month(block, month, _MASTERCARD, 1)
        if _is_online(event):
            _in_month(block, month, _ONLINE, 1)
            _in_month(block, month, _TOLD, i64(event.eci >= 0))
            _in_month(block, month, _SECURE, i64(event.eci in _SECURED))
    if event.role == REFUND and event.approved and (absent or event.entry < 0):
        _on_day(block, event.day, _D_REFUNDS, 1)
    if event.role == SALE and absent:
        if sale:
            _on_day(block, event.day, _D_SALES, 1)
        if not is_fault(event.response):  # which counts in no approval rate
            _on_day(block, event.day, _D_ATTEMPTS, 1)
            _on_day(block, event.day, _D_APPROVED, i64(sale))


@njit_inner
def report(row: Any, block: Any, report: Report, master_data: Any, reference: Any, out: Any) -> None:
    """Count a report in the month and on the day that it came, or take it out of these."""
    if not gauges_reported(row, report) or report.change == 0:
        return
    _roll(block, report.now_day)
    month = month_of(report.day)
    if report.scheme == VISA:
        if report.entry < 0 or (report.entry < 100 and CARD_ABSENT[report.entry]):
            what = _VISA_FRAUD if report.kind == REPORT_FRAUD else _VISA_DISPUTES
            _in_month(block, month, what, report.change)
            _on_day(block, report.day, _D_VISA_ITEMS, report.change)
    elif report.kind == REPORT_CHARGEBACK:
        _in_month(block, month, _CHARGEBACKS, report.change)
        _on_day(block, report.day, _D_CHARGEBACKS, report.change)
        if report.fraud:
            _in_month(block, month, _FRAUD, report.change)
            k = _month(block, month)
            if k >= 0:
                block.gauge_fraud_minor[k] += report.change * report.amount


@njit_inner
def _sum(block: Any, what: int, day: int, days: int, back: int) -> int:
    """What came on `days` days, the last of them `back` days before `day`; those that are not held count nought."""
    found = i64(0)
    for each in range(day - back - days + 1, day - back + 1):
        if i64(block.gauge_rolled_day) - RING < each <= i64(block.gauge_rolled_day):
            found += i64(block.gauge_day[each % RING, what])
    return found


@njit_inner
def _pace(block: Any, what: int, day: int) -> int:
    """What 14 days bring at the pace of the last 14, or of the last 7 where that is faster."""
    return max(_sum(block, what, day, PACE_D, 0), 2 * _sum(block, what, day, PACE_D // 2, 0))


@njit_inner
def _in_force(programme: int, day: int) -> int:
    """The place of the figures of a programme on a day, -1 before the first."""
    found = -1
    for k in range(len(_OF)):
        if _OF[k] == programme and _FIRST_DAY[k] <= day:
            found = k
    return found


@njit_inner
def _reached(k: int, items: int, base: int, minor: int) -> bool:
    """Whether a month reaches what a programme asks for, exactly."""
    limits = _LIMITS[k]
    enough = items >= limits[_ITEMS] and base >= limits[_BASE] and minor >= limits[_USD_MINOR]
    return bool(enough and items * _PPM >= base * limits[_RATIO])


@njit_inner
def _share_of(k: int, items: int, base: int, minor: int) -> float:
    """How much of what a programme asks for is reached: the least of its conditions."""
    limits = _LIMITS[k]
    if base == 0:
        return 0.0
    share = min(items / limits[_ITEMS], items / base * (_PPM / limits[_RATIO]), base / limits[_BASE])
    if limits[_USD_MINOR] > 0:
        share = min(share, minor / limits[_USD_MINOR])
    return float(min(share, _MOST_SHARE))


@njit_inner
def _forecast(
    k: int, items: int, base: int, minor: int, more_items: int, more_base: int, more_minor: int, days: int
) -> int:  # fmt: skip
    """The first of the month's `days` left at whose end a programme is breached, 0 where it is; null where none is.

    `more_…` are what 14 days bring.
    """
    for ahead in range(days + 1):
        reached = _reached(
            k, items + more_items * ahead // PACE_D, base + more_base * ahead // PACE_D,
            minor + more_minor * ahead // PACE_D,
        )  # fmt: skip
        if reached:
            return i64(ahead)
    return i64(MISSING)


@njit_inner
def _close_visa(block: Any, k: int, day: int, left: int, out: Any) -> int:
    """Write the month of Visa; the programmes breached."""
    sales, items = i64(block.gauge_month[k, _VISA]), i64(block.gauge_month[k, _VISA_FRAUD])
    out.gauge_visa_sales_1m = sales
    out.gauge_visa_fraud_1m = items
    out.gauge_visa_disputes_1m = i64(block.gauge_month[k, _VISA_DISPUTES])
    items += i64(block.gauge_month[k, _VISA_DISPUTES])
    at = _in_force(VAMP, day)
    if at < 0:
        return 0
    out.gauge_vamp_limit_ppm = _LIMITS[at, _RATIO]
    out.gauge_vamp_share = _share_of(at, items, sales, i64(0))
    more_items, more = _pace(block, _D_VISA_ITEMS, day), _sum(block, _D_VISA, day, PACE_D, 0)
    out.gauge_vamp_days = _forecast(at, items, sales, i64(0), more_items, more, i64(0), left)
    return i64(_reached(at, items, sales, i64(0))) << VAMP


@njit_inner
def _close_efm(row: Any, block: Any, k: int, before: int, day: int, left: int, pace: int, reference: Any,
               out: Any) -> int:  # fmt: skip
    """Write what Mastercard's fraud programme counts; whether it is breached."""
    fraud, usd = i64(block.gauge_month[k, _FRAUD]), block.gauge_fraud_minor[k]
    out.gauge_mastercard_fraud_1m = fraud
    if usd > 0:
        usd = converted(usd, i64(row.currency), _USD, reference)
    if usd != MISSING:
        out.gauge_mastercard_fraud_usd_1m = usd
    if before < 0:
        return 0
    online, secure = i64(block.gauge_month[before, _ONLINE]), i64(block.gauge_month[before, _SECURE])
    out.gauge_mastercard_online_before = online
    if block.gauge_month[before, _TOLD] == 0:
        return 0
    out.gauge_mastercard_secure_before = secure
    at = _in_force(EFM, day)
    if usd == MISSING:
        return 0
    if secure * _PPM >= online * programmes.EFM_SECURE_PPM:
        out.gauge_efm_share = 0.0
        return 0
    out.gauge_efm_share = _share_of(at, fraud, online, usd)
    charged_back = max(i64(block.gauge_month[k, _CHARGEBACKS]), 1)
    out.gauge_efm_days = _forecast(
        at, fraud, online, usd, pace * fraud // charged_back, i64(0), pace * usd // charged_back, left
    )  # fmt: skip
    return i64(_reached(at, fraud, online, usd)) << EFM


@njit_inner
def _close_mastercard(row: Any, block: Any, k: int, day: int, month: int, reference: Any, out: Any) -> int:
    """Write the month of Mastercard; the programmes breached."""
    sales, items = i64(block.gauge_month[k, _MASTERCARD]), i64(block.gauge_month[k, _CHARGEBACKS])
    out.gauge_mastercard_sales_1m = sales
    out.gauge_mastercard_chargebacks_1m = items
    left, pace = STARTS[month + 1] - 1 - day, _pace(block, _D_CHARGEBACKS, day)
    before = _month(block, month - 1) if block.gauge_since_day <= STARTS[month - 1] else -1
    breached = _close_efm(row, block, k, before, day, left, pace, reference, out)
    if before < 0:
        return breached
    base, none = i64(block.gauge_month[before, _MASTERCARD]), i64(0)
    out.gauge_mastercard_sales_before = base
    at = _in_force(ECM, day)
    out.gauge_ecm_share = _share_of(at, items, base, none)
    out.gauge_ecm_days = _forecast(at, items, base, none, pace, none, none, left)
    breached |= i64(_reached(at, items, base, none)) << ECM
    at = _in_force(HECM, day)
    out.gauge_hecm_share = _share_of(at, items, base, none)
    out.gauge_hecm_days = _forecast(at, items, base, none, pace, none, none, left)
    return breached | i64(_reached(at, items, base, none)) << HECM


@njit_inner
def _close_approval(block: Any, day: int, out: Any) -> int:
    """Write the approval rate of three days; whether it is below 30 % or 50 points below that of 28 days before."""
    attempts, approved = _sum(block, _D_ATTEMPTS, day, APPROVAL_D, 0), _sum(block, _D_APPROVED, day, APPROVAL_D, 0)
    out.gauge_attempts_3d = attempts
    out.gauge_approved_3d = approved
    at = _in_force(APPROVAL, day)
    if at < 0:
        return 0
    before = _sum(block, _D_ATTEMPTS, day, BEFORE_D, APPROVAL_D)
    approved_before = _sum(block, _D_APPROVED, day, BEFORE_D, APPROVAL_D)
    least, limit = _LIMITS[at, _ITEMS], _LIMITS[at, _RATIO]
    low, fallen, share = approved * _PPM < attempts * limit, False, 0.0
    if attempts > 0:
        share = min(attempts * limit / max(approved * _PPM, 1), _MOST_SHARE)
    if before >= _BEFORE_ATTEMPTS and attempts > 0:
        fall = approved_before * attempts - approved * before
        fallen = fall * _PPM >= before * attempts * programmes.APPROVAL_DROP_PPM
        share = max(share, fall / (before * attempts) * (_PPM / programmes.APPROVAL_DROP_PPM))
    out.gauge_approval_share = min(attempts / least, share)
    return i64(attempts >= least and (low or fallen)) << APPROVAL


@njit_inner
def _close_returns(row: Any, block: Any, closing: Closing, out: Any) -> int:
    """Write refunds and chargebacks of 30 days; whether a new merchant has too many."""
    day = closing.day
    sales = _sum(block, _D_SALES, day, WINDOW_D, 0)
    returns = _sum(block, _D_REFUNDS, day, WINDOW_D, 0) + _sum(block, _D_CHARGEBACKS, day, WINDOW_D, 0)
    out.gauge_sales_30d = sales
    out.gauge_returns_30d = returns
    at = _in_force(RETURNS, day)
    if at < 0 or closing.time_ms - row.first_ms >= programmes.RETURNS_AGE_D * DAY_MS:
        return 0
    out.gauge_returns_share = _share_of(at, returns, sales, i64(0))
    above = returns * _PPM > sales * _LIMITS[at, _RATIO]
    return i64(above and sales >= _LIMITS[at, _BASE]) << RETURNS


@njit_inner
def close(row: Any, block: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Write how far the month of the day that ended has come."""
    if block.gauge_since_day == 0 or block.gauge_since_day > closing.day:
        return
    month = month_of(closing.day)
    _roll(block, closing.day)
    k = _month(block, month)
    if k < 0:
        return
    left = STARTS[month + 1] - 1 - closing.day
    breached = _close_visa(block, k, closing.day, left, out)
    breached |= _close_mastercard(row, block, k, closing.day, month, reference, out)
    breached |= _close_approval(block, closing.day, out)
    out.gauge_breached = breached | _close_returns(row, block, closing, out)

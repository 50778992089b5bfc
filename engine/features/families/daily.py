"""What a local day came to beside its sales: refunds, declines, ways of entry, MCCs and fees, as its closing tells it.

Two days are open at a time, for a day is closed hours after it ended. A transaction that comes after its day was
closed is in no day; `docs/events.md` says how late one may be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.events import CARD_KINDS
from engine.checkpoint.fitting import Moved
from engine.decoding.columns import pack
from engine.features.event import (
    CHIP,
    CODE,
    CONTACTLESS,
    KEYED,
    MISSING,
    REFUND,
    SALE,
    STRIPE,
    Closing,
    Event,
    Undone,
)
from engine.features.families import Column
from engine.jit import i64, njit_inner

MCCS = 3
"""MCCs held of a day, the first that come: what is sold under a fourth is among the day's sales alone."""
_REFUNDS, _UNDONE, _DECLINED, _FEE, _FEE_JUDGED, _FEE_DUE = range(6)
"""Places in `daily_minor`; the first three in `daily_count`, too."""
_CREDIT, _CHIP, _STRIPE, _CONTACTLESS, _CODE, _KEYED = range(3, 9)
"""Places in `daily_count`."""
_ENTRIES = np.full(100, -1, np.int8)
for _entries, _at in ((CHIP, _CHIP), (STRIPE, _STRIPE), (CONTACTLESS, _CONTACTLESS), (CODE, _CODE), (KEYED, _KEYED)):
    _ENTRIES[list(_entries)] = _at
_TECHNICAL = np.array([pack("91"), pack("96"), pack("98")])
"""Issuer or switch inoperative, system malfunction, no answer in time."""
_CREDIT_KINDS = np.array([kind in {"credit", "semi_credit"} for kind in CARD_KINDS])

BASE_D = 1
"""Days until what started anew on a merchant means something: it tells of one day."""
FIELDS = (
    ("daily_minor", np.int64, (2, 6)),
    ("daily_count", np.uint32, (2, 9)),
    ("daily_mcc_sales", np.uint32, (2, MCCS)),
    ("daily_day", np.uint16, 2),
    ("daily_technical", np.uint16, 2),
    ("daily_mcc", np.int16, (2, MCCS)),
)
MOVED = {"daily_day": Moved("daily_day", lambda held: held.astype(np.uint16))}

_CLOSING, _DAY = "no end of a day", "the local day that ended"


def _column(name: str, unit: str, of: str, null: str = _CLOSING) -> Column:
    return Column(f"closed_{name}", unit, _DAY, of, null=null)


COLUMNS = (
    _column("refunds", "transactions", "approved refunds"),
    _column("refunds_minor", "minor units", "approved refunds"),
    _column("undone", "transactions", "sales of which a void or reversal of that day left nothing"),
    _column("undone_minor", "minor units", "what voids and reversals of that day took out of sales"),
    _column("declined", "transactions", "sale attempts that were declined"),
    _column("declined_minor", "minor units", "sale attempts that were declined"),
    _column("technical", "transactions", "sale attempts that failed technically (response codes 91, 96, 98)"),
    _column("credit", "transactions", "approved sales on credit or semi-credit cards"),
    _column("chip", "transactions", "approved sales by chip (entry modes 05, 95)"),
    _column("stripe", "transactions", "approved sales by magnetic stripe (entry modes 02, 90)"),
    _column("contactless", "transactions", "approved sales without contact (entry modes 07, 91, 98)"),
    _column("code", "transactions", "approved sales by code (entry modes 03, 04, 94)"),
    _column("keyed", "transactions", "approved sales keyed in (entry mode 01)"),
    _column("fee_minor", "minor units", "fees of the day's payments"),
    _column("fee_judged_minor", "minor units", "fees of those payments whose due fee is known"),
    _column("fee_due_minor", "minor units", "what was due for these"),
    *(
        each
        for k in range(1, MCCS + 1)
        for each in (
            _column(f"mcc_{k}", "MCC", f"number {k} of the MCCs presented", f"{_CLOSING}, or there are fewer"),
            _column(f"mcc_{k}_sales", "transactions", "approved sales under it", f"{_CLOSING}, or there are fewer"),
        )
    ),
)
CLOSES = tuple(column.name for column in COLUMNS)


@njit_inner
def is_fault(response: int) -> bool:
    """Whether an answer tells of a system's fault: it is nobody's decision."""
    return bool(response == _TECHNICAL[0] or response == _TECHNICAL[1] or response == _TECHNICAL[2])


@njit_inner
def is_technical(event: Event) -> bool:
    """Whether it was declined by a system, not by anybody's decision."""
    return not event.approved and is_fault(event.response)


@njit_inner
def _place(row: Any, day: int) -> int:
    """The place of a local day, emptied if it held an earlier one; -1 where it holds a later one."""
    k = day & 1
    if i64(row.daily_day[k]) > day:
        return -1
    if i64(row.daily_day[k]) < day:
        row.daily_day[k] = day
        row.daily_technical[k] = 0
        for each in range(6):
            row.daily_minor[k, each] = 0
        for each in range(9):
            row.daily_count[k, each] = np.uint32(0)
        for each in range(MCCS):
            row.daily_mcc[k, each] = 0
            row.daily_mcc_sales[k, each] = np.uint32(0)
    return k


@njit_inner
def judged_fee(event: Event, out: Any) -> tuple[int, int]:
    """What a payment with a fee adds to the fees whose due fee is known, and to what was due for these; minor units.

    What was due is what the family `fees` has just written.
    """
    if event.due != MISSING and event.told != MISSING:  # what was due was counted with the transaction
        return event.fee - event.told, i64(0)
    if out.fee_due != MISSING:
        return i64(event.fee), i64(out.fee_due)
    return i64(0), i64(0)


@njit_inner
def _fee(row: Any, k: int, event: Event, out: Any) -> None:
    """Add a payment's fee, and what the family `fees` has just found to be due for it."""
    if event.fee == MISSING:
        return
    row.daily_minor[k, _FEE] += event.fee if event.told == MISSING else event.fee - event.told
    charged, due = judged_fee(event, out)
    row.daily_minor[k, _FEE_JUDGED] += charged
    row.daily_minor[k, _FEE_DUE] += due


@njit_inner
def _sale(row: Any, k: int, event: Event) -> None:
    """Count an approved sale by card, way of entry and MCC."""
    one = np.uint32(1)
    if event.card_kind != MISSING and _CREDIT_KINDS[event.card_kind]:
        row.daily_count[k, _CREDIT] += one
    if 0 <= event.entry < 100 and _ENTRIES[event.entry] >= 0:
        row.daily_count[k, _ENTRIES[event.entry]] += one
    if event.mcc < 0:
        return
    for each in range(MCCS):
        if row.daily_mcc_sales[k, each] == 0:
            row.daily_mcc[k, each] = event.mcc
        if row.daily_mcc[k, each] == event.mcc:
            row.daily_mcc_sales[k, each] += one
            return


@njit_inner
def update(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count the transaction in its day."""
    if event.role > REFUND:
        return
    k = _place(row, event.day)
    if k < 0:
        return
    if event.approved and event.role == SALE:
        _sale(row, k, event)
        _fee(row, k, event, out)
        return
    what = _REFUNDS if event.approved else _DECLINED
    if event.approved or event.role == SALE:
        row.daily_count[k, what] += np.uint32(1)
        row.daily_minor[k, what] += event.amount
    if event.role == SALE and is_technical(event):
        row.daily_technical[k] = min(i64(row.daily_technical[k]) + 1, 65_535)


@njit_inner
def settle(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Add a settlement's fee to the day of its payment."""
    k = _place(row, event.day)
    if k >= 0:
        _fee(row, k, event, out)


@njit_inner
def undo(row: Any, undone: Undone) -> None:
    """Count what was taken out of sales on the day that it was."""
    if undone.role != SALE:
        return
    k = _place(row, undone.now_day)
    if k >= 0:
        row.daily_count[k, _UNDONE] += np.uint32(undone.tickets)
        row.daily_minor[k, _UNDONE] += undone.amount


@njit_inner
def _write_mccs(row: Any, k: int, out: Any) -> None:
    if row.daily_mcc_sales[k, 0]:
        out.closed_mcc_1 = i64(row.daily_mcc[k, 0])
        out.closed_mcc_1_sales = i64(row.daily_mcc_sales[k, 0])
    if row.daily_mcc_sales[k, 1]:
        out.closed_mcc_2 = i64(row.daily_mcc[k, 1])
        out.closed_mcc_2_sales = i64(row.daily_mcc_sales[k, 1])
    if row.daily_mcc_sales[k, 2]:
        out.closed_mcc_3 = i64(row.daily_mcc[k, 2])
        out.closed_mcc_3_sales = i64(row.daily_mcc_sales[k, 2])


@njit_inner
def close(row: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Write what the day came to; zeros where nothing came."""
    k = _place(row, closing.day)
    if k < 0:
        return
    out.closed_refunds = i64(row.daily_count[k, _REFUNDS])
    out.closed_refunds_minor = row.daily_minor[k, _REFUNDS]
    out.closed_undone = i64(row.daily_count[k, _UNDONE])
    out.closed_undone_minor = row.daily_minor[k, _UNDONE]
    out.closed_declined = i64(row.daily_count[k, _DECLINED])
    out.closed_declined_minor = row.daily_minor[k, _DECLINED]
    out.closed_technical = i64(row.daily_technical[k])
    out.closed_credit = i64(row.daily_count[k, _CREDIT])
    out.closed_chip = i64(row.daily_count[k, _CHIP])
    out.closed_stripe = i64(row.daily_count[k, _STRIPE])
    out.closed_contactless = i64(row.daily_count[k, _CONTACTLESS])
    out.closed_code = i64(row.daily_count[k, _CODE])
    out.closed_keyed = i64(row.daily_count[k, _KEYED])
    out.closed_fee_minor = row.daily_minor[k, _FEE]
    out.closed_fee_judged_minor = row.daily_minor[k, _FEE_JUDGED]
    out.closed_fee_due_minor = row.daily_minor[k, _FEE_DUE]
    _write_mccs(row, k, out)

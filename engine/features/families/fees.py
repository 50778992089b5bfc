"""What a merchant was charged for a payment, against its contract, or without one against its own history.

A fee comes with an approved sale or with a settlement, and both are judged the same way. Where the contract in force
at the payment's time has a price for it, the due fee is exact. Else it is learned: a fee is round(rate x amount) +
fixed, so a few payments give the tariff away to the minor unit, and every further one either fits or does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.feature_codes import FEE_BY_CONTRACT
from domain.timestamps import DAY_MS
from engine.features.blocks import Block
from engine.features.event import MISSING, REFUND, SALE, Event, Revision, Undone
from engine.features.families import Column
from engine.features.families.mcc import price_e7, regime_of
from engine.features.fees_off import OFF_FIELDS, OFF_KEPT, count_off, taken, turn_off
from engine.features.months import MONTH_FIELDS, add_sale, month_so_far, take_out
from engine.features.tariffs import MOST_MINOR, ROUNDING_MINOR, TARIFF_FIELDS, TARIFFS_MOVED, learn
from engine.jit import i64, njit_inner

ROUNDING_PPM = 200
"""A difference of at most this part of the amount, 2 basis points, may be another host's rounding of the rate."""
_MOST_E7 = 4 * 10**18

BASE_D = 28
"""Days until what started anew on a merchant means something: its longest half-life."""
_KEPT = (
    ("fees_charged", np.int64),
    ("fees_priced", np.int64),
    ("fees_due", np.int64),
    ("fees_interchange_e7", np.int64),
)
FIELDS = ()
_FIELDS = (
    ("fee_judged", np.float64),
    ("fee_day", np.int32),
    ("fee_day_judged", np.uint32),
)
BLOCKS = (
    Block("fees", _FIELDS, _KEPT),
    Block("fees_off", OFF_FIELDS, OFF_KEPT, late=True, was_in="fees"),
    Block("tariffs", TARIFF_FIELDS, moved=TARIFFS_MOVED),
    Block("months", MONTH_FIELDS),
)

_NO_FEE = "neither an approved sale nor a settlement, or no fee in it"
_NOT_JUDGED = "nothing says what was due"
_NOT_LEARNED = "not held against a learned tariff"
_FITS_NONE = "it fits no dearer or cheaper tariff"
_NO_REVISION = "no version of a contract"

COLUMNS = (
    Column("fee_charged", "minor units", "payment", "this payment; below 0 where it was paid back", null=_NO_FEE),
    Column("fee_rate_ppm", "parts per million", "payment", "the fee charged, per amount", null=f"{_NO_FEE}; amount 0"),
    Column("fee_basis", "code", "payment", "1 due by contract, 2 by a learned tariff, 3 by a rough rate, 0 unknown"),
    Column("fee_due", "minor units", "payment", "what was due", null=_NOT_JUDGED),
    Column("fee_over", "minor units", "payment", "the fee charged less that due", null=_NOT_JUDGED),
    Column("fee_due_ppm", "parts per million", "payment", "the rate of the price due", null=_NOT_JUDGED),
    Column("fee_due_fixed", "minor units", "payment", "the fixed part of the learned tariff due", null=_NOT_LEARNED),
    Column("fee_rounding", "minor units", "payment", "a difference of at most this may be another host's rounding",
           null=_NOT_JUDGED),
    Column("fee_new_ppm", "parts per million", "payment", "the rate of the dearer or cheaper tariff that it fits",
           null=_FITS_NONE),
    Column("fee_new_fixed", "minor units", "payment", "the fixed part of that tariff", null=_FITS_NONE),
    Column("fee_dearer_run", "payments", "history",
           "up 1 for each dearer than the tariff or rate due, down 3 (1 where small) for each other; at most 250",
           null=_NOT_LEARNED),
    Column("fee_cheaper_run", "payments", "history",
           "the same of those cheaper than the tariff or rate due", null=_NOT_LEARNED),
    Column("fee_over_1d", "minor units", "the fee day", "what was charged above what was due", null=_NO_FEE),
    Column("fee_over_count_1d", "payments", "the fee day", "payments charged above what was due", null=_NO_FEE),
    Column("fee_under_1d", "minor units", "the fee day", "what was charged below what was due", null=_NO_FEE),
    Column("fee_under_count_1d", "payments", "the fee day", "payments charged below what was due", null=_NO_FEE),
    Column("fee_judged_1d", "payments", "the fee day", "payments whose due fee is known", null=_NO_FEE),
    Column("fee_over_4w", "minor units", "4 local weeks, from Thursday", "what was charged above what was due",
           null=_NO_FEE),
    Column("fee_under_4w", "minor units", "4 local weeks, from Thursday", "what was charged below what was due",
           null=_NO_FEE),
    Column("fee_small_28d", "minor units", "half-life 28 fee days",
           "small differences from what a contract says, those below taken off", "float", null=_NO_FEE,
           error="relative 1e-9"),
    Column("fee_small_score", "ratio", "half-life 28 fee days", "that sum per root of the sum of their squares",
           "float", null=f"{_NO_FEE}; there were none", error="relative 1e-9"),
    Column("fee_over_share_28d", "share", "half-life 28 fee days",
           "payments charged above what was due, per payment whose due fee is known", "float",
           null=f"{_NO_FEE}; nothing was judged", error="relative 1e-9"),
    Column("fees_charged_minor", "minor units", "lifetime", "fees of payments and refunds, those paid back taken off"),
    Column("fees_priced_minor", "minor units", "lifetime", "fees of payments that a contract prices"),
    Column("fees_due_minor", "minor units", "lifetime", "what these payments should have been charged"),
    Column("fees_over_minor", "minor units", "lifetime", "what of them was charged above what was due"),
    Column("fees_under_minor", "minor units", "lifetime", "what of them was charged below what was due"),
    Column("fees_interchange_e7", "1e-7 minor units", "lifetime",
           "regulated cost of payments with a fee, where known"),
    Column("contract_rise_ppm", "parts per million", "revision",
           "the most that this version is dearer than the one before, relative", null=f"{_NO_REVISION}, or the first"),
    Column("contract_notice_d", "days", "revision", "whole days from the notice to its effect",
           null=f"{_NO_REVISION}, or nobody was told"),
    Column("contract_lead_d", "days", "revision", "whole days from its receipt to its effect; below 0: back-dated",
           null=_NO_REVISION),
)  # fmt: skip
NEVER_SALES = ("contract_rise_ppm", "contract_notice_d", "contract_lead_d")


@njit_inner
def fees_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale or refund, or a settlement, with a fee."""
    return event.approved and event.role <= REFUND and event.fee != MISSING


@njit_inner
def _is_learned_from(event: Event) -> bool:
    """Whether a tariff may be learned from a payment with a fee: no contract says what was due."""
    unpriced = event.due == MISSING and event.due_ppm == MISSING
    return unpriced and 0 < event.amount <= MOST_MINOR and 0 <= event.fee <= event.amount


@njit_inner
def tariffs_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale, or a settlement, whose fee a tariff may be learned from."""
    return event.approved and event.role == SALE and event.fee != MISSING and _is_learned_from(event)


@njit_inner
def months_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale, or a settlement, of a merchant with a price that goes by the month's sales."""
    return bool(row.month_prices != 0 and event.approved and event.role == SALE)


@njit_inner
def months_settled(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """The same of a settlement: it counts where the merchant's transactions do not come."""
    return bool(row.month_prices != 0 and row.started == 0)


@njit_inner
def month(row: Any, sums: Any, off: Any, tariffs: Any, months: Any, day: int, was_ms: int) -> tuple[int, int, bool]:
    """What a day's month came to before the day, with what is known of the day, and whether that is all of it.

    Args:
        row: the merchant's row.
        sums: its block of fees.
        off: the kind of block of fees that are off.
        tariffs: its block of tariffs.
        months: its block of months.
        day: the local day.
        was_ms: the merchant's clock before this record, -1 before its first.
    """
    if months.month_day == 0:
        return i64(0), i64(0), was_ms < 0 and sums.fee_day == 0
    return month_so_far(months, day)


@njit_inner
def _interchange_e7(reference: Any, master_data: Any, event: Event) -> int:
    """What issuer and network get for a payment under the merchant's first registered MCC, or else the presented
    one; 0 where no regulated price is known.
    """
    mcc = i64(master_data.mccs[0]) if master_data.mcc_count > 0 else event.mcc
    if mcc < 0:
        return 0
    found = price_e7(reference, regime_of(reference, event), i64(reference.mcc_class[mcc]), event)
    return 0 if found == MISSING else found


@njit_inner
def _is_jumped(event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it went under a cheaper class than any that the merchant is registered for: a low fee is part of that."""
    if master_data.mcc_count == 0:
        return False
    cheapest, used = 0, event.fee_class
    for k in range(master_data.mcc_count):
        cheapest = max(cheapest, i64(reference.mcc_class[i64(master_data.mccs[k])]))
    if event.mcc >= 0:
        used = max(used, i64(reference.mcc_class[event.mcc]))
    return used > cheapest


@njit_inner
def _turn(row: Any, sums: Any, off: Any, day: int) -> None:
    """Move the fee day on to `day`: empty its counts and decay the shares. Nothing for an earlier day."""
    was = i64(sums.fee_day)
    if day <= was:
        return
    factor = np.exp2((was - day) / 28.0)
    sums.fee_judged *= factor
    sums.fee_day_judged = np.uint32(0)
    sums.fee_day = day
    if row.fees_off_block != 0:
        turn_off(taken(row, off), was, day, factor)


@njit_inner
def rounding_of(amount: int) -> int:
    """What may be another host's rounding of a payment's fee, minor units: 1, or 2 basis points of the amount, up."""
    return max(ROUNDING_MINOR, (amount * ROUNDING_PPM + 999_999) // 1_000_000)


@njit_inner
def _count(row: Any, sums: Any, off: Any, event: Event, sign: int, difference: int) -> None:
    """Count a judged payment, or with `sign` -1 take it back, and add up by how much its fee is off what was due."""
    late = max(0, i64(sums.fee_day) - event.day)
    weight = sign * np.exp2(-late / 28.0)
    sums.fee_judged += weight
    if late == 0:
        sums.fee_day_judged += np.uint32(sign)
    if abs(difference) > ROUNDING_MINOR:
        priced = event.due != MISSING
        rounding = rounding_of(event.amount) if priced else ROUNDING_MINOR
        count_off(taken(row, off), i64(sums.fee_day), event.day, sign, weight, difference, rounding, priced)


@njit_inner
def _by_contract(row: Any, sums: Any, off: Any, event: Event, out: Any) -> None:
    """Hold a fee against the one due by contract. One that a transaction told already is held against that, too: only
    what the settlement adds to it, or takes off it, is told.
    """
    due, told = event.due, event.told
    if told == event.fee and not event.is_part:
        return
    _count(row, sums, off, event, 1, event.fee - due)
    if told == MISSING:
        sums.fees_due += due
    elif not event.is_part:
        _count(row, sums, off, event, -1, told - due)
        due = max(due, told) if event.fee > told else min(due, told)
    out.fee_basis, out.fee_due, out.fee_over = FEE_BY_CONTRACT, due, event.fee - due
    out.fee_due_ppm, out.fee_rounding = event.due_ppm, rounding_of(event.amount)


@njit_inner
def _by_history(row: Any, sums: Any, off: Any, tariffs: Any, event: Event, out: Any) -> None:
    """Hold a fee against the merchant's own history, and learn from it."""
    side = learn(tariffs, i64(sums.fee_day), event, out)
    if out.fee_basis == 0:
        return
    out.fee_rounding = ROUNDING_MINOR  # the host's own rounding is in what was learned
    _count(row, sums, off, event, 1, out.fee_over if side else 0)


@njit_inner
def _take(
    row: Any, sums: Any, off: Any, tariffs: Any, event: Event, of_history: bool, master_data: Any, reference: Any,
    out: Any,
) -> None:  # fmt: skip
    """Judge a payment that carries a fee, and add it to the sums; `of_history`: it may be held against history."""
    out.fee_charged = event.fee
    if event.amount > 0:
        out.fee_rate_ppm = i64(np.floor(event.fee * 1e6 / event.amount + 0.5))
    more = event.fee if event.told == MISSING else event.fee - event.told
    sums.fees_charged += more
    if event.fee >= 0:
        _turn(row, sums, off, event.day)
        if event.told == MISSING:
            cost = _interchange_e7(reference, master_data, event)
            sums.fees_interchange_e7 = min(sums.fees_interchange_e7 + cost, _MOST_E7)
        if event.due != MISSING:
            if event.fee >= event.due or not _is_jumped(event, master_data, reference):
                sums.fees_priced += more
                _by_contract(row, sums, off, event, out)
        elif _is_learned_from(event) and of_history and not _is_jumped(event, master_data, reference):
            _by_history(row, sums, off, tariffs, event, out)
    out.fee_judged_1d = i64(sums.fee_day_judged)
    _tell_off(off.record[i64(row.fees_off_block)], sums.fee_judged, out)


@njit_inner
def _tell_off(off: Any, judged: float, out: Any) -> None:
    """Write what fees that are off came to; `judged`: payments whose due fee is known, decayed."""
    out.fee_over_1d, out.fee_under_1d = off.fee_day_over, off.fee_day_under
    out.fee_over_count_1d, out.fee_under_count_1d = i64(off.fee_day_dearer), i64(off.fee_day_cheaper)
    out.fee_over_4w = off.fee_week_over[0] + off.fee_week_over[1] + off.fee_week_over[2] + off.fee_week_over[3]
    out.fee_under_4w = off.fee_week_under[0] + off.fee_week_under[1] + off.fee_week_under[2] + off.fee_week_under[3]
    out.fee_over_share_28d = off.fee_dearer / judged if judged > 0 else np.nan
    out.fee_small_28d = off.fee_small
    squares = off.fee_small_squares
    out.fee_small_score = off.fee_small / np.sqrt(squares) if squares > 0 else np.nan


@njit_inner
def _ledger(row: Any, sums: Any, off: Any, out: Any) -> None:
    out.fees_charged_minor = sums.fees_charged
    out.fees_priced_minor = sums.fees_priced
    out.fees_due_minor = sums.fees_due
    held = off.record[i64(row.fees_off_block)]
    out.fees_over_minor, out.fees_under_minor = held.fees_over, held.fees_under
    out.fees_interchange_e7 = sums.fees_interchange_e7


@njit_inner
def _count_month(row: Any, sums: Any, months: Any, event: Event) -> None:
    """Add an approved sale to its month."""
    add_sale(months, event.day, event.amount, 0 if event.was_ms < 0 and sums.fee_day == 0 else event.day + 1)


@njit_inner
def update(
    row: Any, sums: Any, off: Any, tariffs: Any, months: Any, event: Event, master_data: Any, reference: Any,
    out: Any,
) -> None:  # fmt: skip
    """Compare an approved sale's fee with the fee due; write the fee features and the ledger's sums."""
    out.fee_charged = out.fee_rate_ppm = out.fee_due = out.fee_over = out.fee_due_ppm = out.fee_due_fixed = MISSING
    out.fee_new_ppm = out.fee_new_fixed = out.fee_dearer_run = out.fee_over_1d = out.fee_over_count_1d = MISSING
    out.fee_rounding = out.fee_cheaper_run = out.fee_under_1d = out.fee_under_count_1d = out.fee_under_4w = MISSING
    out.fee_judged_1d = out.fee_over_4w = MISSING
    out.fee_over_share_28d = out.fee_small_28d = out.fee_small_score = np.nan
    out.fee_basis = 0
    if months_needed(row, event, master_data, reference):
        _count_month(row, sums, months, event)
    if event.approved and event.fee != MISSING:
        if event.role == SALE:
            # History is of settlements alone where those tell fees, too.
            _take(row, sums, off, tariffs, event, row.fee_known_s == 0, master_data, reference, out)
        elif event.role == REFUND:
            sums.fees_charged += event.fee
    _ledger(row, sums, off, out)


@njit_inner
def settle(
    row: Any, sums: Any, off: Any, tariffs: Any, months: Any, event: Event, master_data: Any, reference: Any,
    out: Any,
) -> None:  # fmt: skip
    """Compare a settlement's fee with the fee due; write the fee features and the ledger's sums."""
    out.fee_basis = 0
    if months_settled(row, event, master_data, reference):
        _count_month(row, sums, months, event)
    if event.fee != MISSING:
        _take(row, sums, off, tariffs, event, row.fee_known_s != 0, master_data, reference, out)
    _ledger(row, sums, off, out)


@njit_inner
def undo(row: Any, sums: Any, off: Any, tariffs: Any, months: Any, undone: Undone) -> None:
    """Take a sale that is undone, or a part of it, out of its month."""
    if row.month_prices != 0 and row.months_block != 0 and undone.role == SALE:
        take_out(months, undone)


@njit_inner
def revise(
    row: Any, sums: Any, off: Any, tariffs: Any, months: Any, revision: Revision, reference: Any, out: Any
) -> None:
    """Write how much dearer the contract version is, and the days of notice and of lead."""
    out.contract_rise_ppm = revision.rise_ppm
    if revision.notice_ms != MISSING:
        out.contract_notice_d = (revision.effective_ms - revision.notice_ms) // DAY_MS
    out.contract_lead_d = (revision.effective_ms - revision.time_ms) // DAY_MS

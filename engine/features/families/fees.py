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
from engine.features.event import MISSING, REFUND, SALE, Event, Revision
from engine.features.families import Column
from engine.features.families.mcc import price_e7, regime_of
from engine.features.tariffs import MOST_MINOR, ROUNDING_MINOR, TARIFF_FIELDS, learn
from engine.jit import i64, njit_inner

WEEKS = 4
_MOST_E7 = 4 * 10**18

BASE_D = 28
"""Days until what started anew on a merchant means something: its longest half-life."""
_KEPT = (
    ("fees_charged", np.int64),
    ("fees_priced", np.int64),
    ("fees_due", np.int64),
    ("fees_over", np.int64),
    ("fees_interchange_e7", np.int64),
)
FIELDS = ()
_FIELDS = (
    ("fee_week_over", np.int64, WEEKS),
    ("fee_day_over", np.int64),
    ("fee_judged", np.float64),
    ("fee_dearer", np.float64),
    ("fee_day", np.int32),
    ("fee_day_judged", np.uint32),
    ("fee_day_dearer", np.uint32),
)
BLOCKS = (Block("fees", _FIELDS, _KEPT), Block("tariffs", TARIFF_FIELDS))

_NO_FEE = "neither an approved sale nor a settlement, or no fee in it"
_NOT_JUDGED = "nothing says what was due"
_NOT_LEARNED = "not held against a learned tariff"
_NO_REVISION = "no version of a contract"

COLUMNS = (
    Column("fee_charged", "minor units", "payment", "this payment; below 0 where it was paid back", null=_NO_FEE),
    Column("fee_rate_ppm", "parts per million", "payment", "the fee charged, per amount", null=f"{_NO_FEE}; amount 0"),
    Column("fee_basis", "code", "payment", "1 due by contract, 2 by a learned tariff, 3 by a rough rate, 0 unknown"),
    Column("fee_due", "minor units", "payment", "what was due", null=_NOT_JUDGED),
    Column("fee_over", "minor units", "payment", "the fee charged less that due", null=_NOT_JUDGED),
    Column("fee_due_ppm", "parts per million", "payment", "the rate of the price due", null=_NOT_JUDGED),
    Column("fee_due_fixed", "minor units", "payment", "the fixed part of the learned tariff due", null=_NOT_LEARNED),
    Column("fee_new_ppm", "parts per million", "payment", "the rate of the dearer tariff that it fits",
           null="it fits no dearer tariff"),
    Column("fee_new_fixed", "minor units", "payment", "the fixed part of that tariff", null="it fits no dearer tariff"),
    Column("fee_dearer_run", "payments", "history",
           "up 1 for each dearer than the tariff or rate due, down 3 (1 where small) for each other; at most 250",
           null=_NOT_LEARNED),
    Column("fee_over_1d", "minor units", "the fee day", "what was charged above what was due", null=_NO_FEE),
    Column("fee_over_count_1d", "payments", "the fee day", "payments charged above what was due", null=_NO_FEE),
    Column("fee_judged_1d", "payments", "the fee day", "payments whose due fee is known", null=_NO_FEE),
    Column("fee_over_4w", "minor units", "4 local weeks, from Thursday", "what was charged above what was due",
           null=_NO_FEE),
    Column("fee_over_share_28d", "share", "half-life 28 fee days",
           "payments charged above what was due, per payment whose due fee is known", "float",
           null=f"{_NO_FEE}; nothing was judged", error="relative 1e-9"),
    Column("fees_charged_minor", "minor units", "lifetime", "fees of payments and refunds, those paid back taken off"),
    Column("fees_priced_minor", "minor units", "lifetime", "fees of payments that a contract prices"),
    Column("fees_due_minor", "minor units", "lifetime", "what these payments should have been charged"),
    Column("fees_over_minor", "minor units", "lifetime", "what of them was charged above what was due"),
    Column("fees_interchange_e7", "1e-7 minor units", "lifetime",
           "regulated cost of payments with a fee, where known"),
    Column("contract_rise_ppm", "parts per million", "revision",
           "the most that this version is dearer than the one before, relative", null=f"{_NO_REVISION}, or the first"),
    Column("contract_notice_d", "days", "revision", "whole days from the notice to its effect",
           null=f"{_NO_REVISION}, or nobody was told"),
    Column("contract_lead_d", "days", "revision", "whole days from its receipt to its effect; below 0: back-dated",
           null=_NO_REVISION),
)  # fmt: skip


@njit_inner
def fees_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale or refund, or a settlement, with a fee."""
    return event.approved and event.role <= REFUND and event.fee != MISSING


@njit_inner
def _is_learned_from(event: Event) -> bool:
    """Whether a tariff may be learned from a payment with a fee: no contract says what was due."""
    return event.due == MISSING and 0 < event.amount <= MOST_MINOR and 0 <= event.fee <= event.amount


@njit_inner
def tariffs_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale, or a settlement, whose fee a tariff may be learned from."""
    return event.approved and event.role == SALE and event.fee != MISSING and _is_learned_from(event)


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
def _turn(sums: Any, day: int) -> None:
    """Move the fee day on to `day`: empty its counts and decay the shares. Nothing for an earlier day."""
    was = i64(sums.fee_day)
    if day <= was:
        return
    factor = np.exp2((was - day) / 28.0)
    sums.fee_judged *= factor
    sums.fee_dearer *= factor
    sums.fee_day_over = 0
    sums.fee_day_judged = sums.fee_day_dearer = np.uint32(0)
    for week in range(max(was // 7 + 1, day // 7 - WEEKS + 1), day // 7 + 1):
        sums.fee_week_over[week % WEEKS] = 0
    sums.fee_day = day


@njit_inner
def _count(sums: Any, day: int, over: int) -> None:
    """Add a payment whose due fee is known to the sums; `over` is the overcharge, 0 if none."""
    late = i64(sums.fee_day) - day
    weight = 1.0 if late <= 0 else np.exp2(-late / 28.0)
    sums.fee_judged += weight
    sums.fee_dearer += weight * (over > 0)
    if late <= 0:
        sums.fee_day_judged += np.uint32(1)
        sums.fee_day_dearer += np.uint32(over > 0)
        sums.fee_day_over += over
    if i64(sums.fee_day) // 7 - day // 7 < WEEKS:
        sums.fee_week_over[day // 7 % WEEKS] += over


@njit_inner
def _take(sums: Any, tariffs: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Judge a payment that carries a fee, and add it to the sums."""
    out.fee_charged = event.fee
    if event.amount > 0:
        out.fee_rate_ppm = i64(np.floor(event.fee * 1e6 / event.amount + 0.5))
    sums.fees_charged += event.fee
    if event.fee >= 0:
        _turn(sums, event.day)
        over = 0
        sums.fees_interchange_e7 = min(
            sums.fees_interchange_e7 + _interchange_e7(reference, master_data, event), _MOST_E7
        )
        if event.due != MISSING:
            difference = event.fee - event.due
            over = difference if difference > ROUNDING_MINOR else 0
            sums.fees_priced += event.fee
            sums.fees_due += event.due
            sums.fees_over += over
            out.fee_basis = FEE_BY_CONTRACT
            out.fee_due = event.due
            out.fee_over = difference
            out.fee_due_ppm = event.due_ppm
        elif _is_learned_from(event) and learn(tariffs, i64(sums.fee_day), event, out):
            over = max(0, out.fee_over)
        if out.fee_basis > 0:
            _count(sums, event.day, over)
    out.fee_over_1d = sums.fee_day_over
    out.fee_over_count_1d = i64(sums.fee_day_dearer)
    out.fee_judged_1d = i64(sums.fee_day_judged)
    out.fee_over_4w = sums.fee_week_over[0] + sums.fee_week_over[1] + sums.fee_week_over[2] + sums.fee_week_over[3]
    out.fee_over_share_28d = sums.fee_dearer / sums.fee_judged if sums.fee_judged > 0 else np.nan


@njit_inner
def _ledger(sums: Any, out: Any) -> None:
    out.fees_charged_minor = sums.fees_charged
    out.fees_priced_minor = sums.fees_priced
    out.fees_due_minor = sums.fees_due
    out.fees_over_minor = sums.fees_over
    out.fees_interchange_e7 = sums.fees_interchange_e7


@njit_inner
def update(row: Any, sums: Any, tariffs: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Compare an approved sale's fee with the fee due; write the fee features and the ledger's sums."""
    out.fee_charged = out.fee_rate_ppm = out.fee_due = out.fee_over = out.fee_due_ppm = out.fee_due_fixed = MISSING
    out.fee_new_ppm = out.fee_new_fixed = out.fee_dearer_run = out.fee_over_1d = out.fee_over_count_1d = MISSING
    out.fee_judged_1d = out.fee_over_4w = MISSING
    out.fee_over_share_28d = np.nan
    out.contract_rise_ppm = out.contract_notice_d = out.contract_lead_d = MISSING
    out.fee_basis = 0
    if event.approved and event.fee != MISSING:
        if event.role == SALE:
            _take(sums, tariffs, event, master_data, reference, out)
        elif event.role == REFUND:
            sums.fees_charged += event.fee
    _ledger(sums, out)


@njit_inner
def settle(row: Any, sums: Any, tariffs: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Compare a settlement's fee with the fee due; write the fee features and the ledger's sums."""
    out.fee_basis = 0
    if event.fee != MISSING:
        _take(sums, tariffs, event, master_data, reference, out)
    _ledger(sums, out)


@njit_inner
def revise(row: Any, sums: Any, tariffs: Any, revision: Revision, reference: Any, out: Any) -> None:
    """Write how much dearer the contract version is, and the days of notice and of lead."""
    out.contract_rise_ppm = revision.rise_ppm
    if revision.notice_ms != MISSING:
        out.contract_notice_d = (revision.effective_ms - revision.notice_ms) // DAY_MS
    out.contract_lead_d = (revision.effective_ms - revision.time_ms) // DAY_MS

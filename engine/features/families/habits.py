"""What a merchant's sales usually look like, beside what was usual for it before: 32 figures for the anomaly model.

Each is taken from sums that lose half of their weight within seven closings of local days. `domain/habits.py` names
them in order; the rules above say how they are counted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from domain import profiles
from domain.events import CARD_KINDS
from domain.feature_codes import REPORT_RETRIEVAL
from domain.habits import HABITS, LEAST_WEIGHT
from engine.features import habit_sums as at
from engine.features.blocks import Block
from engine.features.event import CODE, KEYED, MISSING, REFUND, SALE, STRIPE, UNDO, Closing, Event, Report
from engine.features.families import Column
from engine.features.families.daily import is_technical, judged_fee
from engine.features.families.mcc import among
from engine.features.families.ratios import LIMIT_CODES, ROUND_MINOR, TESTING_CODES
from engine.features.families.repeats import RING, fingerprint
from engine.features.habit_sums import add_ticket, by_hour, count_day, fade, moments, part_of, share, usual, weights
from engine.features.mcc_history import own_value
from engine.features.money import home_rate
from engine.jit import i64, njit_inner

REGULAR = 3
"""Visits from which on a card is a regular one's."""
QUICK_S = 60
"""Seconds below which a sale follows the attempt before it at once."""
LEAST_VARIANCE = 0.01
"""Squared octaves of tickets below which they have no shape: a tenth of an octave, 7 %."""
(
    _SALES_A_DAY, _OPEN, _TICKET, _SPREAD, _SHAPE, _BY_HOUR, _NIGHT, _MORNING, _LUNCH, _AFTERNOON, _DINNER, _EVENING,
    _WEEKEND, _CREDIT, _ROUND, _REFUND, _REFUND_MINOR, _UNDONE, _TESTING, _LIMIT, _KEYED, _STRIPE, _CODE, _FOREIGN,
    _REPEAT, _REGULAR, _SAME_AMOUNT, _OTHER_MCC, _SWITCH, _QUICK, _FEE_OFF, _REPORTED,
) = range(len(HABITS))  # fmt: skip
"""Places of the habits in `domain.habits.HABITS`."""
_BLOCK = np.array([min(profiles.block(hour), at.BLOCKS - 1) for hour in range(24)], np.int8)
_LATE = np.array([block in (0, at.BLOCKS - 1) for block in _BLOCK])
"""By local hour: the block of the day, and whether it lies between 20 and 6 h."""
_OCTAVES = 1 / math.log(2)
_CREDIT_KINDS = tuple(k for k, kind in enumerate(CARD_KINDS) if kind in {"credit", "semi_credit"})
_SATURDAY = 5

BASE_D = 28
"""Days until what started anew on a merchant means something: the half-life of what is usual, four of the sums'."""
RESTS_ON = ("volume", "repeats", "cards", "mcc", "fees")
"""Families whose fields it reads, or whose columns of the same row."""
READS = ("fees",)
FIELDS = ()
BLOCKS = (Block("habits", at.FIELDS),)

_SALES = "approved sales"
_KNOWN = "fewer than 10 (weighed) with a known {}"
_OF = {
    "sales_a_day": ("approved sales, per day", ""),
    "open_share": ("days on which approved sales are left, per day", ""),
    "ticket_minor": ("geometric mean of the amounts, minor units of the acquirer's currency", "no rate"),
    "ticket_spread": ("deviation of the amounts' binary logarithms", ""),
    "ticket_shape": ("(skewness² + 1) / kurtosis of these logarithms: 1/3 of a lognormal, up to 1 of two sizes",
                     "a deviation below 0.1 octaves"),
    "ticket_by_hour": ("mean of these logarithms from 20 to 6 h, less that from 6 to 20 h",
                       "fewer than 10 of either"),
    "night_share": ("approved sales from 0 to 6 h", ""),
    "morning_share": ("approved sales from 6 to 11 h", ""),
    "lunch_share": ("approved sales from 11 to 14 h", ""),
    "afternoon_share": ("approved sales from 14 to 17 h", ""),
    "dinner_share": ("approved sales from 17 to 20 h", ""),
    "evening_share": ("approved sales from 20 to 24 h", ""),
    "weekend_share": ("approved sales on Saturdays and Sundays", ""),
    "credit_share": ("approved sales on credit or semi-credit cards", _KNOWN.format("card kind")),
    "round_share": ("approved sales of a multiple of 100.00", ""),
    "refund_share": ("approved refunds, per approved sale, at most 1", ""),
    "refund_minor_share": ("approved refunds' money, per that of approved sales, at most 1", ""),
    "undone_share": ("approved voids and reversals, per approved sale, at most 1", ""),
    "testing_share": ("sale attempts declined with 14, 15, 33 or 54, per attempt that did not fail technically", ""),
    "limit_share": ("sale attempts declined with 51, 61 or 65, per attempt that did not fail technically", ""),
    "keyed_share": ("approved sales keyed in (entry mode 01)", _KNOWN.format("entry mode")),
    "stripe_share": ("approved sales by magnetic stripe (entry modes 02, 90)", _KNOWN.format("entry mode")),
    "code_share": ("approved sales by code (entry modes 03, 04, 94)", _KNOWN.format("entry mode")),
    "foreign_share": ("approved sales with a card issued abroad", _KNOWN.format("issuer's country")),
    "repeat_share": ("approved sales whose card is among the 15 attempts before", _KNOWN.format("card token")),
    "regular_share": ("approved sales whose card came at least three times while held", _KNOWN.format("card token")),
    "same_amount_share": ("approved sales whose amount is among the 15 attempts before", ""),
    "other_mcc_share": ("approved sales under no registered MCC, or not the merchant's own by history",
                        _KNOWN.format("MCC, and a registered or own one")),
    "switch_share": ("approved sales at another terminal than the one before", _KNOWN.format("terminal")),
    "quick_share": ("approved sales less than 60 s from the attempt before", ""),
    "fee_off": ("(fees charged - fees due) / fees due, of payments whose due fee is known",
                "fewer than 10 (weighed) payments whose due fee is known"),
    "reported_share": ("fraud reports and chargebacks that came, per approved sale, at most 1", ""),
}  # fmt: skip
_NULL = "no end of a day, or fewer than 10 (weighed) approved sales"


def _columns() -> tuple[Column, ...]:
    """A column of each habit and of what was usual of it before, then the weight and the MCC."""
    found = []
    for habit in HABITS:
        of, missing = _OF[habit.name]
        null = f"{_NULL}; {missing}" if missing else _NULL
        found += [
            Column(f"habit_{habit.name}", habit.unit, "half-life 7 closings", of, "float", null=null,
                   error="relative 1e-3"),
            Column(f"habit_{habit.name}_usual", habit.unit, "half-life 28 closings, before this one", "the same",
                   "float", null=f"`habit_{habit.name}` is null, or fewer than 28 closings with habits before",
                   error="relative 1e-3"),
        ]  # fmt: skip
    weight = Column("habit_sales", "transactions", "half-life 7 closings", _SALES, "float", null=_NULL,
                    error="relative 1e-3")  # fmt: skip
    mcc = Column("habit_mcc", "MCC", "the local day that ended", "the first registered MCC, or the merchant's own by "
                 "history", null=f"{_NULL}; nothing registered or learned")  # fmt: skip
    return (*found, weight, mcc)


COLUMNS = _columns()
CLOSES = tuple(column.name for column in COLUMNS)


@njit_inner
def habits_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale or refund."""
    return event.approved and event.role <= REFUND


@njit_inner
def habits_settled(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """A settlement alone makes no habit."""
    return False


@njit_inner
def _one(holds: Any) -> Any:
    return np.float32(1.0) if holds else np.float32(0.0)


@njit_inner
def _count_mcc(row: Any, sums: Any, event: Event, master_data: Any) -> None:
    """Hold the MCC against the registered ones, or else against the merchant's own by history."""
    if event.mcc < 0:
        return
    if master_data.mcc_count > 0:
        sums[at.MCC_KNOWN] += np.float32(1.0)
        sums[at.OTHER_MCC] += _one(not among(master_data.mccs, master_data.mcc_count, event.mcc))
        return
    own = own_value(row, 0)
    if own >= 0:
        sums[at.MCC_KNOWN] += np.float32(1.0)
        sums[at.OTHER_MCC] += _one(own != event.mcc)


@njit_inner
def _count_place(row: Any, held: Any, event: Event) -> None:
    """Whether the terminal changed, and how soon the sale came after the attempt before it."""
    sums, terminal = held.habit_sums, fingerprint(event.terminal)
    if terminal != 0:
        if held.habit_terminal != 0:
            sums[at.TERMINAL_KNOWN] += np.float32(1.0)
            sums[at.SWITCH] += _one(held.habit_terminal != terminal)
        held.habit_terminal = terminal
    before = (i64(row.ring_next) + RING - 2) % RING  # the sale itself is the last in the ring
    sums[at.QUICK] += _one(abs(event.time_ms // 1000 - i64(row.ring_time_s[before])) < QUICK_S)


@njit_inner
def _count_card(sums: Any, event: Event, reference: Any, out: Any) -> None:
    """Kind, entry and country of the card, and whether the families before know it."""
    sums[at.KIND_KNOWN] += _one(event.card_kind != MISSING)
    sums[at.CREDIT] += _one(event.card_kind in _CREDIT_KINDS)
    sums[at.ENTRY_KNOWN] += _one(event.entry > 0)
    sums[at.KEYED] += _one(event.entry in KEYED)
    sums[at.STRIPE] += _one(event.entry in STRIPE)
    sums[at.CODE] += _one(event.entry in CODE)
    sums[at.COUNTRY_KNOWN] += _one(event.country != MISSING)
    sums[at.FOREIGN] += _one(event.country != MISSING and event.country != reference.home_country)
    sums[at.WITH_CARD] += _one(event.card != np.uint64(0))
    sums[at.REPEAT] += _one(out.same_card_16 > 1)
    sums[at.REGULAR] += _one(out.card_visits >= REGULAR)


@njit_inner
def _count_sale(row: Any, held: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    sums, hour = held.habit_sums, event.local_hour
    sums[i64(_BLOCK[hour])] += np.float32(1.0)
    add_ticket(held, event.log_amount * _OCTAVES, _LATE[hour])
    sums[at.MINOR] += np.float32(event.amount)
    # 1970-01-01 was a Thursday.
    sums[at.WEEKEND] += _one((event.day + 3) % 7 >= _SATURDAY)
    sums[at.ROUND] += _one(event.amount > 0 and event.amount % ROUND_MINOR == 0)
    _count_card(sums, event, reference, out)
    sums[at.SAME_AMOUNT] += _one(out.same_amount_16 > 1)
    _count_mcc(row, sums, event, master_data)
    _count_place(row, held, event)
    sums[at.ATTEMPTS] += np.float32(1.0)
    _count_fee(sums, event, out)


@njit_inner
def _count_fee(sums: Any, event: Event, out: Any) -> None:
    if event.fee != MISSING:
        charged, due = judged_fee(event, out)
        sums[at.FEE_CHARGED] += np.float32(charged)
        sums[at.FEE_DUE] += np.float32(due)


@njit_inner
def _count_declined(sums: Any, event: Event) -> None:
    if not is_technical(event):
        sums[at.ATTEMPTS] += np.float32(1.0)
        sums[at.TESTING] += _one(event.response in TESTING_CODES)
        sums[at.LIMIT] += _one(event.response in LIMIT_CODES)


@njit_inner
def update(row: Any, held: Any, fees: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count the transaction. Nothing is written: the closing tells all."""
    if row.habits_block == 0:
        return
    if event.role == SALE:
        if event.approved:
            _count_sale(row, held, event, master_data, reference, out)
        else:
            _count_declined(held.habit_sums, event)
    elif event.approved and event.role == REFUND:
        held.habit_sums[at.REFUNDS] += np.float32(1.0)
        held.habit_sums[at.REFUNDS_MINOR] += np.float32(event.amount)
    elif event.approved and event.role == UNDO:
        held.habit_sums[at.UNDONE] += np.float32(1.0)


@njit_inner
def settle(row: Any, held: Any, fees: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count the fee of a settlement."""
    if row.habits_block != 0:
        _count_fee(held.habit_sums, event, out)


@njit_inner
def report(row: Any, held: Any, fees: Any, report: Report, master_data: Any, reference: Any, out: Any) -> None:
    """Count a report of fraud or a chargeback that came."""
    if row.habits_block != 0 and report.change > 0 and report.kind != REPORT_RETRIEVAL:
        held.habit_sums[at.REPORTS] += np.float32(1.0)


@njit_inner
def _tell(held: Any, k: int, value: float) -> tuple[float, float]:
    """A habit, and what was usual of it before."""
    return value, usual(held, k, value)


@njit_inner
def _tell_tickets(row: Any, held: Any, n: float, days: float, reference: Any, out: Any) -> None:
    """Write how much is sold, and of what size."""
    mean, second, third, fourth = moments(held, n)
    shape = np.nan
    if second >= LEAST_VARIANCE:
        shape = min((third * third / (second * second * second) + 1.0) * second * second / fourth, 1.0)
    out.habit_sales_a_day, out.habit_sales_a_day_usual = _tell(held, _SALES_A_DAY, n / days)
    out.habit_open_share, out.habit_open_share_usual = _tell(
        held, _OPEN, min(float(held.habit_sums[at.OPEN]) / days, 1.0)
    )
    out.habit_ticket_minor, out.habit_ticket_minor_usual = _tell(
        held, _TICKET, np.exp2(mean) * home_rate(i64(row.currency), reference)
    )
    out.habit_ticket_spread, out.habit_ticket_spread_usual = _tell(held, _SPREAD, np.sqrt(second))
    out.habit_ticket_shape, out.habit_ticket_shape_usual = _tell(held, _SHAPE, shape)
    out.habit_ticket_by_hour, out.habit_ticket_by_hour_usual = _tell(held, _BY_HOUR, by_hour(held, n))


@njit_inner
def _tell_times(held: Any, n: float, out: Any) -> None:
    """Write when is sold, and how fast."""
    out.habit_night_share, out.habit_night_share_usual = _tell(held, _NIGHT, share(held, 0, n))
    out.habit_morning_share, out.habit_morning_share_usual = _tell(held, _MORNING, share(held, 1, n))
    out.habit_lunch_share, out.habit_lunch_share_usual = _tell(held, _LUNCH, share(held, 2, n))
    out.habit_afternoon_share, out.habit_afternoon_share_usual = _tell(held, _AFTERNOON, share(held, 3, n))
    out.habit_dinner_share, out.habit_dinner_share_usual = _tell(held, _DINNER, share(held, 4, n))
    out.habit_evening_share, out.habit_evening_share_usual = _tell(held, _EVENING, share(held, 5, n))
    out.habit_weekend_share, out.habit_weekend_share_usual = _tell(held, _WEEKEND, share(held, at.WEEKEND, n))
    out.habit_quick_share, out.habit_quick_share_usual = _tell(held, _QUICK, share(held, at.QUICK, n))


@njit_inner
def _tell_sales(held: Any, n: float, out: Any) -> None:
    """Write what the sales are like beside size and time."""
    out.habit_round_share, out.habit_round_share_usual = _tell(held, _ROUND, share(held, at.ROUND, n))
    out.habit_same_amount_share, out.habit_same_amount_share_usual = _tell(
        held, _SAME_AMOUNT, share(held, at.SAME_AMOUNT, n)
    )
    out.habit_credit_share, out.habit_credit_share_usual = _tell(held, _CREDIT, part_of(held, at.CREDIT, at.KIND_KNOWN))
    out.habit_keyed_share, out.habit_keyed_share_usual = _tell(held, _KEYED, part_of(held, at.KEYED, at.ENTRY_KNOWN))
    out.habit_stripe_share, out.habit_stripe_share_usual = _tell(
        held, _STRIPE, part_of(held, at.STRIPE, at.ENTRY_KNOWN)
    )
    out.habit_code_share, out.habit_code_share_usual = _tell(held, _CODE, part_of(held, at.CODE, at.ENTRY_KNOWN))
    out.habit_foreign_share, out.habit_foreign_share_usual = _tell(
        held, _FOREIGN, part_of(held, at.FOREIGN, at.COUNTRY_KNOWN)
    )
    out.habit_repeat_share, out.habit_repeat_share_usual = _tell(held, _REPEAT, part_of(held, at.REPEAT, at.WITH_CARD))
    out.habit_regular_share, out.habit_regular_share_usual = _tell(
        held, _REGULAR, part_of(held, at.REGULAR, at.WITH_CARD)
    )
    out.habit_other_mcc_share, out.habit_other_mcc_share_usual = _tell(
        held, _OTHER_MCC, part_of(held, at.OTHER_MCC, at.MCC_KNOWN)
    )
    out.habit_switch_share, out.habit_switch_share_usual = _tell(
        held, _SWITCH, part_of(held, at.SWITCH, at.TERMINAL_KNOWN)
    )


@njit_inner
def _tell_rest(held: Any, n: float, judged: float, out: Any) -> None:
    """Write what was declined, given back, charged and reported; `judged`: payments whose due fee is known."""
    sums = held.habit_sums
    refunded = float(sums[at.REFUNDS_MINOR]) / float(sums[at.MINOR]) if sums[at.MINOR] > 0.0 else np.nan
    off = np.nan
    if judged >= LEAST_WEIGHT and sums[at.FEE_DUE] > 0.0:
        off = (float(sums[at.FEE_CHARGED]) - float(sums[at.FEE_DUE])) / float(sums[at.FEE_DUE])
    out.habit_refund_share, out.habit_refund_share_usual = _tell(held, _REFUND, share(held, at.REFUNDS, n))
    out.habit_refund_minor_share, out.habit_refund_minor_share_usual = _tell(held, _REFUND_MINOR, min(refunded, 1.0))
    out.habit_undone_share, out.habit_undone_share_usual = _tell(held, _UNDONE, share(held, at.UNDONE, n))
    out.habit_testing_share, out.habit_testing_share_usual = _tell(
        held, _TESTING, part_of(held, at.TESTING, at.ATTEMPTS)
    )
    out.habit_limit_share, out.habit_limit_share_usual = _tell(held, _LIMIT, part_of(held, at.LIMIT, at.ATTEMPTS))
    out.habit_fee_off, out.habit_fee_off_usual = _tell(held, _FEE_OFF, off)
    out.habit_reported_share, out.habit_reported_share_usual = _tell(held, _REPORTED, share(held, at.REPORTS, n))


@njit_inner
def close(row: Any, held: Any, fees: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Write the habits, and learn from them what is usual; then let a day pass."""
    if row.habits_block == 0:
        return
    held.habit_sums[at.OPEN] += _one(out.closed_sales > 0)
    n, days = weights(held)
    if n >= LEAST_WEIGHT:
        out.habit_sales = n
        mcc = closing.mcc if closing.mcc >= 0 else own_value(row, 0)
        if mcc >= 0:
            out.habit_mcc = mcc
        _tell_tickets(row, held, n, days, reference, out)
        _tell_times(held, n, out)
        _tell_sales(held, n, out)
        _tell_rest(held, n, float(fees.fee_judged), out)
        count_day(held)
    fade(held)

"""What a merchant was charged for a payment, against its contract, or without one against its own history.

A fee comes with an approved sale or with a settlement, and both are judged the same way. Where the contract in force
at the payment's time has a price for it, the due fee is exact. Else it is learned: a fee is round(rate x amount) +
fixed, so a few payments give the tariff away to the minor unit, and every further one either fits or does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain import interchange
from domain.events import CARD_KINDS, SCHEMES
from engine.event import DAY_MS, MISSING, REFUND, SALE, UNIONPAY, Event, Revision
from engine.families import Column
from engine.jit import i64, njit

BY_CONTRACT, LEARNED, ROUGH = 1, 2, 3
"""Values of `fee_basis`."""
ROUNDING_MINOR = 1
"""A difference of at most this is rounding: half up, down, or a sum of two rounded parts."""
TARIFFS = 12
"""Tariffs held of a merchant, over all kinds of payments; one more takes the place of the one unused the longest."""
CANDIDATES = 2
"""Tariffs of a kind of payment that are not confirmed yet, at most."""
FIT = 2
"""What a fit adds to a tariff's count; a payment of its kind that nothing explains takes 1 from a candidate."""
CONFIRMED = 8
"""Count from which a candidate is no longer given up: three fits beyond the two payments that made it."""
ESTABLISHED = 16
"""Least count of a tariff that others are held against: eight fits."""
SETTLED_D = 7
"""Days after which a tariff is the merchant's own: what alternates from early on is lawful."""
ACCEPTED_D = 90
"""Days after which a tariff that came in dearer counts as the merchant's own: drift is held against 90 days ago."""
UNUSED_D = 120
"""Days without a fit after which a tariff is no longer held against others."""
MOST_MINOR = 4_000_000_000
"""Greatest amount that tariffs are learned from: 40,000,000.00."""
LEAST_ROUGH_MINOR = 10_000
"""Least amount for the rough rate: from 100.00 on, rounding moves the rate by at most 50 ppm."""
LEAST_ROUGH = 50
"""Payments of one kind before the rough rate is held against others."""
VOTE = 8
"""What a payment of the kind that the rough rate is of weighs against one of another: the kind is kept while it has
more than a ninth of them."""
NOISY = 0.5
"""Share of payments that tariffs must explain at least; below it the rough rate is used."""
TELLING_MINOR = 25
"""A payment that was due less than this weighs half where it is not dearer: a rise of 4 % is lost in its rounding."""
WEEKS = 4
_MOST_E7 = 4 * 10**18
_DEAR = 128
"""Bit of a tariff's count: it came in dearer than the merchant's own."""
_MOST_COUNT = 127
_MOST_RUN = 250
_EPS = 1e-6
_K, _SALT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)

DEBIT = CARD_KINDS.index("debit")
WALLETS = (SCHEMES.index("alipay"), SCHEMES.index("wechat"))

cost_e7 = njit(interchange.cost_e7)

KEPT = (
    ("fees_charged", np.int64),
    ("fees_priced", np.int64),
    ("fees_due", np.int64),
    ("fees_over", np.int64),
    ("fees_interchange_e7", np.int64),
)
FIELDS = (
    ("fee_week_over", np.int64, WEEKS),
    ("fee_day_over", np.int64),
    ("fee_judged", np.float64),
    ("fee_dearer", np.float64),
    ("fee_day", np.int32),
    ("fee_day_judged", np.uint32),
    ("fee_day_dearer", np.uint32),
    ("tariff_low", np.uint32, TARIFFS),
    ("tariff_low_fee", np.uint32, TARIFFS),
    ("tariff_high", np.uint32, TARIFFS),
    ("tariff_high_fee", np.uint32, TARIFFS),
    ("rough_mean", np.float32),
    ("rough_spread", np.float32),
    ("explained", np.float32),
    ("tariff_kind", np.uint16, TARIFFS),
    ("tariff_first", np.uint16, TARIFFS),
    ("tariff_last", np.uint16, TARIFFS),
    ("rough_kind", np.uint16),
    ("rough_count", np.uint16),
    ("rough_vote", np.uint16),
    ("tariff_count", np.uint8, TARIFFS),
    ("tariff_run", np.uint8, TARIFFS),
    ("rough_run", np.uint8),
)
"""A tariff is a line through the smallest and the greatest payment that fit it, and covers the amounts between."""

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
           "up 1 for each dearer than the learned tariff or rate due, down 2 (1 where small) for each other; at most 250",
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


@njit
def kind_of(event: Event) -> int:
    """Hash of the kind of payment that has tariffs of its own: UnionPay debit, other UnionPay, wallet or another
    scheme, by settlement mode."""
    group = 0
    if event.scheme == UNIONPAY or event.scheme == MISSING:
        group = 1 if event.card_kind == DEBIT else 2
    elif event.scheme in WALLETS:
        group = 3
    return i64(((event.mode + np.uint64(group) * _SALT) * _K) >> np.uint64(48)) | 1


@njit
def _is_own(row: Any, k: int, day: int) -> bool:
    """Whether others are held against a tariff."""
    count = i64(row.tariff_count[k])
    age = day - i64(row.tariff_first[k])
    return (
        (count & _MOST_COUNT) >= ESTABLISHED
        and age >= (ACCEPTED_D if count & _DEAR else SETTLED_D)
        and day - i64(row.tariff_last[k]) <= UNUSED_D
    )


@njit
def _at(row: Any, k: int, amount: int) -> tuple[float, float]:
    """A tariff's fee for an amount, and how far rounding may put a fee off it."""
    low, high = i64(row.tariff_low[k]), i64(row.tariff_high[k])
    low_fee, high_fee = i64(row.tariff_low_fee[k]), i64(row.tariff_high_fee[k])
    if low == high:
        return float(low_fee), 1.0 if amount == low else -1.0
    t = (amount - low) / (high - low)
    return low_fee + t * (high_fee - low_fee), 0.5 * (1.0 + abs(t) + abs(1.0 - t))


@njit
def _is_line(low: int, low_fee: int, high: int, high_fee: int) -> bool:
    """Whether a rate of 0 or above and a fixed part of 0 or above, rounded, can go through two payments."""
    span = high - low
    if span * 10 < low or span < 100:
        return False
    slope = (high_fee - low_fee) / span
    return slope >= 0.0 and low_fee - slope * low >= -1.5 - low / span


@njit
def _fits(row: Any, k: int, amount: int, fee: int) -> bool:
    """Whether a payment fits a tariff of its kind: within rounding, and where outside, not too far."""
    due, error = _at(row, k, amount)
    if abs(fee - due) > error + _EPS:
        return False
    low, high = i64(row.tariff_low[k]), i64(row.tariff_high[k])
    if low <= amount <= high:
        return True
    if error > 1.5 + 0.02 * fee:
        return False
    if amount < low:
        return _is_line(amount, fee, high, i64(row.tariff_high_fee[k]))
    return _is_line(low, i64(row.tariff_low_fee[k]), amount, fee)


@njit
def _credit(row: Any, k: int, amount: int, fee: int, day: int, dearer: bool) -> None:
    """Count a payment that fits a tariff, and let it cover the amount if no other of the merchant's own lies between."""
    count = i64(row.tariff_count[k])
    dear = (count & _DEAR) | (_DEAR if dearer else 0)
    row.tariff_count[k] = min(_MOST_COUNT, (count & _MOST_COUNT) + FIT) | dear
    row.tariff_last[k] = max(i64(row.tariff_last[k]), day)
    low, high = i64(row.tariff_low[k]), i64(row.tariff_high[k])
    if low <= amount <= high:
        return
    for j in range(0 if dearer else TARIFFS):
        between = row.tariff_high[j] >= amount if amount < low else row.tariff_low[j] <= amount
        beyond = row.tariff_low[j] < low if amount < low else row.tariff_high[j] > high
        if j != k and row.tariff_kind[j] == row.tariff_kind[k] and between and beyond and _is_own(row, j, day):
            return
    if amount < low:
        row.tariff_low[k] = amount
        row.tariff_low_fee[k] = fee
    else:
        row.tariff_high[k] = amount
        row.tariff_high_fee[k] = fee


@njit
def _seed(row: Any, k: int, kind: int, amount: int, fee: int, day: int, dearer: bool) -> None:
    """Begin a candidate with one payment."""
    row.tariff_kind[k] = kind
    row.tariff_count[k] = 1 | (_DEAR if dearer else 0)
    row.tariff_run[k] = 0
    row.tariff_first[k] = row.tariff_last[k] = day
    row.tariff_low[k] = row.tariff_high[k] = amount
    row.tariff_low_fee[k] = row.tariff_high_fee[k] = fee


@njit
def _room(row: Any, day: int) -> int:
    """Where a new candidate may begin: a free place, or that of the one unused the longest; -1 for nowhere."""
    best, least = -1, day - 28
    for k in range(TARIFFS):
        if row.tariff_count[k] == 0:
            return k
        last = i64(row.tariff_last[k])
        count = i64(row.tariff_count[k]) & _MOST_COUNT
        if count < ESTABLISHED:
            last -= 60 if count < CONFIRMED else 30
        if last < least:
            best, least = k, last
    return best


@njit
def _pairs(row: Any, k: int, amount: int, fee: int, plain: bool) -> bool:
    """Whether a tariff can go through a candidate of one payment and another; `plain`: a rate alone, or a flat fee."""
    low, low_fee = i64(row.tariff_low[k]), i64(row.tariff_low_fee[k])
    if low != i64(row.tariff_high[k]):
        return False
    ray = abs(fee / amount - low_fee / low) <= 0.5 / amount + 0.5 / low
    if plain and not ray and fee != low_fee:
        return False
    return _is_line(amount, fee, low, low_fee) if amount < low else _is_line(low, low_fee, amount, fee)


@njit
def _stray(row: Any, kind: int, amount: int, fee: int, day: int, dearer: bool) -> None:
    """Take in a payment that fits no tariff of its kind: it makes one with a candidate, begins one, or tells on one."""
    candidates, weakest = 0, -1
    for plain in (True, False):
        for k in range(TARIFFS):
            count = i64(row.tariff_count[k]) & _MOST_COUNT
            if row.tariff_kind[k] != kind or not 0 < count < CONFIRMED:
                continue
            if _pairs(row, k, amount, fee, plain):
                _credit(row, k, amount, fee, day, dearer)
                return
            candidates += 1
            if weakest < 0 or count < (i64(row.tariff_count[weakest]) & _MOST_COUNT):
                weakest = k
        if candidates < CANDIDATES:
            break
    k = weakest
    if candidates < CANDIDATES:
        k = _room(row, day)
        if k < 0:
            return
    elif (i64(row.tariff_count[k]) & _MOST_COUNT) > 1:
        row.tariff_count[k] -= 1
        return
    _seed(row, k, kind, amount, fee, day, dearer)


@njit
def _tariff(row: Any, k: int) -> tuple[int, int]:
    """A tariff's rate, parts per million, and fixed part; rounded to 0.01 % where that is as good."""
    low, high = i64(row.tariff_low[k]), i64(row.tariff_high[k])
    low_fee = i64(row.tariff_low_fee[k])
    if high == low:
        return (low_fee * 1_000_000 + low // 2) // max(1, low), 0
    exact = (i64(row.tariff_high_fee[k]) - low_fee) * 1e6 / (high - low)
    rate = np.floor(exact / 100.0 + 0.5) * 100.0
    if abs(rate - exact) > 1e6 / (high - low):
        rate = np.floor(exact + 0.5)
    fixed = i64(np.floor(low_fee - rate * low / 1e6 + 0.5))
    return i64(rate), fixed if abs(fixed) > 1 else 0


@njit
def _rough(row: Any, kind: int, amount: int, fee: int, exact: bool, out: Any) -> bool:
    """Hold a payment against the merchant's rough rate, then learn from it; whether it could be judged."""
    if amount < LEAST_ROUGH_MINOR:
        return False
    if row.rough_kind != kind:
        if row.rough_vote > 0:
            row.rough_vote -= 1
            return False
        row.rough_kind = kind
        row.rough_mean = row.rough_spread = np.float32(0.0)
        row.rough_count = row.rough_run = 0
    row.rough_vote = min(60_000, i64(row.rough_vote) + VOTE)
    mean, spread, count = float(row.rough_mean), float(row.rough_spread), i64(row.rough_count)
    rate = fee * 1e6 / amount
    dearer = count >= LEAST_ROUGH and rate > mean * 1.02 + 3.0 * spread + 50.0
    judged = count >= LEAST_ROUGH and not exact
    if judged:
        run = i64(row.rough_run)
        row.rough_run = min(_MOST_RUN, run + 1) if dearer else max(0, run - 2)
        due = i64(np.floor(mean * amount / 1e6 + 0.5))
        out.fee_basis = ROUGH
        out.fee_due = due
        out.fee_over = fee - due
        out.fee_due_ppm = i64(np.floor(mean + 0.5))
        out.fee_dearer_run = i64(row.rough_run)
    row.rough_count = min(60_000, count + 1)
    weight = 1.0 / min(1_024 if dearer else 256, count + 1)
    row.rough_mean = np.float32(mean + (rate - mean) * weight)
    if count > 0 and not dearer:
        row.rough_spread = np.float32(spread + (abs(rate - mean) - spread) * weight)
    return judged and dearer


@njit
def _learn(row: Any, event: Event, out: Any) -> bool:
    """Hold a payment against the merchant's own tariffs, then learn from it; whether it is dearer."""
    kind, day, amount, fee = kind_of(event), i64(row.fee_day), event.amount, event.fee
    own, best, known, exact = -1, 0.0, False, row.explained >= NOISY
    for k in range(TARIFFS):
        inside = row.tariff_low[k] <= amount <= row.tariff_high[k]
        if row.tariff_kind[k] != kind or row.tariff_count[k] == 0:
            continue
        mine = _is_own(row, k, day)
        known |= mine
        if not inside:
            continue
        due, _ = _at(row, k, amount)
        if not mine:
            # Only what is never exceeded becomes the merchant's own: of tariffs that alternate, the dearest.
            count = i64(row.tariff_count[k])
            if fee - due > ROUNDING_MINOR + 0.5 and (count & _MOST_COUNT) > 2 * FIT:
                row.tariff_count[k] = count - 2 * FIT
        elif own < 0 or due > best:
            own, best = k, due
    due_minor = i64(np.floor(best + 0.5))
    dearer = own >= 0 and fee - due_minor > ROUNDING_MINOR
    fit = -1
    for k in range(TARIFFS):
        if row.tariff_kind[k] != kind or row.tariff_count[k] == 0 or (dearer and _is_own(row, k, day)):
            continue
        if _fits(row, k, amount, fee) and (fit < 0 or row.tariff_count[k] & 127 > row.tariff_count[fit] & 127):
            fit = k
    explained = fit >= 0 and (row.tariff_count[fit] & 127) >= CONFIRMED
    if own >= 0 and not dearer or not known:
        row.explained += np.float32((1.0 if explained else 0.0) - row.explained) * np.float32(1.0 / 64.0)
    if not exact:
        own, dearer = -1, False
    if own >= 0:
        run = i64(row.tariff_run[own])
        flat = row.tariff_low_fee[own] == row.tariff_high_fee[own]
        if dearer:
            row.tariff_run[own] = min(_MOST_RUN, run + 1)
        elif fee <= due_minor:
            row.tariff_run[own] = max(0, run - (2 if flat or due_minor >= TELLING_MINOR else 1))
        rate, fixed = _tariff(row, own)
        out.fee_basis = LEARNED
        out.fee_due = due_minor
        out.fee_over = fee - due_minor
        out.fee_due_ppm = rate
        out.fee_due_fixed = fixed
        out.fee_dearer_run = i64(row.tariff_run[own])
    if fit >= 0:
        _credit(row, fit, amount, fee, day, dearer)
        if dearer and (row.tariff_count[fit] & 127) >= CONFIRMED:
            rate, fixed = _tariff(row, fit)
            out.fee_new_ppm = rate
            out.fee_new_fixed = fixed
    else:
        _stray(row, kind, amount, fee, day, dearer)
    if own >= 0:
        return dearer
    return _rough(row, kind, amount, fee, exact, out)


@njit
def _interchange_e7(side: Any, contract: Any, event: Event) -> int:
    """What issuer and network get for a payment under the merchant's first registered MCC, or else the presented
    one; 0 where no regulated price is known."""
    mcc = i64(contract.mccs[0]) if contract.mcc_count > 0 else event.mcc
    regime = -1
    for k in range(side.regimes):
        if side.rate_since_ms[k] <= event.time_ms:
            regime = k
    abroad = event.country != MISSING and event.country != side.home_country
    if regime < 0 or mcc < 0 or event.scheme != UNIONPAY or event.card_kind == MISSING or abroad:
        return 0
    of, kind = side.mcc_class[mcc], event.card_kind
    if event.currency != side.home_currency or side.rate_issuer_e7[regime, of, kind] < 0:
        return 0
    return cost_e7(
        event.amount, side.rate_issuer_e7[regime, of, kind], side.rate_issuer_cap[regime, of, kind],
        side.rate_network_e7[regime, of, kind], side.rate_network_cap[regime, of, kind], 2,
    )  # fmt: skip


@njit
def _turn(row: Any, day: int) -> None:
    """Let the fee day be at least `day`."""
    was = i64(row.fee_day)
    if day <= was:
        return
    factor = np.exp2((was - day) / 28.0)
    row.fee_judged *= factor
    row.fee_dearer *= factor
    row.fee_day_over = 0
    row.fee_day_judged = row.fee_day_dearer = np.uint32(0)
    for week in range(max(was // 7 + 1, day // 7 - WEEKS + 1), day // 7 + 1):
        row.fee_week_over[week % WEEKS] = 0
    row.fee_day = day


@njit
def _count(row: Any, day: int, over: int) -> None:
    """Take a judged payment into the sums; `over` is 0 where it was charged what was due, or less."""
    late = i64(row.fee_day) - day
    weight = 1.0 if late <= 0 else np.exp2(-late / 28.0)
    row.fee_judged += weight
    row.fee_dearer += weight * (over > 0)
    if late <= 0:
        row.fee_day_judged += np.uint32(1)
        row.fee_day_dearer += np.uint32(over > 0)
        row.fee_day_over += over
    if i64(row.fee_day) // 7 - day // 7 < WEEKS:
        row.fee_week_over[day // 7 % WEEKS] += over


@njit
def _take(row: Any, event: Event, contract: Any, side: Any, out: Any) -> None:
    """Judge a payment that carries a fee, and add it to the sums."""
    out.fee_charged = event.fee
    if event.amount > 0:
        out.fee_rate_ppm = i64(np.floor(event.fee * 1e6 / event.amount + 0.5))
    row.fees_charged += event.fee
    if event.fee >= 0:
        _turn(row, event.day)
        over = 0
        row.fees_interchange_e7 = min(row.fees_interchange_e7 + _interchange_e7(side, contract, event), _MOST_E7)
        if event.due != MISSING:
            difference = event.fee - event.due
            over = difference if difference > ROUNDING_MINOR else 0
            row.fees_priced += event.fee
            row.fees_due += event.due
            row.fees_over += over
            out.fee_basis = BY_CONTRACT
            out.fee_due = event.due
            out.fee_over = difference
            out.fee_due_ppm = event.due_ppm
        elif 0 < event.amount <= MOST_MINOR and event.fee <= event.amount and _learn(row, event, out):
            over = max(0, out.fee_over)
        if out.fee_basis > 0:
            _count(row, event.day, over)
    out.fee_over_1d = row.fee_day_over
    out.fee_over_count_1d = i64(row.fee_day_dearer)
    out.fee_judged_1d = i64(row.fee_day_judged)
    out.fee_over_4w = row.fee_week_over[0] + row.fee_week_over[1] + row.fee_week_over[2] + row.fee_week_over[3]
    out.fee_over_share_28d = row.fee_dearer / row.fee_judged if row.fee_judged > 0 else np.nan


@njit
def _ledger(row: Any, out: Any) -> None:
    out.fees_charged_minor = row.fees_charged
    out.fees_priced_minor = row.fees_priced
    out.fees_due_minor = row.fees_due
    out.fees_over_minor = row.fees_over
    out.fees_interchange_e7 = row.fees_interchange_e7


@njit
def update(row: Any, event: Event, contract: Any, side: Any, out: Any) -> None:
    """Take the transaction in."""
    out.fee_charged = out.fee_rate_ppm = out.fee_due = out.fee_over = out.fee_due_ppm = out.fee_due_fixed = MISSING
    out.fee_new_ppm = out.fee_new_fixed = out.fee_dearer_run = out.fee_over_1d = out.fee_over_count_1d = MISSING
    out.fee_judged_1d = out.fee_over_4w = MISSING
    out.fee_over_share_28d = np.nan
    out.contract_rise_ppm = out.contract_notice_d = out.contract_lead_d = MISSING
    out.fee_basis = 0
    if event.approved and event.fee != MISSING:
        if event.role == SALE:
            _take(row, event, contract, side, out)
        elif event.role == REFUND:
            row.fees_charged += event.fee
    _ledger(row, out)


@njit
def settle(row: Any, event: Event, contract: Any, side: Any, out: Any) -> None:
    """Take the settlement in."""
    out.fee_basis = 0
    if event.fee != MISSING:
        _take(row, event, contract, side, out)
    _ledger(row, out)


@njit
def revise(row: Any, revision: Revision, side: Any, out: Any) -> None:
    """Say how much dearer the version is, and how long before it was told."""
    out.contract_rise_ppm = revision.rise_ppm
    if revision.notice_ms != MISSING:
        out.contract_notice_d = (revision.effective_ms - revision.notice_ms) // DAY_MS
    out.contract_lead_d = (revision.effective_ms - revision.time_ms) // DAY_MS

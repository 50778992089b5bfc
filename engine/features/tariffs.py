"""A merchant's own tariffs, learned from its fees: what a payment of a kind costs, exact to the minor unit.

A fee is round(rate x amount) + fixed part, at least a minimum and at most a cap: over each range of amounts a straight
line, off by rounding alone. A tariff is such a line through the smallest and the greatest payment that fit it, and
says nothing of amounts beyond them. So tiers and caps are tariffs of their own, and a fee either fits or does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.events import CARD_KINDS, SCHEMES
from domain.feature_codes import FEE_LEARNED, FEE_ROUGH
from engine.checkpoint.fitting import Moved
from engine.features.event import MISSING, UNIONPAY, Event
from engine.jit import i64, njit_inner

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
"""Share of payments that tariffs may leave unexplained at most; above it the rough rate is used."""
AGAINST = 3
"""What a payment of at most the due fee takes off the run of dearer ones: they prevail from three in four on."""
TELLING_MINOR = 25
"""A payment that was due less than this takes off 1: a rise of 4 % is lost in its rounding."""
_DEAR = 128
"""Bit of a tariff's count: it came in dearer than the merchant's own."""
_CHEAP = 128
"""Bit of a tariff's floor: it came in cheaper than all own tariffs."""
TRUSTED, _MOST_TRUST = 12, 60
"""By how many payments that fit a tariff those that were cheaper, taken three times, must be outnumbered before cheaper
ones are held against it: of tariffs that alternate from early on none is a floor but the cheapest."""
_MOST_COUNT = 127
_MOST_RUN = 250
_EPS = 1e-6
_K, _SALT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
DEBIT = CARD_KINDS.index("debit")
WALLETS = (SCHEMES.index("alipay"), SCHEMES.index("wechat"))

TARIFF_FIELDS = (
    ("tariff_low", np.uint32, TARIFFS),
    ("tariff_low_fee", np.uint32, TARIFFS),
    ("tariff_high", np.uint32, TARIFFS),
    ("tariff_high_fee", np.uint32, TARIFFS),
    ("tariff_middle", np.uint32, TARIFFS),
    ("tariff_middle_fee", np.uint32, TARIFFS),
    ("rough_mean", np.float32),
    ("rough_spread", np.float32),
    ("unexplained", np.float32),
    ("tariff_kind", np.uint16, TARIFFS),
    ("tariff_first", np.uint16, TARIFFS),
    ("tariff_last", np.uint16, TARIFFS),
    ("rough_kind", np.uint16),
    ("rough_count", np.uint16),
    ("rough_vote", np.uint16),
    ("tariff_count", np.uint8, TARIFFS),
    ("tariff_run", np.uint8, TARIFFS),
    ("rough_run", np.uint8),
    ("tariff_floor", np.uint8, TARIFFS),
    ("tariff_fall", np.uint8, TARIFFS),
    ("rough_fall", np.uint8),
)
"""Row fields. Of each tariff: the smallest and the greatest payment that fit it, one between them, of which kind of
payments it is, the fee days of its first and last payment, its count (bit 7: it came in dearer than the merchant's
own), and by how many the payments dearer than it prevail; how far it is trusted as a floor (bit 7: it came in cheaper),
and by how many the payments cheaper than it prevail. Of the rough rate: mean and mean deviation, parts per million, and
likewise."""
TARIFFS_MOVED = {
    "unexplained": Moved("explained", lambda held: np.where(held > 0, np.float32(1) - held, np.float32(0)))
}
"""Where an earlier version stored such a field otherwise."""


@njit_inner
def kind_of(event: Event) -> int:
    """Hash of the kind of payment that has tariffs of its own: wallet, or debit card or not, of UnionPay or another
    scheme; by settlement mode, and by the class it was settled under where that is not the standard one.
    """
    if event.scheme in WALLETS:
        group = 4
    else:
        group = (event.card_kind == DEBIT) + 2 * (event.scheme == UNIONPAY or event.scheme == MISSING)
    group += 8 * max(0, event.fee_class)
    return i64(((event.mode + np.uint64(group) * _SALT) * _K) >> np.uint64(48)) | 1


@njit_inner
def _is_own(held: Any, k: int, day: int) -> bool:
    """Whether others are held against a tariff."""
    count = i64(held.tariff_count[k])
    age = day - i64(held.tariff_first[k])
    return (
        (count & _MOST_COUNT) >= ESTABLISHED
        and age >= (ACCEPTED_D if count & _DEAR else SETTLED_D)
        and day - i64(held.tariff_last[k]) <= UNUSED_D
    )


@njit_inner
def _is_floor(held: Any, k: int, day: int) -> bool:
    """Whether cheaper payments are held against a tariff: it did not come in cheaper itself, or is accepted."""
    return _is_own(held, k, day) and (held.tariff_floor[k] < _CHEAP or day - i64(held.tariff_first[k]) >= ACCEPTED_D)


@njit_inner
def _at(held: Any, k: int, amount: int) -> tuple[float, float]:
    """A tariff's fee for an amount, and how far rounding may put a fee off it."""
    low, high = i64(held.tariff_low[k]), i64(held.tariff_high[k])
    low_fee, high_fee = i64(held.tariff_low_fee[k]), i64(held.tariff_high_fee[k])
    if low == high:
        return float(low_fee), 1.0 if amount == low else -1.0
    t = (amount - low) / (high - low)
    return low_fee + t * (high_fee - low_fee), 0.5 * (1.0 + abs(t) + abs(1.0 - t))


@njit_inner
def _is_line(low: int, low_fee: int, high: int, high_fee: int) -> bool:
    """Whether a rate of 0 or above and a fixed part of 0 or above, rounded, can go through two payments."""
    span = high - low
    if span * 10 < low or span < 100:
        return False
    slope = (high_fee - low_fee) / span
    return slope >= 0.0 and low_fee - slope * low >= -1.5 - low / span


@njit_inner
def _fits(held: Any, k: int, amount: int, fee: int) -> bool:
    """Whether a payment fits a tariff of its kind: within rounding, and where outside, not too far."""
    due, error = _at(held, k, amount)
    if abs(fee - due) > error + _EPS:
        return False
    low, high = i64(held.tariff_low[k]), i64(held.tariff_high[k])
    if low <= amount <= high:
        return True
    if error > 1.5 + 0.02 * fee:
        return False
    if amount < low:
        return _is_line(amount, fee, high, i64(held.tariff_high_fee[k]))
    return _is_line(low, i64(held.tariff_low_fee[k]), amount, fee)


@njit_inner
def _off_middle(low: int, high: int, amount: int) -> float:
    """How far an amount is from the geometric mean of two, as a ratio of squares; 0 is as far as can be."""
    if amount == 0:
        return np.inf
    ratio = float(amount) * amount / (float(low) * high)
    return max(ratio, 1.0 / ratio)


@njit_inner
def _credit(held: Any, k: int, amount: int, fee: int, day: int, side: int) -> None:
    """Count a payment that fits a tariff, and let it cover the amount if no other of the merchant's own is between."""
    count = i64(held.tariff_count[k])
    dear = (count & _DEAR) | (_DEAR if side > 0 else 0)
    held.tariff_count[k] = min(_MOST_COUNT, (count & _MOST_COUNT) + FIT) | dear
    held.tariff_floor[k] |= np.uint8(_CHEAP if side < 0 else 0)
    held.tariff_floor[k] += np.uint8((held.tariff_floor[k] & (_CHEAP - 1)) < _MOST_TRUST)
    held.tariff_last[k] = max(i64(held.tariff_last[k]), day)
    low, high = i64(held.tariff_low[k]), i64(held.tariff_high[k])
    if low <= amount <= high:
        if _off_middle(low, high, amount) < _off_middle(low, high, i64(held.tariff_middle[k])):
            held.tariff_middle[k] = amount
            held.tariff_middle_fee[k] = fee
        return
    for j in range(0 if side else TARIFFS):
        between = held.tariff_high[j] >= amount if amount < low else held.tariff_low[j] <= amount
        beyond = held.tariff_low[j] < low if amount < low else held.tariff_high[j] > high
        if j != k and held.tariff_kind[j] == held.tariff_kind[k] and between and beyond and _is_own(held, j, day):
            return
    if amount < low:
        held.tariff_low[k] = amount
        held.tariff_low_fee[k] = fee
    else:
        held.tariff_high[k] = amount
        held.tariff_high_fee[k] = fee


@njit_inner
def _seed(held: Any, k: int, kind: int, amount: int, fee: int, day: int, side: int) -> None:
    """Begin a candidate with one payment."""
    held.tariff_kind[k] = kind
    held.tariff_count[k] = 1 | (_DEAR if side > 0 else 0)
    held.tariff_floor[k] = np.uint8(_CHEAP if side < 0 else 0)
    held.tariff_run[k] = held.tariff_fall[k] = 0
    held.tariff_first[k] = held.tariff_last[k] = day
    held.tariff_low[k] = held.tariff_high[k] = amount
    held.tariff_low_fee[k] = held.tariff_high_fee[k] = fee
    held.tariff_middle[k] = held.tariff_middle_fee[k] = 0


@njit_inner
def _room(held: Any, day: int) -> int:
    """Where a new candidate may begin: a free place, or that of the one unused the longest; -1 for nowhere."""
    best, least = -1, day - 28
    for k in range(TARIFFS):
        if held.tariff_count[k] == 0:
            return k
        last = i64(held.tariff_last[k])
        count = i64(held.tariff_count[k]) & _MOST_COUNT
        if count < ESTABLISHED:
            last -= 60 if count < CONFIRMED else 30
        if last < least:
            best, least = k, last
    return best


@njit_inner
def _pairs(held: Any, k: int, amount: int, fee: int, plain: bool) -> bool:
    """Whether a tariff can go through a candidate of one payment and another; `plain`: a rate alone, or a flat fee."""
    low, low_fee = i64(held.tariff_low[k]), i64(held.tariff_low_fee[k])
    if low != i64(held.tariff_high[k]):
        return False
    ray = abs(fee / amount - low_fee / low) <= 0.5 / amount + 0.5 / low
    if plain and not ray and fee != low_fee:
        return False
    return _is_line(amount, fee, low, low_fee) if amount < low else _is_line(low, low_fee, amount, fee)


@njit_inner
def _stray(held: Any, kind: int, amount: int, fee: int, day: int, side: int) -> None:
    """Learn from a payment that fits no tariff of its kind: support a candidate, begin one, or weaken the weakest."""
    candidates, weakest = 0, -1
    for plain in (True, False):
        for k in range(TARIFFS):
            count = i64(held.tariff_count[k]) & _MOST_COUNT
            if held.tariff_kind[k] != kind or not 0 < count < CONFIRMED:
                continue
            if _pairs(held, k, amount, fee, plain):
                _credit(held, k, amount, fee, day, side)
                return
            candidates += 1
            if weakest < 0 or count < (i64(held.tariff_count[weakest]) & _MOST_COUNT):
                weakest = k
        if candidates < CANDIDATES:
            break
    k = weakest
    if candidates < CANDIDATES:
        k = _room(held, day)
        if k < 0:
            return
    elif (i64(held.tariff_count[k]) & _MOST_COUNT) > 1:
        held.tariff_count[k] -= 1
        return
    _seed(held, k, kind, amount, fee, day, side)


@njit_inner
def _tariff(held: Any, k: int) -> tuple[int, int]:
    """A tariff's rate, parts per million, and fixed part; rounded to 0.01 % where that is as good."""
    low, high = i64(held.tariff_low[k]), i64(held.tariff_high[k])
    low_fee = i64(held.tariff_low_fee[k])
    if high == low:
        return (low_fee * 1_000_000 + low // 2) // max(1, low), 0
    exact = (i64(held.tariff_high_fee[k]) - low_fee) * 1e6 / (high - low)
    rate = np.floor(exact / 100.0 + 0.5) * 100.0
    if abs(rate - exact) > 1e6 / (high - low):
        rate = np.floor(exact + 0.5)
    fixed = i64(np.floor(low_fee - rate * low / 1e6 + 0.5))
    return i64(rate), fixed if abs(fixed) > 1 else 0


@njit_inner
def _rough(held: Any, kind: int, amount: int, fee: int, exact: bool, out: Any) -> int:
    """Hold a payment against the merchant's rough rate, then learn from it; 1 where it is dearer, -1 where cheaper."""
    if amount < LEAST_ROUGH_MINOR:
        return 0
    if held.rough_kind != kind:
        if held.rough_vote > 0:
            held.rough_vote -= 1
            return 0
        held.rough_kind = kind
        held.rough_mean = held.rough_spread = np.float32(0.0)
        held.rough_count = held.rough_run = held.rough_fall = 0
    held.rough_vote = min(60_000, i64(held.rough_vote) + VOTE)
    mean, spread, count = float(held.rough_mean), float(held.rough_spread), i64(held.rough_count)
    rate = fee * 1e6 / amount
    band = mean * 0.02 + 3.0 * spread + 50.0
    side = 0 if count < LEAST_ROUGH or abs(rate - mean) <= band else 1 if rate > mean else -1
    judged = count >= LEAST_ROUGH and not exact
    if judged:
        run, fall = i64(held.rough_run), i64(held.rough_fall)
        held.rough_run = min(_MOST_RUN, run + 1) if side > 0 else max(0, run - AGAINST)
        held.rough_fall = min(_MOST_RUN, fall + 1) if side < 0 else max(0, fall - AGAINST)
        due = i64(np.floor(mean * amount / 1e6 + 0.5))
        out.fee_basis = FEE_ROUGH
        out.fee_due = due
        out.fee_over = fee - due
        out.fee_due_ppm = i64(np.floor(mean + 0.5))
        out.fee_dearer_run, out.fee_cheaper_run = i64(held.rough_run), i64(held.rough_fall)
    held.rough_count = min(60_000, count + 1)
    weight = 1.0 / min(1_024 if side else 256, count + 1)
    held.rough_mean = np.float32(mean + (rate - mean) * weight)
    if count > 0 and side == 0:
        held.rough_spread = np.float32(spread + (abs(rate - mean) - spread) * weight)
    return side if judged else 0


@njit_inner
def _fitting(held: Any, kind: int, amount: int, fee: int, day: int, side: int) -> int:
    """The tariff that a payment fits best, -1 for none; what it is held against is left out."""
    fit = -1
    for k in range(TARIFFS):
        if held.tariff_kind[k] != kind or held.tariff_count[k] == 0:
            continue
        if (side > 0 and _is_own(held, k, day)) or (side < 0 and _is_floor(held, k, day)):
            continue
        if _fits(held, k, amount, fee) and (
            fit < 0 or held.tariff_count[k] & _MOST_COUNT > held.tariff_count[fit] & _MOST_COUNT
        ):
            fit = k
    return fit


@njit_inner
def _accept(held: Any, kind: int, day: int) -> None:
    """Take what came in cheaper for the merchant's own, now that the usual fees are back: it comes and goes."""
    for k in range(TARIFFS):
        if held.tariff_kind[k] == kind and held.tariff_floor[k] >= _CHEAP and _is_own(held, k, day):
            held.tariff_floor[k] = 0


@njit_inner
def _distrust(held: Any, k: int) -> None:
    """Trust a tariff less: a payment in its range was cheaper."""
    held.tariff_floor[k] -= np.uint8(min(i64(held.tariff_floor[k]) & (_CHEAP - 1), AGAINST))


@njit_inner
def _is_trusted(held: Any, low: int, amount: int, fee: int) -> bool:
    """Whether a cheaper payment is held against a tariff; one that is not makes it less trusted.

    It must be cheaper by the payments in the tariff's middle and at its upper end, too: with its lower end a line may
    creep around the bend of a minimum, payment by payment.
    """
    middle, high = i64(held.tariff_middle[low]), i64(held.tariff_high[low])
    if not 0 < middle < high:
        return False
    middle_fee, t = i64(held.tariff_middle_fee[low]), (amount - middle) / (high - middle)
    due = middle_fee + t * (i64(held.tariff_high_fee[low]) - middle_fee)
    if due - fee <= 0.5 * (1.0 + abs(t) + abs(1.0 - t)) + _EPS:
        return False
    if held.tariff_fall[low] > 0 or (held.tariff_floor[low] & (_CHEAP - 1)) >= TRUSTED:
        return True
    _distrust(held, low)
    return False


@njit_inner
def _run(held: Any, high: int, low: int, side: int, fee: int, due: int, least: int, day: int) -> None:
    """Move the runs of payments that are dearer than the tariff `high`, due `due`, or cheaper than `low`, due `least`:
    -1 for none.
    """
    flat = held.tariff_low_fee[high] == held.tariff_high_fee[high]
    run = i64(held.tariff_run[high])
    if side > 0:
        held.tariff_run[high] = min(_MOST_RUN, run + 1)
    elif fee <= due:
        held.tariff_run[high] = max(0, run - (AGAINST if flat or due >= TELLING_MINOR else 1))
    if low < 0:
        return
    fall = i64(held.tariff_fall[low])
    if side < 0:
        held.tariff_fall[low] = min(_MOST_RUN, fall + 1)
    elif fee >= least and fall > 0:
        flat = held.tariff_low_fee[low] == held.tariff_high_fee[low]
        fall = max(0, fall - (AGAINST if flat or least >= TELLING_MINOR else 1))
        held.tariff_fall[low] = fall
        if fall == 0:
            _accept(held, i64(held.tariff_kind[low]), day)


@njit_inner
def _tells(held: Any, kind: int, day: int) -> bool:
    """Whether payments of a kind without an own tariff tell whether fees follow tariffs: there is no own one of any
    kind, or it is the kind that the rough rate is of.
    """
    if held.rough_kind == kind:
        return True
    for k in range(TARIFFS):
        if held.tariff_count[k] != 0 and _is_own(held, k, day):
            return False
    return True


@njit_inner
def learn(held: Any, day: int, event: Event, out: Any) -> int:
    """Hold a payment against the merchant's own tariffs, then learn; 1 where it is dearer, -1 where cheaper, else 0."""
    kind, amount, fee = kind_of(event), event.amount, event.fee
    high, best, low, least, known, exact = -1, 0.0, -1, 0.0, False, held.unexplained <= NOISY
    for k in range(TARIFFS):
        inside = held.tariff_low[k] <= amount <= held.tariff_high[k]
        if held.tariff_kind[k] != kind or held.tariff_count[k] == 0:
            continue
        mine = _is_own(held, k, day)
        known |= mine
        if not inside:
            continue
        due, _ = _at(held, k, amount)
        if not mine:
            # Only what is never exceeded becomes the merchant's own: of tariffs that alternate, the dearest.
            count = i64(held.tariff_count[k])
            if fee - due > ROUNDING_MINOR + _EPS and (count & _MOST_COUNT) > 2 * FIT:
                held.tariff_count[k] = count - 2 * FIT
            elif due - fee > ROUNDING_MINOR + _EPS:
                _distrust(held, k)
            continue
        if high < 0 or due > best:
            high, best = k, due
        if (low < 0 or due < least) and _is_floor(held, k, day):
            low, least = k, due
    due_minor, least_minor, side = i64(np.floor(best + 0.5)), i64(np.floor(least + 0.5)), 0
    if high >= 0 and fee - due_minor > ROUNDING_MINOR:
        side = 1
    elif low >= 0 and least_minor - fee > ROUNDING_MINOR and _is_trusted(held, low, amount, fee):
        side = -1
    fit = _fitting(held, kind, amount, fee, day, side)
    against = high if side > 0 else low
    # A tariff as old as the own one, that it alternates with.
    young = fit >= 0 and CONFIRMED <= held.tariff_count[fit] < _DEAR and held.tariff_floor[fit] < _CHEAP
    if side and young and held.tariff_first[fit] <= i64(held.tariff_first[against]) + SETTLED_D:
        side = 0
    explained = fit >= 0 and (held.tariff_count[fit] & _MOST_COUNT) >= CONFIRMED
    if (high >= 0 and side == 0) or (not known and _tells(held, kind, day)):
        held.unexplained += np.float32((0.0 if explained else 1.0) - held.unexplained) * np.float32(1.0 / 64.0)
    judged = exact and high >= 0
    if judged:
        _run(held, high, low, side, fee, due_minor, least_minor, day)
        _tell(held, high, low, side, fee, least_minor if side < 0 else due_minor, out)
    if fit >= 0:
        _credit(held, fit, amount, fee, day, side)
        if judged and side and (held.tariff_count[fit] & _MOST_COUNT) >= CONFIRMED:
            out.fee_new_ppm, out.fee_new_fixed = _tariff(held, fit)
    else:
        _stray(held, kind, amount, fee, day, side)
    return side if judged else _rough(held, kind, amount, fee, exact, out)


@njit_inner
def _tell(held: Any, high: int, low: int, side: int, fee: int, due: int, out: Any) -> None:
    """Write what a payment is held against."""
    out.fee_basis, out.fee_due, out.fee_over = FEE_LEARNED, due, fee - due
    out.fee_due_ppm, out.fee_due_fixed = _tariff(held, low if side < 0 else high)
    out.fee_dearer_run = i64(held.tariff_run[high])
    out.fee_cheaper_run = i64(held.tariff_fall[low]) if low >= 0 else 0

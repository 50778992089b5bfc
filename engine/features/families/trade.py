"""What a merchant of a cheaper class sells and when, and whose profile that fits: static miscoding (套码).

Only merchants all of whose MCCs are of a cheaper class than the standard one are looked at: by master data, or
without it by the MCC that is the merchant's own by history. Their approved sales are counted by octave of the amount,
block of the day, weekend, card kind, roundness and cards that return, since that set of MCCs is in force; all counts
are halved when there are 8,192 sales. At the end of a day with sales they are held against the profiles of
`docs/profiles.md`. The merchant's name, as the master data of the last such sale has it, may speak of a trade
(`domain/trade_words.py`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from domain import profiles
from domain.trade_words import NAME_NATS
from engine.features.blocks import Block
from engine.features.event import MISSING, SALE, Closing, Event
from engine.features.families import Column
from engine.features.families.mcc import class_leakage_e7
from engine.features.mcc_history import own_value
from engine.jit import i64, njit_inner

HELD = 4
"""MCCs of a registered set that are remembered; of a larger set nothing is judged."""
MIN_SALES = 100
"""Fewest sales that are judged."""
MIN_DAYS = 5
"""Fewest days with sales that are judged."""
GRACE_D = 60
"""Days without judgement after the MCCs were changed: people approve a change, and a business needs time."""
HALVE_AT = 8_192
_WEEKEND_FROM = 5
_LOW = np.uint64(2**32 - 1)

octave, block = njit_inner(profiles.octave), njit_inner(profiles.block)
share, quantile = njit_inner(profiles.share), njit_inner(profiles.quantile)
sampling_variance = njit_inner(profiles.sampling_variance)
log_likelihood = njit_inner(profiles.log_likelihood)
follow = njit_inner(profiles.follow)

BASE_D = 60
"""Days until what started anew on a merchant means something: `GRACE_D`."""
RESTS_ON = ("mcc",)
"""Families whose fields it reads: it is blind where these are."""
FIELDS = (
    ("trade_since_ms", np.int64),
    ("trade_mccs", np.uint16, HELD),
    ("trade_from_day", np.uint16),
)
_COUNTS = (
    ("trade_gap_e7", np.int64, 2),
    *profiles.COUNTS,
    *profiles.CARDS,
    ("trade_days", np.uint16),
    ("trade_today", np.uint16),
    ("trade_name", np.uint16),
)
BLOCKS = (Block("trade", _COUNTS),)
_NOR_BY_NAME = "nothing is judged, and the merchant's name speaks of no dearer trade"
_NOT_JUDGED = (
    f"another kind of row, a merchant of the standard class, fewer than {MIN_SALES} sales or {MIN_DAYS} days, "
    f"less than {GRACE_D} days since its MCCs changed, or no profile"
)

COLUMNS = (
    Column("trade_evidence", "nats", "since the MCC", "how much better the best profile of a dearer class explains "
           "the merchant than the best of its own class or a cheaper one, and its name", "float", null=_NOT_JUDGED,
           error="relative 1e-6"),
    Column("trade_mcc", "MCC", "since the MCC", "the merchant's own MCC, of several the one that fits best; "
           "by the name alone the first", null=_NOR_BY_NAME),
    Column("trade_like", "MCC", "since the MCC", "the MCC of a dearer class whose profile fits best", null=_NOT_JUDGED),
    Column("trade_sales", "transactions", "since the MCC", "approved sales, halved now and again",
           null=_NOR_BY_NAME),
    Column("trade_gap_1d_e7", "1e-7 minor units", "since the last closing",
           "what issuer and network would have got more in the class of the profile that fits, or else of the name",
           null=_NOR_BY_NAME),
    Column("trade_ticket", "minor units", "since the MCC", "the median ticket", null=_NOT_JUDGED),
    Column("trade_ticket_own", "minor units", "profile", "the median ticket of the merchant's own MCC",
           null=_NOT_JUDGED),
    Column("trade_ticket_like", "minor units", "profile", "that of the MCC that fits best", null=_NOT_JUDGED),
    Column("trade_telling", "code", "since the MCC", "the statistic that tells the two apart most: its place in "
           "`domain.profiles.NAMES`", null=_NOT_JUDGED),
    Column("trade_name", "MCC", "master data", "the MCC of a dearer class that the merchant's name speaks of",
           null="it speaks of none, another kind of row, a merchant of the standard class, fewer than "
           f"{MIN_DAYS} days, or less than {GRACE_D} days since its MCCs changed"),
)  # fmt: skip
CLOSES = tuple(column.name for column in COLUMNS)


@njit_inner
def statistic(counts: Any, k: int) -> float:
    """`domain.profiles.statistic`, compiled.

    The text is repeated because compiled code cannot call the plain functions that the other one calls.
    """
    if k >= profiles.HOURS_FROM:
        return share(counts, k)
    if k == profiles.TICKET:
        return quantile(counts, 0.5)
    return quantile(counts, 0.75) - quantile(counts, 0.25)


@njit_inner
def _forget(counts: Any) -> None:
    for k in range(profiles.TICKET_BINS):
        counts.trade_ticket[k] = 0
    for k in range(profiles.BLOCKS):
        counts.trade_hour[k] = 0
    counts.trade_weekend = counts.trade_known = counts.trade_credit = counts.trade_round = counts.trade_sales = 0
    counts.trade_days = counts.trade_today = counts.trade_cards = counts.trade_returned = 0
    for k in range(profiles.FOLLOWED):
        counts.trade_card[k] = 0
    counts.trade_gap_e7[0] = counts.trade_gap_e7[1] = 0


@njit_inner
def _halve(counts: Any) -> None:
    # The octaves, and the blocks, keep adding up to the sales: what is lost in rounding is put back at the fullest.
    half = i64(counts.trade_sales) // 2
    most, total = 0, 0
    for k in range(profiles.TICKET_BINS):
        counts.trade_ticket[k] //= 2
        total += i64(counts.trade_ticket[k])
        if counts.trade_ticket[k] > counts.trade_ticket[most]:
            most = k
    counts.trade_ticket[most] += half - total
    for k in range(profiles.BLOCKS):
        counts.trade_hour[k] //= 2
    counts.trade_weekend //= 2
    counts.trade_known //= 2
    counts.trade_credit //= 2
    counts.trade_round //= 2
    counts.trade_cards //= 2
    counts.trade_returned //= 2
    counts.trade_sales = half


@njit_inner
def _same_set(row: Any, master_data: Any, own: int) -> bool:
    """Whether the MCCs that are remembered are those in force."""
    if master_data.mcc_count == 0:
        return own < 0 or (i64(row.trade_mccs[0]) == own + 1 and row.trade_mccs[1] == 0)
    for k in range(HELD):
        wanted = i64(master_data.mccs[k]) + 1 if k < master_data.mcc_count else 0
        if i64(row.trade_mccs[k]) != wanted:
            return False
    return True


@njit_inner
def _begin(row: Any, counts: Any, master_data: Any, own: int, day: int) -> None:
    """Remember the MCCs in force, and nothing else."""
    _forget(counts)
    row.trade_from_day = day + GRACE_D if row.trade_mccs[0] else 0
    row.trade_since_ms = master_data.effective_ms
    for k in range(HELD):
        row.trade_mccs[k] = 0
    if master_data.mcc_count == 0:
        row.trade_mccs[0] = own + 1
    else:
        for k in range(min(i64(master_data.mcc_count), HELD)):
            row.trade_mccs[k] = master_data.mccs[k] + 1


@njit_inner
def _dearest(row: Any, reference: Any) -> int:
    """The dearest class of the merchant's own MCCs; 0, the standard one, where none is known."""
    found = -1
    for k in range(HELD):
        if row.trade_mccs[k]:
            fee_class = i64(reference.mcc_class[i64(row.trade_mccs[k]) - 1])
            if found < 0 or fee_class < found:
                found = fee_class
    return max(found, 0)


@njit_inner
def trade_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale of a merchant all of whose MCCs are of a cheaper class than the standard one."""
    if event.role != SALE or not event.approved or master_data.mcc_count > HELD:
        return False
    if master_data.mcc_count == 0:
        own = own_value(row, 0)
        return reference.mcc_class[own] > 0 if own >= 0 else _dearest(row, reference) > 0
    for k in range(master_data.mcc_count):
        if reference.mcc_class[master_data.mccs[k]] == 0:
            return False
    return True


@njit_inner
def _take(row: Any, counts: Any, event: Event, master_data: Any, reference: Any) -> None:
    own = own_value(row, 0) if master_data.mcc_count == 0 else -1
    if master_data.effective_ms < row.trade_since_ms or master_data.mcc_count > HELD:
        return
    if not _same_set(row, master_data, own):
        _begin(row, counts, master_data, own, event.day)
    fee_class = _dearest(row, reference)
    if fee_class == 0:
        return
    if counts.trade_sales >= HALVE_AT:
        _halve(counts)
    counts.trade_sales += 1
    counts.trade_ticket[octave(event.amount)] += 1
    counts.trade_hour[block(event.local_hour)] += 1
    # 1970-01-01 was a Thursday.
    counts.trade_weekend += (event.day + 3) % 7 >= _WEEKEND_FROM
    counts.trade_known += event.card_kind != MISSING
    counts.trade_credit += event.card_kind == 1 or event.card_kind == 2
    counts.trade_round += event.amount > 0 and event.amount % profiles.ROUND_MINOR == 0
    card = i64(event.card & _LOW)
    if card != 0:
        follow(counts, card, event.day)
    counts.trade_name = master_data.name_mcc
    counts.trade_today = min(i64(counts.trade_today) + 1, 60_000)
    for dearer in range(fee_class):
        gap = class_leakage_e7(reference, event, dearer, fee_class)
        if gap > 0:
            counts.trade_gap_e7[dearer] += min(gap, 10**15)


@njit_inner
def update(row: Any, counts: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count an approved sale in the merchant's profile; every column is null until the day closes."""
    if event.role == SALE and event.approved:
        _take(row, counts, event, master_data, reference)


@njit_inner
def _fit(counts: Any, reference: Any, p: int) -> float:
    """Logarithm of how likely the merchant is under a profile."""
    spread = statistic(counts, profiles.SPREAD)
    found = 0.0
    for k in range(profiles.STATISTICS):
        value = statistic(counts, k)
        if not math.isnan(value):
            variance = sampling_variance(counts, k, spread)
            found += log_likelihood(value, reference.profile_mean[p, k], reference.profile_deviation[p, k], variance)
    return found


@njit_inner
def _telling(counts: Any, reference: Any, p: int, q: int) -> int:
    """The statistic that speaks most for profile `p` against `q`."""
    spread = statistic(counts, profiles.SPREAD)
    best, most = 0, -np.inf
    for k in range(profiles.STATISTICS):
        value = statistic(counts, k)
        if math.isnan(value):
            continue
        variance = sampling_variance(counts, k, spread)
        by = log_likelihood(value, reference.profile_mean[p, k], reference.profile_deviation[p, k], variance)
        by -= log_likelihood(value, reference.profile_mean[q, k], reference.profile_deviation[q, k], variance)
        if by > most:
            best, most = k, by
    return best


@njit_inner
def _judge(row: Any, counts: Any, reference: Any, out: Any, fee_class: int, name: int) -> bool:
    """Hold the merchant against every profile; whether there were any to hold it against."""
    mine, like, dearer = -1, -1, 0
    mine_fit, like_fit, cheap_fit = -np.inf, -np.inf, -np.inf
    for p in range(reference.profiles):
        mcc, fit = i64(reference.profile_mcc[p]), _fit(counts, reference, p)
        if reference.mcc_class[mcc] < fee_class:
            dearer += 1
            if fit > like_fit:
                like, like_fit = p, fit
            continue
        cheap_fit = max(cheap_fit, fit)
        for k in range(HELD):
            if i64(row.trade_mccs[k]) == mcc + 1 and fit > mine_fit:
                mine, mine_fit = p, fit
    if mine < 0 or like < 0:
        return False
    # Of many profiles one fits by chance: that many are less likely each.
    out.trade_evidence = like_fit - math.log(dearer) - cheap_fit + (NAME_NATS if name > 0 else 0.0)
    out.trade_mcc = reference.profile_mcc[mine]
    out.trade_like = reference.profile_mcc[like]
    out.trade_sales = counts.trade_sales
    out.trade_gap_1d_e7 = counts.trade_gap_e7[i64(reference.mcc_class[i64(reference.profile_mcc[like])])]
    out.trade_ticket = i64(np.exp2(statistic(counts, profiles.TICKET)))
    out.trade_ticket_own = i64(np.exp2(reference.profile_mean[mine, profiles.TICKET]))
    out.trade_ticket_like = i64(np.exp2(reference.profile_mean[like, profiles.TICKET]))
    out.trade_telling = _telling(counts, reference, like, mine)
    return True


@njit_inner
def _name_alone(row: Any, counts: Any, reference: Any, out: Any, name: int) -> None:
    """What a name says that no profile does."""
    out.trade_mcc = i64(row.trade_mccs[0]) - 1
    out.trade_sales = counts.trade_sales
    out.trade_gap_1d_e7 = counts.trade_gap_e7[i64(reference.mcc_class[name])]


@njit_inner
def close(row: Any, counts: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Compare the merchant's sales with the profiles at the end of a day with sales."""
    if counts.trade_today == 0:
        return
    counts.trade_days = min(i64(counts.trade_days) + 1, 60_000)
    fee_class = _dearest(row, reference)
    lasting = counts.trade_days >= MIN_DAYS and closing.day >= i64(row.trade_from_day) and fee_class > 0
    name = i64(counts.trade_name)
    if not lasting or reference.mcc_class[name] >= fee_class:
        name = 0
    judged = False
    if reference.profiles > 0 and lasting and counts.trade_sales >= MIN_SALES:
        judged = _judge(row, counts, reference, out, fee_class, name)
    if name > 0:
        out.trade_name = name
        if not judged:
            _name_alone(row, counts, reference, out, name)
    counts.trade_today = 0
    counts.trade_gap_e7[0] = 0
    counts.trade_gap_e7[1] = 0

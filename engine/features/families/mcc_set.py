"""Which of its registered MCCs a merchant uses how often: a drift to the cheaper ones of its own set.

Only merchants whose registered set, in force at the sale's own time, has MCCs of several fee classes are looked at; a
sale under one that is cheaper than the set's dearest class is cheap. The merchant as a whole, and each of up to eight
terminals, has a usual share of cheap sales; at the end of a day its sales since the last closing are held against
that by a sum of likelihood ratios (CUSUM). A day that speaks for a drift is not learned from; after 28 such days it is
the new usual. Another set begins anew, and so does the merchant's share where a terminal has joined it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.features.blocks import Block
from engine.features.event import SALE, Closing, Event
from engine.features.families import Column
from engine.features.families.mcc import leakage_e7
from engine.jit import i64, njit_inner

TERMINALS = 8
WHOLE = TERMINALS
"""The place of the merchant as a whole, after its terminals'."""
MIN_BASE = 50.0
"""Fewest (weighed) sales that make a usual share."""
MIN_DAYS = 7
"""Least days from the first sale of a set, or of a terminal, until its share counts as usual."""
JOINS_AFTER_D = 14
"""A terminal that came later than `MIN_DAYS` after the set counts to the merchant's share from this age on."""
IDLE_D = 28
"""A terminal without sales for as long gives its place up."""
HOLD = 2.0
"""From this evidence on a day is not learned from."""
RELEASE_D = 28
"""So many days not learned from make a new usual."""
MOST_A_DAY = 6.0
"""Most evidence that one day adds: a single odd day decides nothing."""
LEAST_SHIFT = 0.08
"""The shift that evidence is weighed for: twice the odds, and at least this share."""
_KEEP = 2.0 ** (-1.0 / 28.0)
FIRST_SCATTER = 2.0
"""How much more than by chance days differ, in variance, before it is learned; at least 1 after."""
_SCATTER_WEIGHT = 0.1
_MOST = 60_000

BASE_D = 28
"""Days until what started anew on a merchant means something: the half-life of the usual share."""
FIELDS = ()
_FIELDS = (
    ("set_since_ms", np.int64),
    ("set_loss_e7", np.int64),
    ("set_minor", np.int64),
    ("set_cheap_minor", np.int64),
    ("set_base_loss_e7", np.float64),
    ("set_base_minor", np.float64),
    ("set_base_cheap_minor", np.float64),
    ("set_base", np.float32, TERMINALS + 1),
    ("set_base_cheap", np.float32, TERMINALS + 1),
    ("set_cusum", np.float32, TERMINALS + 1),
    ("set_scatter", np.float32),
    ("set_key", np.uint32),
    ("set_day", np.int32),
    ("set_terminal", np.uint32, TERMINALS),
    ("set_first_day", np.uint16, TERMINALS),
    ("set_last_day", np.uint16, TERMINALS),
    ("set_sales", np.uint16, TERMINALS + 1),
    ("set_cheap", np.uint16, TERMINALS + 1),
    ("set_dear_mcc", np.uint16),
    ("set_cheap_mcc", np.uint16),
    ("set_held_d", np.uint8, TERMINALS + 1),
    ("set_joined", np.uint8, TERMINALS),
)
BLOCKS = (Block("mcc_set", _FIELDS),)
_NOT_JUDGED = "another kind of row, a set of one fee class, no sale since the last closing, or no usual share yet"

COLUMNS = (
    Column("set_evidence", "nats", "days held", "that the merchant's share of cheap sales has risen", "float",
           null=_NOT_JUDGED, error="relative 1e-4"),
    Column("set_terminal_evidence", "nats", "days held", "the same of one terminal, the most", "float",
           null=_NOT_JUDGED, error="relative 1e-4"),
    Column("set_share_1d", "share", "since the last closing", "cheap sales, per sale; of the terminal where that has "
           "more evidence", "float", null=_NOT_JUDGED, error="exact"),
    Column("set_share_usual", "share", "half-life 28 days with sales", "the same, usually", "float", null=_NOT_JUDGED,
           error="relative 1e-4"),
    Column("set_amount_share_1d", "share", "since the last closing", "cheap sales' amounts, per amount", "float",
           null=_NOT_JUDGED, error="exact"),
    Column("set_amount_share_usual", "share", "half-life 28 days with sales", "the same, usually", "float",
           null=_NOT_JUDGED, error="relative 1e-4"),
    Column("set_cheap_1d", "transactions", "since the last closing", "cheap sales", null=_NOT_JUDGED),
    Column("set_sales_1d", "transactions", "since the last closing", "sales under an MCC of the set", null=_NOT_JUDGED),
    Column("set_excess_1d_e7", "1e-7 minor units", "since the last closing", "what issuer and network lose by the "
           "cheap sales beyond the usual", null=_NOT_JUDGED),
    Column("set_mcc_cheap", "MCC", "txn", "the cheap MCC used last", null=_NOT_JUDGED),
    Column("set_mcc_dear", "MCC", "master data", "the first MCC of the set's dearest class", null=_NOT_JUDGED),
)  # fmt: skip
CLOSES = (
    "set_evidence", "set_terminal_evidence", "set_share_1d", "set_share_usual", "set_amount_share_1d",
    "set_amount_share_usual", "set_cheap_1d", "set_sales_1d", "set_excess_1d_e7", "set_mcc_cheap", "set_mcc_dear",
)  # fmt: skip


@njit_inner
def mcc_set_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale of a merchant with MCCs of several fee classes."""
    if event.role != SALE or not event.approved:
        return False
    for k in range(1, master_data.mcc_count):
        if reference.mcc_class[master_data.mccs[k]] != reference.mcc_class[master_data.mccs[0]]:
            return True
    return False


@njit_inner
def _relearn(block: Any, s: int) -> None:
    """Reset what was learned at place `s`."""
    block.set_base[s] = block.set_base_cheap[s] = block.set_cusum[s] = np.float32(0.0)
    block.set_held_d[s] = 0
    if s == WHOLE:
        block.set_base_loss_e7 = block.set_base_minor = block.set_base_cheap_minor = 0.0
        block.set_scatter = np.float32(0.0)


@njit_inner
def _empty(block: Any) -> None:
    """Reset the counts since the last closing."""
    for s in range(TERMINALS + 1):
        block.set_sales[s] = block.set_cheap[s] = 0
    block.set_loss_e7 = block.set_minor = block.set_cheap_minor = 0


@njit_inner
def _begin(block: Any, key: int, since_ms: int, day: int) -> None:
    """Begin with a set."""
    block.set_key, block.set_since_ms, block.set_day = key, since_ms, day
    block.set_cheap_mcc = 0
    _empty(block)
    for s in range(TERMINALS + 1):
        _relearn(block, s)
    for t in range(TERMINALS):
        block.set_terminal[t] = 0
        block.set_first_day[t] = block.set_last_day[t] = block.set_joined[t] = 0


@njit_inner
def _terminal(block: Any, terminal: np.uint64, day: int) -> int:
    """The terminal's place; -1 where all are taken."""
    tag = i64(terminal >> np.uint64(32)) | 1
    free = -1
    for t in range(TERMINALS):
        if i64(block.set_terminal[t]) == tag:
            return t
        if free < 0 and (block.set_terminal[t] == 0 or i64(block.set_last_day[t]) < day - IDLE_D):
            free = t
    if free >= 0:
        _relearn(block, free)
        block.set_sales[free] = block.set_cheap[free] = 0
        block.set_terminal[free] = tag
        block.set_first_day[free] = block.set_last_day[free] = day
        block.set_joined[free] = day <= block.set_day + MIN_DAYS
    return free


@njit_inner
def _take(block: Any, event: Event, master_data: Any, reference: Any) -> None:
    mcc = event.mcc if event.mcc >= 0 else event.acceptor_mcc if event.acceptor_mcc >= 0 else event.channel_mcc
    if mcc < 0:
        return
    key, dear, mine, several = 0, -1, False, False
    for k in range(master_data.mcc_count):
        each = i64(master_data.mccs[k])
        key += (each + 1) * (each + 1) * (each + 1)
        mine |= each == mcc
        several |= reference.mcc_class[each] != reference.mcc_class[master_data.mccs[0]]
        if dear < 0 or reference.mcc_class[each] < reference.mcc_class[dear]:
            dear = each
    if not (mine and several) or master_data.effective_ms < block.set_since_ms:
        return
    key = key % 0xFFFFFFFF + 1
    if key != i64(block.set_key):
        _begin(block, key, master_data.effective_ms, event.day)
    block.set_dear_mcc = dear + 1
    cheap = reference.mcc_class[mcc] > reference.mcc_class[dear]
    if cheap:
        block.set_cheap_mcc = mcc + 1
    t = _terminal(block, event.terminal, event.day)
    if t >= 0:
        block.set_last_day[t] = max(i64(block.set_last_day[t]), event.day)
        if block.set_sales[t] < _MOST:
            block.set_sales[t] += 1
            block.set_cheap[t] += cheap
        if not block.set_joined[t]:
            return
    if block.set_sales[WHOLE] == _MOST:
        return
    block.set_sales[WHOLE] += 1
    block.set_cheap[WHOLE] += cheap
    block.set_minor += event.amount
    if cheap:
        block.set_cheap_minor += event.amount
        loss = leakage_e7(reference, event, dear, mcc)
        if loss > 0:
            block.set_loss_e7 += min(loss, 10**13)


@njit_inner
def update(row: Any, block: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count an approved sale of a merchant with MCCs of several classes; columns are null until the day closes."""
    if mcc_set_needed(row, event, master_data, reference):
        _take(block, event, master_data, reference)


@njit_inner
def _usual(block: Any, s: int) -> float:
    """The usual share of cheap sales of a place, NaN before there is one."""
    base = np.float64(block.set_base[s])
    return (np.float64(block.set_base_cheap[s]) + 0.5) / (base + 1.0) if base >= MIN_BASE else np.nan


@njit_inner
def _weigh(block: Any, s: int, usual: float) -> None:
    """Add the evidence of the sales since the last closing to the place's sum."""
    n, cheap = np.float64(block.set_sales[s]), np.float64(block.set_cheap[s])
    if n == 0.0 or usual + LEAST_SHIFT >= 1.0:
        return
    risen = max(2.0 * usual / (1.0 + usual), usual + LEAST_SHIFT)
    by = cheap * math.log(risen / usual) + (n - cheap) * math.log((1.0 - risen) / (1.0 - usual))
    # Days differ by more than chance, and the usual share is itself an estimate.
    by /= (FIRST_SCATTER + np.float64(block.set_scatter)) * (1.0 + n / np.float64(block.set_base[s]))
    block.set_cusum[s] = max(0.0, np.float64(block.set_cusum[s]) + min(by, MOST_A_DAY))


@njit_inner
def _learn_day(block: Any, s: int, usual: float) -> None:
    """Update the usual share with the sales since the last closing."""
    n, cheap = np.float64(block.set_sales[s]), np.float64(block.set_cheap[s])
    if n == 0.0:
        return
    if s == WHOLE and n >= 5.0 and not math.isnan(usual):
        chance = n * usual * (1.0 - usual) * (1.0 + n / np.float64(block.set_base[s]))
        off = (cheap - n * usual) * (cheap - n * usual) / max(chance, 0.5)
        scatter = np.float64(block.set_scatter)
        block.set_scatter = max(
            1.0 - FIRST_SCATTER, scatter + _SCATTER_WEIGHT * (min(off, 9.0) - FIRST_SCATTER - scatter)
        )
    block.set_base[s] = np.float64(block.set_base[s]) * _KEEP + n
    block.set_base_cheap[s] = np.float64(block.set_base_cheap[s]) * _KEEP + cheap
    if s == WHOLE:
        block.set_base_loss_e7 = block.set_base_loss_e7 * _KEEP + np.float64(block.set_loss_e7)
        block.set_base_minor = block.set_base_minor * _KEEP + np.float64(block.set_minor)
        block.set_base_cheap_minor = block.set_base_cheap_minor * _KEEP + np.float64(block.set_cheap_minor)


@njit_inner
def _close_place(block: Any, s: int, day: int) -> float:
    """Test a place and learn from it; return the usual share it was compared with."""
    since = i64(block.set_day) if s == WHOLE else i64(block.set_first_day[s])
    usual = _usual(block, s) if day >= since + MIN_DAYS else np.nan
    if not math.isnan(usual):
        _weigh(block, s, usual)
    if block.set_cusum[s] < HOLD:
        block.set_held_d[s] = 0
        _learn_day(block, s, usual)
    elif block.set_held_d[s] < RELEASE_D:
        block.set_held_d[s] += block.set_sales[s] > 0
    else:
        _relearn(block, s)
        _learn_day(block, s, np.nan)
    return usual


@njit_inner
def _terminal_excess_e7(block: Any, t: int, usual: float) -> int:
    """What a terminal's cheap sales beyond the usual cost, by the mean of all of the merchant's cheap sales."""
    if block.set_cheap[WHOLE] == 0:
        return 0
    beyond = max(0.0, np.float64(block.set_cheap[t]) - usual * np.float64(block.set_sales[t]))
    return i64(np.float64(block.set_loss_e7) / np.float64(block.set_cheap[WHOLE]) * beyond)


@njit_inner
def _join(block: Any, day: int) -> None:
    """Count terminals old enough in the merchant's share, which is then relearned; not while the share is rising."""
    if block.set_cusum[WHOLE] >= HOLD:
        return
    for t in range(TERMINALS):
        of_age = block.set_terminal[t] != 0 and day >= i64(block.set_first_day[t]) + JOINS_AFTER_D
        if of_age and not block.set_joined[t]:
            block.set_joined[t] = 1
            _relearn(block, WHOLE)
            block.set_day = day


@njit_inner
def close(row: Any, block: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Test whether the share of cheap sales has risen by the day that ended; write the evidence."""
    if block.set_key == 0 or block.set_sales[WHOLE] == 0:
        return
    # What is told is told of the figures before they are learned from.
    base_minor, base_cheap_minor = block.set_base_minor, block.set_base_cheap_minor
    loss_usual = block.set_base_loss_e7 / max(np.float64(block.set_base[WHOLE]), 1.0)
    best, best_usual = -1, np.nan
    for t in range(TERMINALS):
        if block.set_terminal[t] == 0 or not block.set_joined[t]:
            continue
        usual = _close_place(block, t, closing.day)
        if not math.isnan(usual) and (best < 0 or block.set_cusum[t] > block.set_cusum[best]):
            best, best_usual = t, usual
    usual = _close_place(block, WHOLE, closing.day)
    if not math.isnan(usual) or best >= 0:
        whole = np.float64(block.set_cusum[WHOLE]) if not math.isnan(usual) else 0.0
        terminal = np.float64(block.set_cusum[best]) if best >= 0 else 0.0
        place, place_usual = (WHOLE, usual) if whole >= terminal and not math.isnan(usual) else (best, best_usual)
        excess = 0
        if not math.isnan(usual):
            excess = max(0, block.set_loss_e7 - i64(loss_usual * np.float64(block.set_sales[WHOLE])))
        if place != WHOLE:
            excess = max(excess, _terminal_excess_e7(block, place, place_usual))
        out.set_evidence = whole
        out.set_terminal_evidence = terminal
        sales = np.float64(block.set_sales[place])
        out.set_share_1d = np.float64(block.set_cheap[place]) / sales if sales > 0 else np.nan
        out.set_share_usual = place_usual
        if block.set_minor > 0:
            out.set_amount_share_1d = np.float64(block.set_cheap_minor) / np.float64(block.set_minor)
        if base_minor > 0:
            out.set_amount_share_usual = base_cheap_minor / base_minor
        out.set_cheap_1d = block.set_cheap[place]
        out.set_sales_1d = block.set_sales[place]
        out.set_excess_1d_e7 = excess
        if block.set_cheap_mcc:
            out.set_mcc_cheap = i64(block.set_cheap_mcc) - 1
        out.set_mcc_dear = i64(block.set_dear_mcc) - 1
    _empty(block)
    _join(block, closing.day)

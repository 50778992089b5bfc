"""Contracts in the kernel: which price applies to a payment, and how much dearer a version is than the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain import contracts
from engine.decoding.columns import MISSING
from engine.jit import i64, njit_inline, njit_inner

if TYPE_CHECKING:
    from engine.features.state import State
    from engine.jit import Structured

_0 = np.uint64(0)
UNKNOWN_TIER = -2
"""In the place of a price: it goes by the month's sales, of which too little is known."""
MOST_TAX_PERCENT = 27
"""The highest rate of value-added tax there is, Hungary's; China has 6 % on fees."""
_REFERENCES = (10_000, 100_000, 1_000_000, 10_000_000)
"""Payments that two versions are compared by: 100.00 to 100,000.00."""

fee_minor = njit_inner(contracts.fee_minor)


@njit_inline
def price_line(
    state: State, version: int, amount: int, month: int, scheme: int, kind: int, fee_class: int, channel: np.uint64,
    mode: np.uint64,
) -> int:  # fmt: skip
    """Place of the price that applies to a payment, as `domain.contracts.price_of`; -1 where none does."""
    best, it = -1, state.contracts[version]
    for k in range(it.line, it.line + it.lines):
        line = state.price_lines[k]
        fits = amount >= line.amount_from and month >= line.month_from
        fits &= line.scheme < 0 or line.scheme == scheme
        fits &= line.card_kind < 0 or line.card_kind == kind
        fits &= line.fee_class in (0, fee_class + 1)
        fits &= line.channel in (_0, channel)
        fits &= line.mode in (_0, mode)
        if not fits:
            continue
        if best < 0:
            best = k
            continue
        other = state.price_lines[best]
        if line.keys != other.keys:
            higher = line.keys > other.keys
        elif line.amount_from != other.amount_from:
            higher = line.amount_from > other.amount_from
        else:
            higher = line.month_from > other.month_from
        if higher:
            best = k
    return best


@njit_inner
def line_between(
    state: State, version: int, amount: int, low: int, high: int, scheme: int, kind: int, fee_class: int,
    channel: np.uint64, mode: np.uint64,
) -> int:  # fmt: skip
    """Place of the price that applies to a payment before which the month's sales had come to `low` up to `high`; -1
    where none does, `UNKNOWN_TIER` where that would not cost the same over all of it.
    """
    first = price_line(state, version, amount, low, scheme, kind, fee_class, channel, mode)
    if low == high:
        return first
    it = state.contracts[version]
    for k in range(it.line, it.line + it.lines):
        tier = state.price_lines[k].month_from
        if low < tier <= high:
            other = price_line(state, version, amount, tier, scheme, kind, fee_class, channel, mode)
            if other < 0:
                continue
            if first < 0 or line_fee(state.price_lines, other, amount) != line_fee(state.price_lines, first, amount):
                return UNKNOWN_TIER
    return first


@njit_inline
def line_fee(lines: Structured, k: int, amount: int) -> int:
    """What a payment costs by a price."""
    line = lines[k]
    return i64(fee_minor(amount, i64(line.rate_ppm), line.cap, line.minimum, line.fixed))


@njit_inner
def judged_fee(fee: int, tax: int, instant: int, in_mode: bool) -> int:
    """A fee without its tax, and without what settlement on the same day cost unless its price is for the mode; a line
    that is missing is `MISSING`. What is called tax and is more than any country's is none.
    """
    if fee == MISSING:
        return fee
    if tax != MISSING and 100 * abs(tax) <= MOST_TAX_PERCENT * abs(fee - tax) + 100:
        fee -= tax
    if instant != MISSING and not in_mode:
        fee -= instant
    return fee


@njit_inline
def version_at(state: State, first: int, time_ms: int) -> int:
    """Place of the contract's version in force at a moment, 0 where none is."""
    k = first
    while k > 0 and state.contracts[k].effective_ms > time_ms:
        k = i64(state.contract_next[k])
    return k


@njit_inner
def rise_ppm(state: State, version: int, before: int) -> int:
    """How much dearer a version is than another, `Revision.rise_ppm`; over the keys that either has a price for."""
    most, seen = MISSING, False
    for other in range(2):
        it = state.contracts[before if other else version]
        for k in range(it.line, it.line + it.lines):
            line = state.price_lines[k]
            for reference in _REFERENCES:
                amount, month = max(reference, line.amount_from), line.month_from
                scheme, kind, fee_class = i64(line.scheme), i64(line.card_kind), i64(line.fee_class) - 1
                new = price_line(state, version, amount, month, scheme, kind, fee_class, line.channel, line.mode)
                old = price_line(state, before, amount, month, scheme, kind, fee_class, line.channel, line.mode)
                if new < 0 or old < 0:
                    continue
                new_fee = line_fee(state.price_lines, new, amount)
                old_fee = line_fee(state.price_lines, old, amount)
                rise = (new_fee - old_fee) * 1_000_000 // max(1, old_fee)
                most = max(most, rise) if seen else rise
                seen = True
    return most

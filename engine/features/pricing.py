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
_REFERENCES = (10_000, 100_000, 1_000_000, 10_000_000)
"""Payments that two versions are compared by: 100.00 to 100,000.00."""

fee_minor = njit_inner(contracts.fee_minor)


@njit_inline
def price_line(
    state: State, version: int, amount: int, scheme: int, kind: int, channel: np.uint64, mode: np.uint64
) -> int:
    """Place of the price that applies to a payment, as `domain.contracts.price_of`; -1 where none does."""
    best, it = -1, state.contracts[version]
    for k in range(it.line, it.line + it.lines):
        line = state.price_lines[k]
        fits = amount >= line.amount_from
        fits &= line.scheme < 0 or line.scheme == scheme
        fits &= line.card_kind < 0 or line.card_kind == kind
        fits &= line.channel in (_0, channel)
        fits &= line.mode in (_0, mode)
        if not fits:
            continue
        if best < 0:
            best = k
            continue
        other = state.price_lines[best]
        dearer_tier = line.keys == other.keys and line.amount_from > other.amount_from
        if line.keys > other.keys or dearer_tier:
            best = k
    return best


@njit_inline
def line_fee(lines: Structured, k: int, amount: int) -> int:
    """What a payment costs by a price."""
    line = lines[k]
    return i64(fee_minor(amount, i64(line.rate_ppm), line.cap, line.minimum, line.fixed))


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
                amount = max(reference, line.amount_from)
                scheme, kind = i64(line.scheme), i64(line.card_kind)
                new = price_line(state, version, amount, scheme, kind, line.channel, line.mode)
                old = price_line(state, before, amount, scheme, kind, line.channel, line.mode)
                if new < 0 or old < 0:
                    continue
                new_fee = line_fee(state.price_lines, new, amount)
                old_fee = line_fee(state.price_lines, old, amount)
                rise = (new_fee - old_fee) * 1_000_000 // max(1, old_fee)
                most = max(most, rise) if seen else rise
                seen = True
    return most

"""Amounts of one currency in another, exact and rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.decoding.columns import MISSING
from engine.jit import i64, njit_cached, njit_inner

_0 = np.uint64(0)
_1 = np.uint64(1)
_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@njit_inner
def scaled(amount: int, up: int, down: int) -> int:
    """`amount * up / down`, rounded to the nearest, halves away from zero.

    Args:
        amount: its size below 2**63.
        up: 0 to 2**63 - 1.
        down: 1 to 2**62.
    """
    a, b, divisor = np.uint64(abs(amount)), np.uint64(up), np.uint64(down)
    # The product, 128 bits as two words.
    low, high = (a & _LOW) * (b & _LOW), (a >> _32) * (b >> _32)
    middle = (a >> _32) * (b & _LOW) + (low >> _32)
    other = (a & _LOW) * (b >> _32) + (middle & _LOW)
    high += (middle >> _32) + (other >> _32)
    low = (other << _32) | (low & _LOW)
    quotient, rest = _0, _0
    for k in range(128):
        bit = (high >> np.uint64(63 - k)) & _1 if k < 64 else (low >> np.uint64(127 - k)) & _1
        rest = (rest << _1) | bit
        quotient <<= _1
        if rest >= divisor:
            rest -= divisor
            quotient |= _1
    if rest + rest >= divisor:
        quotient += _1
    return -i64(quotient) if amount < 0 else i64(quotient)


@njit_inner
def converted(amount: int, of: int, to: int, reference: Any) -> int:
    """An amount of the currency `of` (packed) in the currency `to`; `MISSING` where a rate is missing."""
    if of == to:
        return amount
    one, other = -1, -1
    for k in range(reference.exchanges):
        if reference.exchange_currency[k] == of:
            one = k
        if reference.exchange_currency[k] == to:
            other = k
    if one < 0 or other < 0:
        return MISSING
    if reference.exchange_currency[0] == to:
        return scaled(amount, reference.exchange_up[one], reference.exchange_down[one])
    if reference.exchange_currency[0] == of:
        return scaled(amount, reference.exchange_down[other], reference.exchange_up[other])
    # Both rates fit 31 bits each, so that their products fit a word.
    up, down = reference.exchange_up[one], reference.exchange_down[one]
    return scaled(amount, up * reference.exchange_down[other], down * reference.exchange_up[other])


@njit_inner
def home_rate(of: int, reference: Any) -> float:
    """Minor units of the acquirer's currency for one of the currency `of` (packed); NaN where there is no rate."""
    for k in range(reference.exchanges):
        if reference.exchange_currency[k] == of:
            return float(reference.exchange_up[k] / reference.exchange_down[k])
    return np.nan


@njit_cached
def scale(amount: int, up: int, down: int) -> int:
    """`scaled`, for Python."""
    return scaled(amount, up, down)

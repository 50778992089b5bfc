"""Shares with their intervals."""

from __future__ import annotations

import math

import msgspec

_Z = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


class Share(msgspec.Struct, frozen=True):
    """`part` of `whole`, with its Wilson interval at 95 %; `value` is None where `whole` is 0."""

    part: int
    whole: int
    value: float | None
    low: float
    high: float


def share(part: int, whole: int) -> Share:
    """A share with its Wilson interval.

    >>> s = share(9, 10)
    >>> round(s.low, 4), round(s.high, 4)
    (0.5958, 0.9821)
    """
    if whole == 0:
        return Share(0, 0, None, 0.0, 1.0)
    p, z2 = part / whole, _Z * _Z
    centre = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    half = _Z * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    low = 0.0 if part == 0 else max(0.0, centre - half)
    high = 1.0 if part == whole else min(1.0, centre + half)
    return Share(part, whole, p, low, high)

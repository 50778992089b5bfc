"""Ranks in decades: 3 says that one merchant-day of training in 1,000 was at least as far out.

A table holds, for each decade of a fixed grid, the value that this share of the sample reached. Between its values
decades are interpolated; beyond them, and beyond what the sample bears, the tail falls exponentially, so that
extreme values still differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.rarity import njit_cached, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_DECADE, POINTS = 10, 51
"""Points of a table for each decade, and in all: from 0 to 5 decades."""
MOST_DECADES = 12.0
"""A rank is never more."""
LEAST_BEYOND = 10
"""Values of the sample beyond a table's value, at least, where it is read from the sample."""


def table(sample: NDArray[Any], least_slope: float) -> NDArray[np.float64]:
    """The table of a sample, shape (POINTS,), ascending.

    Args:
        sample: at least one value, shape (n,), in any order.
        least_slope: by how much a value rises in a decade beyond the sample, at least; above 0.
    """
    ordered = np.sort(sample.astype(np.float64))
    n = len(ordered)
    shares = 10.0 ** (-np.arange(POINTS) / PER_DECADE)
    places = np.clip(np.ceil(n - shares * n).astype(np.int64), 0, n - 1)
    return extended(ordered[places], n, least_slope)


def extended(values: NDArray[np.float64], n: int, least_slope: float) -> NDArray[np.float64]:
    """A table whose values beyond what a sample of n bears follow the slope of the last decade within."""
    last = int(np.clip(np.floor(PER_DECADE * np.log10(max(n / LEAST_BEYOND, 1.0)) + 1e-9), 0, POINTS - 1))
    first = max(last - PER_DECADE, 0)
    slope = max((values[last] - values[first]) / max(last - first, 1), least_slope / PER_DECADE)
    made = values.copy()
    made[last + 1 :] = values[last] + slope * np.arange(1, POINTS - last)
    return made


def decades(table: NDArray[np.float64], values: NDArray[np.float64], least_slope: float) -> NDArray[np.float64]:
    """Ranks of values, shape (n,), each by itself."""
    made = np.empty(values.shape)
    _fill(table, values, least_slope, made)
    return made


@njit_inner
def decades_of(table: Any, value: float, least_slope: float) -> float:
    """The rank of a value: that of the commonest among equal ones of the table."""
    if value <= table[0]:
        return 0.0
    if value > table[POINTS - 1]:
        slope = max(table[POINTS - 1] - table[POINTS - 1 - PER_DECADE], least_slope)
        return float(min((POINTS - 1) / PER_DECADE + (value - table[POINTS - 1]) / slope, MOST_DECADES))
    low, high = 0, POINTS - 1  # table[low] < value <= table[high]
    while high - low > 1:
        middle = (low + high) // 2
        if table[middle] < value:
            low = middle
        else:
            high = middle
    return float((low + (value - table[low]) / (table[high] - table[low])) / PER_DECADE)


@njit_cached
def _fill(table: Any, values: Any, least_slope: float, made: Any) -> None:
    for k in range(len(values)):
        made[k] = decades_of(table, values[k], least_slope)

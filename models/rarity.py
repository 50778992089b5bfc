"""How rare an oddness is in its own series, in decimal digits: 3 says once in 1,000 rows.

A histogram says which share of the rows that are remembered was as odd. A tail says how far a size lies beyond nearly
all before it; what it keeps is the limit between these and the few largest, and the mean excess of the largest. Both
follow the series, so one threshold serves a noisy series and a quiet one.

All of this is compiled into its callers; a row has the fields of `histograms` and `tails`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    P = ParamSpec("P")
    R = TypeVar("R")

    def njit_inner(function: Callable[P, R]) -> Callable[P, R]:
        """Compile for other compiled functions: to call one from Python ends the process."""
        ...

    def njit_cached(function: Callable[P, R]) -> Callable[P, R]:
        """Compile on first call and keep the machine code, which holds that of all it calls."""
        ...

else:
    import numba

    from models.kept_code import kept

    njit_inner = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    njit_cached = kept(nogil=True, no_cfunc_wrapper=True)

REMEMBERED = 5000
"""Rows that a histogram remembers; at more, all counts are halved. Two weeks and a half at five minutes a row."""
BINS, PER_OCTAVE = 64, 4
"""Of a histogram of oddness: bins, and bins for each doubling."""
TOP = 0.02
"""Share of the largest in a histogram that say how fast it falls beyond the largest."""
PRIOR = 4.0
"""Weight, in rows, and length, in bins (an octave), of what is assumed of that before any was seen."""
SLOWEST, SLOWEST_EXCESS, SEEN, PEAKS = 0.02, 0.05, 30.0, 8.0
"""Least weights of a new row in a limit and an excess; rows and peaks that are taken to be behind a new tail."""
LEAST_LIMIT, LEAST_EXCESS, MOST_EXCESS, MOST_DIGITS = 0.3, 0.2, 5.0, 20.0
"""Bounds of a tail; an excess counts for no more than `MOST_EXCESS` times the mean one."""
LARGEST = 1e30
"""Values beyond have no score: the means of a season have 32 bits, and two that overflowed have no difference."""
USUAL = 4.0
"""An error moves the usual one by no more than this many times the usual one: an outlier does not hide the next."""
FEW = 20
"""Rows before which nothing is usual."""


def histograms(tests: int) -> list[tuple[str, str, int | tuple[int, int]]]:
    """The fields of a row that `count` and `share` need."""
    return [("seen", "f4", tests), ("counts", "f4", (tests, BINS))]


def tails(tests: int) -> list[tuple[str, str, int]]:
    """The fields of a row that `beyond` needs; whoever makes the row fills in the first `limit` and `excess`."""
    return [(name, "f8", tests) for name in ("limit", "excess", "peaks", "sized")]


@njit_inner
def count(row: Any, test: int, odd: float, weight: float) -> None:
    """Add a row of this oddness to a test's histogram."""
    row.counts[test, int(min(odd * PER_OCTAVE, BINS - 1.0))] += weight
    row.seen[test] += weight
    if row.seen[test] > REMEMBERED:
        row.seen[test] *= 0.5
        for k in range(BINS):
            row.counts[test, k] *= 0.5


@njit_inner
def share(counts: Any, seen: float, odd: float) -> float:
    """The share of rows that were at least as odd, or nearly so: within a bin."""
    if seen < FEW:
        return 1.0
    place = min(odd * PER_OCTAVE, BINS - 1.0)
    enough = max(5.0, TOP * seen)
    above, tail, tail_sum, top = 0.0, 0.0, 0.0, -1
    start, k = BINS - 1, BINS - 1
    while k >= 0 and (tail < enough or k >= int(place) - 1):
        count = counts[k]
        if count >= 0.5 and top < 0:
            top = k + 1
        if k >= int(place) - 1:
            above += count
        if tail < enough:
            tail += count
            tail_sum += count * k
            start = k
        k -= 1
    rare = (above + 1.0) / (seen + 1.0)
    if place > top:
        rare *= np.exp(-(place - top) * (tail + PRIOR) / (tail_sum - start * tail + PRIOR * PRIOR))
    return float(max(rare, 10.0**-MOST_DIGITS))


@njit_inner
def beyond(row: Any, test: int, size: float, share: float) -> float:
    """Decimal digits of how rare a size is by its tail, which has `share` of all rows; then the tail learns it.

    The limit moves so that this share lies beyond, and the mean excess says how fast the tail falls. Below the limit
    digits grow in proportion.
    """
    limit, excess = row.limit[test], row.excess[test]
    digits = -np.log10(share)
    digits = digits * size / limit if size <= limit else digits + np.log10(np.e) * (size - limit) / excess
    rate = max(SLOWEST, 1.0 / (SEEN + row.sized[test]))
    row.sized[test] += 1.0
    if size > limit:
        row.limit[test] = limit + rate * (1.0 - share)
        rate = max(SLOWEST_EXCESS, 1.0 / (PEAKS + row.peaks[test]))
        row.excess[test] = max(LEAST_EXCESS, excess + rate * (min(size - limit, MOST_EXCESS * excess) - excess))
        row.peaks[test] += 1.0
    else:
        row.limit[test] = max(LEAST_LIMIT, limit - rate * share)
    return float(min(digits, MOST_DIGITS))

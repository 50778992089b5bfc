"""What a merchant's habits are figured from: decayed sums over its transactions, and what was usual of each habit.

A sum loses its share of a day at each closing of a local day, and transactions add 1 (or their figure) to it. They are
held as float32. The logarithms of tickets count from a whole octave near their mean, or their powers would cancel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.habits import HABITS, HALF_LIFE_D, LEAST_WEIGHT
from engine.jit import i64, njit_inner

BLOCKS = 6
"""Blocks of the local day, those of `domain.profiles` with its last two as one."""
(
    LOG, LOG_2, LOG_3, LOG_4, LOG_EVENING, MINOR, WEEKEND, ROUND, KIND_KNOWN, CREDIT, ENTRY_KNOWN, KEYED, STRIPE, CODE,
    COUNTRY_KNOWN, FOREIGN, WITH_CARD, REPEAT, REGULAR, SAME_AMOUNT, MCC_KNOWN, OTHER_MCC, TERMINAL_KNOWN, SWITCH,
    QUICK, FEE_CHARGED, FEE_DUE, ATTEMPTS, TESTING, LIMIT, REFUNDS, REFUNDS_MINOR, UNDONE, REPORTS, OPEN,
) = range(BLOCKS, BLOCKS + 35)  # fmt: skip
"""Places of the sums, after the sales by block of the day: first what a sale adds to, in that order."""
SUMS = OPEN + 1
USUAL_D = 28
"""Half-life of what is usual, and closings with habits before it is told."""
_LEARNED_D = 7
"""The first closings with habits teach nothing: before a week is over the share of weekends is no habit."""

_FADE = np.float32(0.5 ** (1 / HALF_LIFE_D))
_STEP = 1.0 - 0.5 ** (1 / USUAL_D)
_MOST_DAYS = _LEARNED_D + int(1 / _STEP) + 1
"""Closings after which the mean of all weighs a new one less than `_STEP`."""
_MOST_CLOSINGS = 255
_DAYS = np.array([sum(0.5 ** (k / HALF_LIFE_D) for k in range(n + 1)) for n in range(_MOST_CLOSINGS + 1)])
"""Weight of the days after so many closings, with the one that ends; the last is the limit within 1e-10."""
_ZERO = np.float32(1e-30)
"""Stands for a usual value of 0, for all zeros mean that nothing was seen."""
_FARTHEST = 1.0
"""Octaves that the mean of tickets may lie from where their logarithms count from."""

FIELDS = (
    ("habit_terminal", np.uint32),
    ("habit_octave", np.uint8),
    ("habit_closings", np.uint8),
    ("habit_days", np.uint8),
    ("habit_sums", np.float32, SUMS),
    ("habit_usual", np.float32, len(HABITS)),
)
"""`habit_terminal` is of the sale before; `habit_octave` the octave (of minor units) that logarithms count from, + 1;
`habit_closings` counts to 255, `habit_days` those with habits, as far as it matters."""


@njit_inner
def weights(held: Any) -> tuple[float, float]:
    """Weight of the approved sales, and of the days with the one that ends."""
    sales = 0.0
    for k in range(BLOCKS):
        sales += float(held.habit_sums[k])
    return sales, float(_DAYS[held.habit_closings])


@njit_inner
def share(held: Any, part: int, base: float) -> float:
    """A sum as a share of a base, 1 at most; NaN where the base is too small."""
    return min(float(held.habit_sums[part]) / base, 1.0) if base >= LEAST_WEIGHT else np.nan


@njit_inner
def part_of(held: Any, part: int, base: int) -> float:
    """The same of another sum."""
    return share(held, part, float(held.habit_sums[base]))


@njit_inner
def add_ticket(held: Any, log: float, evening: bool) -> None:
    """Add a ticket by its binary logarithm."""
    if held.habit_octave == 0:
        held.habit_octave = i64(np.floor(log)) + 1
    x = np.float32(log - (i64(held.habit_octave) - 1))
    sums, xx = held.habit_sums, x * x
    sums[LOG] += x
    sums[LOG_2] += xx
    sums[LOG_3] += xx * x
    sums[LOG_4] += xx * xx
    sums[LOG_EVENING] += x * np.float32(evening)


@njit_inner
def moments(held: Any, n: float) -> tuple[float, float, float, float]:
    """Mean of the tickets' binary logarithms, and their second to fourth central moments."""
    a, b = float(held.habit_sums[LOG]) / n, float(held.habit_sums[LOG_2]) / n
    c, d = float(held.habit_sums[LOG_3]) / n, float(held.habit_sums[LOG_4]) / n
    second, third = max(b - a * a, 0.0), c - 3.0 * a * b + 2.0 * a * a * a
    fourth = d - 4.0 * a * c + 6.0 * a * a * b - 3.0 * a * a * a * a
    return i64(held.habit_octave) - 1 + a, second, third, max(fourth, second * second)


@njit_inner
def by_hour(held: Any, n: float) -> float:
    """Octaves by which the mean ticket of 20 to 6 h lies above that of 6 to 20 h; NaN where either are too few."""
    sums = held.habit_sums
    evening = float(sums[0]) + float(sums[BLOCKS - 1])
    if evening < LEAST_WEIGHT or n - evening < LEAST_WEIGHT:
        return np.nan
    log = float(sums[LOG_EVENING])
    return log / evening - (float(sums[LOG]) - log) / (n - evening)


@njit_inner
def _recentre(held: Any, n: float) -> None:
    """Let logarithms count from the octave nearest to their mean where that has gone far from it."""
    sums, octave = held.habit_sums, i64(held.habit_octave)
    if n == 0.0 or abs(float(sums[LOG])) <= _FARTHEST * n:
        return
    to = min(max(octave + i64(np.floor(float(sums[LOG]) / n + 0.5)), 1), 64)
    by, evening = float(to - octave), float(sums[0]) + float(sums[BLOCKS - 1])
    a, b, c, d = float(sums[LOG]), float(sums[LOG_2]), float(sums[LOG_3]), float(sums[LOG_4])
    by_2 = by * by
    sums[LOG] = a - by * n
    sums[LOG_2] = b - 2.0 * by * a + by_2 * n
    sums[LOG_3] = c - 3.0 * by * b + 3.0 * by_2 * a - by_2 * by * n
    sums[LOG_4] = d - 4.0 * by * c + 6.0 * by_2 * b - 4.0 * by_2 * by * a + by_2 * by_2 * n
    sums[LOG_EVENING] = float(sums[LOG_EVENING]) - by * evening
    held.habit_octave = to


@njit_inner
def fade(held: Any) -> None:
    """End a day: the sums lose a day's share."""
    _recentre(held, weights(held)[0])
    for k in range(SUMS):
        held.habit_sums[k] *= _FADE
    held.habit_closings = min(i64(held.habit_closings) + 1, _MOST_CLOSINGS)


@njit_inner
def usual(held: Any, habit: int, value: float) -> float:
    """What was usual of a habit before, NaN where too little was seen or it has no value; then it learns the value.

    It is a mean of all values first, and a decayed one once that is the slower to learn.
    """
    if np.isnan(value) or held.habit_days < _LEARNED_D:
        return np.nan
    was = held.habit_usual[habit]
    before = float(was) if was != _ZERO else 0.0
    step = max(_STEP, 1.0 / (i64(held.habit_days) - _LEARNED_D + 1.0))
    now = np.float32(before + (value - before) * step) if was != np.float32(0.0) else np.float32(value)
    held.habit_usual[habit] = now if abs(now) > _ZERO else _ZERO
    return before if held.habit_days >= USUAL_D and was != np.float32(0.0) else np.nan


@njit_inner
def count_day(held: Any) -> None:
    """Count a closing with habits."""
    held.habit_days = min(i64(held.habit_days) + 1, _MOST_DAYS)

"""How odd a day of a daily series is: what is usual on its weekday, and what adds up over days.

Five looks: rise and fall of the day and of three days, and what lasts. All is done with the square root, whose noise
depends little on the level where values are counts. A weekday that usually has 0 is one on which a shop is shut: a 0
there is no fall, and trade there is compared with what other weeks had.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import DAY_MS
from models.rarity import LARGEST, USUAL, beyond, njit_inner, tails

MIDNIGHT_MS = DAY_MS // 4
"""Added before the weekday is taken: midnight in any zone, in summer and winter, stays on one side of a day's end."""
RISE, FALL, RISE_3, FALL_3, LASTING = range(5)
LOOKS = 5
LEVEL_DAYS, WEEKDAY_VISITS, ERROR_DAYS, OPEN_VISITS = 28.0, 10.0, 60.0, 8.0
"""Open days, and visits of a weekday, over which level, weekday, usual error and share of open days are taken."""
RECENT = 0.2
"""Weight of a day in what lasts."""
OPEN = 0.8
"""Share of a weekday's visits with trade up to which a day without is no fall."""
MOST_A_DAY, MOST_LEARNED = 3.0, 3.0
"""Usual errors by which one day counts at most where days are added up, and is learned at most."""
WARM_UP_DAYS = 60
"""Days with trade over which the score grows to its full size."""

LIMIT, EXCESS, BEYOND = 3.6, 0.7, 0.02
"""A tail at first: usual errors where it begins, their mean excess, and the share of days beyond, seven in a year."""
_SMALL_DAYS = 7

DAYS = np.dtype(
    [
        ("days", "f8"),  # with trade
        ("level", "f8"),  # of the square root, as all below
        ("error", "f8"),
        ("weekday", "f8", 7),  # what is added to the level
        ("visits", "f8", 7),
        ("open", "f8", 7),  # share of visits with trade
        ("three", "f8", 3),  # the last days, in usual errors
        ("lasting", "f8"),
        *tails(LOOKS),
    ]
)


@njit_inner
def begin_days(day: Any) -> None:
    """Fill in what is assumed before the first day."""
    for k in range(LOOKS):
        day.limit[k], day.excess[k] = LIMIT, EXCESS
    for k in range(7):
        day.open[k] = 1.0


@njit_inner
def look_at_day(day: Any, ts_ms: int, value: float, size: Any) -> float:
    """Fill in, in usual errors, each look at a daily series, and learn the day; the value expected.

    All is done with the square root, whose noise depends little on the level where values are counts.
    """
    weekday = (ts_ms + MIDNIGHT_MS) // DAY_MS % 7
    root, traded = np.sign(value) * np.sqrt(abs(value)), value != 0.0
    if traded:
        day.days += 1.0
        day.level = root if day.days == 1.0 else day.level
    expected, often = day.level + day.weekday[weekday], day.open[weekday]
    error = day.error + 1e-3 * abs(day.level) + 1e-12
    weight = 1.0 if traded else max(0.0, (often - OPEN) / (1.0 - OPEN))
    rise = weight * (root - expected) / error
    if traded or weight > 0.0:
        counted = min(max(rise, -MOST_A_DAY), MOST_A_DAY)
        day.three[0], day.three[1], day.three[2] = day.three[1], day.three[2], counted
        day.lasting += RECENT * (counted - day.lasting)
    three = (day.three[0] + day.three[1] + day.three[2]) / np.sqrt(3.0)
    size[RISE] = max(0.0, rise) if traded else 0.0
    size[FALL] = min(max(0.0, -rise), LIMIT)  # shops shut for a day: an alert takes more than that
    size[RISE_3] = max(0.0, three) if traded else 0.0
    size[FALL_3] = max(0.0, -three) if rise < 0.0 else 0.0
    size[LASTING] = abs(day.lasting) * np.sqrt((2.0 - RECENT) / RECENT)
    _learn_day(day, weekday, root - expected, error, traded)
    return float(np.sign(expected) * expected**2) if often >= 0.5 else 0.0


@njit_inner
def _learn_day(day: Any, weekday: int, rest: float, error: float, traded: bool) -> None:
    day.open[weekday] += ((1.0 if traded else 0.0) - day.open[weekday]) / OPEN_VISITS
    if traded:
        usual = error if day.days > 2 * _SMALL_DAYS else LARGEST
        learned = min(max(rest, -MOST_LEARNED * usual), MOST_LEARNED * usual)
        day.level += learned / min(day.days, LEVEL_DAYS)
        day.error += (min(abs(rest), USUAL * usual) - day.error) / min(day.days, ERROR_DAYS)
        day.visits[weekday] += 1.0
        day.weekday[weekday] += learned / min(day.visits[weekday] + 1.0, WEEKDAY_VISITS)


@njit_inner
def rarity_of_day(day: Any, size: Any) -> float:
    """Decimal digits of how rare the two oddest looks are."""
    first = second = 0.0
    if day.days > _SMALL_DAYS:
        for look in range(LOOKS):
            digits = beyond(day, look, size[look], BEYOND)
            first, second = max(first, digits), max(second, min(first, digits))
    return float((first + 0.5 * second) * min(1.0, day.days / WARM_UP_DAYS))

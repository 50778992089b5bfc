"""What a merchant's calendar month has come to, by local day: prices of a contract may go by it.

Kept only of merchants whose contract has such a price, from the day on which that is known.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.jit import i64, njit_inner

if TYPE_CHECKING:
    from engine.features.event import Undone

STARTS = np.array([(date(1970 + k // 12, k % 12 + 1, 1) - date(1970, 1, 1)).days for k in range(12 * 131)], np.int64)
"""By month since January 1970, its first day since 1970."""
DAYS = 40
"""Days held: the longest month, and nine in which what was sold at its beginning may still be settled."""
MONTH_FIELDS = (("month_minor", np.int64, DAYS), ("month_day", np.int32), ("month_since", np.int32))
"""Fields of the block: approved sales by local day, the latest day with any, and the day from which on all are known; 0
for all there ever were."""


@njit_inner
def month_of(day: int) -> int:
    """The month of a day, both since January 1970."""
    month = min(day * 4_800 // 146_097, len(STARTS) - 2)
    while STARTS[month] > day:
        month -= 1
    while STARTS[month + 1] <= day:
        month += 1
    return i64(month)


@njit_inner
def month_start(day: int) -> int:
    """The first day (since 1970) of a day's month."""
    return i64(STARTS[month_of(day)])


@njit_inner
def month_so_far(months: Any, day: int) -> tuple[int, int, bool]:
    """What a day's month came to before the day, with what is known of the day, and whether that is all of it."""
    last, first, before = i64(months.month_day), month_start(day), i64(0)
    for each in range(max(first, last - DAYS + 1), min(day - 1, last) + 1):
        before += months.month_minor[each % DAYS]
    of_day = months.month_minor[day % DAYS] if last - DAYS < day <= last else 0
    return before, before + of_day, first >= months.month_since and first > last - DAYS


@njit_inner
def add_sale(months: Any, day: int, amount: int, since: int) -> None:
    """Add an approved sale; the first says from which day on all are known."""
    last = i64(months.month_day)
    if last == 0:
        months.month_since = since
    if day > last:
        for each in range(max(last + 1, day - DAYS + 1), day + 1):
            months.month_minor[each % DAYS] = 0
        months.month_day = last = day
    if day > last - DAYS:
        months.month_minor[day % DAYS] += amount


@njit_inner
def take_out(months: Any, undone: Undone) -> None:
    """Take what a void or reversal undoes out of the day of its sale."""
    last = i64(months.month_day)
    if last - DAYS < undone.day <= last:
        months.month_minor[undone.day % DAYS] -= undone.amount

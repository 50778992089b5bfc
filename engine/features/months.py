"""What a merchant's calendar month has come to, by local day: prices of a contract may go by it.

Kept only of merchants whose contract has such a price, from the day on which that is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.jit import i64, njit_inner

if TYPE_CHECKING:
    from engine.features.event import Undone

DAYS = 40
"""Days held: the longest month, and nine in which what was sold at its beginning may still be settled."""
MONTH_FIELDS = (("month_minor", np.int64, DAYS), ("month_day", np.int32), ("month_since", np.int32))
"""Fields of the block: approved sales by local day, the latest day with any, and the day from which on all are known; 0
for all there ever were."""


@njit_inner
def month_start(day: int) -> int:
    """The first day (since 1970) of a day's month."""
    # Months counted from March have fixed beginnings: (153 m + 2) // 5 days after 1 March.
    of_era = (day + 719_468) % 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return i64(day - (of_year - (153 * month + 2) // 5))


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

"""What kind of day each day is: holidays, the days around them, the main festival's season, paydays, sales days.

Which day is what is data, by country: the control kind `calendar` has it, and nothing is computed from a library.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import IntEnum

_EPOCH = date(1970, 1, 1)
FIRST, LAST = date(2002, 1, 1), date(2035, 12, 31)
"""The days that are told apart; every other is ordinary."""
FIRST_DAY = (FIRST - _EPOCH).days
DAYS = (LAST - FIRST).days + 1


class DayKind(IntEnum):
    """What sets a day apart. An expectation of ordinary days is taught by the first three alone."""

    ORDINARY = 0
    PAYDAY = 1
    """When wages are commonly paid; in China the 10th and 15th."""
    SALE = 2
    """A day of promotions; in China 18 June, 11 November, 12 December."""
    EVE = 3
    """The day before a holiday, and a working weekend (调休)."""
    RUSH = 4
    """Days of shopping before the main festival: eight before the eve of Spring Festival, or 17 to 23 December."""
    HOLIDAY = 5
    """Public holidays with their days off, in China the whole weeks of 1 May and 1 October."""
    FESTIVAL = 6
    """The season of the main festival: in China from the eve of Spring Festival to the 15th of the first month; where
    Christmas is one, 24 December, on which some shops close at noon and others sell twice as much."""


def month_place(day: int) -> int:
    """The place of a day (since 1970) in its month: 1 to 30, or 32 for the last day.

    >>> [month_place(day) for day in (0, 29, 30)]
    [1, 30, 32]
    """
    of = _EPOCH + timedelta(day)
    return 32 if (of + timedelta(1)).day == 1 else of.day


def turn_of_year(day: int) -> bool:
    """Whether a day (since 1970) lies between 29 December and 4 January: many shops are shut, whatever the calendar.

    >>> [turn_of_year(day) for day in (-4, -3, 3, 4)]
    [False, True, True, False]
    """
    of = _EPOCH + timedelta(day)
    return (of.month, of.day) >= (12, 29) or (of.month, of.day) <= (1, 4)

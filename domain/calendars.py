"""What kind of day each day is: holidays, the days around them, Spring Festival by the moon, paydays, sales days."""

from __future__ import annotations

from datetime import date, timedelta
from enum import IntEnum
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_EPOCH = date(1970, 1, 1)
FIRST, LAST = date(2002, 1, 1), date(2035, 12, 31)
"""The days that are told apart; every other is ordinary."""
FIRST_DAY = (FIRST - _EPOCH).days
DAYS = (LAST - FIRST).days + 1
RUSH_DAYS = 8
"""Days of shopping before the eve of the main festival."""
FESTIVAL_DAYS = 15
"""Spring Festival lasts to the 15th of the first month (元宵节): many shops open again only after it."""
PAYDAYS = (10, 15)
SALES_DAYS = ((6, 18), (11, 11), (12, 12))


class DayKind(IntEnum):
    """What sets a day apart. An expectation of ordinary days is taught by the first three alone."""

    ORDINARY = 0
    PAYDAY = 1
    """The 10th and 15th, when wages are commonly paid in China."""
    SALE = 2
    """18 June, 11 November, 12 December."""
    EVE = 3
    """The day before a holiday, and a working weekend (调休)."""
    RUSH = 4
    """The eight days before the eve of Spring Festival; elsewhere 17 to 24 December where Christmas is a holiday."""
    HOLIDAY = 5
    """Public holidays with their days off, in China the whole weeks of 1 May and 1 October."""
    SPRING = 6
    """In China from the eve of Spring Festival to the 15th of the first month."""


@cache
def day_kinds(country: str) -> NDArray[np.uint8]:
    """`DayKind` of each day from `FIRST` on, shape (DAYS,); read-only.

    Holidays are those of the package `holidays`, which knows the days off of each year once they are decreed. A
    country that it does not cover has ordinary days alone.

    Args:
        country: ISO 3166 alpha-2.

    >>> int(day_kinds("CN")[(date(2026, 2, 17) - FIRST).days]) == DayKind.SPRING
    True
    """
    kinds = np.zeros(DAYS, np.uint8)
    china = country == "CN"
    for k in range(DAYS if china else 0):
        day = FIRST + timedelta(k)
        if (day.month, day.day) in SALES_DAYS:
            kinds[k] = DayKind.SALE
        elif day.day in PAYDAYS:
            kinds[k] = DayKind.PAYDAY
    for kind, days in _special(country):
        for day in days:
            if FIRST <= day <= LAST:
                kinds[(day - FIRST).days] = max(kinds[(day - FIRST).days], kind)
    kinds.flags.writeable = False
    return kinds


def _special(country: str) -> Iterator[tuple[DayKind, list[date]]]:
    if find_spec("holidays") is None:
        return
    import holidays  # noqa: PLC0415  (a hundred milliseconds, for those who start a monitor)

    years = range(FIRST.year, LAST.year + 1)
    try:
        found: Any = holidays.country_holidays(country, years=years, language="en_US")
    except NotImplementedError:  # its word for a country that it does not cover
        return
    off = set(found)
    if country == "CN":
        off |= {date(year, 5, day) for year in years for day in range(1, 6)}
        off |= {date(year, 10, day) for year in years for day in range(1, 8)}
        starts = _new_years(found)
        yield DayKind.SPRING, [start + timedelta(k) for start in starts for k in range(-1, FESTIVAL_DAYS)]
    else:
        starts = [date(year, 12, 26) for year in years if date(year, 12, 25) in off]
    yield DayKind.RUSH, [start - timedelta(k) for start in starts for k in range(2, 2 + RUSH_DAYS)]
    yield DayKind.HOLIDAY, sorted(off)
    eves = {day - timedelta(1) for day in off} | set(found.weekend_workdays)
    yield DayKind.EVE, sorted(eves - off)


def _new_years(found: dict[date, str]) -> list[date]:
    """First day of each lunar year: the first in its year that is named so."""
    first: dict[int, date] = {}
    for day in sorted(found):
        if "Chinese New Year (Spring Festival)" in found[day].split("; "):
            first.setdefault(day.year, day)
    return list(first.values())

"""Working days of a country: which they are, and when so many of them are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache

from casework.days import day_of, midnights_ms
from domain.calendars import FIRST, LAST, DayKind
from engine.control_kinds.calendar import SHIPPED, Calendar

FESTIVAL_DAYS_OFF = 8
"""Days off at the main festival, from its eve on. The calendar's season is longer; the days of the break are announced
each year, and have been 8 or 9 since 2024."""
_SATURDAY = 5


@dataclass(frozen=True)
class WorkingDays:
    """The working days of a country, by the calendar that the program has.

    Mondays to Fridays work, but for holidays and the first days of the main festival; so does a weekend that the
    calendar marks and that no holiday follows (调休). Beyond the calendar's last year Mondays to Fridays all work.

    Attributes:
        country: ISO 3166 alpha-2.
        time_zone: an IANA name, by which days begin.

    >>> WorkingDays().works(date(2026, 5, 9)), WorkingDays().works(date(2026, 10, 5))
    (True, False)
    """

    country: str = "CN"
    time_zone: str = "Asia/Shanghai"

    def works(self, day: date) -> bool:
        """Whether a day is one."""
        kind = self._kind(day)
        if kind == DayKind.HOLIDAY:
            return False
        if kind == DayKind.FESTIVAL and self._kind(day - timedelta(FESTIVAL_DAYS_OFF)) != DayKind.FESTIVAL:
            return False
        if day.weekday() < _SATURDAY:
            return True
        return kind == DayKind.EVE and self._kind(day + timedelta(1)) not in {DayKind.HOLIDAY, DayKind.FESTIVAL}

    def after(self, from_ms: int, days: int) -> int:
        """When so many working days after a moment's own day are over, UTC milliseconds.

        >>> friday_ms = 1_790_900_000_000  # 2026-10-02, in the holidays of 1 to 7 October
        >>> end = WorkingDays().after(friday_ms, 3)  # 8, 9 and, as a working Saturday, 10 October
        >>> day_of(end - 1, "Asia/Shanghai"), day_of(end, "Asia/Shanghai")
        (datetime.date(2026, 10, 10), datetime.date(2026, 10, 11))
        """
        day = day_of(from_ms, self.time_zone)
        return _end_ms(self, day, days)

    def _kind(self, day: date) -> int:
        return int(_kinds(self.country)[(day - FIRST).days]) if FIRST <= day <= LAST else DayKind.ORDINARY


@lru_cache(maxsize=1024)
def _end_ms(of: WorkingDays, day: date, days: int) -> int:
    while days > 0:
        day += timedelta(1)
        days -= of.works(day)
    return midnights_ms(day, of.time_zone)[1]


@cache
def _kinds(country: str) -> bytes:
    return Calendar.decoded(SHIPPED.read_bytes()).day_kinds(country).tobytes()

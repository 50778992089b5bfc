"""Days by the clock of a place."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def day_of(time_ms: int, zone: str) -> date:
    """The day of a moment by the clock of a zone.

    >>> day_of(1_736_125_200_000, "Asia/Shanghai")
    datetime.date(2025, 1, 6)
    """
    return datetime.fromtimestamp(time_ms / 1000, ZoneInfo(zone)).date()


def midnights_ms(day: date, zone: str) -> tuple[int, int]:
    """When a day begins and ends by the clock of a zone, UTC milliseconds; raises OverflowError for the last of all.

    >>> midnights_ms(date(2025, 1, 6), "Asia/Shanghai")
    (1736092800000, 1736179200000)
    """
    here = ZoneInfo(zone)
    first, last = (datetime.combine(each, time(), here) for each in (day, day + timedelta(days=1)))
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000)

"""Days that people name."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from casework.days import day_of
from casework.errors import Refused

_MORNING = time(9)
"""When something that was put off to a day comes back: as the office opens."""


def parse_day(text: str, zone: str, now_ms: int) -> int:
    """When a day begins for people: at 9 in the morning by the clock of a zone, UTC milliseconds.

    Args:
        text: a day, `2026-12-01`, or a number of days from now.
        zone: an IANA name.
        now_ms: UTC milliseconds.

    Raises:
        Refused: it is neither.

    >>> parse_day("2025-01-06", "Asia/Shanghai", 0), parse_day("1", "UTC", 0)
    (1736125200000, 118800000)
    """
    try:
        if text.isascii() and text.isdecimal() and len(text) < 4:
            day = day_of(now_ms, zone) + timedelta(days=int(text))
        else:
            day = datetime.fromisoformat(text).date()
    except ValueError as error:
        raise Refused(f"a day must be YYYY-MM-DD or a number of days, got {text[:20]!r}") from error
    return round(datetime.combine(day, _MORNING, ZoneInfo(zone)).timestamp() * 1000)

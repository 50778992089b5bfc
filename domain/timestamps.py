"""Event time is in UTC milliseconds since 1970: units of it, and its ISO 8601 form."""

from __future__ import annotations

from datetime import date, datetime, timedelta

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  without a zone it is written in half the time


def iso(ms: int) -> str:
    """UTC milliseconds as ISO 8601.

    >>> iso(1_795_289_192_123)
    '2026-11-21T19:26:32.123Z'
    """
    return f"{(_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec='milliseconds')}Z"


def day_iso(day: int | None) -> str | None:
    """A day, counted from 1970-01-01, as ISO 8601; None for none.

    >>> day_iso(20_607), day_iso(None)
    ('2026-06-03', None)
    """
    return None if day is None else (date(1970, 1, 1) + timedelta(days=day)).isoformat()

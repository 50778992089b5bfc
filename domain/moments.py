"""Moments that people write, in UTC milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo


def utc_ms(moment: datetime, zone: tzinfo) -> int:
    """A moment in UTC milliseconds; one without a zone is by the clock of `zone`.

    Raises:
        ValueError: in UTC it lies outside the years 1 to 9999.

    >>> utc_ms(datetime(1970, 1, 2), UTC)
    86400000
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    try:
        return round(aware.astimezone(UTC).timestamp() * 1000)
    except OverflowError as error:
        raise ValueError(f"time must lie in the years 1 to 9999 of UTC, got {moment.isoformat()}") from error

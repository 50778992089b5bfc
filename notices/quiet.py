"""Quiet hours: when somebody may be told what is not urgent, by their own clock and the working days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import date

    from casework.working_days import WorkingDays
    from notices.routing.routes import Quiet

_MOST_DAYS = 60
"""The longest row of days off there could be, many times over."""


def release_ms(quiet: Quiet, zone: str, days: WorkingDays, now_ms: int) -> int:
    """When what is not urgent may be told at the earliest, UTC milliseconds; `now_ms` where that is now.

    Args:
        quiet: the hours, and whether days that are no working days are quiet as a whole.
        zone: of the recipient, an IANA name.
        days: the working days.
        now_ms: UTC milliseconds.
    """
    here = ZoneInfo(zone)
    local = datetime.fromtimestamp(now_ms / 1000, here)
    minute = local.hour * 60 + local.minute
    if _is_open(quiet, days, local.date(), minute):
        return now_ms
    for ahead in range(_MOST_DAYS):
        day = local.date() + timedelta(ahead)
        for begins in (0, quiet.until_min):
            if (ahead == 0 and begins <= minute) or not _is_open(quiet, days, day, begins):
                continue
            opens = datetime(day.year, day.month, day.day, begins // 60, begins % 60, tzinfo=here)
            return max(now_ms, round(opens.timestamp() * 1000))
    raise AssertionError("some day of two months is a working day")


def _is_open(quiet: Quiet, days: WorkingDays, day: date, minute: int) -> bool:
    if quiet.working_days and not days.works(day):
        return False
    begins, ends = quiet.from_min, quiet.until_min
    if begins == ends:
        return True
    is_quiet = begins <= minute < ends if begins < ends else minute >= begins or minute < ends
    return not is_quiet

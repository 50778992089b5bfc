"""Moments as options give them: a date, a weekday, or a while before a clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from domain.moments import utc_ms

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WHEN = f"must be a date such as 2026-01-05, a day such as monday, or a while such as 7d or 12h; {', '.join(_DAYS)}"


def moment_of(
    since: str, now_ms: int, zone: ZoneInfo, *, option: str = "--since", clock: str = "the merchant's clock"
) -> int:
    """The moment that an option such as `--since` stands for, UTC milliseconds.

    Args:
        since: the option's value.
        now_ms: what a while is counted back from, UTC milliseconds.
        zone: of days, and of times that name none.
        option: the option, for messages.
        clock: what `now_ms` is, for messages.

    Raises:
        BadParameter: the value is not a moment, or one after `now_ms`.

    >>> from zoneinfo import ZoneInfo
    >>> moment_of("7d", 1_767_600_000_000, ZoneInfo("UTC"))
    1766995200000
    >>> moment_of("monday", 1_767_600_000_000, ZoneInfo("Asia/Shanghai"))
    1767542400000
    >>> moment_of("2026-01-05T00:00:00+08:00", 1_767_600_000_000, ZoneInfo("UTC"))
    1767542400000
    """
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    if while_ := re.fullmatch(r"(\d{1,5})([dh])", since):
        count = int(while_[1])
        moment = now - (timedelta(days=count) if while_[2] == "d" else timedelta(hours=count))
    elif since.lower() in _DAYS:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        moment = midnight - timedelta(days=(now.weekday() - _DAYS.index(since.lower())) % 7)
    else:
        try:
            return _past(utc_ms(datetime.fromisoformat(since), zone), now, since, option, clock)
        except ValueError as error:
            raise click.BadParameter(f"{_WHEN}; got {since!r}", param_hint=f"'{option}'") from error
    return utc_ms(moment, zone)


def _past(ms: int, now: datetime, since: str, option: str, clock: str) -> int:
    """The moment, unless it lies after `now`; raises BadParameter."""
    if ms > utc_ms(now, UTC):
        raise click.BadParameter(
            f"must not be after {clock}, {now.isoformat(timespec='seconds')}, got {since!r}", param_hint=f"'{option}'"
        )
    return ms

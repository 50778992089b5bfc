"""Time zones as plain arrays, for the kernel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from domain.events import EARLIEST_MS, LATEST_MS
from engine.event import DAY_MS
from engine.jit import i64, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Zones(NamedTuple):
    """Offsets of all zones in use, one zone after another."""

    begin: NDArray[np.int64]
    """(zones + 1,): where each zone's changes begin."""
    at_ms: NDArray[np.int64]
    """When each offset begins, UTC milliseconds; ascending within a zone."""
    offset_ms: NDArray[np.int64]


@cache
def changes(name: str) -> tuple[tuple[int, int], ...]:
    """When each offset of a zone begins (UTC ms, the first at the earliest time read), and the offset in ms.

    Raises:
        ValueError: `name` is no IANA time zone.

    >>> changes("Asia/Shanghai")[-1][1] // 3_600_000
    8
    """
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"time_zone must be an IANA name such as Asia/Shanghai, got {name!r}") from error

    def offset(ms: int) -> int:
        moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
        return (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)

    found = [(EARLIEST_MS - 2 * DAY_MS, offset(EARLIEST_MS - 2 * DAY_MS))]
    for day in range(EARLIEST_MS - 2 * DAY_MS, LATEST_MS + DAY_MS, DAY_MS):
        low, high = day, day + DAY_MS
        if offset(high) == found[-1][1]:
            continue
        while high - low > 1000:
            middle = (low + high) // 2000 * 1000
            low, high = (middle, high) if offset(middle) == found[-1][1] else (low, middle)
        found.append((high, offset(high)))
    return tuple(found)


def zone_table(names: list[str]) -> Zones:
    """The offsets of `names`, in that order."""
    all_changes = [changes(name) for name in names]
    return Zones(
        np.cumsum([0, *(len(each) for each in all_changes)], dtype=np.int64),
        np.array([at for each in all_changes for at, _ in each], np.int64),
        np.array([offset for each in all_changes for _, offset in each], np.int64),
    )


@njit_inline
def offset_at(zones: Zones, zone: int, ms: int) -> int:
    """Offset of a zone at a moment, in milliseconds."""
    first, k = zones.begin[zone], zones.begin[zone + 1] - 1
    while k > first and zones.at_ms[k] > ms:
        k -= 1
    return i64(zones.offset_ms[k])

"""Time zones as plain arrays, for the kernel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from domain import cards
from domain.events import EARLIEST_MS, LATEST_MS
from domain.timestamps import DAY_MS
from engine.jit import i64, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_STEP_MS = 3 * DAY_MS
"""How far apart offsets are compared; no zone changes twice within 6 days (1990 to 2100, tzdata 2025b)."""
_NO_PLACES = frozenset({"localtime", "posixrules", "Factory"})
"""Files of the database that are the machine's own zone, a rule, or none at all."""


class Zones(NamedTuple):
    """Offsets of all zones in use, one zone after another."""

    begin: NDArray[np.int64]
    """(zones + 1,): where each zone's changes begin."""
    at_ms: NDArray[np.int64]
    """When each offset begins, UTC milliseconds; ascending within a zone."""
    offset_ms: NDArray[np.int64]


@cache
def zone_names() -> frozenset[str]:
    """The IANA names that are accepted: those that mean the same on every machine, without leap seconds."""
    found = available_timezones() - _NO_PLACES
    return frozenset(name for name in found if not name.startswith(("right/", "posix/")))


def is_zone(name: str) -> bool:
    """Whether a name is that of a time zone."""
    return name in zone_names()


@cache
def changes(name: str) -> tuple[tuple[int, int], ...]:
    """When each offset of a zone begins (UTC ms, the first at the earliest time read), and the offset in ms.

    Raises:
        ValueError: `name` is none of `zone_names`; the message holds no card number.

    >>> changes("Asia/Shanghai")[-1][1] // 3_600_000
    8
    """
    if name not in zone_names():
        shown = cards.mask(repr(cards.mask(name)))[:80]
        raise ValueError(f"time_zone must be an IANA name such as Asia/Shanghai, got {shown}")
    zone = ZoneInfo(name)

    def offset(ms: int) -> timedelta:
        return (_EPOCH + ms * _MS).astimezone(zone).utcoffset() or timedelta()

    found = [(_times()[0][0], offset(_times()[0][0]))]
    for (before, _), (after, moment) in pairwise(_times()):
        if moment.astimezone(zone).utcoffset() == found[-1][1]:
            continue
        low, high = before, after
        while high - low > 1000:
            middle = (low + high) // 2000 * 1000
            low, high = (middle, high) if offset(middle) == found[-1][1] else (low, middle)
        found.append((high, offset(high)))
    return tuple((at, each // _MS) for at, each in found)


@cache
def _times() -> tuple[tuple[int, datetime], ...]:
    """The moments at which offsets are compared, from before the earliest time read to after the latest."""
    first, last = EARLIEST_MS - 2 * DAY_MS, LATEST_MS + DAY_MS
    return tuple((ms, _EPOCH + ms * _MS) for ms in range(first, last + _STEP_MS, _STEP_MS))


@cache
def _arrays(name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`changes` as arrays: when each offset begins, and the offset."""
    at_ms, offset_ms = zip(*changes(name), strict=True)
    return np.array(at_ms, np.int64), np.array(offset_ms, np.int64)


def zone_table(names: list[str]) -> Zones:
    """The offsets of `names`, in that order."""
    arrays = [_arrays(name) for name in names]
    return Zones(
        np.cumsum([0, *(len(at_ms) for at_ms, _ in arrays)], dtype=np.int64),
        np.concatenate([at_ms for at_ms, _ in arrays]),
        np.concatenate([offset_ms for _, offset_ms in arrays]),
    )


@njit_inline
def offset_at(zones: Zones, zone: int, ms: int) -> int:
    """Offset of a zone at a moment, in milliseconds."""
    first, k = zones.begin[zone], zones.begin[zone + 1] - 1
    while k > first and zones.at_ms[k] > ms:
        k -= 1
    return i64(zones.offset_ms[k])

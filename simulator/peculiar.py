"""Lawful shops with a rhythm of their own, which looks like violations until it is known.

A few merchants of each world (docs/simulator.md). Their days are this rhythm and 15 % of chance, whatever the world.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from simulator.festivals import EPOCH, day_number
from simulator.figures import CALM, NAMES, by_world
from simulator.table import uniform
from simulator.trades import RIYADH, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARES = {
    "one_weekday": 0.003,
    "weekend_bar": 0.002,
    "month_end": 0.002,
    "day_25": 0.0015,
    "day_10": 0.0015,
    "quarter_end": 0.002,
    "hours_moved": 0.005,
    "school_terms": 0.004,
    "tourist_season": 0.004,
}
"""Share of merchants of each kind; `ramadan` comes to all in Riyadh besides."""
KINDS = ("", *SHARES, "ramadan")
"""Names by number; 0 has none."""
HOURS_MOVED, RAMADAN = KINDS.index("hours_moved"), KINDS.index("ramadan")
_STEADY_WORLD = NAMES.index("supermarkets")
_NOT_IN_STEADY = ("one_weekday", "weekend_bar", "month_end", "day_25", "day_10")
RAMADANS = (
    (date(2023, 3, 23), date(2023, 4, 21)), (date(2024, 3, 11), date(2024, 4, 10)),
    (date(2025, 3, 1), date(2025, 3, 30)), (date(2026, 2, 18), date(2026, 3, 20)),
    (date(2027, 2, 8), date(2027, 3, 9)), (date(2028, 1, 28), date(2028, 2, 26)),
)  # fmt: skip
"""First days of Ramadan, and of the feast after it, in Saudi Arabia; from 2026 on as foreseen."""
_EATING_MCCS = (5812, 5813, 5814, 5462)
FEAST_DAYS = 3


def plan_peculiar(keys: NDArray[np.uint64], world: NDArray[np.int64], city: NDArray[np.int8]) -> NDArray[np.int8]:
    """Kind of each merchant's own rhythm, index into `KINDS`, shape (merchants,)."""
    edges = np.cumsum(list(SHARES.values()))
    kept = by_world("peculiar", world, calm=1.0)
    place = np.searchsorted(edges, uniform(keys, 240) / kept, side="right")
    kind = np.where(place < len(edges), place + 1, 0)
    kind[np.isin(kind, [KINDS.index(name) for name in _NOT_IN_STEADY]) & (world == _STEADY_WORLD)] = 0
    kind[city == RIYADH] = RAMADAN
    return np.where(world == CALM, 0, kind).astype(np.int8)


def moves(keys: NDArray[np.uint64], first_day: int, days: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which local day on opening hours are others, and by how many hours: 2 to 8, earlier or later."""
    day = first_day + np.floor((0.2 + 0.7 * uniform(keys, 241)) * days).astype(np.int64)
    hours = 2 + np.floor(7 * uniform(keys, 242)).astype(np.int64)
    return day, np.where(uniform(keys, 243) < 0.5, hours, -hours)


def rhythm_of(kind: str, keys: NDArray[np.uint64], trade: NDArray[np.int16], day: int) -> NDArray[np.float64]:
    """Factor of the sales on local `day` of merchants of one `kind`, mean 1 over a year, shape (merchants,)."""
    if kind == "one_weekday":
        return np.where((day + 3) % 7 == np.floor(7 * uniform(keys, 244)), 7.0, 0.0)
    if kind == "tourist_season":
        return _tourists(keys, EPOCH + timedelta(day))
    if kind == "ramadan":
        return _ramadan(np.isin(np.array([each.mcc for each in TRADES])[trade], _EATING_MCCS), day)
    return np.full(len(keys), _of_calendar(kind, day))


def _of_calendar(kind: str, day: int) -> float:
    """The same for all merchants of the `kind`."""
    today = EPOCH + timedelta(day)
    if kind == "weekend_bar":
        return (120 if (day + 3) % 7 in {4, 5} else 5) / 37.9
    if kind == "quarter_end":
        soon = today + timedelta(3)
        return 7.7 if soon.month in {1, 4, 7, 10} and soon.day <= 3 else 0.77
    if kind == "school_terms":
        return 0.2 if today.month in {7, 8} or (today.month, today.day // 16) in {(1, 1), (2, 0)} else 1.27
    busy = _DAYS_OF_MONTH[kind] in {today.day, (today + timedelta(1)).day - 1}
    return (200 if busy else 8) / 14.3


_DAYS_OF_MONTH = {"month_end": 0, "day_25": 25, "day_10": 10}
"""Day of the month of the many sales; 0 is the last."""


def _tourists(keys: NDArray[np.uint64], today: date) -> NDArray[np.float64]:
    """Three to eight times as much in the season, which takes two weeks to come and to go."""
    middle = np.where(uniform(keys, 245) < 0.7, 205, 20)
    half = 30 + np.floor(30 * uniform(keys, 246))
    away = np.abs((today.timetuple().tm_yday - middle + 182) % 365 - 182)
    height = 3.0 + 5.0 * uniform(keys, 247)
    factor = 1.0 + (height - 1.0) * np.clip((half + 7 - away) / 14, 0.0, 1.0)
    return np.asarray(factor / (1.0 + (height - 1.0) * 2 * half / 365), np.float64)


def _ramadan(eats: NDArray[np.bool_], day: int) -> NDArray[np.float64]:
    """Fewer sales where one eats, more elsewhere, most of all in the last ten days; little on the feast."""
    for first, feast in RAMADANS:
        begin, end = day_number(first), day_number(feast)
        if begin <= day < end:
            return np.where(eats, 0.5, 1.2 if day < end - 10 else 1.7)
        if end <= day < end + FEAST_DAYS:
            return np.where(eats, 0.6, 0.4)
    return np.ones(len(eats))

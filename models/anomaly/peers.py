"""Learns what is usual in each group of peers, and in how far honest merchants move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.habits import HABITS, NAMES
from models.anomaly.habits import COUNT, Habits
from models.anomaly.vectors import AGES, CELLS, YOUNG_D, chance, scaled_habits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.anomaly.samples import Sampled

LEAST_MERCHANTS = 30
"""Merchants from which on an MCC, or a family of MCCs, has a group of its own."""
PRIOR_MERCHANTS = 20.0
"""How many merchants the group above counts for beside a group's own."""
MOST_GROUPS = 100
"""Groups of single MCCs at most, those of most merchants: a group takes 1.5 kB of the artefact."""
_TO_SIGMA, _Q90 = 1.4826, 3.29
"""Deviations of a normal distribution in one median deviation, and between its 5 and 95 % quantiles."""
_FLOORS = {"share": 0.02, "log": 0.05, "plain": 0.03}
"""Least deviations of honest merchants by scale: 0.04 % of sales at 0, 5 %, 0.03 octaves."""
_FLOOR = np.array([_FLOORS[each.scale] for each in HABITS])
_SALES = NAMES.index("sales_a_day")


class Group(NamedTuple):
    """A group of peers: an MCC as text, two digits, or "" for all."""

    mccs: str
    merchants: int


class _Statistics(NamedTuple):
    """Of one cell or group, each shape (COUNT,)."""

    centre: NDArray[np.float64]
    variance: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class _Figures(NamedTuple):
    """Of the sample's n merchant-days."""

    merchant: NDArray[np.uint64]
    mcc: NDArray[np.int64]
    cell: NDArray[np.int64]
    scaled: NDArray[np.float64]
    chance: NDArray[np.float64]


def learned(sampled: Sampled, merchants: Mapping[int, int]) -> tuple[dict[str, NDArray[Any]], list[Group]]:
    """The stored arrays of `models.anomaly.vectors.Peers`, and the groups in their order.

    Args:
        sampled: merchant-days of all MCCs.
        merchants: how many there are of each MCC; -1 where it is not known.
    """
    habits = sampled.habits
    bounds = np.quantile(_sales(habits), [1 / 3, 2 / 3])
    size = np.searchsorted(bounds, _sales(habits), side="right")
    cell = AGES * size + (habits.age_d >= YOUNG_D)
    figures = _Figures(sampled.merchant, habits.mcc, cell, scaled_habits(habits.value), chance(habits))
    families, mccs = _chosen(merchants)
    groups = [Group("", sum(merchants.values())), *(Group(f"{code:02d}", n) for code, n in families.items())]
    groups += [Group(f"{code:04d}", merchants[code]) for code in mccs]
    rows = _cells(figures, list(families), mccs)
    arrays: dict[str, NDArray[Any]] = {
        "peers.mccs": np.array(mccs, np.int16),
        "peers.mcc_groups": np.arange(len(mccs), dtype=np.int16) + np.int16(1 + len(families)),
        "peers.families": np.array(list(families), np.int16),
        "peers.family_groups": np.arange(1, 1 + len(families), dtype=np.int16),
        "peers.size_bounds": bounds,
        "peers.centre": np.array([each.centre for each in rows]),
        "peers.scale": np.sqrt(np.array([each.variance for each in rows])),
        "peers.low": np.array([each.low for each in rows]),
        "peers.high": np.array([each.high for each in rows]),
        "peers.own": own_deviations(habits),
    }
    return arrays, groups


def own_deviations(habits: Habits) -> NDArray[np.float64]:
    """By how much merchants differ from their own usual figures beyond chance, shape (COUNT,)."""
    moved = scaled_habits(habits.value) - scaled_habits(habits.usual)
    by_chance = chance(habits)
    made = np.empty(COUNT)
    for habit in range(COUNT):
        known = ~np.isnan(moved[:, habit])
        variance = _spread(moved[known, habit])[0] if known.any() else 0.0
        if known.any():
            variance -= float(np.median(by_chance[known, habit]))
        made[habit] = np.sqrt(max(variance, _FLOOR[habit] ** 2))
    return made


def _sales(habits: Habits) -> NDArray[np.float64]:
    usual = habits.usual[:, _SALES]
    value = np.where(np.isnan(usual), habits.value[:, _SALES], usual)
    return np.asarray(np.nan_to_num(value, nan=0.0))


def _chosen(merchants: Mapping[int, int]) -> tuple[dict[int, int], list[int]]:
    """The families that have a group, with their merchants, and the MCCs; both ascending."""
    known = {mcc: count for mcc, count in merchants.items() if mcc >= 0}
    families: dict[int, int] = {}
    for mcc, count in known.items():
        families[mcc // 100] = families.get(mcc // 100, 0) + count
    mccs = sorted((mcc for mcc, count in known.items() if count >= LEAST_MERCHANTS), key=lambda mcc: (-known[mcc], mcc))
    large = {code: families[code] for code in sorted(families) if families[code] >= LEAST_MERCHANTS}
    return large, sorted(mccs[:MOST_GROUPS])


def _cells(figures: _Figures, families: list[int], mccs: list[int]) -> list[_Statistics]:
    """The statistics of all cells, group by group."""
    every = np.ones(len(figures.mcc), np.bool_)
    nothing = np.zeros(COUNT)
    base = _Statistics(nothing, _FLOOR**2, nothing, nothing)
    of_all = _shrunk(figures, every, base, 0.0)
    made = _of_group(figures, every, of_all)
    of_families = {}
    for code in families:
        mine = (figures.mcc >= 0) & (figures.mcc // 100 == code)
        of_families[code] = _shrunk(figures, mine, of_all)
        made += _of_group(figures, mine, of_families[code])
    for mcc in mccs:
        mine = figures.mcc == mcc
        made += _of_group(figures, mine, _shrunk(figures, mine, of_families.get(mcc // 100, of_all)))
    return made


def _of_group(figures: _Figures, mine: NDArray[np.bool_], group: _Statistics) -> list[_Statistics]:
    return [_shrunk(figures, mine & (figures.cell == cell), group) for cell in range(CELLS)]


def _shrunk(
    figures: _Figures, mine: NDArray[np.bool_], above: _Statistics, prior: float = PRIOR_MERCHANTS
) -> _Statistics:
    """Statistics of some merchant-days, drawn towards those of the group above."""
    made = _Statistics(*(each.copy() for each in above))
    scaled, by_chance, merchant = figures.scaled[mine], figures.chance[mine], figures.merchant[mine]
    for habit in range(COUNT):
        known = ~np.isnan(scaled[:, habit])
        merchants = len(np.unique(merchant[known]))
        if not merchants:
            continue
        values = scaled[known, habit]
        spread, low, middle, high = _spread(values)
        variance = max(spread - float(np.median(by_chance[known, habit])), _FLOOR[habit] ** 2)
        weight = merchants / (merchants + prior)
        for into, value in zip(made, (middle, variance, low, high), strict=True):
            into[habit] = weight * value + (1.0 - weight) * into[habit]
    return made


def _spread(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """A variance that outliers do not move, and the 5, 50 and 95 % quantiles of values, at least one.

    It is that of the median deviation, or of the quantiles where most values are equal.
    """
    low, middle, high = _quantiles(values, (0.05, 0.5, 0.95))
    (deviation,) = _quantiles(np.abs(values - middle), (0.5,))
    return max(_TO_SIGMA * deviation, 0.5 * (high - low) / _Q90) ** 2, low, middle, high


def _quantiles(values: NDArray[np.float64], shares: tuple[float, ...]) -> list[float]:
    """`numpy.quantile`, whose checks cost more than the sort."""
    ordered = np.sort(values)
    found = []
    for share in shares:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        found.append(float(ordered[low] + (place - low) * (ordered[high] - ordered[low])))
    return found

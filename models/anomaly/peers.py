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
    told = np.flatnonzero(~np.isnan(moved).all(axis=0))
    made = np.zeros(COUNT)
    made[told] = _spread(moved[:, told])[0] - _median(np.where(np.isnan(moved), np.nan, by_chance)[:, told])
    return np.asarray(np.sqrt(np.maximum(made, _FLOOR**2)), np.float64)


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
    known = ~np.isnan(scaled)
    merchants = _merchants(merchant, known)
    told = np.flatnonzero(merchants)
    spread, low, middle, high = _spread(scaled[:, told])
    by_chance = _median(np.where(known, by_chance, np.nan)[:, told])
    variance = np.maximum(spread - by_chance, _FLOOR[told] ** 2)
    weight = merchants[told] / (merchants[told] + prior)
    for into, values in zip(made, (middle, variance, low, high), strict=True):
        into[told] = weight * values + (1.0 - weight) * into[told]
    return made


def _merchants(merchant: NDArray[np.uint64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many merchants have a known value in each column of `known`, shape (n, columns)."""
    order = np.argsort(merchant, kind="stable")
    _, first = np.unique(merchant[order], return_index=True)
    if not len(first):
        return np.zeros(known.shape[1], np.int64)
    return np.asarray(np.logical_or.reduceat(known[order], first).sum(axis=0), np.int64)


def _spread(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Of columns with a known value: a variance that outliers do not move, and the 5, 50 and 95 % quantiles.

    It is that of the median deviation, or of the quantiles where most values are equal.
    """
    low, middle, high = _quantiles(values, (0.05, 0.5, 0.95))
    (deviation,) = _quantiles(np.abs(values - middle), (0.5,))
    return np.maximum(_TO_SIGMA * deviation, 0.5 * (high - low) / _Q90) ** 2, low, middle, high


def _quantiles(values: NDArray[np.float64], shares: tuple[float, ...]) -> list[NDArray[np.float64]]:
    """`numpy.nanquantile` of columns, which goes through them one by one."""
    ordered, last = _ordered(values)
    found = []
    for share in shares:
        place = share * last
        low = place.astype(np.int64)
        below, above = _at(ordered, low), _at(ordered, np.minimum(low + 1, last))
        found.append(below + (place - low) * (above - below))
    return found


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`numpy.nanmedian` of columns, to the last bit."""
    ordered, last = _ordered(values)
    return np.asarray((_at(ordered, last // 2) + _at(ordered, (last + 1) // 2)) / 2.0, np.float64)


def _ordered(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Columns sorted, what is not known behind, and the place of each one's last known value."""
    return np.sort(values, axis=0), (~np.isnan(values)).sum(axis=0) - 1


def _at(ordered: NDArray[np.float64], place: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.take_along_axis(ordered, place[None], axis=0)[0], np.float64)

"""Vectors: each habit against the peers and against the merchant's own usual one, in deviations.

A difference is divided by the root of two variances: how much honest merchants differ (or move), and how much the
figure would vary by chance alone with so few sales behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.habits import HABITS, NAMES
from models.anomaly.habits import COUNT, Habits
from models.rarity import njit_cached, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMS = 2 * COUNT
"""Of a vector: the habits against the peers, then against the merchant's own."""
CLIP = 12.0
"""Deviations beyond count for as many."""
SIZES, AGES = 3, 2
CELLS = SIZES * AGES
"""Cells of a group of MCCs: by usual sales a day, and by age."""
YOUNG_D = 90
"""Days up to which a merchant is compared with other young ones."""
EFFECTIVE = 1.9
"""Sales in an even average that vary as much as one of weight 1 in an average that halves in a week.

With r = 2^(-1/7) a day and the same sales each day, (sum of weights)² / sum of squares is 1 + r times the sum.
"""
_EVEN_DAYS = 20.2  # 1.9 times the weight of all days, 1 / (1 - r)
_SPREAD = 1.5  # octaves, of tickets whose spread is not known
_PLAIN, _LOG, _SHARE = range(3)
_SCALES = np.array([{"plain": _PLAIN, "log": _LOG, "share": _SHARE}[each.scale] for each in HABITS])
_OF_SALES, _OF_DAYS, _EXACT, _COUNT, _SHAPE, _TICKET, _SPREADS, _BY_HOUR = range(8)
_CHANCES = {
    "sales_a_day": _COUNT, "open_share": _OF_DAYS, "ticket_minor": _TICKET, "ticket_spread": _SPREADS,
    "ticket_shape": _SHAPE, "ticket_by_hour": _BY_HOUR, "fee_off": _EXACT,
}  # fmt: skip
_CHANCE = np.array([_CHANCES.get(name, _OF_SALES) for name in NAMES])
LEFT_OUT = ("weekend_share",)
"""Habits that count for nothing: a long holiday moves this one at many merchants at once, and its figure rises and
falls with the day of the week. On simulated traffic it led the reasons of one honest alert in six."""
_COUNTS = np.array([name not in LEFT_OUT for name in NAMES])
_SALES_A_DAY, _TICKET_SPREAD, _NIGHT, _EVENING = (
    NAMES.index(name) for name in ("sales_a_day", "ticket_spread", "night_share", "evening_share")
)


class Peers(NamedTuple):
    """What is usual: by groups of MCCs, and in how far honest merchants move.

    A group's cells stand in rows `CELLS` * group + `AGES` * size + age; group 0 is of all merchants. Figures are on the
    scales of `domain.habits.scaled`.
    """

    mccs: NDArray[np.int64]
    """Shape (m,), ascending: MCCs that have a group of their own."""
    mcc_groups: NDArray[np.int64]
    """Shape (m,): their groups."""
    families: NDArray[np.int64]
    """Shape (f,), ascending: first two digits of MCCs that share a group."""
    family_groups: NDArray[np.int64]
    """Shape (f,): their groups."""
    size_bounds: NDArray[np.float64]
    """Shape (SIZES - 1,): sales a day from which a merchant is of the next size."""
    centre: NDArray[np.float64]
    """Shape (cells, COUNT)."""
    scale: NDArray[np.float64]
    """Shape (cells, COUNT): deviation of honest merchants, chance left out."""
    low: NDArray[np.float64]
    """Shape (cells, COUNT): 5 % quantile."""
    high: NDArray[np.float64]
    """Shape (cells, COUNT): 95 % quantile."""
    own: NDArray[np.float64]
    """Shape (COUNT,): deviation of honest merchants from their own usual figures, chance left out."""


class Vectors(NamedTuple):
    """Of n merchant-days."""

    z: NDArray[np.float32]
    """Shape (n, DIMS), within ±`CLIP`; 0 where a figure is not known or left out."""
    cell: NDArray[np.int64]
    """Shape (n,): row of the peers' tables."""


def vectors(peers: Peers, habits: Habits) -> Vectors:
    """The vectors of merchant-days; each depends on its own row alone."""
    n = len(habits.weight)
    made = Vectors(np.empty((n, DIMS), np.float32), np.empty(n, np.int64))
    _fill(peers, habits, made)
    return made


def scaled_habits(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Figures, shape (n, COUNT), on the scales of `domain.habits.scaled`."""
    made = np.empty(value.shape)
    _scale(value, made)
    return made


def chance(habits: Habits) -> NDArray[np.float64]:
    """Variance that each figure would have by chance alone, shape (n, COUNT), on its scale."""
    made = np.empty(habits.value.shape)
    _chances(habits, made)
    return made


@njit_inner
def on_scale(value: float, habit: int) -> float:
    """`domain.habits.scaled` of a habit's figure."""
    if _SCALES[habit] == _SHARE:
        return float(np.arcsin(np.sqrt(min(max(value, 0.0), 1.0))))
    if _SCALES[habit] == _LOG:
        return float(np.log(max(value, 1e-3)))
    return value


@njit_inner
def off_scale(value: float, habit: int) -> float:
    """`domain.habits.unscaled`, unrounded."""
    if _SCALES[habit] == _SHARE:
        root = np.sin(min(max(value, 0.0), 0.5 * np.pi))
        return float(root * root)
    return float(np.exp(value)) if _SCALES[habit] == _LOG else value


@njit_inner
def _variance(value: Any, weight: float, habit: int) -> float:
    """What chance adds to a habit's figure: of counts, shares, means and spreads of n sales."""
    n = EFFECTIVE * max(weight, 1.0)
    kind = _CHANCE[habit]
    if kind == _OF_SALES:
        return 0.25 / n
    if kind == _OF_DAYS:
        return 0.25 / _EVEN_DAYS
    if kind == _EXACT:
        return 0.0
    variance = 1.0
    if kind >= _TICKET:
        spread = value[_TICKET_SPREAD]
        variance = _SPREAD * _SPREAD if np.isnan(spread) else spread * spread
    if kind == _TICKET:
        variance *= np.log(2.0) ** 2
    elif kind == _BY_HOUR:
        late = value[_NIGHT] + value[_EVENING]
        late = 0.5 if np.isnan(late) else min(max(late, 0.02), 0.98)
        variance /= late * (1.0 - late)
    return float(variance / n)


@njit_inner
def _search(codes: Any, code: int) -> int:
    """Place of a code among ascending ones, -1 where it is not."""
    low, high = 0, len(codes)
    while low < high:
        middle = (low + high) // 2
        if codes[middle] < code:
            low = middle + 1
        else:
            high = middle
    return low if low < len(codes) and codes[low] == code else -1


@njit_inner
def _cell(peers: Any, sales_a_day: float, mcc: int, age_d: int) -> int:
    """The row of peers that a merchant is compared with."""
    group = 0
    place = _search(peers.mccs, mcc)
    if place >= 0:
        group = peers.mcc_groups[place]
    else:
        place = _search(peers.families, mcc // 100)
        if place >= 0:
            group = peers.family_groups[place]
    size = 0
    for bound in peers.size_bounds:
        if sales_a_day >= bound:
            size += 1
    return int(CELLS * group + AGES * size + (0 if age_d < YOUNG_D else 1))


@njit_inner
def _deviations(difference: float, scale: float, variance: float) -> float:
    z = difference / np.sqrt(scale * scale + variance)
    return float(min(max(z, -CLIP), CLIP))


@njit_cached
def _fill(peers: Any, habits: Any, made: Any) -> None:
    for k in range(len(habits.weight)):
        value, usual, z = habits.value[k], habits.usual[k], made.z[k]
        sales = usual[_SALES_A_DAY]  # a merchant that grows stays with those it was like
        if np.isnan(sales):
            sales = value[_SALES_A_DAY]
        cell = _cell(peers, sales, habits.mcc[k], habits.age_d[k])
        made.cell[k] = cell
        for habit in range(COUNT):
            z[habit] = z[COUNT + habit] = 0.0
            if np.isnan(value[habit]) or not _COUNTS[habit]:
                continue
            figure = on_scale(value[habit], habit)
            variance = _variance(value, habits.weight[k], habit)
            z[habit] = _deviations(figure - peers.centre[cell, habit], peers.scale[cell, habit], variance)
            if not np.isnan(usual[habit]):
                moved = figure - on_scale(usual[habit], habit)
                z[COUNT + habit] = _deviations(moved, peers.own[habit], variance)


@njit_cached
def _scale(value: Any, made: Any) -> None:
    for k in range(len(value)):
        for habit in range(COUNT):
            made[k, habit] = value[k, habit] if np.isnan(value[k, habit]) else on_scale(value[k, habit], habit)


@njit_cached
def _chances(habits: Any, made: Any) -> None:
    for k in range(len(habits.weight)):
        for habit in range(COUNT):
            made[k, habit] = _variance(habits.value[k], habits.weight[k], habit)

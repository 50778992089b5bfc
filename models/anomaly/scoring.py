"""Scores of merchant-days from the parts of a model.

Each part ranks a vector in decades; their weighted mean is the vector's oddness, and the score is
oddness / (oddness + HALF).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.habits import LEAST_WEIGHT
from models.anomaly import forest, neighbours, tails
from models.anomaly.habits import COUNT, REASONS, Habits, Scores
from models.anomaly.ranks import decades, decades_of
from models.anomaly.vectors import DIMS, Peers, off_scale, vectors
from models.rarity import njit_cached, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF = 3.0
"""Decades of oddness at a score of a half."""
LEAST_HABITS = 8
"""A day of which fewer habits are known has no score: a quarter of them."""
TOLD = 1.3
"""Decades (one day in 20) from which reasons are told."""
SLOPE = 1e-6
"""Least rise of a part or score in a decade."""
PARTS = ("forest", "tails", "neighbours")
"""Of the ensemble, in the order of weights."""
BLOCK = 4096
"""Rows that are judged at a time, so that what they need stays small."""
GATE = 1.3
"""Decades of the other parts' mean from which distances to neighbours are measured."""
LOADS = np.arange(0.5, 6.01, 0.25)
"""Oddness of the thresholds that loads are known for."""


class Ranks(NamedTuple):
    """Tables of `models.anomaly.ranks`, shape (POINTS,), but for the last two."""

    forest: NDArray[np.float64]
    """Of `forest.isolation`."""
    tails: NDArray[np.float64]
    """Of the sums of tails' terms."""
    neighbours: NDArray[np.float64]
    """Of distances of all vectors, of which only the odd ones' are used; empty where the part is not."""
    oddness: NDArray[np.float64]
    """Of the weighted mean of the parts."""
    weights: NDArray[np.float64]
    """Shape (len(PARTS),): of the parts."""
    load: NDArray[np.float64]
    """Shape (len(LOADS),), descending: new alerts per 1,000 merchant-days."""


class Parts(NamedTuple):
    """All that scores depend on."""

    peers: Peers
    forest: forest.Forest
    tails: tails.Tails
    neighbours: neighbours.Neighbours
    ranks: Ranks


class Judged(NamedTuple):
    """What the parts make of n vectors."""

    z: NDArray[np.float32]
    cell: NDArray[np.int64]
    terms: NDArray[np.float64]
    oddness: NDArray[np.float64]
    """Shape (n,), decades."""


def score(parts: Parts, habits: Habits) -> Scores:
    """The scores of merchant-days; each depends on its own row alone."""
    n = len(habits.weight)
    made = _nothing(n)
    for begin in range(0, n, BLOCK):
        block = slice(begin, begin + BLOCK)
        _score(parts, habits.rows(block), Scores._make(each[block] for each in made))
    return made


def _nothing(n: int) -> Scores:
    score, percentile, load = (np.full(n, np.nan) for _ in range(3))
    low, high = (np.full((n, REASONS), np.nan) for _ in range(2))
    return Scores(score, percentile, load, np.full((n, REASONS), -1, np.int64), low, high)


def scored(habits: Habits) -> NDArray[np.bool_]:
    """Which merchant-days are known well enough to have a score, shape (n,)."""
    known = (~np.isnan(habits.value)).sum(axis=1) >= LEAST_HABITS
    return np.asarray((habits.weight >= LEAST_WEIGHT) & known)


def judged(parts: Parts, habits: Habits) -> Judged:
    """The oddness of merchant-days."""
    z, cell = vectors(parts.peers, habits)
    terms = tails.terms(parts.tails, z)
    weights = parts.ranks.weights
    sums, total = weights[1] * decades(parts.ranks.tails, tails.sums(terms), SLOPE), weights[0] + weights[1]
    if weights[0] > 0.0:
        sums += weights[0] * decades(parts.ranks.forest, forest.isolation(parts.forest, z), SLOPE)
    oddness = np.asarray(sums / total, np.float64)
    if weights[2] > 0.0:
        near = np.flatnonzero(oddness >= GATE)
        distances = neighbours.distances(parts.neighbours, np.ascontiguousarray(z[near]))
        by_neighbours = decades(parts.ranks.neighbours, distances, SLOPE)
        oddness[near] = (sums[near] + weights[2] * by_neighbours) / (total + weights[2])
    return Judged(z, cell, terms, oddness)


def _score(parts: Parts, habits: Habits, made: Scores) -> None:
    chosen = np.flatnonzero(scored(habits))
    if not len(chosen):
        return
    habits = habits.rows(chosen)
    z, cell, terms, oddness = judged(parts, habits)
    _rank(parts.ranks, LOADS, oddness, ranked := np.empty((3, len(chosen))))
    made.score[chosen], made.percentile[chosen], made.load[chosen] = ranked
    told = np.flatnonzero(oddness >= TOLD)
    if len(told):
        weights = parts.ranks.weights
        splits = np.zeros((len(told), DIMS))
        if weights[0] > 0.0:
            splits = forest.attributed(parts.forest, np.ascontiguousarray(z[told]))
        reason = _carried(habits.rows(told), terms[told], splits, weights)
        made.reason[chosen[told]] = reason
        _fill_range(parts.peers, cell[told], reason, ranges := np.empty((2, *reason.shape)))
        made.low[chosen[told]], made.high[chosen[told]] = ranges


def _carried(
    habits: Habits, terms: NDArray[np.float64], splits: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The habits with most of the tails' terms and of the splits saved, shape (n, REASONS)."""
    made = np.empty((len(terms), REASONS), np.int64)
    _fill_reasons(habits.value, terms, splits, weights, np.empty(COUNT), made)
    return made


@njit_cached
def _rank(ranks: Any, loads: Any, oddness: Any, made: Any) -> None:
    """Fill in score, percentile and load."""
    for k in range(len(oddness)):
        odd = oddness[k]
        made[0, k] = odd / (odd + HALF)
        made[1, k] = 100.0 * (1.0 - 10.0 ** -decades_of(ranks.oddness, odd, SLOPE))
        place = (odd - loads[0]) / (loads[1] - loads[0])
        last = len(loads) - 1
        if place <= 0.0:
            load = ranks.load[0]
        elif place >= last:
            load = ranks.load[last] * 10.0 ** (loads[last] - odd)
        else:
            low = int(place)
            load = ranks.load[low] * (ranks.load[low + 1] / ranks.load[low]) ** (place - low)
        made[2, k] = load


@njit_inner
def _total(terms: Any) -> float:
    total = 1e-12
    for dim in range(len(terms)):
        total += max(terms[dim], 0.0)
    return total


@njit_cached
def _fill_reasons(value: Any, terms: Any, splits: Any, weights: Any, carried: Any, made: Any) -> None:
    """Fill in reasons; `carried` is scratch, shape (COUNT,)."""
    for k in range(len(terms)):
        by_splits, by_terms = weights[0] / _total(splits[k]), weights[1] / _total(terms[k])
        for habit in range(COUNT):
            own = COUNT + habit
            carried[habit] = by_terms * (terms[k, habit] + terms[k, own])
            carried[habit] += by_splits * (splits[k, habit] + splits[k, own])
            if np.isnan(value[k, habit]):
                carried[habit] = 0.0
        for place in range(made.shape[1]):
            best = 0
            for habit in range(COUNT):
                if carried[habit] > carried[best]:
                    best = habit
            made[k, place] = best if carried[best] > 0.0 else -1
            carried[best] = 0.0


@njit_cached
def _fill_range(peers: Any, cell: Any, reason: Any, made: Any) -> None:
    """Fill in the 5 and 95 % quantiles of peers."""
    for k in range(len(cell)):
        for place in range(reason.shape[1]):
            habit = reason[k, place]
            if habit < 0:
                made[0, k, place] = made[1, k, place] = np.nan
            else:
                made[0, k, place] = off_scale(peers.low[cell[k], habit], habit)
                made[1, k, place] = off_scale(peers.high[cell[k], habit], habit)

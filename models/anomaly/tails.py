"""How far out a vector is in each dimension, by the empirical tails of training.

A dimension's term is the rank of its value in the tail of its side, in decades, less `COMMON` that everyday values
reach; what is 0 in all dimensions is usual. The idea is ECOD's (Li et al. 2022): sums of logarithms of tail
probabilities, which need no distances and name their reasons. Other than there, a term takes the value's own side
instead of the side of the dimension's skew, terms begin beyond `COMMON`, and of the habits only the strongest are
added up, or many everyday differences would outweigh a rare one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.anomaly.habits import COUNT, REASONS
from models.anomaly.ranks import PER_DECADE, decades_of, table
from models.anomaly.vectors import DIMS
from models.rarity import njit_cached

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMMON = 1.0
"""Decades that a term leaves out: one value in ten is that far out."""
LEAST_SLOPE = 0.5
"""Deviations that a decade of a tail spans at least, beyond the sample."""


class Tails(NamedTuple):
    """Tables of `models.anomaly.ranks`."""

    right: NDArray[np.float32]
    """Shape (DIMS, POINTS): of the values."""
    left: NDArray[np.float32]
    """Shape (DIMS, POINTS): of the values with their sign turned."""


def fit(z: NDArray[np.float32]) -> Tails:
    """The tails of vectors, shape (n, DIMS)."""
    right = np.array([table(z[:, k], LEAST_SLOPE) for k in range(DIMS)])
    left = np.array([table(-z[:, k], LEAST_SLOPE) for k in range(DIMS)])
    return Tails(right.astype(np.float32), left.astype(np.float32))


def terms(tails: Tails, z: NDArray[np.float32], common: float = COMMON) -> NDArray[np.float64]:
    """Decades beyond `common` in each dimension, shape (n, DIMS)."""
    made = np.empty((len(z), DIMS))
    _fill(tails, z, common, made)
    return made


def sums(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The terms of each row's `REASONS` strongest habits, against the peers and against its own, added; shape (n,)."""
    made = np.empty(len(terms))
    _add(terms, np.empty(REASONS), made)
    return made


@njit_cached
def _fill(tails: Any, z: Any, common: float, made: Any) -> None:
    everyday = int(common * PER_DECADE)  # most values need no search
    for k in range(len(z)):
        for dim in range(DIMS):
            value, table = np.float64(z[k, dim]), tails.right[dim]
            if value < 0.0:
                value, table = -value, tails.left[dim]
            made[k, dim] = 0.0
            if value > 0.0 and value > table[everyday]:
                made[k, dim] = max(decades_of(table, value, LEAST_SLOPE) - common, 0.0)


@njit_cached
def _add(terms: Any, strongest: Any, made: Any) -> None:
    """`strongest` is scratch for sums of habits, descending."""
    for k in range(len(terms)):
        strongest[:] = 0.0
        for habit in range(COUNT):
            both = terms[k, habit] + terms[k, COUNT + habit]
            place = len(strongest) - 1
            if both <= strongest[place]:
                continue
            while place > 0 and strongest[place - 1] < both:
                strongest[place] = strongest[place - 1]
                place -= 1
            strongest[place] = both
        made[k] = 0.0
        for each in strongest:
            made[k] += each

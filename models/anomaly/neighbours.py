"""How far a vector is from the nearest of the honest ones that a model keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.anomaly.vectors import DIMS
from models.rarity import njit_cached, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEPT, NEAREST = 128, 5
"""Vectors that are kept, and how many of the nearest are averaged."""


class Neighbours(NamedTuple):
    """Vectors to compare with."""

    reference: NDArray[np.float32]
    """Shape (kept, DIMS), at least `NEAREST`."""


def distances(neighbours: Neighbours, z: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean distance to the nearest kept vectors, shape (n,), in deviations."""
    made = np.empty(len(z))
    _measure(neighbours.reference, z, np.empty(NEAREST), made)
    return made


@njit_inner
def _square(first: Any, second: Any) -> float:
    """Square of a distance, in four sums of fixed order that do not wait for one another."""
    a = b = c = d = 0.0
    for dim in range(0, DIMS, 4):
        a += (np.float64(first[dim]) - second[dim]) ** 2
        b += (np.float64(first[dim + 1]) - second[dim + 1]) ** 2
        c += (np.float64(first[dim + 2]) - second[dim + 2]) ** 2
        d += (np.float64(first[dim + 3]) - second[dim + 3]) ** 2
    return (a + b) + (c + d)


@njit_cached
def _measure(reference: Any, z: Any, nearest: Any, made: Any) -> None:
    """`nearest` is scratch for squares, ascending."""
    for k in range(len(z)):
        nearest[:] = np.inf
        for row in range(len(reference)):
            square = _square(z[k], reference[row])
            place = len(nearest) - 1
            if square >= nearest[place]:
                continue
            while place > 0 and nearest[place - 1] > square:
                nearest[place] = nearest[place - 1]
                place -= 1
            nearest[place] = square
        total = 0.0
        for place in range(len(nearest)):
            total += np.sqrt(nearest[place])
        made[k] = total / len(nearest)

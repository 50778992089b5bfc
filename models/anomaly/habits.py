"""What the anomaly model is given and what it gives, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.habits import HABITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNT = len(HABITS)
"""How many habits there are."""
REASONS = 3
"""How many habits a score names."""


class Habits(NamedTuple):
    """The habits of n merchant-days, in the order of `domain.habits.HABITS`."""

    value: NDArray[np.float64]
    """Shape (n, COUNT), natural units; NaN where the base is too small."""
    usual: NDArray[np.float64]
    """The merchant's own usual figures, as `value`."""
    weight: NDArray[np.float64]
    """Shape (n,): weight of the approved sales behind the figures."""
    mcc: NDArray[np.int64]
    """Shape (n,): 0 to 9999, -1 where unknown."""
    age_d: NDArray[np.int64]
    """Shape (n,): days since the merchant's first sale."""

    def rows(self, chosen: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Habits:
        """Some of the merchant-days."""
        return Habits._make(each[chosen] for each in self)


class Scores(NamedTuple):
    """How odd n merchant-days are."""

    score: NDArray[np.float64]
    """Shape (n,), 0 to below 1, higher is odder; NaN where there is too little to judge."""
    percentile: NDArray[np.float64]
    """Shape (n,), 0 to 100: share of the merchant-days of training that were less odd, in per cent."""
    load: NDArray[np.float64]
    """Shape (n,): new alerts per 1,000 merchant-days if this score were the threshold."""
    reason: NDArray[np.int64]
    """Shape (n, REASONS): places in HABITS of what carries most; -1 for none, and for days that are not odd."""
    low: NDArray[np.float64]
    """Shape (n, REASONS): 5 % quantile of the peers, natural units; NaN where there is no reason."""
    high: NDArray[np.float64]
    """Their 95 % quantile, as `low`."""


def checked(habits: Habits) -> Habits:
    """The habits as compiled code knows them: contiguous, writable, of the types above.

    Raises:
        ValueError: shapes differ, or an infinite figure.
    """
    n = len(habits.weight)
    expected = ((n, COUNT), (n, COUNT), (n,), (n,), (n,))
    came = tuple(np.shape(each) for each in habits)
    if came != expected:
        raise ValueError(f"habits must have shapes {expected}, got {came}")
    value, usual, weight = (np.require(each, np.float64, ("C", "W")) for each in habits[:3])
    for name, figures in (("value", value), ("usual", usual), ("weight", weight)):
        if np.isinf(figures).any():
            raise ValueError(f"{name} of habits must be finite or NaN, got an infinite one")
    mcc, age_d = (np.require(each, np.int64, ("C", "W")) for each in habits[3:])
    return Habits(value, usual, weight, mcc, age_d)

"""Compares the parts of the ensemble, and other ways to join them, on labelled merchant-days."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.anomaly import forest, neighbours, tails
from models.anomaly.habits import Habits, checked
from models.anomaly.ranks import decades
from models.anomaly.scoring import SLOPE, judged, scored
from models.anomaly.vectors import DIMS, vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.anomaly.model import Model

FALSE_SHARES = (0.01, 0.001)
"""Shares of honest merchant-days beyond the thresholds at which parts are compared."""


class Compared(NamedTuple):
    """How much one way of scoring finds."""

    way: str
    found: dict[float, float]
    """Share of the labelled merchant-days beyond a threshold, by the share of honest ones beyond it."""
    found_of: dict[int, dict[float, float]]
    """The same of each label."""


def compare_parts(
    model: Model, habits: Habits, label: NDArray[np.int64], false_shares: Sequence[float] = FALSE_SHARES
) -> tuple[Compared, ...]:
    """What each part, and each way to join them, finds at equal shares of honest merchant-days.

    Args:
        model: of which the parts are taken.
        habits: of merchant-days that the model was not trained on.
        label: shape (n,), 0 for honest ones, else the kind of violation.
        false_shares: of honest merchant-days, above 0 and below 1.

    Raises:
        ValueError: shapes differ, or there are no honest or no labelled merchant-days to judge.
    """
    habits = checked(habits)
    if label.shape != habits.weight.shape:
        raise ValueError(f"label must have shape {habits.weight.shape}, got {label.shape}")
    known = scored(habits)
    habits, label = habits.rows(known), label[known]
    if not (label == 0).any() or not (label != 0).any():
        raise ValueError(f"honest and labelled days expected, got {(label == 0).sum()} and {(label != 0).sum()}")
    return tuple(_compared(way, values, label, false_shares) for way, values in ways(model, habits).items())


def ways(model: Model, habits: Habits) -> dict[str, NDArray[np.float64]]:
    """Scores of merchant-days by each way, shape (n,), by name."""
    parts = model.parts
    z = vectors(parts.peers, habits).z
    terms = tails.terms(parts.tails, z)
    isolation = forest.isolation(parts.forest, z)
    first = decades(parts.ranks.forest, isolation, SLOPE)
    second = decades(parts.ranks.tails, tails.sums(terms), SLOPE)
    distances = neighbours.distances(parts.neighbours, z)
    third = decades(parts.ranks.neighbours, distances, SLOPE)
    return {
        "forest": isolation,
        "tails": tails.sums(terms),
        "tails, all habits": terms.sum(axis=1),
        "tails, 5 largest terms": np.sort(terms, axis=1)[:, -5:].sum(axis=1),
        "tails, as in the paper": _as_in_the_paper(parts.tails, z),
        "neighbours": distances,
        "mean of forest and tails": 0.5 * (first + second),
        "mean of tails and neighbours": 0.5 * (second + third),
        "mean of all": (first + second + third) / 3.0,
        "largest of all": np.maximum(np.maximum(first, second), third),
        "the model": judged(parts, habits).oddness,
    }


def _as_in_the_paper(far: tails.Tails, z: NDArray[np.float32]) -> NDArray[np.float64]:
    """ECOD: the largest of the sums of left tails, of right tails, and of those on the side of the skew."""
    right, left, skewed = (np.zeros(len(z)) for _ in range(3))
    for dim in range(DIMS):
        values = z[:, dim].astype(np.float64)
        on_right = decades(far.right[dim].astype(np.float64), values, tails.LEAST_SLOPE)
        on_left = decades(far.left[dim].astype(np.float64), -values, tails.LEAST_SLOPE)
        right += on_right
        left += on_left
        skewed += on_left if np.mean((values - values.mean()) ** 3) < 0 else on_right
    return np.asarray(np.maximum(np.maximum(right, left), skewed))


def _compared(
    way: str, values: NDArray[np.float64], label: NDArray[np.int64], false_shares: Sequence[float]
) -> Compared:
    limits = {share: float(np.quantile(values[label == 0], 1.0 - share)) for share in false_shares}
    kinds = np.unique(label[label != 0]).tolist()

    def found(chosen: NDArray[np.bool_]) -> dict[float, float]:
        return {share: float(np.mean(values[chosen] > limit)) for share, limit in limits.items()}

    return Compared(way, found(label != 0), {kind: found(label == kind) for kind in kinds})

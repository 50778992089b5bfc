"""Drift: how much the habits and scores of a sample have moved since a model was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.habits import NAMES
from models.anomaly.artefact import DECILES
from models.anomaly.habits import COUNT, Habits, checked
from models.anomaly.scoring import Parts, judged, scored
from models.anomaly.stability import stability_index
from models.anomaly.vectors import scaled_habits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.anomaly.model import Model

MOVED, FAR = 0.1, 0.25
"""Population stability index from which a habit has moved, and from which far: the customary limits of credit scoring
(Siddiqi 2006, Credit Risk Scorecards)."""
_STEP = 0.02
"""Figures are compared in such steps of their scales: what differs by less, such as the share of days on which a shop
that never shuts has sales, is alike."""


class DriftReport(NamedTuple):
    """Population stability indices, 0 where nothing moved."""

    merchant_days: int
    """Those of the sample that have a score."""
    habits: dict[str, float]
    """By the habit's name; the share of unknown figures is one of the classes compared."""
    score: float
    """Of the scores; NaN for an empty sample, as are habits."""

    def moved(self, limit: float = MOVED) -> tuple[str, ...]:
        """The habits that moved by at least `limit`, farthest first."""
        names = [name for name, index in self.habits.items() if index >= limit]
        return tuple(sorted(names, key=lambda name: -self.habits[name]))


def drift(model: Model, habits: Habits) -> DriftReport:
    """Compare merchant-days with those that a model was trained on.

    Raises:
        ValueError: shapes differ, or a figure is infinite.
    """
    habits = checked(habits)
    habits = habits.rows(scored(habits))
    n = len(habits.weight)
    if not n:
        return DriftReport(0, dict.fromkeys(NAMES, float("nan")), float("nan"))
    shares = _shares(model.arrays["deciles.habits"], _stepped(habits))
    expected = model.arrays["deciles.shares"].astype(np.float64)
    indices = [stability_index(expected[habit], shares[habit]) for habit in range(COUNT)]
    places = np.searchsorted(model.arrays["deciles.oddness"], judged(model.parts, habits).oddness, side="right")
    came = np.bincount(places, minlength=DECILES + 1) / n
    even = np.full(DECILES + 1, 1.0 / (DECILES + 1))
    return DriftReport(n, dict(zip(NAMES, indices, strict=True)), stability_index(even, came))


def deciles(parts: Parts, habits: Habits) -> Mapping[str, NDArray[Any]]:
    """The arrays of an artefact that drift is measured against, of scored merchant-days."""
    stepped = _stepped(habits)
    limits = np.zeros((COUNT, DECILES), np.float32)
    grid = np.arange(1, DECILES + 1) / (DECILES + 1)
    for habit in range(COUNT):
        known = stepped[~np.isnan(stepped[:, habit]), habit]
        if len(known):
            limits[habit] = np.quantile(known, grid, method="nearest")
    return {
        "deciles.habits": limits,
        "deciles.shares": _shares(limits, stepped),
        "deciles.oddness": np.quantile(judged(parts, habits).oddness, grid),
    }


def _stepped(habits: Habits) -> NDArray[np.float32]:
    """Figures on their scales in whole steps, shape (n, COUNT), of the type that limits are kept in."""
    return (np.round(scaled_habits(habits.value) / _STEP) * _STEP).astype(np.float32)


def _shares(limits: NDArray[np.float32], scaled: NDArray[np.float32]) -> NDArray[np.float64]:
    """Shares of merchant-days between the limits of each habit, and of unknown ones; shape (COUNT, DECILES + 2)."""
    made = np.empty((COUNT, DECILES + 2))
    for habit in range(COUNT):
        values = scaled[:, habit]
        places = np.searchsorted(limits[habit], values, side="right")
        places[np.isnan(values)] = DECILES + 1
        made[habit] = np.bincount(places, minlength=DECILES + 2) / len(values)
    return made

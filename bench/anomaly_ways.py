"""Ways to score merchant-days that the anomaly model is measured beside."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import IsolationForest

from models.anomaly.comparing import ways
from models.anomaly.vectors import scaled_habits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bench.anomaly_traffic import Traffic
    from models.anomaly.habits import Habits
    from models.anomaly.model import Model

MOST_LEARNED = 20_000
"""Merchant-days that neighbours are looked for among."""


def ways_of(model: Model, made: Traffic, learned: Habits | None) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Name and scores, shape (n,), of each."""
    for name, score in ways(model, made.batch.habits).items():
        yield name, score
    yield "volume_score alone", made.volume
    if learned is None:
        return
    medians = np.nan_to_num(np.nanmedian(scaled_habits(learned.value), axis=0))
    fit, test = (_filled(each, medians) for each in (learned, made.batch.habits))
    forest = IsolationForest(n_estimators=200, random_state=7).fit(fit)
    yield "forest, raw habits", -forest.score_samples(test)
    spread = np.maximum(fit.std(axis=0), 1e-9)
    fit, test = fit / spread, test / spread
    some = np.random.default_rng(7).choice(len(fit), min(MOST_LEARNED, len(fit)), replace=False)
    for name, arguments, rows in (("ECOD", {}, fit), ("LOF", {"n_neighbors": 20, "novelty": True}, fit[some])):
        found = _pyod(name, arguments)
        if found is not None:
            yield f"PyOD {name}, raw habits", found.fit(rows).decision_function(test)


def _filled(habits: Habits, medians: NDArray[np.float64]) -> NDArray[np.float64]:
    """Figures on their scales, shape (n, habits); what is not known stands at the median."""
    scaled = scaled_habits(habits.value)
    return np.where(np.isnan(scaled), medians, scaled)


def _pyod(name: str, arguments: dict[str, Any]) -> Any:
    try:
        return getattr(importlib.import_module(f"pyod.models.{name.lower()}"), name)(**arguments)
    except ModuleNotFoundError:
        return None

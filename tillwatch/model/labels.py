"""Scores of merchant-days beside what is known of them: the truth of a simulation, or verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.timestamps import DAY_MS
from evaluation.odd_days import Story
from tillwatch.model.days import merchant_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from models.anomaly.model import Model
    from simulator.truth import Truth
    from streams.verdicts import Span
    from tillwatch.model.days import Source
    from tillwatch.settings import Settings

CONFIRMED = "confirmed"
"""The category of stories that analysts have confirmed."""
ALERTS_PER_1000 = 0.5
"""New alerts per 1,000 merchant-days that the detector `anomaly` gives unless it is set otherwise."""


class ScoredSource(NamedTuple):
    """What models make of the merchant-days of a source.

    Attributes:
        merchant: (n,) keys of merchants.
        day: (n,) days since 1970-01-01.
        scores: of each model, (n,); NaN where a day has none.
        loads: of each model, (n,).
        names: of merchants, by key; empty unless asked for.
    """

    merchant: NDArray[np.int64]
    day: NDArray[np.int64]
    scores: tuple[NDArray[np.float64], ...]
    loads: tuple[NDArray[np.float64], ...]
    names: dict[int, str]


def scored(source: Source, models: Sequence[Model], *, named: bool = False) -> ScoredSource:
    """Score the merchant-days of a source: 16 bytes a day and 16 a model and day are held."""
    merchants, days = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    found = [[(np.empty(0), np.empty(0))] for _ in models]
    names: dict[int, str] = {}
    for each in source:
        merchants.append(each.batch.merchant.astype(np.int64))
        days.append(each.batch.day)
        if named:
            names.update(zip(each.batch.merchant.tolist(), each.merchant_id, strict=True))
        for into, model in zip(found, models, strict=True):
            made = model.score(each.batch.habits)
            into.append((made.score, made.load))
    scores, loads = (tuple(np.concatenate([pair[k] for pair in each]) for each in found) for k in (0, 1))
    return ScoredSource(np.concatenate(merchants), np.concatenate(days), scores, loads, names)


def told_by_truth(truth: Truth) -> list[Story]:
    """The violations of a simulation, by category."""
    return [
        Story(each.category, merchant_key(each.merchant_id), each.onset_ms // DAY_MS, each.end_ms // DAY_MS)
        for each in truth.violations
    ]


def told_by_verdicts(spans: Mapping[int, list[Span]]) -> list[Story]:
    """The alerts that were confirmed."""
    return [Story(CONFIRMED, key, each.from_day, each.to_day) for key, mine in spans.items() for each in mine]


def alerts_per_1000(settings: Settings) -> float:
    """New alerts per 1,000 merchant-days that the detector `anomaly` gives as it is set."""
    found = next((each for each in settings.make_detectors() if each.name == "anomaly"), None)
    return float(getattr(found, "alerts_per_1000", ALERTS_PER_1000))

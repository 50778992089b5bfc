"""Scores `tillwatch score-series` as the Numenta Anomaly Benchmark does: `python bench/nab.py FOLDER`.

FOLDER holds `nab_dev.csv.gz` (`entity_id,ts,value`) and `nab_dev_windows.json` (per series its labelled windows, first
and last time). The scoring is that of the benchmark's paper and its standard profile: an early detection in a window
earns up to 1, only a window's first one counts, a missed window costs 1, a false alarm up to 0.11, more the further
it lies behind a window; rows of the probation are ignored; one threshold serves all series, the best one. Null is
every window missed, perfect every window found at its first row.

It also says what a threshold chosen on half of the series is worth on the other half, and how fast scoring was.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.series import SeriesModel
from tillwatch.score_series import parse_ts_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TP_WEIGHT, FP_WEIGHT, FN_WEIGHT = 1.0, 0.11, 1.0
"""The standard profile."""
PROBATION_SHARE, PROBATION_OF_ROWS = 0.15, 5000
FAR = 3.0
"""Window lengths behind a window from which on a false alarm costs all."""


def scaled_sigmoid(position: Floats) -> Floats:
    """1 at a window's first row (-1; near enough), 0 at its last (0), towards -1 behind it; -1 beyond `FAR`."""
    inside = np.minimum(position, FAR)
    return np.where(position > FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * inside)) - 1.0)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One series' scores and its windows, as first and last row, ascending and apart."""

    name: str
    scores: Floats
    windows: list[tuple[int, int]]

    def probation(self) -> int:
        """Rows at the start that are ignored."""
        return int(PROBATION_SHARE * min(len(self.scores), PROBATION_OF_ROWS))

    def steps(self) -> tuple[Floats, Floats]:
        """What the raw score gains as a falling threshold reaches each row: the rows' scores, and the gains.

        Starts from nothing detected, where the raw score is -`FN_WEIGHT` for each window.
        """
        outside = np.full(len(self.scores), -FP_WEIGHT)
        scores, gains = [], []
        for k, (first, last) in enumerate(self.windows):
            after = np.arange(last + 1, len(self.scores))
            outside[after] = FP_WEIGHT * scaled_sigmoid((after - last) / max(1, last - first))
            rows = np.arange(max(first, self.probation()), last + 1)
            rows = rows[np.argsort(-self.scores[rows], kind="stable")]
            worth = scaled_sigmoid(-(last - rows + 1) / (last - first + 1)) / scaled_sigmoid(np.array(-1.0))
            best = np.maximum.accumulate(TP_WEIGHT * worth)
            scores.append(self.scores[rows])
            gains.append(np.diff(best, prepend=-FN_WEIGHT))
            outside[first : last + 1] = 0.0
        rows = np.arange(self.probation(), len(self.scores))
        inside = np.zeros(len(self.scores), bool)
        for first, last in self.windows:
            inside[first : last + 1] = True
        rows = rows[~inside[rows]]
        return np.concatenate([*scores, self.scores[rows]]), np.concatenate([*gains, outside[rows]])


def sweep(series: Sequence[Labelled]) -> tuple[Floats, Floats]:
    """Every threshold there is, falling, and the normalised score (at most 100) of these series at each.

    A row is a detection when its score is at least the threshold. The first threshold is above all rows.
    """
    windows = sum(len(each.windows) for each in series)
    pairs = [each.steps() for each in series]
    scores, gains = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
    order = np.argsort(-scores, kind="stable")
    scores, raw = scores[order], np.cumsum(gains[order])
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    null, perfect = -FN_WEIGHT * windows, TP_WEIGHT * windows
    return np.append(np.inf, scores[ends]), np.append(0.0, 100.0 * raw[ends] / (perfect - null))


def best(series: Sequence[Labelled]) -> tuple[float, float]:
    """The best threshold and the normalised score there."""
    thresholds, normalised = sweep(series)
    k = int(np.argmax(normalised))
    return float(thresholds[k]), float(normalised[k])


def at(series: Sequence[Labelled], threshold: float) -> float:
    """The normalised score at a threshold."""
    thresholds, normalised = sweep(series)
    return float(normalised[np.flatnonzero(thresholds >= threshold)[-1]])

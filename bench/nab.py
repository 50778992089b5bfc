"""Scores `tillwatch score-series` as the Numenta Anomaly Benchmark does: `python bench/nab.py FOLDER`.

FOLDER holds `nab_dev.csv.gz` (`entity_id,ts,value`) and `nab_dev_windows.json` (per series its labelled windows, first
and last time). The scoring is that of the benchmark's paper and its standard profile: an early detection in a window
earns up to 1, only a window's first one counts, a missed window costs 1, a false alarm up to 0.11, more the further
it lies behind a window; rows of the probation are ignored; one threshold serves all series. Null is every window
missed, perfect every window found at its first row.

Detections are the alerts: a score that reaches the threshold while its series is not quiet. The bench gives the best
threshold, the documented one, and what a threshold that was chosen on some of the series is worth on the others; nobody
tunes one for a merchant. It repeats that on thinned and distorted copies, on which the numbers were chosen as well.
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

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from models.series import QUIET_ROWS, THRESHOLD, SeriesModel, alerts
from tillwatch.score_series import parse_ts_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TP_WEIGHT, FP_WEIGHT, FN_WEIGHT = 1.0, 0.11, 1.0
"""The standard profile."""
PROBATION_SHARE, PROBATION_OF_ROWS = 0.15, 5000
THRESHOLDS = np.round(np.arange(0.3, 0.8, 0.005), 3)
DRAWS = 20
FAR = 3.0
"""Window lengths behind a window from which on a false alarm costs all."""


def scaled_sigmoid(position: Floats) -> Floats:
    """What a detection is worth by position: near 1 at -1 (a window's first row), 0 at 0 (its end), -1 beyond `FAR`."""
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
        for first, last in self.windows:
            after = np.arange(last + 1, len(self.scores))
            outside[after] = FP_WEIGHT * scaled_sigmoid((after - last) / max(1, last - first))
            rows = np.arange(max(first, self.probation()), last + 1)
            rows = rows[np.argsort(-self.scores[rows], kind="stable")]
            worth = scaled_sigmoid(-(last - rows + 1) / (last - first + 1)) / scaled_sigmoid(np.array(-1.0))
            best = np.maximum.accumulate(TP_WEIGHT * worth)
            scores.append(self.scores[rows])
            gains.append(np.diff(best, prepend=-FN_WEIGHT))
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


@dataclass(frozen=True, slots=True)
class Curves:
    """What alerts earn, beyond the null detector, in each series at each of `THRESHOLDS`."""

    names: list[str]
    windows: NDArray[np.int64]
    earned: Floats
    """Raw scores, shape (series, thresholds)."""

    def normalised(self, chosen: NDArray[np.intp]) -> Floats:
        """The normalised score of the chosen series at each threshold, shape (thresholds,)."""
        most = (TP_WEIGHT + FN_WEIGHT) * float(self.windows[chosen].sum())
        return np.asarray(100.0 * self.earned[chosen].sum(axis=0) / most)

    def transferred(self, chosen: NDArray[np.intp], others: NDArray[np.intp]) -> float:
        """The normalised score of the chosen series at the best threshold of the others."""
        return float(self.normalised(chosen)[self.normalised(others).argmax()])

    def halves(self) -> Floats:
        """Scores of random halves at the other half's best threshold; both ways for each of `DRAWS` draws."""
        draw = np.random.default_rng(1)
        parts = [np.array_split(draw.permutation(len(self.names)), 2) for _ in range(DRAWS)]
        return np.array([self.transferred(*pair) for part in parts for pair in (part, part[::-1])])


def curves(series: Sequence[Labelled], quiet_rows: int = QUIET_ROWS) -> Curves:
    """The curves of these series' alerts."""
    earned = np.zeros((len(series), len(THRESHOLDS)))
    for row, each in zip(earned, series, strict=True):
        for k, threshold in enumerate(THRESHOLDS):
            told = Labelled(each.name, alerts(each.scores, threshold, quiet_rows).astype(float), each.windows)
            detected, gains = told.steps()
            row[k] = gains[detected == 1.0].sum()
    return Curves([each.name for each in series], np.array([len(each.windows) for each in series]), earned)


@dataclass(frozen=True, slots=True)
class Rows:
    """The folder's rows, and the windows of each series as first and last time."""

    names: list[str]
    series: NDArray[np.int64]
    ts_ms: NDArray[np.int64]
    value: Floats
    windows: list[list[tuple[int, int]]]

    def thinned(self, rows: int) -> Rows:
        """Means of every so many rows, at the time of the last."""
        whole = [np.flatnonzero(self.series == k) for k in range(len(self.names))]
        groups = np.concatenate([each[: len(each) // rows * rows].reshape(-1, rows) for each in whole])
        last = groups[:, -1]
        return Rows(self.names, self.series[last], self.ts_ms[last], self.value[groups].mean(axis=1), self.windows)

    def distorted(self, power: float) -> Rows:
        """Each series' distance from its least value, in medians, to a power."""
        value = self.value.copy()
        for k in range(len(self.names)):
            above = value[self.series == k] - value[self.series == k].min()
            value[self.series == k] = (above / (np.median(above) or 1.0)) ** power
        return Rows(self.names, self.series, self.ts_ms, value, self.windows)

    def scored(self) -> list[Labelled]:
        """The series as a user would score them: all of them one after another through one model."""
        scores = SeriesModel().score(self.series, self.ts_ms, self.value).scores
        found = []
        for k, name in enumerate(self.names):
            mine = self.series == k
            found.append(Labelled(name, scores[mine], [_places(self.ts_ms[mine], each) for each in self.windows[k]]))
        return found


def read(folder: Path) -> Rows:
    """Read the folder's series."""
    windows = json.loads((folder / "nab_dev_windows.json").read_text(encoding="utf-8"))
    with gzip.open(folder / "nab_dev.csv.gz", "rt", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(row["entity_id"] for row in rows))
    numbers = {name: k for k, name in enumerate(names)}
    return Rows(
        names,
        np.array([numbers[row["entity_id"]] for row in rows]),
        np.array([parse_ts_ms(row["ts"]) for row in rows]),
        np.array([float(row["value"]) for row in rows]),
        [[(parse_ts_ms(first), parse_ts_ms(last)) for first, last in windows[name]] for name in names],
    )


def _places(ts_ms: NDArray[np.int64], window: tuple[int, int]) -> tuple[int, int]:
    """The first and last row of a window given by its first and last time."""
    rows = np.flatnonzero((ts_ms >= window[0]) & (ts_ms <= window[1]))
    return int(rows[0]), int(rows[-1])


def report(name: str, found: Curves) -> None:
    """Print a line about all series together."""
    normalised, halves = found.normalised(np.arange(len(found.names))), found.halves()
    documented = normalised[np.abs(THRESHOLDS - THRESHOLD).argmin()]
    print(
        f"{name}: best {normalised.max():.1f} at {THRESHOLDS[normalised.argmax()]:.3f}, {documented:.1f}"
        f" at {THRESHOLD}, random halves mean {halves.mean():.1f}, worst of {halves.size} {halves.min():.1f}"
    )


def main(folder: Path) -> None:
    """Print all of it."""
    SeriesModel().score(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))  # compiles
    rows = read(folder)
    started = time.process_time()
    series = rows.scored()
    cost_us = 1e6 * (time.process_time() - started) / len(rows.value)
    print(f"{len(series)} series, {sum(len(each.windows) for each in series)} windows, {cost_us:.2f} µs a point")
    found = curves(series)
    report("alerts", found)
    report("every row at the threshold or above, never quiet", curves(series, 0))
    groups = np.array([name.split("/")[0] for name in found.names])
    for group in np.unique(groups):
        inside, others = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        if found.windows[inside].any():
            print(f"  {group}: {found.transferred(inside, others):.1f} at the threshold of the other groups")
        else:
            told = sum(int(alerts(series[k].scores)[series[k].probation() :].sum()) for k in inside)
            print(f"  {group}: {told} false alarms at {THRESHOLD}")
    for count in (2, 3, 6):
        report(f"means of {count} rows", curves(rows.thinned(count).scored()))
    for power in (0.5, 2.0):
        report(f"distance from the least to the power {power}", curves(rows.distorted(power).scored()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

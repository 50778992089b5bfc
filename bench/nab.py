"""Scores `tillwatch score-series` as the Numenta Anomaly Benchmark does: `python bench/nab.py FOLDER`.

FOLDER holds `nab_dev.csv.gz` (`entity_id,ts,value`) and `nab_dev_windows.json` (per series its labelled windows, first
and last time). The scoring is that of the benchmark's paper and its standard profile: an early detection in a window
earns up to 1, only a window's first one counts, a missed window costs 1, a false alarm up to 0.11, more the further
it lies behind a window; rows of the probation are ignored; one threshold serves all series, the best one. Null is
every window missed, perfect every window found at its first row.

It also says what a threshold that was chosen on some of the series is worth on the others.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
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


def read(folder: Path) -> list[Labelled]:
    """Score the folder's series, each as a user would: all of them one after another through one model."""
    windows = json.loads((folder / "nab_dev_windows.json").read_text(encoding="utf-8"))
    ids: list[str] = []
    times: list[int] = []
    values: list[float] = []
    with gzip.open(folder / "nab_dev.csv.gz", "rt", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ids.append(row["entity_id"])
            times.append(parse_ts_ms(row["ts"]))
            values.append(float(row["value"]))
    names = list(dict.fromkeys(ids))
    places = {name: k for k, name in enumerate(names)}
    series = np.array([places[each] for each in ids])
    ts_ms = np.array(times)
    scores, _ = SeriesModel().score(series, ts_ms, np.array(values))
    return [
        Labelled(name, scores[series == k], [_rows(ts_ms[series == k], each) for each in windows[name]])
        for k, name in enumerate(names)
    ]


def _rows(ts_ms: NDArray[np.int64], window: list[str]) -> tuple[int, int]:
    """The first and last row of a window given by its first and last time."""
    first, last = (parse_ts_ms(each) for each in window)
    rows = np.flatnonzero((ts_ms >= first) & (ts_ms <= last))
    return int(rows[0]), int(rows[-1])


def halves(series: Sequence[Labelled], draws: int = 20) -> Floats:
    """Normalised scores of half of the series at the best threshold of the other half; both ways for each draw."""
    draw = np.random.default_rng(1)
    found = []
    for _ in range(draws):
        order = draw.permutation(len(series))
        left, right = ([series[k] for k in part] for part in np.array_split(order, 2))
        found += [at(right, best(left)[0]), at(left, best(right)[0])]
    return np.array(found)


def main(folder: Path) -> None:
    """Print all of it."""
    SeriesModel().score(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))  # compiles
    series = read(folder)
    threshold, score = best(series)
    print(f"{len(series)} series, {sum(len(each.windows) for each in series)} windows")
    print(f"standard profile: {score:.1f} at the threshold {threshold:.3f}; {at(series, 0.5):.1f} at 0.5")
    even, odd = series[::2], series[1::2]
    print(
        f"threshold of the odd series on the even ones: {at(even, best(odd)[0]):.1f}, of their own {best(even)[1]:.1f}"
    )
    print(
        f"threshold of the even series on the odd ones: {at(odd, best(even)[0]):.1f}, of their own {best(odd)[1]:.1f}"
    )
    held_out = halves(series)
    print(f"of one random half on the other: mean {held_out.mean():.1f}, worst of {held_out.size} {held_out.min():.1f}")
    for group in sorted({each.name.split("/")[0] for each in series}):
        inside = [each for each in series if each.name.startswith(group)]
        others = [each for each in series if not each.name.startswith(group)]
        if any(each.windows for each in inside):
            print(f"  {group}: {at(inside, best(others)[0]):.1f} at the threshold of the other groups")
        else:
            low = sum(int((each.scores[each.probation() :] >= threshold).sum()) for each in inside)
            print(f"  {group}: {low} false alarms at {threshold:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Which injected events `score-series` finds on simulated daily counts: `python -m bench.series_daily`.

Each shop has its own mean and week, some a closing day; levels change, unannounced holidays and closures come: all of
that is honest. Counts are Poisson with an extra variance of each day. One copy of a shop stays as it is, each of the
others has one event. The threshold is the one at which the untouched copies give `LOAD` alerts per 1,000 days; found is
an event with an alert on one of its days. Plain baselines get the same, and all detectors are quiet in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from domain.timestamps import DAY_MS
from models.series import QUIET_DAYS, THRESHOLD, SeriesModel, alerts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHOPS, DAYS, LEARNED = 300, 500, 120
"""Shops, days of each, and days before which neither events nor alerts count."""
EVENTS = {"spike x4": (4.0, 1), "burst x2.5": (2.5, 3), "lasting x1.6": (1.6, 14), "drop to 15 %": (0.15, 5)}
"""Factor and days of each event."""
LOAD = 5.0
"""Alerts per 1,000 untouched days."""
_MONDAY_MS = 20_458 * DAY_MS


@dataclass(frozen=True, slots=True)
class World:
    """What honest trade is like."""

    mean: float = 40.0
    """Sales a day of the middle shop."""
    spread: float = 1.0
    """Standard deviation of the logarithm of shops' means."""
    extra: float = 0.07
    """Variance of a day's own factor."""
    closing: float = 0.3
    """Share of shops with a closing day each week."""
    moves: float = 0.25
    """Standard deviation of the logarithm of a change of level; there are three a year."""
    holiday: float = 0.45
    """Standard deviation of the logarithm of a shop's factor on a holiday; there are ten a year."""
    shut: float = 0.26
    """Share of shops that are shut on a holiday."""


WORLDS = {
    "mixed": World(),
    "restaurants": World(mean=16, spread=0.6, closing=0.7, moves=0.2),
    "platform": World(mean=78, spread=0.6, closing=0.05, moves=0.5, shut=0.1),
    "supermarkets": World(mean=136, spread=0.4, extra=0.005, closing=0, moves=0.1, holiday=0.3, shut=0.09),
}


def expected_sales(world: World, draw: np.random.Generator) -> Floats:
    """What honest shops sell on average, shape (shops, days)."""
    day = np.arange(DAYS)
    mean = world.mean * np.exp(draw.normal(0, world.spread, (SHOPS, 1)))
    week = np.exp(draw.normal(0, 0.15, (SHOPS, 7)) + np.where(np.arange(7) >= 5, 0.2, 0.0))
    week[np.arange(SHOPS), draw.integers(0, 7, SHOPS)] *= draw.random(SHOPS) >= world.closing
    changes = np.where(draw.random((SHOPS, DAYS)) < 3 / 365, draw.normal(0, world.moves, (SHOPS, DAYS)), 0.0)
    sales = mean * week[:, day % 7] * np.exp(changes.cumsum(axis=1))
    holidays = draw.choice(DAYS, 10 * DAYS // 365, replace=False)
    factor = np.exp(draw.normal(0.1, world.holiday, (SHOPS, len(holidays))))
    sales[:, holidays] *= np.where(draw.random(factor.shape) < world.shut, 0.0, factor)
    for shop, first in zip(*np.nonzero(draw.random((SHOPS, DAYS)) < 1.5 / 365), strict=True):
        sales[shop, first : first + draw.integers(1, 8)] = 0.0
    return np.asarray(sales)


def simulate(world: World, seed: int) -> tuple[Floats, dict[str, Floats], dict[str, NDArray[np.bool_]]]:
    """Untouched counts; and for each event the counts with it, and its days. All have the shape (shops, days)."""
    draw = np.random.default_rng(seed)
    sales = expected_sales(world, draw)
    rate = sales * draw.gamma(1 / world.extra, world.extra, sales.shape)
    usual = draw.poisson(rate).astype(float)
    counts, when = {}, {}
    for name, (factor, days) in EVENTS.items():
        inside = np.zeros(sales.shape, bool)
        for shop in range(SHOPS):
            first = draw.choice(np.flatnonzero(sales[shop, LEARNED + 20 : DAYS - days] > 0)) + LEARNED + 20
            inside[shop, first : first + days] = True
        counts[name] = np.where(inside, draw.poisson(rate * factor), usual)
        when[name] = inside
    return usual, counts, when


def odds(counts: Floats) -> Floats:
    """What `score-series` says, as a score over what it lacks of 1, like the baselines from 0 on without end."""
    series, day = np.indices(counts.shape)
    scores = SeriesModel().score(series.ravel(), _MONDAY_MS + DAY_MS * day.ravel(), counts.ravel()).scores
    return (scores / (1.0 - scores)).reshape(counts.shape)


def windowed_z(counts: Floats, days: int = 30) -> Floats:
    """Distance from the mean of the days before, in their standard deviations."""
    found = np.zeros(counts.shape)
    for day in range(days, counts.shape[1]):
        before = counts[:, day - days : day]
        found[:, day] = (counts[:, day] - before.mean(axis=1)) / (before.std(axis=1) + 1.0)
    return found


def cusum(counts: Floats, allowance: float = 0.5) -> Floats:
    """The larger of the two sums of z beyond an allowance; a day counts for four at most."""
    z = np.clip(windowed_z(counts), -4.0, 4.0)
    up, down, found = np.zeros(len(z)), np.zeros(len(z)), np.zeros(z.shape)
    for day in range(z.shape[1]):
        up, down = np.maximum(0, up + z[:, day] - allowance), np.maximum(0, down - z[:, day] - allowance)
        found[:, day] = np.maximum(up, down)
    return found


def weekday_residual(counts: Floats, weeks: int = 6, days: int = 30) -> Floats:
    """Distance from the median of the same weekday of six weeks, in standard deviations of the 30 distances before."""
    rest, found = np.zeros(counts.shape), np.zeros(counts.shape)
    for day in range(7 * weeks, counts.shape[1]):
        rest[:, day] = counts[:, day] - np.median(counts[:, day - 7 * weeks : day : 7], axis=1)
        found[:, day] = np.abs(rest[:, day]) / (rest[:, day - days : day].std(axis=1) + 1.0)
    return found


DETECTORS: dict[str, Callable[[Floats], Floats]] = {
    "score-series": odds,
    "windowed z": lambda counts: np.abs(windowed_z(counts)),
    "CUSUM": cusum,
    "weekday residual": weekday_residual,
}


def told(found: Floats, threshold: float) -> NDArray[np.bool_]:
    """Alerts of each shop at a threshold of `odds`."""
    scores = found / (1.0 + found)
    return np.array([alerts(each, threshold / (1.0 + threshold), QUIET_DAYS) for each in scores])


def load(found: Floats, threshold: float) -> float:
    """Alerts per 1,000 days."""
    return 1000.0 * float(told(found, threshold)[:, LEARNED:].mean())


def threshold_at(found: Floats, wanted: float) -> float:
    """The threshold at which untouched shops give this load, by bisection."""
    low, high = 0.0, float(found.max()) + 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if load(found, middle) > wanted else (low, middle)
    return high


def main() -> None:
    """Print the share of events found by each detector in each world."""
    documented = THRESHOLD / (1.0 - THRESHOLD)
    for name, world in WORLDS.items():
        usual, counts, when = simulate(world, 1)
        for detector, score in DETECTORS.items():
            untouched = score(usual)
            threshold = threshold_at(untouched, LOAD)
            shares = [
                float((told(score(counts[event]), threshold) & when[event]).any(axis=1).mean()) for event in EVENTS
            ]
            text = ", ".join(f"{event} {share:.2f}" for event, share in zip(EVENTS, shares, strict=True))
            print(f"{name}, {detector}: {np.mean(shares):.2f} ({text})")
            if score is odds:
                print(
                    f"  threshold {threshold / (1 + threshold):.3f}; at {THRESHOLD} {load(untouched, documented):.1f}"
                )


if __name__ == "__main__":
    main()

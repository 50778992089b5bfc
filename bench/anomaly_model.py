"""How fast the anomaly model judges, what its parts find, and what training costs, on drawn habits.

    python -m bench.anomaly_model
    python -m bench.anomaly_model --merchants 50000 --days 200

Drawn habits show speed and mistakes of the parts; what the model is worth on traffic is another question.
"""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

import click
import numpy as np

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from models.anomaly import forest, neighbours, scoring, tails, vectors
from models.anomaly.comparing import compare_parts
from models.anomaly.samples import Batch
from models.anomaly.training import train
from tests.models.anomaly import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.anomaly.habits import Habits
    from models.anomaly.model import Model

POOL_D = 4
"""Days that are drawn; all others are these, scaled by chance, so that drawing costs little beside training."""
PLANTED = ((2.0, 3), (4.0, 2), (6.0, 1), (1.5, 6), (1.0, 12))
"""How far habits are moved, and how many of a day."""


class Days:
    """Merchant-days that are drawn as they are read."""

    def __init__(self, merchants: int, days: int) -> None:
        self._merchants, self._days = merchants, days
        self._pool = drawn.days(drawn.shops(merchants, 3), POOL_D, 5)

    def __iter__(self) -> Iterator[Batch]:
        for day in range(self._days):
            begin = self._merchants * (day % POOL_D)
            batch = self._pool.rows(slice(begin, begin + self._merchants))
            by = 1 + 0.02 * np.random.default_rng(day).normal(size=(self._merchants, 1))
            habits = batch.habits._replace(value=batch.habits.value * by, age_d=batch.habits.age_d + day - day % POOL_D)
            yield Batch(batch.merchant, np.full(self._merchants, drawn.BEGIN + day), habits)


def speeds(model: Model, habits: Habits) -> None:
    parts = model.parts
    z = vectors.vectors(parts.peers, habits).z
    for name, work, rows in (
        ("vectors", lambda: vectors.vectors(parts.peers, habits), len(z)),
        ("forest", lambda: forest.isolation(parts.forest, z), len(z)),
        ("tails", lambda: tails.sums(tails.terms(parts.tails, z)), len(z)),
        ("neighbours", lambda: neighbours.distances(parts.neighbours, z[:3_000]), 3_000),
        ("splits saved", lambda: forest.attributed(parts.forest, z[:3_000]), 3_000),
        ("oddness", lambda: scoring.judged(parts, habits), len(z)),
        ("scores with reasons", lambda: model.score(habits), len(z)),
    ):
        print(f"{name:20} {rows / least(work):12,.0f} vectors a second of processor time")


def least(work: Callable[[], object], rounds: int = 5) -> float:
    """Seconds of processor time, of the quickest round."""
    work()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


def comparison(model: Model) -> None:
    fresh = drawn.days(drawn.shops(1_500, 9), 20, 11)
    columns = []
    for far, count in PLANTED:
        habits, rows, _ = drawn.planted(fresh, 1, far=far, habits=count)
        label = np.zeros(len(fresh.day), np.int64)
        label[rows] = 1
        columns.append({each.way: each.found for each in compare_parts(model, habits, label)})
    print(
        "found of planted days, %, at 1 and 0.1 % of honest ones:", *(f"{count} by {far:g}" for far, count in PLANTED)
    )
    for way in columns[0]:
        found = "   ".join(f"{100 * each[way][0.01]:4.0f} {100 * each[way][0.001]:4.0f}" for each in columns)
        print(f"{way:30} {found}")


@click.command()
@click.option("--merchants", default=1_500, show_default=True, help="Merchants of training, at least 200.")
@click.option("--days", default=60, show_default=True, help="Days of training, at least 30.")
def main(merchants: int, days: int) -> None:
    source = Days(merchants, days)
    drawing = least(lambda: [None for _ in source], rounds=1)
    begin = time.process_time()
    model = train(source, version="drawn", seed=7, source="drawn by chance")
    spent = time.process_time() - begin - 2 * drawing
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"training: {model.manifest.merchant_days:,} merchant-days, {spent:.0f} s of processor time, {peak:,.0f} MB")
    print(f"artefact: {len(model.encoded()):,} bytes")
    speeds(model, drawn.days(drawn.shops(1_500, 9), 20, 11).habits)
    comparison(model)


if __name__ == "__main__":
    main()

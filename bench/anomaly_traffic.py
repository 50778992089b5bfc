"""Trains the anomaly model on simulated traffic, and measures it beside other ways on seeds that it has not seen.

    python -m bench.oddities var/train.npz --seeds 11 12 --merchants 1000 --odd-share 0
    python -m bench.oddities var/test.npz --seeds 22 23 --merchants 700
    python -m bench.anomaly_traffic train models/anomaly/simulated.json var/train.11.npz var/train.12.npz
    python -m bench.anomaly_traffic measure models/anomaly/simulated.json --train var/train.11.npz var/test.*.npz

Thresholds are those at which honest merchants give so many new alerts per 1,000 of their days. A violation is found if
an alert begins within it, or within 14 days after its end. PyOD's detectors are measured where it is installed:
`pip install --group bench`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click
import numpy as np

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from bench.anomaly_ways import ways_of
from domain.habits import NAMES
from engine.features.families.oddity import LEAST_AGE_D
from evaluation.matching import GRACE_MS, MODEL
from evaluation.odd_days import (
    ScoredDays,
    Story,
    average_precision,
    begun,
    in_order,
    rows_of,
    seen,
    threshold_at,
)  # fmt: skip
from models.anomaly.drift import drift
from models.anomaly.habits import Habits
from models.anomaly.model import Model
from models.anomaly.samples import Batch, joined
from models.anomaly.scoring import scored
from models.anomaly.training import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUDGETS = (0.5, 1.0, 5.0)
"""New alerts per 1,000 days of honest merchants."""
GRACE_D = GRACE_MS[MODEL] // 86_400_000
_HOURS = 24
_APART = 1_000_000
FILE = click.Path(exists=True, dir_okay=False)


class Traffic(NamedTuple):
    """The scored merchant-days of some runs, by merchant and then by day."""

    batch: Batch
    volume: NDArray[np.float64]
    """Shape (n,): the column `volume_score`."""
    label: NDArray[np.int64]
    """Shape (n,): of `bench.oddities`."""
    honest: NDArray[np.bool_]
    """Shape (n,): the merchant never did anything odd."""
    stories: list[Story]


def traffic(files: tuple[str, ...]) -> Traffic:
    """The merchant-days of files of `bench.oddities`."""
    runs = [_of_file(each, number) for number, each in enumerate(files)]
    return Traffic(
        joined([run.batch for run in runs]),
        np.concatenate([run.volume for run in runs]),
        np.concatenate([run.label for run in runs]),
        np.concatenate([run.honest for run in runs]),
        [story for run in runs for story in run.stories],
    )


def _of_file(file: str, number: int) -> Traffic:
    with np.load(file) as held:
        values, names = held["values"], held["names"].tolist()
        merchant, day = held["merchant"].astype(np.int64) + _APART * number, held["day"].astype(np.int64)
        label, kinds = held["label"].astype(np.int64), held["kinds"].tolist()
    column = {name: values[:, k].astype(np.float64) for k, name in enumerate(names)}
    stories = [
        Story(kinds[int(label[mine].max())], int(each), int(day[mine].min()), int(day[mine].max()))
        for each in np.unique(merchant[label > 0])
        for mine in [(merchant == each) & (label > 0)]
    ]
    habits = Habits(
        np.stack([column[f"habit_{name}"] for name in NAMES], axis=1),
        np.stack([column[f"habit_{name}_usual"] for name in NAMES], axis=1),
        np.nan_to_num(column["habit_sales"]),
        np.nan_to_num(column["habit_mcc"], nan=-1.0).astype(np.int64),
        np.nan_to_num(column["age_h"]).astype(np.int64) // _HOURS,
    )
    known = np.flatnonzero(scored(habits) & (habits.age_d >= LEAST_AGE_D))
    rows = known[np.lexsort((day[known], merchant[known]))]
    honest = ~np.isin(merchant, merchant[label != 0])
    batch = Batch(merchant.astype(np.uint64), day, habits).rows(rows)
    return Traffic(batch, column["volume_score"][rows], label[rows], honest[rows], stories)


def measured(made: Traffic, score: NDArray[np.float64]) -> tuple[float, dict[tuple[str, float], tuple[int, int]]]:
    """Average precision of days, and how many stories of how many were found, by kind ("" all) and budget."""
    merchant = made.batch.merchant.astype(np.int64)
    score = np.nan_to_num(score, nan=-np.inf)
    every = ScoredDays(merchant, made.batch.day, score)
    honest = in_order(merchant[made.honest], made.batch.day[made.honest], score[made.honest])
    told = made.label >= 0
    visible = seen(every, made.stories)
    found: dict[tuple[str, float], tuple[int, int]] = {}
    for budget in BUDGETS:
        begins = np.zeros(len(score), np.bool_)
        begins[begun(every, threshold_at(honest, budget))] = True
        hit = [each for each in visible if begins[rows_of(every, each, GRACE_D)].any()]
        for kind in ("", *sorted({each.category for each in visible})):
            here, of = (sum(kind in ("", each.category) for each in some) for some in (hit, visible))
            found[kind, budget] = here, of
    return average_precision(score[told], made.label[told] > 0), found


def _print(way: str, precision: float, found: dict[tuple[str, float], tuple[int, int]]) -> None:
    kinds = sorted({kind for kind, _ in found if kind})
    shares = "".join(f"{found['', budget][0] / found['', budget][1]:6.2f}" for budget in BUDGETS)
    by_kind = "  ".join(f"{kind.removeprefix('odd_')} {found[kind, 1.0][0]}/{found[kind, 5.0][0]}/{found[kind, 5.0][1]}"
                        for kind in kinds)  # fmt: skip
    click.echo(f"{way:28} {precision:6.3f} {shares}   {by_kind}")


def _calibration(model: Model, made: Traffic) -> None:
    """How many new alerts the honest merchants give at settings of the detector."""
    load = model.score(made.batch.habits).load
    merchant = made.batch.merchant.astype(np.int64)
    days = in_order(merchant[made.honest], made.batch.day[made.honest], -load[made.honest])
    for setting in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        begins = len(begun(days, -setting))
        click.echo(f"alerts_per_1000 {setting:4}: {begins} new alerts, {1000 * begins / len(days.score):.2f} per 1,000")


@click.group()
def main() -> None:
    """Train and measure on merchant-days of bench.oddities."""


@main.command("train")
@click.argument("out", type=click.Path(dir_okay=False))
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--version", default="simulated", show_default=True)
@click.option("--seed", default=7, show_default=True)
def train_command(out: str, files: tuple[str, ...], version: str, seed: int) -> None:
    """Write the model of honest merchant-days."""
    made = train([traffic(files).batch], version=version, seed=seed, source="simulated merchants, no real ones")
    body = made.encoded()
    with click.open_file(out, "wb") as into:
        into.write(body)
    click.echo(f"{made.manifest.merchant_days:,} merchant-days, {len(body):,} bytes, SHA-256 {made.digest}")


@main.command("measure")
@click.argument("model_file", type=FILE)
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--train", "train_file", type=FILE, help="Honest days that the other ways learn from.")
def measure_command(model_file: str, files: tuple[str, ...], train_file: str | None) -> None:
    """Average precision of days; share of violations found at 0.5, 1 and 5 alerts; by kind found at 1, at 5, of all."""
    with click.open_file(model_file, "rb") as held:
        model = Model.decoded(held.read())
    made = traffic(files)
    click.echo(f"{len(made.label):,} merchant-days, {np.sum(made.label > 0):,} odd; {len(made.stories)} violations")
    _calibration(model, made)
    if made.stories:
        learned = traffic((train_file,)).batch.habits if train_file else None
        for way, score in ways_of(model, made, learned):
            _print(way, *measured(made, score))


@main.command("drift")
@click.argument("model_file", type=FILE)
@click.argument("files", nargs=-1, required=True, type=FILE)
def drift_command(model_file: str, files: tuple[str, ...]) -> None:
    """Drift of each week, and of the last one changed: code shares 20 points up, tickets half as large again."""
    with click.open_file(model_file, "rb") as held:
        model = Model.decoded(held.read())
    batch = traffic(files).batch
    for first in range(int(batch.day.min()), int(batch.day.max()) - 5, 28):
        _drifted(f"week from day {first}", model, batch.rows((batch.day >= first) & (batch.day < first + 7)).habits)
    last = batch.rows(batch.day > batch.day.max() - 7).habits
    for words, name, times, more in (
        ("code shares + 0.2", "code_share", 1.0, 0.2), ("tickets × 1.5", "ticket_minor", 1.5, 0.0),
    ):  # fmt: skip
        value = last.value.copy()
        value[:, NAMES.index(name)] = times * value[:, NAMES.index(name)] + more
        _drifted(words, model, last._replace(value=value))


def _drifted(words: str, model: Model, habits: Habits) -> None:
    report = drift(model, habits)
    moved = ", ".join(f"{name} {report.habits[name]:.2f}" for name in report.moved()) or "none"
    click.echo(f"{words:24} {report.merchant_days:6,} merchant-days, score {report.score:.3f}; moved: {moved}")


if __name__ == "__main__":
    main()

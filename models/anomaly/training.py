"""Trains the anomaly model of merchant-days that are read twice, in bounded memory.

The first reading takes samples and counts merchants; of them peers, vectors and the parts are learned. The second one
scores every merchant-day: percentiles, and how many alerts each threshold would give. It does so by parts that were
learned without the day's merchant, for merchants are less odd by what was learned of themselves.
"""

from __future__ import annotations

import math
import platform
from datetime import date, timedelta
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.habits import NAMES
from models.anomaly import artefact, drift, forest, neighbours, peers, scoring, tails
from models.anomaly.artefact import Golden, Group, Manifest
from models.anomaly.habits import Habits, checked
from models.anomaly.model import FEATURES, LEAST_GOLDEN, Model, golden_of, parts_of, peers_of
from models.anomaly.ranks import PER_DECADE, POINTS, table
from models.anomaly.readings import Merchants, second_reading
from models.anomaly.samples import Batch, Sample, Sampled, hashes, regrouped
from models.anomaly.vectors import CELLS, YOUNG_D, vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

LEAST_DAYS, LEAST_MERCHANTS = 30, 200
"""Days and merchants of training, at least: what is usual has a memory of 28 days, and one merchant in 200 is the
oddest half per cent, where alerts begin."""
IN_ALL, OF_STRATUM = 200_000, 1_500
"""Merchant-days of the sample of all, and of each MCC's young and old merchants."""
WEIGHTS = (0.0, 1.0, 0.0)
"""Of `models.anomaly.scoring.PARTS`, chosen on simulated violations: docs/decisions/017-anomaly-model.md."""
FOLDS = 3
"""Sets of merchants of which each is scored by what was learned of the others."""
_MEASURED = 50_000
"""Vectors whose distances to neighbours are ranked: enough for a table to 3.7 decades."""
_PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
_GROUP_QUANTILES = (0.5, 0.9, 0.99, 0.999)


class _First(NamedTuple):
    """What the first reading gives."""

    everywhere: Sampled
    by_mcc: Sampled
    merchants: Merchants
    first_day: int
    last_day: int


def train(
    days: Iterable[Batch],
    *,
    version: str,
    seed: int,
    source: str = "",
    left_out: Callable[[Batch], NDArray[np.bool_]] | None = None,
    left_out_words: str = "none",
    weights: tuple[float, float, float] = WEIGHTS,
) -> Model:
    """The model of merchant-days; the same ones give the same bytes however they are cut into batches.

    Args:
        days: read twice, in the same order; the days of each merchant ascend.
        version: the model's name.
        seed: of the samples and the forest, 0 to 2^32 - 1.
        source: what the merchant-days are, in words, for the artefact.
        left_out: which rows of a batch take no part, shape (n,).
        left_out_words: which these are, for the artefact.
        weights: of the parts, in the order of `models.anomaly.scoring.PARTS`, at least 0; one of the first two above 0.

    Raises:
        ValueError: days cannot be read twice, or are too few, or of too few merchants, or weights are none.
    """
    if iter(days) is days:
        raise ValueError("days must be readable twice, such as a list, got an iterator")
    first = _first_reading(_chosen(days, left_out), seed)
    arrays, groups = _learned(first, seed, weights)
    known = None if weights[0] else {name: each for name, each in arrays.items() if "forest" in name}
    others = [parts_of(_learned(_without(first, fold, seed), seed, weights, known)[0]) for fold in range(FOLDS)]
    reading = second_reading(others, _chosen(days, left_out), first.merchants, lambda keys: _fold(keys, seed))
    arrays |= {"ranks.oddness": reading.oddness, "ranks.load": reading.load}
    made = parts_of(arrays)
    manifest = Manifest(
        version=version,
        source=source,
        left_out=left_out_words,
        features=FEATURES,
        habits=NAMES,
        weights=dict(zip(scoring.PARTS, weights, strict=True)),
        from_day=_iso(first.first_day),
        to_day=_iso(first.last_day),
        merchants=len(first.merchants.keys),
        merchant_days=reading.merchant_days,
        libraries=_libraries(),
        sha256=artefact.digest(arrays),
        percentiles={f"{each:g}": _score_at(reading.oddness, each) for each in _PERCENTILES},
        load=tuple(zip(_scores(scoring.LOADS).tolist(), reading.load.tolist(), strict=True)),
        groups=_groups(made, groups, first.by_mcc.habits),
        golden=_golden(made, first.everywhere.habits),
    )
    return Model(manifest, arrays)


def _chosen(days: Iterable[Batch], left_out: Callable[[Batch], NDArray[np.bool_]] | None) -> Iterator[Batch]:
    """The merchant-days that take part and have a score."""

    def kept() -> Iterator[Batch]:
        for each in days:
            batch = Batch(each.merchant.astype(np.uint64), each.day.astype(np.int64), checked(each.habits))
            chosen = scoring.scored(batch.habits)
            yield batch.rows(chosen if left_out is None else chosen & ~left_out(batch))

    return regrouped(kept())


def _first_reading(batches: Iterator[Batch], seed: int) -> _First:
    merchants = Merchants()
    everywhere, by_mcc = Sample(IN_ALL), Sample(OF_STRATUM)
    first_day, last_day = 2**62, -(2**62)
    for batch in batches:
        merchants.add(batch.merchant, batch.habits.mcc)
        first_day, last_day = min(first_day, int(batch.day.min())), max(last_day, int(batch.day.max()))
        order = hashes(batch.merchant, batch.day, seed)
        everywhere.add(np.zeros(len(order), np.int64), order, batch)
        by_mcc.add(2 * batch.habits.mcc + (batch.habits.age_d >= YOUNG_D), order, batch)
    days = max(last_day - first_day + 1, 0)
    if days < LEAST_DAYS or len(merchants.keys) < LEAST_MERCHANTS:
        raise ValueError(
            f"a model needs {LEAST_DAYS} days of {LEAST_MERCHANTS} merchants with sales enough to be judged, got"
            f" {days} days of {len(merchants.keys)}: there is too little history to learn what is usual"
        )
    return _First(everywhere.taken(), by_mcc.taken(), merchants, first_day, last_day)


def _learned(
    first: _First, seed: int, weights: tuple[float, ...], known: dict[str, NDArray[Any]] | None = None
) -> tuple[dict[str, NDArray[Any]], list[peers.Group]]:
    """Stored arrays of a model whose percentiles and loads are not known yet, and its groups of peers.

    `known` has the stored arrays of a forest that will do as well as one of their own: where it has no weight.
    """
    arrays, groups = peers.learned(first.by_mcc, first.merchants.by_mcc())
    return _with_parts(arrays, first.everywhere.habits, seed, weights, known), groups


def _fold(merchant: NDArray[np.uint64], seed: int) -> NDArray[np.int64]:
    """The set that each merchant is of, 0 to FOLDS - 1, shape (n,)."""
    return (hashes(merchant, np.zeros(len(merchant), np.int64), seed) % np.uint64(FOLDS)).astype(np.int64)


def _without(first: _First, fold: int, seed: int) -> _First:
    """The first reading without the samples of one set of merchants; groups of peers stay those of all."""

    def kept(sampled: Sampled) -> Sampled:
        others = np.flatnonzero(_fold(sampled.merchant, seed) != fold)
        return Sampled(sampled.stratum[others], sampled.merchant[others], sampled.habits.rows(others))

    return first._replace(everywhere=kept(first.everywhere), by_mcc=kept(first.by_mcc))


def _with_parts(
    arrays: dict[str, Any],
    habits: Habits,
    seed: int,
    weights: tuple[float, ...],
    known: dict[str, NDArray[Any]] | None,
) -> dict[str, NDArray[Any]]:
    """Stored arrays of a model whose percentiles and loads are not known yet."""
    arrays = _stored(arrays)
    z = vectors(peers_of(arrays), habits).z
    arrays |= _forest(z, seed) if known is None else known
    far = tails.fit(z)
    arrays |= {f"tails.{name}": each for name, each in far._asdict().items()}
    flat = np.arange(POINTS, dtype=np.float64)
    arrays |= {
        "ranks.tails": table(tails.sums(tails.terms(far, z)), scoring.SLOPE),
        "ranks.oddness": flat,
        "ranks.load": np.ones(len(scoring.LOADS)),
        "ranks.weights": np.array([*weights[:2], 0.0]),
        "ranks.neighbours": flat,
        "neighbours.reference": z[: neighbours.NEAREST],
    }
    arrays = _stored(arrays)
    usual = np.flatnonzero(scoring.judged(parts_of(arrays), habits).oddness < scoring.GATE)
    reference = z[usual[: neighbours.KEPT]].astype(np.float16)
    distances = neighbours.distances(neighbours.Neighbours(reference.astype(np.float32)), z[-_MEASURED:])
    arrays |= {"neighbours.reference": reference, "ranks.neighbours": table(distances, scoring.SLOPE)}
    arrays |= {"ranks.weights": np.array(weights)}
    return _stored(arrays | dict(drift.deciles(parts_of(_stored(arrays)), habits)))


def _forest(z: NDArray[np.float32], seed: int) -> dict[str, NDArray[Any]]:
    grown = forest.grow(z, seed)
    ranks = table(forest.isolation(forest.walked(grown), z), scoring.SLOPE)
    return {f"forest.{name}": each for name, each in grown._asdict().items()} | {"ranks.forest": ranks}


def _stored(arrays: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Arrays rounded to the types in which they are kept, so that training computes with what a reader gets."""
    return {name: np.ascontiguousarray(each, artefact.SPECS[name].dtype) for name, each in arrays.items()}


def _golden(parts: scoring.Parts, habits: Habits) -> Golden:
    """Merchant-days of all degrees of oddness, with their scores."""
    order = np.argsort(scoring.judged(parts, habits).oddness, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, 2 * LEAST_GOLDEN).astype(np.int64)]
    golden = habits.rows(chosen)
    return golden_of(golden, scoring.score(parts, golden))


def _groups(parts: scoring.Parts, groups: list[peers.Group], habits: Habits) -> tuple[Group, ...]:
    """The groups of peers with the scores of a sample; a group that no merchant is compared with has none."""
    judged = scoring.judged(parts, habits)
    scores, group = _scores(judged.oddness), judged.cell // CELLS
    made = []
    for place, each in enumerate(groups):
        mine = scores[group == place]
        quantiles = np.quantile(mine, _GROUP_QUANTILES).tolist() if len(mine) else []
        made.append(Group(each.mccs, each.merchants, tuple(round(value, 4) for value in quantiles)))
    return tuple(made)


def _scores(oddness: NDArray[np.float64]) -> NDArray[np.float64]:
    return oddness / (oddness + scoring.HALF)


def _score_at(oddness: NDArray[np.float64], percentile: float) -> float:
    """The score of a percentile, by the table of oddness."""
    decades = -math.log10(1.0 - percentile / 100.0)
    odd = np.interp(decades, np.arange(POINTS) / PER_DECADE, oddness)
    return round(float(odd / (odd + scoring.HALF)), 6)


def _iso(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _libraries() -> dict[str, str]:
    names = ("numba", "numpy", "scikit-learn")
    return {"python": platform.python_version(), **{name: version_of(name) for name in names}}

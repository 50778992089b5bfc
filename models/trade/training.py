"""Trains the trade model of merchant-days by gradient boosting, and tries it on merchants held out in turn."""

from __future__ import annotations

import platform
from datetime import date, timedelta
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models import artefacts
from models.anomaly.samples import Batch, hashes, joined
from models.anomaly.scoring import scored
from models.trade import sklearn_compat
from models.trade.figures import FIGURES, vectors
from models.trade.model import FEATURES, LEAST_GOLDEN, OTHER, SPECS, Class, Golden, Manifest, TradeModel, parts_of
from models.trade.trees import probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

APART_D = 60
"""Days between those that are taken of a merchant: nearer ones would say the same, for habits halve in a week."""
LEAST_MERCHANTS = 30
"""Of an MCC that is a class; those of other MCCs are one class together."""
LEAST_CLASSES = 3
"""Fewer tell too little of a trade; of two, gradient boosting grows one tree a round."""
MOST_MERCHANTS = 2_000
"""Of an MCC, those of the least hashes: more teach little, and training would take hours."""
FOLDS = 5
"""Parts of the merchants that are held out in turn."""
ROUNDS, LEAVES, BINS, RATE, LEAST_DAYS, SHRINKAGE, PART = 60, 8, 63, 0.1, 20, 1.0, 0.5
"""Of the boosting: rounds, leaves of a tree, values that a figure is parted at, learning rate, merchant-days of a leaf,
penalty of a leaf's squared value, and share of the figures that a node chooses from. Tried on simulated merchants."""
MOST_LEAVES = 36_000
"""Of a model: with them an artefact has 600 kB. Where there are many classes there are fewer rounds."""
_TEMPERATURES = np.exp(np.linspace(-1.0, 1.5, 251))
_TOLD = 0.02


class _Days(NamedTuple):
    """The merchant-days that are learned from."""

    batch: Batch
    weight: NDArray[np.float64]
    """Shape (n,): those of a merchant's days add up to 1."""
    label: NDArray[np.int64]
    """Shape (n,): an MCC or `OTHER`."""


def train(
    days: Iterable[Batch],
    *,
    version: str,
    seed: int,
    source: str = "",
    left_out: Callable[[Batch], NDArray[np.bool_]] | None = None,
    left_out_words: str = "none",
) -> TradeModel:
    """The model of merchant-days; the same ones give the same bytes however they are cut into batches.

    Args:
        days: those of each merchant ascend.
        version: the model's name.
        seed: of folds, samples and trees, 0 to 2^32 - 1.
        source: what the merchant-days are, in words, for the artefact.
        left_out: which rows of a batch take no part, shape (n,).
        left_out_words: which these are, for the artefact.

    Raises:
        ValueError: there are too few merchants of too few MCCs.
    """
    taken = _labelled(_taken(days, left_out), seed)
    x, classes = vectors(taken.batch.habits.value), np.unique(taken.label)
    held_out = _held_out(x, taken, seed)
    temperature = _temperature(held_out, np.searchsorted(classes, taken.label), taken.weight)
    held_out = _tempered(held_out, temperature)
    grown = sklearn_compat.trees_of(_fitted(x, taken.label, taken.weight, seed))
    prior = np.array([taken.weight[taken.label == each].sum() for each in classes])
    arrays = {f"trees.{name}": each for name, each in grown._asdict().items()} | {
        "classes": classes.astype(np.int16), "prior": prior / prior.sum(), "temperature": np.array([temperature]),
        "merchants": np.array([len(np.unique(taken.batch.merchant))], np.int32),
    }  # fmt: skip
    parts = parts_of(arrays)
    golden = taken.batch.habits.value[np.linspace(0, len(x) - 1, 2 * LEAST_GOLDEN).astype(np.int64)]
    made = probabilities(parts.trees, parts.temperature, vectors(golden))
    manifest = Manifest(
        version=version, source=source, left_out=left_out_words, features=FEATURES, figures=FIGURES,
        from_day=_iso(int(taken.batch.day.min())), to_day=_iso(int(taken.batch.day.max())), merchants=parts.merchants,
        merchant_days=len(x), libraries=_libraries(), sha256=artefacts.digest(arrays, SPECS),
        **_figures(held_out, taken, classes, prior / prior.sum()),
        golden=Golden(artefacts.nullable(golden), artefacts.nullable(made)),
    )  # fmt: skip
    return TradeModel(manifest, arrays)


def _taken(days: Iterable[Batch], left_out: Callable[[Batch], NDArray[np.bool_]] | None) -> Batch:
    """Days of each merchant that have a known MCC and sales enough, `APART_D` apart."""
    last: dict[int, int] = {}
    found = []
    for batch in days:
        chosen = scored(batch.habits) & (batch.habits.mcc > 0)
        if left_out is not None:
            chosen &= ~left_out(batch)
        kept = []
        for k in np.flatnonzero(chosen).tolist():
            merchant, day = int(batch.merchant[k]), int(batch.day[k])
            if merchant not in last or day - last[merchant] >= APART_D:
                last[merchant] = day
                kept.append(k)
        if kept:
            found.append(batch.rows(np.array(kept)))
    if not found:
        raise ValueError("a trade model needs merchant-days with sales enough and a known MCC, got none")
    every = joined(found)
    return every.rows(np.lexsort((every.day, every.merchant)))


def _labelled(batch: Batch, seed: int) -> _Days:
    """The days of at most `MOST_MERCHANTS` of each MCC, with their classes."""
    order = hashes(batch.merchant, np.zeros(len(batch.day), np.int64), seed)
    label, keep = batch.habits.mcc.copy(), np.zeros(len(order), np.bool_)
    for mcc in np.unique(label):
        mine = batch.habits.mcc == mcc
        known = np.unique(order[mine])
        keep |= mine & (order <= known[min(len(known), MOST_MERCHANTS) - 1])
        if len(known) < LEAST_MERCHANTS:
            label[mine] = OTHER
    if len(np.unique(order[label == OTHER])) < LEAST_MERCHANTS:
        keep &= label != OTHER
    batch, label = batch.rows(keep), label[keep]
    if len(np.unique(label)) < LEAST_CLASSES:
        raise ValueError(
            f"a trade model needs {LEAST_CLASSES} MCCs with {LEAST_MERCHANTS} merchants each, of whom enough is known,"
            f" got {len(np.unique(label))}"
        )
    _, which, count = np.unique(batch.merchant, return_inverse=True, return_counts=True)
    return _Days(batch, 1.0 / count[which], label)


def _held_out(x: NDArray[np.float32], taken: _Days, seed: int) -> NDArray[np.float64]:
    """The probabilities of each day by a model that has not seen its merchant, shape (n, classes)."""
    fold = hashes(taken.batch.merchant, np.ones(len(x), np.int64), seed) % FOLDS
    made = np.empty((len(x), len(np.unique(taken.label))))
    for k in range(FOLDS):
        others, mine = fold != k, fold == k
        grown = _fitted(x[others], taken.label[others], taken.weight[others], seed)
        made[mine] = probabilities(sklearn_compat.trees_of(grown), 1.0, x[mine])
    return made


def _fitted(x: NDArray[np.float32], label: NDArray[np.int64], weight: NDArray[np.float64], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  it loads in a second

    x = np.where(np.isnan(x).all(axis=0), np.float32(0.0), x)  # it refuses a figure that is not known of anybody
    rounds = max(1, min(ROUNDS, MOST_LEAVES // (LEAVES * len(np.unique(label)))))
    return HistGradientBoostingClassifier(
        max_iter=rounds, max_leaf_nodes=LEAVES, max_bins=BINS, learning_rate=RATE, min_samples_leaf=LEAST_DAYS,
        l2_regularization=SHRINKAGE, max_features=PART, random_state=seed,
        early_stopping=False,  # pyright: ignore[reportArgumentType]  its stubs know "auto" alone
    ).fit(x, label, sample_weight=weight)  # fmt: skip


def _temperature(probability: NDArray[np.float64], place: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """What raw scores are best divided by: that of the least loss on merchants held out."""
    losses = [_loss(_tempered(probability, each), place, weight) for each in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _tempered(probability: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    made = np.maximum(probability, 1e-300) ** (1.0 / temperature)
    return np.asarray(made / made.sum(axis=1, keepdims=True), np.float64)


def _loss(probability: NDArray[np.float64], place: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    mine = np.maximum(probability[np.arange(len(place)), place], 1e-12)
    return float(np.average(-np.log(mine), weights=weight))


def _figures(
    probability: NDArray[np.float64], taken: _Days, classes: NDArray[np.int64], prior: NDArray[np.float64]
) -> dict[str, Any]:
    """The figures of a manifest that come of merchants held out."""
    place, weight = np.searchsorted(classes, taken.label), taken.weight
    rank = (probability > probability[np.arange(len(place)), place][:, None]).sum(axis=1)
    each_class = []
    for c, mcc in enumerate(classes.tolist()):
        mine = place == c
        mean = np.average(probability[mine], axis=0, weights=weight[mine])
        likened = [k for k in np.argsort(-mean, kind="stable").tolist() if mean[k] >= _TOLD]
        each_class.append(Class(
            mcc=_name(mcc), merchants=len(np.unique(taken.batch.merchant[mine])),
            hit=_mean(rank[mine] == 0, weight[mine]), near=_mean(rank[mine] < 3, weight[mine]),
            likened=tuple((_name(int(classes[k])), round(float(mean[k]), 4)) for k in likened),
        ))  # fmt: skip
    return {
        "log_loss": round(_loss(probability, place, weight), 4),
        "guess_log_loss": round(_loss(np.broadcast_to(prior, probability.shape), place, weight), 4),
        "hit": _mean(rank == 0, weight), "near": _mean(rank < 3, weight), "classes": tuple(each_class),
    }  # fmt: skip


def _mean(holds: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    return round(float(np.average(holds, weights=weight)), 4)


def _name(mcc: int) -> str:
    return "" if mcc == OTHER else f"{mcc:04d}"


def _iso(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _libraries() -> dict[str, str]:
    names = ("numba", "numpy", "scikit-learn")
    return {"python": platform.python_version(), **{name: version_of(name) for name in names}}

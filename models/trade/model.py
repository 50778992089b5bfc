"""A trained trade model: its artefact's bytes, and the probability of each MCC given what a merchant does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from domain.habits import HABITS
from models.artefacts import Artefact, Body, Spec, check_digest, opened, unpack
from models.trade import trees
from models.trade.figures import COUNT, FIGURES, vectors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FEATURES = 1
"""Version of how habits are counted; a model of another one is refused."""
OTHER = 0
"""Stands among the classes for all MCCs of too few merchants."""
LEAST_GOLDEN = 16
"""Merchant-days of a golden batch, at least."""
NEAR = 1e-9
"""By how much a probability may differ from that of the trainer: other processors round otherwise."""
SPECS: Mapping[str, Spec] = {
    "trees.cuts": Spec("float32", ("cuts",)),
    "trees.begins": Spec("int32", (COUNT + 1,)),
    "trees.roots": Spec("int32", ("trees",)),
    "trees.feature": Spec("int8", ("nodes",)),
    "trees.cut": Spec("int16", ("nodes",)),
    "trees.missing_left": Spec("int8", ("nodes",)),
    "trees.child": Spec("int8", ("nodes",)),
    "trees.value": Spec("float64", ("nodes",)),
    "trees.baseline": Spec("float64", ("classes",)),
    "classes": Spec("int16", ("classes",)),
    "prior": Spec("float64", ("classes",)),
    "temperature": Spec("float64", (1,)),
    "merchants": Spec("int32", (1,)),
}
"""All arrays of an artefact."""


class Golden(msgspec.Struct, forbid_unknown_fields=True):
    """Merchant-days whose probabilities a reader computes anew, to see that its arithmetic is the trainer's."""

    value: tuple[tuple[float | None, ...], ...]
    probability: tuple[tuple[float, ...], ...]


class Class(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A class, as merchants that a model had not seen were judged.

    Attributes:
        mcc: four digits; "" for all MCCs of too few merchants.
        merchants: of training.
        hit, near: share of their days on which it was the likeliest class, and among the three likeliest.
        likened: mean probability by class, of those of at least 2 %, the greatest first.
    """

    mcc: str
    merchants: int
    hit: float
    near: float
    likened: tuple[tuple[str, float], ...]


class Manifest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a model was trained on, and how well it does on merchants that it had not seen.

    Attributes:
        version: its name.
        source: what the merchant-days were, such as "simulated".
        left_out: which verdicts' days were left out.
        features: version of the habits.
        figures: names of the habits used, in the order of vectors.
        from_day, to_day: first and last day of training, ISO 8601.
        merchants, merchant_days: how many were learned from.
        libraries: versions, by name.
        sha256: of the arrays.
        log_loss: mean, in nats, over merchants held out; `guess_log_loss` that of the shares of the classes alone.
        hit, near: share of days of merchants held out on which the declared MCC was likeliest, or among the three.
        classes: each with its confusions.
        golden: merchant-days with their probabilities.
    """

    version: str
    source: str
    left_out: str
    features: int
    figures: tuple[str, ...]
    from_day: str
    to_day: str
    merchants: int
    merchant_days: int
    libraries: dict[str, str]
    sha256: str
    log_loss: float
    guess_log_loss: float
    hit: float
    near: float
    classes: tuple[Class, ...]
    golden: Golden


class Parts(NamedTuple):
    """What probabilities are computed from."""

    trees: trees.Trees
    classes: NDArray[np.int64]
    """Shape (classes,): MCCs, ascending; `OTHER` first, if it is there."""
    prior: NDArray[np.float64]
    """Shape (classes,): their shares of the merchants of training."""
    temperature: float
    merchants: int
    """How many were held out in turn: as far as probabilities near 0 and 1 are known."""


class TradeModel(Artefact[Manifest, Parts]):
    """A trade model.

    Attributes:
        parts: what probabilities are computed from.
    """

    __slots__ = ()

    kind, called = "trade", "trade model"
    command = "tillwatch profiles train"
    specs = SPECS

    def probabilities(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each class, shape (n, classes), of habits, shape (n, len(HABITS)); each row by itself.

        Raises:
            ValueError: another shape, or an infinite figure.
        """
        return trees.probabilities(self.parts.trees, self.parts.temperature, vectors(value))

    @staticmethod
    def _parts_of(arrays: Mapping[str, NDArray[Any]]) -> Parts:
        return parts_of(arrays)

    @classmethod
    def _decoded(cls, body: bytes) -> TradeModel:
        held = opened(body, Body[Manifest])
        if held.manifest.features != FEATURES:
            raise ValueError(f"features must be of version {FEATURES}, got {held.manifest.features}")
        if held.manifest.figures != FIGURES:
            raise ValueError(f"figures must be {', '.join(FIGURES)}, got {', '.join(held.manifest.figures)}")
        arrays, _ = unpack(held.arrays, SPECS)
        check_digest(arrays, SPECS, held.manifest.sha256)
        made = cls(held.manifest, arrays)
        _check_golden(made)
        return made


def parts_of(arrays: Mapping[str, NDArray[Any]]) -> Parts:
    """What probabilities are computed from, of stored arrays that have the types and shapes of their specs.

    Raises:
        ValueError: they contradict themselves.
    """
    for array in arrays.values():
        array.setflags(write=False)
    made = trees.Trees(*(arrays[f"trees.{name}"].copy() for name in trees.Trees._fields))
    classes, prior = arrays["classes"].astype(np.int64), arrays["prior"].astype(np.float64)
    temperature = float(arrays["temperature"][0])
    if len(classes) < 2 or (np.diff(classes) <= 0).any() or classes[0] < 0 or classes[-1] > 9999:
        raise ValueError(f"classes must be two MCCs or more, ascending, got {classes.tolist()}")
    if (prior <= 0).any() or abs(float(prior.sum()) - 1.0) > NEAR:
        raise ValueError(f"prior must be shares above 0 that add up to 1, got {prior.tolist()}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if (merchants := int(arrays["merchants"][0])) < 1:
        raise ValueError(f"merchants must be at least 1, got {merchants}")
    trees.check(made)
    return Parts(made, classes, prior, temperature, merchants)


def _check_golden(model: TradeModel) -> None:
    golden, classes = model.manifest.golden, len(model.parts.classes)
    rows = len(golden.value)
    if rows < LEAST_GOLDEN or len(golden.probability) != rows:
        raise ValueError(f"golden batch must have at least {LEAST_GOLDEN} merchant-days with probabilities, got {rows}")
    if any(len(row) != len(HABITS) for row in golden.value):
        raise ValueError(f"merchant-days of the golden batch must have {len(HABITS)} habits")
    if any(len(row) != classes for row in golden.probability):
        raise ValueError(f"merchant-days of the golden batch must have {classes} probabilities")
    found = model.probabilities(np.array(golden.value, np.float64))
    differ = (np.abs(found - np.array(golden.probability)) > NEAR).any(axis=1)
    if differ.any():
        row = int(np.flatnonzero(differ)[0])
        raise ValueError(f"probabilities of golden merchant-day {row} must be {golden.probability[row]}, got "
                         f"{tuple(found[row].tolist())}")  # fmt: skip

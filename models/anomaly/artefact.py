"""The artefact of a model: a manifest that people read, and arrays without pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from models import artefacts
from models.anomaly.habits import COUNT, Habits
from models.anomaly.neighbours import NEAREST
from models.anomaly.ranks import POINTS
from models.anomaly.scoring import LOADS, PARTS
from models.anomaly.vectors import CELLS, DIMS, SIZES
from models.artefacts import Spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DECILES = 9


class Golden(msgspec.Struct, forbid_unknown_fields=True):
    """Merchant-days whose scores a reader computes anew, to see that its arithmetic is that of the trainer."""

    value: tuple[tuple[float | None, ...], ...]
    usual: tuple[tuple[float | None, ...], ...]
    weight: tuple[float, ...]
    mcc: tuple[int, ...]
    age_d: tuple[int, ...]
    score: tuple[float | None, ...]
    percentile: tuple[float | None, ...]
    load: tuple[float | None, ...]

    def habits(self) -> Habits:
        """The merchant-days."""
        value, usual = (np.array(each, np.float64) for each in (self.value, self.usual))
        mcc, age_d = (np.array(each, np.int64) for each in (self.mcc, self.age_d))
        return Habits(value, usual, np.array(self.weight, np.float64), mcc, age_d)


class Group(msgspec.Struct, forbid_unknown_fields=True):
    """A group of peers.

    Attributes:
        mccs: an MCC, the first two digits of several, or "" for all.
        merchants: of training.
        scores: those that 50, 10, 1 and 0.1 % of its merchant-days reached.
    """

    mccs: str
    merchants: int
    scores: tuple[float, ...]


class Manifest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a model was trained on, and what its scores mean.

    Attributes:
        version: its name.
        source: what the merchant-days were, such as "simulated".
        left_out: which verdicts' days were left out.
        features: version of the habits.
        habits: their names, in the order of vectors.
        weights: of the parts of the ensemble, by name.
        from_day, to_day: first and last day of training, ISO 8601.
        merchants, merchant_days: how many were scored in training.
        libraries: versions, by name.
        sha256: of the arrays.
        percentiles: scores by the percentile that they reach, as text.
        load: new alerts per 1,000 merchant-days by the score that would be the threshold, ascending.
        groups: of peers.
        golden: merchant-days with their scores.
    """

    version: str
    source: str
    left_out: str
    features: int
    habits: tuple[str, ...]
    weights: dict[str, float]
    from_day: str
    to_day: str
    merchants: int
    merchant_days: int
    libraries: dict[str, str]
    sha256: str
    percentiles: dict[str, float]
    load: tuple[tuple[float, float], ...]
    groups: tuple[Group, ...]
    golden: Golden


SPECS: Mapping[str, Spec] = {
    "peers.mccs": Spec("int16", ("mccs",)),
    "peers.mcc_groups": Spec("int16", ("mccs",)),
    "peers.families": Spec("int16", ("families",)),
    "peers.family_groups": Spec("int16", ("families",)),
    "peers.size_bounds": Spec("float64", (SIZES - 1,)),
    "peers.centre": Spec("float16", ("cells", COUNT)),
    "peers.scale": Spec("float16", ("cells", COUNT)),
    "peers.low": Spec("float16", ("cells", COUNT)),
    "peers.high": Spec("float16", ("cells", COUNT)),
    "peers.own": Spec("float32", (COUNT,)),
    "forest.roots": Spec("int32", ("trees",)),
    "forest.feature": Spec("int16", ("nodes",)),
    "forest.threshold": Spec("float32", ("nodes",)),
    "forest.child": Spec("int32", ("nodes",)),
    "forest.samples": Spec("int32", ("nodes",)),
    "tails.right": Spec("float32", (DIMS, POINTS)),
    "tails.left": Spec("float32", (DIMS, POINTS)),
    "neighbours.reference": Spec("float16", ("neighbours", DIMS)),
    "ranks.forest": Spec("float64", (POINTS,)),
    "ranks.tails": Spec("float64", (POINTS,)),
    "ranks.neighbours": Spec("float64", (POINTS,)),
    "ranks.oddness": Spec("float64", (POINTS,)),
    "ranks.weights": Spec("float64", (len(PARTS),)),
    "ranks.load": Spec("float64", (len(LOADS),)),
    "deciles.habits": Spec("float32", (COUNT, DECILES)),
    "deciles.shares": Spec("float32", (COUNT, DECILES + 2)),
    "deciles.oddness": Spec("float64", (DECILES,)),
}
"""All arrays of an artefact."""


def unpack(text: str) -> dict[str, NDArray[Any]]:
    """The arrays that `models.artefacts.pack` made text of.

    Raises:
        ValueError: the text is none with exactly the arrays of `SPECS`, or too large.
    """
    arrays, sizes = artefacts.unpack(text, SPECS)
    _check_sizes(sizes)
    return arrays


def _check_sizes(sizes: Mapping[str, int]) -> None:
    if sizes["cells"] < CELLS or sizes["cells"] % CELLS:
        raise ValueError(f"peers must have {CELLS} cells a group, got {sizes['cells']}")
    if sizes["neighbours"] < NEAREST:
        raise ValueError(f"neighbours must be at least {NEAREST}, got {sizes['neighbours']}")


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the arrays."""
    return artefacts.digest(arrays, SPECS)

"""A trained model: its artefact's bytes, and scores of merchant-days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from domain.habits import NAMES
from models.anomaly import artefact, forest, scoring
from models.anomaly.artefact import Golden, Manifest
from models.anomaly.habits import COUNT, Habits, Scores, checked
from models.anomaly.neighbours import Neighbours
from models.anomaly.tails import Tails
from models.anomaly.vectors import CELLS, Peers
from models.artefacts import Artefact, Body, check_digest, nullable, opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FEATURES = 1
"""Version of how habits are counted; a model of another one is refused."""
LEAST_GOLDEN = 16
"""Merchant-days of a golden batch, at least."""
NEAR = 1e-9
"""By how much a score may differ from that of the trainer: other processors round otherwise."""


_TABLES = ("tails.right", "tails.left", "ranks.forest", "ranks.tails", "ranks.neighbours", "ranks.oddness")


class Model(Artefact[Manifest, scoring.Parts]):
    """An anomaly model.

    Attributes:
        parts: what scores are computed from.
    """

    __slots__ = ()

    kind = called = "model"
    command = "tillwatch model train"
    specs = artefact.SPECS

    def score(self, habits: Habits) -> Scores:
        """The scores of merchant-days; each depends on its own row alone.

        Raises:
            ValueError: shapes differ, or a figure is infinite.
        """
        return scoring.score(self.parts, checked(habits))

    @staticmethod
    def _parts_of(arrays: Mapping[str, NDArray[Any]]) -> scoring.Parts:
        return parts_of(arrays)

    @classmethod
    def _decoded(cls, body: bytes) -> Model:
        held = opened(body, Body[Manifest])
        _check_habits(held.manifest)
        arrays = artefact.unpack(held.arrays)
        check_digest(arrays, cls.specs, held.manifest.sha256)
        made = cls(held.manifest, arrays)
        _check_golden(made)
        return made


def parts_of(arrays: Mapping[str, NDArray[Any]]) -> scoring.Parts:
    """What scores are computed from, of stored arrays that have the types and shapes of their specs.

    Raises:
        ValueError: they contradict themselves.
    """
    for array in arrays.values():
        array.setflags(write=False)
    peers = peers_of(arrays)
    stored = forest.Stored(*(arrays[f"forest.{name}"] for name in forest.Stored._fields))
    forest.check(stored)
    ranks = scoring.Ranks(*(_wide(arrays[f"ranks.{name}"]) for name in scoring.Ranks._fields))
    if not (ranks.load > 0).all():
        raise ValueError(f"ranks.load must be above 0, got {ranks.load.min()}")
    if (ranks.weights < 0).any() or not ranks.weights[:2].sum() > 0:
        raise ValueError(
            f"weights of parts must be at least 0, one of the first two above, got {ranks.weights.tolist()}"
        )
    tails = Tails(*(arrays[f"tails.{name}"].copy() for name in Tails._fields))
    for name in _TABLES:
        if (np.diff(arrays[name]) < 0).any():
            raise ValueError(f"{name} must ascend")
    reference = arrays["neighbours.reference"].astype(np.float32)
    return scoring.Parts(peers, forest.walked(stored), tails, Neighbours(reference), ranks)


def peers_of(arrays: Mapping[str, NDArray[Any]]) -> Peers:
    """What is usual, of stored arrays.

    Raises:
        ValueError: they contradict themselves.
    """
    peers = Peers(*(_wide(arrays[f"peers.{name}"]) for name in Peers._fields))
    _check_peers(peers)
    return peers


def _wide(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.int64 if array.dtype.kind == "i" else np.float64)


def _check_peers(peers: Peers) -> None:
    groups = len(peers.centre) // CELLS
    for name, codes, held in (
        ("mccs", peers.mccs, peers.mcc_groups), ("families", peers.families, peers.family_groups),
    ):  # fmt: skip
        if (np.diff(codes) <= 0).any():
            raise ValueError(f"peers.{name} must ascend")
        if ((held < 0) | (held >= groups)).any():
            raise ValueError(f"groups of peers.{name} must be below {groups}, got {held.max()}")
    for name, scales in (("scale", peers.scale), ("own", peers.own)):
        if not (scales > 0).all():
            raise ValueError(f"peers.{name} must be above 0, got {scales.min()}")


def _check_habits(manifest: Manifest) -> None:
    if manifest.features != FEATURES:
        raise ValueError(f"features must be of version {FEATURES}, got {manifest.features}")
    if manifest.habits != NAMES:
        longest = max(len(NAMES), len(manifest.habits))
        pairs = zip((*NAMES, *[None] * (longest - len(NAMES))),
                    (*manifest.habits, *[None] * (longest - len(manifest.habits))), strict=True)  # fmt: skip
        place, (expected, came) = next((k, pair) for k, pair in enumerate(pairs) if pair[0] != pair[1])
        raise ValueError(f"habit {place} must be {expected}, got {came}")


def _check_golden(model: Model) -> None:
    golden = model.manifest.golden
    rows = len(golden.weight)
    if rows < LEAST_GOLDEN:
        raise ValueError(f"golden batch must have at least {LEAST_GOLDEN} merchant-days, got {rows}")
    if any(len(row) != COUNT for row in (*golden.value, *golden.usual)):
        raise ValueError(f"merchant-days of the golden batch must have {COUNT} habits")
    if any(len(each) != rows for each in (golden.score, golden.percentile, golden.load)):
        raise ValueError(f"golden batch must have a score, percentile and load for each of its {rows} rows")
    found = model.score(golden.habits())
    for name in ("score", "percentile", "load"):
        expected = np.array(getattr(golden, name), np.float64)
        differ = ~np.isclose(
            getattr(found, name), expected, rtol=0 if name == "score" else NEAR, atol=NEAR, equal_nan=True
        )
        if differ.any():
            row = int(np.flatnonzero(differ)[0])
            came = float(getattr(found, name)[row])
            raise ValueError(f"{name} of golden merchant-day {row} must be {expected[row]}, got {came}")


def golden_of(habits: Habits, scores: Scores) -> Golden:
    """A golden batch."""
    return Golden(
        value=nullable(habits.value),
        usual=nullable(habits.usual),
        weight=tuple(habits.weight.tolist()),
        mcc=tuple(habits.mcc.tolist()),
        age_d=tuple(habits.age_d.tolist()),
        score=nullable(scores.score),
        percentile=nullable(scores.percentile),
        load=nullable(scores.load),
    )

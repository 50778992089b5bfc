"""The re-ranker: a model of how likely an alert is to be confirmed, from 200 verdicts on, in force only if better.

Gradient-boosted trees that can only rise with severity, loss, turnover, grade and the detector's record. They are
fitted on verdicts of the past, held against the plain order on the latest verdicts, and kept as numbers: what reads
them is a few lines here, and neither scikit-learn nor a pickle.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from sqlalchemy import select

from casework.schema import rerankers
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

FEATURES = ("severity", "loss", "turnover", "grade", "share", "age_d")
"""What it looks at: severity; logarithms of loss and turnover in minor units; grade as a number; the detector's share
of confirmed alerts in the 90 days before; days since the first hit. What is not known is NaN."""
RISES = (1, 1, 1, 1, 1, 0)
"""In which of them it never falls."""
_GRADES = {each: float(number) for number, each in enumerate("ABCDE", 1)}


def features(
    severity: float, loss_minor: int | None, turnover_minor: int | None, grade: str, share: float | None, age_ms: int
) -> tuple[float, ...]:
    """An alert's row of `FEATURES`."""
    return (
        severity, _log(loss_minor), _log(turnover_minor), _GRADES.get(grade, 0.0),
        math.nan if share is None else share, max(0.0, age_ms / DAY_MS),
    )  # fmt: skip


def _log(minor: int | None) -> float:
    return math.nan if minor is None else math.log1p(max(0, minor))


class Reranker(msgspec.Struct, frozen=True):
    """Trees as lists of one length, a node an entry; a leaf's children are itself.

    Attributes:
        feature: of `FEATURES`, by number.
        threshold: up to which the left child follows.
        missing_left: whether it follows where the feature is not known.
        left: its number.
        right: the other's.
        value: what a leaf adds to the logarithm of the odds.
        roots: the first node of each tree.
        depth: most steps from a root to a leaf.
        baseline: the logarithm of the odds before any tree.
    """

    feature: list[int]
    threshold: list[float]
    missing_left: list[bool]
    left: list[int]
    right: list[int]
    value: list[float]
    roots: list[int]
    depth: int
    baseline: float

    def chances(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """How likely alerts are to be confirmed, each above 0 and below 1.

        Args:
            rows: of `features`, shape (n, 6).
        """
        if not rows:
            return np.empty(0)
        x, trees = np.asarray(rows, np.float64), _Arrays(self)
        node = np.repeat(trees.roots[None, :], len(x), axis=0)
        for _ in range(self.depth):
            found = np.take_along_axis(x, trees.feature[node], axis=1)
            goes_left = np.where(np.isnan(found), trees.missing_left[node], found <= trees.threshold[node])
            node = np.where(goes_left, trees.left[node], trees.right[node])
        return np.asarray(1 / (1 + np.exp(-(self.baseline + trees.value[node].sum(axis=1)))), np.float64)


class _Arrays:
    """A re-ranker's lists as arrays."""

    def __init__(self, it: Reranker) -> None:
        self.feature, self.left, self.right = (np.array(each, np.int64) for each in (it.feature, it.left, it.right))
        self.threshold, self.value = np.array(it.threshold, np.float64), np.array(it.value, np.float64)
        self.missing_left, self.roots = np.array(it.missing_left, np.bool_), np.array(it.roots, np.int64)


def read_reranker(connection: Connection) -> Reranker | None:
    """The one in force; None where the plain order is."""
    statement = select(rerankers.c.body).where(rerankers.c.in_force).order_by(rerankers.c.reranker_id.desc()).limit(1)
    body = connection.execute(statement).scalar()
    return _decoded(body) if body else None


@lru_cache(maxsize=2)
def _decoded(body: str) -> Reranker:
    return msgspec.json.decode(body, type=Reranker)


def numbers_of(grown: Any) -> Reranker:
    """The numbers of a fitted `HistGradientBoostingClassifier` of two classes.

    It reads what `models.trade.sklearn_compat` lists of scikit-learn's undocumented attributes.
    """
    trees = [one for (one,) in grown._predictors]  # noqa: SLF001  the trees have no public name
    made = Reranker([], [], [], [], [], [], [], max(each.get_max_depth() for each in trees), _number(grown))
    for tree in trees:
        first = len(made.feature)
        made.roots.append(first)
        for place, node in enumerate(tree.nodes, first):
            leaf = bool(node["is_leaf"])
            made.feature.append(0 if leaf else int(node["feature_idx"]))
            made.threshold.append(0.0 if leaf else min(float(node["num_threshold"]), 1e300))
            made.missing_left.append(not leaf and bool(node["missing_go_to_left"]))
            made.left.append(place if leaf else first + int(node["left"]))
            made.right.append(place if leaf else first + int(node["right"]))
            made.value.append(float(node["value"]) if leaf else 0.0)
    return made


def _number(grown: Any) -> float:
    return float(np.ravel(grown._baseline_prediction)[0])  # noqa: SLF001  likewise

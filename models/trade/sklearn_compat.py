"""What the trade model uses of scikit-learn that it does not document: the grown trees of gradient boosting.

Read for scikit-learn 1.9; `tests/models/trade/test_sklearn_compat.py` holds the installed version to this list, of
`HistGradientBoostingClassifier`:

- `_predictors`: by round and class, a `TreePredictor` with `nodes`, a structured array with `value`, `feature_idx`,
  `num_threshold` (infinite where what is known is parted from what is not), `missing_go_to_left`, `left`, `right`,
  `is_leaf`.
- `_baseline_prediction`: raw scores before any tree, shape (1, classes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.trade.figures import COUNT
from models.trade.trees import Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

READ_FOR = {"scikit-learn": "1.9"}
"""The version that this was read for."""


def trees_of(grown: Any) -> Trees:
    """The trees of a fitted `HistGradientBoostingClassifier` of three classes or more, on float32 figures."""
    flat = [_flat(each.nodes) for one_round in grown._predictors for each in one_round]  # noqa: SLF001
    sizes = [len(each) for each in flat]
    nodes = np.concatenate(flat)
    cuts = [_cuts(nodes, k) for k in range(COUNT)]
    cut = np.zeros(len(nodes), np.int16)
    for k, mine in enumerate(cuts):
        here = (nodes["feature_idx"] == k) & (nodes["child"] > 0)
        cut[here] = np.searchsorted(mine, _below(nodes["num_threshold"][here]))
    return Trees(
        cuts=np.concatenate(cuts),
        begins=np.cumsum([0, *map(len, cuts)]).astype(np.int32),
        roots=np.cumsum([0, *sizes[:-1]]).astype(np.int32),
        feature=nodes["feature_idx"].astype(np.int8),
        cut=cut,
        missing_left=nodes["missing_go_to_left"].astype(np.int8),
        child=nodes["child"].astype(np.int8),
        value=nodes["value"].astype(np.float64),
        baseline=np.ravel(grown._baseline_prediction).astype(np.float64),  # noqa: SLF001
    )


_NODE = np.dtype([
    ("feature_idx", "i8"), ("num_threshold", "f8"), ("missing_go_to_left", "i8"), ("child", "i8"), ("value", "f8"),
])  # fmt: skip


def _flat(nodes: Any) -> NDArray[np.void]:
    """A tree level by level, with the distance of each left child from the root."""
    order, k = [0], 0
    child = []
    while k < len(order):
        node = nodes[order[k]]
        child.append(0 if node["is_leaf"] else len(order))
        if not node["is_leaf"]:
            order += [int(node["left"]), int(node["right"])]
        k += 1
    made = np.zeros(len(order), _NODE)
    leaf = np.array(child) == 0
    made["child"] = child
    made["value"] = np.where(leaf, nodes["value"][order], 0.0)
    for name in ("feature_idx", "num_threshold", "missing_go_to_left"):
        made[name] = np.where(leaf, 0, nodes[name][order])
    return made


def _cuts(nodes: NDArray[np.void], figure: int) -> NDArray[np.float32]:
    """The finite thresholds of a figure, ascending."""
    here = (nodes["feature_idx"] == figure) & (nodes["child"] > 0) & np.isfinite(nodes["num_threshold"])
    return np.unique(_below(nodes["num_threshold"][here]))


def _below(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The greatest float32 up to each threshold."""
    made = threshold.astype(np.float32)
    above = made.astype(np.float64) > threshold
    made[above] = np.nextafter(made[above], np.float32(-np.inf))
    return made

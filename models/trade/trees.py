"""The boosted trees of a trade model as flat arrays, and compiled code that walks them.

Each round has a tree for every class; a class's raw score is its baseline and the leaves that a vector comes to. Nodes
part a figure at one of its cuts. A node's right child follows its left one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.rarity import njit_cached, njit_inner
from models.trade.figures import COUNT

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_NODES = 127
"""Of a tree: children are told by their distance from its root."""


class Trees(NamedTuple):
    """N nodes, each tree's after its root; the trees of a round stand in the order of the classes."""

    cuts: NDArray[np.float32]
    """Values that figures are parted at, ascending within each; one up to a cut goes left. The greatest float32 up to
    scikit-learn's float64, which parts float32 alike."""
    begins: NDArray[np.int32]
    """Shape (COUNT + 1,): where the cuts of each figure begin, and where the last ones end."""
    roots: NDArray[np.int32]
    """Shape (trees,): first nodes, ascending from 0."""
    feature: NDArray[np.int8]
    """Shape (N,): figure that a node parts; 0 in leaves."""
    cut: NDArray[np.int16]
    """Shape (N,): place among the figure's cuts; their number where a node parts what is known from what is not."""
    missing_left: NDArray[np.int8]
    """Shape (N,): 1 where a figure that is not known goes left."""
    child: NDArray[np.int8]
    """Shape (N,): distance of the left child from the root; 0 in leaves."""
    value: NDArray[np.float64]
    """Shape (N,): what a leaf adds; 0 elsewhere."""
    baseline: NDArray[np.float64]
    """Shape (classes,): raw scores before any tree."""


def check(trees: Trees) -> None:
    """See that walks end, and stay within their trees.

    Raises:
        ValueError: what is wrong.
    """
    nodes, classes = len(trees.feature), len(trees.baseline)
    if len(trees.roots) == 0 or trees.roots[0] != 0 or (np.diff(trees.roots) <= 0).any() or trees.roots[-1] >= nodes:
        raise ValueError(f"roots of the trees must ascend from 0 and lie below their {nodes} nodes")
    if len(trees.roots) % classes:
        raise ValueError(f"trees must be as many for each of {classes} classes, got {len(trees.roots)}")
    _check_cuts(trees)
    tree = np.searchsorted(trees.roots, np.arange(nodes), side="right") - 1
    place = np.arange(nodes) - trees.roots[tree]
    size = np.diff(np.append(trees.roots, nodes))[tree]
    inner = trees.child != 0
    for words, wrong, values in (
        (f"figures of the trees must be 0 to {COUNT - 1}", (trees.feature < 0) | (trees.feature >= COUNT),
         trees.feature),
        ("children of the trees must come after their node and within its tree",
         inner & ((trees.child <= place) | (trees.child + 1 >= size)), trees.child),
        ("missing_left of the trees must be 0 or 1", (trees.missing_left < 0) | (trees.missing_left > 1),
         trees.missing_left),
    ):  # fmt: skip
        if wrong.any():
            raise ValueError(f"{words}, got {values[wrong][0]} in node {int(np.flatnonzero(wrong)[0])}")
    most = np.diff(trees.begins)[trees.feature]
    if ((trees.cut < 0) | (trees.cut > most)).any():
        raise ValueError("cuts of nodes must be among those of their figure")


def _check_cuts(trees: Trees) -> None:
    begins = trees.begins
    if begins[0] != 0 or begins[-1] != len(trees.cuts) or (np.diff(begins) < 0).any():
        raise ValueError(f"begins of cuts must ascend from 0 to {len(trees.cuts)}")
    for k in range(COUNT):
        if (np.diff(trees.cuts[begins[k] : begins[k + 1]]) <= 0).any():
            raise ValueError(f"cuts of figure {k} must ascend")


def probabilities(trees: Trees, temperature: float, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probability of each class, shape (n, classes); each row by itself.

    Args:
        trees: checked.
        temperature: what raw scores are divided by, above 0.
        x: figures, shape (n, COUNT), NaN where not known.
    """
    made = np.empty((len(x), len(trees.baseline)))
    _fill(trees, temperature, np.ascontiguousarray(x), np.empty(COUNT, np.int64), made)
    return made


@njit_inner
def _find(trees: Any, x: Any, place: Any) -> None:
    """Write how many cuts lie below each figure, -1 where it is not known."""
    for figure in range(COUNT):
        place[figure] = -1
        if not np.isnan(x[figure]):
            begin = low = np.int64(trees.begins[figure])
            high = np.int64(trees.begins[figure + 1])
            while low < high:
                middle = (low + high) // 2
                if trees.cuts[middle] < x[figure]:
                    low = middle + 1
                else:
                    high = middle
            place[figure] = low - begin


@njit_inner
def _leaf(trees: Any, root: Any, place: Any) -> Any:
    """The leaf of a tree that a vector comes to."""
    node = root
    while trees.child[node] != 0:
        known = place[np.int64(trees.feature[node])]
        left = trees.missing_left[node] == 1 if known < 0 else known <= trees.cut[node]
        node = root + np.int64(trees.child[node]) + (0 if left else 1)
    return node


@njit_inner
def _normalise(raw: Any, temperature: Any) -> None:
    """Make probabilities of raw scores."""
    greatest, total = raw[0], 0.0
    for c in range(1, len(raw)):
        greatest = max(greatest, raw[c])
    for c in range(len(raw)):
        raw[c] = np.exp((raw[c] - greatest) / temperature)
        total += raw[c]
    for c in range(len(raw)):
        raw[c] /= total


@njit_cached
def _fill(trees: Any, temperature: Any, x: Any, place: Any, made: Any) -> None:
    """Fill in probabilities; `place` is scratch, shape (COUNT,)."""
    classes = len(trees.baseline)
    for k in range(len(x)):
        _find(trees, x[k], place)
        for c in range(classes):
            made[k, c] = trees.baseline[c]
        for tree in range(len(trees.roots)):
            made[k, tree % classes] += trees.value[_leaf(trees, np.int64(trees.roots[tree]), place)]
        _normalise(made[k], temperature)

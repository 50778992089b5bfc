"""The isolation forest as flat arrays: scikit-learn grows it, compiled code walks it.

A vector that few random splits part from all others is odd (Liu, Ting and Zhou 2008). A node's right child follows its
left one; leaves lead to themselves, so that each walk takes the same number of steps and no branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.anomaly.vectors import DIMS
from models.rarity import njit_cached

if TYPE_CHECKING:
    from numpy.typing import NDArray

TREES, SAMPLES = 100, 256
"""Trees, and vectors that each is grown on: those of the paper."""
DEPTH = 8
"""Splits of a path at most: a tree of 256 vectors is cut where an even one would end."""


class Stored(NamedTuple):
    """The forest in an artefact; N nodes, each tree's after its root."""

    roots: NDArray[np.int32]
    """Shape (trees,): first nodes, ascending from 0."""
    feature: NDArray[np.int16]
    """Shape (N,): dimension that a node splits; 0 in leaves."""
    threshold: NDArray[np.float32]
    """Shape (N,): values up to it go left. The greatest float32 up to scikit-learn's float64, which parts float32
    alike; 0 in leaves."""
    child: NDArray[np.int32]
    """Shape (N,): the left child, which the right one follows; 0 in leaves."""
    samples: NDArray[np.int32]
    """Shape (N,): vectors of training that came to the node."""


class Forest(NamedTuple):
    """The forest as it is walked."""

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    """Infinite in leaves."""
    child: NDArray[np.int32]
    """A leaf's own place in leaves."""
    depth: NDArray[np.float64]
    """Shape (N,): length of the paths through a node that training expects, of a leaf its own."""
    usual: float
    """Mean length of all paths of a tree, by theory."""


def grow(z: NDArray[np.float32], seed: int) -> Stored:
    """The forest of vectors, shape (n, DIMS)."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415  a worker scores without it, and it loads in a second

    each: Any = min(SAMPLES, len(z))  # stubs of scikit-learn say text alone
    return stored(IsolationForest(n_estimators=TREES, max_samples=each, random_state=seed, n_jobs=1).fit(z))


def stored(grown: Any) -> Stored:
    """The arrays of a fitted `sklearn.ensemble.IsolationForest` on all dimensions."""
    trees = [_flat(each.tree_) for each in grown.estimators_]
    sizes = np.array([len(each[0]) for each in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    for tree, root in zip(trees, roots, strict=True):
        tree[2][tree[2] > 0] += root
    feature, threshold, child, samples = (np.concatenate(each) for each in zip(*trees, strict=True))
    return Stored(roots, feature.astype(np.int16), threshold, child.astype(np.int32), samples.astype(np.int32))


def _flat(tree: Any) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[Any], NDArray[Any]]:
    """Feature, threshold, child and samples of one tree, level by level."""
    order, k = [0], 0
    child = []
    while k < len(order):
        left, right = tree.children_left[order[k]], tree.children_right[order[k]]
        child.append(len(order) if left >= 0 else 0)
        if left >= 0:
            order += [left, right]
        k += 1
    inner = np.array(child) > 0
    wide = np.where(inner, tree.threshold[order], 0.0)
    threshold = wide.astype(np.float32)
    above = threshold.astype(np.float64) > wide
    threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
    return np.where(inner, tree.feature[order], 0), threshold, np.array(child), tree.n_node_samples[order]


def check(forest: Stored) -> None:
    """See that walks end, and stay within their trees.

    Raises:
        ValueError: what is wrong with which node.
    """
    nodes = len(forest.feature)
    if not len(forest.roots) or forest.roots[0] != 0 or (np.diff(forest.roots) <= 0).any():
        raise ValueError("roots of the forest must ascend from 0")
    if forest.roots[-1] >= nodes:
        raise ValueError(f"roots of the forest must be below its {nodes} nodes, got {forest.roots[-1]}")
    place = np.arange(nodes)
    end = np.append(forest.roots[1:], nodes)[np.searchsorted(forest.roots, place, side="right") - 1]
    inner = forest.child != 0
    for name, wrong, values in (
        ("thresholds of the forest must be finite", ~np.isfinite(forest.threshold), forest.threshold),
        (f"features of the forest must be 0 to {DIMS - 1}", (forest.feature < 0) | (forest.feature >= DIMS),
         forest.feature),
        ("children of the forest must come after their node and within its tree",
         inner & ((forest.child <= place) | (forest.child + 1 >= end)), forest.child),
        ("samples of the forest must be at least 1", forest.samples < 1, forest.samples),
    ):  # fmt: skip
        if wrong.any():
            raise ValueError(f"{name}, got {values[wrong][0]} in node {int(place[wrong][0])}")
    children = np.concatenate([forest.child[inner], forest.child[inner] + 1])
    if not np.array_equal(np.sort(children), np.setdiff1d(place, forest.roots)):
        raise ValueError("each node of the forest must be a root or the child of one node")
    if steps(forest) > DEPTH:
        raise ValueError(f"paths of the forest must have at most {DEPTH} splits, got {steps(forest)}")


def steps(forest: Stored) -> int:
    """The most splits of a path."""
    return int(_levels(forest).max())


def _levels(forest: Stored) -> NDArray[np.int64]:
    level = np.zeros(len(forest.child), np.int64)
    for k in np.flatnonzero(forest.child):  # parents come before their children
        level[forest.child[k]] = level[forest.child[k] + 1] = level[k] + 1
    return level


def walked(forest: Stored) -> Forest:
    """The forest for walks."""
    leaf = forest.child == 0
    depth = np.where(leaf, _levels(forest) + _average_path(forest.samples), 0.0)
    for k in np.flatnonzero(~leaf)[::-1]:
        left, right = forest.child[k], forest.child[k] + 1
        share = forest.samples[left] / (forest.samples[left] + forest.samples[right])
        depth[k] = share * depth[left] + (1.0 - share) * depth[right]
    return Forest(
        forest.roots.astype(np.int32),
        forest.feature.astype(np.int32),
        np.where(leaf, np.float32(np.inf), forest.threshold).astype(np.float32),
        np.where(leaf, np.arange(len(leaf)), forest.child).astype(np.int32),
        depth,
        float(_average_path(forest.samples[forest.roots[:1]])[0]),
    )


def _average_path(samples: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean length of an unsuccessful search in a binary tree of so many, which a leaf's walk would go on for."""
    n = samples.astype(np.float64)
    more = np.maximum(n, 3.0) - 1.0
    return np.select([n <= 1, n == 2], [0.0, 1.0], 2.0 * (np.log(more) + np.euler_gamma) - 2.0 * more / (more + 1.0))


def isolation(forest: Forest, z: NDArray[np.float32]) -> NDArray[np.float64]:
    """How odd vectors are, shape (n,), 0 to 1: minus `score_samples` of scikit-learn."""
    made = np.empty(len(z))
    _walk(forest, z, made)
    return made


def attributed(forest: Forest, z: NDArray[np.float32]) -> NDArray[np.float64]:
    """By how many splits each dimension shortens the mean path, shape (n, DIMS); a row's sum is the whole change."""
    made = np.zeros((len(z), DIMS))
    _attribute(forest, z, made)
    return made


@njit_cached
def _walk(forest: Any, z: Any, made: Any) -> None:
    """Oddness; trees in fixed order, four at a time so that their memory accesses overlap."""
    roots, feature, threshold, child = forest.roots, forest.feature, forest.threshold, forest.child
    trees = len(roots)
    for k in range(len(z)):
        x = z[k]
        total = 0.0
        tree = 0
        while tree + 4 <= trees:
            a, b, c, d = roots[tree], roots[tree + 1], roots[tree + 2], roots[tree + 3]
            for _ in range(DEPTH):
                a = child[a] + np.int32(x[feature[a]] > threshold[a])
                b = child[b] + np.int32(x[feature[b]] > threshold[b])
                c = child[c] + np.int32(x[feature[c]] > threshold[c])
                d = child[d] + np.int32(x[feature[d]] > threshold[d])
            total += forest.depth[a] + forest.depth[b] + forest.depth[c] + forest.depth[d]
            tree += 4
        while tree < trees:
            a = roots[tree]
            for _ in range(DEPTH):
                a = child[a] + np.int32(x[feature[a]] > threshold[a])
            total += forest.depth[a]
            tree += 1
        made[k] = 2.0 ** (-total / (trees * forest.usual))


@njit_cached
def _attribute(forest: Any, z: Any, made: Any) -> None:
    trees = len(forest.roots)
    for k in range(len(z)):
        for tree in range(trees):
            node = forest.roots[tree]
            for _ in range(DEPTH):
                feature = forest.feature[node]
                after = forest.child[node] + np.int32(z[k, feature] > forest.threshold[node])
                made[k, feature] += (forest.depth[node] - forest.depth[after]) / trees
                node = after

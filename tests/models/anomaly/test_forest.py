from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from models.anomaly import forest
from models.anomaly.vectors import DIMS


@pytest.fixture(scope="module")
def z() -> np.ndarray:
    rng = np.random.default_rng(4)
    made = rng.standard_t(3, (3_000, DIMS)).clip(-12, 12)
    made[rng.random(made.shape) < 0.2] = 0.0
    return made.astype(np.float32)


@pytest.fixture(scope="module")
def grown(z: np.ndarray) -> IsolationForest:
    return IsolationForest(n_estimators=100, max_samples=256, random_state=2).fit(z)


def test_a_walk_scores_as_scikit_learn_does(z: np.ndarray, grown: IsolationForest) -> None:
    found = forest.isolation(forest.walked(forest.stored(grown)), z)
    np.testing.assert_allclose(found, -grown.score_samples(z), rtol=0, atol=1e-9)


def test_a_value_at_a_threshold_goes_where_scikit_learn_sends_it(z: np.ndarray, grown: IsolationForest) -> None:
    stored = forest.stored(grown)
    at = np.repeat(z[:1], len(stored.feature), axis=0)
    at[np.arange(len(at)), stored.feature] = stored.threshold
    for step in (at, np.nextafter(at, np.float32(20))):
        found = forest.isolation(forest.walked(stored), step)
        np.testing.assert_allclose(found, -grown.score_samples(step), rtol=0, atol=1e-9)


@pytest.mark.parametrize("trees", [1, 3, 6])
def test_any_number_of_trees_is_walked(z: np.ndarray, trees: int) -> None:
    grown = IsolationForest(n_estimators=trees, max_samples=64, random_state=2).fit(z)
    found = forest.isolation(forest.walked(forest.stored(grown)), z[:100])
    np.testing.assert_allclose(found, -grown.score_samples(z[:100]), rtol=0, atol=1e-9)


def test_splits_saved_add_up_to_the_change_of_the_mean_path(z: np.ndarray, grown: IsolationForest) -> None:
    made = forest.walked(forest.stored(grown))
    saved = forest.attributed(made, z[:200]).sum(axis=1)
    path = -np.log2(forest.isolation(made, z[:200])) * made.usual
    np.testing.assert_allclose(saved, made.depth[made.roots].mean() - path, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "node", "value", "message"),
    [
        ("threshold", 0, np.nan, "thresholds of the forest must be finite, got nan in node 0"),
        ("threshold", 1, np.inf, "thresholds of the forest must be finite, got inf in node 1"),
        ("feature", 0, 64, "features of the forest must be 0 to 63, got 64 in node 0"),
        ("feature", 0, -1, "features of the forest must be 0 to 63, got -1 in node 0"),
        ("child", 2, 1, "children of the forest must come after their node and within its tree, got 1 in node 2"),
        ("child", 0, 1_000_000, "within its tree, got 1000000 in node 0"),
        ("child", 0, -5, "within its tree, got -5 in node 0"),
        ("child", 0, 3, "each node of the forest must be a root or the child of one node"),
        ("samples", 4, 0, "samples of the forest must be at least 1, got 0 in node 4"),
        ("roots", 1, 0, "roots of the forest must ascend from 0"),
        ("roots", -1, 1_000_000, "roots of the forest must be below its"),
    ],
)
def test_a_forest_that_could_lead_astray_is_refused(
    grown: IsolationForest, name: str, node: int, value: float, message: str
) -> None:
    stored = forest.stored(grown)
    forest.check(stored)
    getattr(stored, name)[node] = value
    with pytest.raises(ValueError, match=message):
        forest.check(stored)


def test_a_path_longer_than_walks_are_is_refused() -> None:
    chain = 2 * np.arange(9, dtype=np.int32) + 1  # each left child splits again
    child = np.zeros(19, np.int32)
    child[[0, *chain[:8]]] = chain
    made = forest.Stored(
        np.zeros(1, np.int32), np.zeros(19, np.int16), np.zeros(19, np.float32), child, np.ones(19, np.int32)
    )
    with pytest.raises(ValueError, match="paths of the forest must have at most 8 splits, got 9"):
        forest.check(made)

"""The flat trees give what scikit-learn's `predict_proba` does, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from models.trade import sklearn_compat, trees
from models.trade.figures import COUNT, FIGURES, vectors
from tests.streams.compat import version_fault
from tests.trade_made import days


def grown(x: np.ndarray, label: np.ndarray, **changed: object) -> HistGradientBoostingClassifier:
    settings = {
        "max_iter": 15,
        "max_leaf_nodes": 9,
        "max_bins": 31,
        "early_stopping": False,
        "random_state": 3,
    } | changed
    return HistGradientBoostingClassifier(**settings).fit(x, label)


def test_the_installed_scikit_learn_is_the_one_that_was_read() -> None:
    assert version_fault(sklearn_compat, "scikit-learn", sklearn_compat.READ_FOR["scikit-learn"]) == ""
    batch = days()
    found = grown(vectors(batch.habits.value), batch.habits.mcc)
    assert np.shape(found._baseline_prediction) == (1, 4)
    tree = found._predictors[0][0]
    assert isinstance(tree, TreePredictor)
    assert {"value", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf"} <= {
        *(tree.nodes.dtype.names or ())
    }


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_those_of_scikit_learn(seed: int) -> None:
    batch, fresh = days(seed), days(seed + 50)
    x = vectors(batch.habits.value)
    model = grown(x, batch.habits.mcc)
    flat = sklearn_compat.trees_of(model)
    trees.check(flat)
    new = vectors(fresh.habits.value)
    new[::7] = np.nan
    new[1::7] *= 50
    on_cuts = np.repeat(new[2:3], len(flat.cuts), axis=0)
    figure = np.searchsorted(flat.begins, np.arange(len(flat.cuts)), "right") - 1
    on_cuts[np.arange(len(flat.cuts)), figure] = flat.cuts
    for each in (x, new, on_cuts, np.nextafter(on_cuts, np.float32(np.inf))):
        assert np.abs(trees.probabilities(flat, 1.0, each) - model.predict_proba(each)).max() < 1e-9


def test_figures_that_are_known_only_of_some_are_parted_from_those_that_are_not() -> None:
    batch = days()
    x = vectors(batch.habits.value)
    x[:, 0] = np.where(batch.habits.mcc == 5812, np.nan, 1.0)
    model = grown(x, batch.habits.mcc)
    flat = sklearn_compat.trees_of(model)
    assert flat.begins[1] == 0, "no cut parts what is known"
    assert (flat.feature == 0)[flat.child != 0].any()
    assert np.abs(trees.probabilities(flat, 1.0, x) - model.predict_proba(x)).max() < 1e-9


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    batch = days()
    x = vectors(batch.habits.value)
    flat = sklearn_compat.trees_of(grown(x, batch.habits.mcc))
    together = trees.probabilities(flat, 0.8, x)
    for k in range(0, len(x), 13):
        assert trees.probabilities(flat, 0.8, x[k : k + 1]).tobytes() == together[k : k + 1].tobytes()


def test_a_higher_temperature_flattens_and_keeps_the_order() -> None:
    batch = days()
    x = vectors(batch.habits.value)
    flat = sklearn_compat.trees_of(grown(x, batch.habits.mcc))
    cold, warm = (trees.probabilities(flat, each, x) for each in (1.0, 2.0))
    assert (cold.max(axis=1) >= warm.max(axis=1)).all()
    assert (cold.argmax(axis=1) == warm.argmax(axis=1)).all()


def test_habits_of_another_shape_or_without_end_are_refused() -> None:
    assert len(FIGURES) == COUNT
    with pytest.raises(ValueError, match=r"value of habits must have shape \(n, 32\), got \(2, 3\)"):
        vectors(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="must be finite or NaN"):
        vectors(np.full((1, 32), np.inf))

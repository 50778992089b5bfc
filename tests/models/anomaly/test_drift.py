from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from domain.habits import NAMES
from models.anomaly.comparing import compare_parts
from models.anomaly.drift import FAR, MOVED, drift
from tests.models.anomaly.drawn import planted

if TYPE_CHECKING:
    from models.anomaly.model import Model
    from models.anomaly.samples import Batch


def test_the_days_of_training_have_not_drifted(model: Model, history: Batch) -> None:
    report = drift(model, history.habits)
    assert report.merchant_days == len(history.day)
    assert report.moved(1e-4) == ()
    assert report.score < 1e-4


def test_a_habit_that_moved_is_named_and_no_other(model: Model, history: Batch) -> None:
    value = history.habits.value.copy()
    value[:, NAMES.index("credit_share")] *= 0.5
    value[::3, NAMES.index("code_share")] = np.nan
    report = drift(model, history.habits._replace(value=value))
    assert report.moved(MOVED) == ("credit_share", "code_share")
    assert report.habits["credit_share"] > FAR
    assert report.score > 0.01


def test_the_index_is_that_of_the_textbook(model: Model, history: Batch) -> None:
    """Half of the days move from their deciles into the highest: 0.05 in nine classes, 0.55 in one."""
    value = history.habits.value.copy()
    place = NAMES.index("ticket_minor")
    value[np.random.default_rng(1).random(len(value)) < 0.5, place] = 1e15
    expected = 9 * (0.05 - 0.1) * np.log(0.05 / 0.1) + (0.55 - 0.1) * np.log(0.55 / 0.1)
    assert drift(model, history.habits._replace(value=value)).habits["ticket_minor"] == pytest.approx(
        expected, abs=0.02
    )


def test_an_empty_sample_says_nothing(model: Model, fresh: Batch) -> None:
    report = drift(model, fresh.habits.rows(slice(0, 0)))
    assert report.merchant_days == 0
    assert np.isnan(report.score)
    assert report.moved() == ()


def test_parts_are_compared_at_equal_shares_of_honest_days(model: Model, fresh: Batch) -> None:
    habits, rows, _ = planted(fresh, seed=3)
    label = np.zeros(len(fresh.day), np.int64)
    label[rows[:200]], label[rows[200:]] = 1, 2
    found = {each.way: each for each in compare_parts(model, habits, label, (0.01,))}
    assert found["the model"].found[0.01] > found["forest"].found[0.01]
    assert found["the model"].found[0.01] > 0.75
    assert set(found["the model"].found_of) == {1, 2}
    mean = np.mean([each[0.01] for each in found["tails"].found_of.values()])
    assert mean == pytest.approx(found["tails"].found[0.01])


def test_a_comparison_needs_honest_days_and_labelled_ones(model: Model, fresh: Batch) -> None:
    with pytest.raises(ValueError, match="honest and labelled days expected, got 2000 and 0"):
        compare_parts(model, fresh.habits, np.zeros(2_000, np.int64))
    with pytest.raises(ValueError, match=r"label must have shape \(2000,\), got \(3,\)"):
        compare_parts(model, fresh.habits, np.zeros(3, np.int64))

"""Figures of scored merchant-days."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from evaluation.odd_days import (
    ScoredDays,
    Story,
    average_precision,
    begun,
    found,
    in_order,
    moved,
    odd_rows,
    rank_correlation,
    seen,
    threshold_at,
)

SCORES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=60)


@given(SCORES)
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    score, odd = np.array([each for each, _ in rows], float), np.array([each for _, each in rows])
    if odd.any():
        assert average_precision(score, odd) == pytest.approx(average_precision_score(odd, score))
    else:
        assert math.isnan(average_precision(score, odd))


def scored(*rows: tuple[int, int, float]) -> ScoredDays:
    merchant, day, score = zip(*rows, strict=True)
    return in_order(np.array(merchant), np.array(day), np.array(score))


def test_rows_are_put_in_order_and_those_without_a_score_left_out() -> None:
    days = scored((2, 5, 0.1), (1, 9, 0.2), (1, 3, 0.3), (1, 4, math.nan))
    assert list(zip(*(each.tolist() for each in days), strict=True)) == [(1, 3, 0.3), (1, 9, 0.2), (2, 5, 0.1)]


def test_an_alert_is_new_after_more_than_fourteen_days_below_the_threshold() -> None:
    days = scored((1, 1, 0.9), (1, 2, 0.9), (1, 16, 0.9), (1, 31, 0.9), (2, 31, 0.9), (3, 31, 0.1))
    assert days.day[begun(days, 0.5)].tolist() == [1, 31, 31]
    assert days.merchant[begun(days, 0.5)].tolist() == [1, 1, 2]


def test_the_threshold_is_the_least_that_gives_no_more_alerts_than_asked_for() -> None:
    days = scored(*((merchant, 1, merchant / 1000) for merchant in range(1000)))
    assert threshold_at(days, 5.0) == 0.995
    assert threshold_at(days, 0.1) == math.inf


def test_a_story_is_found_on_its_days_or_shortly_after_and_on_no_others() -> None:
    days = scored((1, 10, 0.1), (1, 11, 0.2), (1, 14, 0.9), (2, 11, 0.9))
    story = Story("model", 1, 10, 12)
    assert found(days, [story], 0.5) == []
    assert found(days, [story], 0.5, grace_d=2) == [story]
    assert odd_rows(days, [story]).tolist() == [True, True, False, False]


def test_a_story_without_a_scored_day_is_not_seen() -> None:
    days = scored((1, 10, 0.1))
    assert seen(days, [Story("model", 1, 11, 12), Story("model", 3, 1, 99), Story("model", 1, 5, 10)]) == [
        Story("model", 1, 5, 10)
    ]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40))
def test_ranks_correlate_wholly_with_those_of_the_same_order(values: list[int]) -> None:
    a = np.array(values, float)
    if len(set(values)) == 1:
        assert math.isnan(rank_correlation(a, a))
    else:
        assert rank_correlation(a, a**3 + 1) == 1.0
        assert rank_correlation(a, -a) == -1.0


def test_a_sample_that_moved_has_a_stability_index_and_one_that_did_not_has_none() -> None:
    chance = np.random.default_rng(7)
    before = chance.normal(0, 1, 20_000)
    assert moved(before, chance.normal(0, 1, 20_000)) < 0.01
    assert moved(before, chance.normal(0.5, 1, 20_000)) > 0.2

"""The benchmark's scoring, against cases computed by hand, and real series that nobody here wrote."""

from __future__ import annotations

from math import exp
from pathlib import Path

import numpy as np
import pytest

from bench.nab import THRESHOLDS, Curves, Labelled, at, best, curves, read, sweep

FOLDER = Path(__file__).parents[3] / "shared" / "data"


def sigmoid(position: float) -> float:
    """As the benchmark's paper has it."""
    return 2 / (1 + exp(5 * position)) - 1


def series(rows: int, windows: list[tuple[int, int]], detections: dict[int, float]) -> Labelled:
    scores = np.zeros(rows)
    for row, score in detections.items():
        scores[row] = score
    return Labelled("one", scores, windows)


def test_nothing_detected_is_worth_nothing() -> None:
    assert at([series(1000, [(500, 599)], {})], 0.5) == 0.0


def test_a_windows_first_row_is_worth_everything() -> None:
    assert at([series(1000, [(500, 599)], {500: 1.0})], 0.5) == pytest.approx(100.0)


def test_a_later_row_of_a_window_is_worth_less_by_the_sigmoid() -> None:
    # Row 549 lies at -(599 - 549 + 1) / 100; raw from -1 (missed) to that, of a distance of 2 to perfect.
    worth = sigmoid(-51 / 100) / sigmoid(-1.0)
    assert at([series(1000, [(500, 599)], {549: 1.0})], 0.5) == pytest.approx(100 * (worth + 1) / 2)


def test_only_the_first_detection_in_a_window_counts() -> None:
    both = series(1000, [(500, 599)], {500: 1.0, 501: 1.0, 598: 1.0})
    assert at([both], 0.5) == pytest.approx(100.0)


def test_a_false_alarm_before_any_window_costs_its_whole_weight() -> None:
    assert at([series(1000, [(500, 599)], {300: 1.0, 500: 1.0})], 0.5) == pytest.approx(100 * (2 - 0.11) / 2)


def test_a_false_alarm_costs_less_close_behind_a_window_and_all_beyond_three_lengths() -> None:
    near = 0.11 * sigmoid(10 / 99)
    assert at([series(1000, [(500, 599)], {500: 1.0, 609: 1.0})], 0.5) == pytest.approx(100 * (2 + near) / 2)
    assert at([series(1000, [(500, 599)], {500: 1.0, 950: 1.0})], 0.5) == pytest.approx(100 * (2 - 0.11) / 2)


def test_rows_of_the_probation_are_ignored() -> None:
    assert at([series(1000, [(500, 599)], {149: 1.0, 500: 1.0})], 0.5) == pytest.approx(100.0)
    assert at([series(1000, [(500, 599)], {150: 1.0, 500: 1.0})], 0.5) < 100.0
    # 15 % of at most 5,000 rows.
    assert at([series(20_000, [(9000, 9999)], {749: 1.0, 9000: 1.0})], 0.5) == pytest.approx(100.0)


def test_one_threshold_serves_all_series_and_the_best_is_found() -> None:
    clean = series(1000, [(500, 599)], {500: 0.6})
    noisy = series(1000, [(500, 599)], {500: 0.8, **dict.fromkeys(range(200, 240), 0.7)})
    assert best([clean]) == (0.6, pytest.approx(100.0))
    # At 0.6 the second window's 40 false alarms cost 4.4, more than the first window earns.
    assert best([clean, noisy]) == (0.8, pytest.approx(50.0))
    assert at([clean, noisy], 0.6) == pytest.approx(100 * (4 - 40 * 0.11) / 4)


def test_a_threshold_between_two_scores_detects_what_the_higher_one_does() -> None:
    found = [series(1000, [(500, 599)], {500: 0.6, 300: 0.4})]
    assert at(found, 0.5) == at(found, 0.6) == pytest.approx(100.0)
    assert at(found, 0.4) < 100.0
    thresholds, normalised = sweep(found)
    assert thresholds.tolist() == [np.inf, 0.6, 0.4, 0.0]
    assert normalised[0] == 0.0


def test_an_alert_that_a_quiet_series_does_not_give_costs_nothing() -> None:
    noisy = series(1000, [(500, 599)], {500: 0.6, **dict.fromkeys(range(200, 240), 0.55)})
    loud, quiet = curves([noisy], 0).normalised(np.array([0])), curves([noisy], 60).normalised(np.array([0]))
    assert loud[THRESHOLDS == 0.5] == pytest.approx(100 * (2 - 40 * 0.11) / 2)
    assert quiet[THRESHOLDS == 0.5] == pytest.approx(100 * (2 - 0.11) / 2)
    assert quiet[THRESHOLDS == 0.6] == pytest.approx(100.0)


def test_a_threshold_that_was_chosen_on_one_half_is_applied_to_the_other() -> None:
    earned = np.zeros((2, len(THRESHOLDS)))
    earned[0, :10], earned[1, 5:10] = [[0, 1, 2, 1, 0, 0, 0, 0, 0, 0], [1, 2, 1, 0, 0]]
    found = Curves(["a", "b"], np.array([1, 1]), earned)
    assert found.normalised(np.array([0])).max() == pytest.approx(100.0)
    assert found.transferred(np.array([0]), np.array([1])) == 0.0
    assert found.transferred(np.array([1]), np.array([1])) == pytest.approx(100.0)
    assert found.halves().tolist() == [0.0] * 40


@pytest.mark.skipif(
    not (FOLDER / "nab_dev.csv.gz").is_file(),
    reason="the benchmark's series are kept beside the project, not in it, and are not there",
)
def test_real_series_score_what_the_page_says() -> None:
    found = read(FOLDER).scored()
    assert len(found) == 35
    assert sum(len(each.windows) for each in found) == 50
    told = curves(found)
    normalised = told.normalised(np.arange(35))
    assert normalised.max() >= 66.0
    # The threshold that the page gives to users, and one chosen on other series.
    assert normalised[THRESHOLDS == 0.5] >= 66.0
    assert told.halves().mean() >= 63.0

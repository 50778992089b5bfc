from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from domain.timestamps import MINUTE_MS
from models.series import AGAIN, QUIET_ROWS, THRESHOLD_DIGITS, SeriesModel, alerts
from models.series_rows import MOVED, WARM_UP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

START_MS = 1_700_006_400_000  # 2023-11-15 00:00 UTC
ALERT = 0.5


def scored(
    value: Floats, ts_ms: NDArray[np.int64] | None = None, model: SeriesModel | None = None
) -> tuple[Floats, Floats]:
    """Scores of one series, five minutes a row unless told, and what was expected."""
    if ts_ms is None:
        ts_ms = START_MS + 5 * MINUTE_MS * np.arange(len(value))
    found = (model or SeriesModel()).score(np.zeros(len(value), np.int64), ts_ms, value)
    return found.scores, found.expected


def told(value: Floats) -> list[int]:
    """Rows with an alert, of one series at five minutes a row."""
    return np.flatnonzero(alerts(scored(value)[0])).tolist()


def noise(rows: int, seed: int = 1) -> Floats:
    return 100.0 + np.random.default_rng(seed).normal(0, 2, rows)


def daily(rows: int, seed: int = 1) -> Floats:
    """A shop's day: closed at night, busy from 9 to 21."""
    hour = np.arange(rows) * 5 / 60 % 24
    busy = np.where((hour >= 9) & (hour < 21), 1000.0, 20.0)
    return np.asarray(busy * np.random.default_rng(seed).normal(1, 0.1, rows))


def test_scores_are_between_0_and_1_and_start_at_0() -> None:
    scores, _ = scored(noise(3000))
    assert scores[0] < 0.01
    assert scores.min() >= 0.0
    assert scores.max() < 1.0
    assert scores[: WARM_UP // 3].max() < 0.3


def test_noise_alone_seldom_alerts() -> None:
    alerts = [int((scored(noise(5000, seed))[0][750:] >= ALERT).sum()) for seed in range(10)]
    # Of 42,500 rows: about one false alarm in 2,500; longer series have more, as the page says.
    assert sum(alerts) <= 17


def test_a_spike_is_found_at_its_own_row() -> None:
    value = noise(3000)
    value[2000] = 150.0
    scores, expected = scored(value)
    assert scores[2000] == scores[750:].max() > 0.7
    assert expected[2000] == pytest.approx(100, abs=1)


def test_a_larger_spike_scores_higher() -> None:
    found = []
    for height in (110.0, 125.0, 200.0, 1000.0):
        value = noise(3000)
        value[2000] = height
        found.append(scored(value)[0][2000])
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_a_spike_that_comes_more_often_than_once_in_200_rows_is_soon_no_longer_news() -> None:
    value = noise(6000)
    value[1000::100] = 150.0
    scores, _ = scored(value)
    assert scores[1000] > 0.7
    assert scores[1000 + 100 * 20 :: 100].max() < ALERT


def test_a_rare_spike_stays_rare_but_is_less_and_less_surprising() -> None:
    value = noise(6000)
    value[1000::290] = 150.0
    scores = scored(value)[0][1000::290]
    assert scores[0] > 0.7
    assert scores[12:].max() < 0.6


def test_a_new_level_is_told_once_and_then_lived_with() -> None:
    value = noise(4000)
    value[2000:] += 60.0
    scores, expected = scored(value)
    assert scores[2000] > 0.7
    assert [row for row in told(value) if row >= 750] == [2000]
    assert expected[2000 + 2 * MOVED :] == pytest.approx(160, abs=2)


def test_a_slow_loss_is_found_by_the_mean_of_a_short_window() -> None:
    value = noise(4000)
    value[2500:2600] -= 3.0
    scores, _ = scored(value)
    assert scores[2500:2600].max() >= ALERT


def test_a_change_of_variance_alone_is_found() -> None:
    value = noise(4000)
    value[2500:2600] = 100 + 4 * (value[2500:2600] - 100)
    assert scored(value)[0][2500:2600].max() > 0.6


def test_a_flat_line_in_a_noisy_series_is_found() -> None:
    value = noise(5000)
    value[3500:4300] = 100.0
    assert scored(value)[0][3500:4300].max() >= ALERT


def test_a_series_that_never_moves_never_alerts_and_its_first_move_does() -> None:
    value = np.full(3000, 45.0)
    assert scored(value)[0].max() < 0.1
    value[2000] = 46.0
    assert scored(value)[0][2000] > 0.7


def test_a_season_is_learned_and_a_day_without_trade_is_found_although_each_value_is_usual() -> None:
    rows = 288 * 28
    value = daily(rows)
    opens = 288 * 25 + 9 * 12
    closed = value.copy()
    closed[opens : opens + 12 * 12] = value[opens - 12 * 12 : opens]
    scores, expected = scored(closed)
    assert expected[opens + 6] == pytest.approx(1000, rel=0.1)
    assert scores[opens : opens + 12].max() >= ALERT
    assert len([row for row in told(value) if row >= 288 * 4]) <= 1


def test_sundays_are_learned_where_they_differ() -> None:
    rows = 24 * 7 * 8
    ts_ms = START_MS + 60 * MINUTE_MS * np.arange(rows)
    weekday = (ts_ms // 86_400_000 + 3) % 7
    value = np.where(weekday == 6, 10.0, daily(rows * 12)[::12])
    _, expected = scored(value, ts_ms)
    noons = (weekday == 6) & (ts_ms // 3_600_000 % 24 == 12)
    assert expected[noons][-2:] == pytest.approx(10, abs=5)


def test_a_score_depends_only_on_what_came_before() -> None:
    value = noise(3000)
    changed = value.copy()
    changed[2000:] = -5.0
    ours, theirs = scored(value), scored(changed)
    assert np.array_equal(ours[0][:2000], theirs[0][:2000])
    assert np.array_equal(ours[1][:2001], theirs[1][:2001])


def test_batches_and_other_series_change_nothing() -> None:
    first, second = noise(2000), daily(2000, 3)
    ts_ms = START_MS + 5 * MINUTE_MS * np.arange(2000)
    model, alone = SeriesModel(), (scored(first)[0], scored(second)[0])
    keys = np.tile(np.array([40, 3]), 2000)
    value, times = np.stack([first, second], 1).ravel(), np.repeat(ts_ms, 2)
    parts = [model.score(keys[a:b], times[a:b], value[a:b])[0] for a, b in ((0, 1), (1, 777), (777, 777), (777, 4000))]
    together = np.concatenate(parts)
    assert np.array_equal(together[::2], alone[0])
    assert np.array_equal(together[1::2], alone[1])


def test_a_score_that_reaches_the_threshold_is_an_alert_and_then_the_series_is_quiet() -> None:
    scores = np.full(2 * QUIET_ROWS + 10, 0.1)
    scores[[3, 4, 3 + QUIET_ROWS, 3 + QUIET_ROWS + 1]] = 0.5
    assert np.flatnonzero(alerts(scores)).tolist() == [3, 3 + QUIET_ROWS + 1]
    assert not alerts(scores, 0.51).any()


def test_a_quiet_series_still_tells_what_is_clearly_more() -> None:
    digits = np.array([THRESHOLD_DIGITS, AGAIN * THRESHOLD_DIGITS * 0.999, AGAIN * THRESHOLD_DIGITS * 1.001, 0.0])
    scores = digits / (digits + THRESHOLD_DIGITS)
    assert alerts(scores, 0.49).tolist() == [True, False, True, False]


def test_a_score_is_the_same_whether_the_series_is_quiet_or_not() -> None:
    value = noise(3000)
    value[2000:2002] = 150.0, 50.0
    model, other = SeriesModel(), SeriesModel(threshold=0.999)
    rows = np.zeros(3000, np.int64), START_MS + 5 * MINUTE_MS * np.arange(3000), value
    ours, theirs = model.score(*rows), other.score(*rows)
    assert np.array_equal(ours.scores, theirs.scores)
    assert np.flatnonzero(ours.alerts)[-1] >= 2000
    assert np.array_equal(ours.alerts, alerts(ours.scores))
    assert not theirs.alerts.any()


@pytest.mark.parametrize("factor", [1e-3, 1e6])
def test_scores_do_not_depend_on_the_unit(factor: float) -> None:
    value = noise(3000)
    value[2000:2100] *= 1.1
    assert scored(value * factor)[0] == pytest.approx(scored(value)[0], abs=0.02)


def test_after_a_gap_a_value_is_not_held_against_the_one_before_it() -> None:
    value = noise(2000)
    value[1500:] += np.linspace(0, 3, 500)
    ts_ms = START_MS + 5 * MINUTE_MS * np.arange(2000)
    late = ts_ms + np.where(np.arange(2000) >= 1500, 86_400_000, 0)
    assert scored(value, late)[0][1500] <= scored(value, ts_ms)[0][1500]
    assert (scored(value, late)[0][1500:1600] < ALERT).all()


def test_times_that_go_back_or_stand_still_are_taken_as_they_come() -> None:
    value = noise(1500)
    ts_ms = START_MS + 5 * MINUTE_MS * np.arange(1500)
    ts_ms[700:720] -= 3 * 86_400_000
    ts_ms[900:920] = ts_ms[900]
    scores, _ = scored(value, ts_ms)
    assert np.isfinite(scores).all()


def test_huge_and_tiny_values_give_finite_scores() -> None:
    value = np.concatenate([noise(600), [1e30, -1e30, 1e-200, 0.0], noise(600), np.zeros(300)])
    scores, expected = scored(value)
    assert np.isfinite(scores).all()
    assert np.isfinite(expected).all()


@pytest.mark.parametrize(("value", "series", "words"), [
    (np.nan, 0, "value must be a number within"),
    (np.inf, 0, "value must be a number within"),
    (1.0, -1, "series must be at least 0, got -1"),
])  # fmt: skip
def test_what_cannot_be_scored_is_refused(value: float, series: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SeriesModel().score(np.array([series]), np.array([START_MS]), np.array([value]))


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one series, time and value a row expected, got 2, 1, 1"):
        SeriesModel().score(np.zeros(2, np.int64), np.array([START_MS]), np.array([1.0]))

"""Series with a row a day: a shop's counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from domain.timestamps import DAY_MS, HOUR_MS
from models.series import QUIET_DAYS, Scored, SeriesModel
from models.series_days import WARM_UP_DAYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MONDAY_MS = 20_458 * DAY_MS  # 2026-01-05
WEEK = np.array([0.8, 0.9, 1.0, 1.0, 1.2, 1.5, 1.4])


def shop(days: int = 500, mean: float = 60.0, seed: int = 1, shut: int | None = None) -> Floats:
    """Sales a day; `shut` is a weekday without any."""
    week = WEEK.copy()
    if shut is not None:
        week[shut] = 0.0
    draw = np.random.default_rng(seed)
    return draw.poisson(mean * week[np.arange(days) % 7] * draw.gamma(1 / 0.02, 0.02, days)).astype(float)


def scored(value: Floats, ts_ms: NDArray[np.int64] | None = None) -> Scored:
    """One series from a Monday on."""
    if ts_ms is None:
        ts_ms = MONDAY_MS + DAY_MS * np.arange(len(value))
    return SeriesModel().score(np.zeros(len(value), np.int64), ts_ms, value)


def test_honest_days_seldom_alert() -> None:
    told = sum(int(scored(shop(seed=seed)).alerts.sum()) for seed in range(20))
    assert told <= 40  # of 10,000 days


def test_the_expectation_follows_the_weekday() -> None:
    expected = scored(shop()).expected[400:]
    for weekday in range(7):
        mine = expected[(np.arange(400, 500) % 7) == weekday]
        assert mine.mean() == pytest.approx(60 * WEEK[weekday], rel=0.12)


@pytest.mark.parametrize(("factor", "days"), [(4.0, 1), (2.5, 3), (1.6, 14), (0.15, 5)])
def test_an_event_of_a_few_days_is_found_while_it_lasts(factor: float, days: int) -> None:
    found = 0
    for seed in range(10):
        value = shop(seed=seed)
        value[300 : 300 + days] = np.round(factor * value[300 : 300 + days])
        found += bool(scored(value).alerts[300 : 300 + days].any())
    assert found >= 8


def test_a_weekday_on_which_a_shop_is_always_shut_is_no_event_and_expects_nothing() -> None:
    value = shop(shut=0)
    found = scored(value)
    mondays = np.arange(500) % 7 == 0
    assert not found.alerts[mondays].any()
    assert (found.expected[mondays][10:] == 0.0).all()


def test_trade_on_the_closing_day_at_the_usual_size_is_no_event() -> None:
    value = shop(shut=0)
    value[301] = value[300]
    value[294] = 60.0  # a Monday
    assert not scored(value).alerts[294]


def test_a_single_day_shut_has_a_higher_score_than_nearly_all_usual_days_but_is_no_alert() -> None:
    value = shop(shut=0)
    value[306] = 0.0  # a Saturday
    found = scored(value)
    assert found.scores[306] > np.quantile(found.scores[100:300], 0.98)
    assert not found.alerts[306]


def test_being_shut_for_days_on_which_a_shop_is_usually_open_is_found() -> None:
    value = shop(shut=0)
    value[302:307] = 0.0  # Tuesday to Saturday
    found = scored(value)
    assert found.alerts[302:307].any()
    assert not found.alerts[301]


def test_a_new_level_is_lived_with_after_some_weeks() -> None:
    value = shop()
    value[250:] = np.round(1.8 * value[250:])
    found = scored(value)
    assert found.alerts[250:264].any()
    assert found.alerts[320:].sum() <= 2
    assert found.expected[400:].mean() == pytest.approx(value[400:].mean(), rel=0.1)


def test_after_an_alert_a_daily_series_is_quiet_for_ten_days() -> None:
    value = shop()
    value[300:309] *= 4.0
    told = np.flatnonzero(scored(value).alerts)
    inside = told[(told >= 300) & (told <= 300 + QUIET_DAYS)]
    assert inside[0] == 300
    assert len(inside) <= 2


def test_first_weeks_are_cautious() -> None:
    value = shop()
    value[10] = 10_000.0
    assert not scored(value).alerts[: int(WARM_UP_DAYS) // 6].any()


def test_the_hour_of_the_day_at_which_rows_are_dated_changes_nothing() -> None:
    value = shop(shut=6)
    days = MONDAY_MS + DAY_MS * np.arange(500)
    midnight = scored(value, days)
    summer = days - HOUR_MS * (np.arange(500) % 365 > 85)  # midnight in London, in winter and summer
    assert np.array_equal(scored(value, summer).scores, midnight.scores)


def test_missing_days_leave_the_weekday_in_place() -> None:
    value, days = shop(shut=6), np.arange(500)
    open_days = days % 7 != 6
    found = scored(value[open_days], MONDAY_MS + DAY_MS * days[open_days])
    assert found.expected[-6:] == pytest.approx(60 * WEEK[days[open_days][-6:] % 7], rel=0.3)
    assert found.alerts.sum() <= 4


def test_a_series_of_two_rows_a_day_is_not_daily() -> None:
    value = np.tile([100.0, 20.0], 300) + np.random.default_rng(1).normal(0, 2, 600)
    twice = scored(value, MONDAY_MS + DAY_MS // 2 * np.arange(600))
    assert twice.expected[-4:] == pytest.approx([100, 20, 100, 20], abs=8)


def test_values_that_are_no_counts_have_scores_too() -> None:
    value = np.concatenate([np.random.default_rng(1).normal(0, 50, 200), [1e30, -1e30, 1e-200, 0.0], np.zeros(100)])
    found = scored(value)
    assert np.isfinite(found.scores).all()
    assert np.isfinite(found.expected).all()
    assert not scored(np.full(300, 7.0)).scores.max() > 0.2


def test_a_daily_score_does_not_depend_on_the_unit() -> None:
    value = shop()
    assert scored(value * 100.0).scores == pytest.approx(scored(value).scores, abs=0.02)

"""Ramps and lasting levels, from raw transactions to the alert."""

from __future__ import annotations

import pytest

from detectors.volume_shift import VolumeShift
from domain.timestamps import DAY_MS, HOUR_MS
from tests.detectors.shops import Shop, master, volume_alerts

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
ON = 50
"""The day something begins."""


@pytest.mark.parametrize("seed", range(4))
def test_twice_the_usual_level_is_found_within_a_week(seed: int) -> None:
    shop = Shop(rate=30.0, seed=seed, factor=lambda d: 2.0 if d >= ON else 1.0)
    alert = volume_alerts(*shop.events(ON + 15), only="volume_shift")[0]
    assert ON + 3 <= shop.day_of(alert) < ON + 7
    assert alert.risk_code == "12"


@pytest.mark.parametrize("seed", range(3))
def test_three_times_the_usual_ticket_is_found_within_a_week(seed: int) -> None:
    shop = Shop(rate=30.0, seed=seed, ticket_factor=lambda d: 3.0 if d >= ON else 1.0)
    alert = volume_alerts(*shop.events(ON + 15), only="volume_shift")[0]
    assert ON + 3 <= shop.day_of(alert) < ON + 8


@pytest.mark.parametrize("seed", range(3))
def test_a_ramp_of_a_tenth_a_day_is_found_before_it_is_tripled(seed: int) -> None:
    shop = Shop(rate=30.0, seed=seed, factor=lambda d: min(1.1 ** max(0, d - ON), 8.0))
    alert = volume_alerts(*shop.events(ON + 25), only="volume_shift")[0]
    assert ON <= shop.day_of(alert) <= ON + 12


def test_the_reason_has_both_levels_and_money_decides_severity() -> None:
    small, large = (Shop(ticket=ticket, factor=lambda d: 3.0 if d >= ON else 1.0) for ticket in (500, 200_000))
    low, high = (volume_alerts(*each.events(ON + 12), only="volume_shift")[0] for each in (small, large))
    assert low.severity < 0.5
    assert high.severity > 0.6
    assert "before the rise" in high.reason.en
    assert "日均" in high.reason.zh
    assert {each.feature for each in high.evidence} >= {"week_minor_1d", "rise_score"}


@pytest.mark.parametrize("seed", range(4))
def test_a_promotion_of_three_days_is_no_shift(seed: int) -> None:
    shop = Shop(rate=40.0, seed=seed, factor=lambda d: 2.4 if ON <= d < ON + 3 else 1.0)
    assert volume_alerts(*shop.events(ON + 10), only="volume_shift") == []


@pytest.mark.parametrize("seed", range(3))
def test_growth_of_half_as_much_again_in_a_year_is_no_shift(seed: int) -> None:
    shop = Shop(rate=40.0, seed=seed, factor=lambda d: 1.5 ** (d / 365))
    assert volume_alerts(*shop.events(115)) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_ramp_of_a_new_store_is_no_shift(seed: int) -> None:
    shop = Shop(rate=40.0, seed=seed, factor=lambda d: min(1.0, 0.15 + 0.85 * d / 35))
    opened_ms = shop.first * DAY_MS - 8 * HOUR_MS - 5 * DAY_MS
    assert volume_alerts(master("m1", opened_ms, opened_ms), *shop.events(80)) == []


def test_a_level_that_lasts_becomes_the_usual_one() -> None:
    shop = Shop(rate=30.0, factor=lambda d: 2.5 if d >= ON else 1.0)
    (alert,) = volume_alerts(*shop.events(ON + 50), only="volume_shift")
    assert alert.closed
    assert 5 <= alert.hits <= 25


@pytest.mark.parametrize(("setting", "value"), [("score", 0.5), ("ratio", 0.9), ("per_decade", -1), ("max_age_s", 5)])
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        VolumeShift(**{setting: value})  # type: ignore[arg-type]

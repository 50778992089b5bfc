"""Dormancy and wake-up, from raw transactions to the alert."""

from __future__ import annotations

import pytest

from detectors.volume_wakeup import VolumeWakeup
from tests.detectors.shops import Shop, volume_alerts

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
SLEEP, WAKE = 40, 140
"""The days between which nothing is sold."""


def shop_of(awake: float, rate: float = 3.0, wake: int = WAKE) -> Shop:
    return Shop(rate=rate, factor=lambda d: 1.0 if d < SLEEP else 0.0 if d < wake else awake)


def test_much_at_once_after_a_hundred_days_is_found_the_same_day() -> None:
    shop = shop_of(10.0)
    alert = next(each for each in volume_alerts(*shop.events(WAKE + 1), only="volume_wakeup") if each.txn_ids)
    assert shop.day_of(alert, alert.reopened_time) == WAKE  # that it slept for 90 days was told ten days before
    assert alert.risk_code == "12"
    assert "after 100 days" in alert.reason.en
    assert "休眠100天" in alert.reason.zh
    assert alert.severity > 0.5


def test_ninety_days_without_a_sale_ask_for_a_new_verification_and_a_year_for_a_stop() -> None:
    events = shop_of(0.0).events(SLEEP + 380)
    found = volume_alerts(*events, only="volume_wakeup")
    assert [each.severity for each in found] == [0.2, 0.3]
    assert "verify its identity" in found[0].reason.en
    assert "stop" in found[1].reason.en


def test_a_shop_that_wakes_to_what_it_sold_before_is_silent() -> None:
    shop = shop_of(1.0, rate=20.0, wake=SLEEP + 60)
    assert volume_alerts(*shop.events(SLEEP + 75), only="volume_wakeup") == []


def test_a_pause_of_three_weeks_is_no_dormancy() -> None:
    shop = shop_of(10.0, wake=SLEEP + 21)
    assert volume_alerts(*shop.events(SLEEP + 22), only="volume_wakeup") == []


def test_after_more_than_four_hundred_days_only_a_large_sum_counts() -> None:
    """The row is forgotten then, but not that there were sales."""
    for awake, found in ((1.0, 0), (60.0, 1)):
        shop = shop_of(awake, wake=SLEEP + 420)
        events = [*shop.events(SLEEP), *shop.events(SLEEP + 421, SLEEP + 420)]
        alerts = [each for each in volume_alerts(*events, only="volume_wakeup") if each.txn_ids]
        assert len(alerts) == found
        assert all("400 or more" in each.reason.en for each in alerts)


@pytest.mark.parametrize(
    ("setting", "value"), [("dormant_d", 0), ("ratio", 0.5), ("least_minor", -1), ("dormant", 2), ("max_age_s", 5)]
)
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        VolumeWakeup(**{setting: value})  # type: ignore[arg-type]

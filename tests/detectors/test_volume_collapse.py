"""Collapse and silence, from raw transactions to the alert."""

from __future__ import annotations

from datetime import date

import pytest

from detectors.volume_collapse import VolumeCollapse
from tests.detectors.shops import EPOCH, FIRST, Shop, volume_alerts

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
ON = 50
"""The day something begins."""


@pytest.mark.parametrize("seed", range(4))
def test_a_fall_to_three_tenths_is_found_within_five_days(seed: int) -> None:
    shop = Shop(rate=30.0, seed=seed, factor=lambda d: 0.3 if d >= ON else 1.0)
    alert = volume_alerts(*shop.events(ON + 10), only="volume_collapse")[0]
    assert ON + 1 <= shop.day_of(alert) < ON + 5
    assert (alert.loss, alert.turnover, alert.bearer) == (None, None, None)


@pytest.mark.parametrize("rate", [80.0, 20.0, 5.0])
def test_a_silence_that_does_not_end_is_found_within_two_weeks(rate: float) -> None:
    """Closures of some days are frequent among lawful shops."""
    shop = Shop(rate=rate, factor=lambda d: 0.0 if d >= ON else 1.0)
    (alert,) = volume_alerts(*shop.events(ON + 30))
    assert (alert.detector, alert.txn_ids) == ("volume_collapse", ())
    assert shop.day_of(alert) < ON + 14
    assert "No sale for" in alert.reason.en
    assert "无交易" in alert.reason.zh


@pytest.mark.parametrize("seed", range(4))
def test_one_closed_day_at_eighty_sales_a_day_is_one_alert_at_most(seed: int) -> None:
    shop = Shop(rate=80.0, seed=seed, factor=lambda d: 0.0 if d == ON else 1.0)
    assert len(volume_alerts(*shop.events(ON + 15))) <= 1


@pytest.mark.parametrize("rate", [20.0, 80.0])
def test_public_holidays_and_the_turn_of_the_year_are_no_silence(rate: float) -> None:
    first = (date(2025, 8, 1) - EPOCH).days

    def is_shut(day: int) -> bool:
        of = date.fromordinal(first + day + EPOCH.toordinal())
        golden_week = date(2025, 10, 1) <= of <= date(2025, 10, 8)
        return golden_week or (of.month, of.day) >= (12, 29) or (of.month, of.day) <= (1, 4)

    shop = Shop(rate=rate, first=first, factor=lambda d: 0.0 if is_shut(d) else 1.0)
    assert volume_alerts(*shop.events(165)) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_shop_that_is_closed_on_sundays_is_not_silent(seed: int) -> None:
    closed = (6 - (FIRST + 3)) % 7
    shop = Shop(rate=30.0, seed=seed, factor=lambda d: 0.0 if d % 7 == closed else 1.0)
    assert volume_alerts(*shop.events(80)) == []


def test_spring_festival_with_its_closed_shops_is_no_collapse() -> None:
    first = (date(2025, 11, 20) - EPOCH).days
    eve = (date(2026, 2, 16) - EPOCH).days - first
    for closed_days in (8, 14):
        closed = range(eve, eve + closed_days)
        shop = Shop(rate=30.0, first=first, factor=lambda d: 1.5 if eve - 8 <= d < eve else 0.0 if d in closed else 1.0)  # noqa: B023
        assert volume_alerts(*shop.events(eve + 30)) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_slow_decline_is_no_collapse(seed: int) -> None:
    shop = Shop(rate=20.0, seed=seed, factor=lambda d: 0.7 ** (d / 365))
    assert volume_alerts(*shop.events(115)) == []


def test_a_merchant_with_one_sale_a_day_is_not_silent_after_a_week() -> None:
    shop = Shop(rate=1.0, factor=lambda d: 0.0 if ON <= d < ON + 7 else 1.0)
    assert volume_alerts(*shop.events(ON + 12), only="volume_collapse") == []


def test_severity_follows_the_money_of_a_usual_day() -> None:
    small, large = (Shop(ticket=ticket, factor=lambda d: 0.0 if d >= ON else 1.0) for ticket in (500, 500_000))
    (low,), (high,) = (volume_alerts(*each.events(ON + 60), only="volume_collapse") for each in (small, large))
    assert low.severity < 0.4 < high.severity


@pytest.mark.parametrize(
    ("setting", "value"),
    [("decades", 0.5), ("silent_decades", 21), ("ratio", 2), ("least_a_day", -1), ("quiet_gap_s", 0)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        VolumeCollapse(**{setting: value})  # type: ignore[arg-type]

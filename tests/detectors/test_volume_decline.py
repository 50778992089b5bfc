"""Declines that last for weeks, from raw transactions to the alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from detectors.volume_decline import VolumeDecline
from tests.detectors.shops import Shop, volume_alerts

if TYPE_CHECKING:
    from domain.alerts import Alert

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
ON, FADES_D = 70, 28
"""The day something begins, and over how many days."""


def fading(seed: int = 1, ticket: int = 12_000) -> Shop:
    """To 40 % of 80 sales a day, a little each day."""
    return Shop(
        rate=80.0, seed=seed, ticket=ticket, factor=lambda d: 1 - 0.6 * min(max(d - ON + 1, 0), FADES_D) / FADES_D
    )


def declines(shop: Shop, days: int) -> list[Alert]:
    return volume_alerts(*shop.events(days), only="volume_decline")


@pytest.mark.parametrize("seed", range(6))
def test_a_fading_to_two_fifths_in_four_weeks_is_told_before_it_is_over(seed: int) -> None:
    shop = fading(seed)
    alert = declines(shop, ON + FADES_D)[0]
    assert ON < shop.day_of(alert) < ON + FADES_D
    assert (alert.loss, alert.turnover, alert.bearer, alert.txn_ids) == (None, None, None, ())


def test_the_reason_has_both_levels_and_severity_follows_the_money_of_a_usual_day() -> None:
    (low,), (high,) = (declines(fading(ticket=ticket), ON + FADES_D + 10) for ticket in (500, 500_000))
    assert low.severity < 0.35 < high.severity
    assert "of their three-month level" in high.reason.en
    assert "两周交易量降至" in high.reason.zh
    ratio = next(each for each in high.evidence if each.feature == "decline_ratio")
    assert float(ratio.value or 1) <= VolumeDecline().ratio


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("low", [0.0, 0.15, 0.4])
def test_five_low_days_are_no_decline(low: float, seed: int) -> None:
    shop = Shop(rate=80.0, seed=seed, factor=lambda d: low if ON <= d < ON + 5 else 1.0)
    assert declines(shop, ON + 25) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_fall_of_three_tenths_in_a_year_is_no_decline(seed: int) -> None:
    shop = Shop(rate=40.0, seed=seed, factor=lambda d: 0.7 ** (d / 365))
    assert volume_alerts(*shop.events(115)) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_steady_shop_with_a_closing_day_has_no_decline(seed: int) -> None:
    shop = Shop(rate=20.0, seed=seed, factor=lambda d: 0.0 if d % 7 == 3 else 1.0)
    assert declines(shop, 115) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("decades", 0.5), ("ratio", 1.5), ("least_a_day", -1), ("base", 2), ("per_decade", -1), ("max_age_s", 5)],
)
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        VolumeDecline(**{setting: value})  # type: ignore[arg-type]

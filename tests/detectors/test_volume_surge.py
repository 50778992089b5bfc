"""Surges of a day and of an hour, from raw transactions to the alert."""

from __future__ import annotations

from datetime import date

import pytest

from detectors.volume_surge import VolumeSurge
from domain.timestamps import DAY_MS, HOUR_MS
from tests.detectors.shops import EPOCH, Shop, volume_alerts

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
ON = 45
"""The day something happens."""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("way", ["count", "ticket", "both"])
def test_a_day_far_above_the_usual_is_found_the_same_day(seed: int, way: str) -> None:
    """Four times the number, nine times the ticket, or eight times by both, at 20 sales a day."""
    count, ticket = {"count": (4.0, 1.0), "ticket": (1.0, 9.0), "both": (8.0**0.5, 8.0**0.5)}[way]
    shop = Shop(
        seed=seed, factor=lambda d: count if d == ON else 1.0, ticket_factor=lambda d: ticket if d == ON else 1.0
    )
    (alert,) = volume_alerts(*shop.events(ON + 2), only="volume_surge")
    assert shop.day_of(alert) == ON
    assert alert.risk_code == "12"


def test_the_reason_has_the_merchants_numbers_in_both_languages() -> None:
    shop = Shop(sigma=0.3, factor=lambda d: 8.0 if d == ON else 1.0)
    (alert,) = volume_alerts(*shop.events(ON + 2), only="volume_surge")
    assert "against the usual" in alert.reason.en
    assert "x) against" in alert.reason.en
    assert "当日" in alert.reason.zh
    shown = {each.feature: each for each in alert.evidence}
    assert float(shown["sales_1d"].value or 0) > 5 * float(shown["sales_1d"].baseline or 0)
    assert alert.at_stake > 0


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "209,100 JPY"), ("CNY", "2,091.00 CNY")])
def test_a_merchant_s_money_is_told_with_the_digits_of_its_currency(currency: str, shown: str) -> None:
    shop = Shop(rate=12.0, ticket=100, sigma=0.1, extra={ON: [(12.0 + k / 100, 2_000) for k in range(100)]})
    events = [each | {"currency": currency} if "amount" in each else each for each in shop.events(ON + 2)]
    (alert,) = volume_alerts(*events, only="volume_surge")
    assert alert.currency == currency
    told = alert.reason.en.partition(" of ")[2].split()[0]
    minor = next(each.value for each in alert.evidence if each.feature == "sales_minor_1d")
    assert told == (f"{minor:,}" if currency == "JPY" else f"{int(minor or 0) / 100:,.2f}")
    values = dict.fromkeys(VolumeSurge().columns, 0) | {"sales_minor_1d": 209_100}
    assert shown in VolumeSurge().reason(values, 1, 0, currency).en


def test_severity_follows_the_money() -> None:
    severities = []
    for ticket in (1_000, 12_000, 1_000_000):
        shop = Shop(ticket=ticket, factor=lambda d: 8.0 if d == ON else 1.0)
        (alert,) = volume_alerts(*shop.events(ON + 2), only="volume_surge")
        severities.append(alert.severity)
    assert severities == sorted(severities)
    assert severities[0] < 0.6 <= severities[1] < 0.85 <= severities[2]


def test_an_hour_far_above_its_usual_is_found_within_the_hour() -> None:
    shop = Shop(rate=60.0, extra={ON: [(15 + k / 120, 12_000) for k in range(60)]})
    (alert,) = volume_alerts(*shop.events(ON + 1), only="volume_surge")
    assert alert.first_time[11:13] == "07"  # 15 o'clock in Shanghai
    assert "within the hour" in alert.reason.en


@pytest.mark.parametrize("seed", range(6))
def test_a_few_great_tickets_are_no_surge(seed: int) -> None:
    """A wedding: four deposits of fifty usual tickets."""
    shop = Shop(rate=10.0, seed=seed, extra={ON: [(11.0 + k, 600_000) for k in range(4)]})
    assert volume_alerts(*shop.events(ON + 3)) == []


@pytest.mark.parametrize("seed", range(6))
def test_seven_sales_where_three_are_usual_are_no_surge(seed: int) -> None:
    shop = Shop(rate=3.0, seed=seed, extra={ON: [(10.0 + k, 12_000) for k in range(4)]})
    assert volume_alerts(*shop.events(ON + 2), only="volume_surge") == []


def test_a_payday_and_a_promotion_are_no_surges() -> None:
    promotion = range(ON, ON + 3)
    for seed in range(4):
        shop = Shop(rate=40.0, seed=seed, factor=lambda d: 1.9 if d in promotion else 1.5 if d % 30 == 9 else 1.0)
        assert volume_alerts(*shop.events(ON + 10)) == []


@pytest.mark.parametrize("factor", [2.0, 3.0, 0.3])
def test_a_national_holiday_is_neither_surge_nor_collapse(factor: float) -> None:
    first = (date(2025, 8, 10) - EPOCH).days
    week = range((date(2025, 10, 1) - EPOCH).days - first, (date(2025, 10, 8) - EPOCH).days - first + 1)
    shop = Shop(rate=30.0, first=first, factor=lambda d: factor if d in week else 1.0)
    assert volume_alerts(*shop.events(week[-1] + 10)) == []


def test_a_surge_counts_what_was_reversed_out() -> None:
    """Sales that are undone as they come never add up to a surge."""
    shop = Shop(rate=20.0)
    events = shop.events(ON)
    midnight = (shop.first + ON) * DAY_MS - 8 * HOUR_MS
    for k in range(150):
        at = midnight + 9 * HOUR_MS + k * 200_000
        events.append(shop.sale(f"u{k}", at, 12_000))
        events.append(shop.sale(f"v{k}", at + 60_000, 12_000, txn_type="void", original_txn_id=f"u{k}"))
    assert volume_alerts(*events, only="volume_surge") == []


def test_a_merchant_of_a_few_days_is_not_judged() -> None:
    shop = Shop(factor=lambda d: 6.0 if d == 5 else 1.0)
    assert volume_alerts(*shop.events(7), only="volume_surge") == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("day_decades", 0.5), ("ratio", float("nan")), ("base", 1.1), ("quiet_gap_s", 0), ("max_age_s", 5)],
)
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        VolumeSurge(**{setting: value})  # type: ignore[arg-type]

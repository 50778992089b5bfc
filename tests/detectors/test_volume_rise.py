"""Rises of a day, an hour, some days or weeks, and returns from closures: from raw transactions to the alert."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from detectors.contract import Story
from detectors.volume_rise import VolumeRise
from domain.timestamps import DAY_MS, HOUR_MS
from tests.detectors.shops import EPOCH, FIRST, Shop, master, volume_alerts

if TYPE_CHECKING:
    from domain.alerts import Alert

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
ON = 45
"""The day something begins."""
SLEEP, WAKE = 40, 140
"""The days between which nothing is sold."""
THREE_DAYS, LASTING = 2, 3
"""Of `rise_form`."""


def rises(shop: Shop, days: int) -> list[Alert]:
    return volume_alerts(*shop.events(days), only="volume_rise")


def shown(alert: Alert, feature: str) -> float:
    return float(next(each.value for each in alert.evidence if each.feature == feature) or 0)


# -- a day and an hour


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("way", ["count", "ticket", "both"])
def test_a_day_far_above_the_usual_is_found_the_same_day(seed: int, way: str) -> None:
    """Four times the number, nine times the ticket, or eight times by both, at 20 sales a day."""
    count, ticket = {"count": (4.0, 1.0), "ticket": (1.0, 9.0), "both": (8.0**0.5, 8.0**0.5)}[way]
    shop = Shop(
        seed=seed, factor=lambda d: count if d == ON else 1.0, ticket_factor=lambda d: ticket if d == ON else 1.0
    )
    (alert,) = rises(shop, ON + 2)
    assert shop.day_of(alert) == ON
    assert alert.risk_code == "12"


@pytest.mark.parametrize("seed", range(4))
def test_four_times_eighty_sales_are_found_the_same_day_by_a_sale(seed: int) -> None:
    shop = Shop(rate=80.0, seed=seed, factor=lambda d: 4.0 if d == ON else 1.0)
    (alert,) = rises(shop, ON + 2)
    assert (shop.day_of(alert), bool(alert.txn_ids)) == (ON, True)
    assert shown(alert, "day_surprise") >= 4


def test_the_reason_has_the_merchant_s_numbers_in_both_languages() -> None:
    shop = Shop(sigma=0.3, factor=lambda d: 8.0 if d == ON else 1.0)
    (alert,) = rises(shop, ON + 2)
    assert "× the usual), ¥" in alert.reason.en
    assert "倍）、¥" in alert.reason.zh
    sales = next(each for each in alert.evidence if each.feature == "sales_1d")
    assert float(sales.value or 0) > 5 * float(sales.baseline or 0)
    assert alert.at_stake > 0


@pytest.mark.parametrize(("currency", "told"), [("JPY", "209,100 JPY"), ("CNY", "¥2,091")])
def test_a_merchant_s_money_is_told_with_the_digits_of_its_currency(currency: str, told: str) -> None:
    shop = Shop(rate=12.0, ticket=100, sigma=0.1, extra={ON: [(12.0 + k / 100, 2_000) for k in range(100)]})
    events = [each | {"currency": currency} if "amount" in each else each for each in shop.events(ON + 2)]
    (alert,) = volume_alerts(*events, only="volume_rise")
    assert alert.currency == currency
    minor = int(shown(alert, "sales_minor_1d"))
    assert (f"{minor:,} JPY" if currency == "JPY" else f"¥{minor / 100:,.0f}") in alert.reason.en
    values = dict.fromkeys(VolumeRise().columns, 0) | {"sales_minor_1d": 209_100}
    assert told in VolumeRise().sentence(VolumeRise().facts(values, Story(1)), currency).en


def test_severity_follows_the_money() -> None:
    severities = []
    for ticket in (1_000, 12_000, 1_000_000):
        (alert,) = rises(Shop(ticket=ticket, factor=lambda d: 8.0 if d == ON else 1.0), ON + 2)
        severities.append(alert.severity)
    assert severities == sorted(severities)
    assert severities[0] < 0.55
    assert severities[2] > 0.8


def test_an_hour_far_above_its_usual_is_found_within_the_hour() -> None:
    shop = Shop(rate=60.0, extra={ON: [(15 + k / 120, 12_000) for k in range(60)]})
    (alert,) = rises(shop, ON + 1)
    assert alert.first_time[11:13] == "07"  # 15 o'clock in Shanghai
    assert "One hour of" in alert.reason.en


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_a_few_great_tickets_are_no_rise(seed: int) -> None:
    """A wedding: four deposits of fifty usual tickets."""
    shop = Shop(rate=10.0, seed=seed, extra={ON: [(11.0 + k, 600_000) for k in range(4)]})
    assert volume_alerts(*shop.events(ON + 3)) == []


@pytest.mark.parametrize("seed", range(6))
def test_seven_sales_where_three_are_usual_are_no_rise(seed: int) -> None:
    shop = Shop(rate=3.0, seed=seed, extra={ON: [(10.0 + k, 12_000) for k in range(4)]})
    assert rises(shop, ON + 2) == []


@pytest.mark.parametrize("factor", [2.0, 3.0, 0.3])
def test_a_national_holiday_is_neither_rise_nor_collapse(factor: float) -> None:
    first = (date(2025, 8, 10) - EPOCH).days
    week = range((date(2025, 10, 1) - EPOCH).days - first, (date(2025, 10, 8) - EPOCH).days - first + 1)
    shop = Shop(rate=30.0, first=first, factor=lambda d: factor if d in week else 1.0)
    assert volume_alerts(*shop.events(week[-1] + 10)) == []


def test_sales_that_are_undone_as_they_come_never_add_up_to_a_rise() -> None:
    shop = Shop(rate=20.0)
    events = shop.events(ON)
    midnight = (shop.first + ON) * DAY_MS - 8 * HOUR_MS
    for k in range(150):
        at = midnight + 9 * HOUR_MS + k * 200_000
        events.append(shop.sale(f"u{k}", at, 12_000))
        events.append(shop.sale(f"v{k}", at + 60_000, 12_000, txn_type="void", original_txn_id=f"u{k}"))
    assert volume_alerts(*events, only="volume_rise") == []


def test_a_merchant_of_a_few_days_is_not_judged() -> None:
    assert rises(Shop(factor=lambda d: 6.0 if d == 5 else 1.0), 7) == []


# -- some days, a week or two


@pytest.mark.parametrize("seed", range(4))
def test_two_and_a_half_times_the_usual_on_three_days_is_found_by_the_third(seed: int) -> None:
    shop = Shop(rate=80.0, seed=seed, factor=lambda d: 2.5 if ON <= d < ON + 3 else 1.0)
    assert ON <= shop.day_of(rises(shop, ON + 5)[0]) < ON + 3


@pytest.mark.parametrize("seed", range(6))
def test_a_lasting_level_of_eight_fifths_at_eighty_sales_is_found_within_two_weeks(seed: int) -> None:
    shop = Shop(rate=80.0, seed=seed, factor=lambda d: 1.6 if d >= ON else 1.0)
    assert ON <= shop.day_of(rises(shop, ON + 15)[0]) < ON + 14


@pytest.mark.parametrize("seed", range(4))
def test_twice_the_usual_level_is_found_within_a_week(seed: int) -> None:
    shop = Shop(rate=30.0, seed=seed, factor=lambda d: 2.0 if d >= ON else 1.0)
    assert ON <= shop.day_of(rises(shop, ON + 15)[0]) < ON + 7


@pytest.mark.parametrize("seed", range(3))
def test_three_times_the_usual_ticket_is_found_within_a_week(seed: int) -> None:
    shop = Shop(rate=30.0, seed=seed, ticket_factor=lambda d: 3.0 if d >= ON else 1.0)
    assert ON <= shop.day_of(rises(shop, ON + 15)[0]) < ON + 8


@pytest.mark.parametrize("seed", range(3))
def test_a_ramp_of_a_tenth_a_day_is_found_before_it_is_tripled(seed: int) -> None:
    shop = Shop(rate=30.0, seed=seed, factor=lambda d: min(1.1 ** max(0, d - ON), 8.0))
    assert ON <= shop.day_of(rises(shop, ON + 25)[0]) <= ON + 12


def test_the_end_of_a_day_tells_the_days_together_and_the_level_before() -> None:
    ramp = Shop(rate=30.0, factor=lambda d: min(1.06 ** max(0, d - ON), 4.0))
    told = [each for each in rises(ramp, ON + 25) if not each.txn_ids]
    assert told
    assert all(shown(each, "rise_form") in {THREE_DAYS, LASTING} for each in told)
    assert {each.feature for each in told[0].evidence} >= {"week_minor_1d", "rise_score", "closed_sales"}


@pytest.mark.parametrize("seed", range(3))
def test_growth_of_half_as_much_again_in_a_year_is_no_rise(seed: int) -> None:
    shop = Shop(rate=40.0, seed=seed, factor=lambda d: 1.5 ** (d / 365))
    assert volume_alerts(*shop.events(115)) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_ramp_of_a_new_store_is_no_rise(seed: int) -> None:
    shop = Shop(rate=40.0, seed=seed, factor=lambda d: min(1.0, 0.15 + 0.85 * d / 35))
    opened_ms = shop.first * DAY_MS - 8 * HOUR_MS - 5 * DAY_MS
    assert volume_alerts(master("m1", opened_ms, opened_ms), *shop.events(80)) == []


def test_a_level_that_lasts_becomes_the_usual_one() -> None:
    shop = Shop(rate=30.0, factor=lambda d: 2.5 if d >= ON else 1.0)
    found = rises(shop, ON + 60)
    assert found[0].closed
    assert all(shop.day_of(each) < ON + 30 for each in found)


# -- habits of a week, a month and a day


def weekday(day: int) -> int:
    """0 for Monday, of a day of the run."""
    return (FIRST + day + 3) % 7


def date_of(day: int) -> date:
    return date.fromordinal(FIRST + day + EPOCH.toordinal())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("market", "sales"), [(5, 60.0), (1, 400.0)], ids=["60 on Saturdays", "400 on Tuesdays"])
def test_a_market_on_one_day_of_the_week_has_no_alert(market: int, sales: float, seed: int) -> None:
    shop = Shop(rate=sales, seed=seed, factor=lambda d: 1.0 if weekday(d) == market else 0.0)
    assert volume_alerts(*shop.events(47 * 7)) == []


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_a_bar_that_lives_of_fridays_and_saturdays_has_no_rise_after_its_first_six_weeks(seed: int) -> None:
    shop = Shop(rate=5.0, seed=seed, factor=lambda d: 24.0 if weekday(d) in {4, 5} else 1.0)
    assert [each for each in rises(shop, 47 * 7) if shop.day_of(each) >= 42] == []


MONTHLY = {"last": lambda day: date_of(day + 1).day == 1, "25th": lambda day: date_of(day).day == 25,
           "10th": lambda day: date_of(day).day == 10}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("place", MONTHLY)
def test_two_hundred_sales_on_one_day_of_the_month_are_no_rise_from_the_third_month_on(place: str, seed: int) -> None:
    shop = Shop(rate=8.0, seed=seed, factor=lambda d: 25.0 if MONTHLY[place](d) else 1.0)
    assert [each for each in rises(shop, 117) if date_of(shop.day_of(each)) >= date(2025, 8, 1)] == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("place", MONTHLY)
def test_the_high_day_of_a_month_is_no_surprise_as_a_day_from_the_third_month_on(place: str, seed: int) -> None:
    shop = Shop(rate=8.0, seed=seed, factor=lambda d: 25.0 if MONTHLY[place](d) else 1.0)
    later = [
        each for each in rises(shop, 117)
        if each.txn_ids and date_of(day := shop.day_of(each)) >= date(2025, 8, 1) and MONTHLY[place](day)
    ]  # fmt: skip
    assert all(shown(each, "day_surprise") < VolumeRise().decades for each in later)


@pytest.mark.parametrize("hours", [-8, -3, -2, 2, 3])
@pytest.mark.parametrize("rate", [20.0, 80.0])
def test_opening_hours_that_move_have_no_alert(rate: float, hours: int) -> None:
    """From 9 to 21 o'clock to as late as midnight, or as early as 1 to 13."""
    shop = Shop(rate=rate)
    moves_ms = (shop.first + ON) * DAY_MS - 8 * HOUR_MS
    events = [
        each | ({"event_time": each["event_time"] + hours * HOUR_MS} if "txn_id" in each else {})
        if each["event_time"] >= moves_ms else each
        for each in shop.events(ON + 25)
    ]  # fmt: skip
    assert volume_alerts(*events) == []


# -- returns


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("low", [0.0, 0.3])
def test_coming_back_to_the_old_level_after_three_weeks_is_no_rise(low: float, seed: int) -> None:
    shop = Shop(rate=80.0, seed=seed, factor=lambda d: low if ON <= d < ON + 21 else 1.0)
    assert rises(shop, ON + 50) == []


def sleeper(awake: float, rate: float = 3.0, wake: int = WAKE) -> Shop:
    return Shop(rate=rate, factor=lambda d: 1.0 if d < SLEEP else 0.0 if d < wake else awake)


def test_much_at_once_after_a_hundred_days_is_found_the_same_day() -> None:
    shop = sleeper(10.0)
    (alert,) = rises(shop, WAKE + 1)
    assert shop.day_of(alert) == WAKE
    assert alert.risk_code == "12"
    assert "after 100 days" in alert.reason.en
    assert "100天无交易后" in alert.reason.zh
    assert alert.severity > 0.5


def test_three_times_the_usual_after_three_weeks_is_found_the_same_day() -> None:
    shop = sleeper(3.0, rate=20.0, wake=SLEEP + 21)
    assert shop.day_of(rises(shop, SLEEP + 22)[0]) == SLEEP + 21


def test_after_more_than_four_hundred_days_only_a_large_sum_counts() -> None:
    """The row is forgotten then, but not that there were sales."""
    for awake, found in ((1.0, 0), (60.0, 1)):
        shop = sleeper(awake, wake=SLEEP + 420)
        events = [*shop.events(SLEEP), *shop.events(SLEEP + 421, SLEEP + 420)]
        alerts = volume_alerts(*events, only="volume_rise")
        assert len(alerts) == found
        assert all("400 days or more" in each.reason.en for each in alerts)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("decades", 0.5), ("hour_decades", 0), ("ratio", float("nan")), ("week_ratio", 0.9), ("unknown_d", 0),
     ("unknown_minor", -1), ("base", 1.1), ("per_rarity", -1), ("per_decade", 2), ("quiet_gap_s", 0),
     ("max_age_s", 5)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        VolumeRise(**{setting: value})  # type: ignore[arg-type]

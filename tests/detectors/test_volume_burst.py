"""Bursts of new merchants, from raw transactions to the alert."""

from __future__ import annotations

import pytest

from detectors.volume_burst import VolumeBurst
from domain.timestamps import DAY_MS, HOUR_MS
from tests.detectors.shops import FIRST, Shop, master, volume_alerts

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
OPENS_MS = FIRST * DAY_MS - 8 * HOUR_MS
YEAR_MS = 365 * DAY_MS


@pytest.mark.parametrize(
    ("effective_ms", "received_ms"),
    [(OPENS_MS - DAY_MS, OPENS_MS - DAY_MS), (OPENS_MS - YEAR_MS, OPENS_MS - 10 * DAY_MS)],
    ids=["signed lately", "known for days without a sale"],
)
def test_two_hundred_thousand_in_the_first_week_are_found_on_the_first_day(effective_ms: int, received_ms: int) -> None:
    shop = Shop(rate=60.0, ticket=35_000, factor=lambda d: 1.0 if d < 7 else 0.0)
    alert = volume_alerts(master("m1", effective_ms, received_ms), *shop.events(8), only="volume_burst")[0]
    assert shop.day_of(alert) == 0
    assert alert.risk_code == "13"
    assert alert.severity > 0.55
    assert alert.reason.en.startswith("New merchant, day ")
    assert "首笔交易起第" in alert.reason.zh
    assert (alert.loss, alert.bearer) == (None, None)
    assert alert.turnover is not None  # nothing is usual yet: the whole of the sales reported
    assert alert.turnover > alert.hits * 20_000


def test_a_merchant_that_is_new_to_us_only_is_not_judged() -> None:
    shop = Shop(rate=60.0, ticket=35_000)
    long_ago = master("m1", OPENS_MS - YEAR_MS, OPENS_MS - HOUR_MS)
    assert volume_alerts(long_ago, *shop.events(8), only="volume_burst") == []
    assert volume_alerts(*shop.events(8), only="volume_burst") == []


def test_a_new_shop_that_multiplies_its_own_days_is_found() -> None:
    shop = Shop(rate=10.0, ticket=4_000, factor=lambda d: 12.0 if d == 20 else 1.0)
    alert = volume_alerts(master("m1", OPENS_MS, OPENS_MS), *shop.events(21), only="volume_burst")[0]
    assert shop.day_of(alert) == 20


@pytest.mark.parametrize("seed", range(6))
def test_the_ramp_of_a_new_store_is_no_burst(seed: int) -> None:
    shop = Shop(rate=40.0, ticket=8_000, seed=seed, factor=lambda d: min(1.0, 0.15 + 0.85 * d / 28))
    assert volume_alerts(master("m1", OPENS_MS, OPENS_MS), *shop.events(60)) == []


def test_one_great_ticket_of_a_new_jeweller_is_no_burst() -> None:
    shop = Shop(rate=6.0, ticket=15_000, extra={3: [(15.0, 5_000_000)]})
    assert volume_alerts(master("m1", OPENS_MS, OPENS_MS), *shop.events(10)) == []


@pytest.mark.parametrize(("setting", "value"), [("peer_z", -1), ("ratio", 0), ("least_minor", -1), ("base", 2)])
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        VolumeBurst(**{setting: value})  # type: ignore[arg-type]

"""Thresholds and severities of money are of the home currency, converted by the rates in force at the row's clock."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from detectors.calibration import RAW
from detectors.contract import home_minor, own_minor, own_threshold
from detectors.registry import make_detectors
from domain.currencies import DIGITS
from domain.timestamps import DAY_MS
from engine.control_kinds.registry import KINDS
from engine.decoding.columns import pack
from engine.decoding.records import Records
from engine.features.exchange import scale_home
from engine.monitor import Monitor, MonitorConfig
from tests.detectors.shops import FIRST, Shop, master

if TYPE_CHECKING:
    from domain.alerts import Alert

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
BURST = 10
JPY = {"rates": {"JPY": {"ppm": 50_000}}}
"""A JPY is 0.05 CNY: 5 minor units."""


def scales(*pairs: tuple[int, int]) -> dict[str, Any]:
    up, down = zip(*pairs, strict=True)
    return {"home_up": np.array(up), "home_down": np.array(down)}


@pytest.mark.parametrize("minor", [10, 100_000, 500_000.5])
def test_a_threshold_is_reached_by_exactly_what_converts_to_as_much(minor: float) -> None:
    pairs = [(1, 1), (5, 1), (589, 125), (3, 1000), (2**31 - 1, 7), (1, 2**31 - 1)]
    index = np.arange(len(pairs))
    least = np.asarray(own_minor(scales(*pairs), index, minor))
    for (up, down), each in zip(pairs, least.tolist(), strict=True):
        assert Fraction(each) * up / down >= Fraction(minor)
        assert Fraction(each - 1) * up / down < Fraction(minor)


def test_money_at_home_is_left_as_it_is() -> None:
    features, index, money = scales((1, 1), (1, 1)), np.arange(2), np.array([7, 9])
    assert home_minor(features, index, money) is money
    assert own_minor(features, index, 100_000.0) == 100_000.0
    assert own_threshold({}, 10) == own_threshold({"home_up": 1, "home_down": 1}, 10) == 10


def test_evidence_has_the_threshold_in_the_merchant_s_currency() -> None:
    assert own_threshold({"home_up": 5, "home_down": 1}, 100_000) == 20_000


@pytest.mark.parametrize(("of", "scale"), [("CNY", (1, 1)), ("JPY", (100, 1)), ("KWD", (1, 10)), ("THB", (1, 1))])
def test_without_a_rate_a_whole_unit_counts_as_one_at_home(of: str, scale: tuple[int, int]) -> None:
    reference = {
        "exchanges": 1, "exchange_currency": np.array([pack("CNY")]), "exchange_up": [1], "exchange_down": [1],
    }  # fmt: skip
    assert scale_home(pack(of), reference) == scale
    assert scale_home(0, reference) == (1, 1)


def bursts(currency: str, ticket: int, rates: dict[str, Any] | None = None) -> list[Alert]:
    """Alerts of a new shop that sells for ten days, then many times as much on one."""
    shop = Shop(rate=10.0, ticket=ticket, sigma=0.2, factor=lambda d: 40.0 if d == BURST else 1.0)
    since = FIRST * DAY_MS - 9 * 3_600_000
    events = [master("m1", since, since), *shop.events(BURST + 1)]
    events = [each | {"currency": currency} if "amount" in each else each for each in events]
    controls = {"rates": KINDS["rates"].decode(msgspec.json.encode(rates or {}))}
    detectors = [each for each in make_detectors() if each.name == "volume_burst"]
    monitor = Monitor(MonitorConfig(capacity=10, controls=controls), detectors=detectors, historic=True, curves=RAW)
    last = {
        alert.alert_id: alert
        for alert in monitor.process(Records.of([json.dumps(each).encode() for each in events])).alerts
    }
    return list(last.values())


def test_a_merchant_is_judged_by_the_threshold_converted_with_the_rates() -> None:
    """A day of 400 sales of 10.00 CNY is below 5,000.00; of 20.00 it is above."""
    assert DIGITS["JPY"] == 0
    assert bursts("CNY", 1_000) == []
    (alert,) = bursts("CNY", 2_000)
    assert bursts("JPY", 200, JPY) == []
    (mine,) = bursts("JPY", 400, JPY)
    assert mine.severity == pytest.approx(alert.severity, abs=0.005)


def test_without_a_rate_the_threshold_goes_by_whole_units() -> None:
    assert bursts("JPY", 10) == []
    (alert,) = bursts("JPY", 20)
    (at_home,) = bursts("CNY", 2_000)
    assert alert.severity == pytest.approx(at_home.severity, abs=0.005)
    assert (alert.currency, " JPY" in alert.reason.en, "¥" in alert.reason.en) == ("JPY", True, False)

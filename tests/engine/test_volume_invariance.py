"""Invariant 1 for the volume detectors: alerts depend on each merchant's own records and the clock records alone."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from detectors.registry import make_detectors
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.detectors.shops import Shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.alerts import Alert

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
Event = dict[str, Any]


def shops(seed: int) -> list[Event]:
    """Four shops: one rises for a day and falls silent, one doubles, one returns with more, one falls to a tenth."""
    plans = (
        Shop(merchant="a", seed=seed, factor=lambda d: 8.0 if d == 30 else 0.0 if d >= 45 else 1.0),
        Shop(merchant="b", seed=seed, factor=lambda d: 2.5 if d >= 40 else 1.0),
        Shop(merchant="c", seed=seed, rate=6.0, factor=lambda d: 0.0 if 25 <= d < 58 else 12.0 if d == 58 else 1.0),
        Shop(merchant="d", seed=seed, factor=lambda d: 0.1 if d >= 46 else 1.0),
    )
    events = {each.merchant: each.events(64) for each in plans}
    merged = sorted((event for part in events.values() for event in part), key=lambda each: each["event_time"])
    return [each for k, each in enumerate(merged) if each.get("type") != "clock" or merged[k - 1] != each]


def monitor_of() -> Monitor:
    detectors = [each for each in make_detectors() if each.risk_group == "volume"]
    return Monitor(MonitorConfig(capacity=100), detectors=detectors, historic=True)


def final(batches: Iterable[Sequence[Event]], held: dict[str, Alert] | None = None) -> dict[str, Alert]:
    monitor, alerts = monitor_of(), dict(held or {})
    for batch in batches:
        for alert in monitor.process(Records.of([json.dumps(each).encode() for each in batch])).alerts:
            if alert.alert_id not in alerts or alert.revision >= alerts[alert.alert_id].revision:
                alerts[alert.alert_id] = alert
    return alerts


def cut(events: Sequence[Event], rng: random.Random, most: int) -> Iterable[Sequence[Event]]:
    first = 0
    while first < len(events):
        last = first + rng.randint(1, most)
        yield events[first:last]
        first = last


@pytest.mark.parametrize("seed", range(3))
def test_invariant_1_wherever_batches_are_cut(seed: int) -> None:
    events, rng = shops(seed), random.Random(seed)
    whole = final([events])
    assert {each.detector for each in whole.values()} >= {"volume_rise", "volume_collapse", "volume_decline"}
    for most in (2, 40, 900):
        assert final(cut(events, rng, most)) == whole


def test_invariant_1_a_restart_from_the_start_says_the_same_again() -> None:
    events, rng = shops(7), random.Random(7)
    whole = final([events])
    before = final(cut(events[:2500], rng, 60))
    assert final(cut(events, rng, 60), before) == whole


def test_invariant_1_a_merchant_alone_has_the_alerts_it_has_among_others() -> None:
    events = shops(5)
    whole = final([events])
    for name in "abcd":
        alone = final([[each for each in events if each.get("merchant_id", name) == name]])
        assert alone == {key: alert for key, alert in whole.items() if alert.merchant_id == name}

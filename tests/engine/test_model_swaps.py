"""Fifty versions of the anomaly model come into force while merchants trade: each day has one, and no day has two."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from detectors.anomaly import Anomaly
from engine.controls import read
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.controls_made import control, known
from tests.detectors.made import DAY, HOUR, MIDNIGHT
from tests.models_made import made_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.alerts import Alert
    from engine.controls import Known

SHOPS, DAYS, FIRST_SWAP, SWAPS = 6, 90, 32, 50
ODD_FROM = 40
Columns = tuple[float | None, ...]
"""What the model in force says of a merchant-day."""


def records_of_day(day: int) -> list[bytes]:
    """Sales of all shops, two of which refund most of them from one day on, and the clock after the day's end."""
    rng = random.Random(day)
    made: list[dict[str, Any]] = []
    for shop in range(SHOPS):
        for n in range(rng.randint(6, 10)):
            at_ms = MIDNIGHT + day * DAY + 10 * HOUR + n * 40 * 60_000
            event = {
                "txn_id": f"{shop}-{day}-{n}", "merchant_id": f"s{shop}", "terminal_id": f"t{shop}", "feed": "f",
                "event_time": at_ms, "amount": round(9_000 * rng.lognormvariate(0, 0.4)), "currency": "CNY",
                "mcc": "5812", "entry_mode": "05", "card_token": f"c{rng.randrange(10**6)}",
            }  # fmt: skip
            made.append(event)
            if shop < 2 and day >= ODD_FROM and n % 2:
                made.append({**event, "txn_id": f"{event['txn_id']}r", "txn_type": "refund"})
    made.sort(key=lambda each: int(each["event_time"]))
    made.append({"type": "clock", "feed": "f", "event_time": MIDNIGHT + (day + 1) * DAY + 5 * HOUR})
    return [msgspec.json.encode(each) for each in made]


def swaps() -> Iterator[tuple[int, Known]]:
    """The day at whose noon each version comes into force, and it: two models by turns."""
    for k in range(SWAPS):
        day = FIRST_SWAP + k
        yield day, known("model", k + 1, MIDNIGHT + day * DAY + 12 * HOUR, made_model(1 + k % 2).encoded())


def run(published: dict[int, Known], first: Known) -> tuple[dict[tuple[str, str], Columns], list[Alert]]:
    """What the model says of each merchant-day, and every revision of an alert; versions are learned a day ahead."""
    monitor = Monitor(MonitorConfig(capacity=100), detectors=[Anomaly(alerts_per_1000=20)], historic=True)
    known_by_now = [first]
    assert monitor.learn(known_by_now) == []
    told: dict[tuple[str, str], Columns] = {}
    alerts: list[Alert] = []
    for day in range(DAYS):
        if day + 1 in published:
            known_by_now.append(published[day + 1])
            assert monitor.learn(known_by_now) == []
            with pytest.raises(ValueError, match="model"):
                read(msgspec.json.encode(control("model", 99, 0, b'"damaged"')))
        outputs = monitor.process(Records.of(records_of_day(day)))
        alerts += outputs.alerts
        for days in outputs.days:
            for k, key in enumerate(zip(days.merchant_id, days.day, strict=True)):
                assert key not in told, "a day is published once"
                told[key] = tuple(values[k] for name, values in days.columns.items() if name.startswith("model_"))
    assert monitor.counts.controls_late == 0
    return told, alerts


@pytest.mark.slow
def test_each_day_is_scored_by_the_version_in_force_at_its_end_and_each_alert_names_it() -> None:
    alone = [run({}, known("model", 1, 0, made_model(seed).encoded()))[0] for seed in (1, 2)]
    swapped, alerts = run(dict(swaps()), known("model", 0, 0, made_model(2).encoded()))
    assert alone[0].keys() == alone[1].keys() == swapped.keys()
    assert len(swapped) == SHOPS * DAYS
    versions = {(date(2025, 1, 1) + timedelta(day)).isoformat(): k for k, (day, _) in enumerate(swaps(), 1)}
    compared = 0
    for (shop, day), columns in swapped.items():
        version = max((k for at, k in versions.items() if at <= day), default=0)
        assert columns == alone[(version + 1) % 2][shop, day], (shop, day, version)
        compared += alone[0][shop, day] != alone[1][shop, day]
    assert compared > SHOPS * SWAPS // 2, "the two models say different things of most days"
    first = [each for each in alerts if each.hits == 1]
    assert first
    for alert in first:
        hit_ms = datetime.fromisoformat(alert.first_time).timestamp() * 1000
        assert alert.controls.get("model", 0) == sum(MIDNIGHT + at * DAY + 12 * HOUR <= hit_ms for at, _ in swaps())

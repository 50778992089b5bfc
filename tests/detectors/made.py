"""Hand-made streams of one merchant, and what a monitor says of them."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from detectors.calibration import RAW
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.contract import Detector
    from domain.alerts import Alert
    from domain.profiles import Profiles
    from models.trade.model import TradeModel

Event = dict[str, Any]
MIDNIGHT = 1_735_660_800_000
"""2025-01-01T00:00:00+08:00, a Wednesday."""
HOUR, DAY = 3_600_000, 86_400_000


def master(*mccs: str, effective_ms: int = MIDNIGHT - 100 * DAY, **changed: Any) -> Event:
    return {"type": "merchant", "merchant_id": "m1", "effective_from": effective_ms, "mccs": list(mccs)} | changed


def closed(day: int) -> Event:
    """The feed's clock once a day is closed."""
    return {"type": "clock", "feed": "f", "event_time": MIDNIGHT + (day + 1) * DAY + 4 * HOUR}


class Till:
    """Makes a merchant's sales, day by day, in the order of their times."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.made = 0

    def day(self, day: int, sales: Iterable[Event], open_h: int = 9, close_h: int = 21) -> list[Event]:
        """`sales`, each with what it adds to a usual one, at random times of a day."""
        given = list(sales)
        times = sorted(self.rng.randrange(open_h * HOUR, close_h * HOUR) for _ in given)
        self.rng.shuffle(given)
        made = []
        for at_ms, each in zip(times, given, strict=True):
            self.made += 1
            made.append({
                "txn_id": f"t{self.made}", "merchant_id": "m1", "amount": 100_000, "currency": "CNY",
                "event_time": MIDNIGHT + day * DAY + at_ms, "scheme": "unionpay", "card_kind": "credit", "mcc": "5812",
                "terminal_id": "1", "acceptor_id": "898100058120001",
            } | each)  # fmt: skip
        return made


def alerts_of(
    events: Iterable[Event], detector: Detector, profiles: Profiles | None = None, trade: TradeModel | None = None
) -> list[Alert]:
    """The last revisions of a detector's alerts, in their order."""
    controls = {"profiles": profiles, "trade": trade}
    monitor = Monitor(MonitorConfig(capacity=10, controls=controls), detectors=[detector], historic=True, curves=RAW)
    last: dict[str, Alert] = {}
    for alert in monitor.process(Records.of([json.dumps(each).encode() for each in events])).alerts:
        last[alert.alert_id] = alert
    return list(last.values())


def only(alerts: list[Alert]) -> Alert:
    assert len(alerts) == 1
    return alerts[0]

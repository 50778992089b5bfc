"""Shops that sell day by day, for the tests of volume."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from detectors.calibration import RAW
from detectors.registry import make_detectors
from domain.timestamps import DAY_MS, HOUR_MS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.alerts import Alert

EPOCH = date(1970, 1, 1)
FIRST = (date(2025, 6, 1) - EPOCH).days
"""No public holiday in China from here to the end of September; before it, Dragon Boat Festival."""
OPEN_H = (9, 21)


@dataclass
class Shop:
    """A shop: so many sales a day at such tickets, from the start of local day `first` on.

    Args:
        rate: sales a day.
        ticket: median, minor units.
        sigma: deviation of a ticket's logarithm.
        factor: of the number of sales, by day of the run.
        ticket_factor: of the ticket, by day of the run.
        first: the run's first local day.
    """

    rate: float = 20.0
    ticket: int = 12_000
    sigma: float = 0.8
    factor: Callable[[int], float] = field(default=lambda day: 1.0)
    ticket_factor: Callable[[int], float] = field(default=lambda day: 1.0)
    seed: int = 1
    first: int = FIRST
    merchant: str = "m1"
    extra: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    """By day of the run, further sales: local hour and amount."""

    def events(self, days: int, begin: int = 0) -> list[dict[str, Any]]:
        """The sales of days `begin` to `days` of the run, in order, and clock records to end each day."""
        out = []
        for day in range(begin, days):
            rng = random.Random(f"{self.seed}|{day}")
            midnight = (self.first + day) * DAY_MS - 8 * HOUR_MS
            sales = []
            for _ in range(_poisson(rng, self.rate * self.factor(day))):
                minor = self.ticket * self.ticket_factor(day) * math.exp(rng.gauss(0.0, self.sigma))
                sales.append((rng.uniform(*OPEN_H), max(1, round(minor))))
            sales += self.extra.get(day, [])
            for k, (hour, minor) in enumerate(sorted(sales)):
                out.append(self.sale(f"{self.merchant}-{day}-{k}", midnight + int(hour * HOUR_MS), minor))
            out.append({"type": "clock", "feed": "f", "event_time": midnight + DAY_MS + 4 * HOUR_MS})
        return out

    def sale(self, txn_id: str, at_ms: int, minor: int, **changed: Any) -> dict[str, Any]:
        """One approved sale."""
        return {
            "txn_id": txn_id, "merchant_id": self.merchant, "amount": minor, "currency": "CNY", "event_time": at_ms,
            "feed": "f", **changed,
        }  # fmt: skip

    def day_of(self, alert: Alert, time: str | None = None) -> int:
        """The day of the run in which an alert first hit, or at `time`; of the end of a day, that day."""
        time = time or alert.first_time
        at = date.fromisoformat(time[:10])
        hour = int(time[11:13])
        local = (at - EPOCH).days + (hour + 8) // 24
        return local - self.first - (0 if alert.txn_ids else 1)


def _poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number; normal above 50."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    n, product, least = 0, rng.random(), math.exp(-mean)
    while product > least:
        n += 1
        product *= rng.random()
    return n


def master(merchant: str, effective_ms: int, received_ms: int, **changed: Any) -> dict[str, Any]:
    """Master data, in force and received when it is said."""
    return {
        "type": "merchant", "merchant_id": merchant, "effective_from": effective_ms, "received_at": received_ms,
        "mccs": ["5812"], "feed": "f", **changed,
    }  # fmt: skip


def volume_alerts(*events: dict[str, Any], only: str = "") -> list[Alert]:
    """The last revision of every volume alert on these events, in order of their first hit."""
    detectors = [each for each in make_detectors() if each.name.startswith("volume_")]
    monitor = Monitor(MonitorConfig(capacity=100), detectors=detectors, historic=True, curves=RAW)
    last: dict[str, Alert] = {}
    for first in range(0, len(events), 4_000):
        part = [json.dumps(each).encode() for each in events[first : first + 4_000]]
        for alert in monitor.process(Records.of(part)).alerts:
            last[alert.alert_id] = alert
    found = [each for each in last.values() if only in {"", each.detector}]
    return sorted(found, key=lambda each: (each.first_time, each.detector))

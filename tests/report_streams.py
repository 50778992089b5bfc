"""Streams with reports on earlier payments, as tests of the engine and of detectors need them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from engine.control_kinds.registry import KINDS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

Event = dict[str, Any]
DAY = 86_400_000
T0 = 1_788_364_800_000
"""3 September 2026, 00:00 in Shanghai, a Thursday, with which weeks of features begin."""
HOUR = 3_600_000


def sale(txn_id: str, at_ms: int, **more: Any) -> Event:
    return {"txn_id": txn_id, "merchant_id": "m", "amount": 10_000, "currency": "CNY", "event_time": at_ms, **more}


def report(of: Event, after_d: float = 7, kind: str = "fraud_report", **more: Any) -> Event:
    """A report on a sale, so many days after it."""
    at_ms = of["event_time"] + round(after_d * DAY)
    return {
        "type": kind, "merchant_id": of["merchant_id"], "event_time": at_ms, "txn_id": of["txn_id"],
        "amount": of["amount"], "currency": of["currency"], "report_id": f"{kind}-{of['txn_id']}",
        "original_time": of["event_time"], **{k: of[k] for k in ("terminal_id", "scheme", "entry_mode") if k in of},
        **more,
    }  # fmt: skip


def clock(at_ms: int, feed: str = "f") -> Event:
    return {"type": "clock", "feed": feed, "event_time": at_ms}


def when(event: Event) -> int:
    at_ms: int = event["event_time"]
    return at_ms


def records_of(events: Sequence[Event]) -> Records:
    return Records.of([json.dumps(each).encode() for each in events], appended_ms=max(map(when, events)))


DOLLAR = KINDS["rates"].decode(b'{"rates": {"USD": {"ppm": 7000000}}}')


def rows_of(events: Sequence[Event], *names: str, kind: int | None = None) -> list[dict[str, Any]]:
    """The named columns of the rows that events give, None where null, of one kind alone where it is given.

    Seven yuan are a dollar.
    """
    monitor = Monitor(MonitorConfig(capacity=10, controls={"rates": DOLLAR}), detectors=[])
    found = []
    for rows in monitor._pipeline.rows(records_of(events)):
        assert rows.dead_letters() == []
        found += [
            rows.values(names, j) for j in range(len(rows)) if kind is None or rows.columns["row_kind"][j] == kind
        ]
    return found

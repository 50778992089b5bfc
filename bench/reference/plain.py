"""The reference job's work in plain Python: what the Python contenders call, and the oracle that all are held against.

[job.md](job.md) defines it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW_MS, GRACE_MS = 300_000, 60_000
LEAST_WINDOWS, SIGMAS = 8, 4.0

State = dict[str, Any]
"""One merchant's; every value is a JSON value."""
Event = dict[str, Any]
Alert = dict[str, str]


def new_state() -> State:
    """Of a merchant that nothing is known of."""
    return {"mcc": "", "rate_ppm": 0, "clock": 0, "open": [], "n": 0, "mean": 0.0, "m2": 0.0}


def judge(state: State, event: Event) -> list[Alert]:
    """Move a merchant's state past one of its records; the alerts it raises."""
    kind = event.get("type", "transaction")
    if kind == "transaction":
        return _transaction(state, event)
    if kind == "merchant":
        state["mcc"] = event["mccs"][0]
    elif kind == "contract":
        state["rate_ppm"] = event["prices"][0]["rate_ppm"]
    return []


def _transaction(state: State, event: Event) -> list[Alert]:
    merchant_id, txn_id = event["merchant_id"], event["txn_id"]
    amount, time_ms = event["amount"], event["event_time"]
    alerts = []
    if event["mcc"] != state["mcc"]:
        alerts.append({"kind": "mcc", "merchant_id": merchant_id, "at": txn_id})
    if abs(event["fee"] - (amount * state["rate_ppm"] + 500_000) // 1_000_000) > 1:
        alerts.append({"kind": "fee", "merchant_id": merchant_id, "at": txn_id})
    state["clock"] = max(state["clock"], time_ms)
    closed_to = state["clock"] - WINDOW_MS - GRACE_MS
    windows: list[list[int]] = state["open"]
    while windows and windows[0][0] <= closed_to:
        window, total = windows.pop(0)
        if _close(state, float(total)):
            alerts.append({"kind": "volume", "merchant_id": merchant_id, "at": str(window)})
    window = time_ms - time_ms % WINDOW_MS
    if window <= closed_to:
        alerts.append({"kind": "late", "merchant_id": merchant_id, "at": txn_id})
    else:
        _add(windows, window, amount)
    return alerts


def _add(windows: list[list[int]], window: int, amount: int) -> None:
    for each in windows:
        if each[0] == window:
            each[1] += amount
            return
    windows.append([window, amount])
    windows.sort()


def _close(state: State, total: float) -> bool:
    """Learn from a window's total; whether it was far above those before it."""
    n, mean, m2 = state["n"], state["mean"], state["m2"]
    high: bool = n >= LEAST_WINDOWS and m2 > 0 and total > mean + SIGMAS * math.sqrt(m2 / n)
    n += 1
    off = total - mean
    mean += off / n
    m2 += off * (total - mean)
    state["n"], state["mean"], state["m2"] = n, mean, m2
    return high


def expected(values: Iterable[bytes]) -> set[tuple[str, str, str]]:
    """The alerts that the records of a topic must raise, as (kind, merchant_id, at)."""
    states: defaultdict[str, State] = defaultdict(new_state)
    decode = msgspec.json.Decoder().decode
    found: set[tuple[str, str, str]] = set()
    for value in values:
        event = decode(value)
        for alert in judge(states[event.get("merchant_id", "")], event):
            found.add(of_alert(alert))
    return found


def of_alert(alert: Alert) -> tuple[str, str, str]:
    """An alert as the harness compares it."""
    return alert["kind"], alert["merchant_id"], alert["at"]

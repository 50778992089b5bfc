"""Streams of payments with fees, and what the monitor makes of them."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.calibration import RAW
from detectors.contract import Findings
from detectors.fee_fall import FeeFall
from detectors.fee_notice import FeeNotice
from detectors.fee_over import FeeOver
from detectors.fee_rise import FeeRise
from detectors.fee_under import FeeUnder
from domain.alerts import Evidence, Text
from domain.contracts import fee_minor
from engine.decoding.columns import MISSING
from engine.features.families.registry import columns
from engine.monitor import Monitor, MonitorConfig
from tests.strategies import records_of
from tests.told import Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from domain.alerts import Alert
    from engine.outputs import Outputs

Event = dict[str, Any]
Values = dict[str, int | float | None]
DAY, MINUTE = 86_400_000, 60_000
T0 = 1_735_660_800_000
"""2025-01-01T00:00:00+08:00."""


class Spy(Telling):
    """A detector that finds nothing and keeps every row of features."""

    name, version, title, risk_code, risk_group, bearer = "spy", 1, Text("spy", "spy"), "", "fee", ""
    needs: tuple[str, ...] = ("amount",)
    columns = tuple(each.name for each in columns())
    quiet_gap_s = max_age_s = 1

    def __init__(self) -> None:
        self.seen: list[Values] = []

    def detect(self, features: Mapping[str, Any]) -> Findings:
        for row in zip(*(features[name].tolist() for name in self.columns), strict=True):
            self.seen.append({
                name: None if value == MISSING or (isinstance(value, float) and math.isnan(value)) else value
                for name, value in zip(self.columns, row, strict=True)
            })  # fmt: skip
        return Findings(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))

    def evidence(self, values: Mapping[str, Any]) -> tuple[Evidence, ...]:
        return ()


def sale(k: int, at_ms: int, **changed: Any) -> Event:
    event = {
        "txn_id": f"t{k}", "merchant_id": "m1", "amount": 100_000, "currency": "CNY", "event_time": at_ms,
        "mcc": "5812",        "scheme": "unionpay", "card_kind": "credit", "settlement_mode": "T+1",
    }  # fmt: skip
    return {**event, **changed}


def settlement(k: int, at_ms: int, **changed: Any) -> Event:
    return {"type": "settlement", **sale(k, at_ms), "original_time": at_ms - DAY, "received_at": at_ms, **changed}


def contract(effective_ms: int, *prices: Event, **changed: Any) -> Event:
    return {
        "type": "contract", "merchant_id": "m1", "effective_from": effective_ms, "prices": list(prices),
        "received_at": effective_ms - DAY, **changed,
    }  # fmt: skip


def outputs_of(events: Sequence[Event], detectors: Sequence[Any] | None = None) -> Outputs:
    made = [FeeOver(), FeeRise(), FeeNotice(), FeeUnder(), FeeFall()] if detectors is None else detectors
    monitor = Monitor(MonitorConfig(capacity=100), detectors=made, historic=True, curves=RAW)
    found = monitor.process(records_of(events))
    assert found.dead_letters == []
    return found


def alerts_of(*events: Event) -> list[Alert]:
    return outputs_of(events).alerts


def last_of(alerts: Iterable[Alert]) -> dict[str, Alert]:
    """The last revision by detector."""
    return {each.detector: each for each in alerts}


def rows_of(*events: Event, row_kind: int | None = None) -> list[Values]:
    spy = Spy()
    outputs_of(events, [spy])
    return [each for each in spy.seen if row_kind is None or each["row_kind"] == row_kind]


def month(fee: Callable[[int, Event, random.Random], int], *, days: int = 45, a_day: int = 20, median: float = 100.0,
          seed: int = 0, **fixed: Any) -> list[Event]:  # fmt: skip
    """Sales of a shop over `days`, log-normal amounts around `median` yuan among list prices; `fee(day, sale, rng)`."""
    rng, events = random.Random(seed), []
    for day in range(days):
        for k in range(a_day):
            amount = 100 * rng.choice((5, 10, 20, 50, 100, 188))
            if rng.random() < 0.7:
                amount = max(1, round(100 * median * math.exp(0.9 * rng.gauss(0, 1))))
            scheme = rng.choice(("unionpay", "unionpay", "unionpay", "alipay", "wechat"))
            event = sale(
                len(events), T0 + day * DAY + 32_400_000 + k * 30 * MINUTE, amount=amount, scheme=scheme,
                card_kind=rng.choice(("debit", "credit", "credit")) if scheme == "unionpay" else None, **fixed,
            )  # fmt: skip
            event["fee"] = fee(day, event, rng)
            events.append(event)
    return events


def usual(event: Event, rise: float = 0.0, fixed: int = 0, cap: int = 2_000, minimum: int = 0) -> int:
    """The fee of a plain price list: 0.60 %, debit 0.50 % up to 20.00, wallets 0.38 %."""
    debit = event["card_kind"] == "debit"
    ppm = 3_800 if event["scheme"] in {"alipay", "wechat"} else 5_000 if debit else 6_000
    return fee_minor(event["amount"], round(ppm * (1 + rise)), cap if debit else -1, minimum, fixed)

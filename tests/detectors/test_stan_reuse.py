"""Messages under one trace number and time, from raw records to the alert."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.stan_reuse import StanReuse
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig

pytestmark = pytest.mark.usefixtures("warm_kernel")
T0 = 1_783_224_000_000
SENT = {"terminal_id": "T1", "stan": "000017", "acquirer_code": "48981000", "transmitted_at": T0}


def alerts_of(*events: dict[str, Any]) -> list[Any]:
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[StanReuse()])
    raw = [json.dumps(each).encode() for each in events]
    return monitor.process(Records.of(raw, appended_ms=T0 + 86_400_000)).alerts


def sale(k: int, **more: Any) -> dict[str, Any]:
    return {
        "txn_id": f"t{k}", "merchant_id": "m", "amount": 1_000 + k, "currency": "CNY", "event_time": T0 + 60_000 * k,
        **SENT, **more,
    }  # fmt: skip


def test_a_terminal_whose_clock_stands_still_is_found_at_its_eleventh_payment() -> None:
    assert alerts_of(*(sale(k) for k in range(10))) == []
    (alert,) = alerts_of(*(sale(k) for k in range(11)))
    assert (alert.detector, alert.risk_code, alert.severity, alert.hits) == ("stan_reuse", "23", 0.35, 1)
    assert alert.reason.en.startswith("10 payments on 5 July with the STAN and time of another")
    assert "7月5日10笔交易" in alert.reason.zh


def test_two_terminals_that_send_in_turn_are_found_too() -> None:
    assert len(alerts_of(*(sale(k, terminal_id=f"T{k % 2}") for k in range(13)))) == 1


@pytest.mark.parametrize(
    "lawful",
    [
        [sale(k, transmitted_at=T0 + 1_000 * k) for k in range(40)],
        [sale(k, stan=f"{k:06}") for k in range(40)],
        [sale(k, stan="000000") for k in range(40)],
        [sale(k, txn_type="preauth") for k in range(40)],
        [sale(0, txn_id=f"t{k}") for k in range(40)],
    ],
    ids=["times", "numbers", "noughts", "preauths", "repeats"],
)
def test_what_is_lawful_is_silent(lawful: list[dict[str, Any]]) -> None:
    assert alerts_of(*lawful) == []


def test_a_new_day_begins_to_count_anew() -> None:
    days = [sale(k, event_time=T0 + 60_000 * k + 86_400_000 * (k // 8)) for k in range(16)]
    assert alerts_of(*days) == []

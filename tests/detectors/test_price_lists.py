"""Leakage by another scheme's prices, from raw transactions to the alert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from detectors.calibration import RAW
from engine.control_kinds.registry import KINDS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.detectors.made import DAY, MIDNIGHT

if TYPE_CHECKING:
    from domain.alerts import Alert

AUSTRALIA = Path(__file__).parents[2] / "docs" / "prices" / "visa-australia-2024-12.json"


def alerts_of(mcc: str, used: str, **changed: Any) -> list[Alert]:
    """Of a merchant registered for `mcc`, with one sale of 1,000.00 under `used`."""
    prices = KINDS["prices"].decode(AUSTRALIA.read_bytes())
    monitor = Monitor(MonitorConfig(capacity=10, controls={"prices": prices}), historic=True, curves=RAW)
    master = {
        "type": "merchant", "merchant_id": "m1", "effective_from": MIDNIGHT - DAY, "mccs": [mcc], "currency": "AUD",
    }  # fmt: skip
    sale = {
        "txn_id": "t1", "merchant_id": "m1", "amount": 100_000, "currency": "AUD", "event_time": MIDNIGHT, "mcc": used,
        "scheme": "visa", "card_kind": "credit", "issuer_country": "AU",
    }  # fmt: skip
    return monitor.process(Records.of([json.dumps(each).encode() for each in (master, sale | changed)])).alerts


def test_a_supermarket_sent_as_a_charity_loses_its_issuers_what_the_list_says() -> None:
    (alert,) = alerts_of("5411", "8398")
    assert (alert.loss, alert.currency) == (230, "AUD")
    assert "issuers and the card network underpaid" in alert.reason.en
    assert "发卡行及卡组织少收" in alert.reason.zh
    assert {each.feature: each.value for each in alert.evidence}["mcc_class_drop"] == 2


def test_what_is_cheaper_in_china_may_be_dearer_there() -> None:
    (alert,) = alerts_of("5812", "5411")
    assert alert.loss == 0
    assert {each.feature: each.value for each in alert.evidence}["mcc_class_drop"] == -1


@pytest.mark.parametrize("changed", [{"scheme": "unionpay"}, {"issuer_country": "CN"}, {"card_kind": "debit"}])
def test_what_the_list_has_no_price_of_has_no_figure(changed: dict[str, str]) -> None:
    (alert,) = alerts_of("5411", "8398", **changed)
    assert alert.loss is None

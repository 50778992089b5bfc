"""Fees above the contract, from raw records to the alert."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.fee_over import FeeOver
from tests.fee_streams import DAY, MINUTE, T0, alerts_of, contract, last_of, sale, settlement

pytestmark = pytest.mark.usefixtures("warm_kernel")
VERSION = contract(T0 - DAY, {"rate_ppm": 6_300}, {"settlement_mode": "D0", "rate_ppm": 6_300, "fixed": 100})


def test_the_case_of_2025_is_found_in_a_transaction_and_in_a_settlement() -> None:
    for event in (sale(1, T0, amount=3_058_000, fee=91_734), settlement(1, T0 + DAY, amount=3_058_000, fee=91_734)):
        (alert,) = alerts_of(VERSION, event)
        assert (alert.detector, alert.risk_code, alert.at_stake, alert.txn_ids) == ("fee_over", "21", 72_469, ("t1",))
        assert alert.severity == pytest.approx(0.3 + 0.18 * 1.86602 + 0.1, abs=1e-4)
        assert "917.34 charged, " in alert.reason.en
        assert "192.65 due at the contract's 0.63 %" in alert.reason.en
        assert "917.34，按签约费率0.63%应扣" in alert.reason.zh
        shown = {each.feature: (each.value, each.baseline) for each in alert.evidence}
        assert shown["fee_charged"] == (91_734, 19_265)


@pytest.mark.parametrize("fee", [629, 630, 631, -630])
def test_the_due_fee_a_rounding_unit_more_less_and_one_paid_back_are_silent(fee: int) -> None:
    assert alerts_of(VERSION, sale(1, T0, fee=fee)) == []


def test_a_surcharge_that_the_contract_has_is_none() -> None:
    assert alerts_of(VERSION, sale(1, T0, fee=730, settlement_mode="D0")) == []
    (alert,) = alerts_of(VERSION, sale(1, T0, fee=730))
    assert alert.at_stake == 100


def test_a_cap_that_was_ignored_is_found() -> None:
    version = contract(T0 - DAY, {"rate_ppm": 5_000, "cap": 2_000})
    assert alerts_of(version, sale(1, T0, amount=1_000_000, fee=2_000)) == []
    (alert,) = alerts_of(version, sale(1, T0, amount=1_000_000, fee=5_000))
    assert alert.at_stake == 3_000


def test_severity_follows_the_money_and_a_small_exact_overcharge_of_many_is_worth_knowing() -> None:
    many = [sale(k, T0 + k * MINUTE, amount=5_000, fee=34) for k in range(200)]
    small = last_of(alerts_of(VERSION, *many))["fee_over"]
    assert small.hits in {128, 200}
    assert 0.3 <= small.severity < 0.45
    large = last_of(alerts_of(VERSION, *(each | {"amount": 1_000_000, "fee": 20_000} for each in many)))["fee_over"]
    assert large.severity > 0.85


def test_without_a_contract_it_is_silent() -> None:
    assert alerts_of(*(sale(k, T0 + k * DAY, fee=60 * k) for k in range(40))) == []


def test_a_wider_rounding_can_be_set() -> None:
    assert FeeOver(rounding_minor=10).rounding_minor == 10


@pytest.mark.parametrize(
    ("setting", "value"),
    [("base", -0.1), ("relative", 1.1), ("per_decade", float("nan")), ("rounding_minor", -1), ("rounding_minor", 0.5),
     ("quiet_gap_s", 0), ("max_age_s", 5), ("quiet_gap_s", True), ("max_age_s", 34_560_001)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        FeeOver(**{setting: value})

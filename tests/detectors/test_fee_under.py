"""Fees below the contract, from raw records to the alert; what is another host's rounding, on either side."""

from __future__ import annotations

import random
from typing import Any

import pytest

from detectors.fee_over import FeeOver
from detectors.fee_under import FeeUnder
from detectors.mcc_jump import MccJump
from domain.contracts import fee_minor
from tests.fee_streams import DAY, MINUTE, T0, Event, alerts_of, contract, last_of, outputs_of, sale, settlement

pytestmark = [pytest.mark.usefixtures("warm_kernel"), pytest.mark.timeout(300)]
VERSION = contract(T0 - DAY, {"rate_ppm": 6_000})


def test_a_fee_below_the_contract_is_found_in_a_transaction_and_in_a_settlement() -> None:
    first = {name: value for name, value in sale(0, T0).items() if name != "fee"}  # it says the merchant's currency
    for event in (sale(1, T0, amount=1_000_000, fee=2_500), settlement(1, T0 + DAY, amount=1_000_000, fee=2_500)):
        (alert,) = alerts_of(VERSION, first, event)
        assert (alert.detector, alert.at_stake, alert.bearer) == ("fee_under", 3_500, "acquirer")
        # A merchant of which only settlements came has no currency yet.
        assert alert.reason.en.replace("¥", "") == (
            "Merchant undercharged 35.00 on 1 payment, at the acquirer's cost: 25.00 charged, 60.00 due at the "
            "contract's 0.60 %"
        )
        assert alert.reason.zh.replace("¥", "") == (
            "累计1笔少收手续费35.00，由收单机构承担：实扣25.00，按签约费率0.60%应扣60.00"
        )


def test_a_waived_fee_is_below_the_contract_and_one_paid_back_is_not_judged() -> None:
    (alert,) = alerts_of(VERSION, sale(1, T0, fee=0))
    assert alert.at_stake == 600
    assert alerts_of(VERSION, sale(1, T0, fee=600), sale(2, T0 + 1, fee=-600)) == []


@pytest.mark.parametrize(
    "prices",
    [
        ({"rate_ppm": 6_000}, {"card_kind": "credit", "rate_ppm": 6_000, "cap": 250}),
        ({"rate_ppm": 6_000}, {"amount_from": 50_000, "rate_ppm": 2_500}),
        ({"rate_ppm": 6_000}, {"scheme": "unionpay", "rate_ppm": 2_500}),
        ({"rate_ppm": 6_000}, {"fee_class": "concession", "rate_ppm": 2_500}),
    ],
)
def test_what_the_contract_says_is_cheaper_is_no_undercharge(prices: tuple[Event, ...]) -> None:
    version = contract(T0 - DAY, *prices)
    assert alerts_of(version, settlement(1, T0 + DAY, fee=250, fee_class="concession")) == []


def test_a_cheaper_version_of_the_contract_needs_no_notice_and_makes_no_alert() -> None:
    versions = [VERSION, contract(T0 + DAY, {"rate_ppm": 3_000})]
    assert alerts_of(*versions, sale(1, T0, fee=600), sale(2, T0 + DAY, fee=300)) == []


def priced(off_ppm: float, jitter_ppm: float, *, seed: int, median: int = 30_000, days: int = 40) -> list[Event]:
    """A shop at 0.60 % by contract whose host charges `off_ppm` of the amount more, and rounds by `jitter_ppm`."""
    rng, events = random.Random(seed), []
    for k in range(60 * days):
        amount = max(100, round(median * rng.lognormvariate(0, 0.9)))
        ppm = 6_000 + off_ppm + rng.uniform(-jitter_ppm, jitter_ppm)
        at_ms = T0 + k * DAY // 60
        events.append(sale(k, at_ms, amount=amount, fee=fee_minor(amount, round(ppm), -1, 0, 0)))
    return [VERSION, *events]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("jitter_ppm", [100, 200])
@pytest.mark.parametrize("median", [3_000, 30_000, 300_000])
def test_a_host_that_rounds_the_rate_is_silent(median: int, jitter_ppm: int, seed: int) -> None:
    assert alerts_of(*priced(0, jitter_ppm, seed=seed, median=median)) == []


@pytest.mark.parametrize("off_ppm", [200, -200, 100, -100])
def test_what_is_off_by_as_little_on_every_payment_is_found_once_it_is_money(off_ppm: int) -> None:
    detector = "fee_over" if off_ppm > 0 else "fee_under"
    found = last_of(alerts_of(*priced(off_ppm, 0, seed=1, median=60_000)))
    assert set(found) == {detector}
    assert {each.feature for each in found[detector].evidence} >= {"fee_small_28d"}
    # 60 payments a day of 900.00 on average: 200 ppm are 10.80 a day.
    days = (found[detector].first_time > "2025-01-03", found[detector].first_time < "2025-01-20")
    assert days == (True, True)


@pytest.mark.parametrize("off_ppm", [500, -500, 1_000, -1_000, 2_000, -2_000, 20_000, -5_900])
@pytest.mark.parametrize("seed", range(2))
def test_a_step_is_found_at_once(off_ppm: int, seed: int) -> None:
    found = last_of(alerts_of(*priced(off_ppm, 0, seed=seed, days=1)))
    assert set(found) == {"fee_over" if off_ppm > 0 else "fee_under"}


def test_a_cheaper_class_with_a_change_of_mcc_is_told_once_as_jumping() -> None:
    registered = {"type": "merchant", "merchant_id": "m1", "effective_from": T0 - DAY, "mccs": ["5812"]}
    jumped = [settlement(k, T0 + DAY + k * MINUTE, fee=380, fee_class="concession", mcc="5411") for k in range(30)]
    detectors = [FeeOver(), FeeUnder(), MccJump()]
    alerts = outputs_of([registered, VERSION, *jumped], detectors).alerts
    assert {each.detector for each in alerts} == {"mcc_jump"}
    told = [sale(k, T0 + k * MINUTE, mcc="5411") for k in range(30)]
    alerts = outputs_of([registered, VERSION, *told, *jumped], detectors).alerts
    assert {each.detector for each in alerts} == {"mcc_jump"}
    lawful = [each | {"mcc": "5812", "fee_class": "standard"} for each in jumped]
    alerts = outputs_of([VERSION, *lawful], detectors).alerts
    assert {each.detector for each in alerts} == {"fee_under"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("base", -0.1), ("relative", 1.1), ("rounding_minor", -1), ("adds_up_minor", -1), ("adds_up_minor", 0.5),
     ("adds_up_score", -1.0), ("quiet_gap_s", 0), ("max_age_s", 5)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(setting: str, value: Any) -> None:
    for made in (FeeUnder, FeeOver):
        with pytest.raises(ValueError, match=f"{setting} must be"):
            made(**{setting: value})

"""Ill terminals, licences and complaints in the simulator: nothing of it by default, and labelled where there is."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate

CONFIG = SimulationConfig(
    seed=3, merchants=120, days=12.0, tx_per_merchant_day=40.0, service_share=0.3, fee_share=0.1, jump_share=0.0,
    volume_share=0.0, calendar=False,
)  # fmt: skip


@cache
def run() -> tuple[Simulation, list[dict[str, Any]]]:
    sim = simulate(CONFIG)
    return sim, [json.loads(value) for batch in sim.batches() for value in batch.values()]


def of_terminal(merchant_id: str, terminal_id: str, from_ms: int, until_ms: int) -> list[dict[str, Any]]:
    return [
        each for each in run()[1]
        if each.get("terminal_id") == terminal_id and each["merchant_id"] == merchant_id and "txn_id" in each
        and from_ms <= each["received_at"] < until_ms and each.get("txn_type", "purchase") == "purchase"
    ]  # fmt: skip


def test_by_default_there_is_none_of_it() -> None:
    sim = simulate(SimulationConfig(merchants=200, days=1.0))
    assert not [each for each in (*sim.violations(), *sim.look_alikes()) if each.category == "service"]


def test_a_failing_terminal_fails_and_a_silent_or_returned_one_is_not_used() -> None:
    sim, _ = run()
    cases = [each for each in sim.violations() if each.category == "service"]
    assert {each.kind for each in cases} == {"terminal_failing", "terminal_silent", "licence_expiry"}
    for case in cases:
        sales = of_terminal(case.merchant_id, str(case.details.get("terminal_id")), case.onset_ms, case.end_ms)
        codes = Counter(each["response_code"] for each in sales)
        if case.kind == "terminal_failing":
            assert 0.7 < sum(codes[each] for each in ("91", "96", "98")) / len(sales) < 0.9
        else:
            assert sales == []


def test_a_returned_terminal_is_told_of_and_complaints_of_overcharges_are_about_fees() -> None:
    sim, events = run()
    told = [each for each in events if each.get("type") == "terminal"]
    returned = [each for each in sim.look_alikes() if each.kind == "terminal_returned"]
    assert {each["merchant_id"] for each in told} == {each.merchant_id for each in returned}
    by_merchant = {each.merchant_id: each for each in returned}
    for event in told:
        each = by_merchant[event["merchant_id"]]
        assert event["terminal_status"] == "returned"
        assert of_terminal(each.merchant_id, event["terminal_id"], each.from_ms, CONFIG.end_ms) == []
    said = [each for each in events if each.get("type") == "complaint"]
    of_fees = {each["merchant_id"] for each in said if each["reason_code"] == "fee"}
    assert of_fees <= {each.merchant_id for each in sim.violations() if each.category == "fee"}
    assert of_fees
    assert all(each["event_time"] < each["received_at"] for each in said)

"""MCCs that a merchant never had, on simulated traffic without master data: what is told and what is not."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import pytest

from detectors.mcc_jump import MccJump
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from tests.oracle_state import ms

CONFIG = SimulationConfig(
    seed=5, merchants=120, days=80.0, tx_per_merchant_day=6.0, jump_share=0.0, static_share=0.0, rotation_share=0.0,
    drift_share=0.0, fee_share=0.0, volume_share=0.0, never_seen_share=0.5, master_data=False, contracts=False,
    fees="none",
)  # fmt: skip

pytestmark = pytest.mark.timeout(300)


@cache
def run() -> tuple[Simulation, dict[str, int], Counter[str]]:
    """The simulation, the first hit (UTC ms) of each merchant's earliest alert, and approved sales before the onset."""
    simulation, first = simulate(CONFIG), {}
    onset = {each.merchant_id: each.onset_ms for each in simulation.violations()}
    before: Counter[str] = Counter()
    monitor = Monitor(MonitorConfig(capacity=200), detectors=[MccJump()], historic=True)
    for batch in simulation.batches():
        records = list(batch.values())
        for event in map(json.loads, records):
            merchant = event.get("merchant_id", "")
            if merchant in onset and event["received_at"] < onset[merchant]:
                before[merchant] += "txn_type" not in event and event["response_code"] == "00"
        for alert in monitor.process(Records.of(records)).alerts:
            first.setdefault(alert.merchant_id, ms(alert.first_time))
    return simulation, first, before


def test_at_least_95_percent_are_told() -> None:
    simulation, first, before = run()
    laid = [each for each in simulation.violations() if each.transactions and before[each.merchant_id] >= 30]
    assert len(laid) >= 40
    assert sum(each.merchant_id in first for each in laid) >= 0.95 * len(laid)


def test_nothing_else_is_told_also_of_merchants_with_two_mccs() -> None:
    simulation, first, _ = run()
    onset = {each.merchant_id: each.onset_ms for each in simulation.violations()}
    assert [merchant for merchant, at_ms in first.items() if at_ms < onset.get(merchant, 2**62)] == []
    assert sum(each.kind == "mccs_since_start" for each in simulation.look_alikes()) >= 8

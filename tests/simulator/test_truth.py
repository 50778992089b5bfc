from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.approvals import COMMON
from simulator.config import SimulationConfig
from simulator.draw import EVENT, VIOLATION
from simulator.leakage import cost_ppb_fen, leakage_minor
from simulator.simulation import Simulation, simulate
from simulator.trades import FEE_CLASS_OF

CONFIG = SimulationConfig(
    seed=3, merchants=300, days=6.0, tx_per_merchant_day=60.0, jump_share=0.2, mcc_change_share=0.1,
    static_share=0.0, rotation_share=0.0, drift_share=0.0, fee_share=0.0, fall_share=0.0, look_alike_share=0.0,
    volume_share=0.0,
)  # fmt: skip


@cache
def stream() -> tuple[Simulation, list[dict[str, Any]], list[bool]]:
    simulation = simulate(CONFIG)
    events: list[dict[str, Any]] = []
    flags: list[bool] = []
    for batch in simulation.batches():
        events += map(json.loads, batch.values())
        flags += (batch.truth & VIOLATION > 0).tolist()
    return simulation, events, flags


def registered(simulation: Simulation) -> dict[str, dict[str, Any]]:
    return {event["merchant_id"]: event for event in map(json.loads, simulation.master_records()[: CONFIG.merchants])}


def deviations(event: dict[str, Any], contract: dict[str, Any]) -> set[str]:
    """Where a transaction departs from its merchant's contract."""
    mccs = set(contract["mccs"])
    out = set()
    if event["mcc"] not in mccs:
        out.add("mcc")
    if event["acceptor_id"][7:11] not in mccs:
        out.add("acceptor_id")
    if event.get("channel_mcc", event["mcc"]) not in mccs | set(contract.get("approved_channel_mccs", [])):
        out.add("channel_mcc")
    if event.get("special_fee_type", "00") != "00":
        out.add("special_fee_type")
    return out


def test_labelled_transactions_are_those_that_depart_from_the_contract() -> None:
    simulation, events, flags = stream()
    contracts = registered(simulation)
    changed = {
        look_alike.merchant_id for look_alike in simulation.look_alikes() if look_alike.kind.startswith("mcc_change")
    }
    labels = {label.merchant_id: label for label in simulation.violations()}
    named = {txn_id for label in labels.values() for txn_id in label.txn_ids}
    assert len(named) == sum(flags) > 500
    for event, flag in zip(events, flags, strict=True):
        if "type" in event:
            continue
        assert flag <= (event["txn_id"] in named)
        if event["merchant_id"] in changed:
            assert not flag
        elif event["txn_id"] in named:
            label = labels[event["merchant_id"]]
            assert label.kind in deviations(event, contracts[event["merchant_id"]])
            assert event["response_code"] in COMMON
        elif "original_txn_id" not in event or event["merchant_id"] not in labels:
            assert deviations(event, contracts[event["merchant_id"]]) == set()


def test_jumps_begin_at_their_onset_and_go_to_a_cheaper_class() -> None:
    simulation, events, flags = stream()
    times = dict(transaction_times(simulation))
    labels = simulation.violations()
    assert {label.kind for label in labels} == {"mcc", "acceptor_id", "channel_mcc", "special_fee_type"}
    assert len(events) == len(flags)
    for label in labels:
        assert all(label.onset_ms <= times[txn_id] < label.end_ms for txn_id in label.txn_ids)
        if label.kind == "special_fee_type":
            assert (label.details["registered"], label.details["presented"], label.money_minor) == ("00", "03", None)
        else:
            assert FEE_CLASS_OF[int(label.details["presented"])] > FEE_CLASS_OF[int(label.details["registered"])]


def transaction_times(simulation: Simulation) -> list[tuple[str, int]]:
    out = []
    for batch in simulation.batches():
        for value, at in zip(batch.values(), batch.event_ms.tolist(), strict=True):
            event = json.loads(value)
            if "txn_id" in event:
                out.append((event["txn_id"], at))
    return out


def test_about_the_labelled_share_jumps_and_mostly_large_credit() -> None:
    simulation, events, flags = stream()
    labels = simulation.violations()
    expected = sum(label.effect * float(label.details["approved"]) for label in labels)
    assert sum(len(label.txn_ids) for label in labels) == pytest.approx(expected, rel=0.2)
    assert min(label.effect for label in labels) < 0.05
    assert max(label.effect for label in labels) > 0.5
    jumpers = {label.merchant_id for label in labels if label.effect < 0.4}
    credit: dict[bool, list[bool]] = defaultdict(list)
    for event, flag in zip(events, flags, strict=True):
        if event["merchant_id"] in jumpers:
            credit[flag].append(event.get("card_kind") == "credit")
    assert np.mean(credit[True]) > 1.2 * np.mean(credit[False])


def test_lawful_changes_are_told_before_or_after_they_take_effect() -> None:
    simulation, events, _ = stream()
    told = {event["merchant_id"]: event for event in events if "type" in event}
    look_alikes = [look_alike for look_alike in simulation.look_alikes() if look_alike.kind.startswith("mcc_change")]
    assert {look_alike.kind for look_alike in look_alikes} == {"mcc_change", "mcc_change_told_late"}
    assert told.keys() == {look_alike.merchant_id for look_alike in look_alikes}
    moments = dict(transaction_times(simulation))
    for look_alike in look_alikes:
        version = told[look_alike.merchant_id]
        assert version["effective_from"] == look_alike.from_ms
        assert version["received_at"] == look_alike.told_ms
        assert (look_alike.told_ms > look_alike.from_ms) == (look_alike.kind == "mcc_change_told_late")
        for event in events:
            if event["merchant_id"] == look_alike.merchant_id and "txn_id" in event:
                after = moments[event["txn_id"]] >= look_alike.from_ms
                assert (event["mcc"] in version["mccs"]) == after
                assert (event["acceptor_id"][7:11] in version["mccs"]) == after


def test_a_merchant_of_several_mccs_binds_each_to_terminals() -> None:
    simulation, events, _ = stream()
    look_alikes = {
        look_alike.merchant_id for look_alike in simulation.look_alikes() if look_alike.kind == "several_mccs"
    }
    used: dict[str, set[str]] = defaultdict(set)
    bound: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events:
        if event["merchant_id"] in look_alikes and "txn_id" in event:
            used[event["merchant_id"]].add(event["mcc"])
            bound[event["merchant_id"], event["terminal_id"]].add(event["mcc"])
    assert any(len(mccs) > 1 for mccs in used.values())
    assert all(len(mccs) == 1 for mccs in bound.values())


@pytest.mark.parametrize(
    ("yuan", "credit", "to_class", "leakage_fen"),
    [
        (1_000, True, 1, 113),
        (1_000, True, 2, 515),
        (10_000, True, 1, 1133),
        (10_000, True, 2, 5150),
        (50_000, True, 1, 4950),
        (50_000, True, 2, 23_150),
        (10_000, False, 1, 78),
        (10_000, False, 2, 1885),
        (50_000, False, 1, 0),
        (50_000, False, 2, 1950),
    ],
)
def test_leakage_agrees_with_the_published_price_list(yuan: int, credit: bool, to_class: int, leakage_fen: int) -> None:
    events = np.zeros(1, EVENT)
    events["amount"], events["card_kind"] = yuan * 100, 1 if credit else 0
    assert leakage_minor(events, 5812, {1: 5411, 2: 8062}[to_class]) == leakage_fen


def test_an_exempt_mcc_costs_nothing() -> None:
    assert cost_ppb_fen(np.array([100]), 2, credit=np.array([True])).tolist() == [0]


def test_without_jumpers_there_is_nothing_to_label() -> None:
    config = SimulationConfig(merchants=20, days=0.2, jump_share=0.0, fee_share=0.0, fall_share=0.0)
    assert simulate(config).violations() == []

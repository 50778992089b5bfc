from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from domain.approvals import COMMON
from domain.mcc_risk import HIGH_RISK_MCCS
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from simulator.trades import FEE_CLASS_OF, TRADES

if TYPE_CHECKING:
    from simulator.truth import LookAlike, Violation

CONFIG = SimulationConfig(
    seed=11, merchants=400, days=6.0, tx_per_merchant_day=60.0, jump_share=0.02, static_share=0.06,
    rotation_share=0.06, drift_share=0.06, look_alike_share=0.03, volume_share=0.0, calendar=False,
    late_share=0.0, future_share=0.0,
)  # fmt: skip
MEDIAN_YUAN = {trade.mcc: trade.median_yuan for trade in TRADES}


@cache
def run() -> tuple[Simulation, dict[str, list[dict[str, Any]]]]:
    """The simulation and its approved purchases by merchant, each once, in order of receipt."""
    simulation, seen = simulate(CONFIG), set()
    out: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for batch in simulation.batches():
        for event in map(json.loads, batch.values()):
            if "type" in event or "txn_type" in event or event["response_code"] not in COMMON:
                continue
            if event["txn_id"] not in seen:
                seen.add(event["txn_id"])
                out[event["merchant_id"]].append(event)
    return simulation, out


@cache
def labels(kind: str) -> list[Violation]:
    found = [label for label in run()[0].violations() if label.category == "mcc" and label.kind == kind]
    assert len(found) > 5
    return found


def look_alikes(kind: str) -> list[LookAlike]:
    found = [each for each in run()[0].look_alikes() if (each.category, each.kind) == ("mcc", kind)]
    assert found
    return found


@cache
def contracts() -> dict[str, list[str]]:
    records = map(json.loads, run()[0].master_records())
    return {record["merchant_id"]: record["mccs"] for record in records if record["type"] == "merchant"}


def at(event: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(event["event_time"]).timestamp() * 1000)


def numbers(event: dict[str, Any], place: str) -> str:
    """What tells the number apart: the serial of the acquirer's, or of the channel's."""
    return str(event[place][11:])


def test_a_static_deviation_presents_what_is_registered_and_sells_as_its_true_trade() -> None:
    off = 0
    for label in labels("static"):
        sales = run()[1][label.merchant_id]
        assert [event["txn_id"] for event in sales] == list(label.txn_ids)
        assert contracts()[label.merchant_id] == [label.details["registered"]]
        assert {event["mcc"] for event in sales} == {label.details["registered"]}
        assert {event["acceptor_id"][7:11] for event in sales} == {label.details["registered"]}
        registered, true = (int(label.details[key]) for key in ("registered", "true_mcc"))
        assert FEE_CLASS_OF[registered] > FEE_CLASS_OF[true] == 0
        assert label.effect_unit == "ticket ratio"
        row = run()[0].merchants.table[label.merchant_index]
        usual = 100 * MEDIAN_YUAN[true] * row["scale"]
        off += not 0.5 * usual < median(event["amount"] for event in sales) < 2 * usual
        assert (label.onset_ms, label.end_ms) == (CONFIG.start_ms, CONFIG.end_ms)
    assert off <= 0.2 * len(labels("static"))  # price lists stay as they are
    assert max(label.effect for label in labels("static")) > 1


def test_a_rotating_number_comes_from_its_pool_under_one_mcc() -> None:
    for label in labels("rotation"):
        sales = run()[1][label.merchant_id]
        place = str(label.details["place"])
        own = label.merchant_id[11:]
        foreign = [event for event in sales if numbers(event, place) != own]
        assert [event["txn_id"] for event in foreign] == list(label.txn_ids)
        assert 4 <= int(label.details["numbers"]) <= 20
        assert len({numbers(event, place) for event in foreign}) <= int(label.details["numbers"])
        assert {event["mcc"] for event in sales} <= set(contracts()[label.merchant_id])
        if len(foreign) > 200:
            assert len({numbers(event, place) for event in foreign}) > 3
        within = [event for event in sales if label.onset_ms <= at(event) < label.end_ms]
        assert label.details["approved"] == len(within)
        if len(within) > 300:
            assert len(foreign) / len(within) == pytest.approx(label.effect, abs=0.1)
    assert {label.details["place"] for label in labels("rotation")} == {"acceptor_id", "channel_merchant_id"}
    shares = [label.effect for label in labels("rotation")]
    assert min(shares) < 0.15
    assert max(shares) > 0.6


def test_numbers_of_a_pool_are_nobody_elses() -> None:
    simulation, sales = run()
    everyone = {simulation.merchant_id(i)[11:] for i in range(CONFIG.merchants)}
    for label in labels("rotation"):
        used = {numbers(event, str(label.details["place"])) for event in sales[label.merchant_id]}
        assert used & everyone <= {label.merchant_id[11:]}


def test_a_drift_moves_sales_to_the_cheaper_of_the_registered_mccs() -> None:
    for label in labels("drift"):
        sales, named = run()[1][label.merchant_id], set(label.txn_ids)
        registered, cheaper = contracts()[label.merchant_id]
        assert (label.details["registered"], label.details["presented"]) == (registered, cheaper)
        assert FEE_CLASS_OF[int(cheaper)] > FEE_CLASS_OF[int(registered)]
        assert {event["mcc"] for event in sales} <= {registered, cheaper}
        hits = [event for event in sales if event["txn_id"] in named]
        assert {event["mcc"] for event in hits} <= {cheaper}
        within = [event for event in sales if label.onset_ms <= at(event)]
        assert label.effect == pytest.approx(len(hits) / max(1, len(within)))
        bound: dict[str, set[str]] = defaultdict(set)
        for event in sales:
            bound[event["terminal_id"]].add(event["mcc"])
        if label.details["at"] == "mix":
            assert all(len(mccs) == 1 for mccs in bound.values())
        elif len(hits) > 50:
            assert any(len(mccs) == 2 for mccs in bound.values())
    assert {label.details["at"] for label in labels("drift")} == {"mix", "terminal"}


def test_a_drift_rises_from_the_usual_share() -> None:
    rises = 0
    for label in labels("drift"):
        sales = run()[1][label.merchant_id]
        before = [event["mcc"] == label.details["presented"] for event in sales if at(event) < label.onset_ms]
        after = [event["mcc"] == label.details["presented"] for event in sales if at(event) >= label.onset_ms]
        late = after[len(after) // 2 :]
        if float(label.details["final_share"]) > 0.4 and min(len(before), len(late)) > 50:
            assert sum(late) / len(late) > sum(before) / len(before) + 0.1
            rises += 1
    assert rises > 2


def test_two_numbers_of_a_channel_are_bound_to_terminals() -> None:
    both = 0
    for look_alike in look_alikes("two_numbers"):
        sales = run()[1][look_alike.merchant_id]
        used: dict[str, set[str]] = defaultdict(set)
        for event in sales:
            used[event["terminal_id"]].add(event["channel_merchant_id"])
        assert all(len(found) == 1 for found in used.values())
        assert {event["acceptor_id"][11:] for event in sales} <= {look_alike.merchant_id[11:]}
        both += len(set.union(*used.values())) == 2
    assert both


def test_a_lawful_new_number_replaces_the_old_for_good() -> None:
    for look_alike in look_alikes("number_change"):
        sales, own = run()[1][look_alike.merchant_id], look_alike.merchant_id[11:]
        row = run()[0].merchants.table[look_alike.merchant_index]
        place = "channel_merchant_id" if row["number_place"] else "acceptor_id"
        new = {numbers(event, place) for event in sales if at(event) >= look_alike.from_ms}
        assert {numbers(event, place) for event in sales if at(event) < look_alike.from_ms} <= {own}
        assert len(new) == 1
        assert own not in new


def test_a_steady_cheaper_mcc_is_a_look_alike() -> None:
    steady = {look_alike.merchant_id for look_alike in look_alikes("several_mccs")}
    classes = [[FEE_CLASS_OF[int(mcc)] for mcc in contracts()[each]] for each in steady]
    assert sum(found[0] == 0 and max(found) > 0 for found in classes) >= 6
    assert not steady & {label.merchant_id for label in labels("drift")}


def test_nobody_is_labelled_twice_in_a_category() -> None:
    keys = [(label.merchant_id, label.category) for label in run()[0].violations()]
    assert len(keys) == len(set(keys))


def test_an_mcc_that_was_never_seen_comes_after_half_of_the_run() -> None:
    config = replace(CONFIG, merchants=60, never_seen_share=0.2, master_data=False)
    simulation = simulate(config)
    sales: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for batch in simulation.batches():
        for event in map(json.loads, batch.values()):
            if "type" not in event and "txn_type" not in event and event["response_code"] in COMMON:
                sales[event["merchant_id"]].append(event)
    found = [each for each in simulation.violations() if each.kind == "never_seen"]
    assert len(found) >= 8
    for label in found:
        assert label.onset_ms >= config.start_ms + (config.end_ms - config.start_ms) // 2
        before = {event["mcc"] for event in sales[label.merchant_id] if at(event) < label.onset_ms}
        named = set(label.txn_ids)
        hits = [event for event in sales[label.merchant_id] if event["txn_id"] in named]
        assert {event["mcc"] for event in hits} <= {label.details["presented"]}
        assert label.details["presented"] not in before
        assert (label.money_minor or 0) >= 0
    assert {str(label.details["presented"]) in HIGH_RISK_MCCS for label in found} == {True, False}
    lawful = {each.merchant_id for each in simulation.look_alikes() if each.kind == "mccs_since_start"}
    assert lawful
    assert not lawful & {label.merchant_id for label in found}

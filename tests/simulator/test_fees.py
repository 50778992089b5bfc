from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from domain.approvals import COMMON
from domain.timestamps import DAY_MS, HOUR_MS
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from simulator.trades import CITIES

if TYPE_CHECKING:
    from simulator.truth import LookAlike, Violation

KEYS = ("scheme", "card_kind", "channel", "settlement_mode")
CONFIGS = {
    fees: SimulationConfig(
        seed=5, merchants=400, days=8.0 if fees == "transaction" else 6.0, tx_per_merchant_day=40.0, fees=fees,
        fee_share=0.25, fall_share=0.15,
        look_alike_share=0.05, undo_share=0.03, refund_share=0.03, volume_share=0.0, world="calm",
        record_size="usual" if fees == "transaction" else "all",
    )
    for fees in ("transaction", "settlement")
}  # fmt: skip
BOTH = pytest.mark.parametrize("fees", CONFIGS)


@cache
def run(fees: str) -> tuple[Simulation, list[dict[str, Any]]]:
    """The simulation and its records in order of receipt, those before the start first."""
    simulation = simulate(CONFIGS[fees])
    values = [value for batch in simulation.batches() for value in batch.values()]
    return simulation, [json.loads(value) for value in [*simulation.master_records(), *values]]


@cache
def labels(fees: str) -> dict[str, Violation]:
    return {label.merchant_id: label for label in run(fees)[0].violations() if label.category == "fee"}


def look_alikes(fees: str, kind: str) -> dict[str, LookAlike]:
    found = {
        each.merchant_id: each for each in run(fees)[0].look_alikes() if (each.category, each.kind) == ("fee", kind)
    }
    assert found, kind
    return found


@cache
def versions(fees: str) -> dict[str, list[dict[str, Any]]]:
    """Every merchant's contracts, by when they take effect."""
    out: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in run(fees)[1]:
        if event.get("type") == "contract":
            out[event["merchant_id"]].append(event)
    for contracts in out.values():
        contracts.sort(key=lambda each: int(each["effective_from"]))
    return out


def ms(value: str | int) -> int:
    return value if isinstance(value, int) else round(datetime.fromisoformat(value).timestamp() * 1000)


def line_of(contract: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """The price of `contract` that applies to `event`."""
    fits = [
        line
        for line in contract["prices"]
        if all(key not in line or line[key] == event.get(key) for key in KEYS)
        and event["amount"] >= line.get("amount_from", 0)
    ]
    return max(fits, key=lambda line: (sum(key in line for key in KEYS), line.get("amount_from", 0)))


def due_under(contract: dict[str, Any], event: dict[str, Any]) -> int:
    line = line_of(contract, event)
    part = Decimal(event["amount"]) * line["rate_ppm"] / Decimal(1_000_000)
    part = part.quantize(Decimal(1), ROUND_HALF_UP)
    part = max(Decimal(line.get("minimum", 0)), min(part, Decimal(line.get("cap", part))))
    return int(part) + int(line.get("fixed", 0))


def sold_at(event: dict[str, Any]) -> int:
    return int(event["original_time"]) if event.get("type") == "settlement" else ms(event["event_time"])


def agreed(fees: str, event: dict[str, Any]) -> dict[str, Any]:
    """The contract in force when the sale of `event` happened."""
    in_force = [each for each in versions(fees)[event["merchant_id"]] if each["effective_from"] <= sold_at(event)]
    return in_force[-1]


def due(fees: str, event: dict[str, Any]) -> int:
    """By the contract in force; one told too late does not count until 30 days after its notice."""
    contract = agreed(fees, event)
    label = labels(fees).get(event["merchant_id"])
    late = label is not None and label.kind == "contract_rise"
    if label and late and int(label.details["effective_from"]) <= sold_at(event) < label.end_ms:
        contract = versions(fees)[event["merchant_id"]][0]
    return due_under(contract, event)


@cache
def charged(fees: str) -> list[dict[str, Any]]:
    """The records that carry a sale's fee, each once."""
    out: dict[str, dict[str, Any]] = {}
    for event in run(fees)[1]:
        if event.get("type", "transaction") == fees and "fee" in event and "txn_type" not in event:
            out.setdefault(event["txn_id"], event)
    return list(out.values())


@cache
def by_merchant(fees: str) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in charged(fees):
        out[event["merchant_id"]].append(event)
    return out


def of(fees: str, merchant_id: str) -> list[dict[str, Any]]:
    return by_merchant(fees)[merchant_id]


@pytest.mark.slow
@BOTH
def test_every_fee_is_what_the_contract_says_unless_it_is_labelled(fees: str) -> None:
    named = {txn_id for label in labels(fees).values() for txn_id in label.txn_ids}
    assert len(named) > 3000
    rounded = look_alikes(fees, "host_rounding").keys()
    for event in charged(fees):
        off = event["fee"] - event.get("fee_tax", 0) - due(fees, event)
        if event["merchant_id"] in rounded:
            assert abs(off) <= 1 + event["amount"] // 10_000
        else:
            assert (off != 0) == (event["txn_id"] in named)
            assert off >= 0 or labels(fees)[event["merchant_id"]].kind.endswith("_fall")


@BOTH
def test_labels_count_the_affected_and_add_up_the_overcharge(fees: str) -> None:
    undone = {event["original_txn_id"] for event in run(fees)[1] if event.get("txn_type") in {"void", "reversal"}}
    for label in labels(fees).values():
        named = set(label.txn_ids)
        hits = [event for event in of(fees, label.merchant_id) if event["txn_id"] in named]
        assert tuple(event["txn_id"] for event in hits) == label.txn_ids
        assert label.transactions == len(hits)
        assert label.amount_minor == sum(event["amount"] for event in hits)
        over = {event["txn_id"]: abs(event["fee"] - due(fees, event)) for event in hits}
        assert label.money_minor == sum(value for txn_id, value in over.items() if txn_id not in undone)
        dues = sum(due(fees, event) for event in hits)
        assert label.effect == pytest.approx(sum(over.values()) / max(1, dues))
        assert all(label.onset_ms <= sold_at(event) < label.end_ms for event in hits)


@BOTH
def test_what_is_charged_wrongly_comes_in_every_kind_and_from_small_to_large(fees: str) -> None:
    found = labels(fees).values()
    assert {label.kind for label in found} == {
        "rate_rise", "fixed_part", "cap_ignored", "slow_rise", "contract_rise", "rate_fall", "slow_fall",
    }  # fmt: skip
    assert {label.details["scope"] for label in found} == {"all", "credit", "D0"}
    effects = [label.effect for label in found if label.transactions]
    assert min(effects) < 0.04
    assert max(effects) > 3


def hits_of(label: Violation) -> list[dict[str, Any]]:
    named = set(label.txn_ids)
    return [event for event in of("transaction", label.merchant_id) if event["txn_id"] in named]


def of_kind(kind: str) -> list[Violation]:
    return [label for label in labels("transaction").values() if label.kind == kind and label.transactions]


def test_a_fixed_part_is_the_same_for_each_sale() -> None:
    for label in of_kind("fixed_part"):
        assert {event["fee"] - due("transaction", event) for event in hits_of(label)} == {label.details["size"]}
        assert 10 <= float(label.details["size"]) <= 500


def test_an_ignored_cap_is_that_of_debit_cards() -> None:
    for label in of_kind("cap_ignored"):
        for event in hits_of(label):
            line = line_of(agreed("transaction", event), event)
            assert event["card_kind"] == "debit"
            assert event["amount"] * line["rate_ppm"] > line["cap"] * 1_000_000


def test_a_rise_or_fall_of_the_rate_has_its_size_and_scope() -> None:
    for label in of_kind("rate_rise") + of_kind("rate_fall"):
        sign = 1 if label.kind == "rate_rise" else -1
        for event in hits_of(label):
            contract = agreed("transaction", event)
            line = line_of(contract, event)
            rate = round(line["rate_ppm"] * (1 + sign * float(label.details["size"])))
            dearer = {**contract, "prices": [{**line, "rate_ppm": rate}]}
            assert abs(event["fee"] - due_under(dearer, event)) <= 1 + event["amount"] // 1_000_000
            assert label.details["scope"] != "credit" or event["card_kind"] in {"credit", "semi_credit"}
            assert label.details["scope"] != "D0" or event["settlement_mode"] == "D0"


def test_a_slow_rise_or_fall_grows() -> None:
    for label in of_kind("slow_rise") + of_kind("slow_fall"):
        hits = [event for event in hits_of(label) if due("transaction", event) >= 100]
        if len(hits) > 200:
            rises = [abs(event["fee"] / due("transaction", event) - 1) for event in hits]
            assert sum(rises[-50:]) > sum(rises[:50])


@BOTH
def test_hosts_that_tell_tax_or_what_the_same_day_costs_do_so_in_lines(fees: str) -> None:
    for merchant_id in look_alikes(fees, "fee_tax"):
        for event in of(fees, merchant_id):
            assert event.get("fee_tax", 0) == (6 * due(fees, event) + 50) // 100
            assert event["fee"] == due(fees, event) + event.get("fee_tax", 0)
    lines = [event for merchant_id in look_alikes(fees, "fee_instant") for event in of(fees, merchant_id)]
    assert all(event["fee"] == due(fees, event) for event in lines)
    assert {event.get("settlement_mode") for event in lines if "fee_instant" in event} == {"D0"}
    assert not labels(fees).keys() & {key for kind in ("fee_tax", "host_rounding") for key in look_alikes(fees, kind)}


def test_a_dearer_contract_without_notice_is_told_and_charged() -> None:
    found = [label for label in labels("transaction").values() if label.kind == "contract_rise"]
    without = 0
    for label in found:
        before, after = versions("transaction")[label.merchant_id]
        effective = int(label.details["effective_from"])
        assert after["effective_from"] == effective > after["received_at"] == label.onset_ms
        without += "notice_from" not in after
        assert after.get("notice_from", effective) > effective - 30 * DAY_MS
        assert after["prices"][0]["rate_ppm"] >= before["prices"][0]["rate_ppm"]
        for event in hits_of(label):
            assert event["fee"] == due_under(agreed("transaction", event), event)
    assert 0 < without < len(found)


@pytest.mark.parametrize("kind", ["noticed_rise", "cheaper_contract"])
def test_lawful_changes_of_contract_are_told_and_charged(kind: str) -> None:
    for merchant_id, look_alike in look_alikes("transaction", kind).items():
        before, after = versions("transaction")[merchant_id]
        assert (after["effective_from"], after["received_at"]) == (look_alike.from_ms, look_alike.told_ms)
        if kind == "noticed_rise":
            assert after["notice_from"] <= look_alike.from_ms - 30 * DAY_MS
            assert after["prices"][0]["rate_ppm"] > before["prices"][0]["rate_ppm"]
        else:
            assert after["prices"][0]["rate_ppm"] < before["prices"][0]["rate_ppm"]
        assert merchant_id not in labels("transaction")


def test_the_same_day_surcharge_is_used_for_the_first_time() -> None:
    for merchant_id, look_alike in look_alikes("transaction", "first_d0").items():
        times = [sold_at(event) for event in of("transaction", merchant_id) if "settlement_mode" in event]
        assert not times or min(times) >= look_alike.from_ms
    fixed = {line.get("fixed", 0) for event in versions("transaction").values() for line in event[0]["prices"]}
    assert fixed >= {0, 100, 300}


def test_capped_debit_small_amounts_minimums_and_tiers_are_in_the_contract() -> None:
    def lines(kind: str) -> list[dict[str, Any]]:
        events = (event for key in look_alikes("transaction", kind) for event in of("transaction", key))
        return [{**line_of(agreed("transaction", event), event), "paid": event} for event in events]

    assert any(line["paid"]["fee"] == line["cap"] for line in lines("capped_debit") if "cap" in line)
    assert any(line["paid"]["fee"] == 8 for line in lines("minimum"))
    assert max(line["paid"]["amount"] for line in lines("rounding")) < 10_000
    tiers = {line.get("amount_from", 0): line["rate_ppm"] for line in lines("tier") if "scheme" not in line}
    assert tiers[0] == 3800 < tiers[100_001]


def test_some_merchants_get_the_fee_back_with_a_refund() -> None:
    sales = {event["txn_id"]: event for event in charged("transaction")}
    given = 0
    for event in run("transaction")[1]:
        if event.get("txn_type") == "refund":
            original = sales[event["original_txn_id"]]
            back = Decimal(original["fee"]) * event["amount"] / original["amount"]
            if event["merchant_id"] in labels("transaction") and "fee" not in event:
                continue
            returned = "fee" in event
            given += returned
            if returned:
                assert event["fee"] == -int(back.quantize(Decimal(1), ROUND_HALF_UP))
    assert given > 20
    returning = look_alikes("transaction", "fee_returned")
    assert {event["merchant_id"] for event in run("transaction")[1] if event.get("fee", 0) < 0} - labels(
        "transaction"
    ).keys() <= returning.keys()


def test_settlements_come_once_on_the_next_local_morning() -> None:
    simulation, events = run("settlement")
    offsets = {
        simulation.merchant_id(i): CITIES[row["city"]].offset_h for i, row in enumerate(simulation.merchants.table)
    }
    settled = Counter(event["txn_id"] for event in events if event.get("type") == "settlement")
    assert max(settled.values()) == 1
    undone = {event["original_txn_id"] for event in events if event.get("txn_type") in {"void", "reversal"}}
    end = CONFIGS["settlement"].end_ms
    sales: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.get("type", "transaction") == "transaction":
            assert "fee" not in event
            if "txn_type" not in event and event["response_code"] in COMMON:
                sales.setdefault(event["txn_id"], event)
    for event in charged("settlement"):
        sale = sales[event["txn_id"]]
        shared = ("merchant_id", "amount", "currency", "scheme", "mcc", "fee_class")
        assert {key: sale[key] for key in shared} == {key: event[key] for key in shared}
        assert (sale.get("card_kind"), sale.get("settlement_mode")) == (
            event.get("card_kind"), event.get("settlement_mode"),
        )  # fmt: skip
        assert event["original_time"] == ms(sale["event_time"])
        local_h = offsets[event["merchant_id"]] * HOUR_MS
        day, of_day = divmod(event["received_at"] + local_h, DAY_MS)
        assert (sale["received_at"] + local_h) // DAY_MS == day - 1
        assert 4 * HOUR_MS <= of_day < 8 * HOUR_MS
    early = [sale for sale in sales.values() if sale["received_at"] < end - 36 * HOUR_MS]
    ahead = {sale["txn_id"] for sale in early if ms(sale["event_time"]) > sale["received_at"] + 600_000}
    assert {sale["txn_id"] for sale in early} - undone - ahead <= settled.keys()
    assert not settled.keys() & undone


def test_some_settlements_are_out_of_order_and_some_follow_the_refund() -> None:
    refunded: dict[str, int] = {}
    last: dict[str, int] = {}
    disorder = after = before = 0
    for event in run("settlement")[1]:
        if event.get("txn_type") == "refund":
            refunded.setdefault(event["original_txn_id"], event["received_at"])
    for event in charged("settlement"):
        disorder += event["original_time"] < last.get(event["merchant_id"], 0) - HOUR_MS
        last[event["merchant_id"]] = event["original_time"]
        if event["txn_id"] in refunded:
            after += refunded[event["txn_id"]] < event["received_at"]
            before += refunded[event["txn_id"]] > event["received_at"]
    assert disorder > 0.01 * len(charged("settlement"))
    assert min(after, before) > 20


def test_settlements_are_the_same_when_a_run_is_taken_up_later() -> None:
    config = CONFIGS["settlement"]
    from_ms = config.start_ms + 46 * HOUR_MS + 123_456
    rest = [json.loads(value) for batch in simulate(config).batches(997, from_ms=from_ms) for value in batch.values()]
    assert rest == [event for event in run("settlement")[1] if event["received_at"] >= from_ms]


def test_without_fees_there_are_none_and_nobody_is_overcharged() -> None:
    config = SimulationConfig(merchants=60, days=1.0, fees="none", fee_share=0.5, record_size="all", volume_share=0.0)
    simulation = simulate(config)
    assert not any(b'"fee"' in batch.data for batch in simulation.batches())
    assert {label.category for label in simulation.violations()} == {"mcc"}
    assert not any(look_alike.category == "fee" for look_alike in simulation.look_alikes())


def test_without_contracts_none_is_given_and_none_changes() -> None:
    config = SimulationConfig(merchants=200, days=3.0, contracts=False, fee_share=0.5, look_alike_share=0.2)
    simulation = simulate(config)
    assert all(json.loads(record)["type"] == "merchant" for record in simulation.master_records())
    assert not any(b'"contract"' in batch.data for batch in simulation.batches())
    assert "contract_rise" not in {label.kind for label in simulation.violations()}
    kinds = {look_alike.kind for look_alike in simulation.look_alikes() if look_alike.category == "fee"}
    assert not kinds & {"noticed_rise", "cheaper_contract"}
    assert all(look_alike.told_ms == 0 for look_alike in simulation.look_alikes() if look_alike.category == "fee")

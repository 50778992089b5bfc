from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.events import CARD_KINDS, EVENTS, FEE_CLASSES, FEED, FUTURE_MS, ROLES, TRANSACTION, Kind, Role
from domain.timestamps import HOUR_MS
from engine.decoding.hashing import partition_of
from simulator.config import SimulationConfig
from simulator.draw import DUPLICATE, FUTURE, LATE, MASTER
from simulator.simulation import Simulation, clock_record, simulate
from simulator.trades import TRADES

ROUGH = SimulationConfig(
    seed=7, merchants=60, days=3.0, tx_per_merchant_day=80.0, jump_share=0.2, mcc_change_share=0.15,
    duplicate_share=0.02, undo_share=0.05, refund_share=0.05, late_share=0.01, future_share=0.005,
    outages_per_day=2.0, world="calm",
)  # fmt: skip


@cache
def rough() -> tuple[Simulation, list[bytes]]:
    simulation = simulate(ROUGH)
    return simulation, [value for batch in simulation.batches() for value in batch.values()]


@cache
def rough_events() -> list[dict[str, Any]]:
    return [json.loads(value) for value in rough()[1]]


def transactions() -> list[dict[str, Any]]:
    return [event for event in rough_events() if "type" not in event]


def ms(value: str | int) -> int:
    return value if isinstance(value, int) else round(datetime.fromisoformat(value).timestamp() * 1000)


def test_the_same_settings_give_the_same_bytes() -> None:
    again = [value for batch in simulate(ROUGH).batches() for value in batch.values()]
    assert again == rough()[1]
    assert len(again) > 10_000


def test_another_seed_gives_other_traffic() -> None:
    other = simulate(replace(ROUGH, seed=8, days=0.1))
    ids = {json.loads(value).get("txn_id") for batch in other.batches() for value in batch.values()}
    assert ids
    assert ids.isdisjoint({event["txn_id"] for event in transactions()})


@pytest.mark.parametrize("max_records", [1, 37, 100_000])
def test_the_stream_does_not_depend_on_the_size_of_batches(max_records: int) -> None:
    simulation = simulate(replace(ROUGH, days=0.5))
    usual = list(simulation.batches())
    cut = list(simulation.batches(max_records))
    assert b"".join(batch.data for batch in cut) == b"".join(batch.data for batch in usual)
    assert max(map(len, cut)) <= max_records
    assert marks(cut) == marks(usual)


def marks(batches: list[Any]) -> list[tuple[int, int]]:
    """Clock records by their place in the whole stream."""
    out, before = [], 0
    for batch in batches:
        out += [
            (before + at, clock) for at, clock in zip(batch.clock_at.tolist(), batch.clock_ms.tolist(), strict=True)
        ]
        before += len(batch)
    return out


@pytest.mark.parametrize("after_ms", [0, 1, 3 * HOUR_MS, 30 * HOUR_MS + 1_234_567])
def test_a_run_taken_up_later_continues_as_if_it_had_never_stopped(after_ms: int) -> None:
    simulation, values = rough()
    from_ms = ROUGH.start_ms + after_ms
    rest = [value for batch in simulate(ROUGH).batches(777, from_ms=from_ms) for value in batch.values()]
    received = np.concatenate([batch.received_ms for batch in simulation.batches()])
    assert rest == values[int(np.searchsorted(received, from_ms)) :]
    assert rest


def test_a_merchants_stream_is_its_own_whatever_the_partitions() -> None:
    simulation, _ = rough()
    for partitions in (1, 4):
        routed: dict[int, list[bytes]] = defaultdict(list)
        for batch in simulation.batches():
            for i, value in zip(batch.merchant_index.tolist(), batch.values(), strict=True):
                routed[partition_of(simulation.merchant_id(i).encode(), partitions)].append(value)
        merchant = simulation.merchant_id(5)
        home = routed[partition_of(merchant.encode(), partitions)]
        mine = [value for value in home if f'"merchant_id":"{merchant}"'.encode() in value]
        assert mine == [value for value in rough()[1] if f'"merchant_id":"{merchant}"'.encode() in value]


def test_columns_beside_the_bytes_say_what_the_bytes_say() -> None:
    simulation, _ = rough()
    for batch in simulation.batches():
        for i, value in enumerate(batch.values()):
            event = json.loads(value)
            assert event["merchant_id"] == simulation.merchant_id(int(batch.merchant_index[i]))
            assert event["received_at"] == batch.received_ms[i]
            if not batch.truth[i] & MASTER:
                assert ms(event["event_time"]) == batch.event_ms[i]


def test_receipt_ascends_and_ordinary_events_stay_within_the_disorder() -> None:
    before = 0
    for batch in rough()[0].batches():
        assert np.all(np.diff(batch.received_ms) >= 0)
        if len(batch):
            assert batch.received_ms[0] >= before
            before = int(batch.received_ms[-1])
        plain = batch.truth & (LATE | FUTURE | MASTER | DUPLICATE) == 0
        lag = (batch.received_ms - batch.event_ms)[plain]
        # Two seconds more: an original its reversal overtook.
        reach_ms = (ROUGH.disorder_s + ROUGH.clock_skew_s + 2) * 1000
        assert np.all(lag <= reach_ms)
        assert np.all(lag >= -ROUGH.clock_skew_s * 1000)


def test_without_disorder_and_skew_events_are_in_order() -> None:
    config = replace(ROUGH, disorder_s=0, clock_skew_s=0, late_share=0, future_share=0, duplicate_share=0, days=0.5)
    times = np.concatenate([batch.event_ms for batch in simulate(config).batches()])
    assert np.all(np.diff(times) >= 0)


def test_every_record_holds_only_fields_of_the_contract_within_their_bounds() -> None:
    for config in (
        replace(ROUGH, days=1.5),
        replace(ROUGH, days=1.5, record_size="all", time_format="epoch_ms"),
    ):
        seen: set[str] = set()
        for batch in simulate(config).batches():
            for value in batch.values():
                event = json.loads(value)
                fields = {field.name: field for field in (EVENTS["merchant"] if "type" in event else TRANSACTION)}
                seen |= event.keys() if "type" not in event else set()
                for key, content in event.items():
                    check_field(fields[key], content)
                assert {name for name, field in fields.items() if field.required} <= event.keys()
        if config.record_size == "all":
            # `eci` comes with reports, the lines of fees from some hosts alone.
            elsewhere = {"type", "card_token_next", "eci", "surcharge", "fee_tax", "fee_instant"}
            assert seen - elsewhere == {field.name for field in TRANSACTION} - elsewhere


def check_field(field: Any, value: Any) -> None:
    if field.kind is Kind.TIME:
        assert field.low <= ms(value) <= field.high
    elif field.kind in {Kind.INT, Kind.FLOAT}:
        assert isinstance(value, int if field.kind is Kind.INT else float)
        assert field.low <= value <= field.high
    else:
        for text in value if field.kind is Kind.CODES else [value]:
            assert field.low <= len(text) <= field.high
            assert field.kind is Kind.TEXT or text.isascii()
            assert field.kind is not Kind.DIGITS or text.isdigit()
            assert not field.choices or text in field.choices


@pytest.mark.parametrize(("record_size", "target"), [("usual", 364), ("all", 698)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_records_have_the_promised_size_on_average(record_size: str, target: int, seed: int) -> None:
    simulation = simulate(SimulationConfig(seed=seed, merchants=3000, days=0.6, record_size=record_size))
    sizes = [(len(batch.data), len(batch)) for batch in simulation.batches()]
    assert sum(size for size, _ in sizes) / sum(n for _, n in sizes) == pytest.approx(target, rel=0.02)


def test_volume_has_the_rhythm_of_the_trade() -> None:
    simulation = simulate(
        SimulationConfig(merchants=400, days=14.0, tx_per_merchant_day=50.0, late_share=0, world="calm")
    )
    hours: dict[int, Counter[int]] = defaultdict(Counter)
    days: dict[int, Counter[int]] = defaultdict(Counter)
    table = simulation.merchants.table
    mccs = np.array([trade.mcc for trade in TRADES])[table["trade"]]
    for batch in simulation.batches():
        local = batch.event_ms // HOUR_MS + table["offset_h"][batch.merchant_index]
        for mcc, hour in zip(mccs[batch.merchant_index].tolist(), local.tolist(), strict=True):
            hours[mcc][hour % 24] += 1
            days[mcc][(hour // 24 + 3) % 7] += 1
    night = {mcc: sum(count[h] for h in range(5)) / count.total() for mcc, count in hours.items()}
    assert night[5812] < 0.005
    assert 0.03 < night[5541] < 0.10
    assert min(hours[5812][12], hours[5812][18]) > 2 * hours[5812][15]
    assert days[5812][5] > 1.3 * days[5812][1]
    assert days[4900][6] < 0.6 * days[4900][1]


def test_the_mean_volume_is_what_was_asked_for() -> None:
    config = SimulationConfig(merchants=2000, days=7.0, tx_per_merchant_day=20.0, volume_share=0.0, calendar=False)
    simulation = simulate(config)
    accepted = simulation.ledger()["attempted"]
    assert accepted.sum() / (2000 * 7) == pytest.approx(20, rel=0.03)
    # Zipf: the busiest hundredth takes a good part, and nobody is dead.
    assert np.sort(accepted)[-20:].sum() > 0.1 * accepted.sum()


def test_petrol_comes_in_round_prices() -> None:
    petrol = [event["amount"] for event in transactions() if event["merchant_id"][7:11] == "5541"]
    petrol = petrol or [
        json.loads(value)["amount"]
        for batch in simulate(SimulationConfig(merchants=100, days=1.0)).batches()
        for value in batch.values()
        if b'"mcc":"5541"' in value
    ]
    assert sum(amount in {20_000, 30_000} for amount in petrol) > 0.2 * len(petrol)


def naive_ledger(events: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """Each merchant's sums by the definition, from the records alone."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    seen: set[str] = set()
    clock: dict[str, int] = {}
    sales: dict[str, int] = {}
    undone: dict[str, int] = {}
    for event in events:
        merchant, at = event["merchant_id"], ms(event["event_time"])
        mine = sums[merchant]
        if at > event["received_at"] + FUTURE_MS:
            mine["future"] += 1
            continue
        if event["txn_id"] in seen:
            mine["duplicates"] += 1
            continue
        if at < clock.get(merchant, at) - 86_400_000:
            mine["late"] += 1
            continue
        seen.add(event["txn_id"])
        clock[merchant] = mine["clock_ms"] = max(clock.get(merchant, 0), at)
        mine["accepted"] += 1
        role = ROLES[event.get("txn_type", "purchase")]
        approved = event["response_code"] in {"00", "10", "11"}
        mine["attempted"] += role in {Role.SALE, Role.OTHER}
        if role is Role.SALE and approved:
            sales[event["txn_id"]] = event["amount"]
            mine["approved_count"] += 1
            mine["approved_minor"] += event["amount"]
        elif role is Role.REFUND and approved:
            mine["refund_count"] += 1
            mine["refund_minor"] += event["amount"]
        elif role is Role.UNDO and approved:
            undone[event["original_txn_id"]] = event["original_amount"]
    merchant_of = {event["txn_id"]: event["merchant_id"] for event in events}
    for original, amount in undone.items():
        if original in sales:
            assert sales[original] == amount
            mine = sums[merchant_of[original]]
            mine["approved_count"] -= 1
            mine["approved_minor"] -= amount
            mine["reversed_count"] += 1
            mine["reversed_minor"] += amount
    return sums


def test_the_ledger_is_what_the_records_add_up_to() -> None:
    simulation, _ = rough()
    expected = naive_ledger(transactions())
    ledger = simulation.ledger()
    names = ledger.dtype.names
    assert names is not None
    for i, row in enumerate(ledger.tolist()):
        assert dict(zip(names, row, strict=True)) == {n: expected[simulation.merchant_id(i)][n] for n in names}
    for name in names:
        assert ledger[name].sum() > 0, name


def test_the_ledger_of_a_part_is_what_that_part_adds_up_to() -> None:
    simulation, _ = rough()
    until = ROUGH.start_ms + 20 * HOUR_MS + 12_345
    expected = naive_ledger([event for event in transactions() if event["received_at"] < until])
    ledger = simulation.ledger(until)
    for i, count in enumerate(ledger["accepted"].tolist()):
        assert count == expected[simulation.merchant_id(i)]["accepted"]


def test_identifiers_are_unique_and_duplicates_differ_in_receipt_alone() -> None:
    first: dict[str, dict[str, Any]] = {}
    repeats = 0
    for event in transactions():
        known = first.setdefault(event["txn_id"], event)
        if known is not event:
            repeats += 1
            assert {**known, "received_at": 0} == {**event, "received_at": 0}
            assert known["received_at"] < event["received_at"]
    assert repeats == simulate(ROUGH).ledger()["duplicates"].sum() > 100
    assert len({simulate(ROUGH).merchant_id(i) for i in range(60)}) == 60


def test_no_two_records_share_terminal_stan_and_transmission_time() -> None:
    config = replace(ROUGH, record_size="all", merchants=3, tx_per_merchant_day=20_000.0, days=0.5, duplicate_share=0)
    keys: Counter[tuple[str, str, int]] = Counter()
    for batch in simulate(config).batches():
        for value in batch.values():
            if b'"stan"' in value:
                event = json.loads(value)
                keys[event["terminal_id"], event["stan"], event["transmitted_at"]] += 1
    assert keys.total() > 14_000
    assert max(keys.values()) == 1


def test_merchant_numbers_stay_distinct_beyond_the_digits() -> None:
    simulation = simulate(SimulationConfig(merchants=60_000, days=0.01))
    numbers = simulation.merchants.numbers
    assert len(np.unique(numbers[:, 11:], axis=0)) == 60_000
    assert simulation.merchant_id(9_999)[11:] == "9999"
    assert simulation.merchant_id(10_000)[11:] == "A000"


def test_references_name_an_earlier_sale_and_refunds_never_exceed_it() -> None:
    events = {event["txn_id"]: event for event in transactions()}
    kinds: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    overtaken = 0
    for event in events.values():
        if "original_txn_id" not in event:
            continue
        original = events[event["original_txn_id"]]
        kinds[event["txn_type"]] += 1
        assert original["merchant_id"] == event["merchant_id"]
        assert original["amount"] == event["original_amount"]
        assert ms(original["event_time"]) == event["original_time"]
        overtaken += original["received_at"] > event["received_at"]
        if event["txn_type"] == "refund":
            refunded[original["txn_id"]] += 1
            assert 0 < event["amount"] <= original["amount"]
    assert min(kinds["refund"], kinds["void"], kinds["reversal"]) > 50
    assert max(refunded.values()) == 1
    assert overtaken > 0


def test_cards_are_tokens_of_letters_and_never_card_numbers() -> None:
    for event in transactions():
        assert len(event["card_token"]) == 32
        assert set(event["card_token"]) <= set("abcdefghijklmnop")
        assert not event["txn_id"].isdigit() or len(event["txn_id"]) < 16
        assert event.get("card_kind", "debit") in CARD_KINDS


def test_an_outage_declines_in_bursts() -> None:
    out = [event["received_at"] for event in transactions() if event["response_code"] == "96"]
    minutes = Counter(at // 900_000 for at in out)
    assert len(out) > 30
    assert max(minutes.values()) > 5


def test_master_data_come_first_and_can_be_left_out() -> None:
    simulation, _ = rough()
    records = [json.loads(record) for record in simulation.master_records()]
    assert [record["type"] for record in records] == ["merchant"] * 60 + ["contract"] * 60
    assert [record["merchant_id"] for record in records] == [simulation.merchant_id(i) for i in range(60)] * 2
    assert all(record["effective_from"] < ROUGH.start_ms > record["received_at"] for record in records)
    assert all(1 <= len(record["mccs"]) <= 3 for record in records[:60])
    assert all(4 <= len(record["prices"]) <= 8 for record in records[60:])
    bare = simulate(replace(ROUGH, master_data=False, contracts=False, days=1.0))
    assert bare.master_records() == []
    assert not {"mcc_change", "several_mccs"} & {look_alike.kind for look_alike in bare.look_alikes()}
    assert not any(b'"type"' in batch.data for batch in bare.batches())


def test_the_fee_class_is_that_of_the_presented_mcc() -> None:
    config = replace(ROUGH, record_size="all", days=0.5)
    for batch in simulate(config).batches():
        for value in batch.values():
            event = json.loads(value)
            if event.get("mcc") == "5411":
                assert event["fee_class"] == FEE_CLASSES[1]


def test_clock_records_follow_every_minute_and_run_behind_what_is_still_to_come() -> None:
    simulation = simulate(replace(ROUGH, days=0.1))
    batches = list(simulation.batches())
    placed = marks(batches)
    times = [clock for _, clock in placed]
    minutes = round(0.1 * 24 * 60)
    assert len(placed) == minutes + 1
    assert times[-1] == simulation.config.end_ms
    assert set(np.diff(times[:-1])) == {60_000}
    event_ms = np.concatenate([batch.event_ms for batch in batches])
    plain = np.concatenate([batch.truth & (LATE | FUTURE | MASTER | DUPLICATE) == 0 for batch in batches])
    for place, clock in placed:
        after = event_ms[place:][plain[place:]]
        assert not len(after) or after.min() > clock
    event = json.loads(clock_record(times[0]))
    assert event == {"type": "clock", FEED.name: "sim", "event_time": times[0]}


def test_iso_times_are_local_and_mean_the_same_moment() -> None:
    offsets = Counter(event["event_time"][-6:] for event in transactions())
    assert offsets.keys() <= {"+03:00", "+06:00", "+07:00", "+08:00", "+09:00"}
    assert offsets["+08:00"] > 0.8 * offsets.total()
    epoch = simulate(replace(ROUGH, time_format="epoch_ms", days=0.2))
    iso = simulate(replace(ROUGH, days=0.2))
    for a, b in zip(epoch.batches(), iso.batches(), strict=True):
        for x, y in zip(a.values(), b.values(), strict=True):
            first, second = json.loads(x), json.loads(y)
            assert ms(first.pop("event_time", 0)) == ms(second.pop("event_time", 0))
            assert first == second


def test_dates_are_right_in_leap_years_and_at_year_ends() -> None:
    for day in (
        datetime(2024, 2, 29, tzinfo=UTC),
        datetime(2024, 12, 31, tzinfo=UTC),
        datetime(2004, 3, 1, tzinfo=UTC),
    ):
        config = replace(ROUGH, start_ms=round(day.timestamp() * 1000), days=0.9, clock_skew_s=0, late_share=0)
        for batch in simulate(config).batches():
            for value, event_ms, truth in zip(batch.values(), batch.event_ms, batch.truth, strict=True):
                if not truth & MASTER:
                    assert ms(json.loads(value)["event_time"]) == event_ms


def test_a_batch_of_no_records_is_refused() -> None:
    with pytest.raises(ValueError, match="max_records must be at least 1, got 0"):
        next(rough()[0].batches(0))


def test_a_hundred_thousand_a_second_are_written_on_one_core() -> None:
    simulation = simulate(SimulationConfig(merchants=5000, days=0.5))
    next(simulation.batches())
    start = time.process_time()
    records = sum(map(len, simulation.batches()))
    assert records / (time.process_time() - start) > 100_000

"""What the monitor publishes for those who look: the shop and transactions of alerts, profiles, merchant-days."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from domain.readings import MerchantDays, Profile, Shop
from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.detectors import shops
from tests.engine.test_checkpoints import Shelf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.alerts import Alert
    from engine.outputs import Outputs

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
Event = dict[str, Any]


def sale(k: int, at_ms: int, mcc: str = "5812", **more: Any) -> Event:
    return {
        "txn_id": f"t{k}", "merchant_id": "m", "amount": 10_000 + k, "currency": "CNY", "event_time": at_ms, "mcc": mcc,
        "scheme": "unionpay", "card_kind": "credit", "card_last4": "7894", "terminal_id": "21000417", "rrn": f"r{k}",
        "stan": f"{k:06}", "response_code": "00", "fee": 60, "received_at": at_ms, **more,
    }  # fmt: skip


def master_data(at_ms: int, **more: Any) -> Event:
    return {
        "type": "merchant", "merchant_id": "m", "effective_from": at_ms, "mccs": ["5812"], "name": "Lantern Kitchen",
        "city": "Shanghai", "rep_id": "rep1", "agent_id": "a1", "received_at": at_ms, **more,
    }  # fmt: skip


def clock(at_ms: int) -> Event:
    return {"type": "clock", "feed": "f", "event_time": at_ms}


def stream() -> list[Event]:
    """A restaurant that jumps to a hospital's MCC, while its rep changes and it gets a short name."""
    events: list[Event] = [master_data(START_MS)]
    for k in range(120):
        at_ms = START_MS + k * HOUR_MS
        if k == 40:
            events.append(
                {
                    "type": "assignment",
                    "merchant_id": "m",
                    "rep_id": "rep2",
                    "effective_from": at_ms,
                    "received_at": at_ms,
                }
            )
        if k == 60:
            events.append(master_data(at_ms, short_name="Lantern"))
        if k == 70:  # told late, and in force from long before
            events.append(master_data(START_MS + HOUR_MS, mccs=["5813"]))
        events.append(sale(k, at_ms, "8062" if k % 3 == 0 and k > 30 else "5812", feed="f"))
        if k % 12 == 11:
            events.append(clock(at_ms + MINUTE_MS))
    return events


def process(events: Sequence[Event], cuts: Sequence[int] = (), **config: Any) -> list[Outputs]:
    monitor = Monitor(MonitorConfig(capacity=100, **config))
    raw = [json.dumps(each).encode() for each in events]
    ends = [*cuts, len(raw)]
    out = []
    for first, last in zip([0, *cuts], ends, strict=True):
        out.append(monitor.process(Records.of(raw[first:last], first_offset=first, appended_ms=START_MS + 30 * DAY_MS)))
    return out


def last_alerts(outputs: Sequence[Outputs]) -> dict[str, Alert]:
    return {each.alert_id: each for out in outputs for each in out.alerts}


def days_of(outputs: Sequence[Outputs]) -> dict[tuple[str, str], dict[str, Any]]:
    """Each merchant-day once, whatever records it came in."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for days in (each for out in outputs for each in out.days):
        for k, key in enumerate(zip(days.merchant_id, days.day, strict=True)):
            values = {name: column[k] for name, column in days.columns.items()}
            row = {"currency": days.currency[k], "score": days.score[k], **values}
            assert found.setdefault(key, row) == row
    return found


def test_an_alert_has_the_shop_as_it_stood_and_its_first_forty_transactions() -> None:
    (alert,) = [each for each in last_alerts(process(stream())).values() if each.detector == "mcc_jump"]
    assert alert.shop == Shop("Lantern", "Shanghai", "rep2", "a1")
    assert len(alert.transactions) == min(40, alert.hits)
    first = alert.transactions[0]
    assert (first.txn_id, first.amount, first.mcc, first.registered) == ("t33", 10_033, "8062", ("5812",))
    assert (first.terminal_id, first.rrn, first.stan, first.card_last4) == ("21000417", "r33", "000033", "7894")
    assert (first.response_code, first.fee, first.time) == ("00", 60, "2026-01-02T09:00:00.000Z")


def test_the_shop_is_that_of_the_hit_and_not_of_later_records() -> None:
    revisions = [each for out in process(stream()) for each in out.alerts if each.detector == "mcc_jump"]
    one_by_one = [each for out in process(stream(), range(1, len(stream()))) for each in out.alerts]
    shown = [each.shop for each in one_by_one if each.detector == "mcc_jump"]
    assert shown[0] == Shop("Lantern Kitchen", "Shanghai", "rep1", "a1")
    assert shown[-1] == revisions[-1].shop == Shop("Lantern", "Shanghai", "rep2", "a1")


@pytest.mark.parametrize("seed", range(8))
def test_invariant_1_shops_transactions_and_days_do_not_depend_on_where_batches_are_cut(seed: int) -> None:
    events = stream()
    rng = random.Random(seed)
    cuts = sorted(rng.sample(range(1, len(events)), rng.randint(1, 20)))
    whole, cut = process(events), process(events, cuts)
    assert last_alerts(whole) == last_alerts(cut)
    assert days_of(whole) == days_of(cut)
    assert [each for out in whole for each in out.profiles] == [each for out in cut for each in out.profiles]


def test_a_closed_day_is_published_with_counts_expectation_and_score() -> None:
    days = days_of(process(stream()))
    assert {day for _, day in days} >= {"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"}
    second = days["m", "2026-01-02"]
    assert second["closed_sales"] == 24
    assert second["currency"] == "CNY"
    assert second["score"] is not None
    assert {"closed_minor", "expected_1d", "expected_minor_1d", "idle_d"} <= second.keys()


def test_a_closed_day_tells_how_rare_its_volume_is_in_decades_with_two_digits() -> None:
    events = shops.Shop(merchant="m", factor=lambda d: 5.0 if d == 25 else 1.0).events(30)
    scores = ("volume_score", "rise_score", "fall_score", "silence_score", "decline_score")
    days = [row for row in days_of(process(events)).values() if row["volume_score"] is not None]
    assert len(days) >= 10
    assert all(row[name] == round(row[name], 2) for row in days for name in scores)
    assert all(row["volume_score"] >= max(row[name] for name in scores) for row in days)
    assert max(row["rise_score"] for row in days) > 3


def test_accepted_versions_are_published_under_merchant_kind_and_date_with_card_numbers_masked() -> None:
    shown = master_data(START_MS, address="pay to 6222 0212 3456 7894", owner_key="9b1f6c0a9d5e47728c1e0b6f5d2a9c34")
    contract = {
        "type": "contract", "merchant_id": "m", "effective_from": START_MS, "prices": [{"rate_ppm": 6_000}],
        "received_at": START_MS,
    }  # fmt: skip
    profiles = [each for out in process([shown, contract, sale(1, START_MS)]) for each in out.profiles]
    assert [each.key for each in profiles] == [
        "m|merchant|2026-01-01T00:00:00.000Z", "m|contract|2026-01-01T00:00:00.000Z",
    ]  # fmt: skip
    assert profiles[0].fields["address"] == "pay to ***************7894"
    assert profiles[0].fields["owner_key"] == shown["owner_key"]
    again = msgspec.json.decode(msgspec.json.encode(profiles[1]), type=Profile)
    assert again.fields["prices"] == [{"rate_ppm": 6_000}]


def test_people_terminals_visits_and_complaints_are_published_as_they_are_with_card_numbers_masked() -> None:
    visit = {
        "type": "visit", "merchant_id": "m", "event_time": START_MS, "person_id": "rep1", "outcome": "moved",
        "note": "slip of 6222 0212 3456 7894", "received_at": START_MS,
    }  # fmt: skip
    complaint = {"type": "complaint", "merchant_id": "m", "event_time": START_MS, "reason_code": "fee"}
    person = {"type": "person", "person_id": "rep1", "effective_from": START_MS, "name": "Wei"}
    unfit = visit | {"event_time": "yesterday"}
    terminal = {"type": "terminal", "merchant_id": "m", "effective_from": START_MS, "terminal_id": "t1"}
    events = [master_data(START_MS), visit, complaint, unfit, person, complaint, terminal]
    profiles = [each for out in process(events) for each in out.profiles if each.kind != "merchant"]
    assert [each.key for each in profiles] == [
        "m|visit|2026-01-01T00:00:00.000Z|1", "m|complaint|2026-01-01T00:00:00.000Z|2",
        "rep1|person|2026-01-01T00:00:00.000Z", "m|complaint|2026-01-01T00:00:00.000Z|5",
        "m|terminal|2026-01-01T00:00:00.000Z|6",
    ]  # fmt: skip
    assert profiles[0].fields == {
        "event_time": START_MS, "person_id": "rep1", "outcome": "moved", "note": "slip of ***************7894",
    }  # fmt: skip
    one_by_one = process(events, range(1, len(events)))
    assert [each for out in one_by_one for each in out.profiles if each.kind != "merchant"] == profiles


def test_shops_and_transactions_survive_a_checkpoint() -> None:
    events = [json.dumps(each).encode() for each in stream()]
    first = Monitor(MonitorConfig(capacity=10), checkpoints=True)
    half = len(events) // 2
    first.process(Records.of(events[:half], appended_ms=START_MS + 30 * DAY_MS))
    shelf = Shelf()
    shelf.whole(first, 100)
    second = shelf.bring_back(Monitor(MonitorConfig(capacity=10), checkpoints=True))
    rest = Records.of(events[half:], first_offset=half, appended_ms=START_MS + 30 * DAY_MS)
    assert second.process(rest) == first.process(rest)


def test_a_merchant_day_takes_few_bytes_among_others() -> None:
    events = [
        each | {"merchant_id": f"m{k}", "txn_id": f"{k}-{each.get('txn_id')}"} if "merchant_id" in each else each
        for each in stream()[:60] for k in range(50)
    ]  # fmt: skip
    records = [each for out in process(events) for each in out.days]
    rows = sum(len(each.day) for each in records)
    size = sum(len(msgspec.json.encode(each)) for each in records)
    assert rows >= 50
    assert isinstance(records[0], MerchantDays)
    print(f"{size / rows:.0f} bytes a merchant-day")
    assert size / rows < 1_000

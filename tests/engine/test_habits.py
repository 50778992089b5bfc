"""What a merchant's sales usually look like, as its closings tell it: against a slow reference, from the same page."""

from __future__ import annotations

import json
import math
import random
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from domain.feature_codes import ROW_CLOSING
from domain.habits import NAMES
from engine.decoding.records import Records
from engine.features.families import habits
from engine.monitor import Monitor, MonitorConfig
from tests.engine.test_checkpoints import Shelf
from tests.engine.test_readings import days_of
from tests.oracle_habits import DAY, HOUR, Event, Reference, Value
from tests.report_streams import DOLLAR, T0, clock

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
COLUMNS = [each.name for each in habits.COLUMNS]
SEEDS = range(6)
FAR = ("habit_ticket_by_hour", "habit_ticket_by_hour_usual")
"""Differences that may be near 0."""


class Weaver:
    """Some weeks of a merchant, drawn; every second one is registered, every third priced, some are paid in dollars."""

    def __init__(self, seed: int, days: int = 45) -> None:
        self.rng, self.seed, self.events = random.Random(seed), seed, []
        self.money = "USD" if seed % 3 == 2 else "CNY"
        self.reference = Reference(
            mccs=("5813", "5812") if seed % 2 else (), due_ppm=6_000 if seed % 3 else None,
            rate=7.0 if self.money == "USD" else 1.0,
        )  # fmt: skip
        if self.reference.mccs:
            self.add({"type": "merchant", "effective_from": T0 - DAY, "received_at": T0, "mccs": ["5813", "5812"],
                      "currency": self.money})  # fmt: skip
        if self.reference.due_ppm:
            self.add(
                {"type": "contract", "effective_from": T0 - DAY, "received_at": T0, "prices": [{"rate_ppm": 6_000}]}
            )
        self.sold: list[Event] = []
        for day in range(days):
            closed = day % 9 > 6
            for at_ms in sorted(
                T0 + day * DAY + self.rng.randrange(DAY) for _ in range(0 if closed else self.rng.randrange(2, 34))
            ):
                late = self.rng.randrange(5 * HOUR) if self.rng.random() < 0.05 else 0
                for k in range(1 + (self.rng.random() < 0.15)):  # some follow at once
                    self.step(max(at_ms - late + k * self.rng.randrange(70_000), T0))
            self.events.append(clock(T0 + (day + 1) * DAY - self.rng.randrange(4) * HOUR))

    def add(self, event: Event) -> None:
        self.events.append({"merchant_id": "m", "feed": "f", **event})

    def step(self, at_ms: int) -> None:
        rng, k = self.rng, len(self.events)
        event: Event = {
            "txn_id": f"t{k}", "amount": rng.choice([10_000, 990, round(math.exp(rng.gauss(9, 1)))]),
            "currency": self.money, "event_time": at_ms,
        }  # fmt: skip
        more = {
            "card_token": f"c{min(rng.randrange(40), rng.randrange(40))}",
            "issuer_country": rng.choice(["CN", "CN", "US"]),
            "card_kind": rng.choice(["credit", "debit", "semi_credit"]), "terminal_id": rng.choice(["1", "1", "2"]),
            "entry_mode": rng.choice(["00", "01", "02", "03", "05", "07", "90", "94"]),
            "mcc": rng.choice(["5812"] * 30 + ["5813", "7011"]),
        }  # fmt: skip
        event |= {name: value for name, value in more.items() if rng.random() < 0.7}
        match rng.choices(["sale", "declined", "refund", "void", "settled", "report"], [70, 12, 5, 5, 5, 3])[0]:
            case "sale":
                if self.seed % 3 == 1:
                    event["fee"] = rng.randrange(90)
                self.sold.append(event)
            case "declined":
                event["response_code"] = rng.choice(["14", "51", "05", "91"])
            case "refund":
                event["txn_type"] = "refund"
            case "void" if self.sold:
                of = self.sold.pop(rng.randrange(len(self.sold)) if rng.random() < 0.3 else -1)
                event = {"txn_id": f"t{k}", "txn_type": "void", "original_txn_id": of["txn_id"], "amount": of["amount"],
                         "currency": self.money, "event_time": at_ms}  # fmt: skip
                event |= {"original_amount": of["amount"], "original_time": of["event_time"]}
            case "settled" if self.sold and self.seed % 3 == 2:
                of = self.sold[-1]
                event = {"type": "settlement", "txn_id": of["txn_id"], "amount": of["amount"], "currency": self.money,
                         "fee": rng.randrange(90), "event_time": at_ms, "received_at": at_ms,
                         "original_time": of["event_time"]}  # fmt: skip
                self.sold.pop()
            case "report" if self.sold:
                of = self.sold[-1]
                event = {"type": rng.choice(["fraud_report", "chargeback", "retrieval"]), "txn_id": of["txn_id"],
                         "report_id": f"r{k}", "amount": of["amount"], "currency": self.money, "event_time": at_ms,
                         "original_time": of["event_time"]}  # fmt: skip
            case _:
                return
        self.add(event)


def records(events: Sequence[Event]) -> Records:
    return Records.of([json.dumps(each).encode() for each in events])


def closings(
    events: Sequence[Event], rng: random.Random | None = None, monitor: Monitor | None = None, at: int = 0
) -> list[tuple[int, int, dict[str, Value]]]:
    """Closings from an event on: the event they came with, the local day, and the habits."""
    monitor = monitor or Monitor(MonitorConfig(capacity=10, controls={"rates": DOLLAR}), detectors=[], historic=True)
    found = []
    while at < len(events):
        size = rng.randint(1, 60) if rng else 1
        raw = [json.dumps(each).encode() for each in events[at : at + size]]
        for rows in monitor._pipeline.rows(Records.of(raw, first_offset=at)):
            assert rows.dead_letters() == []
            kinds, local_ms = rows.columns["row_kind"], rows.local_ms
            found += [
                (at, int(local_ms[j]) // DAY, rows.values(COLUMNS, j))
                for j in range(len(rows)) if kinds[j] == ROW_CLOSING
            ]  # fmt: skip
        at += size
    return found


@cache
def compared(seed: int) -> tuple[list[str], list[dict[str, Value]]]:
    """Where engine and reference differ, and the engine's closings."""
    weaver = Weaver(seed)
    rows, different = closings(weaver.events), []
    for k, event in enumerate(weaver.events):
        for _, day, got in (each for each in rows if each[0] == k):
            expected = weaver.reference.close(day)
            different += [
                f"{k} {name}: engine {got[name]}, reference {expected.get(name)}"
                for name in COLUMNS if not agrees(name, got[name], expected.get(name))
            ]  # fmt: skip
        weaver.reference.take(event)
    return different, [each[2] for each in rows]


def agrees(name: str, got: Value, expected: Value) -> bool:
    if got is None or expected is None:
        return got is expected
    return math.isclose(got, expected, rel_tol=1e-3, abs_tol=1e-3 if name in FAR else 1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_habit_agrees_with_the_reference(seed: int) -> None:
    different, rows = compared(seed)
    assert len(rows) >= 40
    assert different[:10] == []


def test_the_streams_give_every_habit_several_values_and_its_usual_one_too() -> None:
    """What is compared is worth comparing."""
    seen: dict[str, set[Value]] = {name: set() for name in COLUMNS}
    for seed in SEEDS:
        for row in compared(seed)[1]:
            for name, value in row.items():
                seen[name].add(value)
    assert not [name for name, values in seen.items() if len(values - {None}) < (2 if name == "habit_mcc" else 5)]
    assert all(None in values for values in seen.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_habits_do_not_depend_on_where_batches_are_cut_or_on_a_restore(seed: int) -> None:
    events, at = Weaver(seed).events, 500
    whole = closings(events, random.Random(seed))
    again = closings(events, random.Random(seed + 100))
    assert [each[1:] for each in again] == [each[1:] for each in whole]
    first, second = (
        Monitor(MonitorConfig(capacity=10, controls={"rates": DOLLAR}), detectors=[], historic=True, checkpoints=True)
        for _ in range(2)
    )
    first.process(records(events[:at]))
    shelf = Shelf()
    shelf.whole(first)
    shelf.bring_back(second)
    rest = [each[1:] for each in closings(events, monitor=second, at=at)]
    assert len(rest) >= 10
    assert rest == [each[1:] for each in whole][-len(rest) :]


def steady(days: int, amount: int = 2_000, a_day: int = 12, **more: Any) -> list[Event]:
    """Sales of one amount, at noon."""
    events = [
        {"txn_id": f"{day}-{k}", "merchant_id": "m", "feed": "f", "amount": amount, "currency": "CNY",
         "event_time": T0 + day * DAY + 12 * HOUR + k * 120_000, **more}
        for day in range(days) for k in range(a_day)
    ]  # fmt: skip
    return [*events, clock(T0 + (days + 1) * DAY)]


def told(events: Sequence[Event], name: str) -> list[Value]:
    return [each[2][f"habit_{name}"] for each in closings(events, random.Random(1))]


def test_what_is_usual_is_told_after_28_closings_with_habits_and_not_before() -> None:
    found = told(steady(40), "sales_a_day_usual")
    assert found[:28] == [None] * 28
    assert found[28] == pytest.approx(12)


def test_a_merchant_with_nine_sales_has_no_habits_and_one_with_ten_has() -> None:
    assert told(steady(1, a_day=9), "sales_a_day")[0] is None
    assert told(steady(1, a_day=10), "sales_a_day")[0] == pytest.approx(10)


def test_a_usual_value_of_0_is_told_as_0() -> None:
    assert told(steady(40), "night_share_usual")[-1] == 0.0


def test_a_first_ticket_far_from_all_others_does_not_spoil_their_spread() -> None:
    events = [*steady(1, amount=1, a_day=1)[:1], *steady(120, amount=500_000)[1:]]
    late = [{**each, "amount": each["amount"] + 90_000 * (k % 5)} for k, each in enumerate(events) if "amount" in each]
    amounts = [math.log2(500_000 + 90_000 * k) for k in range(5)]
    mean = sum(amounts) / 5
    spread = math.sqrt(sum((each - mean) ** 2 for each in amounts) / 5)
    found = told([*late, events[-1]], "ticket_spread")[-1]
    assert found == pytest.approx(spread, rel=1e-2)


def test_a_merchant_whose_tickets_are_of_one_size_has_no_shape() -> None:
    assert told(steady(3), "ticket_shape") == [None] * len(told(steady(3), "ticket_shape"))


def test_tickets_of_two_sizes_have_a_shape_near_1_and_others_one_of_a_third() -> None:
    two = steady(20)
    for k, each in enumerate(two):
        each["amount"] = 1_000 if k % 2 else 64_000
    rng = random.Random(3)
    many = steady(20)
    for each in many:
        each["amount"] = round(math.exp(rng.gauss(9, 1)))
    assert told([*two[:-1], clock(T0 + 21 * DAY)], "ticket_shape")[-1] == pytest.approx(1, abs=0.01)
    assert told([*many[:-1], clock(T0 + 21 * DAY)], "ticket_shape")[-1] == pytest.approx(1 / 3, abs=0.1)


def test_habits_go_on_through_idle_days_and_the_share_of_open_days_falls() -> None:
    found = told([*steady(20, a_day=40)[:-1], clock(T0 + 29 * DAY)], "open_share")
    assert found[19] == pytest.approx(1)
    idle = [each for each in found[19:] if each is not None]
    assert len(idle) == 9
    assert idle == sorted(idle, reverse=True)
    assert idle[-1] < 0.5


def test_a_merchant_without_a_rate_has_habits_but_no_ticket() -> None:
    found = closings(steady(3, currency="GBP"), random.Random(1))
    assert found[0][2]["habit_ticket_minor"] is None
    assert found[0][2]["habit_ticket_spread"] is not None


def test_a_settlement_or_a_decline_alone_makes_no_habit() -> None:
    declined = steady(3, response_code="51")
    monitor = Monitor(MonitorConfig(capacity=1), detectors=[], historic=True)
    monitor.process(records(declined))
    assert monitor.counts.transactions == 36
    assert monitor._pipeline.state.rows.rows["habits_block"][0] == 0


def test_habits_are_published_with_four_significant_digits() -> None:
    monitor = Monitor(MonitorConfig(capacity=1), detectors=[], historic=True)
    days = list(days_of([monitor.process(records(Weaver(1).events))]).values())
    values = [row[name] for row in days for name in COLUMNS if isinstance(row[name], float)]
    assert len(values) > 1_000
    assert all(value == float(f"{value:.4g}") for value in values)


def test_the_columns_are_those_of_the_list_of_habits_in_its_order() -> None:
    assert COLUMNS[::2][: len(NAMES)] == [f"habit_{name}" for name in NAMES]
    assert COLUMNS[-2:] == ["habit_sales", "habit_mcc"]

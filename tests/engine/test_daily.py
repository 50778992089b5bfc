"""What a local day came to, as its closing tells it: against sums over the day's events, counted one by one."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS
from engine.features.families import daily
from tests.engine.test_readings import START_MS, Event, clock, days_of, master_data, process, sale

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
DAYS = 4
WAYS = {
    "05": "chip", "95": "chip", "02": "stripe", "90": "stripe", "07": "contactless", "91": "contactless",
    "98": "contactless", "03": "code", "04": "code", "94": "code", "01": "keyed",
}  # fmt: skip
MCCS = ("5812", "5411", "8062", "5999", "5541")


def local_day(at_ms: int) -> int:
    return (at_ms + 8 * HOUR_MS) // DAY_MS


class Shop:
    """A shop at random, and what each of its days comes to.

    Attributes:
        events: in the order they come.
        days: by local day, what its closing is to tell.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.days: dict[int, Counter[str]] = {}
        self.mccs: dict[int, Counter[str]] = {}
        contract = {
            "type": "contract", "merchant_id": "m", "effective_from": START_MS, "received_at": START_MS,
            "prices": [{"rate_ppm": 6_000}],
        }  # fmt: skip
        self.priced = seed % 3 > 0
        self.events: list[Event] = [master_data(START_MS, mccs=list(MCCS)), *([contract] if self.priced else [])]
        self.sold: list[Event] = []
        for k in range(DAYS * 40):
            self.step(k, START_MS + k * DAY_MS // 40 + self.rng.randrange(HOUR_MS // 3))
        for day in range(local_day(START_MS), local_day(START_MS) + DAYS + 1):
            self.events.append(clock((day + 1) * DAY_MS + 4 * HOUR_MS - 8 * HOUR_MS))

    def step(self, k: int, at_ms: int) -> None:
        what = self.rng.choices(["sale", "declined", "refund", "void", "settlement"], [60, 10, 10, 12, 8])[0]
        of_day = self.days.setdefault(local_day(at_ms), Counter())
        entry, mcc, kind = self.rng.choice([*WAYS, "00"]), self.rng.choice(MCCS), self.rng.choice(["credit", "debit"])
        event = sale(k, at_ms, mcc, entry_mode=entry, card_kind=kind, feed="f")
        event["fee"] = self.rng.randrange(200) if self.priced else None  # else a tariff may be learned
        match what:
            case "sale":
                self.sold.append(event)
                self.sale(of_day, event)
            case "declined":
                event["response_code"] = "51"
                of_day.update(declined=1, declined_minor=event["amount"])
            case "refund":
                event["txn_type"] = "refund"
                of_day.update(refunds=1, refunds_minor=event["amount"])
            case "void" if self.sold:
                original = self.sold.pop(self.rng.randrange(len(self.sold)))
                event |= {
                    "txn_type": "void", "original_txn_id": original["txn_id"], "amount": original["amount"],
                    "original_amount": original["amount"], "original_time": original["event_time"],
                }  # fmt: skip
                of_day.update(undone=1, undone_minor=original["amount"])
            case "settlement" if self.priced:
                event = {
                    "type": "settlement", "txn_id": f"s{k}", "merchant_id": "m", "amount": 10_000, "currency": "CNY",
                    "fee": 77, "event_time": at_ms, "original_time": at_ms, "received_at": at_ms,
                }  # fmt: skip
                self.fee(of_day, event)
            case _:
                return
        self.events.append(event)

    def sale(self, of_day: Counter[str], event: Event) -> None:
        if event["card_kind"] == "credit":
            of_day["credit"] += 1
        if event["entry_mode"] in WAYS:
            of_day[WAYS[event["entry_mode"]]] += 1
        self.mccs.setdefault(local_day(event["event_time"]), Counter())[event["mcc"]] += 1
        self.fee(of_day, event)

    def fee(self, of_day: Counter[str], event: Event) -> None:
        if self.priced:
            due = (event["amount"] * 6 + 500) // 1_000
            of_day.update(fee_minor=event["fee"], fee_judged_minor=event["fee"], fee_due_minor=due)

    def closing(self, day: int) -> dict[str, int | None]:
        """What the closing of a day is to tell."""
        sums = self.days.get(day, Counter())
        told: dict[str, int | None] = {each.name: sums[each.name.removeprefix("closed_")] for each in daily.COLUMNS}
        mccs = list(self.mccs.get(day, Counter()).items())
        for k in range(3):
            mcc, sales = mccs[k] if k < len(mccs) else (None, None)
            told |= {f"closed_mcc_{k + 1}": mcc and int(mcc), f"closed_mcc_{k + 1}_sales": sales}
        return told


def told(events: list[Event], cuts: list[int]) -> dict[str, dict[str, Any]]:
    names = [each.name for each in daily.COLUMNS]
    days = {day: row for (_, day), row in days_of(process(events, cuts)).items()}
    return {day: {name: row[name] for name in names} for day, row in days.items()}


@pytest.mark.parametrize("seed", range(12))
def test_a_closing_tells_what_its_day_came_to_however_batches_are_cut(seed: int) -> None:
    shop = Shop(seed)
    cuts = sorted(shop.rng.sample(range(1, len(shop.events)), 15))
    closed = told(shop.events, cuts)
    assert len(closed) >= DAYS
    for k, (day, row) in enumerate(sorted(closed.items())):
        assert row == shop.closing(local_day(START_MS) + k), day


def test_what_comes_after_midnight_belongs_to_the_next_day_though_the_last_is_open_still() -> None:
    midnight_ms = START_MS + 16 * HOUR_MS
    events = [
        sale(1, midnight_ms - MINUTE_MS, entry_mode="01", feed="f"),
        sale(2, midnight_ms + MINUTE_MS, entry_mode="05", feed="f"),
        sale(3, midnight_ms - 2 * MINUTE_MS, entry_mode="01", feed="f", received_at=midnight_ms + 2 * MINUTE_MS),
        clock(midnight_ms + 40 * HOUR_MS),
    ]
    closed = told(events, [])
    assert [(row["closed_keyed"], row["closed_chip"]) for row in closed.values()] == [(2, 0), (0, 1)]


def test_what_comes_after_its_day_was_closed_is_in_no_day() -> None:
    events = [
        sale(1, START_MS, entry_mode="01", feed="f"),
        clock(START_MS + 21 * HOUR_MS),  # 05:00 of the next day
        sale(2, START_MS + HOUR_MS, entry_mode="01", feed="f", received_at=START_MS + 21 * HOUR_MS),
        clock(START_MS + 72 * HOUR_MS),
    ]
    closed = told(events, [])
    assert [row["closed_keyed"] for row in closed.values()][:2] == [1, 0]

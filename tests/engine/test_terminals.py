"""What closings tell of terminals, against the slow oracle, and what is held of them, however batches are cut."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from domain.timestamps import DAY_MS, HOUR_MS
from engine.features.families import terminals
from engine.monitor import Monitor, MonitorConfig
from tests.engine.test_closings import records
from tests.engine.test_daily import local_day
from tests.engine.test_readings import START_MS, Event, clock, days_of, master_data, sale
from tests.oracle import ordinary
from tests.oracle_terminals import Terminals, code_of

if TYPE_CHECKING:
    from tests.oracle_state import Value

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
NAMES = ("silent_d", "silent_longest_d", "silent_missed", "technical_d", "terminal_code")
MIDNIGHT_MS = START_MS - (START_MS + 8 * HOUR_MS) % DAY_MS
CLOSED_MS = 3 * HOUR_MS + 1
"""After midnight, by which every day is closed."""


class Shop:
    """A shop with up to 20 terminals, each used at times, and what the oracle says of its days.

    Attributes:
        events: in the order they come.
        told: by local day, what its closing is to tell.
    """

    def __init__(self, seed: int, days: int = 70) -> None:
        self.rng = random.Random(seed)
        self.oracle = Terminals(ordinary)
        self.told: dict[int, dict[str, Value]] = {}
        self.events: list[Event] = [master_data(MIDNIGHT_MS)]
        self.made = 0
        self.days: Counter[tuple[int, str]] = Counter()
        busy = self.rng.choice((2, 5, 20))
        self.odds = {f"{k:08}": self.rng.choice((0.3, 0.9, 1.0)) for k in range(busy)}
        self.sick = self.rng.choice(list(self.odds))
        for day in range(days):
            self.day(day, MIDNIGHT_MS + day * DAY_MS)

    def day(self, day: int, at_ms: int) -> None:
        if day >= 30 and self.rng.random() < 0.1:
            self.odds[self.rng.choice(list(self.odds))] = self.rng.choice((0.0, 0.0, 1.0))
        used = [each for each, odds in self.odds.items() if self.rng.random() < odds]
        shut, night, down = (self.rng.random() < odds for odds in (0.1, 0.5, 0.15))
        count = 0 if shut or not used else self.rng.randrange(60)
        times = [self.rng.randrange(4 * HOUR_MS, DAY_MS) for _ in range(count)]
        times = sorted(each // 12 if night and each < 16 * HOUR_MS else each for each in times)
        for late_ms in (each for each in times if each < CLOSED_MS):
            self.use(at_ms + late_ms, self.rng.choice(used), down)
        self.close(at_ms)
        for late_ms in (each for each in times if each >= CLOSED_MS):
            self.use(at_ms + late_ms, self.rng.choice(used), down)
        if self.rng.random() < 0.1:
            status = self.rng.choice(("active", "spare", "returned", None))
            told = {"terminal_id": self.rng.choice(list(self.odds)), "terminal_status": status}
            event = {"type": "terminal", "merchant_id": "m", "effective_from": at_ms, "received_at": at_ms, **told}
            self.events.append(event)
            self.oracle.equip({name: value for name, value in event.items() if value})

    def use(self, at_ms: int, terminal_id: str, down: bool) -> None:
        self.made += 1
        odds = 0.6 if down else 0.3 if terminal_id == self.sick else 0.02
        code = self.rng.choice(("91", "96", "98")) if self.rng.random() < odds else self.rng.choice(("00", "00", "51"))
        event = sale(self.made, at_ms, terminal_id=terminal_id, response_code=code, feed="f")
        if self.rng.random() < 0.05:
            event["txn_type"] = "refund"
        self.events.append(event)
        day = local_day(at_ms)
        self.oracle.take(event, day, day)
        if "txn_type" not in event:
            what = {"00": "sales", "51": "declined"}.get(code, "technical")
            self.days[day, what] += 1

    def close(self, at_ms: int) -> None:
        """Close the day before; of a merchant without any transaction there is nothing to close."""
        self.events.append(clock(at_ms + CLOSED_MS))
        day = local_day(at_ms) - 1
        if self.made and (self.told or any(key[0] <= day for key in self.days)):
            sales, declined, failed = (self.days[day, each] for each in ("sales", "declined", "technical"))
            found = self.oracle.close(day, sales, declined + failed, failed)
            self.told[day] = dict.fromkeys(NAMES) | found


def closed(events: list[Event], cuts: list[int]) -> list[dict[str, Any]]:
    monitor = Monitor(MonitorConfig(capacity=10), historic=True)
    parts = zip([0, *cuts], [*cuts, None], strict=True)
    days = days_of([monitor.process(records(events[first:last], first)) for first, last in parts])
    return [{name: row[name] for name in NAMES} for _, row in sorted(days.items())]


@pytest.mark.parametrize("seed", range(24))
def test_a_closing_tells_of_the_longest_silence_however_batches_are_cut(seed: int) -> None:
    shop = Shop(seed)
    found = closed(shop.events, sorted(shop.rng.sample(range(1, len(shop.events)), 15)))
    assert found == list(shop.told.values())


def test_the_shops_have_silences_and_failing_days() -> None:
    told = [row for seed in range(24) for row in Shop(seed).told.values()]
    assert sum(row["silent_d"] is not None for row in told) > 30
    assert len({row["terminal_code"] for row in told}) > 10
    assert max(row["technical_d"] or 0 for row in told) >= 3


def block_of(events: list[Event]) -> tuple[dict[int, list[int]], int]:
    """Weekly sales by code of each terminal that is held, in the weeks' places, and the latest week."""
    monitor = Monitor(MonitorConfig(capacity=10), historic=True)
    monitor.process(records(events))
    rows = monitor._pipeline.state.rows
    blocks = [rows.block(name, 0) for name in ("terminals", "more_terminals")]
    return {
        int(code): weeks.tolist() for block in blocks
        for code, weeks in zip(block["terminal_id"], block["terminal_weeks"], strict=True) if code
    }, int(blocks[0]["terminals_week"])  # fmt: skip


def test_thirteen_weeks_of_sales_of_sixteen_terminals_are_held() -> None:
    for seed in range(3):
        shop = Shop(seed, days=140)
        held, last = block_of(shop.events)
        assert held.keys() == {code_of(each) for each in shop.oracle.held}
        for terminal_id in shop.oracle.held:
            for week in range(last - terminals.WEEKS + 1, last + 1):
                expected = shop.oracle.sales_of(terminal_id, week)
                assert held[code_of(terminal_id)][week % terminals.WEEKS] == expected


def test_a_merchant_with_one_terminal_has_no_block() -> None:
    events = [sale(k, MIDNIGHT_MS + k * HOUR_MS, response_code="00" if k % 3 else "96") for k in range(100)]
    monitor = Monitor(MonitorConfig(capacity=10), historic=True)
    monitor.process(records(events))
    row = monitor._pipeline.state.rows.rows[0]
    assert (row["terminals_block"], row["more_terminals_block"]) == (0, 0)


def test_a_terminal_with_a_long_name_is_held_under_a_number_that_names_none() -> None:
    names = ("123456789", "1234567", "12345678")
    held, _ = block_of([sale(k, MIDNIGHT_MS + k * HOUR_MS, terminal_id=names[k % 3]) for k in range(9)])
    codes = {code_of(each) for each in names[1:]}
    (other,) = held.keys() - codes
    assert other >> 63 == 1

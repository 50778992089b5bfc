from __future__ import annotations

import math
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.contract import Findings
from domain.alerts import Evidence, Text
from domain.feature_codes import ROW_TRANSACTION
from engine.control_kinds.engine import EngineSettings
from engine.decoding.columns import MISSING
from engine.features.families import complaints, daily, duties, gauges, habits, oddity, reports, season, trade_fit
from engine.features.families.registry import columns
from engine.monitor import Monitor, MonitorConfig
from tests.oracle import NOT_OF_TRANSACTIONS, Oracle, Value
from tests.oracle_fees import LEARNED
from tests.seeds import examples
from tests.strategies import (
    DAY,
    HOUR,
    MERCHANTS,
    MINUTE,
    appended_at,
    cut,
    records_of,
    seeded_stream,
    streams,
)
from tests.told import Telling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

ELSEWHERE = {
    column.name
    for family in (complaints, daily, duties, season, gauges, habits, reports, oddity, trade_fit)
    for column in family.COLUMNS
}
"""Held to references of their own in `test_complaints`, `test_daily`, `test_habits`, `test_licence_expiry`,
`test_reports_oracle`, `test_season`, `test_scoring` and `test_trade_scoring`."""
COLUMNS = {column.name: column for column in columns() if column.name not in ELSEWHERE}
NOON = 1_783_224_000_000
"""2026-07-05, noon in Shanghai."""
CELLS = 512
"""Cells of the counter of cards: it is full at 512 ln 512 = 3,194, the most it can say."""
LONG = os.environ.get("TILLWATCH_LONG") == "1"
TOTALS = ("attempts", "sales", "sales_minor", "refunds", "refunds_minor", "reversed", "reversed_minor")
LATE_LIMITS_S = (86_400, 86_400, 30 * 86_400, 0)

Event = dict[str, Any]
pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]


@dataclass(slots=True)
class Spy(Telling):
    """A detector that finds nothing and remembers every column it is handed."""

    seen: list[dict[str, Value]] = field(default_factory=list)

    name = "spy"
    version = 1
    title = Text("spy", "spy")
    risk_group = "rule"
    risk_code = ""
    bearer = ""
    needs = ("amount",)
    columns = tuple(COLUMNS)
    quiet_gap_s = 1
    max_age_s = 1

    def detect(self, features: Mapping[str, NDArray[np.int64] | NDArray[np.float64]]) -> Findings:
        mine = features["row_kind"] == ROW_TRANSACTION  # what the oracle computes
        for values in zip(*(features[name][mine].tolist() for name in COLUMNS), strict=True):
            found = {
                name: None if value == MISSING or (isinstance(value, float) and math.isnan(value)) else value
                for name, value in zip(COLUMNS, values, strict=True)
            }
            self.seen.append(found)
        return Findings(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))

    def evidence(self, values: Mapping[str, int | float | None]) -> tuple[Evidence, ...]:
        return ()


def card_tolerance(cards: int) -> float:
    """Six standard errors of linear counting (Whang, Vander-Zanden, Taylor 1990), and a collision."""
    load = cards / CELLS
    return 6 * math.sqrt(CELLS * (math.exp(load) - load - 1)) + 1.5


def agrees(name: str, got: Value, expected: Value) -> bool:
    if got is None or expected is None:
        return got is expected
    if COLUMNS[name].error.startswith("standard error"):
        return abs(got - expected) <= card_tolerance(int(expected))
    if COLUMNS[name].kind == "int":
        return type(got) is int and got == expected
    return math.isclose(got, expected, rel_tol=1e-4, abs_tol=1e-6)


@dataclass
class Comparison:
    """Engine and oracle side by side over one stream."""

    late_s: int = 86_400
    spy: Spy = field(default_factory=Spy)
    verdicts: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.oracle = Oracle(late_s=self.late_s)
        self.monitor = Monitor(
            MonitorConfig(capacity=1000, controls={"engine": EngineSettings(late_s=self.late_s)}), detectors=[self.spy]
        )

    def take(self, batch: Sequence[Event]) -> None:
        """Let both take `batch` in, and note every column in which they differ."""
        first = len(self.spy.seen)
        self.letters += [each.reason for each in self.monitor.process(records_of(batch)).dead_letters]
        rows = iter(self.spy.seen[first:])
        for event in batch:
            taken = self.oracle.take(event, appended_at(event))
            if isinstance(taken, str):
                self.verdicts[taken] += 1
                self.refused += [taken] if taken not in {"duplicate", "other"} else []
                continue
            self.verdicts["accepted"] += 1
            assert taken.keys() == COLUMNS.keys()
            got = next(rows, dict.fromkeys(COLUMNS))
            assert got.keys() == COLUMNS.keys()
            self.different += [
                f"{event['merchant_id']} {event['txn_id']} {name}: engine {got[name]}, oracle {taken[name]}"
                for name in COLUMNS.keys() - self.oracle.unsure if not agrees(name, got[name], taken[name])
            ]  # fmt: skip
        self.different += [f"accepted by the engine alone: {each}" for each in rows]

    def end(self) -> list[str]:
        """Every difference, in counts, dead letters and totals too."""
        counts, verdicts = self.monitor.counts, self.verdicts
        got: list[Any] = [counts.transactions, counts.duplicates, counts.other, self.letters]
        expected: list[Any] = [verdicts["accepted"], verdicts["duplicate"], verdicts["other"], self.refused]
        got.append({m.merchant_id: tuple(getattr(m, name) for name in TOTALS) for m in self.monitor.totals()})
        expected.append({
            merchant_id: tuple(merchant.life[name] for name in TOTALS)
            for merchant_id, merchant in self.oracle.merchants.items()
        })  # fmt: skip
        if got != expected:
            self.different.append(f"counts, letters, totals: engine {got}, oracle {expected}")
        return self.different


def compared(events: Sequence[Event], seed: int = 0, late_s: int = 86_400) -> Comparison:
    """Engine and oracle over `events`, cut into batches by `seed`."""
    comparison = Comparison(late_s)
    for batch in cut(events, random.Random(seed)):
        comparison.take(batch)
    return comparison


def differences(events: Sequence[Event], seed: int = 0, late_s: int = 86_400) -> list[str]:
    """Where engine and oracle differ over `events`, cut into batches by `seed`."""
    return compared(events, seed, late_s).end()


@cache
def long_stream(seed: int) -> Comparison:
    return compared(seeded_stream(seed, 200), seed, LATE_LIMITS_S[seed % 4])


@pytest.mark.parametrize("seed", range(2000 if LONG else 24))
def test_every_column_agrees_with_the_oracle_on_long_streams(seed: int) -> None:
    assert long_stream(seed).end()[:20] == []


@settings(max_examples=examples(50), suppress_health_check=list(HealthCheck))
@given(streams(), st.integers(0, 2**32 - 1))
def test_every_column_agrees_with_the_oracle_on_drawn_streams(events: list[Event], seed: int) -> None:
    assert differences(events, seed)[:20] == []


def test_the_streams_reach_every_verdict_and_every_kind_of_column_value() -> None:
    """What the tests above compare is worth comparing."""
    seen: dict[str, set[Value]] = {name: set() for name in COLUMNS}
    verdicts: Counter[str] = Counter()
    for seed in range(24):
        comparison = long_stream(seed)
        verdicts += comparison.verdicts
        for values in comparison.spy.seen:
            for name, value in values.items():
                seen[name].add(value)
    assert all(verdicts[each] >= 10 for each in ("accepted", "duplicate", "late", "future", "currency", "other"))
    contracts = (name for name in seen if name.startswith("contract_"))
    rare = ("mcc_history", "mcc_history_d")  # `settled_stream` has them
    few = {"fee_type_used", "row_kind", "fee_basis", *rare, *NOT_OF_TRANSACTIONS, *LEARNED, *contracts}
    assert not [name for name, values in seen.items() if len(values) < 3 and name not in few]
    assert seen["fee_basis"] == {0, 1}
    assert not [name for name, column in COLUMNS.items() if (None in seen[name]) != bool(column.null)]
    assert seen["mcc_basis"] == {0, 1, 2}
    assert all(any(int(value or 0) & bit for value in seen["mcc_sources"]) for bit in (1, 2, 4, 8))
    assert min(int(value or 0) for value in seen["sales_28d"]) < 0


def sale(txn_id: str, at_ms: int, **given: Any) -> Event:
    return {
        "txn_id": txn_id, "merchant_id": MERCHANTS[0], "amount": 1_000, "currency": "CNY",
        "event_time": at_ms, **given,
    }  # fmt: skip


def void(txn_id: str, at_ms: int, original: str, **given: Any) -> Event:
    return sale(txn_id, at_ms, txn_type="void", original_txn_id=original, **given)


def columns_of(*events: Event) -> list[dict[str, Value]]:
    """The engine's columns of `events`, one batch, after the oracle agreed."""
    comparison = Comparison()
    comparison.take(events)
    assert comparison.end() == []
    return comparison.spy.seen


def test_a_void_that_moves_the_clock_takes_its_sale_out_of_the_window_it_moved_into() -> None:
    found = columns_of(sale("1", NOON), void("2", NOON + 10 * DAY, "1"), sale("3", NOON + 11 * DAY))
    assert [each["sales_7d"] for each in found] == [1, 0, 1]
    assert [each["sales_28d"] for each in found] == [1, 0, 1]


def test_a_void_means_the_latest_of_two_sales_with_its_original_s_id() -> None:
    key = {"acquirer_code": "1", "terminal_id": "1", "stan": "1", "transmitted_at": NOON}
    others = [sale(f"x{k}", NOON + k) for k in range(11)]
    found = columns_of(
        sale("1", NOON), *others, sale("1", NOON + 3 * HOUR, amount=7_000, **key),
        *(sale(f"y{k}", NOON + 3 * HOUR) for k in range(3)),
        void("2", NOON + 3 * HOUR, "1", amount=0),
    )  # fmt: skip
    assert found[-1]["reversed_minor"] == 7_000


def test_an_original_said_to_lie_ahead_of_the_clock_is_taken_out_of_the_clock_s_hour() -> None:
    others = [sale(f"x{k}", NOON + k) for k in range(16)]
    details = {"original_amount": 1_000, "original_time": NOON + 2 * HOUR}
    found = columns_of(sale("1", NOON), *others, void("2", NOON + MINUTE, "1", **details), sale("3", NOON + 30 * HOUR))
    assert [each["sales_24h"] for each in found[-2:]] == [16, 1]


def test_a_late_sale_s_change_of_mcc_weighs_what_it_would_have_weighed() -> None:
    found = columns_of(sale("1", NOON, mcc="5812"), sale("2", NOON - 20 * HOUR, mcc="5411"))
    assert found[-1]["mcc_switches_28d"] == pytest.approx(2 ** (-20 / (28 * 24)), rel=1e-5)


def test_a_zone_that_moves_the_day_but_not_the_clock_lets_a_day_leave_the_window() -> None:
    """A late sale brings the zone of the version before back, in which it is tomorrow already."""
    at_ms = NOON + 5 * HOUR
    zones = {at_ms - DAY: "Pacific/Kiritimati", at_ms: "Etc/GMT+12", 0: "Etc/GMT+12"}
    versions = [
        {
            "type": "merchant",
            "merchant_id": MERCHANTS[0],
            "effective_from": max(since, NOON - 300 * DAY),
            "time_zone": zone,
        }
        for since, zone in zones.items()
    ]
    found = columns_of(
        *versions,
        sale("1", at_ms - 6 * DAY),
        sale("2", at_ms),
        sale("3", at_ms - MINUTE),
        sale("4", at_ms + MINUTE),
    )
    assert [each["sales_7d"] for each in found] == [1, 2, 2, 3]


def test_a_sale_before_a_change_of_zone_is_taken_out_of_the_day_it_was_in() -> None:
    """16:00 on Sunday in New York; an hour later the merchant is in Shanghai, where it is Monday morning."""
    at_ms = NOON + 16 * HOUR
    zones = {at_ms - DAY: "America/New_York", at_ms + HOUR: "Asia/Shanghai"}
    versions = [
        {"type": "merchant", "merchant_id": MERCHANTS[0], "effective_from": since, "time_zone": zone}
        for since, zone in zones.items()
    ]
    found = columns_of(*versions, sale("1", at_ms), sale("2", at_ms + HOUR), void("3", at_ms + HOUR, "1"))
    assert [each["sales_1d"] for each in found] == [1, 1, 1]
    assert [each["sales_7d"] for each in found] == [1, 2, 1]


def test_the_day_s_leakage_stops_at_its_bound() -> None:
    """A sale of 9,999,999,999.99 loses 4.50 per 1,000: 89 of them pass 4e18, 205 would the largest int64."""
    version = {"type": "merchant", "merchant_id": MERCHANTS[0], "effective_from": NOON - DAY, "mccs": ["5812"]}
    exempt = {"amount": 999_999_999_999, "mcc": "8062", "scheme": "unionpay", "card_kind": "credit"}
    found = columns_of(version, *(sale(f"{k}", NOON + k, **exempt) for k in range(600)))
    lost = [int(each["leakage_1d_e7"] or 0) for each in found]
    assert lost[87] < lost[88] == lost[-1] == 4 * 10**18


def test_counts_of_values_are_halved_at_60000() -> None:
    spy = Spy()
    monitor = Monitor(MonitorConfig(capacity=1), detectors=[spy])
    mccs = ["5411", *["5812"] * 60_000, "5812"]
    monitor.process(records_of([sale(f"{k}", NOON + k, mcc=mcc) for k, mcc in enumerate(mccs)]))
    assert [each["mcc_learned_share"] for each in spy.seen[-2:]] == [59_999 / 60_000, 30_000 / 30_001]


def settled_stream(seed: int) -> list[Event]:
    """A merchant without master data whose sources have steady values, then ones that they never had."""
    rng = random.Random(seed)
    mccs = rng.sample(("5812", "5411", "8062", "5814", "5541", "7011", "5732", "5912"), 8)
    usual, at_ms, events = rng.choice((1, 1, 2, 4)), NOON, []
    gap_ms = rng.choice((2, 6, 14, 30)) * HOUR
    for k in range(300):
        at_ms += rng.randrange(2 * gap_ms)
        new = k > 60 and rng.random() < (0.3 if k % 100 > 50 else 0.02)
        mcc = rng.choice(mccs) if new else mccs[rng.randrange(usual) if rng.random() < 0.08 else 0]
        given = {"mcc": mcc, "channel_mcc": mcc if seed % 2 else mccs[0], "special_fee_type": "03" if new else "00"}
        late = rng.randrange(20) * HOUR if rng.random() < 0.05 else 0
        events.append(sale(f"{k}", at_ms - late, scheme="unionpay", card_kind="credit", **given))
    return events


def test_what_a_settled_history_never_had_is_what_the_oracle_says() -> None:
    fresh: Counter[int] = Counter()
    for seed in range(16):
        comparison = compared(settled_stream(seed), seed)
        assert comparison.end()[:20] == [], f"seed {seed}"
        found = [each for each in comparison.spy.seen if each["mcc_history"] is not None]
        fresh.update(int(each["mcc_sources"] or 0) for each in found)
    assert sum(fresh.values()) >= 40
    assert all(any(sources & bit for sources in fresh) for bit in (1, 4, 8))


def test_cards_are_counted_with_the_stated_error() -> None:
    """200 cards on each of 60 days: within chance no mean error, and 3 % (6.7 cards) standard error."""
    events = [
        sale(f"{day}-{k}", NOON + day * DAY + k * 1000, card_token=f"{day}.{k}")
        for day in range(60)
        for k in range(200)
    ]
    spy = Spy()
    Monitor(MonitorConfig(capacity=1), detectors=[spy]).process(records_of(events))
    counted = np.array([spy.seen[200 * day + 199]["cards_1d"] for day in range(60)], float)
    assert abs(counted.mean() - 200) < 4 * 6.7 / math.sqrt(60)
    assert 0.02 * 200 < counted.std() < 0.045 * 200


def test_a_day_of_more_cards_than_the_counter_can_tell_reads_3194() -> None:
    spy = Spy()
    monitor = Monitor(MonitorConfig(capacity=1), detectors=[spy])
    monitor.process(records_of([sale(f"{k}", NOON + k, card_token=f"{k}") for k in range(8_000)]))
    assert spy.seen[-1]["cards_1d"] == 3_194


def test_a_merchant_too_many_is_a_dead_letter() -> None:
    monitor = Monitor(MonitorConfig(capacity=2), detectors=[])
    events = [sale("1", NOON, merchant_id=MERCHANTS[m]) for m in (0, 1, 2, 0, 2)]
    letters = monitor.process(records_of(events)).dead_letters
    assert [(each.reason, each.position) for each in letters] == [("capacity", 2), ("capacity", 4)]

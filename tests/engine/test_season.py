"""The season family against a slow reference, on random merchants with everything that may befall them."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from detectors.contract import Findings
from domain.alerts import Text
from domain.calendars import FIRST_DAY
from domain.peers import GENERIC, Peer, Peers
from engine.control_kinds.registry import version_0
from engine.decoding.columns import MISSING
from engine.decoding.hashing import hash_of
from engine.decoding.records import Records
from engine.features.families import season
from engine.monitor import Monitor, MonitorConfig
from tests.season_reference import DAY, HOUR, Reference
from tests.told import Telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
START_DAY = 20_200
"""2025-04-22: Labour Day, Dragon Boat Festival and paydays lie ahead."""
SHORT = ("day_share", "expected_1h", "hour_surprise", "new_d", "peer_z")
"""Columns the reference does not have: they have tests of their own below."""
NAMES = tuple(column.name for column in season.COLUMNS if column.name not in SHORT)


class Spy(Telling):
    """A detector that finds nothing and keeps the columns of the season."""

    name, risk_group, version, title, risk_code, bearer = "spy", "volume", 1, Text("spy", "spy"), "", ""
    needs: tuple[str, ...] = ("amount",)
    columns: tuple[str, ...] = ()
    quiet_gap_s = max_age_s = 60

    def __init__(self) -> None:
        self.seen: list[dict[str, float | None]] = []

    def detect(self, features: Mapping[str, Any]) -> Findings:
        names = ["row_kind", *(column.name for column in season.COLUMNS)]
        for values in zip(*(features[name].tolist() for name in names), strict=True):
            shown = zip(names, values, strict=True)
            self.seen.append(
                {k: None if v == MISSING or (isinstance(v, float) and math.isnan(v)) else v for k, v in shown}
            )
        return Findings(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))

    def evidence(self, values: Mapping[str, Any]) -> tuple[()]:
        return ()


def factor_of(day: int, plan: dict[str, int]) -> float:
    """What befalls the merchant on a day of the run."""
    if plan["quiet"] <= day < plan["quiet"] + plan["quiet_days"]:
        return 0.0
    factor = 4.0 if day == plan["surge"] else 1.0
    if day >= plan["level"]:
        factor *= plan["times"] / 10
    return factor


def stream(seed: int, days: int) -> Iterator[tuple[str, int, int]]:
    """("sale" | "undo", amount, time): sales in order of receipt, some late, some undone within minutes."""
    rng = random.Random(seed)
    rate, sigma = rng.choice([2.0, 12.0, 40.0]), rng.choice([0.3, 0.9])
    plan = {
        "quiet": rng.randint(20, 60), "quiet_days": rng.choice([1, 3, 12, 35]), "surge": rng.randint(15, 80),
        "level": rng.randint(30, 70), "times": rng.choice([2, 10, 25]),
    }  # fmt: skip
    for day in range(days):
        midnight = (START_DAY + day) * DAY - 8 * HOUR
        mean = rate * factor_of(day, plan) * (0.5 if day % 7 == 3 else 1.0)
        times = sorted(rng.uniform(7, 26) for _ in range(np.random.default_rng(seed * 1000 + day).poisson(mean)))
        for at in times:
            at_ms = midnight + int(at * HOUR)
            minor = max(1, round(8_000 * math.exp(rng.gauss(0, sigma))))
            if rng.random() < 0.03:
                at_ms -= rng.randint(HOUR, 20 * HOUR)
            yield "sale", minor, at_ms
            if rng.random() < 0.04:
                yield "undo", minor, at_ms


def compared(seed: int, days: int = 100) -> tuple[list[dict[str, float | None]], list[dict[str, float | None]]]:
    """What the engine says, and what the reference says, of every sale and every end of a day."""
    kinds = {FIRST_DAY + k: int(kind) for k, kind in enumerate(version_0({})["calendar"].day_kinds("CN")) if kind}
    offset = hash_of("m1") % HOUR
    reference = Reference(kinds, list(GENERIC.hours), GENERIC.spread, offset)
    expected: list[dict[str, float | None]] = []
    records: list[dict[str, Any]] = []
    clock_ms, closing = -1, -1

    def pass_to(at_ms: int) -> None:
        nonlocal closing
        while closing >= 0 and (due := (closing + 1) * DAY - 8 * HOUR + 2 * HOUR + offset) < at_ms:
            expected.append({"row_kind": 2, **reference.close(closing, (clock_ms + 8 * HOUR) // DAY)})
            closing += 1
            assert due

    for k, (what, minor, at_ms) in enumerate(stream(seed, days)):
        if what == "undo":
            # An undo is a transaction too; it comes a moment after the clock, and has no columns.
            undone = expected_time = max(clock_ms, at_ms)
            records.append(_txn(f"u{k}", 0, expected_time, txn_type="void", original_txn_id=f"t{k - 1}"))
            reference.undo(minor, at_ms)
            expected.append({"row_kind": 0})
            clock_ms = undone
            continue
        if clock_ms - at_ms > DAY:
            continue
        pass_to(at_ms)
        clock_ms = max(clock_ms, at_ms)
        if closing < 0:
            closing = (clock_ms + 8 * HOUR) // DAY
        expected.append({"row_kind": 0, **reference.sell(minor, at_ms, clock_ms)})
        records.append(_txn(f"t{k}", minor, at_ms))
    spy = Spy()
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[spy], historic=True)
    lines = [json.dumps(each).encode() for each in records]
    rng = random.Random(seed)
    while lines:
        n = rng.randint(1, 3000)
        monitor.process(Records.of(lines[:n]))
        lines = lines[n:]
    return spy.seen, expected


def _txn(txn_id: str, minor: int, at_ms: int, **changed: Any) -> dict[str, Any]:
    return {
        "txn_id": txn_id, "merchant_id": "m1", "amount": minor, "currency": "CNY", "event_time": at_ms, **changed
    }  # fmt: skip


def agrees(got: float | None, expected: float | None) -> bool:
    if got is None or expected is None:
        return got is expected
    return math.isclose(got, expected, rel_tol=3e-3, abs_tol=1.01 if isinstance(got, int) else 0.03)


@pytest.mark.parametrize("seed", range(12))
def test_the_engine_agrees_with_the_slow_reference(seed: int) -> None:
    got, expected = compared(seed)
    assert len(got) == len(expected)
    different = [
        f"{place} {name}: engine {one[name]}, reference {other.get(name)}"
        for place, (one, other) in enumerate(zip(got, expected, strict=True))
        for name in ("row_kind", *NAMES) if not agrees(one[name], other.get(name))
    ]  # fmt: skip
    assert different[:20] == []


def test_the_random_merchants_are_worth_comparing() -> None:
    rows = [row for seed in range(12) for row in compared(seed)[0]]
    for name, least in (
        ("day_surprise", 3),
        ("rise_score", 3),
        ("fall_score", 3),
        ("silence_score", 3),
        ("decline_score", 2),
        ("missed_sales", 12),
        ("dormancy_d", 30),
    ):
        assert sum((row[name] or 0) >= least for row in rows) >= 5, name


def rows_of(events: list[dict[str, Any]], peers: Peers | None = None) -> list[dict[str, float | None]]:
    spy = Spy()
    config = MonitorConfig(capacity=10, controls={"peers": peers}) if peers else MonitorConfig(capacity=10)
    Monitor(config, detectors=[spy], historic=True).process(Records.of([json.dumps(each).encode() for each in events]))
    return spy.seen


def hourly(days: int, hours: range, a_hour: int, begin: int = 0) -> list[dict[str, Any]]:
    """So many sales in each of some local hours of each day."""
    midnight = START_DAY * DAY - 8 * HOUR
    return [
        _txn(f"{day}-{hour}-{k}", 10_000, midnight + day * DAY + hour * HOUR + k * 60_000)
        for day in range(begin, begin + days) for hour in hours for k in range(a_hour)
    ]  # fmt: skip


def test_the_share_of_the_day_made_by_now_is_learned_from_its_hours() -> None:
    rows = [row for row in rows_of(hourly(30, range(10, 20), 3)) if row["row_kind"] == 0]
    first, last = rows[-30], rows[-1]
    assert first["day_share"] == pytest.approx(0.1, abs=0.03)
    assert last["day_share"] == pytest.approx(0.98, abs=0.03)
    assert last["expected_1h"] == pytest.approx(3.0, rel=0.15)


def test_an_hour_ten_times_its_usual_surprises_and_its_share_of_a_usual_day_does_not() -> None:
    usual = hourly(30, range(10, 20), 3)
    odd = hourly(1, range(14, 15), 30, begin=30)
    rows = [row for row in rows_of([*usual, *odd]) if row["row_kind"] == 0]
    assert max(row["hour_surprise"] or 0 for row in rows[:-30]) < 1
    assert (rows[-1]["hour_surprise"] or 0) > 5


@pytest.mark.parametrize("minor", [2_000, 200_000])
def test_a_new_merchants_day_is_held_against_its_peers(minor: int) -> None:
    peers = Peers((GENERIC, Peer(mccs=("5944",), new_minor=(3_000_000.0,) * 5, new_sd=0.5)))
    opened = START_DAY * DAY - 8 * HOUR
    events = [
        {
            "type": "merchant",
            "merchant_id": "m1",
            "effective_from": opened - DAY,
            "received_at": opened - DAY,
            "mccs": ["5944"],
        },
        *(each | {"amount": minor} for each in hourly(1, range(10, 20), 3)),
    ]
    last = rows_of(events, peers)[-1]
    assert last["new_d"] == 0
    expected = (math.log(30 * minor) + 0.405 - math.log(3_000_000)) / 0.5
    assert last["peer_z"] == pytest.approx(expected, abs=0.05)


def test_a_merchant_heard_of_and_trading_at_once_is_not_known_to_be_new() -> None:
    opened = START_DAY * DAY
    old = {
        "type": "merchant",
        "merchant_id": "m1",
        "effective_from": opened - 100 * DAY,
        "received_at": opened - HOUR,
        "mccs": ["5944"],
    }
    assert rows_of([old, *hourly(1, range(10, 20), 3)])[-1]["new_d"] is None
    waited = old | {"received_at": opened - 5 * DAY}
    assert rows_of([waited, *hourly(1, range(10, 20), 3)])[-1]["new_d"] == 0

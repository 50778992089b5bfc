"""Every column of reports and gauges against the slow reference, and the same however batches are cut."""

from __future__ import annotations

import json
import math
import os
import random
from collections import Counter
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from domain.feature_codes import ROW_CLOSING, ROW_REPORT
from engine.decoding.records import Records
from engine.features.families import gauges, reports
from engine.monitor import Monitor, MonitorConfig
from tests.engine.test_checkpoints import Shelf
from tests.oracle_reports import DAY, Event, Ledger, day_of
from tests.report_streams import DOLLAR, HOUR, T0, clock
from tests.seeds import seeds

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
NAMES = [each.name for family in (reports, gauges) for each in family.COLUMNS]
UNTOLD = {"report_terminal", "point_form"}
"""Of terminals, which the reference does not hold."""
BY_HAND = {"gauge_vamp_days", "gauge_efm_days"}
"""They take thousands of events: `test_gauges` has them."""
SEEDS = seeds(300 if os.environ.get("TILLWATCH_LONG") == "1" else 8, quick=4)
SCHEMES = ("visa", "mastercard", "mastercard", "unionpay")


class Weaver:
    """A merchant's days, drawn: sales of several schemes, refunds, declines, and reports of all kinds and troubles."""

    def __init__(self, seed: int) -> None:
        self.rng, self.events = random.Random(seed), []
        self.sold: list[Event] = []
        self.reports: list[Event] = []
        self.now_ms = T0 - self.rng.choice((20, 45, 75)) * DAY
        self.share = self.rng.choice((0.002, 0.05, 0.3))

    def weave(self, steps: int) -> list[Event]:
        while len(self.events) < steps:
            long_ms = 12 * HOUR if self.rng.random() < 0.2 else 0
            self.now_ms += self.rng.choice((1_000, HOUR // 6, HOUR, 3 * HOUR, long_ms))
            self.rng.choice((self._sale, self._sale, self._sale, self._sale, self._report, self._clock, self._bulk))()
        return self.events

    def _sale(self) -> None:
        rng, at_ms = self.rng, self.now_ms - self.rng.choice((0, 0, 0, HOUR))
        event = {
            "txn_id": f"t{len(self.events)}", "merchant_id": "m", "amount": rng.choice((1_000, 90_000, 8_000_000)),
            "currency": "CNY", "event_time": at_ms, "feed": "f", "scheme": rng.choice(SCHEMES),
        }  # fmt: skip
        if rng.random() < 0.9:
            event["entry_mode"] = rng.choice(("051", "012", "812", "812", "101"))
        if rng.random() < 0.3:
            event["eci"] = rng.choice(("05", "07", "07", "07"))
        if rng.random() < 0.1:
            event["txn_type"] = "refund"
        elif rng.random() < 0.15:
            event["response_code"] = rng.choice(("05", "96"))
        else:
            self.sold.append(event)
        self.events.append(event)

    def _report(self) -> None:
        rng = self.rng
        if self.reports and rng.random() < 0.35:
            again = dict(rng.choice(self.reports[-8:]))
            again |= {"event_time": self.now_ms, "status": rng.choice(("open", "withdrawn", "reversed", "accepted"))}
            self.events.append(again)
            return
        of = rng.choice(self.sold[-60:]) if self.sold else {"txn_id": "x", "amount": 5, "event_time": self.now_ms - DAY}
        event = {
            "type": rng.choice(("fraud_report", "fraud_report", "chargeback", "retrieval")), "merchant_id": "m",
            "event_time": self.now_ms, "txn_id": of["txn_id"], "amount": of["amount"], "currency": "CNY",
            "original_time": of["event_time"], "feed": "f",
        }  # fmt: skip
        if rng.random() < 0.8:
            event["report_id"] = f"r{len(self.events)}"
        if rng.random() < 0.9:
            event |= {name: of[name] for name in ("scheme", "entry_mode") if name in of}
        if event["type"] == "chargeback":
            event["reason_code"] = rng.choice(("4837", "10.4", "13.1"))
        if rng.random() < 0.1:
            del event["original_time"]
        if rng.random() < 0.05:
            event["original_time"] = T0 - 200 * DAY
        self.reports.append(event)
        self.events.append(event)

    def _bulk(self) -> None:
        """Now and then a file of chargebacks, of payments that may be charged back already."""
        if self.rng.random() < 0.04 and self.sold:
            for _ in range(self.rng.choice((40, 110, 320))):
                of = self.rng.choice(self.sold[-200:])
                self.events.append({
                    "type": "chargeback", "merchant_id": "m", "event_time": self.now_ms, "txn_id": of["txn_id"],
                    "amount": of["amount"], "currency": "CNY", "original_time": of["event_time"], "feed": "f",
                    "report_id": f"b{len(self.events)}", "reason_code": "13.1", "scheme": "mastercard",
                })  # fmt: skip

    def _clock(self) -> None:
        self.events.append(clock(self.now_ms - HOUR))


def engine_rows(
    events: list[Event], rng: random.Random | None = None, *, monitor: Monitor | None = None, at: int = 0
) -> list[tuple[int, int, int, int, dict[str, Any]]]:
    """Rows of reports and ends of days from an event on: the event they came with, kind, two times and columns."""
    if monitor is None:
        monitor = Monitor(MonitorConfig(capacity=10, controls={"rates": DOLLAR}), detectors=[], historic=True)
    found = []
    while at < len(events):
        size = rng.randint(1, 50) if rng else 1
        raw = [json.dumps(each).encode() for each in events[at : at + size]]
        for rows in monitor._pipeline.rows(Records.of(raw, first_offset=at)):
            assert rows.dead_letters() == []
            for j in range(len(rows)):
                kind = int(rows.columns["row_kind"][j])
                if kind in {ROW_CLOSING, ROW_REPORT}:
                    ms = int(rows.local_ms[j]) if kind == ROW_CLOSING else int(rows.time_ms[j])
                    found.append((at, kind, ms, int(rows.time_ms[j]), rows.values(NAMES, j)))
        at += size
    return found


@cache
def whole_rows(seed: int) -> list[tuple[int, int, int, int, dict[str, Any]]]:
    """The rows of a stream whose records come one by one."""
    return engine_rows(Weaver(seed).weave(900))


def agrees(got: Any, expected: Any) -> bool:
    if got is None or expected is None:
        return got is expected
    return math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_column_agrees_with_the_reference(seed: int) -> None:
    events = Weaver(seed).weave(900)
    rows = whole_rows(seed)
    ledger, different, at = Ledger(), [], 0
    for k, event in enumerate(events):
        expected: dict[str, Any] | None = None
        closings = [each for each in rows if each[0] == k and each[1] == ROW_CLOSING]
        for _, _, local_ms, time_ms, got in closings:
            told = ledger.closing(local_ms // DAY, time_ms, Fraction(1, 7))
            different += [
                f"{k} {name}: engine {got[name]}, reference {told.get(name)}"
                for name in NAMES if not agrees(got[name], told.get(name))
            ]  # fmt: skip
        if event.get("type") in {"fraud_report", "chargeback", "retrieval"}:
            expected = ledger.report(event)
        elif event.get("type") != "clock":
            ledger.sale(event)
        mine = [each for each in rows if each[0] == k and each[1] == ROW_REPORT]
        assert len(mine) == (expected is not None), f"{k} {event}"
        if expected is not None:
            at += 1
            different += [
                f"{k} {name}: engine {mine[0][4][name]}, reference {expected.get(name)}"
                for name in NAMES if name not in UNTOLD and not agrees(mine[0][4][name], expected.get(name))
            ]  # fmt: skip
    assert at > 20
    assert different[:10] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_do_not_depend_on_where_batches_are_cut(seed: int) -> None:
    events = Weaver(seed).weave(900)
    whole = [each[1:] for each in whole_rows(seed)]
    assert [each[1:] for each in engine_rows(events, random.Random(seed))] == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_do_not_depend_on_a_restore(seed: int) -> None:
    events, at = Weaver(seed).weave(900), 500 + 37 * seed
    whole = [each for each in whole_rows(seed) if each[0] >= at]
    first, second = (
        Monitor(MonitorConfig(capacity=10, controls={"rates": DOLLAR}), detectors=[], historic=True, checkpoints=True)
        for _ in range(2)
    )
    first.process(Records.of([json.dumps(each).encode() for each in events[:at]]))
    shelf = Shelf()
    shelf.whole(first)
    shelf.bring_back(second)
    assert engine_rows(events, monitor=second, at=at) == whole


def test_the_streams_reach_what_is_worth_comparing() -> None:
    seen: Counter[str] = Counter()
    for seed in range(8):
        for _, _, _, _, values in whole_rows(seed):
            seen.update(name for name, value in values.items() if value is not None)
            seen.update(f"bit {k}" for k in range(6) if int(values["gauge_breached"] or 0) >> k & 1)
    assert [name for name in NAMES if not seen[name] and name not in UNTOLD | BY_HAND] == []
    assert day_of(T0) > 0

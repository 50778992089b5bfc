"""The table of event kinds says what each moves; here an event of each kind is processed and moves just that."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from domain.events import EVENT_KINDS, EventKind, Moves
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.engine.test_occasions import Everything

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]

T0 = 1_783_251_730_250
SALE = {"txn_id": "1", "merchant_id": "m", "amount": 100, "currency": "CNY", "event_time": T0, "feed": "f"}
BEFORE = ({**SALE, "txn_id": "0", "terminal_id": "s"}, {**SALE, "terminal_id": "t"})
LATER: dict[str, dict[str, Any]] = {
    "transaction": {**SALE, "txn_id": "2", "event_time": T0 + 1},
    "settlement": {**SALE, "event_time": T0 + 1},
    "merchant": {"merchant_id": "m", "effective_from": T0, "mccs": ["5411"]},
    "fraud_report": {"merchant_id": "m", "event_time": T0 + 1, "feed": "f"},
    "chargeback": {"merchant_id": "m", "event_time": T0 + 1, "feed": "f"},
    "verdict": {"merchant_id": "m", "event_time": T0 + 1, "alert_id": "a", "verdict": "confirmed"},
    "override": {"merchant_id": "m", "event_time": T0 + 1, "grade": "E", "reason": "seen", "expires_at": T0 + 10**9},
    "terminal": {"merchant_id": "m", "effective_from": T0, "terminal_id": "t", "terminal_status": "spare"},
    "clock": {"feed": "f", "event_time": T0 + 1},
    "contract": {"merchant_id": "m", "effective_from": T0, "prices": [{"rate_ppm": 6000}]},
    "person": {"person_id": "p", "effective_from": T0, "role": "rep", "name": "苇杪"},
    "assignment": {"merchant_id": "m", "effective_from": T0, "rep_id": "p"},
    "visit": {"merchant_id": "m", "event_time": T0 + 1, "outcome": "as_registered", "note": "open"},
    "complaint": {"merchant_id": "m", "event_time": T0 + 1, "reason_code": "fee"},
    "retrieval": {"merchant_id": "m", "event_time": T0 + 1, "feed": "f"},
}
"""An event of each kind, after `BEFORE`."""


class Seen(NamedTuple):
    """What there is to be moved."""

    clock_ms: int
    feed_clock_ms: int
    features: int
    terms: tuple[int, int]
    risk: int
    history: bytes


def seen_after(*events: dict[str, Any]) -> Seen:
    detector = Everything(())
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[detector])
    risk = 0
    for event in events:
        outputs = monitor.process(Records.of([json.dumps(event).encode()], appended_ms=T0 + 1))
        assert outputs.dead_letters == []
        risk += len(outputs.scores) + outputs.counts.unmatched_verdicts
    state = monitor._pipeline.state
    row = state.rows.rows[0]
    feed_clock_ms = int(state.feed_clock_ms[0])
    terms = (row["master_data"], row["contract"])
    history = b"".join(state.rows.block(name, 0).tobytes() for name in ("terminals", "complaints"))
    return Seen(int(row["clock_ms"]), feed_clock_ms, len(detector.seen), terms, risk, history)


@pytest.mark.parametrize("kind", EVENT_KINDS.values(), ids=lambda kind: kind.name)
def test_an_event_moves_what_its_kind_says_and_nothing_else(kind: EventKind) -> None:
    before, after = seen_after(*BEFORE), seen_after(*BEFORE, {"type": kind.name, **LATER[kind.name]})
    of = {
        "clock_ms": Moves.CLOCK, "feed_clock_ms": Moves.FEED_CLOCK, "features": Moves.FEATURES, "terms": Moves.TERMS,
        "risk": Moves.RISK,
    }  # fmt: skip
    moved = Moves.NOTHING
    for name, each in of.items():
        if getattr(before, name) != getattr(after, name):
            moved |= each
    if before.history != after.history and Moves.FEATURES not in moved:
        moved |= Moves.HISTORY
    assert moved == kind.moves


def test_a_person_is_counted_in_any_partition_and_becomes_no_merchant() -> None:
    people = [json.dumps({"type": "person", "person_id": f"p{k}", "effective_from": T0}).encode() for k in range(20)]
    for partition in range(2):
        monitor = Monitor(MonitorConfig(capacity=1), partition, 2)
        outputs = monitor.process(Records.of(people, appended_ms=T0))
        assert (outputs.dead_letters, outputs.counts.other) == ([], 20)
        assert monitor._pipeline.state.rows.count[0] == 0


def test_the_key_of_a_kind_is_a_field_that_it_requires() -> None:
    keys = {kind.name: kind.key for kind in EVENT_KINDS.values()}
    assert {name: key for name, key in keys.items() if key != "merchant_id"} == {"clock": "", "person": "person_id"}
    for kind in EVENT_KINDS.values():
        assert kind.key == "" or kind.key in {each.name for each in kind.fields if each.required}


def test_the_codes_of_kinds_that_logs_and_compiled_code_hold_never_change() -> None:
    """A new kind is appended."""
    assert list(EVENT_KINDS) == [
        "transaction", "settlement", "merchant", "fraud_report", "chargeback", "verdict", "override", "terminal",
        "clock", "contract", "person", "assignment", "visit", "complaint", "retrieval",
    ]  # fmt: skip

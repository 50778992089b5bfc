"""Exports of one feed that overlap, on both logs."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from streams.intake import IntakeTotals, ingest
from streams.overlap import Forwarded
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.log import Log
    from tests.streams.conftest import LogBackend

T0 = 1_735_700_400_000
HALF_HOUR_MS = 1_800_000
PARTITIONS = 2


def sale(k: int, **more: Any) -> dict[str, Any]:
    """One each half hour."""
    return {
        "txn_id": f"t{k}", "merchant_id": f"m{k % 5}", "amount": 100, "currency": "CNY",
        "event_time": T0 + k * HALF_HOUR_MS,
    } | more  # fmt: skip


DAY_1, OVERLAP, DAY_2 = ([sale(k) for k in numbers] for numbers in (range(48), range(40, 48), range(48, 96)))


@pytest.fixture
def log(backend: LogBackend) -> Iterator[Log]:
    with backend.open() as opened:
        create_topics(opened, PARTITIONS)
        yield opened


def taken(log: Log, name: str, *events: dict[str, Any], **more: Any) -> IntakeTotals:
    raw = b"".join(json.dumps(each).encode() + b"\n" for each in events)
    return ingest(log, io.BytesIO(raw), name=name, **{"historic": True, **more})


def in_log(log: Log) -> list[dict[str, Any]]:
    found = []
    for partition in range(PARTITIONS):
        offset = log.first_offset("events", partition)
        while len(records := log.read("events", partition, offset)):
            found += [json.loads(records.value(i)) for i in range(len(records))]
            offset = int(records.offsets[-1]) + 1
    return [each for each in found if each.get("type") != "clock"]


@pytest.mark.parametrize("historic", [True, False], ids=["of the past", "received now"])
def test_a_day_that_begins_with_the_end_of_the_day_before_is_counted_once(log: Log, *, historic: bool) -> None:
    taken(log, "day 1", *DAY_1, historic=historic)
    totals = taken(log, "day 2", *OVERLAP, *DAY_2, historic=historic)
    assert (totals.forwarded, totals.repeated) == (48, 8)
    assert sorted(each["txn_id"] for each in in_log(log)) == sorted(f"t{k}" for k in range(96))


def test_a_third_export_that_overlaps_both_brings_only_what_is_new(log: Log) -> None:
    taken(log, "day 1", *DAY_1)
    taken(log, "day 2", *OVERLAP, *DAY_2)
    totals = taken(log, "again", *DAY_1, *DAY_2, sale(96))
    assert (totals.forwarded, totals.repeated) == (1 + 47, 49), "48 hours, of which the last 24 are looked at"


def test_what_differs_in_amount_type_outcome_or_time_is_no_repeat(log: Log) -> None:
    taken(log, "day 1", *DAY_1)
    others = [
        sale(47, amount=101), sale(47, txn_type="refund"), sale(47, response_code="51"), sale(47, currency="USD"),
        sale(47, event_time=T0 + 47 * HALF_HOUR_MS - 1), sale(47, txn_id="u"), sale(47, merchant_id="m4"),
    ]  # fmt: skip
    totals = taken(log, "day 2", *others, sale(47, response_code="00", note="another word"))
    assert (totals.forwarded, totals.repeated) == (7, 1)


def test_another_feed_an_earlier_time_and_the_input_itself_repeat_nothing(log: Log) -> None:
    taken(log, "day 1", *DAY_1)
    assert taken(log, "other", *OVERLAP, feed="east").repeated == 0
    assert taken(log, "short", *DAY_1, overlap_s=7_200).repeated == 5
    assert taken(log, "new", sale(100), sale(99), sale(100)).forwarded == 3


def test_other_records_are_repeats_where_the_whole_line_is(log: Log) -> None:
    report = {"type": "chargeback", "merchant_id": "m1", "event_time": T0 + HALF_HOUR_MS, "reason_code": "10.4"}
    visit = {"type": "visit", "merchant_id": "m1", "event_time": T0, "person_id": "p", "note": "6222021234567894"}
    taken(log, "day 1", *DAY_1, report, visit)
    totals = taken(log, "day 2", report, {**report, "reason_code": "10.5"}, visit)
    assert (totals.forwarded, totals.repeated) == (1, 2)


def test_only_as_much_of_the_log_is_read_back_as_inputs_overlap(backend: LogBackend) -> None:
    with backend.open() as log:
        create_topics(log, 1)
        taken(log, "days", *(sale(k, event_time=T0 + k * 10_000) for k in range(40_000)))
        level_ms, end = T0 + 39_999 * 10_000, log.end_offset("events", 0)
        before = Forwarded(log, "main", level_ms, 86_400_000)
        assert before.has(level_ms, json.dumps(sale(39_999)).encode())
        assert 0 < before.read_from[0] > end - 15_000
        assert before.has(level_ms - 7_200_000, json.dumps(sale(39_279)).encode())
        assert not before.has(level_ms - 7_200_000, json.dumps(sale(39_280)).encode())


def test_what_would_take_too_much_memory_is_said_and_forwarded_again(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    taken(log, "day 1", *DAY_1)
    before = Forwarded(log, "main", T0 + 47 * HALF_HOUR_MS, 86_400_000, most=10)
    assert before.has(T0 + 47 * HALF_HOUR_MS, json.dumps(sale(47)).encode())
    assert "feed 'main' has over 10 records where inputs overlap" in caplog.text
    assert not before.has(T0 + HALF_HOUR_MS, json.dumps(sale(1)).encode())


def test_an_input_that_is_taken_in_two_runs_leaves_out_the_same(log: Log) -> None:
    taken(log, "day 1", *DAY_1)
    first = taken(log, "day 2", *OVERLAP[:3])
    second = taken(log, "day 2", *OVERLAP, *DAY_2)
    assert (first.repeated, second.repeated, second.forwarded) == (3, 5, 48)

"""Intake: JSON lines into the log."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from engine.hashing import partition_of
from streams.intake import CLOCK_LAG_MS, IntakeTotals, ingest
from streams.sqlite_log import SqliteLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = 1_735_700_400_000
PAN = "6222021234567894"
PARTITIONS = 3


def sale(k: int, **changed: Any) -> dict[str, Any]:
    event = {
        "txn_id": f"t{k}",
        "merchant_id": f"m{k % 7}",
        "amount": 100,
        "currency": "CNY",
        "event_time": T0 + k * 10_000,
    }
    return {**event, **changed}


def lines(*events: Any) -> BinaryIO:
    raw = [each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False).encode() for each in events]
    return io.BytesIO(b"\n".join(raw) + b"\n")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "log.db") as opened:
        create_topics(opened, PARTITIONS)
        yield opened


def values(log: SqliteLog, topic: str, partition: int) -> list[bytes]:
    found: list[bytes] = []
    while len(batch := log.read(topic, partition, len(found))):
        found += [batch.value(i) for i in range(len(batch))]
    return found


def events_of(log: SqliteLog, kind: str = "transaction") -> list[list[dict[str, Any]]]:
    parsed = [[json.loads(value) for value in values(log, "events", p)] for p in range(PARTITIONS)]
    return [[each for each in part if each.get("type", "transaction") == kind] for part in parsed]


def letters(log: SqliteLog) -> list[dict[str, Any]]:
    return [json.loads(value) for value in values(log, "dead-letters", 0)]


def test_every_event_goes_to_its_merchants_partition_in_order_with_feed_and_receipt(log: SqliteLog) -> None:
    given = [sale(k) for k in range(40)]
    totals = ingest(log, lines(*given), name="a", feed="north", historic=True)
    assert totals == IntakeTotals(40, 40, 0, 0, totals.bytes_read)
    for partition, found in enumerate(events_of(log)):
        mine = [each for each in given if partition_of(each["merchant_id"].encode(), PARTITIONS) == partition]
        assert found == [{**each, "received_at": each["event_time"], "feed": "north"} for each in mine]


def test_a_live_event_was_received_now(log: SqliteLog) -> None:
    before_ms = time.time_ns() // 1_000_000
    ingest(log, lines(sale(1, event_time=before_ms)), name="a")
    (event,) = [each for part in events_of(log) for each in part]
    assert before_ms <= event["received_at"] <= time.time_ns() // 1_000_000
    assert event["feed"] == "main"


def test_what_an_event_says_of_its_feed_and_receipt_is_kept(log: SqliteLog) -> None:
    ingest(log, lines(sale(1, feed="own", received_at=T0 + 11_000)), name="a", feed="main", historic=True)
    (event,) = [each for part in events_of(log) for each in part]
    assert (event["feed"], event["received_at"]) == ("own", T0 + 11_000)


def test_a_receipt_of_null_counts_as_none_given(log: SqliteLog) -> None:
    ingest(log, lines(sale(1, received_at=None, feed="")), name="a", historic=True)
    (event,) = [each for part in events_of(log) for each in part]
    assert (event["feed"], event["received_at"]) == ("main", T0 + 10_000)


def test_a_live_receipt_far_ahead_of_now_is_a_dead_letter(log: SqliteLog) -> None:
    ahead_ms = time.time_ns() // 1_000_000 + 700_000
    ingest(log, lines(sale(1, received_at=ahead_ms)), name="a")
    (letter,) = letters(log)
    assert (letter["reason"], letter["field"], letter["position"]) == ("future", "received_at", 1)


def test_a_bad_line_becomes_a_dead_letter_with_its_number_and_its_neighbours_go_on(log: SqliteLog) -> None:
    totals = ingest(log, lines(sale(1), b"{oops", b"", sale(2, amount="3"), sale(3)), name="file.jsonl", historic=True)
    assert (totals.lines, totals.forwarded, totals.dead_letters, totals.skipped_lines) == (5, 2, 2, 1)
    assert [(each["source"], each["position"], each["reason"]) for each in letters(log)] == [
        ("file.jsonl", 2, "not-json"),
        ("file.jsonl", 4, "wrong-type"),
    ]
    assert sorted(each["txn_id"] for part in events_of(log) for each in part) == ["t1", "t3"]


def test_a_card_number_is_masked_in_free_text_and_refused_in_a_declared_field(log: SqliteLog, tmp_path: Path) -> None:
    given = [
        sale(1, region=f"at {PAN}"), sale(2, note=f"paid by {PAN}"), sale(3, deep={"list": [PAN]}),
        sale(4, terminal_id=PAN), sale(5, txn_id=f"20240501-{PAN}"), sale(6, track2=f"{PAN}=3012"), sale(7),
        {"type": "merchant", "merchant_id": "m1", "effective_from": T0, "name": f"店 {PAN}"},
    ]  # fmt: skip
    totals = ingest(log, lines(*given), name="a", historic=True)
    assert (totals.forwarded, totals.dead_letters) == (5, 3)
    assert sorted(each["reason"] for each in letters(log)) == ["card-number", "card-number", "forbidden-field"]
    log.close()
    assert all(PAN.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_chinese_text_goes_through_untouched(log: SqliteLog) -> None:
    ingest(log, lines(sale(1, region="上海市")), name="a", historic=True)
    (event,) = [each for part in events_of(log) for each in part]
    assert event["region"] == "上海市"


def test_each_minute_and_the_end_are_told_to_every_partition(log: SqliteLog) -> None:
    ingest(log, lines(*(sale(k) for k in range(31))), name="a", historic=True)
    told = [[each["event_time"] for each in part] for part in events_of(log, "clock")]
    last_ms = T0 + 300_000
    lagging = range((T0 - CLOCK_LAG_MS) // 60_000 * 60_000, last_ms - CLOCK_LAG_MS + 1, 60_000)
    assert told == [[*lagging, last_ms]] * PARTITIONS


def test_a_transaction_ahead_of_its_receipt_does_not_move_the_feeds_clock(log: SqliteLog) -> None:
    ahead = sale(2, event_time=T0 + 86_400_000, received_at=T0)
    ingest(log, lines(sale(1), ahead), name="a", historic=True)
    assert max(each["event_time"] for part in events_of(log, "clock") for each in part) == T0 + 10_000


def test_an_input_with_clock_records_of_its_own_is_trusted_with_them(log: SqliteLog) -> None:
    clock = {"type": "clock", "feed": "main", "event_time": T0 + 60_000}
    ingest(log, lines(sale(1), clock, sale(40)), name="a", historic=True)
    assert [[each["event_time"] for each in part] for part in events_of(log, "clock")] == [[T0 + 60_000]] * PARTITIONS


class Unseekable(io.RawIOBase):
    """Standard input."""

    def __init__(self, raw: bytes) -> None:
        self._bytes = io.BytesIO(raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._bytes.readinto(buffer)


@pytest.mark.parametrize("seekable", [True, False], ids=["file", "standard input"])
def test_an_interrupted_intake_goes_on_behind_the_last_committed_line(
    log: SqliteLog, tmp_path: Path, seekable: bool
) -> None:
    given = [b"{bad", *(sale(k, region="x" * 60) for k in range(30_000)), b"{bad"]
    raw = lines(*given).read()

    def opened() -> BinaryIO:
        return io.BytesIO(raw) if seekable else io.BufferedReader(Unseekable(raw))

    class Interrupted(Exception):
        pass

    def interrupt(totals: IntakeTotals) -> None:
        if totals.lines > 10_000:
            raise Interrupted

    with pytest.raises(Interrupted):
        ingest(log, opened(), name="a", historic=True, on_progress=interrupt)
    again = ingest(log, opened(), name="a", historic=True)
    assert 0 < again.lines < 20_000
    with SqliteLog(tmp_path / "whole.db") as whole:
        create_topics(whole, PARTITIONS)
        ingest(whole, opened(), name="a", historic=True)
        for partition in range(PARTITIONS):
            assert values(log, "events", partition) == values(whole, "events", partition)
        assert letters(log) == letters(whole)
    assert letters(log)[-1]["position"] == 30_002


def test_the_same_intake_again_appends_nothing_and_more_lines_are_taken(log: SqliteLog) -> None:
    ingest(log, lines(sale(1)), name="a", historic=True)
    before = [log.end_offset("events", p) for p in range(PARTITIONS)]
    assert ingest(log, lines(sale(1)), name="a", historic=True).lines == 0
    assert [log.end_offset("events", p) for p in range(PARTITIONS)] == before
    assert ingest(log, lines(sale(1), sale(2)), name="a", historic=True).forwarded == 1


def test_an_input_shorter_than_before_is_refused(log: SqliteLog) -> None:
    ingest(log, lines(sale(1), sale(2)), name="a", historic=True)
    with pytest.raises(ValueError, match=r"input a must have the .* bytes taken before, got"):
        ingest(log, lines(sale(1)), name="a", historic=True)

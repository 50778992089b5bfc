"""What an input makes a log grow by: clock records, feeds, names, and what some programs put before a text."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from engine.features.state import MAX_FEEDS
from streams.intake import InputRefused, chunks, ingest
from streams.line_intake import CLOCKS_A_RECORD, CLOCKS_EVERY_MS, LineProcessor, ProcessedLines
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = 1_735_700_400_000
NOW_MS = T0 + 10 * 365 * 86_400_000
MANY = 1_024
BOM = b"\xef\xbb\xbf"


def sale(k: int, **more: Any) -> bytes:
    """A sale a minute."""
    event = {
        "txn_id": f"t{k}",
        "merchant_id": f"m{k % 7}",
        "amount": 100,
        "currency": "CNY",
        "event_time": T0 + k * 60_000,
    }
    return json.dumps({**event, "event_time": T0 + k * 60_000, **more}).encode() + b"\n"


def clock(time_ms: int) -> bytes:
    return b'{"type":"clock","feed":"main","event_time":%d}\n' % time_ms


def processor(partitions: int, now_ms: list[int] | None = None, **more: Any) -> LineProcessor:
    def wall() -> int:
        return now_ms.pop(0) if now_ms else NOW_MS

    return LineProcessor("input", "main", partitions, historic=True, now_utc_ms=wall, **more)


def clocks(out: ProcessedLines) -> list[int]:
    """Times of the clock records, the same in every partition."""
    first, *others = [
        [json.loads(each)["event_time"] for each in part if b'"clock"' in each] for part in out.values
    ]  # fmt: skip
    assert all(each == first for each in others)
    return first


def test_a_sale_a_minute_makes_a_log_of_many_partitions_grow_by_a_bounded_number_of_clock_records() -> None:
    intake = processor(MANY)
    made = clocks(intake.process(1, [sale(k) for k in range(3_000)]))
    assert len(made) * MANY <= 3_000 * CLOCKS_A_RECORD + MANY
    assert clocks(intake.end(3_000)) == [T0 + 2_999 * 60_000]


def test_with_few_partitions_there_is_a_clock_record_each_minute_as_before() -> None:
    assert len(clocks(processor(CLOCKS_A_RECORD).process(1, [sale(k) for k in range(300)]))) == 300


def test_each_minute_of_the_wall_clock_has_room_however_few_the_sales_are() -> None:
    now_ms = [NOW_MS + k * CLOCKS_EVERY_MS for k in range(5)]
    intake = processor(MANY, now_ms)
    assert [len(clocks(intake.process(k + 1, [sale(2 * k), sale(2 * k + 1)]))) for k in range(5)] == [1] * 5


def test_clock_records_that_an_input_brings_are_held_back_for_want_of_room_and_told_at_its_end() -> None:
    intake = processor(MANY)
    out = intake.process(1, [clock(T0 + k) for k in range(3_000)])
    assert len(clocks(out)) * MANY <= 3_000 * CLOCKS_A_RECORD + MANY
    assert (out.forwarded, out.passed_clocks, out.letters) == (3_000, 0, [])
    assert clocks(intake.end(3_000)) == [T0 + 2_999]


def test_names_of_feeds_without_end_are_remembered_up_to_what_workers_tell_apart() -> None:
    intake = processor(1)
    out = intake.process(1, [sale(k, feed=f"f{k}") for k in range(500)] + [clock(T0).replace(b"main", b"f499")])
    assert len(intake.clocks) == MAX_FEEDS
    assert len(clocks(out)) <= MAX_FEEDS
    assert out.passed_clocks == 1


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "unfinished"])
def test_a_byte_order_mark_is_no_part_of_a_line(whole: bool) -> None:
    raw = BOM + sale(1) + sale(2) + BOM + sale(3)
    found = [line for chunk in chunks(io.BytesIO(raw if whole else raw[:-1])) for line in chunk.lines]
    assert [json.loads(each)["txn_id"] for each in found] == ["t1", "t2", "t3"]
    assert sum(chunk.size for chunk in chunks(io.BytesIO(raw))) == len(raw)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "log.db") as opened:
        create_topics(opened, 2)
        yield opened


@pytest.mark.parametrize(
    "name", ["A/lines", "A/mark", "A/feed/main", "A/latest/main", "A/own/x", "A/told/x", "A/before/x"]
)
def test_an_input_whose_name_is_like_anothers_position_is_an_input_of_its_own(log: SqliteLog, name: str) -> None:
    for _ in range(2):
        for each in ("A", name, "A"):
            ingest(log, io.BytesIO(sale(1) + sale(2)), name=each)
    assert ingest(log, io.BytesIO(sale(1) + sale(2) + sale(9)), name=name).forwarded == 1
    assert ingest(log, io.BytesIO(sale(1) + sale(2) + sale(8)), name="A").lines == 1


def test_an_input_that_an_earlier_version_kept_under_such_a_name_goes_on_from_there(log: SqliteLog) -> None:
    with log.transaction(writer="x"):
        for name, value in (("A/lines", 5), ("A/lines/lines", 1), ("A/lines/mark", 7)):
            log.set_position(name, value)
    with pytest.raises(InputRefused, match="must begin with the 5 bytes taken before"):
        ingest(log, io.BytesIO(sale(1)), name="A/lines")

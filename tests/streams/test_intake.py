"""Intake: JSON lines into the log."""

from __future__ import annotations

import io
import json
import os
import time
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from engine.decoding.hashing import partition_of
from engine.monitor import Monitor, MonitorConfig
from streams.intake import CLOCK_LAG_MS, InputRefused, IntakeTotals, ingest
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = 1_735_700_400_000
PAN = "6222021234567894"
PARTITIONS = 3
HOUR_MS = 3_600_000


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


def clock(time_ms: int, feed: str = "main") -> dict[str, Any]:
    return {"type": "clock", "feed": feed, "event_time": time_ms}


def told(log: SqliteLog) -> list[int]:
    """Times of the clock records, the same in every partition."""
    first, *others = [[each["event_time"] for each in part] for part in events_of(log, "clock")]
    assert others == [first] * (PARTITIONS - 1)
    return first


def letters(log: SqliteLog) -> list[dict[str, Any]]:
    return [json.loads(value) for value in values(log, "dead-letters", 0)]


def test_every_event_goes_to_its_merchants_partition_in_order_with_feed_and_receipt(log: SqliteLog) -> None:
    given = [sale(k) for k in range(40)]
    totals = ingest(log, lines(*given), name="a", feed="north", historic=True)
    assert totals == IntakeTotals(40, 40, 0, 0, totals.bytes_read)
    for partition, found in enumerate(events_of(log)):
        mine = [each for each in given if partition_of(each["merchant_id"].encode(), PARTITIONS) == partition]
        assert found == [{**each, "received_at": each["event_time"], "feed": "north"} for each in mine]


def test_a_person_goes_to_the_partition_of_the_person_and_the_text_about_one_is_masked(log: SqliteLog) -> None:
    people = [{"type": "person", "person_id": f"p{k}", "effective_from": T0, "name": f"card {PAN}"} for k in range(20)]
    visit = {"type": "visit", "merchant_id": "m1", "event_time": T0, "person_id": "p1", "note": f"card {PAN} seen"}
    totals = ingest(log, lines(*people, visit), name="a", historic=True)
    assert (totals.forwarded, totals.dead_letters) == (21, 0)
    for partition, found in enumerate(events_of(log, "person")):
        mine = [each for each in people if partition_of(each["person_id"].encode(), PARTITIONS) == partition]
        assert [each["person_id"] for each in found] == [each["person_id"] for each in mine]
        assert found
        assert {each["name"] for each in found} == {"card ************7894"}
    (noted,) = events_of(log, "visit")[partition_of(b"m1", PARTITIONS)]
    assert noted["note"] == "card ************7894 seen"


def test_a_live_event_was_received_now(log: SqliteLog) -> None:
    before_ms = time.time_ns() // 1_000_000
    ingest(log, lines(sale(1, event_time=before_ms)), name="a")
    (event,) = [each for part in events_of(log) for each in part]
    assert before_ms <= event["received_at"] <= time.time_ns() // 1_000_000
    assert event["feed"] == "main"


def test_what_an_event_says_of_its_feed_and_receipt_is_kept(log: SqliteLog) -> None:
    ingest(log, lines(sale(1, feed="own", received_at=T0 + 11_000)), name="a", feeds=["own"], historic=True)
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


@pytest.mark.parametrize(
    "hidden",
    [
        f'"note":"{PAN}","note":"x"', f'"card_token":"{PAN}","card_token":"abc"', f'"x":{{"a":"{PAN}","a":1}}',
        f'"region":"{PAN}","region":"","n":"{PAN}"', f'"lat":0.{PAN}', f'"x":[[["{PAN}"]]]',
    ],
)  # fmt: skip
def test_a_card_number_under_a_key_that_comes_twice_or_in_a_fraction_is_not_written(
    log: SqliteLog, tmp_path: Path, hidden: str
) -> None:
    bare = json.dumps(sale(1)).encode()
    clock = b'{"type":"clock","feed":"main","event_time":%d' % T0
    totals = ingest(log, lines(bare[:-1] + b"," + hidden.encode() + b"}", clock + b"," + hidden.encode() + b"}"),
                    name="a", historic=True)  # fmt: skip
    assert totals.forwarded + totals.dead_letters == 2
    log.close()
    assert all(PAN.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_dead_letter_does_not_hide_the_name_of_its_feed(log: SqliteLog) -> None:
    clock = {"type": "clock", "feed": "pos", "event_time": T0}
    given = lines({**sale(1), "amount": -1, "feed": "pos"}, sale(2, feed="pos"), clock)
    ingest(log, given, name="a", feed="pos", historic=True)
    assert {each["feed"] for part in events_of(log, "clock") for each in part} == {"pos"}


def test_a_report_without_free_text_goes_on_as_it_came_with_its_stamps(log: SqliteLog) -> None:
    report = b'{"type": "chargeback", "merchant_id": "m", "event_time": %d, "reason_code": "10.4"}' % T0
    ingest(log, lines(report), name="a", historic=True)
    (event,) = [each for part in events_of(log, "chargeback") for each in part]
    assert event == {**json.loads(report), "received_at": T0, "feed": "main"}


def test_a_line_that_grows_too_long_by_its_stamp_is_a_dead_letter(log: SqliteLog) -> None:
    bare = json.dumps(sale(1)).encode()
    texts = b"".join(b',"n%d":"%s"' % (k, b"x" * 4_000) for k in range(10, 26))
    long = bare[:-1] + texts + b',"n":"' + b"x" * (65_536 - len(bare) - len(texts) - 8) + b'"}'
    assert len(long) < 65_536
    assert ingest(log, lines(long), name="a", historic=True).dead_letters == 1
    assert letters(log)[0]["reason"] == "too-large"


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


def test_each_feed_has_a_clock_of_its_own(log: SqliteLog) -> None:
    given = lines(*(sale(k, feed="east" if k % 2 else "") for k in range(31)))
    ingest(log, given, name="a", feeds=["east"], historic=True)
    last = {(each["feed"], each["event_time"]) for part in events_of(log, "clock") for each in part[-2:]}
    assert last == {("east", T0 + 290_000), ("main", T0 + 300_000)}


def test_a_clock_record_far_ahead_of_now_is_a_dead_letter(log: SqliteLog) -> None:
    ahead = {"type": "clock", "feed": "main", "event_time": time.time_ns() // 1_000_000 + 700_000}
    assert ingest(log, lines(sale(1), ahead), name="a", historic=True).dead_letters == 1
    assert [(each["reason"], each["field"]) for each in letters(log)] == [("future", "event_time")]


@pytest.mark.parametrize("feed", ["", "x" * 33, "é", PAN])
def test_a_feed_that_is_no_name_is_refused(log: SqliteLog, feed: str) -> None:
    with pytest.raises(InputRefused, match="feed must"):
        ingest(log, lines(sale(1)), name="a", feed=feed)


@pytest.mark.parametrize("more", [{}, {"note": "x"}, {"received_at": T0}], ids=["plain", "with text", "with receipt"])
def test_an_event_of_a_feed_that_is_not_declared_counts_under_the_inputs(log: SqliteLog, more: Any) -> None:
    given = [sale(1, feed="east", **more), sale(2, feed="junk", **more), sale(3, feed="junk", **more), sale(4, **more)]
    totals = ingest(log, lines(*given), name="a", feed="west", feeds=["east"], historic=True)
    assert {each["txn_id"]: each["feed"] for part in events_of(log) for each in part} == {
        "t1": "east", "t2": "west", "t3": "west", "t4": "west"
    }  # fmt: skip
    assert {each["feed"] for part in events_of(log, "clock") for each in part} == {"east", "west"}
    assert (totals.forwarded, totals.undeclared, totals.undeclared_feeds) == (4, 2, ("junk",))


def test_the_workers_read_of_such_an_event_the_feed_it_counts_under(log: SqliteLog) -> None:
    ingest(log, lines(sale(1, feed="junk")), name="a", feed="west", historic=True)
    partition = partition_of(b"m1", PARTITIONS)
    monitor = Monitor(MonitorConfig(capacity=10), partition, PARTITIONS)
    monitor.process(log.read("events", partition, 0))
    assert monitor.counts.transactions == 1
    assert set(monitor.feeds) == {"west"}


def test_a_clock_record_of_a_feed_that_is_not_declared_moves_no_clock(log: SqliteLog) -> None:
    totals = ingest(log, lines(sale(1), clock(T0 + 86_400_000, "junk")), name="a", historic=True)
    assert told(log)[-1] == T0 + 10_000
    assert (totals.forwarded, totals.passed_clocks, totals.undeclared) == (1, 1, 1)


def test_a_feed_stays_declared_for_later_inputs(log: SqliteLog) -> None:
    ingest(log, lines(), name="a", feed="east")
    ingest(log, lines(), name="b", feed="main", feeds=["north"])
    totals = ingest(log, lines(sale(1, feed="east"), sale(2, feed="north")), name="c", feed="south", historic=True)
    assert totals.undeclared == 0
    assert {each["feed"] for part in events_of(log) for each in part} == {"east", "north"}


def test_a_thousand_names_of_feeds_take_no_feed_from_anyone_and_are_warned_of_64_times(
    log: SqliteLog, caplog: pytest.LogCaptureFixture
) -> None:
    totals = ingest(log, lines(*(sale(k, feed=f"junk{k}") for k in range(1000))), name="a", historic=True)
    assert (totals.forwarded, totals.undeclared, len(totals.undeclared_feeds)) == (1000, 1000, 64)
    assert log.positions(":feed:") == ["main"]
    assert [each.getMessage() for each in caplog.records][:1] == [
        "feed 'junk0' is not declared: its events count under feed 'main'"
    ]
    assert len(caplog.records) == 64


def test_the_65th_feed_is_refused_and_nothing_of_its_input_is_taken(log: SqliteLog) -> None:
    ingest(log, lines(sale(1)), name="a", feeds=[f"f{k}" for k in range(63)], historic=True)
    with pytest.raises(InputRefused, match="feeds of a log must be at most 64, got one more: 'one'"):
        ingest(log, lines(sale(2)), name="b", feed="one", historic=True)
    assert ingest(log, lines(sale(3)), name="c", feed="f62", historic=True).forwarded == 1
    assert sum(map(len, events_of(log))) == 2


def test_the_feeds_that_an_input_brought_under_an_earlier_version_stay(log: SqliteLog) -> None:
    ingest(log, lines(sale(1)), name="a", historic=True)
    log.set_position("a/feed/east", 1)
    totals = ingest(log, lines(sale(1), sale(2, feed="east")), name="a", historic=True)
    assert (totals.forwarded, totals.undeclared) == (1, 0)


def test_an_input_with_clock_records_of_its_own_is_trusted_with_them(log: SqliteLog) -> None:
    ingest(log, lines(sale(1), clock(T0 + 60_000), sale(40)), name="a", historic=True)
    assert told(log) == [T0 + 60_000, T0 + 400_000], "the end is told all the same"


@pytest.mark.parametrize("received", [{}, {"feed": "main", "received_at": T0}], ids=["to be stamped", "plain"])
@pytest.mark.parametrize("poison_ms", [631_152_000_000, T0 - HOUR_MS - 1], ids=["1990", "an hour ago"])
def test_a_clock_record_that_lies_behind_changes_nothing(log: SqliteLog, received: Any, poison_ms: int) -> None:
    given = [sale(k, **received) for k in range(31)]
    totals = ingest(log, lines(*given[:10], clock(poison_ms), *given[10:]), name="a", historic=True)
    assert (totals.forwarded, totals.passed_clocks, totals.dead_letters) == (31, 1, 0)
    last_ms = T0 + 300_000
    lagging = range((T0 - CLOCK_LAG_MS) // 60_000 * 60_000, last_ms - CLOCK_LAG_MS + 1, 60_000)
    assert told(log) == [*lagging, last_ms]
    ingest(log, lines(clock(poison_ms), sale(40, **received)), name="b", historic=True)
    assert told(log)[-1] == T0 + 400_000


def test_clock_records_of_a_feed_that_stop_are_made_once_they_lag_by_an_hour(log: SqliteLog) -> None:
    later = [sale(0, event_time=T0 + k * HOUR_MS // 4) for k in range(1, 8)]
    ingest(log, lines(sale(1), clock(T0), *later[:5]), name="a", historic=True)
    hour = [T0, T0 + 5 * HOUR_MS // 4 - CLOCK_LAG_MS, T0 + 5 * HOUR_MS // 4]
    assert told(log) == hour
    ingest(log, lines(sale(1), clock(T0), *later[:5], *later[5:]), name="a", historic=True)
    assert told(log)[3:] == [
        T0 + 6 * HOUR_MS // 4 - CLOCK_LAG_MS, T0 + 7 * HOUR_MS // 4 - CLOCK_LAG_MS, T0 + 7 * HOUR_MS // 4
    ]  # fmt: skip


def test_clock_records_that_lag_behind_those_made_before_them_are_trusted_as_soon_as_they_go_on(log: SqliteLog) -> None:
    given = [sale(1), clock(T0 - 300_000), sale(100), clock(T0 + 700_000), sale(130), clock(T0 + 800_000)]

    def one_by_one() -> Iterator[bytes]:
        for each in given:
            yield lines(each).read()

    totals = ingest(log, io.BufferedReader(Pieces(one_by_one())), name="a", historic=True)
    assert totals.passed_clocks == 1
    assert told(log) == [T0 - 120_000, T0 + 700_000, T0 + 800_000, T0 + 1_300_000]


def test_a_feed_whose_clock_was_stopped_by_an_earlier_version_goes_on(log: SqliteLog) -> None:
    ingest(log, lines(sale(1)), name="a", historic=True)
    log.set_position("a/own/main", 1)
    ingest(log, lines(sale(1), sale(40)), name="a", historic=True)
    assert told(log)[-1] == T0 + 400_000


class Pieces(io.RawIOBase):
    """A pipe that holds one piece at a time."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = next(self._pieces, b"")
        buffer[: len(piece)] = piece
        return len(piece)


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


def test_lines_of_an_open_pipe_are_taken_as_they_come(log: SqliteLog) -> None:
    reading, writing = os.pipe()
    taken: list[int] = []
    with os.fdopen(reading, "rb") as pipe:

        def write_on(totals: IntakeTotals) -> None:
            taken.append(totals.forwarded)
            if len(taken) == 1:  # the first two are in the log while the pipe is still open
                assert sum(map(len, events_of(log))) == 2
                os.write(writing, lines(sale(3)).read())
                os.close(writing)

        os.write(writing, lines(sale(1), sale(2)).read() + b'{"txn_id"')
        os.write(writing, b':"half"')
        os.write(writing, b"}\n")
        totals = ingest(log, pipe, name="a", historic=True, on_progress=write_on)
    assert (totals.forwarded, totals.dead_letters) == (3, 1)


def test_a_last_line_without_an_end_waits_for_the_rest_of_it(log: SqliteLog, tmp_path: Path) -> None:
    file, whole = tmp_path / "growing.jsonl", json.dumps(sale(2)).encode()
    file.write_bytes(lines(sale(1)).read() + whole[:40])
    with file.open("rb") as part:
        totals = ingest(log, part, name="a", historic=True)
    assert (totals.forwarded, totals.dead_letters, totals.unfinished_bytes) == (1, 0, 40)
    file.write_bytes(lines(sale(1)).read() + whole)
    with file.open("rb") as more:
        totals = ingest(log, more, name="a", historic=True)
    assert (totals.forwarded, totals.dead_letters, totals.unfinished_bytes) == (1, 0, 0)
    assert letters(log) == []


@pytest.mark.parametrize("seekable", [True, False], ids=["file", "standard input"])
def test_the_rest_of_a_line_that_is_too_long_is_no_line(log: SqliteLog, seekable: bool) -> None:
    third = json.dumps(sale(2)).encode()
    for k, long in enumerate([b"x" * 5_000_000, b" " * 3_000_000 + third, third + b" " * 65_536 + b"!", b"{" * 65_537]):
        sales = [json.dumps(sale(n, txn_id=f"{k}-{n}")).encode() for n in range(3)]
        raw = b"\n".join([sales[0], long, b"", sales[1]]) + b"\n"
        given = io.BytesIO(raw) if seekable else io.BufferedReader(Unseekable(raw))
        totals = ingest(log, given, name=f"{len(long)}", historic=True)
        assert (totals.lines, totals.forwarded, totals.dead_letters, totals.skipped_lines) == (4, 2, 1, 1)
        assert totals.bytes_read == len(raw)
        letter = letters(log)[-1]
        assert (letter["reason"], letter["position"]) == ("too-large", 2)
        assert letter["message"] in {
            "record must be at most 65536 bytes, got 65538 or more", "record must be at most 65536 bytes, got 65537"
        }  # fmt: skip
        more = io.BytesIO(raw + sales[2]) if seekable else io.BufferedReader(Unseekable(raw + sales[2]))
        assert ingest(log, more, name=f"{len(long)}", historic=True).forwarded == 1


@pytest.mark.parametrize("seekable", [True, False], ids=["file", "standard input"])
def test_an_input_that_is_one_line_without_an_end_is_a_dead_letter_or_waits(log: SqliteLog, seekable: bool) -> None:
    raw = b"x" * 4_000_001
    given = io.BytesIO(raw) if seekable else io.BufferedReader(Unseekable(raw))
    totals = ingest(log, given, name="a", historic=True)
    expected = (0, 4_000_001) if seekable else (1, 0)  # somebody may still be writing a file
    assert (totals.dead_letters, totals.unfinished_bytes) == expected


def test_a_record_of_the_greatest_length_is_taken_with_any_end_of_line(log: SqliteLog) -> None:
    bare = json.dumps(sale(1, feed="main", received_at=T0 + 10_000)).encode()
    texts = b"".join(b',"n%d":"%s"' % (k, b"x" * 4_000) for k in range(10, 26))
    room = 65_536 - len(bare) - len(texts) - len(b',"n":""')
    whole = bare[:-1] + texts + b',"n":"' + b"x" * room + b'"}'
    assert len(whole) == 65_536
    for k, end in enumerate((b"\n", b"\r\n", b"")):
        assert (
            ingest(log, io.BytesIO(whole.replace(b"t1", b"u%d" % k) + end), name=f"{k}", historic=True).forwarded == 1
        )


@pytest.mark.parametrize("seekable", [True, False], ids=["file", "standard input"])
def test_another_input_under_the_same_name_is_refused(log: SqliteLog, seekable: bool) -> None:
    ingest(log, lines(sale(1), sale(2)), name="a", historic=True)
    other = lines(sale(3), sale(4), sale(5)).read()
    given = io.BytesIO(other) if seekable else io.BufferedReader(Unseekable(other))
    with pytest.raises(InputRefused, match=r"input a must begin with the .* bytes taken before, got others"):
        ingest(log, given, name="a", historic=True)


def test_two_intakes_of_one_name_at_a_time_are_refused(log: SqliteLog, tmp_path: Path) -> None:
    given = lines(*(sale(k) for k in range(4))).read()
    with SqliteLog(tmp_path / "log.db") as other:

        def meanwhile(_: IntakeTotals) -> None:
            ingest(other, io.BytesIO(given + lines(sale(9)).read()), name="a", historic=True)

        with pytest.raises(InputRefused, match="input a must be taken by one ingest at a time"):
            ingest(log, io.BytesIO(given), name="a", historic=True, on_progress=meanwhile)
    assert sum(map(len, events_of(log))) == 5


def test_an_input_shorter_than_before_is_refused(log: SqliteLog) -> None:
    ingest(log, lines(sale(1), sale(2)), name="a", historic=True)
    with pytest.raises(InputRefused, match=r"input a must have the .* bytes taken before, got"):
        ingest(log, lines(sale(1)), name="a", historic=True)

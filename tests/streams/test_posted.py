"""Events that programs post: what reaches the log, on both logs, and what is answered."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from engine.decoding.hashing import partition_of
from streams.errors import LogFailed, NoLog
from streams.input_state import InputRefused
from streams.intake import ingest
from streams.posted import KeyTaken, Posted, PostedInput, Receipt
from streams.receiver import Busy, Receiver
from streams.request_keys import RequestKeys, digest_of
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.faults.waiting import wait_until
from tests.streams.test_intake import HOUR_MS, PAN, PARTITIONS, events_of, letters, lines, sale, told, values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.log import Log
    from tests.streams.conftest import LogBackend

NOW_MS = time.time_ns() // 1_000_000
MINUTE_MS = 60_000


def now(k: int = 0, **changed: Any) -> dict[str, Any]:
    return sale(k, event_time=NOW_MS - HOUR_MS + k * 1000, **changed)


def posted(*events: Any, key: str = "", caller: str = "c") -> Posted:
    return Posted([each if isinstance(each, bytes) else json.dumps(each).encode() for each in events], caller, key)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "log.db"
    with SqliteLog(made) as log:
        create_topics(log, PARTITIONS)
    return made


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(path) as opened:
        yield opened


def sales_of(log: Any) -> list[str]:
    return sorted(each["txn_id"] for part in events_of(log) for each in part)


def all_sales(log: Log) -> list[str]:
    found = []
    for partition in range(PARTITIONS):
        offset = 0
        while len(batch := log.read("events", partition, offset)):
            found += [json.loads(batch.value(i)) for i in range(len(batch))]
            offset = int(batch.offsets[-1]) + 1
    return sorted(each["txn_id"] for each in found if "txn_id" in each)


def test_each_event_reaches_its_merchants_partition_with_feed_and_receipt_and_is_answered_for(log: SqliteLog) -> None:
    made = PostedInput(log, "p", ["north", "south"], now_ms=lambda: NOW_MS)
    (receipt,) = made.take([posted(*[now(k) for k in range(20)], now(20, feed="south"))])
    assert receipt == Receipt(21, ())
    for partition, found in enumerate(events_of(log)):
        assert all(partition_of(each["merchant_id"].encode(), PARTITIONS) == partition for each in found)
        assert all(each["received_at"] == NOW_MS for each in found)
    feeds = [each["feed"] for part in events_of(log) for each in part]
    assert (feeds.count("north"), feeds.count("south")) == (20, 1)


def test_a_bad_event_is_answered_by_its_place_becomes_a_dead_letter_and_keeps_no_other_back(log: SqliteLog) -> None:
    made = PostedInput(log, "p", now_ms=lambda: NOW_MS)
    first, second = made.take([
        posted(now(1), b"", now(2, amount="3")), posted(b"{oops", now(3), now(4, track2=f"{PAN}=3012")),
    ])  # fmt: skip
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert (first.received, second.received) == (2, 3)
    assert [(each.index, each.reason, each.field) for each in first.refused] == [(2, "wrong-type", "amount")]
    assert [(each.index, each.reason) for each in second.refused] == [(0, "not-json"), (2, "forbidden-field")]
    assert sales_of(log) == ["t1", "t3"]
    assert [(each["source"], each["position"]) for each in letters(log)] == [("p", 3), ("p", 4), ("p", 6)]
    assert PAN not in json.dumps(letters(log))


def test_card_numbers_in_free_text_are_masked_before_anything_is_written(log: SqliteLog, path: Path) -> None:
    PostedInput(log, "p", now_ms=lambda: NOW_MS).take([posted(now(1, note=f"paid by {PAN}"))])
    (event,) = [each for part in events_of(log) for each in part]
    assert event["note"] == "paid by ************7894"
    assert all(PAN.encode() not in each.read_bytes() for each in path.parent.iterdir())


def test_the_feeds_clock_follows_what_is_posted_and_goes_on_after_a_restart(log: SqliteLog) -> None:
    for k in (0, 1):
        made = PostedInput(log, "p", now_ms=lambda: NOW_MS)
        made.take([posted(sale(k, event_time=NOW_MS - HOUR_MS + k * 10 * MINUTE_MS))])
    begun_ms = (NOW_MS - HOUR_MS - 2 * MINUTE_MS) // MINUTE_MS * MINUTE_MS
    assert told(log) == [begun_ms, begun_ms + 10 * MINUTE_MS]


@pytest.mark.parametrize("kind", ["verdict", "override"])
@pytest.mark.parametrize("spelled", ['"{}"', '"\\u00{:02x}{}"'])
def test_what_casework_decides_is_not_posted_however_its_kind_is_written(
    kind: str, spelled: str, log: SqliteLog
) -> None:
    written = spelled.format(kind) if spelled == '"{}"' else spelled.format(ord(kind[0]), kind[1:])
    raw = f'{{"type":{written},"merchant_id":"m1","event_time":{NOW_MS},"alert_id":"a","verdict":"false"}}'.encode()
    made = PostedInput(log, "p", now_ms=lambda: NOW_MS)
    (receipt,) = made.take([posted(now(1, note="a verdict"), raw)])
    assert isinstance(receipt, Receipt)
    assert [(each.index, each.reason, each.field) for each in receipt.refused] == [(1, "unknown-type", "type")]
    assert [each["position"] for each in letters(log)] == [2]
    assert sales_of(log) == ["t1"]


def test_what_another_input_brought_before_is_left_out(log: SqliteLog) -> None:
    given = [now(k) for k in range(5)]
    ingest(log, lines(*given), name="file")
    (receipt,) = PostedInput(log, "p", now_ms=lambda: NOW_MS).take([posted(*given, now(9))])
    assert receipt == Receipt(6, ())
    assert sales_of(log) == ["t0", "t1", "t2", "t3", "t4", "t9"]


def test_a_request_that_comes_again_under_its_key_appends_nothing_and_is_answered_alike(backend: LogBackend) -> None:
    request = posted(now(1), b"{oops", now(2), key="k")
    with backend.open() as log:
        create_topics(log, PARTITIONS)
        made = PostedInput(log, "p", now_ms=lambda: NOW_MS)
        first, twice = made.take([request, request])
        again = made.take([request])[0]
    with backend.open() as log:
        restarted = PostedInput(log, "p", now_ms=lambda: NOW_MS).take([request, posted(now(7))])[0]
        assert all_sales(log) == ["t1", "t2", "t7"]
    assert isinstance(first, Receipt)
    assert not first.replayed
    for each in (twice, again, restarted):
        assert isinstance(each, Receipt)
        assert each.replayed
        assert (each.received, each.refused) == (first.received, first.refused)


def test_a_key_is_its_callers_own_and_of_one_request(log: SqliteLog) -> None:
    made = PostedInput(log, "p", now_ms=lambda: NOW_MS)
    made.take([posted(now(1), key="k")])
    other, mine = made.take([posted(now(2), key="k", caller="d"), posted(now(3), key="k")])
    assert other == Receipt(1, ())
    assert isinstance(mine, KeyTaken)
    assert sales_of(log) == ["t1", "t2"]


def test_of_many_keys_the_latest_are_known_after_a_restart_too(log: SqliteLog) -> None:
    for begin in (0, 7):
        keys = RequestKeys(log, "p", most=10)
        with log.transaction(writer="p"):
            keys.begin()
            for each in range(begin, begin + 7):
                keys.add(each, each + 100)
            keys.keep()
    restarted = RequestKeys(log, "p", most=10)
    with log.transaction(writer="p"):
        restarted.begin()
    for known in (keys, restarted):
        assert [known.content_of(each) for each in range(14)] == [None] * 4 + [each + 100 for each in range(4, 14)]


def test_where_a_part_ends_counts_for_what_parts_are_known_by() -> None:
    assert len({digest_of(each) for each in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""])}) == 4


def test_a_name_that_a_file_has_or_two_take_at_once_is_refused(log: SqliteLog) -> None:
    ingest(log, lines(now(1)), name="file")
    with pytest.raises(InputRefused, match="no file's, got file"):
        PostedInput(log, "file")
    one, two = PostedInput(log, "p"), PostedInput(log, "p")
    one.take([posted(now(2))])
    with pytest.raises(InputRefused, match="one process at a time"):
        two.take([posted(now(3))])
    assert sales_of(log) == ["t1", "t2"]


def test_a_name_like_a_position_has_keys_and_clocks_of_its_own(log: SqliteLog) -> None:
    ingest(log, lines(now(1)), name="file")
    found = PostedInput(log, "file/lines").take([posted(now(2), key="k")])
    assert ingest(log, lines(now(1), now(3)), name="file").forwarded == 1
    again = PostedInput(log, "file/lines").take([posted(now(2), key="k")])
    assert [each.replayed for each in (*found, *again) if isinstance(each, Receipt)] == [False, True]
    assert sales_of(log) == ["t1", "t2", "t3"]


def test_requests_of_many_threads_are_each_answered_for_their_own_events(path: Path) -> None:
    receiver, found = Receiver(lambda: SqliteLog(path), "p"), {}

    def post(k: int) -> None:
        receipts = [receiver.submit(posted(now(k * 100 + i), *[b"{"] * (k % 3))).result(60) for i in range(20)]
        found[k] = [(each.received, [one.index for one in each.refused]) for each in receipts]

    threads = [threading.Thread(target=post, args=(k,)) for k in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    receiver.close()
    assert found == {k: [(1 + k % 3, [*range(1, 1 + k % 3)])] * 20 for k in range(8)}
    with SqliteLog(path) as log:
        assert len(sales_of(log)) == 160
        assert len({*sales_of(log)}) == 160


def test_more_than_may_wait_is_refused_before_it_is_read_and_taken_later(path: Path) -> None:
    may_open = threading.Event()

    def opened() -> SqliteLog:
        assert may_open.wait(60)
        return SqliteLog(path)

    receiver = Receiver(opened, "p", most_bytes=1000)
    large = posted(*[now(k) for k in range(20)])
    waiting = receiver.submit(large)
    with pytest.raises(Busy, match=f"got {large.size} bytes") as refused:
        receiver.check_room()
    assert refused.value.wait_ms > 0
    with pytest.raises(Busy):
        receiver.submit(posted(now(99)))
    may_open.set()
    assert waiting.result(60) == Receipt(20, ())
    receiver.check_room()
    assert receiver.submit(posted(now(99))).result(60) == Receipt(1, ())
    receiver.close()


def test_after_a_failure_the_log_is_opened_anew_and_nothing_is_lost_or_doubled(path: Path) -> None:
    failing = [NoLog("x"), LogFailed("away")]

    def opened() -> SqliteLog:
        if failing:
            raise failing.pop()
        return SqliteLog(path)

    receiver, request = Receiver(opened, "p"), posted(now(1), key="k")
    for kind in (LogFailed, NoLog):
        with pytest.raises(kind):
            receiver.submit(request).result(60)
        assert receiver.trouble
    assert receiver.submit(request).result(60) == Receipt(1, ())
    assert receiver.trouble == ""
    with SqliteLog(path) as log:  # another process takes the name
        PostedInput(log, "p").take([posted(now(2))])
    with pytest.raises(LogFailed, match="one process at a time"):
        receiver.submit(posted(now(3), key="l")).result(60)
    assert receiver.submit(posted(now(3), key="l")).result(60) == Receipt(1, ())
    assert receiver.submit(request).result(60).replayed
    receiver.close()
    with SqliteLog(path) as log:
        assert sales_of(log) == ["t1", "t2", "t3"]


def test_what_waits_at_the_end_is_taken_and_what_comes_after_it_refused(path: Path) -> None:
    receiver = Receiver(lambda: SqliteLog(path), "p")
    waiting = [receiver.submit(posted(now(k))) for k in range(30)]
    receiver.close()
    assert [each.result(0) for each in waiting] == [Receipt(1, ())] * 30
    with pytest.raises(LogFailed, match="the server ends"):
        receiver.submit(posted(now(99)))


def test_a_request_whose_sender_went_away_before_its_turn_is_not_taken(path: Path) -> None:
    may_open = threading.Event()

    def opened() -> SqliteLog:
        assert may_open.wait(60)
        return SqliteLog(path)

    receiver = Receiver(opened, "p")
    first = receiver.submit(posted(now(1)))
    wait_until(first.running, "it is being taken")
    gone = receiver.submit(posted(now(2)))
    assert gone.cancel()
    may_open.set()
    assert first.result(60) == Receipt(1, ())
    receiver.close()
    with SqliteLog(path) as log:
        assert sales_of(log) == ["t1"]
        assert len(values(log, "dead-letters", 0)) == 0

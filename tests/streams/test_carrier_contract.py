"""What every carrier promises. A further carrier is a further parameter of `carrier` in conftest."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.log import OffsetGone
from streams.sqlite_log import SqliteLog

if TYPE_CHECKING:
    from engine.records import Records
    from tests.streams.conftest import Carrier


def values(records: Records) -> list[bytes]:
    return [records.value(i) for i in range(len(records))]


def read_all(log: SqliteLog, topic: str, partition: int, most: int = 5_000) -> list[bytes]:
    found, offset = [], log.first_offset(topic, partition)
    while len(batch := log.read(topic, partition, offset, most)):
        found += values(batch)
        offset = int(batch.offsets[-1]) + 1
    assert offset == log.end_offset(topic, partition)
    return found


@settings(max_examples=60, deadline=None)
@given(
    appends=st.lists(st.lists(st.binary(max_size=6), max_size=9), max_size=6),
    start=st.integers(0, 60),
    most=st.integers(1, 12),
)
def test_what_was_appended_is_read_in_order_from_any_offset_in_any_batch_size(
    appends: list[list[bytes]], start: int, most: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, SqliteLog(Path(folder) / "log.db", durable=False) as log:
        log.create_topic("events", 1)
        ends = [0, *itertools.accumulate(map(len, appends))]
        assert [log.append("events", 0, each, appended_ms=7) for each in appends] == ends[:-1]
        everything = list(itertools.chain.from_iterable(appends))
        offset = found_from = min(start, len(everything))
        found: list[bytes] = []
        while len(batch := log.read("events", 0, offset, most)):
            assert len(batch) <= most
            assert batch.offsets.tolist() == list(range(offset, offset + len(batch)))
            assert set(batch.appended_ms.tolist()) == {7}
            assert batch.source == "events-0"
            found += values(batch)
            offset += len(batch)
        assert found == everything[found_from:]


def test_partitions_keep_their_own_order_and_offsets(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 3)
        assert log.append("events", 2, [b"c0"]) == 0
        assert log.append("events", 0, [b"a0", b"a1"]) == 0
        assert log.append("events", 2, [b"c1"]) == 1
        assert [read_all(log, "events", each) for each in range(3)] == [[b"a0", b"a1"], [], [b"c0", b"c1"]]


def test_many_small_appends_are_read_as_one_batch(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 1)
        for each in range(20):
            log.append("events", 0, [b"%d" % each])
        assert values(log.read("events", 0, 3, 10)) == [b"%d" % each for each in range(3, 13)]


def test_a_group_finds_what_it_committed_and_may_rewind(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 2)
        log.append("events", 1, [b"0", b"1", b"2"])
        assert log.committed("monitor", "events", 1) is None
        log.commit("monitor", "events", 1, 3)
    with carrier.open() as log:
        assert log.committed("monitor", "events", 1) == 3
        assert log.committed("monitor", "events", 0) is None
        assert log.committed("other", "events", 1) is None
        log.commit("monitor", "events", 1, 1)
        assert values(log.read("events", 1, log.committed("monitor", "events", 1) or 0)) == [b"1", b"2"]


def test_compaction_keeps_each_keys_newest_record_at_its_offset(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("alerts", 1, compacted=True)
        keys = [b"a", b"b", b"a", b"c", b"b"]
        log.append("alerts", 0, [b"a1", b"b1", b"a2", b"c1", b"b2"], keys=keys, appended_ms=5)
        assert log.compact("alerts") == 2
        assert log.read_keyed("alerts", 0, 0) == [
            (2, b"a", b"a2", 5),
            (3, b"c", b"c1", 5),
            (4, b"b", b"b2", 5),
        ]
        log.append("alerts", 0, [b"c2"], keys=[b"c"])
        assert log.compact("alerts") == 1
        assert log.compact("alerts") == 0
        assert read_all(log, "alerts", 0, most=1) == [b"a2", b"b2", b"c2"]
        assert log.read("alerts", 0, 0).offsets.tolist() == [2, 4, 5]


def test_compaction_waits_until_enough_is_new(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("alerts", 1, compacted=True)
        log.append("alerts", 0, [b"1", b"2", b"3"], keys=[b"a", b"b", b"c"])
        assert log.compact("alerts", min_dirty=1) == 0
        log.append("alerts", 0, [b"4", b"5"], keys=[b"a", b"b"])
        assert log.compact("alerts", min_dirty=0.5) == 0
        log.append("alerts", 0, [b"6"], keys=[b"a"])
        assert log.compact("alerts", min_dirty=0.5) == 3
        assert read_all(log, "alerts", 0) == [b"3", b"5", b"6"]


def test_an_empty_value_outlives_compaction_as_its_keys_newest(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("alerts", 1, compacted=True)
        log.append("alerts", 0, [b"a1", b"", b"b1"], keys=[b"a", b"a", b"b"])
        log.compact("alerts")
        assert [each[1:3] for each in log.read_keyed("alerts", 0, 0)] == [(b"a", b""), (b"b", b"b1")]


def test_retention_drops_what_is_too_old_and_says_so_to_who_asks_for_it(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 1, retention_ms=1_000)
        for at in (0, 500, 1_000):
            log.append("events", 0, [b"%d" % at] * 2, appended_ms=at)
        assert log.retain(now_ms=1_500) == 2
        assert log.first_offset("events", 0) == 2
        assert read_all(log, "events", 0) == [b"500", b"500", b"1000", b"1000"]
        with pytest.raises(OffsetGone, match="offset of events-0 must be 2 to 6, got 1"):
            log.read("events", 0, 1)
        assert log.retain(now_ms=9_999) == 4
        assert log.append("events", 0, [b"next"]) == 6
        assert read_all(log, "events", 0) == [b"next"]


def test_retention_drops_the_oldest_of_what_is_too_much(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 1, retention_bytes=5)
        for each in (b"aaa", b"bbb", b"ccc"):
            log.append("events", 0, [each])
        assert log.retain() == 2
        assert read_all(log, "events", 0) == [b"ccc"]


def test_retention_never_drops_what_is_still_needed(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 2, retention_ms=1)
        for partition in (0, 1):
            for each in (b"a", b"b", b"c"):
                log.append("events", partition, [each], appended_ms=0)
        assert log.retain(now_ms=10, keep_from={("events", 0): 1}) == 1 + 3
        assert read_all(log, "events", 0) == [b"b", b"c"]


def test_an_offset_past_the_end_is_refused(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 1)
        log.append("events", 0, [b"a"])
        assert len(log.read("events", 0, 1)) == 0
        with pytest.raises(OffsetGone, match="must be 0 to 1, got 2"):
            log.read("events", 0, 2)


def test_a_reader_sees_what_other_processes_append_each_in_its_order(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 1)
        code = "for i in range(200): log.append('events', 0, [b'{0}-%d' % i, b'{0}+%d' % i])"
        producers = [carrier.python(code.replace("{0}", name)) for name in "xy"]
        found: list[bytes] = []
        while len(found) < 800:
            found += values(log.read("events", 0, len(found), 64))
        for producer in producers:
            producer.communicate()
            assert producer.returncode == 0
        for name in (b"x", b"y"):
            mine = [each for each in found if each.startswith(name)]
            assert mine == [name + sign + b"%d" % i for i in range(200) for sign in (b"-", b"+")]
        assert len(log.read("events", 0, 800)) == 0


def test_a_producer_killed_at_any_moment_leaves_whole_transactions_only(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 2)
        for appended in (0, 3, 17):
            before = log.position("file") or 0
            producer = carrier.python(
                "import itertools\n"
                f"for i in itertools.count({before} + 1):\n"
                "    with log.transaction():\n"
                "        log.append('events', 0, [b'%d' % i] * 500)\n"
                "        log.append('events', 1, [b'%d' % i] * 500)\n"
                "        log.set_position('file', i)\n"
            )
            while (log.position("file") or 0) < before + appended:
                pass
            producer.kill()
            producer.communicate()
            whole = log.position("file") or 0
            expected = [b"%d" % i for i in range(1, whole + 1) for _ in range(500)]
            assert read_all(log, "events", 0) == read_all(log, "events", 1) == expected


def test_a_producer_killed_inside_a_transaction_blocks_nobody(carrier: Carrier) -> None:
    with carrier.open() as log:
        log.create_topic("events", 1)
        producer = carrier.python(
            "import time\n"
            "with log.transaction():\n"
            "    log.append('events', 0, [b'half'])\n"
            "    print('appended', flush=True)\n"
            "    time.sleep(60)\n"
        )
        assert producer.stdout is not None
        assert producer.stdout.readline() == "appended\n"
        producer.kill()
        producer.communicate()
        assert log.append("events", 0, [b"next"]) == 0
        assert read_all(log, "events", 0) == [b"next"]


def test_processes_that_open_a_new_log_at_once_all_succeed(carrier: Carrier) -> None:
    code = "log.create_topic('events', 4); log.append('events', 0, [b'x'])"
    processes = [carrier.python(code) for _ in range(6)]
    for each in processes:
        each.communicate()
    assert [each.returncode for each in processes] == [0] * 6
    with carrier.open() as log:
        assert read_all(log, "events", 0) == [b"x"] * 6

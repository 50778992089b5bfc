"""What every backend promises. A further backend is a further parameter of `backend` in conftest.

Compaction and retention are the brokers' own on Kafka: those tests are of the embedded log.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import OffsetGone, UnknownTopic
from streams.log import Progress, now_utc_ms
from tests.seeds import examples

if TYPE_CHECKING:
    from engine.decoding.records import Records
    from streams.log import Log
    from tests.streams.conftest import LogBackend, SqliteBackend

EXAMPLES = examples(60)


def values(records: Records) -> list[bytes]:
    return [records.value(i) for i in range(len(records))]


def read_all(log: Log, topic: str, partition: int, most: int = 5_000) -> list[bytes]:
    found, offset = [], log.first_offset(topic, partition)
    while len(batch := log.read(topic, partition, offset, most)):
        found += values(batch)
        offset = int(batch.offsets[-1]) + 1
    assert len(log.read(topic, partition, log.end_offset(topic, partition))) == 0
    return found


def test_whoever_may_append_to_a_topic_is_told_so(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 1)
        assert log.can_append("events")
        with pytest.raises(UnknownTopic):
            log.can_append("none")


def test_what_was_appended_is_read_in_order_from_any_offset_in_any_batch_size(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", EXAMPLES * 2)
        unused = itertools.count()

        @settings(max_examples=EXAMPLES, deadline=None, database=None)
        @given(
            appends=st.lists(st.lists(st.binary(max_size=6), max_size=9), max_size=6),
            start=st.integers(0, 60),
            most=st.integers(1, 12),
        )
        def check(appends: list[list[bytes]], start: int, most: int) -> None:
            partition, begun_ms = next(unused) % (EXAMPLES * 2), now_utc_ms()
            origin = log.end_offset("events", partition)
            ends = [origin + each for each in (0, *itertools.accumulate(map(len, appends)))]
            assert [log.append("events", partition, each) for each in appends] == ends[:-1]
            everything = list(itertools.chain.from_iterable(appends))
            found_from = min(start, len(everything))
            offset = origin + found_from
            found: list[bytes] = []
            while len(batch := log.read("events", partition, offset, most)):
                assert len(batch) <= most
                assert batch.offsets.tolist() == list(range(offset, offset + len(batch)))
                assert begun_ms <= batch.appended_ms.min() <= batch.appended_ms.max() <= now_utc_ms()
                assert batch.source == f"events-{partition}"
                found += values(batch)
                offset += len(batch)
            assert found == everything[found_from:]

        check()


def test_partitions_keep_their_own_order_and_offsets(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 3)
        assert log.append("events", 2, [b"c0"]) == 0
        assert log.append("events", 0, [b"a0", b"a1"]) == 0
        assert log.append("events", 2, [b"c1"]) == 1
        assert [read_all(log, "events", each) for each in range(3)] == [[b"a0", b"a1"], [], [b"c0", b"c1"]]


def test_many_small_appends_are_read_as_one_batch(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 1)
        for each in range(20):
            log.append("events", 0, [b"%d" % each])
        assert values(log.read("events", 0, 3, 10)) == [b"%d" % each for each in range(3, 13)]


def test_a_group_finds_what_it_committed_and_may_rewind(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 2)
        log.append("events", 1, [b"0", b"1", b"2"])
        assert log.committed("monitor", "events", 1) is None
        log.commit("monitor", "events", 1, 3)
    with backend.open() as log:
        assert log.committed("monitor", "events", 1) == 3
        assert log.committed("monitor", "events", 0) is None
        assert log.committed("other", "events", 1) is None
        log.commit("monitor", "events", 1, 1)
        assert values(log.read("events", 1, log.committed("monitor", "events", 1) or 0)) == [b"1", b"2"]


def test_compaction_keeps_each_keys_newest_record_at_its_offset(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
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


def test_compaction_waits_until_enough_is_new(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
        log.create_topic("alerts", 1, compacted=True)
        log.append("alerts", 0, [b"1", b"2", b"3"], keys=[b"a", b"b", b"c"])
        assert log.compact("alerts", min_dirty=1) == 0
        log.append("alerts", 0, [b"4", b"5"], keys=[b"a", b"b"])
        assert log.compact("alerts", min_dirty=0.5) == 0
        log.append("alerts", 0, [b"6"], keys=[b"a"])
        assert log.compact("alerts", min_dirty=0.5) == 3
        assert read_all(log, "alerts", 0) == [b"3", b"5", b"6"]


def test_an_empty_value_outlives_compaction_as_its_keys_newest(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
        log.create_topic("alerts", 1, compacted=True)
        log.append("alerts", 0, [b"a1", b"", b"b1"], keys=[b"a", b"a", b"b"])
        log.compact("alerts")
        assert [each[1:3] for each in log.read_keyed("alerts", 0, 0)] == [(b"a", b""), (b"b", b"b1")]


def test_retention_drops_what_is_too_old_and_says_so_to_who_asks_for_it(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
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


def test_retention_drops_the_oldest_of_what_is_too_much(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
        log.create_topic("events", 1, retention_bytes=5)
        for each in (b"aaa", b"bbb", b"ccc"):
            log.append("events", 0, [each])
        assert log.retain() == 2
        assert read_all(log, "events", 0) == [b"ccc"]


def test_retention_never_drops_what_is_still_needed(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
        log.create_topic("events", 2, retention_ms=1)
        for partition in (0, 1):
            for each in (b"a", b"b", b"c"):
                log.append("events", partition, [each], appended_ms=0)
        assert log.retain(now_ms=10, keep_from={("events", 0): 1}) == 1 + 3
        assert read_all(log, "events", 0) == [b"b", b"c"]


def test_an_offset_past_the_end_is_refused(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 1)
        log.append("events", 0, [b"a"])
        assert len(log.read("events", 0, 1)) == 0
        with pytest.raises(OffsetGone, match="must be 0 to 1, got 2"):
            log.read("events", 0, 2)


def test_a_reader_sees_what_other_processes_append_each_in_its_order(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 1)
        code = "for i in range(200): log.append('events', 0, [b'{0}-%d' % i, b'{0}+%d' % i])"
        producers = [backend.python(code.replace("{0}", name)) for name in "xy"]
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


@pytest.mark.slow
def test_a_producer_killed_at_any_moment_leaves_whole_transactions_only(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 2)
        for appended in (0, 3, 17):
            before = log.position("file") or 0
            producer = backend.python(
                "import itertools\n"
                f"for i in itertools.count({before} + 1):\n"
                "    with log.transaction(writer='file'):\n"
                "        log.append('events', 0, [b'%d' % i] * 500)\n"
                "        log.append('events', 1, [b'%d' % i] * 500)\n"
                "        log.set_position('file', i)\n"
            )
            while (log.position("file") or 0) < before + appended:
                pass
            producer.kill()
            producer.communicate()
            with log.transaction(writer="file"):  # which ends what the dead one had begun
                pass
            whole = log.position("file") or 0
            expected = [b"%d" % i for i in range(1, whole + 1) for _ in range(500)]
            assert read_all(log, "events", 0) == read_all(log, "events", 1) == expected


def test_the_newest_value_of_each_key_is_read_last_and_an_empty_one_takes_it_away(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("alerts", 1, compacted=True)
        log.append("alerts", 0, [b"a1", b"b1", b"a2"], keys=[b"a", b"b", b"a"])
        log.append("alerts", 0, [b""], keys=[b"b"])
        records = log.read_keyed("alerts", 0, 0)
        assert {each.key: each.value for each in records} == {b"a": b"a2", b"b": b""}
        assert [each.offset for each in records] == sorted(each.offset for each in records)


def test_every_partition_is_appended_to_at_once(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 3)
        log.append_each("events", [[b"a", b"b"], [], [b"c"]], keys=[[b"k", None], [], [b"l"]])
        log.append_each("events", [[], [], []])
        assert [read_all(log, "events", each) for each in range(3)] == [[b"a", b"b"], [], [b"c"]]
        with pytest.raises(ValueError, match="for each of 3 partitions, got 1"):
            log.append_each("events", [[b"a"]])
        with pytest.raises(ValueError, match="a key must be given for each value"):
            log.append_each("events", [[b"a"], [], []], keys=[[], [], []])


def test_joined_records_are_appended_to_the_partitions_they_are_counted_for(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 3)
        log.append_blocks("events", b"abbccc", np.array([1, 2, 0, 3], np.int32), [2, 0, 2])
        log.append_blocks("events", b"", np.array([], np.int32), [0, 0, 0])
        assert [read_all(log, "events", each) for each in range(3)] == [[b"a", b"bb"], [], [b"", b"ccc"]]
        for lengths, counts in (([1], [1, 0]), ([1], [0, 0, 0]), ([2], [1, 0, 0]), ([3, -1], [1, 1, 0])):
            with pytest.raises(ValueError, match=r"(counts|lengths) "):
                log.append_blocks("events", b"a", np.array(lengths, np.int32), counts)


def test_a_transaction_that_fails_leaves_neither_records_nor_position(backend: LogBackend) -> None:
    with backend.open() as log:
        log.create_topic("events", 2)
        with log.transaction(writer="x"):
            log.append_each("events", [[b"a"], [b"b"]])
            log.set_position("file", 1)
        with pytest.raises(ValueError, match="must be 0 to 1, got 7"), log.transaction(writer="x"):  # noqa: PT012
            log.append_each("events", [[b"c"], [b"d"]])
            log.set_position("file", 2)
            log.append("events", 7, [b"f"])
        with log.transaction(writer="x"), log.transaction():
            log.append("events", 0, [b"e"])
            log.set_position("other", 3)
            assert log.read_positions(["file", "other", "none"]) == {"file": 1, "other": 3}
        assert [read_all(log, "events", each) for each in range(2)] == [[b"a", b"e"], [b"b"]]
        assert (log.position("file"), log.position("other"), log.position("none")) == (1, 3, None)
        assert log.positions("o") == ["ther"]


def test_others_appends_are_told_of(backend: LogBackend) -> None:
    with backend.open() as log, backend.open() as other:
        log.create_topic("events", 1)
        log.end_offset("events", 0)
        log.changed()
        assert not log.changed()
        other.append("events", 0, [b"a"])
        assert log.changed()
        assert not log.changed()


def test_what_each_worker_showed_last_is_shown(backend: LogBackend) -> None:
    def progress(worker: str, rate: float) -> Progress:
        return Progress(worker=worker, topic="events", updated_ms=1, next_offsets={0: 2}, counts={}, rate=rate)

    with backend.open() as log:
        for each in (progress("b", 1.0), progress("a", 2.0), progress("b", 3.0)):
            log.write_progress(each)
        assert log.progress() == [progress("a", 2.0), progress("b", 3.0)]


def test_a_producer_killed_inside_a_transaction_blocks_nobody(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
        log.create_topic("events", 1)
        producer = embedded.python(
            "import time\n"
            "with log.transaction():\n"
            "    log.append('events', 0, [b'half'])\n"
            "    print('appended', flush=True)\n"
            "    time.sleep(60)\n"
        )
        assert producer.stdout.readline() == "appended\n"
        producer.kill()
        producer.communicate()
        assert log.append("events", 0, [b"next"]) == 0
        assert read_all(log, "events", 0) == [b"next"]


def test_processes_that_open_a_new_log_at_once_all_succeed(backend: LogBackend) -> None:
    code = "log.create_topic('events', 4); log.append('events', 0, [b'x'])"
    processes = [backend.python(code) for _ in range(4)]
    for each in processes:
        each.communicate()
    assert [each.returncode for each in processes] == [0] * 4
    with backend.open() as log:
        assert read_all(log, "events", 0) == [b"x"] * 4

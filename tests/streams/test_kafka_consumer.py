from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from streams.fetched_batch import Batch
from streams.kafka.fetcher import BatchKafkaConsumer
from tests.streams.record_sets import corrupted, damage, flipped, made, produce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence

    from tests.kafka.broker import Cluster
    from tests.kafka.topics import Topics

WAIT_S = 30
BIG = 2_000_000
UNKNOWN_ERROR = -1


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WAIT_S):
            await test

    asyncio.run(bounded())


@asynccontextmanager
async def consuming(kafka: Cluster, *partitions: TopicPartition, **settings: Any) -> AsyncIterator[BatchKafkaConsumer]:
    """A consumer of `partitions` from their beginning."""
    async with BatchKafkaConsumer(bootstrap_servers=kafka.bootstrap, **settings) as consumer:
        consumer.assign(list(partitions))
        for tp in partitions:
            consumer.seek(tp, 0)
        yield consumer


async def write(kafka: Cluster, tp: TopicPartition, values: Iterable[bytes | None], **settings: Any) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=5, **settings) as producer:
        sent = [await producer.send(*_to(tp, value)) for value in values]
        await asyncio.gather(*sent)


def _to(tp: TopicPartition, value: bytes | None) -> tuple[Any, ...]:
    return tp.topic, value, None, tp.partition


async def read_to(consumer: BatchKafkaConsumer, tp: TopicPartition, end: int, **bounds: Any) -> list[Batch]:
    """Batches of `tp` until its position is `end`."""
    batches: list[Batch] = []
    while await consumer.position(tp) < end:
        batches += (await consumer.getbatches(timeout_ms=500, **bounds)).values()
    assert await consumer.position(tp) == end
    return batches


def values(batches: Sequence[Batch]) -> list[bytes]:
    return [each.records.value(i) for each in batches for i in range(len(each.records))]


def offsets(batches: Sequence[Batch]) -> list[int]:
    return [int(offset) for each in batches for offset in each.records.offsets]


def numbered(count: int) -> list[bytes]:
    return [b"%d" % i for i in range(count)]


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_every_record_is_read_once_and_in_order(kafka: Cluster, topic: Topics, codec: str | None) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("order"), 0)
        await write(kafka, tp, numbered(2_500), compression_type=codec)
        async with consuming(kafka, tp) as consumer:
            batches = await read_to(consumer, tp, 2_500, max_records=700)
        assert values(batches) == numbered(2_500)
        assert offsets(batches) == list(range(2_500))
        assert max(len(each.records) for each in batches) == 700
        assert all(each.records.source == f"{tp.topic}-0" for each in batches)
        assert not any(each.records.broken for each in batches)

    run(test())


def test_times_are_the_brokers_where_the_topic_says_append_time(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("appended", message_timestamp_type="LogAppendTime"), 0)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            sent = await producer.send_and_wait(tp.topic, b"1", partition=0, timestamp_ms=1_000)
        async with consuming(kafka, tp) as consumer:
            (batch,) = await read_to(consumer, tp, 1)
        assert batch.records.appended_ms.tolist() == [sent.timestamp]
        assert sent.timestamp > 1_000

    run(test())


def test_what_was_aborted_is_not_seen_and_the_position_passes_the_last_marker(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("transactions"), 0)
        settings = {"bootstrap_servers": kafka.bootstrap, "transactional_id": tp.topic}
        async with AIOKafkaProducer(**settings) as producer:
            for i in range(6):
                await producer.begin_transaction()
                await producer.send_and_wait(*_to(tp, b"%d" % i))
                await (producer.abort_transaction() if i % 3 else producer.commit_transaction())
        async with consuming(kafka, tp, isolation_level="read_committed") as consumer:
            end = (await consumer.end_offsets([tp]))[tp]
            assert end == 12
            batches = await read_to(consumer, tp, end, max_records=1)
            assert values(batches) == [b"0", b"3"]
            assert batches[-1].next_offset == end
            consumer.seek(tp, 3)
            assert values(await read_to(consumer, tp, end)) == [b"3"]
        async with consuming(kafka, tp) as consumer:
            assert values(await read_to(consumer, tp, end)) == numbered(6)

    run(test())


def test_records_of_an_open_transaction_wait_for_its_end(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("open"), 0)
        settings = {"bootstrap_servers": kafka.bootstrap, "transactional_id": tp.topic}
        async with (
            AIOKafkaProducer(**settings) as producer,
            consuming(kafka, tp, isolation_level="read_committed") as consumer,
        ):
            await producer.begin_transaction()
            await producer.send_and_wait(*_to(tp, b"1"))
            assert await consumer.getbatches(timeout_ms=300) == {}
            await producer.commit_transaction()
            assert values(await read_to(consumer, tp, 2)) == [b"1"]

    run(test())


def test_it_goes_where_it_is_sought_and_passes_over_what_lies_before(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("sought"), 0)
        await write(kafka, tp, numbered(1_000), compression_type="lz4")
        async with consuming(kafka, tp) as consumer:
            first = await consumer.getbatches(timeout_ms=5_000, max_records=10)
            assert offsets(list(first.values())) == list(range(10))
            for offset in (777, 3, 999):
                consumer.seek(tp, offset)
                assert offsets(await read_to(consumer, tp, 1_000, max_records=100)) == list(range(offset, 1_000))
            await consumer.seek_to_beginning(tp)
            assert offsets(await read_to(consumer, tp, 1_000)) == list(range(1_000))

    run(test())


def test_a_paused_partition_gives_nothing_until_it_is_resumed(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        name = topic("paused", 2)
        rests, runs = TopicPartition(name, 0), TopicPartition(name, 1)
        for tp in (rests, runs):
            await write(kafka, tp, numbered(20))
        async with consuming(kafka, rests, runs) as consumer:
            await consumer.getbatches(rests, timeout_ms=5_000, max_records=5)
            consumer.pause(rests)
            assert values(await read_to(consumer, runs, 20, max_records=5)) == numbered(20)
            assert await consumer.getbatches(timeout_ms=300) == {}
            assert await consumer.position(rests) == 5
            waiting = asyncio.ensure_future(consumer.getbatches(timeout_ms=WAIT_S * 1_000))
            await asyncio.sleep(0)
            consumer.resume(rests)
            assert offsets(list((await waiting).values())) == list(range(5, 20))

    run(test())


def test_only_the_partitions_that_are_asked_for_are_read(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        name = topic("asked", 2)
        wanted, other = TopicPartition(name, 0), TopicPartition(name, 1)
        for tp in (wanted, other):
            await write(kafka, tp, [b"1"])
        async with consuming(kafka, wanted, other) as consumer:
            assert list(await consumer.getbatches(wanted, timeout_ms=5_000)) == [wanted]
            assert await consumer.position(other) == 0
            assert list(await consumer.getbatches(timeout_ms=5_000)) == [other]

    run(test())


def test_partitions_take_turns_within_a_bound_of_bytes(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        name = topic("turns", 3)
        partitions = [TopicPartition(name, i) for i in range(3)]
        for tp, count in zip(partitions, (3_000, 300, 300), strict=True):
            await write(kafka, tp, [b"x" * 100] * count)
        turns = []
        left = dict(zip(partitions, (3_000, 300, 300), strict=True))
        async with consuming(kafka, *partitions) as consumer:
            while any(left.values()):
                batches = await consumer.getbatches(timeout_ms=1_000, max_records=100, max_bytes=15_000)
                assert sum(each.records.value_bytes for each in batches.values()) <= 20_000
                for tp, batch in batches.items():
                    turns.append(tp)
                    left[tp] -= len(batch.records)
        seen = defaultdict[TopicPartition, int](int)
        for tp in turns:
            seen[tp] += 1
            if seen[tp] == 3:
                break
        # by the time one was read three times, none of the others had less than two turns
        assert sorted(seen.values()) >= [2, 2, 3]

    run(test())


def test_a_record_of_two_megabytes_is_read_like_its_neighbours(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("big", max_message_bytes=BIG + 1_000), 0)
        written = [b"before", bytes(BIG), b"after"]
        await write(kafka, tp, written, max_request_size=BIG + 1_000)
        async with consuming(kafka, tp) as consumer:
            assert values(await read_to(consumer, tp, 3, max_bytes=1_000)) == written

    run(test())


def test_tombstones_and_empty_values_are_records_of_no_bytes(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("tombs"), 0)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            for value in (b"a", None, b"", b"b"):
                headers = [("trace", b"1"), ("none", None)]
                await producer.send_and_wait(tp.topic, value, key=b"key", partition=0, headers=headers)
        async with consuming(kafka, tp) as consumer:
            batches = await read_to(consumer, tp, 4)
        assert values(batches) == [b"a", b"", b"", b"b"]
        assert offsets(batches) == [0, 1, 2, 3]

    run(test())


def test_what_is_not_in_the_log_any_more_is_said_and_the_position_stays(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("gone"), 0)
        await write(kafka, tp, [b"1"])
        async with consuming(kafka, tp) as consumer:
            consumer.seek(tp, 500)
            for _ in range(2):
                with pytest.raises(OffsetOutOfRangeError):
                    await consumer.getbatches(timeout_ms=5_000)
                assert await consumer.position(tp) == 500
            consumer.seek(tp, 0)
            assert values(await read_to(consumer, tp, 1)) == [b"1"]

    run(test())


def test_partitions_come_and_go_with_the_group(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        name = topic("group", 2)
        partitions = {TopicPartition(name, 0), TopicPartition(name, 1)}
        for tp in partitions:
            await write(kafka, tp, numbered(10))
        settings: dict[str, Any] = {
            "bootstrap_servers": kafka.bootstrap, "group_id": name, "enable_auto_commit": False,
            "heartbeat_interval_ms": 100, "session_timeout_ms": 6_000,
        }  # fmt: skip
        async with BatchKafkaConsumer(name, **settings) as first:
            for tp in partitions:
                first.seek(tp, 0)
            assert partitions == set(await _all_of(first, 2, max_records=4))
            async with BatchKafkaConsumer(name, **settings) as second:
                while len(first.assignment()) != 1:
                    with suppress(NoOffsetForPartitionError):  # once it was given one anew, nobody has sought yet
                        await first.getbatches(timeout_ms=50, max_records=1)
                (kept,), (given,) = first.assignment(), second.assignment()
                assert {kept, given} == partitions
                for consumer, tp in ((first, kept), (second, given)):
                    consumer.seek(tp, 7)
                    batches = await read_to(consumer, tp, 10)
                    assert offsets(batches) == [7, 8, 9]

    run(test())


async def _all_of(consumer: BatchKafkaConsumer, count: int, **bounds: Any) -> dict[TopicPartition, Batch]:
    found: dict[TopicPartition, Batch] = {}
    while len(found) < count:
        found |= await consumer.getbatches(timeout_ms=500, **bounds)
    return found


@pytest.mark.parametrize(("change", "reason"), [(corrupted, "must be lz4 of at most"), (flipped, "must have CRC-32C")])
def test_a_batch_that_lies_damaged_in_the_log_is_named_and_its_neighbours_are_read(
    kafka: Cluster, topic: Topics, change: Callable[[bytearray], bytearray], reason: str
) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("damaged"), 0)
        await write(kafka, tp, [b"before"])
        assert await produce(kafka.bootstrap, tp, bytes(made(numbered(50), codec="lz4"))) == (0, 1)
        await write(kafka, tp, [b"after"])
        damage(kafka, tp, 1, change)
        async with consuming(kafka, tp) as consumer:
            batches = await read_to(consumer, tp, 52)
        assert values(batches) == [b"before", b"after"]
        ((broken,),) = [each.records.broken for each in batches if each.records.broken]
        assert (broken.first_offset, broken.last_offset) == (1, 50)
        assert reason in broken.message

    run(test())


def test_the_broker_refuses_a_batch_that_cannot_be_decompressed(kafka: Cluster, topic: Topics) -> None:
    """So that one can only come of damage behind it; a broker that takes it would have us show it."""

    async def test() -> None:
        tp = TopicPartition(topic("refused"), 0)
        error, _ = await produce(kafka.bootstrap, tp, bytes(corrupted(made(numbered(50), codec="lz4"))))
        assert error == UNKNOWN_ERROR

    run(test())


def test_offsets_that_are_reset_in_silence_are_refused() -> None:
    with pytest.raises(ValueError, match="auto_offset_reset must be \"none\", got 'earliest'"):
        BatchKafkaConsumer(auto_offset_reset="earliest")


def test_nothing_is_read_one_by_one(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("single"), 0)
        await write(kafka, tp, [b"1"])
        async with consuming(kafka, tp) as consumer:
            for read in (consumer.getone, consumer.getmany):
                with pytest.raises(TypeError, match="getbatches"):
                    await read()
            assert values(await read_to(consumer, tp, 1)) == [b"1"]

    run(test())


def test_what_is_wrong_with_one_partition_takes_nothing_from_another(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        name = topic("apart", 2)
        sound, gone = TopicPartition(name, 0), TopicPartition(name, 1)
        await write(kafka, sound, numbered(100))
        async with consuming(kafka, sound, gone) as consumer:
            consumer.seek(gone, 500)
            batches, raised = list[Batch](), 0
            while not raised or await consumer.position(sound) < 100:
                try:
                    batches += (await consumer.getbatches(timeout_ms=500, max_records=30)).values()
                except OffsetOutOfRangeError:
                    raised += 1
        assert values(batches) == numbered(100)

    run(test())


def test_offsets_and_times_are_arrays_of_the_engine(kafka: Cluster, topic: Topics) -> None:
    async def test() -> None:
        tp = TopicPartition(topic("arrays"), 0)
        await write(kafka, tp, numbered(3))
        async with consuming(kafka, tp) as consumer:
            (batch,) = await read_to(consumer, tp, 3)
        for array in (batch.records.ends, batch.records.offsets, batch.records.appended_ms):
            assert array.dtype == np.int64
            assert array.flags.owndata

    run(test())

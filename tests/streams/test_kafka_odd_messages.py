"""What becomes of odd messages on Kafka, with the real monitor, as docs/events.md says under "On Kafka"."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from domain.alerts import DeadLetter
from domain.events import FUTURE_MS, MAX_RECORD_BYTES
from engine.decoding.hashing import partition_of
from engine.monitor import Monitor, MonitorConfig
from streams.app import WorkerSettings
from streams.kafka.address import KafkaAddress
from streams.kafka.options import KafkaOptions
from streams.kafka.record_batches import RecordSet
from streams.worker import run_worker
from tests.kafka.topics import admin
from tests.streams.conftest import KafkaBackend
from tests.streams.record_sets import HEADER, corrupted, damage, made, produce, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.outputs import Counts
    from tests.kafka.broker import Cluster

PARTITIONS = 2
BIG = 2_000_000
BATCH = 50
Header = tuple[str, bytes | None]


def sale(i: int, merchant_id: str) -> bytes:
    return json.dumps({
        "txn_id": f"t{i}", "merchant_id": merchant_id, "amount": 100, "currency": "CNY",
        "event_time": 1_700_000_000_000 + i, "received_at": 1_700_000_000_000 + i,
    }).encode()  # fmt: skip


def of_partition(partition: int) -> str:
    """A merchant that belongs there."""
    return next(each for each in map("m{}".format, range(99)) if partition_of(each.encode(), PARTITIONS) == partition)


def with_a_broken_record(batch: bytearray) -> bytearray:
    """The batch with a record of impossible lengths behind some that are whole, and a checksum that fits."""
    for at in reversed(range(HEADER, len(batch))):
        changed = batch.copy()
        changed[at] ^= 0xFF
        found = RecordSet(bytes(sealed(changed)), 0, "").take(BATCH, BIG)
        if len(found.records) and any("must be whole" in each.message for each in found.records.broken):
            return changed
    raise AssertionError("no change of one byte breaks a record")


@dataclass
class Seen:
    """What came of everything odd that a foreign producer wrote to a topic of its own.

    Attributes:
        at: offset of each odd thing in partition 0, by name.
        good: how many sales are written between them.
        whole: how many sales of the batch with the broken record stand before that.
        counts: what all records came to.
        letters: by offset in partition 0.
    """

    at: dict[str, int]
    good: int
    whole: int
    counts: Counts
    letters: dict[int, DeadLetter]


ODD: dict[str, tuple[bytes | None, Sequence[Header]]] = {
    "large": (b'{"txn_id": "large", "memo": "%s"}' % (b"x" * BIG), ()),
    "empty": (b"", ()),
    "tombstone": (None, ()),
    "unknown type": (b'{"type": "gossip", "merchant_id": "m1"}', ()),
    "headers": (sale(1, of_partition(0)), [("traceparent", b"00-1-2-01"), ("", b"\xff\x00"), ("none", None)]),
}


async def write(kafka: Cluster) -> tuple[dict[str, int], int, int]:
    """Write everything odd to partition 0 with a sale behind each, damaged batches last.

    Returns:
        Where each is, how many sales, and how many of the damaged batch stand before its broken record.
    """
    tp, merchant_id, at, good = TopicPartition("events", 0), of_partition(0), dict[str, int](), 1
    batches = {"broken record": made([sale(1000 + i, merchant_id) for i in range(BATCH)], codec="snappy"),
               "broken batch": made([sale(2000 + i, merchant_id) for i in range(BATCH)], codec="lz4")}  # fmt: skip
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=2 * BIG) as producer:

        async def send(value: bytes | None, headers: Sequence[Header] = ()) -> int:
            sent = await producer.send_and_wait("events", value, merchant_id.encode(), 0, headers=list(headers))
            return int(sent.offset)

        for name, (value, headers) in ODD.items():
            at[name] = await send(value, headers)
            await send(sale(10 + good, merchant_id))
            good += 1
        for name, batch in batches.items():
            error, at[name] = await produce(kafka.bootstrap, tp, bytes(batch))
            assert error == 0
            await send(sale(10 + good, merchant_id))
            good += 1
    damage(kafka, tp, 2 * len(ODD), with_a_broken_record)
    damage(kafka, tp, 2 * len(ODD) + 2, corrupted)
    whole = len(RecordSet(bytes(with_a_broken_record(batches["broken record"])), 0, "").take(BATCH, BIG).records)
    return at, good, whole


@pytest.fixture(scope="module")
def seen(kafka: Cluster, warm_kernel: None) -> Seen:
    with admin(kafka.bootstrap) as asked:
        own = {"num_partitions": PARTITIONS, "configs": {
            "max.message.bytes": str(2 * BIG), "message.timestamp.after.max.ms": str(FUTURE_MS),
        }}  # fmt: skip
        asked.create_topics({"events": own}, wait_for_metadata=True)
    topics = KafkaBackend(kafka.bootstrap)
    try:
        at, good, whole = asyncio.run(write(kafka))
        counts = work(kafka)
        return Seen(at, good, whole, counts, {each.position: each for each in letters(topics, 0)})
    finally:
        topics.clear()


def work(kafka: Cluster) -> Counts:
    options = KafkaOptions(bootstrap=(kafka.bootstrap,))
    settings = WorkerSettings(address=KafkaAddress(options), partitions=PARTITIONS)

    def make(partition: int, of: int) -> Monitor:
        return Monitor(MonitorConfig(capacity=1000), partition, of, checkpoints=True)

    return run_worker(settings, make, until_idle=True)


def letters(topics: KafkaBackend, partition: int) -> Iterator[DeadLetter]:
    with topics.open() as log:
        found = log.read("dead-letters", partition, 0)
        yield from (msgspec.json.decode(found.value(i), type=DeadLetter) for i in range(len(found)))


def letter(seen: Seen, name: str) -> DeadLetter:
    found = seen.letters[seen.at[name]]
    assert found.source == "events-0"
    return found


def test_a_value_of_two_megabytes_is_too_large(seen: Seen) -> None:
    found = letter(seen, "large")
    assert found.reason == "too-large"
    assert str(MAX_RECORD_BYTES) in found.message
    assert 0 < len(found.record) <= 4_096


def test_an_empty_value_and_a_tombstone_are_no_json(seen: Seen) -> None:
    assert [letter(seen, name).reason for name in ("empty", "tombstone")] == ["not-json"] * 2


def test_a_type_that_is_not_known_is_said(seen: Seen) -> None:
    assert letter(seen, "unknown type").reason == "unknown-type"


def test_headers_of_any_kind_change_nothing(seen: Seen) -> None:
    assert seen.at["headers"] not in seen.letters


def test_the_records_before_a_broken_one_in_a_compressed_batch_count_and_the_rest_is_one_dead_letter(
    seen: Seen,
) -> None:
    first, end = seen.at["broken record"], seen.at["broken record"] + BATCH
    assert 0 < seen.whole < BATCH
    (found,) = [each for position, each in seen.letters.items() if first <= position < end]
    assert (found.reason, found.position, found.record) == ("broken-batch", first + seen.whole, "")
    assert found.message.endswith(f"offsets {first + seen.whole} to {end - 1}")


def test_a_batch_that_cannot_be_decompressed_is_one_dead_letter(seen: Seen) -> None:
    found = letter(seen, "broken batch")
    assert (found.reason, found.record) == ("broken-batch", "")
    assert found.message.endswith(f"offsets {found.position} to {found.position + BATCH - 1}")


def test_every_record_beside_what_is_odd_counts(seen: Seen) -> None:
    assert seen.counts.transactions == seen.good + seen.whole
    assert seen.counts.dead_letters == len(seen.letters) == len(ODD) - 1 + 2
    assert seen.counts.records == seen.counts.transactions + seen.counts.dead_letters


def test_what_a_producer_with_librdkafkas_own_partitioner_puts_elsewhere_is_refused_loudly(
    kafka: Cluster, on_kafka: KafkaBackend, warm_kernel: None, caplog: pytest.LogCaptureFixture
) -> None:
    merchants = [f"m{i}".encode() for i in range(40)]
    with on_kafka.open() as log:
        log.create_topic("events", PARTITIONS)

        def crc32(key: bytes) -> int:
            """What librdkafka calls `consistent_random`."""
            return zlib.crc32(key) % PARTITIONS

        for partition in range(PARTITIONS):
            mine = [each for each in merchants if crc32(each) == partition]
            log.append("events", partition, [sale(i, each.decode()) for i, each in enumerate(mine)], keys=mine)
    elsewhere = sum(crc32(each) != partition_of(each, PARTITIONS) for each in merchants)
    with caplog.at_level(logging.WARNING):
        counts = work(kafka)
    found: list[Any] = [each for partition in range(PARTITIONS) for each in letters(on_kafka, partition)]
    assert 0 < elsewhere < len(merchants)
    assert [each.reason for each in found] == ["wrong-partition"] * elsewhere
    assert counts.transactions == len(merchants) - elsewhere
    said = [each.getMessage() for each in caplog.records if "murmur2" in each.getMessage()]
    assert len(said) == PARTITIONS  # once for each, not for every record
    assert said[0].startswith("events-")

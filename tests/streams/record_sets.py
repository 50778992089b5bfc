"""Makes Kafka's record batches, whole and broken, and sends them as they are."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaClient
from aiokafka.errors import NotLeaderForPartitionError
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka import TopicPartition

    from tests.kafka.broker import Cluster

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
HEADER = 61
APPEND_TIME, CONTROL = 0x08, 0x20
_CRC_AT, _CHECKED_FROM, _ATTRIBUTES_AT, _LAST_DELTA_AT = 17, 21, 21, 23


def made(
    values: Sequence[bytes | None],
    *,
    codec: str = "none",
    base_offset: int = 0,
    first_ms: int = 1_700_000_000_000,
    producer_id: int = -1,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    gap: int = 1,
    tail: int = 0,
) -> bytearray:
    """A record batch; one with a producer id belongs to a transaction.

    As after compaction, records lie `gap` offsets apart, and `tail` offsets follow the last one.
    """
    transactional = producer_id >= 0
    builder = DefaultRecordBatchBuilder(
        2, CODECS.index(codec), int(transactional), producer_id, int(transactional) - 1, -1, 1 << 30
    )
    for i, value in enumerate(values):
        assert builder.append(i * gap, first_ms + i, key, value, list(headers))
    batch = bytearray(builder.build())
    struct.pack_into(">q", batch, 0, base_offset)
    struct.pack_into(">i", batch, _LAST_DELTA_AT, max(len(values) - 1, 0) * gap + tail)
    return sealed(batch)


def marker(base_offset: int, producer_id: int, *, commits: bool) -> bytearray:
    """The batch that ends a transaction."""
    batch = made([bytes(6)], base_offset=base_offset, producer_id=producer_id, key=struct.pack(">hh", 0, int(commits)))
    return with_attributes(batch, CONTROL)


def sealed(batch: bytearray) -> bytearray:
    """The batch with the length and the checksum that fit what it holds."""
    struct.pack_into(">i", batch, 8, len(batch) - 12)
    struct.pack_into(">I", batch, _CRC_AT, calc_crc32c(batch[_CHECKED_FROM:]))
    return batch


def with_attributes(batch: bytearray, attributes: int) -> bytearray:
    (before,) = struct.unpack_from(">h", batch, _ATTRIBUTES_AT)
    struct.pack_into(">h", batch, _ATTRIBUTES_AT, before | attributes)
    return sealed(batch)


def frames(data: bytes) -> list[tuple[int, int]]:
    """Where each batch of a set begins and ends."""
    found = []
    at = 0
    while at < len(data):
        end = at + 12 + int(struct.unpack_from(">i", data, at + 8)[0])
        found.append((at, end))
        at = end
    return found


def corrupted(batch: bytearray) -> bytearray:
    """The batch with a body that cannot be decompressed, and a checksum that says nothing is wrong."""
    batch[HEADER : HEADER + 4] = b"\xff\xff\xff\xff"
    return sealed(batch)


async def produce(bootstrap: str, tp: TopicPartition, batch: bytes) -> tuple[int, int]:
    """Send a batch as it is to the one broker, once that leads the partition; its error code and base offset."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        client.add_topic(tp.topic)
        await client._maybe_wait_metadata()
        await client.force_metadata_update()
        node = client.cluster.leader_for_partition(tp)
        request: Any = ProduceRequest(None, -1, 10_000, [(tp.topic, [(tp.partition, bytes(batch))])])
        error, offset = NotLeaderForPartitionError.errno, -1
        while error == NotLeaderForPartitionError.errno:
            response = await client.send(node, request)
            ((_, ((_, error, offset, *_),)),) = response.topics
    finally:
        await client.close()
    return error, offset


def damage(kafka: Cluster, tp: TopicPartition, which: int, change: Callable[[bytearray], bytearray]) -> None:
    """Change a batch where it lies in the broker's log."""
    (log,) = (kafka.brokers[0].folder / "data" / f"{tp.topic}-{tp.partition}").glob("*.log")
    begin, end = frames(log.read_bytes())[which]
    with log.open("r+b") as opened:
        opened.seek(begin)
        whole = bytearray(opened.read(end - begin))
        opened.seek(begin)
        changed = change(whole)
        assert len(changed) == end - begin
        opened.write(changed)


def flipped(batch: bytearray) -> bytearray:
    batch[HEADER + 5] ^= 1
    return batch

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]

from tests.kafka.topics import make_topic

if TYPE_CHECKING:
    from tests.kafka.broker import Cluster
    from tests.kafka.fixtures import NewKafka, NewTopic


async def write(bootstrap: str, topic: str, values: list[bytes], **settings: object) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **settings) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read(bootstrap: str, topic: str, count: int, **settings: object) -> list[bytes]:
    """The first `count` values of partition 0."""
    found: list[bytes] = []
    async with asyncio.timeout(20), AIOKafkaConsumer(bootstrap_servers=bootstrap, **settings) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        while len(found) < count:
            found += [each.value for each in (await consumer.getmany(timeout_ms=1000)).get(partition, [])]
    return found


def test_a_topic_carries_records_of_two_megabytes_where_it_asks_for_them(kafka: Cluster, topic: NewTopic) -> None:
    name = topic("wide", max_message_bytes=2 << 20)
    value = bytes(2_000_000)
    asyncio.run(write(kafka.bootstrap, name, [value], max_request_size=2 << 20))
    assert asyncio.run(read(kafka.bootstrap, name, 1)) == [value]


def test_a_record_is_read_back_after_the_broker_was_killed(new_kafka: NewKafka) -> None:
    kafka = new_kafka()
    name = make_topic(kafka.direct, "kept")
    asyncio.run(write(kafka.bootstrap, name, [b"kept"]))
    kafka.kill()
    assert not kafka.brokers[0].alive
    kafka.start()
    assert asyncio.run(read(kafka.bootstrap, name, 1)) == [b"kept"]

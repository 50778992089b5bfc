"""A cluster is known once it names a broker: one that is just coming back names none, not even the one that answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaConnectionError

from streams.kafka.aiokafka_compat import CompatClient, CompatProducer
from streams.kafka.fetcher import BatchKafkaConsumer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka.broker import Cluster
    from tests.kafka.fixtures import Topics

ALWAYS = 1_000_000


@pytest.fixture
def without_brokers(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Empties the list of brokers in so many of the next answers."""
    update = ClusterMetadata.update_metadata

    def empty_first(count: int) -> None:
        left = [count]

        def updated(self: ClusterMetadata, answer: Any) -> None:
            if left[0]:
                left[0] -= 1
                answer.brokers = []
            update(self, answer)

        monkeypatch.setattr(ClusterMetadata, "update_metadata", updated)

    return empty_first


def test_a_cluster_that_names_no_broker_at_first_is_waited_for(
    kafka: Cluster, without_brokers: Callable[[int], None]
) -> None:
    async def test() -> None:
        client = CompatClient(bootstrap_servers=kafka.bootstrap)
        try:
            await client.bootstrap()
            assert client.get_random_node() is not None
        finally:
            await client.close()

    without_brokers(3)
    asyncio.run(test())


def test_a_transaction_can_begin_on_a_cluster_that_names_no_broker_at_first(
    kafka: Cluster, without_brokers: Callable[[int], None]
) -> None:
    async def test() -> None:
        async with CompatProducer(bootstrap_servers=kafka.bootstrap, transactional_id="bootstrap") as producer:
            await producer.begin_transaction()
            await producer.abort_transaction()

    without_brokers(3)
    asyncio.run(test())


def test_a_group_is_joined_on_a_cluster_that_names_no_broker_at_first(
    kafka: Cluster, topic: Topics, without_brokers: Callable[[int], None]
) -> None:
    name = topic("bootstrap")

    async def test() -> None:
        settings: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap, "group_id": name}
        async with asyncio.timeout(60), BatchKafkaConsumer(name, **settings) as consumer:
            while not consumer.assignment():
                await consumer.getbatches(timeout_ms=100)

    without_brokers(3)
    asyncio.run(test())


def test_a_cluster_that_never_names_a_broker_is_given_up_within_the_time_of_a_request(
    kafka: Cluster, without_brokers: Callable[[int], None]
) -> None:
    async def test() -> None:
        client = CompatClient(bootstrap_servers=kafka.bootstrap, request_timeout_ms=500)
        try:
            with pytest.raises(KafkaConnectionError, match=r"named no broker within 0\.5 s"):
                await client.bootstrap()
        finally:
            await client.close()

    without_brokers(ALWAYS)
    asyncio.run(test())

"""The contract with aiokafka: what `streams.kafka.aiokafka_compat` touches is there, as it was."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.consumer.fetcher import Fetcher, FetchError, FetchResult
from aiokafka.consumer.group_coordinator import GroupCoordinator, NoGroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionManager, TransactionState
from aiokafka.protocol import fetch
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest

from streams.errors import LogFailed
from streams.kafka import aiokafka_compat
from streams.kafka.aiokafka_compat import CompatClient, CompatProducer
from streams.kafka.fetcher import BatchKafkaConsumer
from tests.streams.compat import attribute_faults, signature_faults, version_fault

if TYPE_CHECKING:
    from collections.abc import Coroutine

AIOKAFKA = "aiokafka"
NOWHERE = "127.0.0.1:1"
TP = TopicPartition("events", 0)
TOUCHED = {
    AIOKafkaClient.bootstrap: "",
    AIOKafkaClient.force_metadata_update: "",
    AIOKafkaClient.send: "node_id, request, *, group",
    BatchBuilder.__init__: "batch_size, compression_type, *, is_transactional, key_serializer, value_serializer",
    Fetcher._create_fetch_waiter: "",
    Fetcher._notify: "future",
    Fetcher._proc_fetch_request: "assignment, node_id, request",
    FetchError.__init__: "*, error, backoff",
    FetchError.check_raise: "",
    FetchRequest.__init__: "max_wait_time, min_bytes, max_bytes, isolation_level, topics, rack_id",
    FetchResult.calculate_backoff: "",
    GroupCoordinator.check_errors: "",
    GroupCoordinator.request_rejoin: "",
    MessageAccumulator.fail_all: "exception",
    MessageAccumulator.reenqueue: "batch",
    NoGroupCoordinator.check_errors: "",
    OffsetRequest.__init__: "replica_id, isolation_level, topics",
    Sender._do_txn_commit: "commit_result",
    Sender.close: "",
    SubscriptionState.fetch_context: "",
    SubscriptionState.is_assigned: "tp",
    SubscriptionState.wait_for_assignment: "",
    TransactionManager.maybe_add_partition_to_txn: "tp",
    TransactionState.is_transition_valid: "source, target",
    create_conn: "host, port, *, client_id, request_timeout_ms, ssl_context, security_protocol, max_idle_ms, on_close,"
    " sasl_mechanism, sasl_plain_username, sasl_plain_password, sasl_kerberos_service_name, sasl_kerberos_domain_name,"
    " sasl_oauth_token_provider",
}


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_the_installed_version_is_the_one_that_was_read() -> None:
    assert version_fault(aiokafka_compat, AIOKAFKA, aiokafka_compat.READ_FOR) == ""


def test_what_is_called_or_overridden_takes_what_it_took() -> None:
    assert signature_faults(AIOKAFKA, TOUCHED) == []


def test_producers_and_consumers_connect_by_a_client_that_waits_for_a_broker() -> None:
    async def test() -> None:
        async with AsyncExitStack() as stack:
            producer = CompatProducer(bootstrap_servers=NOWHERE)
            stack.push_async_callback(producer.stop)
            consumer = BatchKafkaConsumer(bootstrap_servers=NOWHERE)
            stack.push_async_callback(consumer.stop)
            assert type(producer.client) is type(consumer._client) is CompatClient
            expected = [(producer.client, ("_retry_backoff", "_request_timeout_ms", "cluster", "hosts"))]
            assert attribute_faults(AIOKAFKA, expected) == []

    run(test())


def test_a_consumer_has_its_subscription_and_where_it_stands() -> None:
    async def test() -> None:
        consumer = BatchKafkaConsumer(bootstrap_servers=NOWHERE)
        consumer.assign([TP])
        subscriptions = consumer._subscription
        assignment = subscriptions.subscription.assignment
        expected = [
            (consumer, ("_fetcher", "_coordinator", "_closed")),
            (subscriptions, ("reassignment_in_progress",)),
            (assignment, ("tps", "active")),
            (assignment.state_value(TP), ("has_valid_position", "paused", "consumed_to")),
        ]
        assert attribute_faults(AIOKAFKA, expected) == []
        assert consumer.position_of(TP) is None
        assignment.state_value(TP).seek(7)
        assert (consumer.position_of(TP), aiokafka_compat.position_in(assignment, TP)) == (7, 7)
        await consumer.stop()

    run(test())


def test_a_fetcher_has_what_ours_reads_of_it() -> None:
    async def test() -> None:
        client, subscriptions = AIOKafkaClient(bootstrap_servers=NOWHERE), SubscriptionState()
        fetcher = Fetcher(client, subscriptions, isolation_level="read_committed")
        try:
            names = """_client _records _wait_consume_future _fetch_waiters _subscriptions _closed _check_crcs
                _isolation_level _prefetch_backoff"""
            assert attribute_faults(AIOKAFKA, [(fetcher, tuple(names.split()))]) == []
            assert fetcher._client is client
            assert fetcher._isolation_level == aiokafka_compat.READ_COMMITTED
        finally:
            await fetcher.close()
            await client.close()

    run(test())


def test_a_member_of_a_group_counts_its_generations() -> None:
    async def test() -> None:
        client = AIOKafkaClient(bootstrap_servers=NOWHERE)
        coordinator = GroupCoordinator(client, SubscriptionState(), group_id="g")
        try:
            assert attribute_faults(AIOKAFKA, [(coordinator, ("generation",))]) == []
        finally:
            await coordinator.close()
            await client.close()

    run(test())


@pytest.mark.parametrize("version", range(4, 12))
def test_a_fetched_partition_ends_with_its_record_set_behind_the_aborted_transactions(version: int) -> None:
    response = getattr(fetch, f"FetchResponse_v{version}")
    assert (response.API_VERSION, response.SCHEMA.names[-1]) == (version, "topics")
    names = response.SCHEMA.fields[-1].array_of.fields[-1].array_of.names
    from_end = 3 if version >= aiokafka_compat._PREFERRED_REPLICA_FROM else 2
    assert (names[0], names[-from_end], names[-1]) == ("partition", "aborted_transactions", "message_set")


def test_no_later_version_of_the_fetch_response_is_asked_for() -> None:
    versions = [int(found[1]) for name in vars(fetch) if (found := re.fullmatch(r"FetchResponse_v(\d+)", name))]
    assert max(versions) == 11


def test_a_producer_has_what_ours_reads_of_it() -> None:
    async def test() -> None:
        async with AsyncExitStack() as stack:
            producer = CompatProducer(bootstrap_servers=NOWHERE, transactional_id="t", patience_s=1_234.0)
            stack.push_async_callback(producer.stop)
            expected = [
                (producer, ("_message_accumulator", "_txn_manager", "_sender")),
                (producer._message_accumulator, ("_batch_ttl", "_batch_size")),
                (producer._txn_manager, ("state", "is_fatal_error")),
            ]
            assert attribute_faults(AIOKAFKA, expected) == []
            assert producer._message_accumulator._batch_ttl == 1_234.0
            assert not producer.is_over
            await producer.end_sender()

    run(test())


def test_a_transaction_is_aborted_only_where_aiokafka_can_abort_it() -> None:
    async def test() -> None:
        async with AsyncExitStack() as stack:
            producer = CompatProducer(bootstrap_servers=NOWHERE, transactional_id="t")
            stack.push_async_callback(producer.stop)
            transactions = producer._txn_manager
            for state in set(TransactionState) - {TransactionState.IN_TRANSACTION, TransactionState.ABORTABLE_ERROR}:
                transactions.state = state
                await producer.abort_if_open()
                assert transactions.state is state
                with pytest.raises(AssertionError, match="Invalid state transition"):
                    await producer.abort_transaction()
            transactions.state = TransactionState.READY
            transactions.begin_transaction()
            aborting = asyncio.create_task(producer.abort_if_open())
            await asyncio.sleep(0)
            assert transactions.state is TransactionState.ABORTING_TRANSACTION
            transactions.complete_transaction()
            await aborting

    run(test())


def test_a_producer_without_transactions_has_none_to_abort() -> None:
    async def test() -> None:
        async with AsyncExitStack() as stack:
            producer = CompatProducer(bootstrap_servers=NOWHERE, enable_idempotence=True)
            stack.push_async_callback(producer.stop)
            await producer.abort_if_open()

    run(test())


def test_a_batch_whose_request_fails_after_all_failed_is_not_missed() -> None:
    async def test() -> None:
        producer = CompatProducer(bootstrap_servers=NOWHERE)
        accumulator = producer._message_accumulator
        future = await accumulator.add_message(TP, None, b"value", 1.0)
        batch = accumulator._pop_batch(TP)  # it is in a request now
        producer.fail_all(LogFailed("let go of"))
        with pytest.raises(LogFailed):
            await future
        accumulator.reenqueue(batch)  # as the sender does when that request fails
        assert TP not in accumulator._batches
        await producer.stop()

    run(test())

"""What Tillwatch uses of aiokafka that aiokafka does not document, and nothing else in Tillwatch does.

Read for aiokafka 0.14. `tests/streams/test_aiokafka_compat.py` holds the installed version to this list:

- `AIOKafkaConsumer`: `_fetcher`, `_subscription`, `_closed`, `_coordinator` with `check_errors`, `generation` and
  `request_rejoin`.
- `SubscriptionState`: `subscription`, `fetch_context`, `reassignment_in_progress`, `wait_for_assignment`,
  `is_assigned`; the subscription's `assignment`, its `tps`, `active` and `state_value`; of that `position`,
  `has_valid_position`, `paused` and `consumed_to`.
- `Fetcher`: `_proc_fetch_request`, `_client` with `send`, `_records`, `_notify`, `_wait_consume_future`,
  `_fetch_waiters`, `_create_fetch_waiter`, `_subscriptions`, `_closed`, `_check_crcs`, `_isolation_level`,
  `_prefetch_backoff`.
- `FetchResult` and `FetchError`: `calculate_backoff`; the latter's `check_raise`.
- The fetch response from version 4 on: its partitions are tuples that end with the record set; the aborted transactions
  stand before it, and in version 11 and later one further to the front.
- `AIOKafkaProducer`: `_message_accumulator` with `_batch_ttl`, `_batch_size`, `_batches`, `fail_all` and
  `reenqueue`; `_txn_manager` with `state`, `is_fatal_error` and `maybe_add_partition_to_txn`; `_sender` with `close`.
- `Sender`: `_do_txn_commit`, which is called again where it returns before the transaction has ended; `_retry_backoff`.
- `AIOKafkaClient`: `bootstrap`, `_retry_backoff` and `_request_timeout_ms`; the `client` of a producer and the
  `_client` of a consumer are such.
- `create_conn`, whose connection has signed in, or raised why not; its `close`.
- What is imported here from modules that its documentation leaves out: others import it from here.
"""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false, reportIncompatibleMethodOverride=false
# What it touches is inferred from the library's code, which is not typed for whoever builds on it.

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import create_conn
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, Fetcher, FetchError, PartitionRecords
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError, UnknownError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionState
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Iterator

__all__ = [
    "READ_COMMITTED",
    "READ_UNCOMMITTED",
    "AbstractPartitionAssignor",
    "BatchBuilder",
    "ClusterMetadata",
    "CompatClient",
    "CompatConsumer",
    "CompatFetcher",
    "CompatProducer",
    "ConsumerProtocolMemberAssignment",
    "ConsumerProtocolMemberMetadata",
    "DefaultRecordBatchBuilder",
    "FetchError",
    "FetchRequest",
    "MemoryRecords",
    "OffsetRequest",
    "PartitionRecords",
    "calc_crc32c",
    "create_conn",
    "position_in",
]

READ_FOR = "0.14"
"""The version of aiokafka that this was read for."""
_PREFERRED_REPLICA_FROM = 11  # the version of the fetch response with one more field before the record set

if not aiokafka.__version__.startswith(f"{READ_FOR}."):
    raise ImportError(f"{__name__} needs aiokafka {READ_FOR}, found {aiokafka.__version__}")


class CompatClient(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's connections to a cluster, which is known only once it names a broker.

    A broker that was away for longer than its session answers for a second or so that there is none, not even itself.
    aiokafka takes that for an answer, and whoever then looks for a coordinator ends with an AssertionError.
    """

    async def bootstrap(self) -> None:
        """Connect, and wait until the cluster names a broker.

        Raises:
            KafkaConnectionError: no broker answers, or none was named within the time of a request.
        """
        await super().bootstrap()
        timeout_s = self._request_timeout_ms / 1000
        try:
            async with asyncio.timeout(timeout_s):
                while not self.cluster.brokers():
                    await asyncio.sleep(self._retry_backoff)
                    await self.force_metadata_update()
        except TimeoutError as error:
            raise KafkaConnectionError(f"{self.hosts} named no broker within {timeout_s:g} s") from error


class CompatConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's consumer, with a fetcher of one's own.

    Args:
        topics: to subscribe to.
        settings: as `AIOKafkaConsumer` takes them.

    Attributes:
        fetcher_type: of that fetcher.
        fetcher: it; None before `start`.
    """

    fetcher_type: ClassVar[type[CompatFetcher]]
    fetcher: Any

    def __init__(self, *topics: str, **settings: Any) -> None:
        super().__init__(*topics, **settings)
        self._client.__class__ = CompatClient

    @property
    def _fetcher(self) -> CompatFetcher | None:
        fetcher: CompatFetcher | None = self.fetcher
        return fetcher

    @_fetcher.setter
    def _fetcher(self, made: Fetcher | None) -> None:
        """Take the fetcher that `start` made, before it has fetched anything."""
        self.fetcher = None
        if made is not None:
            made.__class__ = self.fetcher_type
            made._client = _Client(made._client)  # noqa: SLF001
            self.fetcher = made

    @contextmanager
    def fetching(self) -> Iterator[Any]:
        """The fetcher, to take records from.

        Raises:
            aiokafka.errors.ConsumerStoppedError: it is not started, or stopped.
            aiokafka.errors.KafkaError: what keeps this member from its group.
        """
        if self._closed or self.fetcher is None:
            raise ConsumerStoppedError
        self._coordinator.check_errors()
        with self._subscription.fetch_context():
            yield self.fetcher

    @property
    def generation(self) -> int:
        """Of the group, as this member knows it."""
        return int(self._coordinator.generation)

    def position_of(self, tp: TopicPartition) -> int | None:
        """The offset that is read next; None while it is not known, or `tp` is not assigned."""
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        if assignment is None or tp not in assignment.tps:
            return None
        state = assignment.state_value(tp)
        return int(state.position) if state.has_valid_position else None

    def rejoin(self) -> None:
        """Leave what is assigned, and join the group again."""
        self._coordinator.request_rejoin()


class _Client:
    """aiokafka's client; it takes the record sets out of each fetch response and leaves them with the request."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any) -> Any:
        response = await self._client.send(node_id, request)
        if isinstance(request, FetchRequest):
            from_end = 3 if response.API_VERSION >= _PREFERRED_REPLICA_FROM else 2
            request.record_sets = {
                TopicPartition(topic, each[0]): (each[-1], each[-from_end] or ())
                for topic, partitions in response.topics
                for each in partitions
            }
            response.topics = [(topic, [(*each[:-1], b"") for each in parts]) for topic, parts in response.topics]
        return response


class CompatFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, which keeps of each record set what `held` makes of it."""

    def held(self, tp: TopicPartition, offset: int, data: bytes, aborted: Any, assignment: Any) -> Any:
        """What to keep of a record set; `calculate_backoff` of it says for how long its node is left alone.

        Args:
            tp: its partition.
            offset: that was asked for.
            data: the record set, not empty.
            aborted: the transactions that were aborted in it; none where all is read.
            assignment: under which it was asked for.
        """
        raise NotImplementedError

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        request.record_sets = {}
        wakes: bool = await super()._proc_fetch_request(assignment, node_id, request)
        asked = {TopicPartition(topic, each[0]): each[1] for topic, parts in request.topics for each in parts}
        committed = self._isolation_level == READ_COMMITTED
        for tp, (data, aborted) in request.record_sets.items():
            if data and tp not in self._records and position_in(assignment, tp) == asked[tp]:
                self._records[tp] = self.held(tp, asked[tp], data, aborted if committed else (), assignment)
                wakes = True
        return wakes

    @property
    def fetched(self) -> OrderedDict[TopicPartition, Any]:
        """What waits to be taken, by partition, or the `FetchError` of it; oldest first."""
        records: OrderedDict[TopicPartition, Any] = self._records
        return records

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return bool(self._closed)

    @property
    def checks_crcs(self) -> bool:
        """Whether the checksums of record batches are to be checked."""
        return bool(self._check_crcs)

    @property
    def backoff_s(self) -> float:
        """For how many seconds a node is left alone whose records wait to be taken."""
        return float(self._prefetch_backoff)

    @property
    def subscriptions(self) -> Any:
        """Aiokafka's `SubscriptionState`."""
        return self._subscriptions

    def new_waiter(self) -> asyncio.Future[None]:
        """Done when there is more to take; it fails with what ends the coordinator."""
        waiter: asyncio.Future[None] = self._create_fetch_waiter()
        return waiter

    def wake(self) -> None:
        """Let those who wait look again."""
        for waiter in list(self._fetch_waiters):
            self._notify(waiter)

    def fetch_on(self) -> None:
        """Something was taken: let the next be fetched."""
        self._notify(self._wait_consume_future)


def position_in(assignment: Any, tp: TopicPartition) -> int | None:
    """Where a partition is read on; None where it is not assigned any more, or that is not known yet."""
    state = assignment.state_value(tp)
    return state.position if assignment.active and state.has_valid_position else None


class _Sender(Sender):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's sender, which ends a transaction again where the broker failed for a reason that it does not name.

    A broker that is about to fence the producer does so: Kafka 4.1 meets an IllegalStateException ("already a pending
    state PREPARE_EPOCH_FENCE") when one producer commits in the moment in which another of its name begins. The next
    answer says who was first. aiokafka would end the sender, with an error that tells nothing of it.
    """

    async def _do_txn_commit(self, commit_result: Any) -> None:
        try:
            await super()._do_txn_commit(commit_result)
        except UnknownError:
            await asyncio.sleep(self._retry_backoff)


class CompatProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's producer, with what its transactions and its end need.

    Args:
        patience_s: how long what was given to it waits for a broker that does not answer; None for as long as a
            request may take.
        settings: as `AIOKafkaProducer` takes them.
    """

    def __init__(self, *, patience_s: float | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.client.__class__ = CompatClient
        self._sender.__class__ = _Sender
        if patience_s is not None:
            self._message_accumulator._batch_ttl = patience_s  # noqa: SLF001

    @property
    def is_over(self) -> bool:
        """Whether it failed for good, as when it was fenced: whatever it is asked then is answered oddly."""
        return bool(self._txn_manager.is_fatal_error())

    def create_packed_batch(self) -> BatchBuilder:
        """A batch that is not compressed."""
        return BatchBuilder(self._message_accumulator._batch_size, 0, is_transactional=True)  # noqa: SLF001

    def expect(self, tp: TopicPartition) -> None:
        """Tell the brokers now that the transaction may write there: they are asked before the first record is."""
        self._txn_manager.maybe_add_partition_to_txn(tp)

    def fail_all(self, error: Exception) -> None:
        """Whatever was given to it and has not arrived fails, and is not tried again.

        A request that fails from here on would put its batches back, which aiokafka then misses among those that are
        under way: the sender would end with a KeyError. What still waits is taken away: the sender would take it out
        and end with an AssertionError, for it has failed.
        """
        self._message_accumulator.fail_all(error)
        self._message_accumulator._batches.clear()  # noqa: SLF001
        self._message_accumulator.reenqueue = _drop

    async def abort_if_open(self) -> None:
        """Abort the transaction, if one is open.

        None is where it was not begun, or the brokers fenced the producer or are just committing: aiokafka asserts that
        an abort is none of these.
        """
        state = TransactionState.UNINITIALIZED if self._txn_manager is None else self._txn_manager.state
        if TransactionState.is_transition_valid(state, TransactionState.ABORTING_TRANSACTION):
            await self.abort_transaction()

    async def end_sender(self) -> None:
        """End the task that sends, which a `stop` that was cancelled leaves behind."""
        await self._sender.close()


def _drop(batch: Any) -> None:
    """Put nothing back: the batch has failed already."""

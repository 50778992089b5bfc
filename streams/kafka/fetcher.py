"""A Kafka consumer that gives batches of raw records: aiokafka's, without an object per record.

It is pinned to aiokafka 0.14, for it touches what that keeps to itself:

- `AIOKafkaConsumer`: `_fetcher`, `_subscription`, `_closed`, `_coordinator` with `check_errors`, `generation` and
  `request_rejoin`.
- `Fetcher`: `_proc_fetch_request`, `_client.send`, `_records`, `_notify`, `_wait_consume_future`, `_fetch_waiters`,
  `_create_fetch_waiter`, `_subscriptions`, `_closed`, `_check_crcs`, `_isolation_level`, `_prefetch_backoff`.
- `FetchResult` and `FetchError`: `calculate_backoff`; the latter's `check_raise`.
- The fetch response from version 4 on: its partitions are tuples that end with the record set; the aborted transactions
  stand before it, and in version 11 and later one further to the front.
"""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false, reportIncompatibleMethodOverride=false
# What it touches is inferred from the library's code, which is not typed for whoever builds on it.

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiokafka
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, Fetcher, FetchError
from aiokafka.errors import ConsumerStoppedError
from aiokafka.protocol.fetch import FetchRequest

from streams.kafka.record_batches import RecordSet

if TYPE_CHECKING:
    from collections.abc import Collection

    from streams.fetched_batch import Batch

MAX_RECORDS = 5_000
"""Most records of a batch; half or four times as many were slower."""
MAX_BYTES = 8 << 20
"""Bytes of values after which no further partition's batch is begun."""

_PREFERRED_REPLICA_FROM = 11  # the version of the fetch response with one more field before the record set

if not aiokafka.__version__.startswith("0.14."):
    raise ImportError(f"streams.kafka.fetcher needs aiokafka 0.14, found {aiokafka.__version__}")


class BatchKafkaConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's consumer, read by `getbatches` instead of `getone` and `getmany`.

    Where an offset is not in the log, it says so and never goes elsewhere by itself.

    Raises:
        ValueError: `auto_offset_reset` is given and not "none".
    """

    def __init__(self, *topics: str, auto_offset_reset: str = "none", **settings: Any) -> None:
        if auto_offset_reset != "none":
            raise ValueError(f'auto_offset_reset must be "none", got {auto_offset_reset!r}')
        super().__init__(*topics, auto_offset_reset=auto_offset_reset, **settings)

    @property
    def _fetcher(self) -> BatchFetcher | None:
        return self._batch_fetcher

    @_fetcher.setter
    def _fetcher(self, made: Fetcher | None) -> None:
        """Take the fetcher that `start` made, before it has fetched anything."""
        self._batch_fetcher: BatchFetcher | None = None
        if made is not None:
            made.__class__ = BatchFetcher
            made._client = _Client(made._client)  # noqa: SLF001
            self._batch_fetcher = made

    async def getbatches(
        self,
        *partitions: TopicPartition,
        timeout_ms: float = 0,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
    ) -> dict[TopicPartition, Batch]:
        """The next batch of each partition that has one; those that waited longest come first.

        The position of a partition moves behind what is handed out, and behind what no consumer is to see.

        Args:
            partitions: which; none says all that are assigned.
            timeout_ms: how long to wait for a first batch.
            max_records: most records of a batch.
            max_bytes: once the batches hold that many bytes of values, no further one is begun; none is larger, but
                for a single value that is.

        Raises:
            aiokafka.errors.OffsetOutOfRangeError: a position is not in the log any more, or not yet.
            aiokafka.errors.NoOffsetForPartitionError: nothing was committed and nowhere was sought.
            aiokafka.errors.KafkaError: whatever else keeps it from fetching.
            streams.kafka.record_batches.CutShort: a record batch did not come whole.
        """
        if self._closed or self._fetcher is None:
            raise ConsumerStoppedError
        self._coordinator.check_errors()
        with self._subscription.fetch_context():
            return await self._fetcher.batches(partitions, timeout_ms / 1000, max_records, max_bytes)

    def resume(self, *partitions: TopicPartition) -> None:
        """Give records of `partitions` again; those that were fetched before they were paused, at once."""
        super().resume(*partitions)
        if self._fetcher is not None:
            self._fetcher.wake()

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

    async def getone(self, *_: Any, **__: Any) -> None:
        """Not of this consumer."""
        raise TypeError("a BatchKafkaConsumer is read by getbatches")

    async def getmany(self, *_: Any, **__: Any) -> None:
        """Not of this consumer."""
        raise TypeError("a BatchKafkaConsumer is read by getbatches")


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


class _Fetched:
    """A partition's record set, where aiokafka has a FetchResult."""

    def __init__(self, records: RecordSet, assignment: Any, backoff_s: float) -> None:
        self.records, self.assignment = records, assignment
        self._until = time.monotonic() + backoff_s

    def calculate_backoff(self) -> float:
        """For how many seconds its node is not asked for other partitions, so that this may be read before."""
        return max(self._until - time.monotonic(), 0)


class BatchFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, which keeps record sets as they come."""

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        request.record_sets = {}
        wakes: bool = await super()._proc_fetch_request(assignment, node_id, request)
        asked = {TopicPartition(topic, each[0]): each[1] for topic, parts in request.topics for each in parts}
        committed = self._isolation_level == READ_COMMITTED
        for tp, (data, aborted) in request.record_sets.items():
            if data and tp not in self._records and _position(assignment, tp) == asked[tp]:
                records = RecordSet(
                    data,
                    asked[tp],
                    f"{tp.topic}-{tp.partition}",
                    aborted=aborted if committed else (),
                    check_crcs=self._check_crcs,
                )
                self._records[tp] = _Fetched(records, assignment, self._prefetch_backoff)
                wakes = True
        return wakes

    async def batches(
        self,
        partitions: Collection[TopicPartition],
        timeout_s: float,
        max_records: int,
        max_bytes: int,
    ) -> dict[TopicPartition, Batch]:
        """See `BatchKafkaConsumer.getbatches`."""
        until = time.monotonic() + timeout_s
        while not self._closed:
            # What was fetched before a rebalance may be another consumer's after it.
            rebalances = self._subscriptions.reassignment_in_progress
            taken = {} if rebalances else self._take(partitions, max_records, max_bytes)
            left_s = until - time.monotonic()
            if taken or left_s <= 0:
                return taken
            waiter = self._subscriptions.wait_for_assignment() if rebalances else self._create_fetch_waiter()
            done, _ = await asyncio.wait([waiter], timeout=left_s)
            if done:
                waiter.result()  # an error of the coordinator's
            else:
                waiter.cancel()
        return {}

    def wake(self) -> None:
        """Let those who wait look again."""
        for waiter in list(self._fetch_waiters):
            self._notify(waiter)

    def _take(
        self, partitions: Collection[TopicPartition], max_records: int, max_bytes: int
    ) -> dict[TopicPartition, Batch]:
        taken: dict[TopicPartition, Batch] = {}
        size = 0
        for tp in list(self._records):
            if partitions and tp not in partitions:
                if not self._subscriptions.is_assigned(tp):
                    self._forget(tp)
                continue
            batch = self._take_from(tp, max_records, max_bytes)
            if isinstance(self._records.get(tp), FetchError):
                if taken:
                    break  # raised by the next call, so that these are not lost
                self._forget(tp).check_raise()
            if batch is not None:
                taken[tp] = batch
                size += batch.records.value_bytes
            if size >= max_bytes:
                break
        return taken

    def _take_from(self, tp: TopicPartition, max_records: int, max_bytes: int) -> Batch | None:
        """The next batch of a partition, None where there is none now."""
        fetched = self._records[tp]
        if not isinstance(fetched, _Fetched):
            return None
        if _position(fetched.assignment, tp) != fetched.records.next_offset:
            self._forget(tp)  # sought elsewhere, or given away
            return None
        state = fetched.assignment.state_value(tp)
        if state.paused:
            return None
        try:
            batch = fetched.records.take(max_records, max_bytes)
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where nothing else is lost
            self._records[tp] = FetchError(error=error, backoff=self._prefetch_backoff)
            return None
        state.consumed_to(batch.next_offset)
        if fetched.records.done:
            self._forget(tp)
        else:
            self._records.move_to_end(tp)
        return batch if len(batch.records) or batch.broken else None

    def _forget(self, tp: TopicPartition) -> Any:
        """Drop what was fetched of a partition, and fetch on."""
        self._notify(self._wait_consume_future)
        return self._records.pop(tp)


def _position(assignment: Any, tp: TopicPartition) -> int | None:
    """Where a partition is read on; None where it is not assigned any more, or that is not known yet."""
    state = assignment.state_value(tp)
    return state.position if assignment.active and state.has_valid_position else None

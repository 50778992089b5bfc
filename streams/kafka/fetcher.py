"""A Kafka consumer that gives batches of raw records: aiokafka's, without an object per record."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NoReturn

from streams.kafka.aiokafka_compat import CompatConsumer, CompatFetcher, FetchError, position_in
from streams.kafka.record_batches import RecordSet

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiokafka import TopicPartition

    from streams.fetched_batch import Batch

MAX_RECORDS = 5_000
"""Most records of a batch; half or four times as many were slower."""
MAX_BYTES = 8 << 20
"""Bytes of values after which no further partition's batch is begun."""


class _Fetched:
    """A partition's record set, where aiokafka has a FetchResult."""

    def __init__(self, records: RecordSet, assignment: Any, backoff_s: float) -> None:
        self.records, self.assignment = records, assignment
        self._until = time.monotonic() + backoff_s

    def calculate_backoff(self) -> float:
        """For how many seconds its node is not asked for other partitions, so that this may be read before."""
        return max(self._until - time.monotonic(), 0)


class BatchFetcher(CompatFetcher):
    """aiokafka's fetcher, which keeps record sets as they come."""

    def held(self, tp: TopicPartition, offset: int, data: bytes, aborted: Any, assignment: Any) -> _Fetched:
        """The record set, to be read when it is taken."""
        where = f"{tp.topic}-{tp.partition}"
        records = RecordSet(data, offset, where, aborted=aborted, check_crcs=self.checks_crcs)
        return _Fetched(records, assignment, self.backoff_s)

    async def batches(
        self,
        partitions: Collection[TopicPartition],
        timeout_s: float,
        max_records: int,
        max_bytes: int,
    ) -> dict[TopicPartition, Batch]:
        """See `BatchKafkaConsumer.getbatches`."""
        until = time.monotonic() + timeout_s
        while not self.closed:
            # What was fetched before a rebalance may be another consumer's after it.
            rebalances = self.subscriptions.reassignment_in_progress
            taken = {} if rebalances else self._take(partitions, max_records, max_bytes)
            left_s = until - time.monotonic()
            if taken or left_s <= 0:
                return taken
            waiter = self.subscriptions.wait_for_assignment() if rebalances else self.new_waiter()
            done, _ = await asyncio.wait([waiter], timeout=left_s)
            if done:
                waiter.result()  # an error of the coordinator's
            else:
                waiter.cancel()
        return {}

    def _take(
        self, partitions: Collection[TopicPartition], max_records: int, max_bytes: int
    ) -> dict[TopicPartition, Batch]:
        taken: dict[TopicPartition, Batch] = {}
        size = 0
        for tp in list(self.fetched):
            if partitions and tp not in partitions:
                if not self.subscriptions.is_assigned(tp):
                    self._forget(tp)
                continue
            batch = self._take_from(tp, max_records, max_bytes)
            if isinstance(self.fetched.get(tp), FetchError):
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
        fetched = self.fetched[tp]
        if not isinstance(fetched, _Fetched):
            return None
        if position_in(fetched.assignment, tp) != fetched.records.next_offset:
            self._forget(tp)  # sought elsewhere, or given away
            return None
        state = fetched.assignment.state_value(tp)
        if state.paused:
            return None
        try:
            batch = fetched.records.take(max_records, max_bytes)
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where nothing else is lost
            self.fetched[tp] = FetchError(error=error, backoff=self.backoff_s)
            return None
        state.consumed_to(batch.next_offset)
        if fetched.records.done:
            self._forget(tp)
        else:
            self.fetched.move_to_end(tp)
        return batch if len(batch.records) or batch.records.broken else None

    def _forget(self, tp: TopicPartition) -> Any:
        """Drop what was fetched of a partition, and fetch on."""
        self.fetch_on()
        return self.fetched.pop(tp)


class BatchKafkaConsumer(CompatConsumer):
    """aiokafka's consumer, read by `getbatches` instead of `getone` and `getmany`.

    Where an offset is not in the log, it says so and never goes elsewhere by itself.

    Raises:
        ValueError: `auto_offset_reset` is given and not "none".
    """

    fetcher_type = BatchFetcher

    def __init__(self, *topics: str, auto_offset_reset: str = "none", **settings: Any) -> None:
        if auto_offset_reset != "none":
            raise ValueError(f'auto_offset_reset must be "none", got {auto_offset_reset!r}')
        super().__init__(*topics, auto_offset_reset=auto_offset_reset, **settings)

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
        with self.fetching() as fetcher:
            taken: dict[TopicPartition, Batch] = await fetcher.batches(
                partitions, timeout_ms / 1000, max_records, max_bytes
            )
        return taken

    def resume(self, *partitions: TopicPartition) -> None:
        """Give records of `partitions` again; those that were fetched before they were paused, at once."""
        super().resume(*partitions)
        if self.fetcher is not None:
            self.fetcher.wake()

    async def getone(self, *_: Any, **__: Any) -> NoReturn:
        """Not of this consumer."""
        raise TypeError("a BatchKafkaConsumer is read by getbatches")

    async def getmany(self, *_: Any, **__: Any) -> NoReturn:
        """Not of this consumer."""
        raise TypeError("a BatchKafkaConsumer is read by getbatches")

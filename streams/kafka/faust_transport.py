"""Faust's transport over Kafka: a consumer group, batches of raw records, positions from the worker's checkpoints.

The consumer runs in the worker's own event loop. What keeps that loop for long would cost its membership, so
everything that does, such as restoring a large state, is done in threads.
"""

# pyright: reportIncompatibleMethodOverride=false
# What it touches is inferred from the library's code, which is not typed for whoever builds on it.

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, ClassVar

from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport import base
from faust.types import TP
from mode import get_logger

from engine.decoding.hashing import partition_of
from streams.batches import BatchConsumer, BatchTransport
from streams.errors import Fenced, LetGo, LogFailed, OffsetGone, Unreachable
from streams.kafka.assignor import assignor_of
from streams.kafka.fetcher import BatchKafkaConsumer
from streams.kafka.options import FETCH_WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence

    from streams.fetched_batch import Batch
    from streams.kafka.options import KafkaOptions

logger = get_logger(__name__)

SESSION_S = 6.0
"""A worker that sends no heartbeat for so long is gone. Brokers take no less; one that only stood still is fenced."""
HEARTBEAT_S = 2.0
REBALANCE_S = 30.0
"""A worker that hands over has so long to checkpoint what it has."""
FETCH_BYTES = 4 << 20
"""Of a partition at a time; a record of the documented size is far smaller."""
ANSWER_S = 5.0
START_S = 60.0
STOP_S = 10.0
_RETRY_S = 1.0
_NO_GENERATION = -1


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._consumer.revoked({TP(*each) for each in revoked})

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        await self._consumer.assigned({TP(*each) for each in assigned})


class Consumer(BatchConsumer):
    """Reads what the group assigns to this worker."""

    transport: Transport
    consumer_stopped_errors: ClassVar[tuple[type[BaseException], ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options, conf = self.transport.options, self.app.conf
        self.client = BatchKafkaConsumer(
            **options.client_kwargs(),
            client_id=f"tillwatch-{conf.id}",
            group_id=conf.id,
            partition_assignment_strategy=[assignor_of(self.transport.events, self._claims)],
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=4 * FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=int(SESSION_S * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_S * 1000),
            rebalance_timeout_ms=int(REBALANCE_S * 1000),
            max_poll_interval_ms=24 * 3_600_000,  # the watchdog sees to that
            request_timeout_ms=int(2 * ANSWER_S * 1000),
            retry_backoff_ms=100,
        )
        self._ready = False
        self._held: Collection[int] = ()
        self._held_in = _NO_GENERATION
        self._assigned_at = math.inf
        self._fetching = asyncio.Lock()

    async def on_start(self) -> None:
        """Connect, waiting for brokers that are just starting."""
        give_up_at = self.loop.time() + START_S
        while True:
            try:
                await self.client.start()
            except KafkaError as error:
                if self.loop.time() >= give_up_at:
                    raise Unreachable(f"{self.transport.options.url} does not answer: {error}") from error
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def on_stop(self) -> None:
        """Commit what is done, and leave the group."""
        try:
            async with asyncio.timeout(STOP_S):
                await super().on_stop()
                await self.client.stop()
        except (TimeoutError, KafkaError) as error:
            logger.warning("the group was not left in time: %s", error)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for `topics`."""
        self.client.subscribe(topics=set(topics), listener=_Listener(self))

    async def revoked(self, partitions: set[TP]) -> None:
        """Hand partitions over, or hold what is as their last checkpoints have it until the group says who gets
        them.
        """
        self._ready = False
        self.app.consumer_generation_id = _NO_GENERATION  # a recovery that goes on is of no use any more
        try:
            self.app.on_rebalance_start()
            self._held = await self.transport.handler.on_revoked({each.partition for each in partitions})
            self._held_in = self.client.generation
            await self.on_partitions_revoked(partitions)
        except Exception as error:
            await self.app.crash(error)
            raise

    async def assigned(self, partitions: set[TP]) -> None:
        """Take partitions; Faust then has them recovered."""
        self._assigned_at = self.loop.time()
        try:
            self.app.consumer_generation_id = self.client.generation
            await self.on_partitions_assigned(partitions, self.app.consumer_generation_id)
        except Exception as error:
            await self.app.crash(error)
            raise

    async def fetch(self, partitions: Sequence[TP], timeout: float) -> dict[TP, Batch]:  # noqa: ASYNC109
        """The next batch of each partition that has one."""
        if not self._ready:
            await asyncio.sleep(_POLL_S)
            return {}
        async with self._fetching:
            found: Mapping[TopicPartition, Batch] = {}
            try:
                found = await self.client.getbatches(
                    *self._tps(partitions), timeout_ms=timeout * 1000, max_records=self.transport.batch_records
                )
            except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
                if self._ready:
                    raise OffsetGone(f"an offset that is to be read is not in the log: {error}") from error
            except KafkaError as error:
                raise LogFailed(f"{self.transport.options.url}: {type(error).__name__}: {error}") from error
            # Drop records fetched before recovery set the position.
            return {TP(*tp): batch for tp, batch in found.items()} if self._ready else {}

    async def recover(self) -> Mapping[TP, int]:
        """Have what is assigned recovered, and go to where its reading starts.

        A fetch is over before, or begins after: what it brings was sought for, or is dropped by its token.
        """
        self._ready = False
        generation, assigned = self.app.consumer_generation_id, self.assignment()
        async with self._fetching:
            while self.app.consumer_generation_id == generation and not self.should_stop:
                try:
                    return await self._recover(generation, assigned)
                except LetGo:  # by another rebalance, or because the worker ends
                    break
                except Fenced as error:  # the group took us for dead meanwhile
                    logger.warning("partitions are not recovered: %s", error)
                    self.rejoin()
                    break
                except Unreachable as error:
                    logger.warning("partitions are not recovered yet: %s", error)
                    await asyncio.sleep(_RETRY_S)
                except Exception as error:
                    if self.app.consumer_generation_id != generation or assigned != self.assignment():
                        break  # they went to somebody else meanwhile
                    await self.app.crash(error)
                    raise
        return {}

    async def _recover(self, generation: int, assigned: set[TP]) -> Mapping[TP, int]:
        numbers = [each.partition for each in assigned]
        found = await self.transport.handler.on_assigned(numbers, unbroken=self._unbroken)
        if self.app.consumer_generation_id != generation or assigned != self.assignment():
            return {}
        offsets = {tp: found[tp.partition] for tp in assigned}
        for tp, offset in offsets.items():
            self.client.seek(TopicPartition(*tp), offset)
        self._ready = True
        return offsets

    def _claims(self) -> Collection[int]:
        """The partitions that this worker holds, and nobody else has had since."""
        return self._held if _NO_GENERATION < self._held_in == self.client.generation else ()

    @property
    def _unbroken(self) -> bool:
        """True if this worker stayed in the group, so held partitions had no other owner."""
        return _NO_GENERATION < self._held_in == self.app.consumer_generation_id - 1

    @property
    def settled(self) -> bool:
        """Whether a member of the group that was dead when partitions were shared out would have been missed by now.

        The group hears nothing of it for a session, and this member of that by its next heartbeat, or the one after.
        """
        return self.loop.time() - self._assigned_at > SESSION_S + 2 * HEARTBEAT_S

    @property
    def recovered(self) -> bool:
        """Whether what is assigned was recovered."""
        return self._ready

    async def seek_to_beginning(self, *partitions: TP) -> None:
        """Go to the first record of `partitions`."""
        await self.client.seek_to_beginning(*(TopicPartition(*each) for each in partitions))

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to an offset in each of `partitions`."""
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def move_to(self, partition: TP, offset: int) -> None:
        """Read a partition on from `offset`."""
        self.client.seek(TopicPartition(*partition), offset)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit the group's offsets, which only show the lag; what fails is in the next commit."""
        ours = {TopicPartition(*tp): offset for tp, offset in offsets.items() if tp in self.assignment()}
        try:
            async with asyncio.timeout(ANSWER_S):
                await self.client.commit(ours)
        except (TimeoutError, KafkaError) as error:
            logger.info("the group's offsets were not committed: %s", error)
            return False
        return True

    async def position(self, tp: TP) -> int | None:
        """The offset that is read next; None while it is not known."""
        return self.client.position_of(TopicPartition(*tp))

    def reached(self, tp: TP) -> int:
        """The same, now; 0 while it is not known."""
        return self.client.position_of(TopicPartition(*tp)) or 0

    def assignment(self) -> set[TP]:
        """What the group gave this worker."""
        return {TP(*each) for each in self.client.assignment()}

    def highwater(self, tp: TP) -> int:
        """The end as of the last fetch; 0 before."""
        return int(self.client.highwater(TopicPartition(*tp)) or 0)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The ends of what can be read; raises `Unreachable`."""
        found = await self._ask(self.client.end_offsets(self._tps(partitions)))
        return {TP(*tp): int(offset) for tp, offset in found.items()}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Each one's first readable offset; raises `Unreachable`."""
        found = await self._ask(self.client.beginning_offsets(self._tps(partitions)))
        return {TP(*tp): int(offset) for tp, offset in found.items()}

    @staticmethod
    def _tps(partitions: Iterable[TP]) -> list[TopicPartition]:
        return [TopicPartition(*each) for each in partitions]

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except (TimeoutError, KafkaError) as error:
            raise Unreachable(f"{self.transport.options.url}: {type(error).__name__}: {error}") from error

    def rejoin(self) -> None:
        """Have everything assigned anew."""
        self._ready = False
        self.client.rejoin()

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions `topic` has, as far as that is known."""
        found = self.client.partitions_for_topic(topic)
        return None if found is None else len(found)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Where a record with `key` belongs."""
        if partition is not None or key is None:
            return partition
        count = self.topic_partitions(topic)
        return None if count is None else partition_of(key, count)

    async def create_topic(self, topic: str, partitions: int, replication: int, **settings: Any) -> None:
        """Topics are made before the app starts."""
        raise NotImplementedError(f"topic {topic!r} must be made by `streams.topics.create_topics`")

    def close(self) -> None:
        """What Faust calls where partitions move while it stops; `on_stop` closes."""


_POLL_S = 0.005


class Producer(base.Producer):
    """Nothing of Faust's own is written: a partition's results go through its result writer."""

    async def flush(self) -> None:
        """There is nothing to wait for."""

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Not of this producer."""
        raise NotImplementedError(f"{topic}: results are written by `KafkaResultWriter`")


class Transport(BatchTransport):
    """Faust's transport over Kafka.

    Attributes:
        options: how to reach the cluster; set before the app starts.
        events: name of the topic of the events; set before the app starts.
    """

    options: KafkaOptions
    events: str
    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = Producer
    driver_version = "aiokafka"
    default_port = 9092

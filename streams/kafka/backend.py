"""Kafka as a worker's backend: a consumer group for partitions, a transactional producer for each one's results."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import msgspec
from aiokafka.errors import KafkaError
from faust.types import TP
from mode import get_logger

from streams.app import build_app
from streams.errors import Fenced, LogFailed
from streams.kafka.aiokafka_compat import CompatProducer
from streams.kafka.checkpoints import KafkaCheckpointStore
from streams.kafka.faust_transport import ANSWER_S
from streams.kafka.log import KafkaLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.app import WorkerSettings
    from streams.kafka.faust_transport import Consumer, Transport
    from streams.kafka.options import KafkaOptions
    from streams.log import Progress
    from streams.log_backend import ResultWriter
    from streams.partition_handler import PartitionHandler
    from streams.stage import Stage

logger = get_logger(__name__)


class KafkaBackend:
    """A worker's backend over Kafka. It has what the group assigns to it.

    Args:
        options: how the cluster is reached; topics are made where they are not there.
        settings: the worker's.
        stage: what it works at.

    Raises:
        UnfitTopic: a record of its topic may claim to have been appended in the future.
    """

    shared = True
    losses: tuple[type[Exception], ...] = (Fenced, LogFailed)

    def __init__(self, options: KafkaOptions, settings: WorkerSettings, stage: Stage) -> None:
        self.topics = settings.topics
        with KafkaLog(options, self.topics) as log:
            log.check_format()
            create_topics(log, settings.partitions, keep_events_days=settings.keep_events_days)
            log.check_timestamps()
            log.mark_format()
            self.identity = log.identity
        self._options, self._partitions = options, settings.partitions
        self._store = KafkaCheckpointStore(options, self.topics, stage.usual)
        self._producer: CompatProducer | None = None
        self.app = build_app(settings)
        self._transport = cast("Transport", self.app.transport)
        self._transport.options, self._transport.events = options, self.topics.events.name

    def attach(self, handler: PartitionHandler) -> None:
        """Have `handler` called where partitions come and go."""
        self._transport.handler = handler

    @property
    def _consumer(self) -> Consumer:
        return cast("Consumer", self.app.consumer)

    def checkpoint_store(self) -> KafkaCheckpointStore:
        """The topic of the checkpoints."""
        return self._store

    def result_writer(self, partition: int) -> ResultWriter:
        """The partition's transactional producer."""
        return self._store.result_writer(partition)

    async def bounds(self, partition: int) -> tuple[int, int]:
        """First and end offset of the partition's events."""
        tp = TP(self.topics.events.name, partition)
        first = await self._consumer.earliest_offsets(tp)
        return first[tp], (await self._consumer.highwaters(tp))[tp]

    async def ends(self) -> Mapping[int, int] | None:
        """The end offset of each assigned partition's events."""
        if not self._consumer.recovered:
            return None
        return {tp.partition: end for tp, end in (await self._consumer.highwaters(*self._assigned())).items()}

    def _assigned(self) -> list[TP]:
        return sorted(self._consumer.assignment())

    async def finished(self, next_offsets: Mapping[int, int]) -> bool:
        """Whether each assigned partition was processed to its end; true, too, where none is assigned.

        Not before others that have a share, as it was given, would have been missed if they were dead.
        """
        assigned = self._assigned()
        if len(assigned) < self._partitions and not self._consumer.settled:
            return False
        ends = await self._consumer.highwaters(*assigned) if self._consumer.recovered else {}
        # What is fetched from here on was not there: nothing else runs until this is answered.
        if not self._consumer.recovered or assigned != self._assigned():
            return False
        reached = [self._consumer.reached(tp) >= end for tp, end in ends.items()]
        return all(reached) and self._consumer.done_with_all(next_offsets)

    async def show(self, progress: Sequence[Progress]) -> None:
        """Publish how far the worker is, if the cluster takes it within `ANSWER_S`; else the next call does."""
        try:
            async with asyncio.timeout(ANSWER_S):
                producer = await self._started_producer()
                for each in progress:
                    key = each.worker.encode()
                    await producer.send(self.topics.progress.name, msgspec.json.encode(each), key, 0)
        except (TimeoutError, KafkaError) as error:
            logger.info("progress was not published: %s", error)

    async def _started_producer(self) -> CompatProducer:
        """The producer of progress."""
        if self._producer is None:
            producer = CompatProducer(**self._options.client_kwargs(), acks=1)
            try:
                await producer.start()
            except BaseException:  # the deadline included: it would stay open
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def tidy(self, keep_from: Mapping[tuple[str, int], int]) -> None:
        """The brokers do."""

    def rejoin(self) -> None:
        """Have the group assign everything anew."""
        self._consumer.rejoin()

    def give_up(self) -> None:
        """What waits for the brokers fails."""
        self._store.give_up()

    async def close(self) -> None:
        """Let go of what is left."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            try:
                async with asyncio.timeout(ANSWER_S):
                    await producer.stop()
            except (TimeoutError, KafkaError) as error:
                logger.info("progress was not published: %s", error)
                await producer.client.close()

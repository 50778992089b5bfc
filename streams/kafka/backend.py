"""Kafka as a worker's backend: partitions by a consumer group, results and checkpoints by each partition's owner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP
from mode import get_logger

from streams.app import build_app
from streams.errors import Fenced, LogFailed
from streams.kafka.checkpoints import KafkaCheckpointStore
from streams.kafka.faust_transport import ANSWER_S
from streams.kafka.log import KafkaLog
from streams.topics import EVENTS, PROGRESS, create_topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from streams.app import WorkerSettings
    from streams.kafka.faust_transport import Consumer, Transport
    from streams.log import Progress
    from streams.log_backend import ResultWriter

logger = get_logger(__name__)


class KafkaBackend:
    """A worker's backend over Kafka. It has what the group assigns to it.

    Args:
        settings: where the cluster is; topics are made where they are not there.
    """

    shared = True
    losses: tuple[type[Exception], ...] = (Fenced, LogFailed)

    def __init__(self, settings: WorkerSettings) -> None:
        options = settings.kafka
        if options is None or settings.checkpoint_every_s is None:
            raise ValueError("a worker on Kafka must have kafka options and checkpoint_every_s, got none")
        with KafkaLog(options) as log:
            create_topics(log, settings.partitions, keep_events_days=settings.keep_events_days)
            self.identity = log.identity
        self._options, self._partitions = options, settings.partitions
        self._store = KafkaCheckpointStore(options)
        self._teller: AIOKafkaProducer | None = None
        self.app = build_app(settings)
        self._transport = cast("Transport", self.app.transport)
        self._transport.options = options

    def attend(
        self, recover: Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]], begin: Callable[[int], None],
        release: Callable[[Collection[int]], Awaitable[Collection[int]]],
    ) -> None:  # fmt: skip
        """Have the worker called where partitions come and go."""

        async def let_go(partitions: Collection[int]) -> Collection[int]:
            held = await release(partitions)
            await self._store.let_go({*partitions}.difference(held))
            return held

        self._transport.recover, self._transport.begin, self._transport.release = recover, begin, let_go

    @property
    def unbroken(self) -> bool:
        """Whether nobody else can have had what was held of the partitions released last."""
        return self._consumer.unbroken

    @property
    def _consumer(self) -> Consumer:
        return cast("Consumer", self.app.consumer)

    def checkpoint_store(self) -> KafkaCheckpointStore:
        """The topic of the checkpoints."""
        return self._store

    def result_writer(self, partition: int) -> ResultWriter:
        """The partition's owner."""
        return self._store.result_writer(partition)

    async def bounds(self, partition: int) -> tuple[int, int]:
        """First and end offset of the partition's events."""
        tp = TP(EVENTS.name, partition)
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
        """Write how far we are, where the cluster takes it at once: the next one tells more."""
        try:
            async with asyncio.timeout(ANSWER_S):
                teller = await self._tell()
                for each in progress:
                    key = each.worker.encode()
                    await teller.send(PROGRESS.name, msgspec.json.encode(each), key, 0)
        except (TimeoutError, KafkaError) as error:
            logger.info("how far we are was not told: %s", error)

    async def _tell(self) -> AIOKafkaProducer:
        if self._teller is None:
            teller = AIOKafkaProducer(**self._options.client_kwargs(), acks=1)
            await teller.start()
            self._teller = teller
        return self._teller

    async def tidy(self, keep_from: Mapping[tuple[str, int], int]) -> None:
        """The brokers do."""

    def again(self) -> None:
        """Have the group assign everything anew."""
        self._consumer.rejoin()

    def give_up(self) -> None:
        """What waits for the brokers fails."""
        self._store.give_up()

    async def close(self) -> None:
        """Let go of what is left."""
        if self._teller is not None:
            teller, self._teller = self._teller, None
            try:
                async with asyncio.timeout(ANSWER_S):
                    await teller.stop()
            except (TimeoutError, KafkaError) as error:
                logger.info("how far we are was not told: %s", error)
                await teller.client.close()

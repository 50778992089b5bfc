"""Writing a partition's results on Kafka: all of them go through one transactional producer, its owner's.

Its alerts, scores, dead letters, pages and manifests are written in one transaction from checkpoint to checkpoint. Who
starts a producer of the same transactional id fences the one before: whatever that still writes is refused by the
broker, so no late writer can put an older revision behind a newer one, which compaction would then keep. Readers that
do not wait for a commit see each alert at once; an aborted one is written again by the next owner, the same.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    KafkaTimeoutError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from mode import get_logger

from streams.errors import Fenced, LetGo, LogFailed, Unreachable
from streams.kafka.aiokafka_compat import CompatProducer
from streams.kafka.writes import batched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping, Sequence

    from aiokafka import TopicPartition

    from streams.kafka.aiokafka_compat import BatchBuilder

logger = get_logger(__name__)

TRANSACTION_S = 840.0
"""A transaction is open from checkpoint to checkpoint. The broker aborts one that is open for longer; its limit is 15
minutes."""
OUTAGE_S = 1_800.0
"""How long what was written waits for a broker that does not answer."""
START_S = 60.0
"""The transaction of a predecessor is aborted first."""
STOP_S = 5.0
_FENCED = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping, OutOfOrderSequenceNumber)


class KafkaResultWriter:
    """Writes a partition's results and the transactions of its checkpoints; of one event loop.

    Args:
        transactional_id: the partition's.
        client: how to reach the cluster, as `AIOKafkaProducer` takes it.
        compression: of what is written.
        usual: where results mostly go.

    Attributes:
        epoch: under which the partition is owned, 0 until that is known; greater than that of any owner before.
    """

    def __init__(
        self, transactional_id: str, client: Mapping[str, Any], compression: str | None, usual: Sequence[TopicPartition]
    ) -> None:
        self.epoch = 0
        self._usual = usual
        self._id = transactional_id
        self._producer = CompatProducer(
            **client,
            patience_s=OUTAGE_S,
            transactional_id=transactional_id,
            transaction_timeout_ms=int(TRANSACTION_S * 1000),
            compression_type=compression,
            max_batch_size=1 << 20,
            max_request_size=4 << 20,
            request_timeout_ms=15_000,
            retry_backoff_ms=50,
        )
        self._gate = asyncio.Lock()
        self._open = False
        self._preparing: asyncio.Task[None] | None = None
        self._sends: set[asyncio.Future[Any]] = set()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Fence whoever owned the partition before; its open transaction is aborted.

        Raises:
            Unreachable: the cluster does not answer in time.
            Fenced: it was let go of meanwhile.
        """
        starting = asyncio.ensure_future(self._producer.start())
        try:
            async with asyncio.timeout(START_S):
                await self._wait(starting)
        except LetGo:
            starting.cancel()
            raise
        except (TimeoutError, LogFailed) as error:
            starting.cancel()
            await self.close()
            cause = error.__cause__ or error
            raise Unreachable(f"{self._id} was not given a producer: {type(cause).__name__}: {cause}") from error

    def prepare(self) -> None:
        """Begin the transaction, unless one is open.

        Right after a commit the brokers take some 20 ms to let the next one write; an alert need not wait for that.
        """
        if not self._open and (self._preparing is None or self._preparing.done()):
            self._preparing = asyncio.create_task(self._prepare())
            self._preparing.add_done_callback(_retrieve_error)  # whatever keeps it from it keeps the first write, too

    async def _prepare(self) -> None:
        async with self._gate:
            await self._begin()
            for each in self._usual:
                self._producer.expect(each)

    def send_many(
        self, topic: str, partition: int, values: Sequence[bytes | None], keys: Sequence[bytes] | None = None,
        *, packed: bool = False,
    ) -> Awaitable[None]:  # fmt: skip
        """Write records of one partition of a topic; what is returned is done when the brokers have them.

        Args:
            topic: where.
            partition: of it.
            values: of the records, None for a tombstone.
            keys: one for each value.
            packed: the values are compressed already: trying that again stops the event loop for 14 ms a megabyte.

        Raises:
            Fenced: the partition has another owner by now.
            LogFailed: the brokers refuse, or do not answer for long.
        """
        make = self._producer.create_packed_batch if packed else self._producer.create_batch
        return self._send(topic, partition, batched(make, keys or [None] * len(values), values))

    async def _send(self, topic: str, partition: int, batches: Iterable[BatchBuilder]) -> None:
        sends = [await self._hand_over(topic, partition, each) for each in batches]
        await self._wait(asyncio.gather(*sends))
        self._sends.difference_update(sends)

    async def _hand_over(self, topic: str, partition: int, batch: BatchBuilder) -> asyncio.Future[Any]:
        """Give a batch to the producer; one at a time, for an alert must not wait for all of a checkpoint's pages."""
        async with self._gate:  # none is given while a transaction ends
            await self._begin()
            sent = await self._enqueue(topic, partition, batch)
            self._sends.add(sent)
            return sent

    async def _begin(self) -> None:
        self._check()
        if not self._open:
            await self._wait(asyncio.ensure_future(self._producer.begin_transaction()))
            self._open = True

    async def _enqueue(self, topic: str, partition: int, batch: BatchBuilder) -> asyncio.Future[Any]:
        give_up_at = time.monotonic() + OUTAGE_S
        while True:
            self._check()
            try:
                future: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
            except Exception as error:
                # There is no room while the brokers do not answer; it was not taken.
                full = isinstance(error, KafkaTimeoutError) and not self._producer.is_over
                if not full or time.monotonic() >= give_up_at:
                    self._raise_known(error)
                    raise
            else:
                return future

    async def commit(self) -> None:
        """End the transaction: everything written since the last is in force; raises Fenced."""
        async with self._gate:
            if not self._open:
                return
            if self._sends:
                await self._wait(asyncio.gather(*self._sends))
            self._open = False  # what comes from here on prepares the next one
            await self._wait(asyncio.ensure_future(self._producer.commit_transaction()))

    async def _wait(self, work: asyncio.Future[Any]) -> None:
        """Wait for `work`, or until the partition is let go of."""
        work.add_done_callback(_retrieve_error)
        await asyncio.wait({work, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        self._check()
        try:
            work.result()
        except Exception as error:
            self._raise_known(error)
            raise

    def _check(self) -> None:
        if self._lost.done():
            raise LetGo(f"{self._id} was let go of")

    def _raise_known(self, error: Exception) -> None:
        """Raise what an error of the producer's means, if that is known."""
        self._check()  # a producer that `close` has stopped meanwhile says that it is closed
        if isinstance(error, _FENCED) or self._producer.is_over:
            raise Fenced(f"{self._id} has another owner by now: {type(error).__name__}") from error
        if isinstance(error, KafkaError):
            raise LogFailed(f"{self._id}: {type(error).__name__}: {error}") from error

    def let_go(self) -> None:
        """Fail whatever waits for a write with `LetGo`."""
        if not self._lost.done():
            self._lost.set_result(None)

    async def close(self) -> None:
        """Let go of it. An open transaction is left to the next owner, which aborts it."""
        self.let_go()
        self._producer.fail_all(LetGo(f"{self._id} was let go of"))
        for each in self._sends:
            each.add_done_callback(_retrieve_error)
        try:
            async with asyncio.timeout(STOP_S):
                await self._producer.stop()
        except (TimeoutError, KafkaError) as error:
            logger.warning("%s was not closed in time: %s", self._id, error)
            await self._producer.client.close()


def _retrieve_error(work: asyncio.Future[Any]) -> None:
    """Mark the error of `work` as retrieved: asyncio logs those of futures that nothing awaits any more."""
    if not work.cancelled():
        work.exception()

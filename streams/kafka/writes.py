"""Appending to Kafka, and transactions of one name at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError, ProducerFenced

from streams.errors import Fenced
from streams.kafka.aiokafka_compat import CompatProducer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any, Self

    from streams.kafka.aiokafka_compat import BatchBuilder
    from streams.kafka.options import KafkaOptions

Part = tuple[str, int, Sequence[bytes | None], Sequence[bytes | None]]
"""Topic, partition, values, and their keys."""
BATCH_BYTES = 900_000
"""Of a batch before compression: brokers take 1 MB after it."""
TRANSACTION_MS = 10_000
"""How long a transaction may last. So long do readers wait for one whose writer died, until the name begins anew."""
_REQUEST_MS = 30_000
_STOP_S = 5.0


class Writer:
    """One producer: idempotent, or of transactions where it has a name; a second of the name fences the first."""

    def __init__(self, options: KafkaOptions, name: str | None = None) -> None:
        self._name = name
        more: dict[str, Any] = (
            {} if name is None else {"transactional_id": name, "transaction_timeout_ms": TRANSACTION_MS}
        )
        self._producer = CompatProducer(
            **options.client_kwargs(),
            **more,
            acks="all",
            enable_idempotence=True,
            compression_type=None if options.compression == "none" else options.compression,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
            request_timeout_ms=_REQUEST_MS,
        )

    @classmethod
    async def started(cls, options: KafkaOptions, name: str | None = None) -> Self:
        """One that is connected."""
        writer = cls(options, name)
        try:
            await asyncio.wait_for(writer._producer.start(), _REQUEST_MS / 1000)
        except BaseException:
            await writer.stop()
            raise
        return writer

    async def append_all(self, parts: Sequence[Part]) -> list[int]:
        """Append each part's values, at least one, all at once; the first offset of each, once the brokers have them.

        Where one fails, of the others some may have been appended; in a transaction that is then aborted.
        """
        sent = await asyncio.gather(*(self._send(*each) for each in parts))
        await asyncio.wait([each for part in sent for each in part])
        try:
            return [[int(each.result().offset) for each in part][0] for part in sent]  # noqa: RUF015  all may fail
        except KafkaError as error:
            raise self._explained(error) from error

    async def _send(
        self, topic: str, partition: int, values: Sequence[bytes | None], keys: Sequence[bytes | None]
    ) -> list[asyncio.Future[Any]]:
        producer = self._producer
        batches = batched(producer.create_batch, keys, values)
        return [await producer.send_batch(each, topic, partition=partition) for each in batches]

    async def begin(self) -> None:
        """Begin a transaction; the first one ends the name's earlier producer, and its open transaction."""
        await self._settle(self._producer.begin_transaction())

    async def commit(self) -> None:
        """Let everything of the transaction be seen.

        Raises:
            Fenced: a later producer of the name has begun; nothing of it was kept.
        """
        await self._settle(self._producer.commit_transaction())

    async def abort(self) -> None:
        """Let nothing of the transaction be seen. Where this fails, the brokers do so by themselves."""
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(self._producer.abort_if_open(), _STOP_S)

    async def _settle(self, step: Coroutine[Any, Any, None]) -> None:
        try:
            await asyncio.wait_for(step, _REQUEST_MS / 1000)
        except KafkaError as error:
            raise self._explained(error) from error

    def _explained(self, error: KafkaError) -> Exception:
        if not isinstance(error, ProducerFenced):
            return error  # type: ignore[no-any-return]
        return Fenced(f"another has begun to write as {self._name!r}, or the brokers gave this one up: it must end")

    async def stop(self) -> None:
        """Disconnect, within seconds even where no broker answers."""
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(self._producer.stop(), _STOP_S)
        # Where the brokers did not answer, `stop` was cancelled before it came to these.
        with suppress(KafkaError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._producer.end_sender(), _STOP_S)
        await self._producer.client.close()


def batched(
    make: Callable[[], BatchBuilder], keys: Sequence[bytes | None], values: Sequence[bytes | None]
) -> Iterator[BatchBuilder]:
    """The records in as few batches as they fit in: one by one they cost ten times as much. At least one batch.

    Args:
        make: makes an empty batch.
        keys: one for each value.
        values: of the records, None for a tombstone.
    """
    batch = make()
    for key, value in zip(keys, values, strict=True):
        if batch.append(timestamp=None, key=key, value=value) is None:
            yield batch
            batch = make()
            batch.append(timestamp=None, key=key, value=value)
    yield batch

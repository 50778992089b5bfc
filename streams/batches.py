"""Batches as Faust messages: one for each fetched batch of a partition, acknowledged up to its end.

Every backend's consumer takes part in it: fetching is the backend's, delivery and acknowledgement are here.
"""

from __future__ import annotations

import abc
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, cast

from faust import Schema
from faust.transport.base import Transport
from faust.types import TP, ConsumerMessage

from streams.faust_compat import CompatConsumer
from streams.fetched_batch import FetchedBatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from faust.types import AppT, Message

    from streams.fetched_batch import Batch
    from streams.partition_handler import PartitionHandler

APPEND_TIME = 1
"""Kafka's timestamp type of append time."""
BATCH_RECORDS = 5_000
"""Most records of a batch; half or four times as many were slower."""


class BatchMessage(ConsumerMessage):
    """A Faust message that has a fetched batch instead of key and value; its offset is the batch's last."""

    def __init__(self, tp: TP, fetched: FetchedBatch, generation_id: int) -> None:
        batch = fetched.batch
        super().__init__(
            tp.topic,
            tp.partition,
            batch.last_offset,
            timestamp=batch.appended_ms / 1000,
            timestamp_type=APPEND_TIME,
            headers=[],
            key=None,
            value=None,
            checksum=None,
            serialized_value_size=batch.records.value_bytes,
            tp=tp,
            generation_id=generation_id,
        )
        self.fetched = fetched


class BatchSchema(Schema[None, FetchedBatch]):
    """Gives streams the batch of a `BatchMessage`."""

    def loads_key(self, app: AppT, message: Message, **_: object) -> None:
        """Batches have no key."""

    def loads_value(self, app: AppT, message: Message, **_: object) -> FetchedBatch:  # noqa: ARG002  Faust's signature
        """The batch."""
        assert isinstance(message, BatchMessage)
        return message.fetched


class BatchConsumer(CompatConsumer):
    """A Faust consumer whose messages are batches; mix it in before a backend's consumer.

    The backend's `fetch` gives one `Batch` per partition; the message has it as a `FetchedBatch`. Faust acknowledges
    messages that it skips, too (while flow is suspended, or after another rebalance); so an offset is committed only
    for a batch that `processed` was called for.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._conduct = self.callback
        self.callback = self._deliver
        self._delivered: defaultdict[TP, deque[int]] = defaultdict(deque)
        self._token = self._fetched_under = 0
        self._recovered: Mapping[TP, int] = {}

    async def _deliver(self, message: Message) -> None:
        """Hand a message to the streams. If that fails the app stops: nothing is passed over in silence."""
        try:
            await self._conduct(message)
        except Exception as error:
            await self.app.crash(error)
            raise

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109
        """Fetch a batch of every partition that has one, and yield a message for each."""
        records, active = await self.next_records(timeout)
        if records is None or self.should_stop:
            return
        generation, token = self.app.consumer_generation_id, self._fetched_under
        if token != self._token:
            return  # partitions were recovered meanwhile
        messages = {tp: BatchMessage(tp, FetchedBatch(token, batch), generation) for tp, batch in records.items()}
        for tp, message in messages.items():  # all at once: a fetched batch must not be taken for done
            self._delivered[tp].append(message.offset)
        for tp, message in messages.items():
            if token != self._token:
                return
            if self.flow_active and (active is None or tp in active):
                yield tp, message
            else:
                self._delivered[tp].pop()
                await self.move_to(tp, records[tp].first_offset)

    async def fetch_active(self, partitions: set[TP] | None, timeout: float) -> Mapping[TP, Batch]:  # noqa: ASYNC109
        """The next batch of each of these partitions that has one."""
        self._fetched_under = self._token
        return await self.fetch(sorted(partitions or ()), timeout)

    @abc.abstractmethod
    async def fetch(self, partitions: Sequence[TP], timeout: float) -> Mapping[TP, Batch]:  # noqa: ASYNC109
        """The next batch of each of these partitions that has one, within so many seconds; none may be."""

    def processed(self, tp: TP, last_offset: int, token: int) -> None:
        """Say that a batch is done with: the group's offset may pass it at the next commit.

        Args:
            tp: its partition.
            last_offset: where it ends.
            token: of the recovery since which it was delivered; a batch of an earlier one does nothing.

        Raises:
            RuntimeError: a batch that was delivered before it is not done with.
        """
        if token != self._token:
            return  # its partition was given anew meanwhile, and is read again
        delivered = self._delivered[tp]
        if not delivered or delivered[0] != last_offset:
            due = delivered[0] if delivered else "none"
            raise RuntimeError(
                f"batches of {tp} must be acknowledged in order: due is the one that ends at {due},"
                f" got the one that ends at {last_offset}"
            )
        delivered.popleft()
        self.next_offsets[tp] = last_offset + 1

    def ack(self, message: Message) -> bool:
        """Let go of a message that the streams are finished with; it moves no offset."""
        if message.acked:
            return False
        message.acked = True
        self.forget_unacked(message)
        return True

    def done_with_all(self, next_offsets: Mapping[int, int]) -> bool:
        """Whether every batch that was delivered ends before its partition's next offset."""
        return all(not ends or ends[-1] < next_offsets.get(tp.partition, 0) for tp, ends in self._delivered.items())

    async def perform_seek(self) -> None:
        """Have partitions recovered, and go to where reading starts; what was delivered before is read again.

        These are steps 3 and 4 of `streams.partition_handler`. A batch has the token under which its fetch began, so
        nothing that was fetched before the recovery, or during it, is processed.
        """
        generation = self.app.consumer_generation_id
        self._forget()
        await super().perform_seek()
        self._forget()
        self.start_from(self._recovered)
        if generation == self.app.consumer_generation_id:
            cast("BatchTransport", self.transport).handler.on_ready(self._token)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to where reading starts, between the assignment and the resuming of the flow."""
        self._recovered = {}
        self._recovered = await self.recover()
        return self._recovered

    @abc.abstractmethod
    async def recover(self) -> Mapping[TP, int]:
        """Have what is assigned recovered, and go to where its reading starts: the offsets of the checkpoints."""

    def _forget(self) -> None:
        self._token += 1
        self._delivered.clear()
        self.start_from({})

    def on_buffer_full(self, tp: TP) -> None:
        """The queue's own bound holds delivery back; no partition needs to rest."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""


class BatchTransport(Transport):
    """What the backends' transports have in common.

    Attributes:
        batch_records: most records of a batch.
        handler: called where partitions come and go; set before the app starts.
    """

    handler: PartitionHandler

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_records = BATCH_RECORDS

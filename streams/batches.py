"""What makes Faust carry batches: one message per fetched batch of a partition, acknowledged up to its end.

Every backend's consumer takes part in it: fetching is the backend's, delivery and acknowledgement are here.
"""

from __future__ import annotations

import abc
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from faust import Schema
from faust.transport.base import Transport
from faust.types import TP, ConsumerMessage

from streams.faust_compat import CompatConsumer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from faust.types import Message

    from streams.fetched_batch import Batch

APPEND_TIME = 1
"""Kafka's timestamp type of append time."""
BATCH_RECORDS = 5_000
"""Most records of a batch; half or four times as many were slower."""


class BatchSchema(Schema[Any, Any]):
    """Gives the streams what a message carries, as it is."""

    def loads_key(self, app: Any, message: Message, **_: Any) -> Any:  # noqa: ARG002  Faust's signature
        """The key."""
        return message.key

    def loads_value(self, app: Any, message: Message, **_: Any) -> Any:  # noqa: ARG002  Faust's signature
        """The batch."""
        return message.value


class BatchConsumer(CompatConsumer):
    """A Faust consumer whose messages are batches; mix it in before a backend's consumer.

    The backend's `fetch` gives one `Batch` per partition, which is the message's value. Faust acknowledges messages
    that it skips, too (while flow is suspended, or after another rebalance); so an offset is committed only for a
    batch that `processed` was called for.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._conduct = self.callback
        self.callback = self._deliver
        self._delivered: defaultdict[TP, deque[int]] = defaultdict(deque)
        self._token = self._fetched_under = 0

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
            return  # where to read on was said anew meanwhile
        messages = {tp: batch_message(tp, batch, generation, token) for tp, batch in records.items()}
        for tp, message in messages.items():  # all at once: nobody may think that what was fetched is done with
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

        A token tells what was fetched since: nothing that was fetched before, or while it went on, is taken.
        """
        generation = self.app.consumer_generation_id
        self._forget()
        await super().perform_seek()
        self._forget()
        if generation == self.app.consumer_generation_id:
            cast("BatchTransport", self.transport).begin(self._token)

    def _forget(self) -> None:
        self._token += 1
        self._delivered.clear()
        self.next_offsets.clear()

    def on_buffer_full(self, tp: TP) -> None:
        """The queue's own bound holds delivery back; no partition needs to rest."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""


def batch_message(tp: TP, batch: Batch, generation_id: int, token: int) -> ConsumerMessage:
    """The Faust message that carries `batch`. Its key is the token, its offset the last one that the batch covers."""
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        batch.next_offset - 1,
        timestamp=batch.appended_ms / 1000,
        timestamp_type=APPEND_TIME,
        headers=[],
        key=cast("Any", token),
        value=cast("Any", batch),
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=len(batch.records.data),
        tp=tp,
        generation_id=generation_id,
    )


Recover = Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]]
"""Readies partitions that were assigned; where to read each on from."""


class BatchTransport(Transport):
    """What the backends' transports have in common.

    Attributes:
        batch_records: most records of a batch.
        recover: awaited between each assignment and the resuming of the flow; by default each partition is read from
            its first record on.
        begin: called after that with the token of what is fetched from then on.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_records = BATCH_RECORDS
        self.recover: Recover = self._from_first
        self.begin: Callable[[int], None] = _nothing

    async def first_offset(self, tp: TP) -> int:
        """The first readable offset."""
        raise NotImplementedError

    async def _from_first(self, assigned: Iterable[TP]) -> Mapping[TP, int]:
        return {tp: await self.first_offset(tp) for tp in assigned}


def _nothing(_: int) -> None:
    """Nobody waits for it."""

"""Reading partitions of Kafka by offset, one request at a time, committed records only."""

# pyright: reportAttributeAccessIssue=false
# What it touches is inferred from the library's code, which is not typed for whoever builds on it.

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    OffsetOutOfRangeError,
    for_code,
)

from streams.errors import OffsetGone
from streams.kafka.aiokafka_compat import (
    READ_COMMITTED,
    READ_UNCOMMITTED,
    FetchRequest,
    MemoryRecords,
    OffsetRequest,
    PartitionRecords,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator

    from aiokafka import ConsumerRecord

    from streams.kafka.aiokafka_compat import CompatClient

T = TypeVar("T")

FIRST, END = -2, -1
_FETCH_BYTES = 4 << 20
_PATIENCE_S = 30.0
_RETRY_S = 0.1
_MOMENT_S = 0.002
_OPEN_TRANSACTIONS_S = 40.0
_MANY = 5_000


class Reader:
    """Reads partitions; what a fetch brought beyond what was asked for is kept for the next read on from there."""

    def __init__(self, client: CompatClient) -> None:
        self._client = client
        self._ahead: dict[tuple[TopicPartition, int], tuple[int, Iterator[ConsumerRecord]]] = {}

    async def read(
        self, topic: str, partition: int, offset: int, most: int, *, committed: bool = True
    ) -> list[ConsumerRecord]:
        """Between 1 and `most` records from `offset` on, or none at the end of what is committed, or of all.

        Raises:
            OffsetGone: `offset` lies before the first record, or past the last one written.
        """
        isolation = READ_COMMITTED if committed else READ_UNCOMMITTED
        tp = TopicPartition(topic, partition)
        at, ahead = self._ahead.pop((tp, isolation), (-1, iter(())))
        found: list[ConsumerRecord] = _take(ahead, most) if at == offset else []
        while not found:
            fetched, end = await self._insist(topic, partial(self._fetch, tp, offset, isolation))
            ahead = fetched
            found = _take(ahead, most)
            if not found and fetched.next_fetch_offset >= end:
                return []
            if fetched.next_fetch_offset == offset:  # a follower has yet to hear that it is committed
                await asyncio.sleep(_RETRY_S)
            offset = fetched.next_fetch_offset
        if len(found) == most:
            self._ahead[tp, isolation] = found[-1].offset + 1, ahead
        return found

    async def _fetch(self, tp: TopicPartition, offset: int, isolation: int) -> tuple[PartitionRecords, int]:
        """Records from `offset` on, and the end of what can be read."""
        wanted = [(tp.topic, [(tp.partition, offset, _FETCH_BYTES)])]
        request = FetchRequest(0, 1, _FETCH_BYTES, isolation, wanted)
        answer = await self._client.send(self._leader(tp), request)
        ((_, ((_, code, written, stable, *more),)),) = answer.topics
        error = for_code(code)
        if error is OffsetOutOfRangeError:
            raise await self._gone(tp, offset)
        if error is not NoError:
            raise error(tp)
        aborted = more[1] if answer.API_VERSION >= 5 else more[0]
        records = MemoryRecords(more[-1])
        found = PartitionRecords(tp, records, aborted, offset, None, None, True, isolation)  # noqa: FBT003
        return found, stable if isolation == READ_COMMITTED else written

    async def _gone(self, tp: TopicPartition, offset: int) -> OffsetGone:
        (first,), (end,) = [(await self.offsets([tp], which)).values() for which in (FIRST, END)]
        where = f"{tp.topic}-{tp.partition}"
        return OffsetGone(f"offset of {where} must be {first} to {end}, got {offset}: it is not in the log")

    async def offsets(
        self, wanted: Collection[tuple[str, int]], which: int, *, committed: bool = True
    ) -> dict[tuple[str, int], int]:
        """The `FIRST` or `END` offsets of partitions; the end of what is committed, or of all."""
        found: dict[tuple[str, int], int] = {}

        async def ask() -> None:
            by_leader: dict[int, dict[str, list[tuple[int, int]]]] = {}
            for topic, partition in wanted:
                leader = self._leader(TopicPartition(topic, partition))
                by_leader.setdefault(leader, {}).setdefault(topic, []).append((partition, which))
            isolation = READ_COMMITTED if committed else READ_UNCOMMITTED
            for leader, topics in by_leader.items():
                answer = await self._client.send(leader, OffsetRequest(-1, isolation, list(topics.items())))
                for topic, partitions in answer.topics:
                    for partition, code, _, offset in partitions:
                        error = for_code(code)
                        if error is not NoError:
                            raise error((topic, partition))
                        found[topic, partition] = offset

        for topic in {topic for topic, _ in wanted}:
            await self._client.add_topic(topic)
        await self._insist("", ask)
        return found

    async def pass_over(self, topic: str, partition: int, offset: int) -> None:
        """Wait until the end of what is committed lies beyond `offset`; raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE_S):
            while (await self.offsets([(topic, partition)], END))[topic, partition] <= offset:  # noqa: ASYNC110  the broker tells nobody
                await asyncio.sleep(_MOMENT_S)

    async def _insist(self, topic: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until the answer is none that passes, such as that another broker leads now."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE_S
        if topic:
            await self._client.add_topic(topic)
        while True:
            try:
                return await ask()
            except KafkaError as error:
                if not error.retriable or loop.time() > until:
                    raise
            await asyncio.sleep(_RETRY_S)
            await self._client.force_metadata_update()

    def _leader(self, tp: TopicPartition) -> int:
        leader = self._client.cluster.leader_for_partition(tp)
        if leader is None or leader == -1:
            raise LeaderNotAvailableError(tp)
        return int(leader)


class Newest:
    """The newest value of each key of a compacted topic of one partition."""

    def __init__(self, reader: Reader, topic: str) -> None:
        self._reader, self._topic = reader, topic
        self._found: dict[bytes, bytes] = {}
        self._next: int | None = None

    def know(self, values: dict[bytes, bytes]) -> None:
        """Take over what this process has committed."""
        self._found |= values

    async def values(self) -> dict[bytes, bytes]:
        """By key, of all that anybody has written by now.

        What stands behind another's open transaction cannot be read yet: this waits until that is over.

        Raises:
            TimeoutError: it is not over for long.
        """
        end = await self._offset(END, committed=False)
        async with asyncio.timeout(_OPEN_TRANSACTIONS_S):
            while await self._read() < end:  # noqa: ASYNC110  the broker tells nobody
                await asyncio.sleep(_RETRY_S)
        return self._found

    async def _read(self) -> int:
        """Read on, up to the end of what is committed, and say where that is."""
        end = await self._offset(END)
        if self._next is None:
            self._next = await self._offset(FIRST)
        while records := await self._reader.read(self._topic, 0, self._next, _MANY):
            self._found |= {each.key: each.value or b"" for each in records}
            self._next = records[-1].offset + 1
        return end

    async def _offset(self, which: int, *, committed: bool = True) -> int:
        (found,) = (await self._reader.offsets([(self._topic, 0)], which, committed=committed)).values()
        return found


def _take(records: Iterator[ConsumerRecord], most: int) -> list[ConsumerRecord]:
    found = []
    for record in records:
        found.append(record)
        if len(found) == most:
            break
    return found

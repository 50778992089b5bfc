"""A broker that cannot say how a transaction ended is asked again.

Kafka 4.1 answers so, by UNKNOWN_SERVER_ERROR, where a producer commits in the moment in which another of its name
begins: when workers start together, or a partition is just given to another. The moment is too short to be met at will,
so the answer is given here in the broker's place; everything else is its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import UnknownError

from streams.errors import Fenced
from streams.kafka.aiokafka_compat import CompatClient
from streams.kafka.result_writer import KafkaResultWriter
from streams.kafka.writes import Writer
from tests.streams.kafka_workers import run

if TYPE_CHECKING:
    from streams.kafka.log import KafkaLog
    from streams.kafka.options import KafkaOptions

NAME = "tillwatch-end-of-transaction"


class Ends:
    """Has the first request to end a transaction come to nothing.

    Attributes:
        asked: how many such requests were made.
        go_on: the second waits for it.
    """

    def __init__(self) -> None:
        self.asked, self.go_on = 0, asyncio.Event()
        self._send = CompatClient.send

    async def sent(self, client: CompatClient, node_id: int, request: Any, **more: Any) -> Any:
        if type(request).__name__ == "EndTxnRequest":
            self.asked += 1
            if self.asked == 1:
                return SimpleNamespace(error_code=UnknownError.errno)
            await self.go_on.wait()
        return await self._send(client, node_id, request, **more)


@pytest.fixture
def first_is_unknown(monkeypatch: pytest.MonkeyPatch) -> Ends:
    ends = Ends()

    async def sent(client: CompatClient, node_id: int, request: Any, **more: Any) -> Any:
        return await ends.sent(client, node_id, request, **more)

    monkeypatch.setattr(CompatClient, "send", sent)
    return ends


def values_of(log: KafkaLog) -> list[bytes | None]:
    return [each.value for each in log._run(log._reader.read("alerts", 0, 0, 100))]


def test_a_commit_whose_end_is_unknown_is_asked_for_again(
    log: KafkaLog, options: KafkaOptions, first_is_unknown: Ends
) -> None:
    async def test() -> None:
        owner = KafkaResultWriter(NAME, options.client_kwargs(), "zstd", [TopicPartition("alerts", 0)])
        await owner.start()
        await owner.send_many("alerts", 0, [b"kept"], [b"a"])
        first_is_unknown.go_on.set()
        await owner.commit()
        await owner.close()

    run(test())
    assert first_is_unknown.asked == 2
    assert values_of(log) == [b"kept"]


def test_who_was_fenced_meanwhile_is_told_so_and_nothing_of_it_is_committed(
    log: KafkaLog, options: KafkaOptions, first_is_unknown: Ends
) -> None:
    async def test() -> None:
        late = await Writer.started(options, NAME)
        await late.begin()
        await late.append_all([("alerts", 0, [b"late"], [b"a"])])
        committing = asyncio.ensure_future(late.commit())
        next_one = await Writer.started(options, NAME)
        first_is_unknown.go_on.set()
        with pytest.raises(Fenced):
            await committing
        await late.stop()
        await next_one.stop()

    run(test())
    assert values_of(log) == []


def test_producers_of_one_name_that_commit_side_by_side_commit_or_are_fenced(
    log: KafkaLog, options: KafkaOptions
) -> None:
    """The race itself: the first turns on a new broker met the broker's error once in a hundred commits."""

    async def one(name: str) -> str:
        writer = await Writer.started(options, name)
        try:
            await writer.begin()
            await writer.append_all([("alerts", 0, [name.encode()], [b"a"])])
            await writer.commit()
        except Fenced:
            return "fenced"
        finally:
            await writer.stop()
        return "committed"

    async def test() -> int:
        ends = Counter[str]()
        for turn in range(3):
            ends.update(await asyncio.gather(*(one(f"{NAME}-{turn}") for _ in range(5))))
        return ends["committed"]

    committed = asyncio.run(asyncio.wait_for(test(), 60))
    assert committed >= 1
    assert len(values_of(log)) == committed

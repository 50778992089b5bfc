"""A partition's transactional writer on a real broker: fenced, refused, let go of."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from aiokafka import TopicPartition

from streams.errors import Fenced, LetGo, LogFailed
from streams.kafka import backend
from streams.kafka.result_writer import KafkaResultWriter
from tests.streams.kafka_workers import run

if TYPE_CHECKING:
    from streams.kafka.log import KafkaLog
    from streams.kafka.options import KafkaOptions


def writer_of(options: KafkaOptions) -> KafkaResultWriter:
    """One of partition 0, not started."""
    usual = [TopicPartition("alerts", 0), TopicPartition("merchant-risk", 0)]
    return KafkaResultWriter("tillwatch-checkpoints-0", options.client_kwargs(), "zstd", usual)


def test_a_partitions_late_writer_is_fenced_and_nothing_of_it_is_committed(
    log: KafkaLog, options: KafkaOptions
) -> None:
    async def test() -> None:
        late, next_one = writer_of(options), writer_of(options)
        await late.start()
        await late.send_many("alerts", 0, [b"late"], [b"a"])
        await next_one.start()
        with pytest.raises(Fenced, match="tillwatch-checkpoints-0 has another owner by now"):
            await late.send_many("alerts", 0, [b"later"], [b"b"])
        with pytest.raises(Fenced):
            await late.commit()
        await next_one.send_many("alerts", 0, [b"next"], [b"c"])
        await next_one.commit()
        await late.close()
        await next_one.close()

    run(test())
    assert [each.value for each in log._run(log._reader.read("alerts", 0, 0, 10))] == [b"next"]


@pytest.mark.usefixtures("log")
def test_what_the_brokers_refuse_fails_as_a_log_does_and_not_as_aiokafka_does(options: KafkaOptions) -> None:
    async def test() -> None:
        owner = writer_of(options)
        await owner.start()
        with pytest.raises(LogFailed, match="tillwatch-checkpoints-0: MessageSizeTooLargeError") as failed:
            await owner.send_many("alerts", 0, [random.Random(7).randbytes(3_000_000)], [b"a"])
        assert isinstance(failed.value, backend.KafkaBackend.losses)
        await owner.close()

    run(test())


@pytest.mark.usefixtures("log")
def test_what_is_being_written_when_a_partition_is_let_go_of_is_told_so(options: KafkaOptions) -> None:
    async def test() -> None:
        for turns in range(10):  # of the event loop: the topic is looked up first, then the write is handed over
            owner = writer_of(options)
            await owner.start()
            await owner.send_many("alerts", 0, [b"first"], [b"a"])
            writes = [asyncio.ensure_future(owner.send_many("checkpoints", 0, [b"page"], [b"x"])) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            await owner.close()
            results = await asyncio.gather(*writes, return_exceptions=True)
            assert [type(each) for each in results] == [LetGo] * 3, f"{turns} turns: {results}"

    run(test())


@pytest.mark.usefixtures("log")
def test_a_write_that_comes_to_a_closed_producer_is_told_that_the_partition_was_let_go_of(
    options: KafkaOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        owner = writer_of(options)
        await owner.start()
        await owner.send_many("alerts", 0, [b"first"], [b"a"])
        looking, closed = asyncio.Event(), asyncio.Event()
        look_up = owner._producer.client._wait_on_metadata

        async def slow_look_up(topic: str) -> object:
            looking.set()
            await closed.wait()
            return await look_up(topic)

        monkeypatch.setattr(owner._producer.client, "_wait_on_metadata", slow_look_up)
        write = asyncio.ensure_future(owner.send_many("alerts", 0, [b"late"], [b"a"]))
        await looking.wait()
        await owner.close()
        closed.set()
        with pytest.raises(LetGo):
            await write

    run(test())


def test_a_prepared_transaction_is_committed_empty_left_to_the_next_owner_or_fenced(
    log: KafkaLog, options: KafkaOptions
) -> None:
    async def test() -> None:
        first, second, third = (writer_of(options) for _ in range(3))
        await first.start()
        first.prepare()
        first.prepare()
        await first.send_many("checkpoints", 0, [b"nothing but a checkpoint"], [b"x"])
        await first.commit()
        first.prepare()
        await first.close()
        await second.start()
        second.prepare()
        await second.send_many("alerts", 0, [b"left open"], [b"a"])
        await third.start()
        second.prepare()
        with pytest.raises(Fenced):
            await second.send_many("alerts", 0, [b"late"], [b"a"])
        with pytest.raises(Fenced):
            await second.commit()
        third.prepare()
        await third.send_many("alerts", 0, [b"last"], [b"a"])
        await third.commit()
        await second.close()
        await third.close()

    run(test())
    assert [each.value for each in log._run(log._reader.read("alerts", 0, 0, 10))] == [b"last"]

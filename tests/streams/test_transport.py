"""The producer and the consumer of the embedded log under a running Faust app."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from faust.transport import drivers
from faust.types import TP

from engine.decoding.hashing import partition_of
from streams.app import WorkerSettings, build_app
from streams.errors import UnknownTopic
from streams.sqlite.address import SqliteAddress
from streams.sqlite.faust_transport import Transport
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from streams.faust_compat import App
    from streams.sqlite.faust_transport import Producer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tillwatch.db"
    with SqliteLog(path) as log:
        create_topics(log, 2)
    return path


def with_app(path: Path, use: Callable[[App, Producer], Awaitable[None]]) -> None:
    """Run `use` with an app whose producer is running."""

    async def run() -> None:
        app = build_app(WorkerSettings(address=SqliteAddress(path), partitions=2))
        await app.producer.start()
        try:
            await use(app, cast("Producer", app.producer))
        finally:
            await app.producer.stop()

    asyncio.run(run())


def test_faust_finds_the_transport_by_its_url_scheme() -> None:
    assert drivers.by_url("sqlite:///folder/tillwatch.db") is Transport


def test_a_send_is_done_when_others_can_read_it(path: Path) -> None:
    async def use(app: App, _: Producer) -> None:
        sent = await app.topic("alerts").send(key=b"a7", value=b"x")
        metadata = await sent
        at = partition_of(b"a7", 2)
        assert (metadata.topic, metadata.partition, metadata.offset) == ("alerts", at, 0)
        with SqliteLog(path) as log:
            assert [each[:3] for each in log.read_keyed("alerts", at, 0)] == [(0, b"a7", b"x")]

    with_app(path, use)


def test_what_is_sent_together_is_one_transaction_with_offsets_in_order(path: Path) -> None:
    async def use(_: App, producer: Producer) -> None:
        with SqliteLog(path) as other:
            futures = [producer.send_many("events", 1, [b"%d" % i] * 3) for i in range(50)]
            futures += [producer.send_many("alerts", 0, [b"v"], [b"k"])]
            other.changed()
            assert await asyncio.gather(*futures) == [*range(0, 150, 3), 0]
            with SqliteLog(path) as log:
                blocks = log._db.execute("SELECT count FROM block ORDER BY id").fetchall()
            assert blocks == [(150,), (1,)]

    with_app(path, use)


def test_a_send_that_fails_tells_its_sender_and_spares_the_next(path: Path) -> None:
    async def use(_: App, producer: Producer) -> None:
        with pytest.raises(UnknownTopic, match="got 'nowhere'"):
            await producer.send_many("nowhere", 0, [b"x"])
        assert await producer.send_many("events", 0, [b"x"]) == 0

    with_app(path, use)


def test_sends_wait_for_another_writer_and_the_loop_goes_on(path: Path) -> None:
    async def use(_: App, producer: Producer) -> None:
        with SqliteLog(path) as other:
            with other.transaction():
                other.append("events", 0, [b"theirs"])
                sent = asyncio.ensure_future(cast("Any", producer.send_many("events", 0, [b"ours"])))
                turns = 0
                until = asyncio.get_running_loop().time() + 1.2  # longer than the writer waits at a time
                while asyncio.get_running_loop().time() < until:
                    await asyncio.sleep(0.01)
                    turns += 1
                assert turns > 60
                assert not sent.done()
            assert await sent == 1

    with_app(path, use)


def test_a_topic_is_declared_once(path: Path) -> None:
    async def use(_: App, producer: Producer) -> None:
        for partitions in (3, 5):
            await producer.create_topic("new", partitions, 1, compacting=True, retention=2.5)
        with SqliteLog(path) as log:
            assert (log.partitions("new"), log.compacted("new")) == (3, True)
        assert producer.key_partition("new", b"898210154110002") == TP("new", partition_of(b"898210154110002", 3))

    with_app(path, use)

"""Partitions that go from worker to worker on a real broker, and come back."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from streams.kafka.checkpoints import KafkaCheckpointStore
from streams.stage import Stage
from streams.topics import TOPICS
from streams.worker import Worker, run_worker
from tests.streams.kafka_workers import (
    PARTITIONS,
    SOON_S,
    Read,
    all_sums,
    committed,
    everything,
    feed,
    fill,
    newest,
    noting,
    reach,
    run,
    settings_of,
    sums,
    until,
    working,
)
from tests.streams.sums import SumMonitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.kafka.log import KafkaLog
    from streams.kafka.options import KafkaOptions
    from tests.streams.conftest import KafkaBackend


def test_a_worker_that_joins_goes_on_right_where_the_other_left_off(log: KafkaLog, options: KafkaOptions) -> None:
    stays, joins = Read(), Read()

    async def test() -> None:
        first, second = (
            Worker(settings_of(options), Stage.monitor(noting(stays))),
            Worker(settings_of(options), Stage.monitor(noting(joins))),
        )
        async with working(first):
            end = await feed(log, 0, lambda: len(stays) > 500, stays)
            async with working(second):
                asked = time.monotonic()
                end = await feed(log, end, lambda: joins, stays, joins)
                assert time.monotonic() - asked < SOON_S
                await until(reach(end, first, second), "both have processed everything")
                assert sorted(first.agent.partitions.keys() | second.agent.partitions.keys()) == [0, 1, 2]
                assert len(first.agent.partitions) + len(second.agent.partitions) == PARTITIONS
                await until(lambda: committed(log) == [end] * PARTITIONS, "everything is acknowledged")
        assert sorted(stays + joins) == everything(end)
        assert sums(log) == all_sums(end)

    run(test())


def counting(made: list[int]) -> type[SumMonitor]:
    """Monitors that note which partition each was made for: the state of each of those is read."""

    class Counting(SumMonitor):
        def __init__(self, partition: int, partitions: int) -> None:
            super().__init__(partition, partitions)
            made.append(partition)

    return Counting


def test_a_worker_keeps_what_it_has_while_others_come_and_go(log: KafkaLog, options: KafkaOptions) -> None:
    stays, comes = list[int](), list[int]()

    async def test() -> None:
        first, second = (
            Worker(settings_of(options), Stage.monitor(counting(stays))),
            Worker(settings_of(options), Stage.monitor(counting(comes))),
        )
        async with working(first):
            await asyncio.to_thread(fill, log, 100)
            await until(reach(100, first), "the first has processed everything")
            assert sorted(stays) == [0, 1, 2]
            async with working(second):
                await until(lambda: second.agent.partitions, "the second has some")
                await asyncio.to_thread(fill, log, 100, 100)
                await until(reach(200, first, second), "both have processed everything")
                assert len(stays) == 3
                assert len(comes) == 1
            await asyncio.to_thread(fill, log, 100, 200)
            await until(reach(300, first), "the first has processed everything")
            # Kafka refuses what is acknowledged while the group still waits for one that has left.
            await until(lambda: committed(log) == [300] * PARTITIONS, "everything is acknowledged")
        assert stays[3:] == comes
        assert sums(log) == all_sums(300)

    run(test())


def test_a_worker_that_the_group_gave_up_recovers_everything(log: KafkaLog, options: KafkaOptions) -> None:
    made = list[int]()

    async def test() -> None:
        worker = Worker(settings_of(options), Stage.monitor(counting(made)))
        async with working(worker):
            await asyncio.to_thread(fill, log, 100)
            await until(lambda: committed(log) == [100] * PARTITIONS, "all is checkpointed")
            await worker._backend._consumer.client._coordinator._maybe_leave_group()
            await until(lambda: len(made) == 6, "everything was recovered")
            await asyncio.to_thread(fill, log, 100, 100)
            await until(reach(200, worker), "it has processed everything")

    run(test())
    assert sorted(made) == [0, 0, 1, 1, 2, 2]
    assert sums(log) == all_sums(200)


def test_what_is_held_while_another_owns_it_is_recovered(log: KafkaLog, options: KafkaOptions) -> None:
    made = list[int]()

    async def test() -> None:
        worker, thief = (
            Worker(settings_of(options), Stage.monitor(counting(made))),
            KafkaCheckpointStore(options, TOPICS),
        )
        async with working(worker):
            await asyncio.to_thread(fill, log, 100)
            await until(lambda: committed(log) == [100] * PARTITIONS, "all is checkpointed")
            await thief.fence(range(PARTITIONS))
            worker._backend.rejoin()
            await until(lambda: worker.agent.partitions == {}, "its partitions were let go of")
            await until(reach(100, worker), "it goes on with what it held")
            assert len(made) == 3
            await asyncio.to_thread(fill, log, 100, 100)
            await until(reach(200, worker), "it has recovered, and processed everything")
            await until(lambda: committed(log) == [200] * PARTITIONS, "all is checkpointed")
        await thief.close()

    run(test())
    assert sorted(made) == [0, 0, 1, 1, 2, 2]
    assert sums(log) == all_sums(200)


def test_a_worker_that_is_stopped_when_others_own_its_partitions_ends_in_order(
    log: KafkaLog, options: KafkaOptions, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        worker, thief = (
            Worker(settings_of(options, checkpoint_every_s=300), Stage.monitor(SumMonitor)),
            KafkaCheckpointStore(options, TOPICS),
        )
        async with working(worker):
            await asyncio.to_thread(fill, log, 100)
            await until(reach(100, worker), "everything was processed")
            await thief.fence(range(PARTITIONS))
        await thief.close()

    run(test())
    assert "the last checkpoints were not done, for the group gave partitions to others" in caplog.text
    assert run_worker(settings_of(options), SumMonitor, until_idle=True).records == 100 * PARTITIONS
    assert sums(log) == all_sums(100)


WORKER = (
    "from streams.app import WorkerSettings\n"
    "from streams.kafka.address import KafkaAddress\n"
    "from streams.worker import run_worker\n"
    "from tests.streams.sums import SumMonitor\n"
    "class Telling(SumMonitor):\n"
    "    def process(self, records):\n"
    "        print(self.merchant[1:], *records.offsets, flush=True)\n"
    "        return super().process(records)\n"
    "settings = WorkerSettings(\n"
    "    address=KafkaAddress(log._options), partitions=3, batch_records=50, checkpoint_every_s=0.2\n"
    ")\n"
    "print('loaded', flush=True)\n"
    "run_worker(settings, Telling)\n"
)


def test_partitions_of_a_worker_that_leaves_by_sigterm_move_within_seconds(
    log: KafkaLog, options: KafkaOptions, on_kafka: KafkaBackend
) -> None:
    stays, leaves = Read(), Read()
    process = on_kafka.python(WORKER)
    assert process.stdout.readline() == "loaded\n"  # else the other would be fed for as long as that takes

    def listen() -> None:
        for line in process.stdout:
            partition, *offsets = map(int, line.split())
            leaves.extend((partition, each) for each in offsets)

    listener = threading.Thread(target=listen)
    listener.start()

    async def test() -> None:
        first = Worker(settings_of(options), Stage.monitor(noting(stays)))
        async with working(first):
            end = await feed(log, 0, lambda: stays and leaves, stays, leaves)
            process.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            end = await feed(log, end, lambda: len(first.agent.partitions) == PARTITIONS, stays, leaves)
            assert time.monotonic() - asked < SOON_S
            await until(reach(end, first), "the one that stays has processed everything")
        assert process.wait(30) == 0
        listener.join()
        assert sorted(stays + leaves) == everything(end)
        assert sums(log) == all_sums(end)

    try:
        run(test())
    finally:
        process.kill()
        process.communicate()
        listener.join()


def test_a_worker_whose_partitions_were_taken_recovers_them_and_comes_to_the_same_end(
    log: KafkaLog, options: KafkaOptions
) -> None:
    fill(log, 200)
    read: Read = []

    async def test() -> None:
        worker, thief = (
            Worker(settings_of(options, checkpoint_every_s=300), Stage.monitor(noting(read))),
            KafkaCheckpointStore(options, TOPICS),
        )
        async with working(worker):
            await until(reach(200, worker), "everything was published")
            assert len(newest(log, "alerts", committed=False)) == 15
            await thief.fence(range(PARTITIONS))
            assert newest(log, "alerts") == {}
            await asyncio.to_thread(fill, log, 100, 200)
            await until(reach(300, worker), "it has processed everything once more")
        await thief.close()

    run(test())
    assert read.count((0, 0)) >= 2  # nothing of it was in a checkpoint
    assert sums(log) == all_sums(300)
    assert committed(log) == [300] * PARTITIONS
    assert len(newest(log, "alerts")) == 15


def test_a_worker_that_is_given_its_partitions_anew_while_it_waits_for_records_goes_on(
    log: KafkaLog, options: KafkaOptions
) -> None:
    read: Read = []

    async def test() -> None:
        worker = Worker(settings_of(options, checkpoint_every_s=300), Stage.monitor(noting(read)))
        async with working(worker):
            for end in range(40, 200, 40):
                await asyncio.to_thread(fill, log, 40, end - 40)
                await until(reach(end, worker), "everything was processed")
                worker._backend.rejoin()
                await until(lambda: worker.agent.partitions == {}, "its partitions were let go of")
            await until(reach(end, worker), "they were recovered from their checkpoints")

    run(test())
    assert sorted(read) == everything(160)
    assert sums(log) == all_sums(160)


def test_a_worker_is_not_idle_before_a_dead_one_would_be_missed_that_has_a_share(
    log: KafkaLog, options: KafkaOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 100)

    async def test() -> None:
        first, second = (
            Worker(settings_of(options), Stage.monitor(SumMonitor)),
            Worker(settings_of(options), Stage.monitor(SumMonitor), until_idle=True),
        )
        monkeypatch.setattr("streams.kafka.faust_transport.SESSION_S", 1_000.0)
        asked: list[bool] = []
        finished = second._backend.finished

        async def noted(done: Mapping[int, int]) -> bool:
            asked.append(reach(100, first, second)() and 0 < len(done) < PARTITIONS)
            return await finished(done)

        second._backend.finished = noted  # type: ignore[method-assign]
        async with working(first), working(second) as running:
            await until(lambda: asked[-20:] == [True] * 20, "it has asked whether it is done, again and again")
            assert not running.done()
            monkeypatch.setattr("streams.kafka.faust_transport.SESSION_S", 0.0)
            await asyncio.wait_for(running, 20)

    run(test())
    assert sums(log) == all_sums(100)


@pytest.mark.slow
def test_more_workers_than_partitions_are_idle_together(log: KafkaLog, options: KafkaOptions) -> None:
    fill(log, 200)
    read: Read = []

    async def test() -> None:
        workers = [
            Worker(settings_of(options), Stage.monitor(noting(read)), until_idle=True) for _ in range(PARTITIONS + 1)
        ]
        await asyncio.gather(*(each.run() for each in workers))

    run(test())
    assert sorted(read) == everything(200)
    assert sums(log) == all_sums(200)

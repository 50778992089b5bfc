"""The worker on a real broker, with a monitor that only sums; kills and faults of brokers are in tests/faults."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import threading
import time
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from domain.alerts import DeadLetter, Score
from engine.outputs import Counts
from streams.app import WorkerSettings
from streams.errors import Fenced, LetGo, LogFailed, OffsetGone, UnfitTopic
from streams.health import Endpoint
from streams.kafka import backend
from streams.kafka.address import KafkaAddress
from streams.kafka.checkpoints import KafkaCheckpointStore
from streams.kafka.log import KafkaLog
from streams.kafka.options import KafkaOptions
from streams.kafka.result_writer import KafkaResultWriter
from streams.log import Progress
from streams.stage import Stage
from streams.topics import TOPICS, create_topics
from streams.worker import MonitorFailed, Worker, run_worker
from tests.faults.waiting import wait_until
from tests.kafka.ports import HOST, free_ports
from tests.kafka.topics import admin
from tests.streams.record_sets import damage, flipped, made, produce
from tests.streams.sums import SumMonitor
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence

    from engine.decoding.records import Records
    from engine.outputs import Outputs
    from streams.log import Progress
    from tests.kafka.broker import Cluster, Secure
    from tests.kafka.topics import Topics
    from tests.streams.conftest import KafkaBackend

PARTITIONS = 3
GROUP = "tillwatch"
SOON_S = 15.0
"""Within which partitions go from one worker to another; a second or two where the machine does nothing else."""
Read = list[tuple[int, int]]
"""Partition and offset of each record that a worker read."""


@pytest.fixture
def log(on_kafka: KafkaBackend) -> Iterator[KafkaLog]:
    with on_kafka.open() as log:
        create_topics(log, PARTITIONS)
        yield log


@pytest.fixture
def options(kafka: Cluster) -> KafkaOptions:
    return KafkaOptions(bootstrap=(kafka.bootstrap,))


def settings_of(options: KafkaOptions, **more: Any) -> WorkerSettings:
    told = {
        "address": KafkaAddress(options),
        "partitions": PARTITIONS,
        "batch_records": 50,
        "checkpoint_every_s": 0.2,
    }
    return WorkerSettings(**{**told, **more})


def values_of(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % i if i % 40 else b"odd" for i in range(start, start + count)]


def fill(log: KafkaLog, count: int, start: int = 0) -> None:
    log.append_each("events", [values_of(count, start)] * PARTITIONS)


def newest(log: KafkaLog, topic: str, *, committed: bool = True) -> dict[bytes, bytes]:
    """Each key's newest value, without the number of the owner that wrote it."""
    found: dict[bytes, bytes] = {}
    for partition in range(PARTITIONS):
        for each in log._run(log._reader.read(topic, partition, 0, 1_000_000, committed=committed)):
            assert each.key.split(b"-")[0] == b"m%d" % partition, "where its merchant's events are"
            found[each.key] = re.sub(rb',"epoch":\d+', b"", each.value)
    return found


def sums(log: KafkaLog) -> dict[str, float]:
    """By merchant, of which each partition has one, the sum that was published and committed last."""
    found = (msgspec.json.decode(each, type=Score) for each in newest(log, "merchant-risk").values())
    return {each.merchant_id: each.score for each in found}


def all_sums(count: int) -> dict[str, float]:
    """What the sums come to once the first `count` records of every partition are counted."""
    return {f"m{each}": sum(i for i in range(count) if i % 40) for each in range(PARTITIONS)}


def letters(log: KafkaLog, partition: int) -> list[DeadLetter]:
    found = log.read("dead-letters", partition, 0)
    return [msgspec.json.decode(found.value(i), type=DeadLetter) for i in range(len(found))]


def committed(log: KafkaLog) -> list[int | None]:
    return [log.committed(GROUP, "events", each) for each in range(PARTITIONS)]


def noting(read: Read) -> type[SumMonitor]:
    class Noting(SumMonitor):
        def process(self, records: Records) -> Outputs:
            read.extend((int(self.merchant[1:]), int(each)) for each in records.offsets)
            return super().process(records)

    return Noting


def everything(end: int) -> Read:
    return [(partition, offset) for partition in range(PARTITIONS) for offset in range(end)]


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(90):
            await test

    asyncio.run(bounded())


async def until(holds: Callable[[], object], what: str) -> None:
    await asyncio.to_thread(wait_until, holds, what, 45)


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[Counts]]:
    """The worker in this loop; it is stopped at the end, unless it has ended."""
    running = asyncio.create_task(worker.run())
    try:
        yield running
    finally:
        if not running.done():
            worker.stop()
        await asyncio.wait({running})
    running.result()


async def feed(log: KafkaLog, start: int, holds: Callable[[], object], *reads: Read) -> int:
    """Append to every partition, on and on, until something holds; where that ends. It waits for those who read."""
    end = start
    while not holds():
        await asyncio.to_thread(fill, log, 40, end)
        end += 40
        least = PARTITIONS * (end - 400)
        await until(lambda: holds() or sum(map(len, reads)) > least, "what is appended is read")  # noqa: B023
    return end


def reach(end: int, *workers: Worker) -> Callable[[], bool]:
    """Whether these workers together have processed every partition up to `end`."""

    def holds() -> bool:
        offsets: dict[int, int] = {}
        for each in workers:
            offsets |= each.agent.next_offsets
        return offsets == dict.fromkeys(range(PARTITIONS), end)

    return holds


def test_every_record_is_processed_once_published_and_acknowledged(log: KafkaLog, options: KafkaOptions) -> None:
    fill(log, 400)
    read: Read = []
    shown: list[Progress] = []
    counts = run_worker(settings_of(options), noting(read), until_idle=True, observer=Watching(shown.append))
    assert counts == Counts(records=1200, transactions=1170, dead_letters=30)
    assert sorted(read) == everything(400)
    assert committed(log) == [400] * PARTITIONS
    assert sums(log) == all_sums(400)
    assert len(newest(log, "alerts")) == 15
    first = letters(log, 1)[0]
    assert ([len(letters(log, each)) for each in range(PARTITIONS)], first.source, first.position) == (
        [10] * PARTITIONS, "events-1", 0,
    )  # fmt: skip
    assert shown[-1].next_offsets == dict.fromkeys(range(PARTITIONS), 400)
    assert shown[-1].counts["transactions"] == 1170


def test_a_restart_goes_on_from_the_last_cut(log: KafkaLog, options: KafkaOptions) -> None:
    fill(log, 300)
    assert run_worker(settings_of(options), SumMonitor, until_idle=True).records == 900
    alerts = newest(log, "alerts")
    read: Read = []
    assert run_worker(settings_of(options), noting(read), until_idle=True).records == 900
    assert (read, newest(log, "alerts")) == ([], alerts)
    fill(log, 100, start=300)
    counts = run_worker(settings_of(options, batch_records=7), noting(read), until_idle=True)
    assert counts == Counts(records=1200, transactions=1170, dead_letters=30)
    assert sorted(read) == [each for each in everything(400) if each[1] >= 300]
    assert sums(log) == all_sums(400)


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
    "run_worker(settings, Telling)\n"
)


def test_partitions_of_a_worker_that_leaves_by_sigterm_move_within_seconds(
    log: KafkaLog, options: KafkaOptions, on_kafka: KafkaBackend
) -> None:
    stays, leaves = Read(), Read()
    process = on_kafka.python(WORKER)

    def listen() -> None:
        assert process.stdout is not None
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


def test_a_monitor_that_raises_stops_the_worker_and_its_batch_is_read_again(
    log: KafkaLog, options: KafkaOptions
) -> None:
    fill(log, 200)

    class Raises(SumMonitor):
        def process(self, records: Records) -> Outputs:
            if self.merchant == "m1" and records.offsets[0] == 100:
                raise ZeroDivisionError("division by zero")
            return super().process(records)

    with pytest.raises(MonitorFailed, match="events-1, offsets 100 to 149: ZeroDivisionError: division by zero"):
        run_worker(settings_of(options), Raises, until_idle=True)
    assert (committed(log)[1] or 0) <= 100
    assert run_worker(settings_of(options), SumMonitor, until_idle=True).records == 600
    assert sums(log) == all_sums(200)


def test_records_that_retention_took_before_they_were_processed_stop_the_worker(
    log: KafkaLog, options: KafkaOptions
) -> None:
    fill(log, 100)
    run_worker(settings_of(options), SumMonitor, until_idle=True)
    fill(log, 100, start=100)
    with admin(*options.bootstrap) as asked:
        asked.delete_records({TopicPartition("events", 1): 150})
    gone = "partition 1 of events must be read on from offset 100, got a log that begins at 150"
    with pytest.raises(OffsetGone, match=gone):
        run_worker(settings_of(options), SumMonitor, until_idle=True)
    assert committed(log) == [100] * PARTITIONS


async def write_transaction(options: KafkaOptions, value: bytes, *, aborts: bool) -> None:
    """A foreign producer's transaction of two records in each partition."""
    async with AIOKafkaProducer(**options.client_kwargs(), transactional_id="foreign") as producer:
        await producer.begin_transaction()
        for partition in [*range(PARTITIONS)] * 2:
            await producer.send_and_wait("events", value, partition=partition)
        await (producer.abort_transaction() if aborts else producer.commit_transaction())


@pytest.mark.parametrize("aborts", [(False,), (False, True), (True,)])
def test_markers_at_the_end_keep_nobody_from_being_idle(
    log: KafkaLog, options: KafkaOptions, aborts: Sequence[bool]
) -> None:
    for each in aborts:
        asyncio.run(write_transaction(options, b"3", aborts=each))
    written = 2 * aborts.count(False)
    for _ in range(2):  # after the last checkpoint there is nothing but markers, too
        assert run_worker(settings_of(options), SumMonitor, until_idle=True).records == PARTITIONS * written
    assert list(sums(log).values()) == [6] * PARTITIONS * aborts.count(False)


def test_what_nobody_is_to_see_at_the_end_is_no_lag_that_a_worker_is_stuck_at(
    log: KafkaLog, options: KafkaOptions
) -> None:
    fill(log, 40)
    lags: list[int | None] = []

    async def test() -> None:
        worker = Worker(settings_of(options), Stage.monitor(SumMonitor))
        look = worker._watchdog.look

        def noted(now: float, lag: int | None, done: Mapping[int, int]) -> None:
            lags.append(lag)
            look(now, lag, done)

        worker._watchdog.look = noted  # type: ignore[method-assign]
        async with working(worker):
            await until(reach(40, worker), "everything was processed")
            await write_transaction(options, b"aborted", aborts=True)
            while await worker._backend.ends() != {0: 43, 1: 43, 2: 43}:
                pass
            lags.clear()
            await until(lambda: len(lags) == 2, "it has looked around")
            assert reach(40, worker)()
            assert lags[-1] == 0

    run(test())


def test_partitions_without_any_record_keep_nobody_from_being_idle(log: KafkaLog, options: KafkaOptions) -> None:
    assert run_worker(settings_of(options), SumMonitor, until_idle=True) == Counts()
    log.append("events", 0, values_of(100))
    for _ in range(2):
        assert run_worker(settings_of(options), SumMonitor, until_idle=True).records == 100
    assert committed(log) == [100, None, None]
    assert sums(log) == {"m0": all_sums(100)["m0"]}


def test_what_comes_while_the_ends_are_asked_for_is_not_taken_for_done(log: KafkaLog, options: KafkaOptions) -> None:
    async def test() -> None:
        worker = Worker(settings_of(options), Stage.monitor(SumMonitor))
        async with working(worker):
            await until(reach(0, worker), "partitions were recovered")
            consumer = worker._backend._consumer  # type: ignore[attr-defined]
            ask = consumer.highwaters

            async def late(*partitions: Any) -> Any:
                consumer.highwaters = ask  # the worker itself asks now and again
                await asyncio.to_thread(fill, log, 40)
                ends = await ask(*partitions)
                await until(lambda: all(consumer.reached(tp) >= end for tp, end in ends.items()), "all is fetched")
                return ends

            async with worker.agent.turn:  # so that it is not processed yet
                consumer.highwaters = late
                assert not await worker._backend.finished(worker.agent.next_offsets)
            await until(reach(40, worker), "everything was processed")
            assert await worker._backend.finished(worker.agent.next_offsets)

    run(test())


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


def test_a_damaged_batch_is_a_dead_letter_and_its_neighbours_count(
    kafka: Cluster, log: KafkaLog, options: KafkaOptions
) -> None:
    tp = TopicPartition("events", 1)
    log.append("events", 1, values_of(10))
    assert asyncio.run(produce(kafka.bootstrap, tp, bytes(made([b"1000"] * 50, codec="lz4")))) == (0, 10)
    log.append("events", 1, values_of(20, 10))
    damage(kafka, tp, 1, flipped)
    for _ in range(2):  # what was counted is kept
        counts = run_worker(settings_of(options), SumMonitor, until_idle=True)
        assert counts == Counts(records=31, transactions=29, dead_letters=2)
    assert sums(log) == {"m1": sum(range(1, 30))}
    (broken,) = [each for each in letters(log, 1) if each.reason == "broken-batch"]
    assert (broken.source, broken.position, broken.record) == ("events-1", 10, "")
    assert "CRC-32C" in broken.message
    assert broken.message.endswith("offsets 10 to 59")
    assert committed(log)[1] == 80


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_worker_is_ready_when_its_partitions_are_recovered(log: KafkaLog, options: KafkaOptions) -> None:
    (port,) = free_ports(1)
    answers: list[tuple[int, str]] = []

    async def test() -> None:
        worker = Worker(settings_of(options, health=Endpoint(port)), Stage.monitor(SumMonitor))
        on_assigned = worker.partitions.on_assigned

        async def asked(partitions: Collection[int], *, unbroken: bool) -> Mapping[int, int]:
            answers.append(await asyncio.to_thread(ask, port, "/ready"))
            answers.append(await asyncio.to_thread(ask, port, "/live"))
            return await on_assigned(partitions, unbroken=unbroken)

        worker.partitions.on_assigned = asked  # type: ignore[method-assign]
        async with working(worker):
            await until(lambda: len(worker.agent.partitions) == PARTITIONS, "partitions were recovered")
            answers.append(await asyncio.to_thread(ask, port, "/ready"))
            answers.append(await asyncio.to_thread(ask, port, "/live"))

    run(test())
    ok = (200, "ok\n")
    assert answers[:4] == [(503, "partitions are being assigned\n"), ok, ok, ok]


def test_a_worker_speaks_tls_with_a_password(on_kafka: KafkaBackend, secure: Secure) -> None:
    options = KafkaOptions(
        bootstrap=(secure.scram,), security="sasl_tls", user=secure.user, password=secure.password,
        ca_file=secure.certificates.authority,
    )  # fmt: skip
    with KafkaLog(options) as log:
        create_topics(log, PARTITIONS)
        fill(log, 100)
        assert run_worker(settings_of(options), SumMonitor, until_idle=True).records == 300
        assert sums(log) == all_sums(100)
        assert committed(log) == [100] * PARTITIONS


def test_a_worker_refuses_a_topic_whose_producers_may_date_records_in_the_far_future(
    log: KafkaLog, options: KafkaOptions, topic: Topics
) -> None:
    for more in ({}, {"message_timestamp_after_max_ms": 600_001}):
        name = topic("switch.out", PARTITIONS, **more)
        with pytest.raises(
            UnfitTopic,
            match=rf"topic '{name}' must have message\.timestamp\.after\.max\.ms of at most 600000, or"
            r" message\.timestamp\.type LogAppendTime, got \d+ with CreateTime",
        ):
            run_worker(settings_of(options, topics=TOPICS.reading(name)), SumMonitor, until_idle=True)
        assert log.committed(GROUP, name, 0) is None


@pytest.mark.parametrize(
    "more",
    [{"message_timestamp_after_max_ms": 600_000}, {"message_timestamp_type": "LogAppendTime"}],
    ids=["bounded", "dated by the broker"],
)
def test_a_worker_reads_an_acquirers_own_topic_whose_times_are_bounded(
    log: KafkaLog, options: KafkaOptions, topic: Topics, more: dict[str, object]
) -> None:
    name = topic("switch.out", PARTITIONS, **more)
    log.append_each(name, [values_of(40)] * PARTITIONS)
    settings = settings_of(options, topics=TOPICS.reading(name))
    assert run_worker(settings, SumMonitor, until_idle=True).records == 40 * PARTITIONS
    assert sums(log) == all_sums(40)

"""The worker on a real broker, with a monitor that only sums; kills and faults of brokers are in tests/faults."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from engine.outputs import Counts
from streams.endpoint import Endpoint
from streams.errors import OffsetGone, UnfitTopic
from streams.kafka.faust_transport import Consumer
from streams.kafka.log import KafkaLog
from streams.kafka.options import KafkaOptions
from streams.log import Progress
from streams.stage import Stage
from streams.topics import TOPICS, create_topics
from streams.worker import MonitorFailed, Worker, run_worker
from tests.kafka.ports import HOST, free_ports
from tests.kafka.topics import admin
from tests.streams.kafka_workers import (
    GROUP,
    PARTITIONS,
    Read,
    all_sums,
    committed,
    everything,
    fill,
    letters,
    newest,
    noting,
    reach,
    run,
    settings_of,
    sums,
    until,
    values_of,
    working,
)
from tests.streams.record_sets import damage, flipped, made, produce
from tests.streams.sums import SumMonitor
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from faust.types import TP

    from engine.decoding.records import Records
    from engine.outputs import Outputs
    from streams.log import Progress
    from tests.kafka.broker import Cluster, Secure
    from tests.kafka.topics import Topics
    from tests.streams.conftest import KafkaBackend


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


def test_a_commit_of_offsets_that_failed_is_made_up_for_though_nothing_comes_any_more(
    log: KafkaLog, options: KafkaOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 100)
    tried: list[Mapping[TP, int]] = []
    commit = Consumer.commit_offsets

    async def fails_twice(consumer: Consumer, offsets: Mapping[TP, int]) -> bool:
        tried.append(dict(offsets))
        return len(tried) > 2 and await commit(consumer, offsets)

    monkeypatch.setattr(Consumer, "commit_offsets", fails_twice)

    async def test() -> None:
        async with working(Worker(settings_of(options), Stage.monitor(SumMonitor))):
            await until(lambda: committed(log) == [100] * PARTITIONS, "the offsets are committed")

    run(test())
    assert len(tried) > 2


def test_a_group_whose_offsets_lie_elsewhere_is_put_right_by_a_worker_that_has_nothing_to_read(
    log: KafkaLog, options: KafkaOptions
) -> None:
    fill(log, 100)
    run_worker(settings_of(options), SumMonitor, until_idle=True)
    log.commit(GROUP, "events", 1, 40)

    async def test() -> None:
        async with working(Worker(settings_of(options), Stage.monitor(SumMonitor))):
            await until(lambda: committed(log) == [100] * PARTITIONS, "the offsets are committed")

    run(test())


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

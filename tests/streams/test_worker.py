"""The worker with a real Faust app on a real log."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from domain.alerts import DeadLetter, Score
from engine.decoding.hashing import partition_of
from engine.monitor import Monitor, MonitorConfig
from engine.outputs import Counts, Outputs
from streams.app import WorkerSettings
from streams.errors import Fenced, LeaseHeld, LetGo, OffsetGone
from streams.kafka.address import KafkaAddress
from streams.kafka.options import KafkaOptions
from streams.sqlite import leases
from streams.sqlite.address import SqliteAddress
from streams.sqlite.checkpoints import SqliteCheckpoints, state_path
from streams.sqlite.faust_transport import LEASE, log_path, log_url
from streams.sqlite.log import SqliteLog
from streams.sqlite.renewal import Renewal
from streams.stage import Stage
from streams.topics import TOPICS, create_topics
from streams.worker import MonitorFailed, Worker, run_worker
from tests.streams.sums import SumMonitor
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.decoding.records import Records
    from streams.log import Progress
    from streams.sqlite.leases import Lease
    from tests.streams.conftest import SqliteBackend

PARTITIONS = 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tillwatch.db"
    with SqliteLog(path) as log:
        create_topics(log, PARTITIONS)
    return path


def settings_of(path: Path, **more: Any) -> WorkerSettings:
    return WorkerSettings(
        **{
            "address": SqliteAddress(path),
            "partitions": PARTITIONS,
            "batch_records": 50,
            "checkpoint_every_s": None,
            **more,
        }
    )


def fill(path: Path, count: int, start: int = 0) -> None:
    with SqliteLog(path) as log:
        for partition in range(PARTITIONS):
            values = [b"%d" % i if i % 40 else b"odd" for i in range(start, start + count)]
            log.append("events", partition, values)


def topic_end(path: Path, topic: str) -> list[tuple[bytes, bytes]]:
    """Each key's newest value, without the number of the owner that wrote it."""
    newest: dict[bytes, bytes] = {}
    with SqliteLog(path) as log:
        for partition in range(PARTITIONS):
            for each in log.read_keyed(topic, partition, 0, 1_000_000):
                assert each.key.split(b"-")[0] == b"m%d" % partition, "where its merchant's events are"
                newest[each.key] = re.sub(rb',"epoch":\d+', b"", each.value)
    return sorted(newest.items())


def committed(path: Path) -> list[int | None]:
    with SqliteLog(path) as log:
        return [log.committed("tillwatch", "events", each) for each in range(PARTITIONS)]


def test_every_record_is_processed_once_published_and_acknowledged(path: Path) -> None:
    fill(path, 400)
    shown: list[Progress] = []
    counts = run_worker(settings_of(path), SumMonitor, until_idle=True, observer=Watching(shown.append))
    assert counts == Counts(records=1200, transactions=1170, dead_letters=30)
    assert committed(path) == [400] * PARTITIONS
    total = sum(i for i in range(400) if i % 40)
    scores = {key: msgspec.json.decode(value, type=Score) for key, value in topic_end(path, "merchant-risk")}
    assert {key: score.score for key, score in scores.items()} == {b"m%d" % each: total for each in range(PARTITIONS)}
    assert len(topic_end(path, "alerts")) == 15
    with SqliteLog(path) as log:
        letters = [log.read("dead-letters", each, 0) for each in range(PARTITIONS)]
        first = msgspec.json.decode(letters[1].value(0), type=DeadLetter)
        assert ([len(each) for each in letters], first.source, first.position) == ([10] * 3, "events-1", 0)
        assert log.progress() == shown[-1:]
    assert shown[-1].next_offsets == dict.fromkeys(range(PARTITIONS), 400)
    assert shown[-1].counts["transactions"] == 1170


def test_a_restart_reads_everything_again_and_comes_to_the_same_end(path: Path) -> None:
    fill(path, 300)
    first = run_worker(settings_of(path), SumMonitor, until_idle=True)
    alerts, scores = topic_end(path, "alerts"), topic_end(path, "merchant-risk")
    second = run_worker(settings_of(path, batch_records=7), SumMonitor, until_idle=True)
    assert second == first
    assert topic_end(path, "alerts") == alerts
    assert topic_end(path, "merchant-risk") == scores
    fill(path, 100, start=300)
    assert run_worker(settings_of(path), SumMonitor, until_idle=True).records == 1200
    assert committed(path) == [400] * PARTITIONS


def test_a_worker_with_nothing_to_read_is_idle_at_once(path: Path) -> None:
    assert run_worker(settings_of(path), SumMonitor, until_idle=True) == Counts()


def test_partitions_take_turns(path: Path) -> None:
    fill(path, 200)
    turns: list[int] = []

    class Turns(SumMonitor):
        def process(self, records: Records) -> Outputs:
            turns.append(int(self.merchant[1:]))
            return super().process(records)

    run_worker(settings_of(path), Turns, until_idle=True)
    assert turns == [0, 1, 2] * 4


def test_a_monitor_that_raises_stops_the_worker_and_nothing_of_its_batch_is_acknowledged(path: Path) -> None:
    fill(path, 200)
    seen: list[tuple[int, int]] = []

    class Raises(SumMonitor):
        def process(self, records: Records) -> Outputs:
            seen.append((int(self.merchant[1:]), int(records.offsets[0])))
            if seen[-1] == (1, 100):
                raise ZeroDivisionError("division by zero")
            return super().process(records)

    with pytest.raises(MonitorFailed, match="events-1, offsets 100 to 149: ZeroDivisionError: division by zero"):
        run_worker(settings_of(path), Raises, until_idle=True)
    assert seen[-1] == (1, 100)
    assert committed(path) == [150, 100, 100]
    assert run_worker(settings_of(path), SumMonitor, until_idle=True).records == 600


def test_a_batch_is_acknowledged_only_after_what_it_gave_is_committed(path: Path) -> None:
    fill(path, 50)
    locked, free = threading.Event(), threading.Event()

    def lock() -> None:
        with SqliteLog(path) as log, log.transaction():
            locked.set()
            free.wait(30)

    class Locks(SumMonitor):
        def process(self, records: Records) -> Outputs:
            if not locked.is_set():
                thread.start()
                locked.wait()
            return super().process(records)

    thread = threading.Thread(target=lock)

    async def run() -> Counts:
        worker = Worker(settings_of(path), Stage.monitor(Locks), until_idle=True)
        running = asyncio.create_task(worker.run())
        await asyncio.to_thread(locked.wait)
        try:
            with pytest.raises(TimeoutError):  # longer than a try of the writer: nothing may pass meanwhile
                await asyncio.wait_for(asyncio.shield(running), 1.5)
            assert worker.agent.next_offsets == dict.fromkeys(range(PARTITIONS), 0)
            assert topic_end(path, "alerts") == []
        finally:
            free.set()
        return await running

    counts = asyncio.run(run())
    thread.join()
    assert counts.records == 150
    assert committed(path) == [50] * PARTITIONS
    assert len(topic_end(path, "merchant-risk")) == PARTITIONS


def test_a_worker_waits_for_a_log_that_others_write_to_when_it_starts(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(path, 50)

    async def run() -> Counts:
        worker = Worker(settings_of(path), Stage.monitor(SumMonitor), until_idle=True)  # it has made its topics
        with SqliteLog(path) as log, log.transaction():
            running = asyncio.create_task(worker.run())
            await asyncio.to_thread(wait_until, lambda: running.done() or "is locked); trying again" in caplog.text)
            assert not running.done()
        return await running

    assert asyncio.run(run()).records == 150


def test_a_second_worker_is_refused_and_told_who_runs(path: Path) -> None:
    with SqliteLog(path) as log:
        log.acquire_lease(LEASE, "first@here", 10)
        with pytest.raises(LeaseHeld, match=rf"'worker' is held by first@here, process {os.getpid()}"):
            run_worker(settings_of(path), SumMonitor, until_idle=True)
        assert committed(path) == [None] * PARTITIONS


def test_a_worker_that_lost_its_lease_publishes_nothing_more(path: Path) -> None:
    fill(path, 200)
    batches = 0

    class Loses(SumMonitor):
        def process(self, records: Records) -> Outputs:
            nonlocal batches
            batches += 1
            if batches == 4:
                steal(path)
            return super().process(records)

    with pytest.raises((MonitorFailed, Fenced), match="lease 'worker' epoch 1 is stale") as failed:
        run_worker(settings_of(path), Loses, until_idle=True)
    # On a busy machine what shows the progress may come first.
    assert Fenced in {type(failed.value), type(failed.value.__cause__)}
    assert batches == 4
    assert len(topic_end(path, "merchant-risk")) == 3
    scores = [msgspec.json.decode(value, type=Score) for _, value in topic_end(path, "merchant-risk")]
    assert {score.time for score in scores} == {"49"}


def steal(path: Path) -> None:
    """Take the lease from its holder, as a successor does that no longer hears of it."""
    with SqliteLog(path) as log:
        log._db.execute("UPDATE lease SET renewed_s = renewed_s - 60")
        log.acquire_lease(LEASE, "successor", 10)


def test_an_idle_worker_that_lost_its_lease_stops(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sqlite.faust_transport.LEASE_TTL_S", 0.4)
    fill(path, 10)

    def stolen(progress: Progress) -> None:
        if set(progress.next_offsets.values()) == {10}:
            steal(path)

    with pytest.raises(Fenced, match="it is now held by successor"):
        run_worker(settings_of(path), SumMonitor, observer=Watching(stolen))


def test_a_batch_that_holds_up_the_loop_for_long_keeps_the_lease(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sqlite.faust_transport.LEASE_TTL_S", 0.6)
    fill(path, 10)
    refused = 0

    class Blocks(SumMonitor):
        def process(self, records: Records) -> Outputs:
            nonlocal refused
            until, never = time.monotonic() + 2, threading.Event()
            while self.merchant == "m0" and time.monotonic() < until:
                with SqliteLog(path) as log, pytest.raises(LeaseHeld, match="'worker' is held by tillwatch@"):
                    log.acquire_lease(LEASE, "second", 0.6)
                refused += 1
                never.wait(0.1)
            return super().process(records)

    assert run_worker(settings_of(path), Blocks, until_idle=True).records == 10 * PARTITIONS
    assert refused > 6


def test_a_worker_that_is_stopped_loses_its_lease_and_ends_when_it_wakes(embedded: SqliteBackend) -> None:
    worker = embedded.python(
        "from pathlib import Path\n"
        "import streams.sqlite.faust_transport as transport\n"
        "from streams.app import WorkerSettings\n"
        "from streams.errors import Fenced\n"
        "from streams.sqlite.address import SqliteAddress\n"
        "from streams.worker import run_worker\n"
        "from tests.streams.sums import BareMonitor\n"
        "transport.LEASE_TTL_S = 0.6\n"
        "settings = WorkerSettings(address=SqliteAddress(Path(log.path)), partitions=1, checkpoint_every_s=None)\n"
        "try:\n"
        "    run_worker(settings, lambda *_: BareMonitor())\n"
        "except Fenced as error:\n"
        "    print(error)\n"
    )
    with embedded.open() as log:
        while not log._db.execute("SELECT held FROM lease").fetchone():
            assert worker.poll() is None
        with log.transaction():  # so that it does not stop in the middle of a write of its own
            worker.send_signal(signal.SIGSTOP)
        while (lease := taken(log)) is None:
            assert worker.poll() is None
        worker.send_signal(signal.SIGCONT)
        said = worker.communicate(60)
        assert said.startswith(f"lease 'worker' epoch {lease.epoch - 1} is stale: it is now held by successor")


def taken(log: SqliteLog) -> Lease | None:
    try:
        return log.acquire_lease(LEASE, "successor", 60)
    except LeaseHeld:
        return None


def wait_until(holds: Callable[[], bool]) -> None:
    never = threading.Event()
    while not holds():
        never.wait(0.01)


def test_the_lease_is_renewed_again_after_the_log_was_locked_for_long(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        with SqliteLog(path) as log:
            renewal = Renewal(str(path), log.acquire_lease(LEASE, "first", 0.3))
            try:
                with log.transaction():
                    wait_until(lambda: "cannot renew lease 'worker' (database is locked)" in caplog.text)
                    locked = leases.boot_s()
                wait_until(lambda: log._db.execute("SELECT renewed_s FROM lease").fetchone() > (locked,))
                await asyncio.sleep(0)
                assert not renewal.lost.done()
            finally:
                await renewal.stop()

    asyncio.run(run())


def test_a_worker_that_ended_renews_no_more(path: Path) -> None:
    run_worker(settings_of(path), SumMonitor, until_idle=True)
    assert "lease-renewal" not in {each.name for each in threading.enumerate()}
    with SqliteLog(path) as log:
        assert log.acquire_lease(LEASE, "second", 10).epoch == 2


def test_a_failure_in_fausts_message_callback_stops_the_worker(path: Path) -> None:
    fill(path, 200)

    async def run() -> None:
        worker = Worker(settings_of(path), Stage.monitor(SumMonitor), until_idle=True)
        conduct: Callable[..., Any] = worker.app.topics.on_message

        async def fails(message: Any) -> None:
            if (message.partition, message.offset) == (0, 99):
                raise KeyError("lost")
            await conduct(message)

        worker.app.topics.on_message = fails
        await worker.run()

    with pytest.raises(KeyError, match="lost"):
        asyncio.run(run())
    assert committed(path)[0] in {None, 50}


def test_records_that_retention_took_before_they_were_read_stop_the_worker(path: Path) -> None:
    fill(path, 200)

    class Drops(SumMonitor):
        def process(self, records: Records) -> Outputs:
            if records.offsets[0] == 0 and self.merchant == "m0":
                with SqliteLog(path) as log:
                    log.create_topic("events", PARTITIONS, retention_ms=1)
                    log.retain(now_ms=2**50)
            return super().process(records)

    with pytest.raises(OffsetGone, match=r"offset of events-[012] must be 200 to 200, got"):
        run_worker(settings_of(path), Drops, until_idle=True)


def test_what_another_process_appends_is_processed_as_it_comes(path: Path) -> None:
    appended = 0

    def append_more(progress: Progress) -> None:
        nonlocal appended
        if appended < 3 and sum(progress.next_offsets.values()) == appended * PARTITIONS:
            appended += 1
            fill(path, 1, start=appended)
        elif appended == 3 and progress.counts["records"] == 9:
            os.kill(os.getpid(), signal.SIGTERM)

    counts = run_worker(settings_of(path), SumMonitor, observer=Watching(append_more))
    assert counts.records == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_worker_after_the_batch_in_hand(embedded: SqliteBackend, number: signal.Signals) -> None:
    with embedded.open() as log:
        create_topics(log, 1)
        log.append("events", 0, [b"1"] * 1_000)
    worker = embedded.python(
        "import os, time\n"
        "from pathlib import Path\n"
        "from engine.outputs import Counts, Outputs\n"
        "from streams.app import WorkerSettings\n"
        "from streams.sqlite.address import SqliteAddress\n"
        "from streams.worker import run_worker\n"
        "from tests.streams.sums import BareMonitor\n"
        "class Slow(BareMonitor):\n"
        "    def process(self, records):\n"
        "        print('batch', flush=True)\n"
        "        time.sleep(0.05)\n"
        "        return Outputs(counts=Counts(records=len(records)))\n"
        "settings = WorkerSettings(\n"
        "    address=SqliteAddress(Path(log.path)), partitions=1, batch_records=10, checkpoint_every_s=None\n"
        ")\n"
        "print(run_worker(settings, lambda *_: Slow()).records, flush=True)\n"
    )
    assert worker.stdout.readline() == "batch\n"
    worker.send_signal(number)
    said = worker.communicate().split()
    assert worker.returncode == 0
    done = int(said[-1])
    assert 10 <= done <= 50
    assert said[:-1] == ["batch"] * (done // 10 - 1)
    with embedded.open() as log:
        assert log.committed("tillwatch", "events", 0) == done


def test_a_killed_workers_successor_starts_at_once_and_comes_to_the_same_end(
    path: Path, embedded: SqliteBackend
) -> None:
    fill(path, 300)
    run_worker(settings_of(path), SumMonitor, until_idle=True)
    undisturbed = topic_end(path, "alerts"), topic_end(path, "merchant-risk")
    with SqliteLog(path) as log:
        log._db.execute("DELETE FROM block WHERE key IS NOT NULL")
    holder = embedded.python(
        f"log = SqliteLog({str(path)!r})\n"
        f"log.acquire_lease({LEASE!r}, 'dying', 3600)\nprint('holds', flush=True)\ninput()"
    )
    assert holder.stdout.readline() == "holds\n"
    holder.kill()
    holder.communicate()
    run_worker(settings_of(path), SumMonitor, until_idle=True)
    assert (topic_end(path, "alerts"), topic_end(path, "merchant-risk")) == undisturbed


def test_a_log_with_other_partitions_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"topic 'events' has 3 partitions.*got 4"):
        run_worker(WorkerSettings(address=SqliteAddress(path), checkpoint_every_s=None), SumMonitor)


@pytest.mark.parametrize("url", ["kafka://host", "sqlite://relative.db", "/tmp/x.db", "sqlite:///"])
def test_a_url_that_names_no_log_file_is_refused_by_the_transport(url: str) -> None:
    with pytest.raises(ValueError, match=r"log URL must be sqlite:///folder/file\.db, got"):
        log_path(url)


@pytest.mark.parametrize("name", ["partitions", "batch_records"])
def test_sizes_are_at_least_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        WorkerSettings(**{"address": SqliteAddress(Path("b.db")), name: 0})  # type: ignore[arg-type]


def test_a_worker_on_kafka_cuts_well_within_a_transactions_time() -> None:
    options = KafkaOptions(bootstrap=("127.0.0.1:9092",))
    for every_s in (None, 301.0):
        with pytest.raises(ValueError, match=f"at most 300 on Kafka, .* got {every_s}"):
            WorkerSettings(address=KafkaAddress(options), checkpoint_every_s=every_s)


def test_any_file_name_survives_its_url(tmp_path: Path) -> None:
    for name in ("plain.db", "with space.db", "商户#1?.db", "100%25.db"):
        assert log_path(log_url(tmp_path / name)) == tmp_path / name


def test_every_topic_is_made(path: Path) -> None:
    with SqliteLog(path) as log:
        made = [each for each in TOPICS if not each.internal]
        assert log.topic_names() == sorted(each.name for each in made)
        assert [log.partitions(each.name) for each in made] == [PARTITIONS] * 6 + [1, 1]
        assert [log.compacted(each.name) for each in made] == [False, True, True, False, True, False, True, True]


def test_a_batch_that_fails_ends_the_worker_also_where_a_cut_is_due(path: Path) -> None:
    """The one that takes checkpoints must not turn in circles when there is nothing that may be checkpointed."""
    sale = b'{"txn_id":"%d","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    partition = partition_of(b"m", PARTITIONS)
    with SqliteLog(path) as log:
        log.append("events", partition, [sale % k for k in range(200)])

    class Fails(Monitor):
        def process(self, records: Records) -> Outputs:
            if self.counts.records == 100:
                raise ValueError("no more")
            return super().process(records)

    def make(number: int, of: int) -> Monitor:
        return Fails(MonitorConfig(capacity=10), number, of, checkpoints=True)

    with pytest.raises(MonitorFailed, match=f"events-{partition}, offsets 100 to 149: ValueError: no more"):
        run_worker(settings_of(path, checkpoint_every_s=0.001), make)
    with SqliteCheckpoints(state_path(path)) as store:
        manifest = store.manifest(partition)
    assert manifest is None or manifest.offset in {50, 100}
    assert committed(path)[partition] in {None, 50, 100}


def test_a_worker_that_ends_during_a_rebalance_lets_its_partitions_go(path: Path) -> None:
    """A recovery that is under way while the worker ends has no thread to run in any more, and is no failure."""
    fill(path, 100)

    async def run() -> None:
        worker = Worker(settings_of(path, checkpoint_every_s=0.1), Stage.monitor(SumMonitor), until_idle=True)
        await worker.run()
        assert worker._checkpointer is not None
        with pytest.raises(LetGo, match="the worker is ending"):
            await worker._checkpointer._in_thread(len, [])

    asyncio.run(run())

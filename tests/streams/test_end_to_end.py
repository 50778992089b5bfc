"""Invariant 1 through both logs: partitions, workers, batch sizes and restarts change nothing; the ledger agrees."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from detectors.registry import make_detectors
from engine.checkpoint.checkpoints import OtherState
from engine.monitor import Monitor, MonitorConfig
from engine.outputs import Counts
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from simulator.write import write_jsonl
from streams.app import WorkerSettings
from streams.intake import ingest
from streams.kafka.address import KafkaAddress
from streams.kafka.options import KafkaOptions
from streams.sqlite.address import SqliteAddress
from streams.sqlite.checkpoints import state_path
from streams.sqlite.log import SqliteLog
from streams.stage import Stage
from streams.topics import create_topics
from streams.worker import Worker, run_worker
from tests.outcome import Result, assert_as_in_ledger, assert_same, result_of
from tests.seeds import new_seeds
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    from pathlib import Path

    from streams.kafka.log import KafkaLog
    from tests.kafka.broker import Cluster
    from tests.streams.conftest import KafkaBackend

CONFIG = SimulationConfig(
    seed=11, merchants=120, days=3, jump_share=0.3, undo_share=0.03, refund_share=0.02, duplicate_share=0.02,
    late_share=0.003, future_share=0.001, disorder_s=60, record_size="all",
)  # fmt: skip


SEEDS = new_seeds(3)
"""What the drawn cases are drawn from; set TILLWATCH_SEED, with commas between, to run them again."""


DETECTORS = make_detectors({"mcc_jump": {"quiet_gap_s": 86_400}})  # so that some episodes end within the run


def new_monitor(partition: int, of: int) -> Monitor:
    return Monitor(MonitorConfig(capacity=1000), partition, of, checkpoints=True, detectors=DETECTORS)


def work(path: Path, partitions: int, batch_records: int) -> Result:
    """Let a worker do everything there is to do, and read what came of it."""
    monitors = []

    def make(partition: int, of: int) -> Monitor:
        monitors.append(new_monitor(partition, of))
        return monitors[-1]

    settings = WorkerSettings(address=SqliteAddress(path), partitions=partitions, batch_records=batch_records)
    counts = run_worker(settings, make, until_idle=True)
    with SqliteLog(path) as log:
        return result_of(log, partitions, counts, (each for monitor in monitors for each in monitor.totals()))


def drawn(seed: int) -> tuple[int, int, tuple[float, ...]]:
    """Partitions, records of a batch, and the shares of the simulation after which a worker is started anew."""
    draw = random.Random(seed)
    stops = sorted(round(draw.random(), 3) for _ in range(draw.randint(0, 3)))
    return draw.choice((1, 2, 4)), draw.randint(50, 5000), tuple(stops)


def run(path: Path, simulation: Simulation, partitions: int, batch_records: int, stops: tuple[float, ...]) -> Result:
    """Feed the simulation in parts, with a worker started anew after each."""
    with SqliteLog(path) as log:
        create_topics(log, partitions)
    for share in (*stops, None):
        until = None if share is None else int(CONFIG.start_ms + share * CONFIG.days * 86_400_000)
        with SqliteLog(path) as log:
            feed_simulation(log, simulation, until_ms=until)
        result = work(path, partitions, batch_records)
    return result


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(CONFIG)


@pytest.fixture(scope="module")
def undisturbed(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(tmp_path_factory.mktemp("one") / "log.db", simulation, 1, 5000, ())


@pytest.mark.timeout(300)
def test_the_undisturbed_run_says_something_of_everything(undisturbed: Result) -> None:
    assert len(undisturbed.alerts) >= 15
    assert any(alert["closed"] for alert in undisturbed.alerts.values())
    assert len(undisturbed.scores) >= 15
    assert {reason for reason, _, _ in undisturbed.dead_letters} == {"late", "future"}
    assert undisturbed.counts.duplicates > 100


@pytest.mark.parametrize(
    ("partitions", "batch_records", "stops"),
    [
        (1, 997, (0.3, 0.31)), (4, 313, (0.2, 0.7)),
        pytest.param(2, 5000, (0.5,), marks=pytest.mark.slow), pytest.param(4, 5000, (), marks=pytest.mark.slow),
        *(pytest.param(*drawn(seed), id=f"TILLWATCH_SEED={seed}", marks=[pytest.mark.slow] if k else [])
          for k, seed in enumerate(SEEDS)),
    ],
)  # fmt: skip
def test_partitions_batch_sizes_and_restarts_change_nothing(
    partitions: int, batch_records: int, stops: tuple[float, ...],
    simulation: Simulation, undisturbed: Result, tmp_path: Path,
) -> None:  # fmt: skip
    assert_same(run(tmp_path / "log.db", simulation, partitions, batch_records, stops), undisturbed)


def feed(log: KafkaLog, simulation: Simulation, share: float | None = None) -> None:
    """Feed the simulation up to a share of its time, and wait until workers can read it."""
    until = None if share is None else int(CONFIG.start_ms + share * CONFIG.days * 86_400_000)
    feed_simulation(log, simulation, until_ms=until)
    for partition in range(log.partitions("events")):
        log.end_offset("events", partition)


async def share(log: KafkaLog, simulation: Simulation, settings: WorkerSettings, workers: int) -> Result:
    """Let workers that share the partitions do everything, of which most comes when they have begun."""
    await asyncio.to_thread(feed, log, simulation, 0.3)
    team = [Worker(settings, Stage.monitor(new_monitor)) for _ in range(workers)]
    running = [asyncio.create_task(each.run()) for each in team]

    async def idle() -> bool:
        shares = [len(each.agent.partitions) for each in team]
        shared = sum(shares) == settings.partitions and min(shares) >= settings.partitions // workers
        return shared and all([await each._backend.finished(each.agent.next_offsets) for each in team])

    for fed in (0.3, None):
        await asyncio.to_thread(feed, log, simulation, fed)
        while not await idle():
            assert not any(each.done() for each in running), running
            await asyncio.sleep(0.01)
    counts, totals = Counts(), []
    for each in team:
        counts.add(each.agent.counts)
        totals += [sums for its in each.agent.partitions.values() for sums in its.monitor.totals()]  # type: ignore[attr-defined]
        each.stop()
    await asyncio.gather(*running)
    return result_of(log, settings.partitions, counts, totals)


@pytest.mark.parametrize(
    ("partitions", "workers", "batch_records"), [(1, 1, 997), pytest.param(4, 2, 313, marks=pytest.mark.slow)]
)
def test_kafka_and_how_many_workers_share_it_change_nothing(
    partitions: int, workers: int, batch_records: int, simulation: Simulation, undisturbed: Result,
    kafka: Cluster, on_kafka: KafkaBackend,
) -> None:  # fmt: skip
    options = KafkaOptions(bootstrap=(kafka.bootstrap,))
    settings = WorkerSettings(
        address=KafkaAddress(options), partitions=partitions, batch_records=batch_records, checkpoint_every_s=0.5
    )
    with on_kafka.open() as log:
        create_topics(log, partitions)
        assert_same(asyncio.run(share(log, simulation, settings, workers)), undisturbed)


def test_a_file_of_the_events_taken_in_comes_to_the_same(
    simulation: Simulation, undisturbed: Result, tmp_path: Path
) -> None:
    write_jsonl(simulation, tmp_path / "events.jsonl")
    with SqliteLog(tmp_path / "log.db") as log, (tmp_path / "events.jsonl").open("rb") as lines:
        create_topics(log, 2)
        taken = ingest(log, lines, name="events.jsonl", feed="sim", historic=True)
    assert taken.dead_letters == 0
    assert_same(work(tmp_path / "log.db", 2, 1000), undisturbed)


def test_every_merchants_sums_are_those_of_the_simulators_ledger(simulation: Simulation, undisturbed: Result) -> None:
    assert_as_in_ledger(undisturbed, simulation)


JUMPS = {"mcc", "acceptor_id", "channel_mcc", "special_fee_type"}
"""Kinds of violation that `mcc_jump` is there for."""


def jumps(result: Result) -> list[dict[str, Any]]:
    return [alert for alert in result.alerts.values() if alert["detector"] == "mcc_jump"]


def test_alerts_are_for_the_merchants_that_jump_and_no_others(simulation: Simulation, undisturbed: Result) -> None:
    labels = {label.merchant_id: label for label in simulation.violations() if label.kind in JUMPS}
    told_late = {c.merchant_id for c in simulation.look_alikes() if c.kind == "mcc_change_told_late"}
    accused = {alert["merchant_id"] for alert in jumps(undisturbed)}
    assert accused - told_late <= set(labels)
    assert {key for key, label in labels.items() if label.txn_ids} <= accused


def test_money_at_stake_is_what_the_simulator_says_was_lost(simulation: Simulation, undisturbed: Result) -> None:
    """An alert counts each sale; the simulator leaves out those that were undone. So only the others are compared."""
    at_stake: dict[str, int] = {}
    alerts_of: dict[str, int] = {}
    for alert in jumps(undisturbed):
        at_stake[alert["merchant_id"]] = at_stake.get(alert["merchant_id"], 0) + alert["at_stake"]
        alerts_of[alert["merchant_id"]] = alerts_of.get(alert["merchant_id"], 0) + 1
    compared = 0
    for label in simulation.violations():
        closed = all(a["closed"] for a in jumps(undisturbed) if a["merchant_id"] == label.merchant_id)
        hits = sum(a["hits"] for a in jumps(undisturbed) if a["merchant_id"] == label.merchant_id)
        if label.kind in JUMPS and label.money_minor and closed and hits == len(label.txn_ids):
            assert at_stake[label.merchant_id] >= label.money_minor - alerts_of[label.merchant_id]
            compared += 1
    assert compared >= 3


def test_the_state_of_another_log_is_refused_before_it_is_fenced(tmp_path: Path) -> None:
    paths = [tmp_path / name / "log.db" for name in ("ours", "theirs")]
    for path in paths:
        path.parent.mkdir()
        with SqliteLog(path) as log:
            create_topics(log, 1)
            feed_simulation(log, simulate(SimulationConfig(merchants=5, days=0.2)))
        work(path, 1, 500)
    ours, theirs = map(state_path, paths)
    ours.unlink()
    shutil.copy(theirs, ours)
    before = fence_of(ours)
    with pytest.raises(OtherState, match=r"must be that of this log \(\w+\), got that of another"):
        work(paths[0], 1, 500)
    assert fence_of(ours) == before


def fence_of(state: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(state)) as db:
        return db.execute("SELECT * FROM fence").fetchall()

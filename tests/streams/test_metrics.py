"""The metrics of a worker: what is shown, as of when, and what vanishes."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from engine.monitor import Monitor, MonitorConfig
from engine.outputs import Counts, Outputs
from engine.overview import Overview, RankedMerchant
from engine.tallies import Tallies
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from streams.app import WorkerSettings
from streams.checkpointing import CheckpointReport
from streams.log import now_utc_ms
from streams.metric_names import METRICS, MetricKind
from streams.metrics import Metrics
from streams.observer import AssignedPartition, BatchReport, Observer, PartitionLook, RecoveryReport, Tallied
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from streams.worker import run_worker
from tests.parts import command, require
from tests.scrape import series, summed, value
from tests.streams.sums import SumMonitor
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.log import Progress
    from tests.scrape import Series


def shown(metrics: Metrics) -> Series:
    return series(metrics.written(metrics.snapshot()))


def tallied(records: int = 0, alerts: int = 0) -> Tallied:
    words = {"mcc_jump": {"high": alerts}} if alerts else {}
    return Tallied(Counts(records=records, transactions=records), Tallies(alerts=words))


def assigned(
    *partitions: int, of: Tallied | None = None, recovery: RecoveryReport | None = None
) -> list[AssignedPartition]:
    return [AssignedPartition(each, of or tallied(), 1_000, recovery) for each in partitions]


def checkpoint(partition: int, it: Tallied, size: int = 900) -> CheckpointReport:
    return CheckpointReport(partition, 1, 1, size, 0.0, 0.0, 0.0, 0.03, 5_000, it)


class Standing(SumMonitor):
    """A monitor of a partition of two merchants, one of which is risky."""

    def __init__(self, number: int, *, name: str = "茶馆") -> None:
        super().__init__(number, 8)
        self.reached_ms, self.name = 1_700_000_000_000, name

    def overview(self, most: int) -> Overview:
        riskiest = (RankedMerchant("m1", self.name, "D", 71.5),)
        return Overview({"A": 1, "D": 1}, riskiest[:most], {"detectors": 3}, {"mcc_jump": 9_000})


def test_counts_are_shown_as_of_the_last_checkpoint() -> None:
    metrics = Metrics("1")
    metrics.on_assigned(assigned(0, of=tallied(10, 2)))
    monitor = Standing(0)
    monitor.counts = Counts(records=999, transactions=999)  # it has gone on since
    metrics.on_look([PartitionLook(0, monitor, 7)])
    labels = {"partition": "0", "detector": "mcc_jump", "severity": "high"}
    found = shown(metrics)
    assert value(found, "records_total", partition="0", outcome="transaction") == 10
    assert value(found, "alerts_total", **labels) == 2
    metrics.on_checkpoint(checkpoint(0, tallied(30, 5)))
    found = shown(metrics)
    assert value(found, "records_total", partition="0", outcome="transaction") == 30
    assert value(found, "alerts_total", **labels) == 5
    assert value(found, "checkpoint_timestamp_seconds", partition="0") == 5
    assert value(found, "checkpoint_bytes", partition="0") == 900


def test_everything_shown_of_a_revoked_partition_vanishes() -> None:
    metrics = Metrics("1", ["mcc_jump"])
    metrics.on_assigned(assigned(0, 1))
    looks = [PartitionLook(each, Standing(each), 3) for each in (0, 1)]
    metrics.on_look(looks)
    metrics.on_checkpoint(checkpoint(1, tallied(9)))
    before = shown(metrics)
    metrics.on_released([1])
    metrics.on_look(looks)  # the batch in hand is being finished
    metrics.on_checkpoint(checkpoint(1, tallied(12)))  # the last one, before it is handed over
    after = shown(metrics)

    def of(found: Series, partition: str) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {
            (name, labels)
            for name, samples in found.items()
            for labels in samples
            if ("partition", partition) in labels
        }

    assert len(of(before, "1")) > 30
    assert of(after, "1") == set()
    assert of(after, "0") == of(before, "0")
    assert value(after, "partitions") == 1


def test_partitions_that_come_replace_all_that_were_shown() -> None:
    metrics = Metrics("1")
    metrics.on_assigned(assigned(0, 1))
    metrics.on_assigned(assigned(2))
    assert {dict(labels)["partition"] for labels in shown(metrics)["tillwatch_records_total"]} == {"2"}


def test_only_what_was_restored_counts_as_a_recovery() -> None:
    metrics = Metrics("1")
    metrics.on_assigned([*assigned(0), *assigned(1, recovery=RecoveryReport(1, 5, 80, 0.02))])
    found = shown(metrics)
    assert value(found, "recoveries_total") == 1
    assert value(found, "recovery_seconds_count") == 1
    assert value(found, "recovery_seconds_sum") == 0.02


def test_what_never_happened_is_0_and_not_absent() -> None:
    metrics = Metrics("1", ["mcc_jump", "fee_over"])
    metrics.on_assigned(assigned(0))
    found = shown(metrics)
    assert value(found, "alerts_total", partition="0", detector="fee_over", severity="critical") == 0
    assert value(found, "findings_total", partition="0", detector="mcc_jump") == 0
    assert value(found, "dead_letters_total", partition="0", reason="late") == 0
    assert value(found, "alert_loss_total", partition="0", bearer="acquirer") == 0
    assert "tillwatch_lag_records" not in found  # it is not known, which is not none
    assert "tillwatch_detector_fired_timestamp_seconds" not in found


def test_partitions_are_shown_as_they_are() -> None:
    metrics = Metrics("0.2", log_folder=None)
    metrics.on_assigned(assigned(3))
    metrics.on_look([PartitionLook(3, Standing(3, name='a "b"\\\n'), 42)])
    found = shown(metrics)
    assert value(found, "lag_records", partition="3") == 42
    assert value(found, "watermark_timestamp_seconds", partition="3") == 1_700_000_000
    assert value(found, "merchants", partition="3", grade="D") == 1
    named = {"partition": "3", "rank": "1", "merchant_id": "m1", "name": 'a "b"\\\n', "grade": "D"}
    assert value(found, "riskiest_merchant_score", **named) == 71.5
    assert value(found, "control_version", control="detectors") == 3
    assert value(found, "detector_blind_until_timestamp_seconds", detector="mcc_jump") == 9
    assert "tillwatch_log_free_bytes" not in found


def test_a_feed_is_heard_when_its_clock_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, monitor = Metrics("1"), Standing(0)
    metrics.on_assigned(assigned(0))
    for now_s, clock_ms in ((100.0, 5_000), (160.0, 65_000), (220.0, 65_000)):
        monkeypatch.setattr("streams.metrics.time.time", lambda now_s=now_s: now_s)
        monitor.feeds = {"pos": clock_ms}
        metrics.on_look([PartitionLook(0, monitor, 0)])
    metrics.on_feeds(["pos"])
    found = shown(metrics)
    assert value(found, "feed_heard_timestamp_seconds", feed="pos") == 160
    assert value(found, "feed_clock_timestamp_seconds", feed="pos") == 65
    assert value(found, "feed_stalled", feed="pos") == 1


def test_batches_are_measured_and_what_is_historic_is_not_delayed() -> None:
    metrics, now_ms = Metrics("1"), now_utc_ms()
    outputs = Outputs(counts=Counts(records=70), receipts_ms=[now_ms - 400], features_s=0.002, judging_s=0.001)
    metrics.on_batch(BatchReport(0, 70, outputs, now_ms + 5_000, 0.003, 0.01))
    metrics.on_batch(BatchReport(0, 1, Outputs(counts=Counts(records=1)), now_ms + 5_000, 0.003, 0.01))
    found = shown(metrics)
    assert value(found, "batch_records_sum") == 71
    assert value(found, "publish_delay_seconds_count") == 1
    assert 0.4 <= value(found, "publish_delay_seconds_sum") < 60
    assert value(found, "step_seconds_sum", step="features") == 0.002
    assert 0 < value(found, "clock_skew_seconds") <= 5


def test_readiness_is_what_the_worker_says() -> None:
    metrics = Metrics("1")
    assert value(shown(metrics), "ready") == 0
    metrics.on_trouble("")
    assert value(shown(metrics), "ready") == 1
    metrics.on_trouble("partitions are being assigned")
    assert value(shown(metrics), "ready") == 0


class Last(Observer):
    """Keeps what the metrics showed when progress was told last."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.alerts: set[str] = set()
        self.held: Sequence[AssignedPartition] = ()

    def on_batch(self, report: BatchReport) -> None:
        self.alerts |= {each.alert_id for each in report.outputs.alerts}

    def on_assigned(self, assigned: Sequence[AssignedPartition]) -> None:
        self.held = assigned

    def on_progress(self, progress: Progress) -> None:
        assert self._metrics.snapshot().partitions


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Last, Last, Series, Path]:
    """A log with violations, read to its end, and then by a worker that finds nothing more to do."""
    path = tmp_path_factory.mktemp("metrics") / "log.db"
    config = SimulationConfig(seed=5, merchants=60, days=2, jump_share=0.5, future_share=0.01, duplicate_share=0.02)
    with SqliteLog(path) as log:
        create_topics(log, 2)
        feed_simulation(log, simulate(config))
    first, metrics = work(path)
    again, _ = work(path)
    return first, again, shown(metrics), path


def work(path: Path) -> tuple[Last, Metrics]:
    metrics = Metrics("1", ["mcc_jump"], path.parent)
    last = Last(metrics)
    settings = WorkerSettings(address=SqliteAddress(path), partitions=2, batch_records=500)
    run_worker(
        settings,
        lambda partition, partitions: Monitor(MonitorConfig(capacity=100), partition, partitions, checkpoints=True),
        until_idle=True, observer=last, metrics=metrics,
    )  # fmt: skip
    return last, metrics


def test_a_worker_counts_every_record_and_alert_once(worked: tuple[Last, Last, Series, Path]) -> None:
    first, _, found, path = worked
    with SqliteLog(path) as log:
        records = sum(log.end_offset("events", each) for each in range(2))
        letters = sum(log.end_offset("dead-letters", each) for each in range(2))
    assert summed(found, "records_total") == records
    assert summed(found, "dead_letters_total") == letters > 0
    assert summed(found, "alerts_total") == len(first.alerts) > 0
    for by in ("region", "agent", "mcc_group"):
        assert summed(found, f"alerts_by_{by}_total") == len(first.alerts)
    assert summed(found, "merchants") == 60
    assert summed(found, "alert_turnover_total") > 0
    assert found["tillwatch_log_free_bytes"][()] > 0


def test_what_was_counted_is_read_back_with_the_state(worked: tuple[Last, Last, Series, Path]) -> None:
    first, again, _, _ = worked
    assert not again.alerts
    assert sum(each.tallied.tallies.alerts_begun for each in again.held) == len(first.alerts)
    assert all(each.recovery is not None and each.checkpoint_ms > 0 for each in again.held)


def test_every_metric_of_the_table_is_shown_by_its_name_and_kind(worked: tuple[Last, Last, Series, Path]) -> None:
    _, _, _, path = worked
    metrics = Metrics("1", ["mcc_jump"], path.parent)
    it = tallied(1, 1)
    every = replace(it, tallies=Tallies(
        alerts=it.tallies.alerts, fields_dropped={"mcc": 1}, fields_present={"mcc": 1}, by_region={"x": 1},
        by_agent={"x": 1}, by_mcc_group={"x": 1}, fired_ms={"mcc_jump": 1},
    ))  # fmt: skip
    metrics.on_assigned(assigned(0, of=every))
    monitor = Standing(0)
    monitor.feeds = {"pos": 1}
    metrics.on_look([PartitionLook(0, monitor, 0)])
    metrics.on_checkpoint(checkpoint(0, every))
    written = metrics.written(metrics.snapshot()).decode()
    kinds = dict(line.split()[2:4] for line in written.splitlines() if line.startswith("# TYPE tillwatch_"))
    assert kinds == {each.name: each.kind.value for each in METRICS}
    labels = {name: {key for key, _ in next(iter(samples))} for name, samples in series(written.encode()).items()}
    for each in METRICS:
        if each.kind is not MetricKind.HISTOGRAM:
            assert labels[each.name] == set(each.labels), each.name


@pytest.mark.monitoring
def test_prometheus_finds_no_fault_with_names_and_text(worked: tuple[Last, Last, Series, Path]) -> None:
    promtool = require(lambda: command("promtool", "prometheus"))
    _, _, _, path = worked
    metrics = Metrics("1", ["mcc_jump"], path.parent)
    metrics.on_assigned(assigned(0, of=tallied(3, 1)))
    metrics.on_look([PartitionLook(0, Standing(0), 0)])
    written = metrics.written(metrics.snapshot())
    checked = subprocess.run([promtool, "check", "metrics"], input=written, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_text_is_written_in_a_thread_from_one_moment() -> None:
    metrics = Metrics("1")
    metrics.on_assigned(assigned(0, of=tallied(10)))

    async def read() -> bytes:
        reading = asyncio.ensure_future(metrics.exposition())
        await asyncio.sleep(0)
        metrics.on_released([0])
        return await reading

    assert value(series(asyncio.run(read())), "partitions") == 1

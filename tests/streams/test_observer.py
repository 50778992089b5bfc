"""One observer sees everything about a worker that is worth watching."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from streams.app import WorkerSettings
from streams.observer import Observer
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from streams.worker import run_worker
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.checkpointing import CheckpointReport
    from streams.log import Progress
    from streams.observer import BatchReport, RecoveryReport

PARTITIONS = 2


class Recorder(Observer):
    """Keeps everything that it is told."""

    def __init__(self) -> None:
        self.batches: list[BatchReport] = []
        self.checkpoints: list[CheckpointReport] = []
        self.recovered: list[RecoveryReport] = []
        self.progress: list[Progress] = []
        self.troubles: list[str] = []
        self.lags: list[int | None] = []

    def on_batch(self, report: BatchReport) -> None:
        self.batches.append(report)

    def on_checkpoint(self, report: CheckpointReport) -> None:
        self.checkpoints.append(report)

    def on_recovered(self, reports: Sequence[RecoveryReport]) -> None:
        self.recovered += reports

    def on_progress(self, progress: Progress) -> None:
        self.progress.append(progress)

    def on_trouble(self, trouble: str) -> None:
        self.troubles.append(trouble)

    def on_lag(self, records: int | None) -> None:
        self.lags.append(records)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    path = tmp_path_factory.mktemp("observer") / "log.db"
    simulation = simulate(SimulationConfig(seed=5, merchants=60, days=2, jump_share=0.5, future_share=0.01))
    with SqliteLog(path) as log:
        create_topics(log, PARTITIONS)
        feed_simulation(log, simulation)
    return path, work(path)


def work(path: Path) -> Recorder:
    recorder = Recorder()
    settings = WorkerSettings(address=SqliteAddress(path), partitions=PARTITIONS, batch_records=500)
    run_worker(
        settings,
        lambda partition, partitions: Monitor(MonitorConfig(capacity=100), partition, partitions, checkpoints=True),
        until_idle=True,
        observer=recorder,
    )
    return recorder


def test_batches_tell_every_record_dead_letter_and_alert_once(watched: tuple[Path, Recorder]) -> None:
    path, recorder = watched
    records, reasons, alerts = 0, Counter[str](), set[tuple[str, int]]()
    for each in recorder.batches:
        records += each.outputs.counts.records
        reasons.update(letter.reason for letter in each.outputs.dead_letters)
        alerts |= {(alert.alert_id, alert.revision) for alert in each.outputs.alerts}
    with SqliteLog(path) as log:
        ends = [log.end_offset("events", each) for each in range(PARTITIONS)]
        published = sum(log.end_offset("dead-letters", each) for each in range(PARTITIONS))
    assert records == sum(ends)
    assert reasons["future"] == sum(reasons.values()) - reasons["late"] == published - reasons["late"]
    assert alerts
    assert recorder.progress[-1].counts["records"] == records


def test_findings_are_counted_by_detector_and_times_by_step(watched: tuple[Path, Recorder]) -> None:
    _, recorder = watched
    found = sum((each.outputs.findings for each in recorder.batches), Counter())
    assert found["mcc_jump"] >= len({alert.alert_id for each in recorder.batches for alert in each.outputs.alerts})
    for each in recorder.batches:
        assert 0 < each.outputs.features_s + each.outputs.judging_s <= each.process_s
        assert each.publish_s >= 0


def test_checkpoints_recoveries_and_readiness_are_told(watched: tuple[Path, Recorder]) -> None:
    path, first = watched
    assert {each.partition for each in first.checkpoints} == {0, 1}
    assert [(each.merchants, each.offset) for each in first.recovered] == [(0, 0), (0, 0)]
    assert first.troubles[-1] == ""
    again = work(path)
    with SqliteLog(path) as log:
        ends = [log.end_offset("events", each) for each in range(PARTITIONS)]
    assert [each.offset for each in again.recovered] == ends
    assert sum(each.merchants for each in again.recovered) == 60
    assert again.batches == []


def test_what_an_observer_raises_ends_the_worker(watched: tuple[Path, Recorder], tmp_path: Path) -> None:
    class Broken(Observer):
        def on_progress(self, progress: Progress) -> None:
            raise ArithmeticError(f"no place for {progress.worker}")

    path, settings = tmp_path / "log.db", WorkerSettings
    with SqliteLog(path) as log:
        create_topics(log, 1)
        log.append("events", 0, [b"{}"])
    asked = settings(address=SqliteAddress(path), partitions=1)
    with pytest.raises(ArithmeticError, match="no place for tillwatch"):
        run_worker(asked, lambda *_: Monitor(MonitorConfig(capacity=1), checkpoints=True), observer=Broken())

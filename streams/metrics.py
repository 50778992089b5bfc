"""An observer that keeps a worker's metrics, and writes them as Prometheus reads them.

What is counted with a partition's state is shown as of its last committed checkpoint: it never goes back, and counts
each thing once whatever was killed or handed over. What is shown of a partition vanishes when it is released.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

from streams import metric_names as names
from streams.log import now_utc_ms
from streams.metric_samples import Feed, Glance, Snapshot, SnapshotCollector
from streams.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from streams.checkpointing import CheckpointReport
    from streams.observer import AssignedPartition, BatchReport, PartitionLook, Tallied

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # they double every counter


@dataclass(slots=True)
class _Held:
    """What is shown of a partition that the worker has."""

    tallied: Tallied
    checkpoint_ms: int
    checkpoint_bytes: int | None = None
    look: PartitionLook | None = field(default=None)


class Metrics(Observer):
    """A worker's metrics. All but the writing is done in the worker's event loop.

    Args:
        version: of Tillwatch.
        detectors: names of those that run: each is shown from the start, at 0.
        log_folder: where a log in a file is; None for another log.
    """

    def __init__(self, version: str, detectors: Sequence[str] = (), log_folder: Path | None = None) -> None:
        self._version, self._detectors, self._log_folder = version, tuple(detectors), log_folder
        self._held: dict[int, _Held] = {}
        self._feeds: dict[str, Feed] = {}
        self._stalled: frozenset[str] = frozenset()
        self._ready = False
        self._skew_ms = 0
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._recoveries = Counter(names.RECOVERIES.name, names.RECOVERIES.help, registry=self._registry)
        self._publish_delay = self._histogram(names.PUBLISH_DELAY)
        self._checkpoint_seconds = self._histogram(names.CHECKPOINT_SECONDS)
        self._recovery_seconds = self._histogram(names.RECOVERY_SECONDS)
        self._batch_records = self._histogram(names.BATCH_RECORDS)
        steps = self._histogram(names.STEP_SECONDS)
        self._features_s, self._scoring_s, self._judging_s, self._publish_s = (
            steps.labels(each) for each in ("features", "scoring", "judging", "publish")
        )

    def _histogram(self, metric: names.Metric) -> Histogram:
        return Histogram(metric.name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets)

    # -- what the worker tells

    def on_batch(self, report: BatchReport) -> None:
        """Note a batch's size, the time of its steps, and how long what it gave has taken."""
        outputs, now_ms = report.outputs, now_utc_ms()
        self._batch_records.observe(report.records)
        self._features_s.observe(outputs.features_s)
        self._scoring_s.observe(outputs.scoring_s)
        self._judging_s.observe(outputs.judging_s)
        self._publish_s.observe(report.publish_s)
        self._skew_ms = max(0, report.appended_ms - now_ms)
        for received_ms in outputs.receipts_ms:
            self._publish_delay.observe(max(0, now_ms - received_ms) / 1000)

    def on_checkpoint(self, report: CheckpointReport) -> None:
        """Show what the partition's records had come to by then."""
        self._checkpoint_seconds.observe(report.seconds)
        if (held := self._held.get(report.partition)) is not None:  # it may have been released meanwhile
            held.tallied, held.checkpoint_bytes = report.tallied, report.bytes
            held.checkpoint_ms = report.committed_ms

    def on_assigned(self, assigned: Sequence[AssignedPartition]) -> None:
        """Show these partitions, and no others."""
        self._held = {each.partition: _Held(each.tallied, each.checkpoint_ms) for each in assigned}
        for each in assigned:
            if each.recovery is not None:
                self._recoveries.inc()
                self._recovery_seconds.observe(each.recovery.seconds)

    def on_released(self, partitions: Collection[int]) -> None:
        """Show nothing of these partitions any more."""
        for each in partitions:
            self._held.pop(each, None)

    def on_look(self, looks: Sequence[PartitionLook]) -> None:
        """Note how the partitions stand, and what their feeds have told."""
        now_s = time.time()
        latest: dict[str, int] = {}
        for each in looks:
            if (held := self._held.get(each.partition)) is None:
                continue
            held.look = each
            for name, clock_ms in each.monitor.feeds.items():
                latest[name] = max(clock_ms, latest.get(name, clock_ms))
        self._feeds = {name: self._heard(name, clock_ms, now_s) for name, clock_ms in latest.items()}

    def _heard(self, name: str, clock_ms: int, now_s: float) -> Feed:
        known = self._feeds.get(name)
        return known if known is not None and known.clock_ms >= clock_ms else Feed(clock_ms, now_s)

    def on_feeds(self, stalled: Sequence[str]) -> None:
        """Note which feeds stall."""
        self._stalled = frozenset(stalled)

    def on_trouble(self, trouble: str) -> None:
        """Note whether the worker is ready."""
        self._ready = not trouble

    # -- what is shown

    async def exposition(self) -> bytes:
        """Every metric as Prometheus' text format has it; written in a thread, for it may be long."""
        return await asyncio.to_thread(self.written, self.snapshot())

    def snapshot(self) -> Snapshot:
        """What is shown now of partitions and feeds; in the worker's event loop, between batches."""
        return Snapshot(
            version=self._version, python=platform.python_version(), detectors=self._detectors, ready=self._ready,
            skew_s=self._skew_ms / 1000, feeds=dict(self._feeds), stalled=self._stalled,
            partitions={number: _glance(each) for number, each in sorted(self._held.items())},
        )  # fmt: skip

    def written(self, snapshot: Snapshot) -> bytes:
        """A snapshot, and what the worker did since it was started, in Prometheus' text format."""
        free = shutil.disk_usage(self._log_folder).free if self._log_folder is not None else None
        registry = CollectorRegistry()
        registry.register(SnapshotCollector(snapshot, free))
        return generate_latest(registry) + generate_latest(self._registry)


def _glance(held: _Held) -> Glance:
    look = held.look
    return Glance(
        tallied=held.tallied, checkpoint_ms=held.checkpoint_ms, checkpoint_bytes=held.checkpoint_bytes,
        lag=look.lag if look is not None else None,
        reached_ms=look.monitor.reached_ms if look is not None else None,
        overview=look.monitor.overview(names.MOST_RISKIEST) if look is not None else None,
    )  # fmt: skip

"""Everything about a worker that is worth watching, in one place: progress views and metrics are observers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from domain.controls import Control
    from engine.outputs import Counts, Outputs
    from engine.tallies import Tallies
    from streams.agent import MonitorLike
    from streams.checkpointing import CheckpointReport
    from streams.log import Progress


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A batch that was processed and published.

    Attributes:
        partition: which partition it is of.
        records: how many it has; what could not be read is counted by ranges.
        outputs: everything it gave: alerts, scores, dead letters, counts, findings by detector, seconds by step.
        appended_ms: when its last record was appended, UTC milliseconds; 0 where it has none.
        process_s: seconds that the monitor took.
        publish_s: seconds until the log had what the batch gave.
    """

    partition: int
    records: int
    outputs: Outputs
    appended_ms: int
    process_s: float
    publish_s: float


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """A partition that was brought back to its last checkpoint.

    Attributes:
        partition: which.
        merchants: restored.
        offset: at which reading goes on.
        seconds: that it took.
    """

    partition: int
    merchants: int
    offset: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Tallied:
    """What a partition's records had come to at its last checkpoint.

    Attributes:
        counts: records by what became of them.
        tallies: what was found.
    """

    counts: Counts
    tallies: Tallies

    @classmethod
    def of(cls, monitor: MonitorLike) -> Tallied:
        """As a monitor has it now; what it processes later changes nothing."""
        return cls(replace(monitor.counts), monitor.tallies.copy())


@dataclass(frozen=True, slots=True)
class AssignedPartition:
    """A partition that this worker has from now on, as its last checkpoint has it.

    Attributes:
        partition: which.
        tallied: what its records had come to.
        checkpoint_ms: when its last checkpoint was taken, UTC milliseconds; 0 where it had none.
        recovery: how it was brought back; None where it had no checkpoint, or this worker had held it.
    """

    partition: int
    tallied: Tallied
    checkpoint_ms: int
    recovery: RecoveryReport | None


@dataclass(frozen=True, slots=True)
class PartitionLook:
    """A partition as it is.

    Attributes:
        partition: which.
        monitor: its monitor; to be looked at, in the worker's event loop.
        lag: records that wait to be processed; None where that is not known.
    """

    partition: int
    monitor: MonitorLike
    lag: int | None


class Observer:
    """Watches a worker; a subclass overrides what it wants to know.

    Its methods are called in the worker's event loop, so they must be quick, and what they raise ends the worker.
    """

    def on_batch(self, report: BatchReport) -> None:
        """A batch was processed, and what it gave is in the log."""

    def on_checkpoint(self, report: CheckpointReport) -> None:
        """A checkpoint was committed."""

    def on_recovered(self, reports: Sequence[RecoveryReport]) -> None:
        """Partitions were assigned, and are as their last checkpoints have them; they are all that the worker has."""

    def on_assigned(self, assigned: Sequence[AssignedPartition]) -> None:
        """The same partitions as `on_recovered` tells, just before it, with what they had come to."""

    def on_released(self, partitions: Collection[int]) -> None:
        """Partitions were given up: what was shown of them holds no longer."""

    def on_progress(self, progress: Progress) -> None:
        """How far the worker is; about four times a second while there is work, and at the end."""

    def on_feeds(self, stalled: Sequence[str]) -> None:
        """Other feeds than before send no clock records, sorted; none where all do."""

    def on_trouble(self, trouble: str) -> None:
        """Why the worker is not ready, "" where it is; at the first look, and where it has changed."""

    def on_look(self, looks: Sequence[PartitionLook]) -> None:
        """How each partition stands that the worker has; about once a second."""

    def on_lag(self, records: int | None) -> None:
        """How many records wait to be processed; None where that is not known. About once a second."""

    def on_controls(self, fresh: Sequence[Control]) -> None:
        """Versions of controls were read that were not known before, in the order of the log."""


class Observers(Observer):
    """Several observers as one; each is told in turn."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def on_batch(self, report: BatchReport) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_batch(report)

    def on_checkpoint(self, report: CheckpointReport) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_checkpoint(report)

    def on_assigned(self, assigned: Sequence[AssignedPartition]) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_assigned(assigned)

    def on_recovered(self, reports: Sequence[RecoveryReport]) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_recovered(reports)

    def on_released(self, partitions: Collection[int]) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_released(partitions)

    def on_progress(self, progress: Progress) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_progress(progress)

    def on_feeds(self, stalled: Sequence[str]) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_feeds(stalled)

    def on_trouble(self, trouble: str) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_trouble(trouble)

    def on_look(self, looks: Sequence[PartitionLook]) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_look(looks)

    def on_lag(self, records: int | None) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_lag(records)

    def on_controls(self, fresh: Sequence[Control]) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.on_controls(fresh)

"""The monitor of one partition: raw records in, alerts, scores and dead letters out. No Faust, no clock, no I/O.

It is two parts with rows of features between them: `FeaturePipeline` makes the rows, `Judge` judges them.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from detectors.registry import make_detectors
from detectors.severity_curves import CURVES
from engine.checkpoint.checkpoints import Checkpoints
from engine.features.families.registry import FAMILIES
from engine.features.partition import MonitorConfig
from engine.features.pipeline import FeaturePipeline
from engine.judging import Coverage, Judge
from engine.merchant_snapshot import MerchantSnapshot, snapshot_of
from engine.outputs import Counts, Outputs
from engine.overview import overview_of
from engine.tallies import add

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from detectors.calibration import Curve
    from detectors.contract import Detector
    from domain.controls import Control
    from engine.checkpoint.checkpoints import Checkpoint
    from engine.checkpoint.pages import Page
    from engine.controls import Controls, Known
    from engine.decoding.records import Records
    from engine.overview import Overview
    from engine.tallies import Tallies

__all__ = ["Coverage", "MerchantSnapshot", "Monitor", "MonitorConfig", "Totals"]


@dataclass(frozen=True, slots=True)
class Totals:
    """A merchant's sums since its first transaction, in minor units; sales are net of what was reversed."""

    merchant_id: str
    attempts: int
    sales: int
    sales_minor: int
    refunds: int
    refunds_minor: int
    reversed: int
    reversed_minor: int


class Monitor:
    """One partition's monitor.

    Args:
        config: the acquirer's settings.
        partition: which partition, 0 to `partitions` - 1.
        partitions: how many there are; a record whose merchant belongs to another is a dead letter.
        detectors: the detectors to run, all with their defaults if None; so, and with the controls of `config`, until
            `learn` gives other versions.
        historic: whether a record without `received_at` was received when it happened, not when it was appended.
        checkpoints: whether checkpoints are taken; then changes are noted, and `checkpoint` must be called now and
            again.
        families: what is kept of a merchant; all that there are, unless the detectors need no more.
        curves: that calibrate severities, by detector; `detectors.calibration.RAW` leaves them as detectors say.

    >>> from engine.decoding.records import Records
    >>> sale = b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    >>> monitor = Monitor(MonitorConfig(capacity=10))
    >>> outputs = monitor.process(Records.of([sale, b"?"], appended_ms=1700000000000))
    >>> outputs.counts.transactions, outputs.dead_letters[0].reason
    (1, 'not-json')

    Attributes:
        counts: records by how they ended, since the partition's first.
        fields_dropped: by name, how many records an optional field was left out of because of its value, since this
            monitor was made.
    """

    def __init__(
        self, config: MonitorConfig, partition: int = 0, partitions: int = 1, *,
        detectors: Sequence[Detector] | None = None, historic: bool = False, checkpoints: bool = False,
        families: tuple[ModuleType, ...] = FAMILIES, curves: Mapping[str, Curve] = CURVES,
    ) -> None:  # fmt: skip
        self._pipeline = FeaturePipeline(
            config, partition, partitions, historic=historic, journals=checkpoints, families=families
        )
        state = self._pipeline.state
        made = make_detectors() if detectors is None else detectors
        self._judge = Judge(made, config, state.rows.id_of, curves=curves, journals=checkpoints)
        judge = self._judge
        self._checkpoints = (
            Checkpoints(state, judge.episodes, judge.risk, self.controls, judge.shops) if checkpoints else None
        )
        self.counts = Counts()
        self.fields_dropped: Counter[str] = Counter()

    @property
    def controls(self) -> Controls:
        """Versions of the controls in force, by time."""
        return self._judge.controls

    @property
    def feeds(self) -> dict[str, int]:
        """By feed, the latest time that a clock record of it carried, UTC milliseconds."""
        return self._pipeline.feeds

    @property
    def reached_ms(self) -> int:
        """The latest clock of a merchant that was judged so far, UTC milliseconds; `NEVER_MS` before the first."""
        return self.controls.reached_ms

    @property
    def tallies(self) -> Tallies:
        """What was found since the partition's first record, or since the version that began to count it."""
        return self._judge.tallies

    @property
    def coverage(self) -> list[Coverage]:
        """How much of the stream each detector could judge so far."""
        return self._judge.coverage

    def learn(self, known: Sequence[Known]) -> list[Control]:
        """Use these versions of controls, all there are; between batches, and before the first and a `restore`.

        Returns:
            Those that came too late and are counted as such: merchants' clocks had passed what they are in force from.
        """
        late = self._judge.learn(known)
        if late is None:
            return []
        self._pipeline.state.set_in_force(self.controls.in_force())
        self._pipeline.set_id_forms(self.controls.id_forms())
        self.counts.controls_late += len(late)
        return late

    def process(self, records: Records) -> Outputs:
        """Process the next records of the partition, of which there may be none; what follows from them.

        What could not be read is a dead letter, behind those of the records.
        """
        outputs, began = Outputs(), time.perf_counter()
        for rows in self._pipeline.rows(records):
            judging = time.perf_counter()
            self._judge.judge(rows, outputs)
            outputs.dead_letters += rows.dead_letters()
            outputs.counts.add(rows.counts())
            outputs.judging_s += time.perf_counter() - judging
        outputs.fields_dropped = self._pipeline.fields_dropped
        self.fields_dropped += outputs.fields_dropped
        for name, count in outputs.fields_dropped.items():
            add(self.tallies.fields_dropped, name, count)
        outputs.scoring_s = self._pipeline.scoring_s
        outputs.features_s = time.perf_counter() - began - outputs.judging_s - outputs.scoring_s
        outputs.add_broken(records)
        for letter in outputs.dead_letters:
            add(self.tallies.dead_letters, letter.reason, 1)
        self.counts.add(outputs.counts)
        return outputs

    def checkpoint(self) -> Checkpoint:
        """Begin a checkpoint: everything remembered, as it is after the records processed so far.

        Raises:
            RuntimeError: the monitor was made without `checkpoints`, or the checkpoint before is not done with.
        """
        if self._checkpoints is None:
            raise RuntimeError("a monitor must be made with checkpoints=True to be checkpointed")
        coverage = [(each.transactions, dict(each.present)) for each in self.coverage]
        return self._checkpoints.begin(asdict(self.counts), coverage, dict(self.feeds), self.tallies.copy())

    def restore(self, notes: bytes, pages: Iterable[tuple[int, Page]]) -> None:
        """Continue from a checkpoint; before the first record is processed.

        Args:
            notes: the checkpoint's.
            pages: by number, in order: the checkpoint's fresh ones and those of earlier ones that it did not drop.

        Raises:
            OtherState: a version or settings took the checkpoint that this monitor cannot continue from.
        """
        if self._checkpoints is None:
            raise RuntimeError("a monitor must be made with checkpoints=True to be restored")
        found = self._checkpoints.restore(notes, pages)
        self.counts = Counts(**found.counts)
        self._pipeline.feeds = dict(found.feed_names)
        self._judge.tallies = found.tallies
        covered = dict(zip(found.detectors, found.coverage, strict=True))
        for each in self.coverage:
            each.transactions, present = covered.get(each.detector, (0, {}))
            each.present = {name: count for name, count in present.items() if name in each.needs}

    def snapshot(self, merchant_id: str) -> MerchantSnapshot | None:
        """Everything remembered of a merchant; None for one that is unknown. It changes nothing."""
        row = self._pipeline.state.rows.find(merchant_id)
        if row < 0:
            return None
        return snapshot_of(self._pipeline, self._judge.episodes, self._judge.risk, row)

    def overview(self, most: int) -> Overview:
        """The partition at a glance, with at most so many of its riskiest merchants. It changes nothing."""
        return overview_of(self._pipeline, self._judge, most)

    def totals(self) -> Iterator[Totals]:
        """Every merchant's sums, in the order they first came."""
        names = ("attempts", "sales", "sales_minor", "refunds", "refunds_minor", "reversed", "reversed_minor")
        rows = self._pipeline.state.rows
        for r in range(int(rows.count[0])):
            yield Totals(rows.id_of(r), *(int(rows.rows[r][name]) for name in names))

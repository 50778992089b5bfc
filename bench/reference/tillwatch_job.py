"""Tillwatch: its worker as it is, with a feature family of its own and three checks over the columns."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.reference import windows
from bench.reference.contender import Meter, arguments
from engine.decoding.records import Records
from engine.features.families import lifetime, repeats
from engine.monitor import Monitor, MonitorConfig
from streams.app import WorkerSettings
from streams.kafka.address import KafkaAddress
from streams.kafka.options import KafkaOptions
from streams.topics import TOPICS
from streams.worker import run_worker
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.features.feature_rows import FeatureRows
    from engine.outputs import Outputs
    from streams.topics import Topics

FAMILIES = (lifetime, repeats, windows)
CUT_EVERY_S = 10.0
"""As often as Flink's checkpoints."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, as job.md has it."""

    kind: str
    merchant_id: str
    at: str
    epoch: int = 0

    @property
    def alert_id(self) -> str:
        """Its key."""
        return self.merchant_id


def topics_of(group: str, output: str, events: str) -> Topics:
    """The topics as this run wants them: the contenders' input and output, and others of its own."""
    own = {
        each: replace(getattr(TOPICS, each), name=f"{group}-{getattr(TOPICS, each).name}")
        for each in ("merchant_risk", "dead_letters", "controls", "checkpoints", "positions", "progress")
    }
    alerts = replace(TOPICS.alerts, name=output, compacted=False)
    return replace(TOPICS.reading(events), alerts=alerts, **own)


class Reference(Monitor):
    """A monitor that does the job's checks and no others.

    Args:
        number: of the partition, 0 to `of` - 1.
        of: how many there are.
        meter: counts its records and alerts.
        capacity: merchants that it has room for.
    """

    def __init__(self, number: int, of: int, meter: Meter, capacity: int = 100_000) -> None:
        super().__init__(
            MonitorConfig(capacity=capacity), number, of, detectors=(), checkpoints=True, families=FAMILIES
        )
        self._meter, judge = meter, self._judge.judge

        def checked(rows: FeatureRows, outputs: Outputs) -> None:
            judge(rows, outputs)
            outputs.alerts += found(rows)  # type: ignore[arg-type]  # alerts as job.md has them

        self._judge.judge = checked  # type: ignore[method-assign]

    def process(self, records: Records) -> Outputs:
        self._meter.begin()
        outputs = super().process(records)
        self._meter.alerts += len(outputs.alerts)
        if self._meter.add(len(records)):
            os.kill(os.getpid(), signal.SIGTERM)
        return outputs


def main() -> None:
    """Run the job."""
    args = arguments(("columns",))
    meter = Meter("tillwatch", args.records)

    def make(number: int, of: int) -> Monitor:
        return Reference(number, of, meter)

    sale = b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    Reference(0, 1, Meter("warm", 0), capacity=10).process(Records.of([sale]))  # compiled before the clock runs
    options = KafkaOptions(bootstrap=(args.bootstrap,))
    settings = WorkerSettings(
        address=KafkaAddress(options), topics=topics_of(args.group, args.output, args.input), group=args.group,
        partitions=args.partitions, checkpoint_every_s=CUT_EVERY_S,
    )  # fmt: skip
    run_worker(
        settings, make, observer=Watching(checkpoint=lambda _: meter.flushed())
    )  # the last checkpoints have everything
    meter.report(batch_records=settings.batch_records, checkpoint_every_s=CUT_EVERY_S)


def found(rows: FeatureRows) -> Iterator[Found]:
    """The alerts of some rows of features."""
    for kind, column in (("mcc", "is_other_mcc"), ("fee", "is_other_fee"), ("late", "is_late")):
        for j in np.flatnonzero(rows.columns[column] == 1):
            yield Found(kind=kind, merchant_id=rows.merchant_id(int(rows.merchant_row[j])), at=rows.txn_id(int(j)))
    for column in ("high_window", "high_window_2"):
        for j in np.flatnonzero(rows.columns[column] > 0):
            at = str(rows.columns[column][j])
            yield Found(kind="volume", merchant_id=rows.merchant_id(int(rows.merchant_row[j])), at=at)


if __name__ == "__main__":
    main()

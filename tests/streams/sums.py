"""Monitors for tests of what carries monitors: one that does nothing yet, and one that sums integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.alerts import Alert, DeadLetter, Score, Text
from engine.checkpoint.page_log import Fresh
from engine.checkpoint.pages import Page
from engine.controls import NEVER_MS
from engine.outputs import Counts, Outputs
from engine.overview import Overview
from engine.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from domain.controls import Control
    from engine.controls import Known
    from engine.decoding.records import Records


class BareMonitor:
    """What a worker needs of a monitor besides `process`."""

    reached_ms = NEVER_MS

    def __init__(self) -> None:
        self.counts = Counts()
        self.feeds: dict[str, int] = {}
        self.tallies = Tallies()

    def overview(self, most: int) -> Overview:
        """There is nothing to see."""
        return Overview()

    def learn(self, known: Sequence[Known]) -> list[Control]:
        """It is set by nothing."""
        return []


class SumMonitor(BareMonitor):
    """Sums the integers of its partition. A seventh is an alert, no integer is a dead letter."""

    def __init__(self, partition: int, partitions: int) -> None:
        super().__init__()
        assert 0 <= partition < partitions
        self.merchant = f"m{partition}"
        self.sum = 0
        self.alerts = 0
        self.page = 0

    def process(self, records: Records) -> Outputs:
        out = Outputs(counts=Counts(records=len(records)))
        for i in range(len(records)):
            self._take(records.value(i), int(records.offsets[i]), records.source, out)
        out.add_broken(records)
        self.counts.add(out.counts)
        if len(records):
            out.scores.append(self._score(str(records.offsets[-1])))
        return out

    def _score(self, time: str) -> Score:
        # a score's revision must not depend on where batches were cut
        return Score(
            merchant_id=self.merchant, time=time, score=self.sum, grade="A", contributions=(),
            revision=self.counts.records,
        )  # fmt: skip

    def _take(self, value: bytes, offset: int, source: str, out: Outputs) -> None:
        if not value.isdigit():
            out.counts.dead_letters += 1
            out.dead_letters.append(
                DeadLetter(reason="x", field="", message="", source=source, position=offset, record=value.decode())
            )
            return
        out.counts.transactions += 1
        self.sum += int(value)
        if int(value) % 7 == 0:
            self.alerts += 1
            out.alerts.append(alert(f"{self.merchant}-{self.alerts % 5}", self.alerts, self.sum))

    def checkpoint(self) -> Any:
        """A checkpoint of one page, which replaces the one before."""
        return SumCut(self)

    def restore(self, notes: bytes, pages: Iterable[tuple[int, Page]]) -> None:
        """Go on as a checkpoint has it."""
        self.counts = msgspec.msgpack.decode(notes, type=Counts)
        for page_id, page in pages:
            self.page = page_id
            self.sum, self.alerts = (int(each) for each in page.arrays["sums"])


class SumCut:
    """A checkpoint of a `SumMonitor`."""

    gathered, merchants = True, 1

    def __init__(self, monitor: SumMonitor) -> None:
        monitor.page += 1
        page = Page("sums", {}, {"sums": np.array([monitor.sum, monitor.alerts], np.int64)})
        self._fresh = Fresh(monitor.page, page)
        self._notes = msgspec.msgpack.encode(monitor.counts)
        self.dropped = [monitor.page - 1]

    def rest(self) -> Iterator[Fresh]:
        yield self._fresh

    def notes(self) -> bytes:
        return self._notes

    def end(self) -> object:
        return None


def alert(alert_id: str, revision: int, at_stake: int) -> Alert:
    """An alert about nothing."""
    return Alert(
        alert_id=alert_id, revision=revision, detector="d", version=1, merchant_id="m", subject="m", severity=0.5,
        hits=1, first_time="", last_time="", at_stake=at_stake, currency="CNY", title=Text("", ""),
        reason=Text("", ""), evidence=(), txn_ids=(), risk_code="",
    )  # fmt: skip

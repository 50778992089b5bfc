"""How far a worker has come, as it reports it."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import asdict
from typing import TYPE_CHECKING

from streams.controls import Pace
from streams.log import Progress, now_utc_ms

if TYPE_CHECKING:
    from engine.outputs import Counts
    from streams.agent import MonitorAgent, Partition
    from streams.observer import Observer

_RATE_S = 1.0


class ProgressReport:
    """Tells when there is something new to show, and what.

    Args:
        group: the worker's name.
        agent: whose partitions it is about.
        observer: told of the whole when it was shown.
        by_partition: a report for each partition, where workers share them: it goes with the partition from one
            worker to the next. Else one for all.

    Attributes:
        stalled: feeds that have sent no clock record for long.
    """

    def __init__(self, group: str, agent: MonitorAgent, observer: Observer, *, by_partition: bool) -> None:
        self._group, self._agent, self._observer, self._by_partition = group, agent, observer, by_partition
        self._samples: defaultdict[int, deque[tuple[float, int]]] = defaultdict(deque)
        self._last: tuple[dict[int, int], list[str]] | None = None
        self._whole: Progress | None = None
        self._pace = Pace()
        self.stalled: list[str] = []

    def due(self) -> list[Progress] | None:
        """What to show; None where nothing has changed."""
        offsets = dict(self._agent.next_offsets)
        self._pace.look(time.monotonic(), [each.monitor for each in self._agent.partitions.values()])
        rates = {number: self._rate(each) for number, each in self._agent.partitions.items()}
        total = self._rate_of(-1, self._agent.counts.records)
        if (offsets, self.stalled) == self._last and not total:
            return None
        self._last = (offsets, self.stalled) if not total else None
        self._whole = self._progress(self._group, offsets, self._agent.counts, self._agent.earlier, total)
        if not self._by_partition:
            return [self._whole]
        return [
            self._progress(
                f"{self._group}/{number}", {number: each.next_offset}, each.monitor.counts, each.earlier, rates[number]
            )
            for number, each in self._agent.partitions.items()
        ]

    def rest(self) -> None:
        """Nothing goes on any more: what is due next is the last."""
        self._pace.rest()
        self._last = None

    def shown(self) -> None:
        """Tell the observer of what was shown."""
        if self._whole is not None:
            self._observer.on_progress(self._whole)

    def _progress(self, worker: str, offsets: dict[int, int], counts: Counts, earlier: Counts, rate: float) -> Progress:
        return Progress(
            worker=worker,
            topic=self._agent.topics.events.name,
            updated_ms=now_utc_ms(),
            next_offsets=offsets,
            counts=asdict(counts),
            rate=rate,
            earlier=asdict(earlier),
            stalled_feeds=self.stalled,
            clock_ms=self._pace.clock_ms,
            speed=self._pace.speed,
        )

    def _rate(self, partition: Partition) -> float:
        return self._rate_of(partition.number, partition.monitor.counts.records)

    def _rate_of(self, which: int, records: int) -> float:
        """Records a second over about the last second."""
        now, samples = time.monotonic(), self._samples[which]
        samples.append((now, records))
        while len(samples) > 2 and samples[1][0] <= now - _RATE_S:
            samples.popleft()
        since, before = samples[0]
        return max(0, records - before) / (now - since) if now > since else 0.0

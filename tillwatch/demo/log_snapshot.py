"""What a log shows at one moment: how far its worker is, its alerts and scores."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from domain.alerts import Alert, Score
from tillwatch.demo.names import Names
from tillwatch.logs import Follower

if TYPE_CHECKING:
    from streams.log import Log, Progress

_RATE_MS = 2_000


class Picture:
    """Reads the log again and again.

    Args:
        log: the log.
        since_ms: what a worker showed before this is of an earlier one, UTC milliseconds.

    Attributes:
        progress: what the worker showed last; None before its first batch.
        lag: records it has not processed.
        rate: accepted transactions a second, over about the last two seconds.
        simulated_ms: up to when the simulation was forwarded; None before it began.
        alerts: the last revision of each alert.
        scores: the last score of each merchant that has one.
        names: what merchants are called.
    """

    def __init__(self, log: Log, since_ms: int) -> None:
        self._log, self._since_ms = log, since_ms
        self._new_alerts = Follower(log, log.topics.alerts.name, Alert, from_start=True)
        self._new_scores = Follower(log, log.topics.merchant_risk.name, Score, from_start=True)
        self._samples: deque[tuple[int, int]] = deque([(since_ms, 0)])
        self.progress: Progress | None = None
        self.lag = 0
        self.rate = 0.0
        self.simulated_ms: int | None = None
        self.alerts: dict[str, Alert] = {}
        self.scores: dict[str, Score] = {}
        self.names = Names(log)

    def refresh(self) -> None:
        """Read what has changed."""
        log, events = self._log, self._log.topics.events.name
        shown = [each for each in log.progress() if each.updated_ms >= self._since_ms]
        self.progress = shown[-1] if shown else None
        done = self.progress.next_offsets if self.progress else {}
        self.lag = sum(
            log.end_offset(events, each) - done.get(each, log.first_offset(events, each))
            for each in range(log.partitions(events))
        )
        if self.progress:
            self._measure(self.progress)
        self.simulated_ms = log.position("simulator")
        self.names.refresh()
        self.alerts.update((each.alert_id, each) for each in self._new_alerts.poll())
        self.scores.update((each.merchant_id, each) for each in self._new_scores.poll())

    def _measure(self, progress: Progress) -> None:
        sample = progress.updated_ms, progress.counts["transactions"] - self.earlier("transactions")
        if sample[0] > self._samples[-1][0]:
            self._samples.append(sample)
            while len(self._samples) > 2 and self._samples[1][0] <= sample[0] - _RATE_MS:
                self._samples.popleft()
            since_ms, before = self._samples[0]
            self.rate = max(0, sample[1] - before) * 1000 / (sample[0] - since_ms)

    def count(self, name: str) -> int:
        """One of the worker's counts, as in `engine.outputs.Counts`; 0 before its first batch."""
        return self.progress.counts[name] if self.progress else 0

    def earlier(self, name: str) -> int:
        """How much of that count earlier runs had counted."""
        return self.progress.earlier.get(name, 0) if self.progress else 0

    def severest(self, most: int) -> list[Alert]:
        """Alerts by severity, then the loss, then the turnover."""
        return sorted(
            self.alerts.values(),
            key=lambda each: (-each.severity, -(each.loss or 0), -(each.turnover or 0), each.alert_id),
        )[:most]

    def latest(self, most: int) -> list[Alert]:
        """Alerts by their last hit, newest first."""
        return sorted(self.alerts.values(), key=lambda each: each.last_time, reverse=True)[:most]

    def riskiest(self, most: int) -> list[Score]:
        """Scores, highest first."""
        return sorted(self.scores.values(), key=lambda each: (-each.score, each.merchant_id))[:most]

    def turnover(self, merchant_id: str = "") -> dict[str, int]:
        """Turnover of all alerts, or of those of a merchant, where it is known: minor units by currency."""
        return self._sums("turnover", merchant_id)

    def loss(self, merchant_id: str = "") -> dict[str, int]:
        """Likewise the loss."""
        return self._sums("loss", merchant_id)

    def _sums(self, name: str, merchant_id: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for each in self.alerts.values():
            minor: int | None = getattr(each, name)
            if minor is not None and merchant_id in {"", each.merchant_id}:
                found[each.currency] = found.get(each.currency, 0) + minor
        return found

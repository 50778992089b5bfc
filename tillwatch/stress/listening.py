"""Who listens for the alerts about probes, and what came of a run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.alerts import Alert
from streams.revisions import RevisionReader

if TYPE_CHECKING:
    from collections.abc import Collection
    from threading import Event

    from streams.log import Log
    from tillwatch.stress.load import Plan, Sent

_POLL_S = 0.001
PERCENTILES = (50, 90, 99, 99.9)
LEAST_RATE = 0.99
"""The share of the rate that must have been sent: runs differ by more than a hundredth."""


@dataclass(slots=True)
class Heard:
    """Alerts that were read.

    Attributes:
        at_s: by merchant, when the first alert about it was read, by the monotonic clock.
        looked_s: seconds from one look to the next: so exact is each time.
    """

    at_s: dict[str, float] = field(default_factory=dict)
    looked_s: list[float] = field(default_factory=list)


class Listener:
    """Reads `alerts` as they are published, before they are committed, and notes when each probe's was read.

    Args:
        log: a log of its own, for this is another thread than the sender's.
        merchants: of the probes.
    """

    def __init__(self, log: Log, merchants: Collection[str]) -> None:
        self._log, self._wanted = log, {*merchants}
        self._reader = RevisionReader(log, log.topics.alerts.name, Alert, committed=False)
        for _ in self._reader.read_all():  # of earlier runs
            pass
        self.heard = Heard()

    @property
    def is_done(self) -> bool:
        """Whether an alert about every probe was read."""
        return not self._wanted

    def run(self, stop: Event) -> None:
        """Listen until every probe was heard of, or `stop` is set."""
        heard, before_s = self.heard, time.monotonic()
        while self._wanted and not stop.is_set():
            found = [each.value.merchant_id for each in self._reader.read_all() if each.value is not None]
            now_s = time.monotonic()
            for merchant in found:
                if merchant in self._wanted:
                    self._wanted.discard(merchant)
                    heard.at_s[merchant] = now_s
            heard.looked_s.append(now_s - before_s)
            before_s = now_s
            time.sleep(_POLL_S)


def totals(plan: Plan, sent: Sent, heard: Heard, *, warm_up_s: float, p99_ms: float) -> dict[str, Any]:
    """What is shown of a run.

    Latency is from when a probe was meant to be sent to when its alert was read. A probe that was not heard of counts
    as slower than any. Probes of the first `warm_up_s` seconds are left out.

    Args:
        plan: what was to be sent.
        sent: what was.
        heard: what was read.
        warm_up_s: seconds at the beginning that do not count.
        p99_ms: the most that the 99th percentile may be, milliseconds.
    """
    latency_ms = []
    for number in range(0, sent.count, plan.probe_every):
        if plan.intended_s(number) >= warm_up_s:
            at_s = heard.at_s.get(plan.merchant(number), np.inf)
            latency_ms.append((at_s - sent.began_s - plan.intended_s(number)) * 1000)
    took_s = max(sent.ended_s - sent.began_s, 1e-9)
    missing = sum(not np.isfinite(each) for each in latency_ms)
    found = {f"p{each:g}_ms": _percentile(latency_ms, each) for each in PERCENTILES}
    own_ms, resolution_ms = _milliseconds(sent.own_late_s), _milliseconds(heard.looked_s)
    # The last sale is due an interval before the end of the last second.
    sent_rate = sent.count / max(took_s, plan.intended_s(max(sent.count, 1)))
    kept = sent.count == plan.count and sent_rate >= LEAST_RATE * plan.rate
    p99 = found["p99_ms"]
    return {
        "rate": plan.rate, "sent": sent.count, "sent_per_second": round(sent_rate, 1), "kept_rate": kept,
        "probes": len(latency_ms), "missing": missing, **found, "max_ms": _percentile(latency_ms, 100),
        "resolution_p99_ms": _percentile(resolution_ms, 99), "sender_late_p99_ms": _percentile(own_ms, 99),
        "append_p99_ms": _percentile(_milliseconds(sent.append_s), 99), "limit_p99_ms": p99_ms,
        "passed": kept and not missing and p99 is not None and p99 <= p99_ms,
    }  # fmt: skip


def _milliseconds(seconds: list[float]) -> list[float]:
    return [each * 1000 for each in seconds]


def _percentile(values: list[float], percent: float) -> float | None:
    """The smallest value that so many percent do not exceed; None where there is none, or it is infinite."""
    if not values:
        return None
    found = float(np.percentile(np.array(values), percent, method="inverted_cdf"))
    return round(found, 2) if np.isfinite(found) else None

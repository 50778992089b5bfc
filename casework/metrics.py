"""What the filing agent shows of itself and of the store: metrics, whether it is ready, and a watch on the audit."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from casework import audit
from casework.errors import StoreFailed, Tampered
from casework.figures import figures
from streams import metric_names as names
from streams.errors import LogFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from casework.figures import Figures
    from casework.store import Store
    from streams.log import Log
    from streams.metric_names import Metric

READY_S = 60.0
"""After so long without a look that filed everything, the agent is not ready."""
ALIVE_S = 600.0
"""After so long without a look that ended, well or not, it stands still: the first one of a long log takes minutes."""
AUDIT_EVERY_S = 6 * 3_600.0
"""How often the audit's chain is computed again: some 37,000 entries a second on two busy cores."""


class AgentMetrics:
    """The agent's metrics, and what it reports of itself.

    Args:
        store: whose figures are shown.
        log: opened for this alone, for a log is used by one thread at a time.
        now_ms: the clock, UTC milliseconds.
    """

    def __init__(self, store: Store, log: Log, now_ms: Callable[[], int]) -> None:
        self._store, self._log, self._now_ms = store, log, now_ms
        self._filed_at = self._looked_at = time.monotonic()
        self._failure = "nothing was filed yet"
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._failures = Counter(
            names.CASEWORK_STORE_FAILURES.name, names.CASEWORK_STORE_FAILURES.help, registry=self._registry
        )
        self._gauges: dict[str, Gauge] = {}
        self._one_at_a_time = threading.Lock()

    # -- what the agent tells

    def filed(self, began_ms: int) -> None:
        """All was filed that the log had when a look began."""
        self._filed_at = self._looked_at = time.monotonic()
        self._failure = ""
        self._set(names.CASEWORK_FILED, began_ms / 1000)

    def failed(self, error: StoreFailed) -> None:
        """A look ended early."""
        self._looked_at, self._failure = time.monotonic(), str(error)
        self._failures.inc()

    def checked(self, now_ms: int, *, intact: bool) -> None:
        """The audit's chain was computed again."""
        self._set(names.CASEWORK_AUDIT_INTACT, float(intact))
        self._set(names.CASEWORK_AUDIT_CHECKED, now_ms / 1000)

    def _set(self, metric: Metric, value: float) -> None:
        """Set a gauge, which is not shown before it has a value."""
        if metric.name not in self._gauges:
            self._gauges[metric.name] = Gauge(metric.name, metric.help, registry=self._registry)
        self._gauges[metric.name].set(value)

    # -- what is shown

    @property
    def alive(self) -> bool:
        """Whether looks end."""
        return time.monotonic() - self._looked_at < ALIVE_S

    @property
    def trouble(self) -> str:
        """Why it is not ready; "" where it is."""
        behind_s = time.monotonic() - self._filed_at
        return self._failure or (f"filing has taken {behind_s:.0f} s" if behind_s >= READY_S else "")

    async def exposition(self) -> bytes:
        """Every metric as Prometheus' text format has it; written in a thread, for the store may be slow."""
        return await asyncio.to_thread(self.written)

    def written(self) -> bytes:
        """What the agent did, and what the store has; without the latter where its database or the log fails."""
        own: bytes = generate_latest(self._registry)
        try:
            with self._one_at_a_time:
                found = figures(self._store, self._log, self._now_ms())
        except (StoreFailed, LogFailed, Unreachable):
            return own
        registry = CollectorRegistry()
        registry.register(_Stored(found))
        return generate_latest(registry) + own


class _Stored(Collector):
    def __init__(self, found: Figures) -> None:
        self._found = found

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        return self._families()

    def _families(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        it = self._found
        yield _family(names.CASEWORK_LAG, {each.topic: each.behind for each in it.topics})
        yield _family(names.CASEWORK_PROVISIONAL, {"": it.provisional})
        yield _family(names.CASEWORK_OUTBOX, it.outbox)
        if it.oldest_ms is not None:
            yield _family(names.CASEWORK_OUTBOX_OLDEST, {"": it.oldest_ms / 1000})
        yield _family(names.CASEWORK_OPEN, it.open_cases)
        yield _family(names.CASEWORK_LATE, it.late_cases)
        yield _family(names.CASEWORK_DECISIONS, it.decisions)
        yield _family(names.CASEWORK_AUDIT_ENTRIES, {"": it.audit_entries})


def _family(metric: Metric, values: Mapping[str, float]) -> GaugeMetricFamily | CounterMetricFamily:
    """Values by the metric's label; of a metric without one, the value of ""."""
    kind = CounterMetricFamily if metric.kind is names.MetricKind.COUNTER else GaugeMetricFamily
    made = kind(metric.name, metric.help, labels=metric.labels)
    for label, value in values.items():
        made.add_metric([label] if metric.labels else [], value)
    return made


class AuditWatch:
    """Computes the audit's chain again, at once and every few hours, in a thread of its own.

    Each time the chain must still have the head of the time before, so that an end that was cut off is found too.

    Args:
        store: whose audit.
        metrics: where it is shown.
        now_ms: the clock, UTC milliseconds.
        on_broken: called with what is wrong, each time.
    """

    def __init__(
        self, store: Store, metrics: AgentMetrics, now_ms: Callable[[], int], on_broken: Callable[[Tampered], None]
    ) -> None:
        self._store, self._metrics, self._now_ms, self._on_broken = store, metrics, now_ms, on_broken
        self._noted = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="audit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread once the check under way is done."""
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Check once; what the database fails at is checked the next time."""
        try:
            with self._store.reading() as connection:
                self._noted = audit.verify(connection, self._noted).hash
        except Tampered as error:
            self._metrics.checked(self._now_ms(), intact=False)
            self._on_broken(error)
        except StoreFailed:
            return  # the agent itself tells of it
        else:
            self._metrics.checked(self._now_ms(), intact=True)

    def _watch(self) -> None:
        while True:
            self.check()
            if self._stopping.wait(AUDIT_EVERY_S):
                return

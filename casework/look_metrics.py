"""What a process that looks at the store again and again shows of itself: metrics, and whether it is ready."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from casework.errors import StoreFailed
from streams.errors import LogFailed, Unreachable
from streams.metric_names import MetricKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.metric_names import Metric

    Family = GaugeMetricFamily | CounterMetricFamily

READY_S = 60.0
"""After so long without a look that ended well, the process is not ready."""
ALIVE_S = 600.0
"""After so long without a look that ended, well or not, it stands still: the first one of a long log takes minutes."""


class LookMetrics(ABC):
    """The metrics of a process, and those of the store that it has.

    Args:
        looked: when the last look began that ended well.
        failures: looks that ended early.
    """

    def __init__(self, looked: Metric, failures: Metric) -> None:
        self._well_at = self._ended_at = time.monotonic()
        self._failure = "no look was taken yet"
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._failures = Counter(failures.name, failures.help, registry=self._registry)
        self._looked = looked
        self._gauges: dict[str, Gauge] = {}
        self._one_at_a_time = threading.Lock()

    def looked(self, began_ms: int) -> None:
        """A look that began then, UTC milliseconds, ended well."""
        self._well_at = self._ended_at = time.monotonic()
        self._failure = ""
        self._set(self._looked, began_ms / 1000)

    def failed(self, error: StoreFailed) -> None:
        """A look ended early."""
        self._ended_at, self._failure = time.monotonic(), str(error)
        self._failures.inc()

    def _set(self, metric: Metric, value: float) -> None:
        """Set a gauge, which is not shown before it has a value."""
        if metric.name not in self._gauges:
            self._gauges[metric.name] = Gauge(metric.name, metric.help, registry=self._registry)
        self._gauges[metric.name].set(value)

    @property
    def alive(self) -> bool:
        """Whether looks end."""
        return time.monotonic() - self._ended_at < ALIVE_S

    @property
    def trouble(self) -> str:
        """Why it is not ready; "" where it is."""
        behind_s = time.monotonic() - self._well_at
        return self._failure or (f"a look has taken {behind_s:.0f} s" if behind_s >= READY_S else "")

    @abstractmethod
    def _stored(self) -> Iterator[Family]:
        """What the store has; one call at a time."""

    async def exposition(self) -> bytes:
        """Every metric as Prometheus' text format has it; written in a thread, for the store may be slow."""
        return await asyncio.to_thread(self.written)

    def written(self) -> bytes:
        """What the process did, and what the store has; without the latter where its database or the log fails."""
        own: bytes = generate_latest(self._registry)
        try:
            with self._one_at_a_time:
                found = [*self._stored()]
        except (StoreFailed, LogFailed, Unreachable):
            return own
        registry = CollectorRegistry()
        registry.register(_Found(found))
        return generate_latest(registry) + own


class _Found(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def family(metric: Metric, values: Mapping[Any, float] | float) -> Family:
    """A metric's values by its label, or by a tuple of its labels; of a metric without one, its value."""
    kind = CounterMetricFamily if metric.kind is MetricKind.COUNTER else GaugeMetricFamily
    made = kind(metric.name, metric.help, labels=metric.labels)
    if not isinstance(values, (int, float)):
        for labels, value in values.items():
            made.add_metric(labels if isinstance(labels, tuple) else (labels,), value)
    else:
        made.add_metric((), values)
    return made

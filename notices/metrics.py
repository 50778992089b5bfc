"""What `tillwatch notify` shows of itself and of the outbox: metrics, and whether it is ready."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from casework.errors import StoreFailed
from casework.schema import notice_attempts, notices, silences
from notices import metric_names as names
from notices.outbox import by_status
from notices.states import DEAD, PENDING, SENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from casework.store import Store

READY_S = 60.0
"""After so long without a look that ended well, the sender is not ready."""
ALIVE_S = 600.0
"""After so long without a look that ended, well or not, it stands still."""


class Figures(NamedTuple):
    """How the outbox stands.

    Attributes:
        by_status: notices by status.
        oldest_ms: since when the oldest pending one is due, UTC milliseconds; None for none.
        unopened_urgent: urgent notices to people that were to be opened by now and are not.
        attempts: by channel and status.
        silences: in force.
    """

    by_status: Mapping[str, int]
    oldest_ms: int | None
    unopened_urgent: int
    attempts: Mapping[tuple[str, str], int]
    silences: int


def figures(store: Store, now_ms: int) -> Figures:
    """How the outbox stands at a moment, UTC milliseconds."""
    urgent = notices.c.urgent & ~notices.c.is_desk & notices.c.status.in_((PENDING, SENT, DEAD))
    gone_on = notices.alias()
    escalated = select(gone_on.c.notice_id).where(gone_on.c.escalates == notices.c.notice_id).exists()
    with store.reading() as connection:
        oldest = select(func.min(notices.c.not_before_ms)).where(
            notices.c.status == PENDING, notices.c.not_before_ms <= now_ms
        )
        unopened = select(func.count()).select_from(notices).where(urgent, escalated)
        key = (notice_attempts.c.channel, notice_attempts.c.status)
        tried = connection.execute(select(*key, func.count()).group_by(*key)).all()
        quiet = select(func.count()).where(silences.c.from_ms <= now_ms, silences.c.until_ms > now_ms)
        return Figures(
            by_status(connection), connection.execute(oldest).scalar(),
            connection.execute(unopened).scalar_one(), {(each[0], each[1]): each[2] for each in tried},
            connection.execute(quiet).scalar_one(),
        )  # fmt: skip


class NotifyMetrics:
    """The sender's metrics, and what it reports of itself.

    Args:
        store: whose figures are shown.
        now_ms: the clock, UTC milliseconds.
    """

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store, self._now_ms = store, now_ms
        self._well_at = self._ended_at = time.monotonic()
        self._failure = "no look was taken yet"
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._failures = Counter(names.FAILURES.name, names.FAILURES.help, registry=self._registry)
        self._looked: Gauge | None = None

    def looked(self, began_ms: int) -> None:
        """A look ended well."""
        self._well_at = self._ended_at = time.monotonic()
        self._failure = ""
        self._looked = self._looked or Gauge(names.LOOKED.name, names.LOOKED.help, registry=self._registry)
        self._looked.set(began_ms / 1000)

    def failed(self, error: StoreFailed) -> None:
        """A look ended early."""
        self._ended_at, self._failure = time.monotonic(), str(error)
        self._failures.inc()

    @property
    def alive(self) -> bool:
        """Whether looks end."""
        return time.monotonic() - self._ended_at < ALIVE_S

    @property
    def trouble(self) -> str:
        """Why it is not ready; "" where it is."""
        behind_s = time.monotonic() - self._well_at
        return self._failure or (f"a look has taken {behind_s:.0f} s" if behind_s >= READY_S else "")

    async def exposition(self) -> bytes:
        """Every metric as Prometheus' text format has it; written in a thread, for the store may be slow."""
        return await asyncio.to_thread(self.written)

    def written(self) -> bytes:
        """What the sender did, and what the outbox has; without the latter where its database fails."""
        own: bytes = generate_latest(self._registry)
        try:
            found = figures(self._store, self._now_ms())
        except StoreFailed:
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
        by_status = GaugeMetricFamily(names.NOTICES.name, names.NOTICES.help, labels=names.NOTICES.labels)
        for status, count in it.by_status.items():
            by_status.add_metric([status], count)
        yield by_status
        if it.oldest_ms is not None:
            yield GaugeMetricFamily(names.OLDEST.name, names.OLDEST.help, value=it.oldest_ms / 1000)
        yield GaugeMetricFamily(names.UNOPENED.name, names.UNOPENED.help, value=it.unopened_urgent)
        attempts = CounterMetricFamily(names.ATTEMPTS.name, names.ATTEMPTS.help, labels=names.ATTEMPTS.labels)
        for (channel, status), count in it.attempts.items():
            attempts.add_metric([channel, status], count)
        yield attempts
        yield GaugeMetricFamily(names.SILENCES.name, names.SILENCES.help, value=it.silences)

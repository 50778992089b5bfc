"""What the filing agent shows of itself and of the store: metrics, whether it is ready, and a watch on the audit."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from casework import audit
from casework.errors import StoreFailed, Tampered
from casework.figures import figures
from casework.look_metrics import LookMetrics, family
from streams import metric_names as names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from casework.look_metrics import Family
    from casework.store import Store
    from streams.log import Log

AUDIT_EVERY_S = 6 * 3_600.0
"""How often the audit's chain is computed again: some 37,000 entries a second on two busy cores."""


class AgentMetrics(LookMetrics):
    """The agent's metrics, and what it reports of itself.

    Args:
        store: whose figures are shown.
        log: opened for this alone, for a log is used by one thread at a time.
        now_ms: the clock, UTC milliseconds.
    """

    def __init__(self, store: Store, log: Log, now_ms: Callable[[], int]) -> None:
        super().__init__(names.CASEWORK_FILED, names.CASEWORK_STORE_FAILURES)
        self._store, self._log, self._now_ms = store, log, now_ms

    def checked(self, now_ms: int, *, intact: bool) -> None:
        """The audit's chain was computed again."""
        self._set(names.CASEWORK_AUDIT_INTACT, float(intact))
        self._set(names.CASEWORK_AUDIT_CHECKED, now_ms / 1000)

    def _stored(self) -> Iterator[Family]:
        it = figures(self._store, self._log, self._now_ms())
        yield family(names.CASEWORK_LAG, {each.topic: each.behind for each in it.topics})
        yield family(names.CASEWORK_PROVISIONAL, it.provisional)
        yield family(names.CASEWORK_OUTBOX, it.outbox)
        if it.oldest_ms is not None:
            yield family(names.CASEWORK_OUTBOX_OLDEST, it.oldest_ms / 1000)
        yield family(names.CASEWORK_OPEN, it.open_cases)
        yield family(names.CASEWORK_LATE, it.late_cases)
        yield family(names.CASEWORK_DECISIONS, it.decisions)
        yield family(names.CASEWORK_AUDIT_ENTRIES, it.audit_entries)


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

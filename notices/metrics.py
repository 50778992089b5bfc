"""What `tillwatch notify` shows of itself and of the outbox: metrics, and whether it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from casework.look_metrics import LookMetrics, family
from casework.schema import notice_attempts, notice_entries, notices, silences, tasks
from casework.tasks.words import OPEN
from notices import metric_names as names
from notices.outbox import by_status
from notices.states import PENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from casework.look_metrics import Family
    from casework.store import Store


class Figures(NamedTuple):
    """How the outbox stands.

    Attributes:
        by_status: notices by status.
        oldest_ms: since when the oldest pending one is due, UTC milliseconds; None for none.
        unopened_urgent: urgent notices that went on from a person who has not opened a task of theirs that is open.
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
    gone_on = notices.alias()
    escalated = select(gone_on.c.notice_id).where(gone_on.c.escalates == notices.c.notice_id).exists()
    unopened = (
        select(func.count(notices.c.notice_id.distinct()))
        .join(notice_entries, notice_entries.c.notice_id == notices.c.notice_id)
        .join(tasks, tasks.c.task_id == notice_entries.c.task_id)
        .where(tasks.c.status == OPEN, tasks.c.opened_ms.is_(None), notices.c.urgent, ~notices.c.is_desk, escalated)
    )
    with store.reading() as connection:
        oldest = select(func.min(notices.c.not_before_ms)).where(
            notices.c.status == PENDING, notices.c.not_before_ms <= now_ms
        )
        key = (notice_attempts.c.channel, notice_attempts.c.status)
        tried = connection.execute(select(*key, func.count()).group_by(*key)).all()
        quiet = select(func.count()).where(silences.c.from_ms <= now_ms, silences.c.until_ms > now_ms)
        return Figures(
            by_status(connection), connection.execute(oldest).scalar(),
            connection.execute(unopened).scalar_one(), {(each[0], each[1]): each[2] for each in tried},
            connection.execute(quiet).scalar_one(),
        )  # fmt: skip


class NotifyMetrics(LookMetrics):
    """The sender's metrics, and what it reports of itself.

    Args:
        store: whose figures are shown.
        now_ms: the clock, UTC milliseconds.
    """

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        super().__init__(names.LOOKED, names.FAILURES)
        self._store, self._now_ms = store, now_ms

    def _stored(self) -> Iterator[Family]:
        it = figures(self._store, self._now_ms())
        yield family(names.NOTICES, it.by_status)
        if it.oldest_ms is not None:
            yield family(names.OLDEST, it.oldest_ms / 1000)
        yield family(names.UNOPENED, it.unopened_urgent)
        yield family(names.ATTEMPTS, it.attempts)
        yield family(names.SILENCES, it.silences)

"""Figures of the store for whoever runs it: nothing in them that only `aml` may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import exists, func, select

from casework.decisions import GIVEN, UNDO_MS
from casework.outbox import PENDING, REFUSED
from casework.schema import alert_revisions, alerts, audit_head, cases, decisions, merchants, outbox
from casework.states import OPEN, PROVISIONAL, WITHDRAWN
from casework.status import Read, topics_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection

    from casework.store import Store
    from streams.log import Log

NO_GRADE = "none"
"""Of causes, and of merchants that have no score."""


class Figures(NamedTuple):
    """How the store stands.

    Attributes:
        topics: how far each was filed.
        provisional: alerts shown by a revision that the log has not committed.
        outbox: records by status: `pending` (due, and not in the log yet), `refused`.
        oldest_ms: since when the oldest pending record is due, UTC milliseconds; None where there is none.
        open_cases: with an undecided alert, by the merchant's grade.
        late_cases: those of them whose deadline has passed.
        decisions: that stand and cannot be undone any more, by verdict.
        audit_entries: in the audit.
    """

    topics: tuple[Read, ...]
    provisional: int
    outbox: Mapping[str, int]
    oldest_ms: int | None
    open_cases: Mapping[str, int]
    late_cases: Mapping[str, int]
    decisions: Mapping[str, int]
    audit_entries: int


def figures(store: Store, log: Log, now_ms: int) -> Figures:
    """How the store stands at a moment, UTC milliseconds."""
    with store.reading() as connection:
        pending, oldest_ms = connection.execute(
            select(func.count(), func.min(outbox.c.not_before_ms)).where(
                outbox.c.status == PENDING, outbox.c.not_before_ms <= now_ms
            )
        ).one()
        refused = select(func.count()).select_from(outbox).where(outbox.c.status == REFUSED)
        # By their revisions, of which there is an index: alerts are a thousand times as many.
        uncommitted = select(alert_revisions.c.alert_id).where(alert_revisions.c.state == PROVISIONAL)
        provisional = select(func.count()).where(
            alerts.c.alert_id.in_(uncommitted), alerts.c.state == PROVISIONAL, ~alerts.c.is_aml
        )
        return Figures(
            topics_of(connection, log), connection.execute(provisional).scalar_one(),
            {PENDING: pending, REFUSED: connection.execute(refused).scalar_one()}, oldest_ms,
            _by_grade(connection), _by_grade(connection, cases.c.due_ms < now_ms), _decided(connection, now_ms),
            connection.execute(select(audit_head.c.entry_id)).scalar_one(),
        )  # fmt: skip


def _by_grade(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, int]:
    undecided = exists().where(
        alerts.c.case_id == cases.c.case_id, alerts.c.verdict.is_(None), alerts.c.state != WITHDRAWN
    )
    grade = func.coalesce(merchants.c.grade, NO_GRADE)
    statement = (
        select(grade, func.count())
        .select_from(cases.outerjoin(merchants, merchants.c.merchant_id == cases.c.merchant_id))
        .where(cases.c.status == OPEN, ~cases.c.is_aml, undecided, *conditions)
        .group_by(grade)
    )
    return dict(connection.execute(statement).tuples().all())


def _decided(connection: Connection, now_ms: int) -> dict[str, int]:
    """Only what stands for good: a counter must not go back when a decision is undone."""
    of_aml = select(cases.c.case_id).where(cases.c.is_aml)
    statement = select(decisions.c.verdict, func.count()).where(
        decisions.c.status == GIVEN,
        decisions.c.undone_ms.is_(None),
        decisions.c.decided_ms < now_ms - UNDO_MS,
        decisions.c.case_id.not_in(of_aml),
    )
    return dict(connection.execute(statement.group_by(decisions.c.verdict)).tuples().all())

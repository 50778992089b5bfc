"""Tasks and notices: a notice gives its recipient tasks, and is opened and answered as they are."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, case, func, select, update

from casework.change import Change
from casework.decisions import UNDO_MS
from casework.errors import Refused
from casework.people import SYSTEM
from casework.schema import alerts, cases, notice_entries, notices, tasks
from casework.states import MERGED
from casework.tasks.ending import BY_DECISION
from casework.tasks.making import make
from casework.tasks.words import OPEN
from domain.timestamps import DAY_MS
from notices.states import ANSWERED, OPENED, PENDING, SENT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection

    from casework.store import Store
    from notices.composing import Made

DONE_D = 60
"""Days after a task was answered or withdrawn for which its alerts are known to have been seen to."""


def follow(connection: Connection, now_ms: int) -> None:
    """Have notices be opened once all of their tasks are, and answered once all are answered or withdrawn for good."""
    every = func.count()
    may_return = and_(_by_decision(), tasks.c.withdrawn_ms > now_ms - UNDO_MS)
    opened, done = (
        func.sum(case((each, 1), else_=0))
        for each in (tasks.c.opened_ms.is_not(None), and_(tasks.c.status != OPEN, ~may_return))
    )
    statement = (
        select(
            notices.c.notice_id, notices.c.status, every.label("every"), opened.label("opened"), done.label("done"),
            func.max(tasks.c.opened_ms).label("opened_ms"), func.max(_ended()).label("done_ms"),
        )
        .join(notice_entries, notice_entries.c.notice_id == notices.c.notice_id)
        .join(tasks, tasks.c.task_id == notice_entries.c.task_id)
        .where(notices.c.status.in_((PENDING, SENT, OPENED)), notices.c.escalates.is_(None))
        .group_by(notices.c.notice_id, notices.c.status)
    )  # fmt: skip
    for each in connection.execute(statement).all():
        is_it = notices.c.notice_id == each.notice_id
        if each.done == each.every:
            values: dict[str, Any] = {"status": ANSWERED, "answered_ms": each.done_ms, "escalate_ms": None}
        elif each.opened == each.every and each.status != OPENED:
            values = {"status": OPENED}
        else:
            continue
        connection.execute(update(notices).where(is_it).values(values | {"opened_ms": each.opened_ms}))


def _by_decision() -> ColumnElement[bool]:
    """Which tasks ended because their case was decided, and nobody has answered them."""
    return and_(tasks.c.withdrawn_why == BY_DECISION, tasks.c.answered_ms.is_(None))


def _ended() -> Any:
    return func.coalesce(tasks.c.answered_ms, tasks.c.withdrawn_ms)


def seen_to(connection: Connection, now_ms: int) -> dict[str, int]:
    """By alert, when a task of it was answered or withdrawn last: what stood before that is told no more.

    A task that ended because the case was decided does not count: what was confirmed is to be seen to still.
    """
    statement = (
        select(notice_entries.c.alert_ids, _ended().label("done_ms"))
        .join(tasks, tasks.c.task_id == notice_entries.c.task_id)
        .where(tasks.c.status != OPEN, ~_by_decision(), _ended() > now_ms - DONE_D * DAY_MS)
    )
    found: dict[str, int] = {}
    for each in connection.execute(statement):
        for alert_id in msgspec.json.decode(each.alert_ids, type=tuple[str, ...]):
            found[alert_id] = max(each.done_ms, found.get(alert_id, 0))
    return found


def open_tasks(connection: Connection) -> Sequence[Any]:
    """Rows of all open tasks."""
    return connection.execute(select(tasks).where(tasks.c.status == OPEN).order_by(tasks.c.task_id)).all()


def over(connection: Connection, notice_ids: Collection[str]) -> set[int]:
    """Tasks of some notices that were answered or taken back: what is sent later does not name them."""
    told = notice_entries.join(tasks, tasks.c.task_id == notice_entries.c.task_id)
    found = select(tasks.c.task_id).select_from(told).where(notice_entries.c.notice_id.in_(notice_ids))
    return {*connection.execute(found.where(tasks.c.status != OPEN)).scalars()}


def untold(connection: Connection) -> dict[str, list[Any]]:
    """By rep, open tasks that no notice has told of: those that people have given."""
    told = select(notice_entries.c.task_id).where(notice_entries.c.task_id == tasks.c.task_id).exists()
    found: dict[str, list[Any]] = defaultdict(list)
    statement = select(tasks).where(tasks.c.status == OPEN, ~told).order_by(tasks.c.due_ms, tasks.c.task_id)
    for each in connection.execute(statement):
        found[each.rep_id].append(each)
    return found


def give(store: Store, connection: Connection, made: Made, now_ms: int) -> Made:
    """Make the tasks of a notice; the notice with their numbers, or for a desk with those of cases.

    Who may have no tasks, such as a supervisor who stands in, is told of the shop all the same.
    """
    change = Change(store, connection, SYSTEM, now_ms)
    entries = []
    for each, ids in zip(made.body.entries, made.alert_ids, strict=True):
        if made.recipient.is_desk:
            case_id = _case_of(connection, each.merchant_id, ids)
            entries.append(msgspec.structs.replace(each, case_id=case_id))
            continue
        if not each.is_task or each.task_id is not None:
            entries.append(each)
            continue
        try:
            task_id = make(
                change, merchant_id=each.merchant_id, rep_id=made.recipient.name, kind=each.task, due_ms=each.due_ms,
                case_id=_case_of(connection, each.merchant_id, ids),
            )  # fmt: skip
        except Refused:
            entries.append(msgspec.structs.replace(each, is_task=False))
        else:
            entries.append(msgspec.structs.replace(each, task_id=task_id))
    return made._replace(body=msgspec.structs.replace(made.body, entries=tuple(entries)))


def _case_of(connection: Connection, merchant_id: str, alert_ids: Collection[str]) -> int | None:
    """The case that an answer goes to: of the alerts' that is not merged, the newest."""
    of_them = (
        select(cases.c.case_id)
        .join(alerts, alerts.c.case_id == cases.c.case_id)
        .where(alerts.c.alert_id.in_(alert_ids), alerts.c.merchant_id == merchant_id, ~cases.c.is_aml)
        .where(cases.c.status != MERGED)
    )
    return connection.execute(of_them.order_by(cases.c.case_id.desc()).limit(1)).scalar()

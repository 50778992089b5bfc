"""Which tasks somebody sees: a rep those that were given to it, everybody in the office all of them.

A rep loses a task with its merchant. One that was given to another than the merchant's rep, such as a deputy, stays
theirs. None of this reads an alert or a case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import and_, false, or_, select, true

from casework.errors import NotFound
from casework.people import merchants_of, sees, sees_all
from casework.schema import cases, retrieval_documents, task_answers, task_photos, tasks
from casework.tasks.shop import Shop, shops
from casework.tasks.words import OPEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from casework.people import Actor
    from casework.store import Store

MOST_LISTED = 200
_checklist = msgspec.json.Decoder(tuple[str, ...]).decode
_checks = msgspec.json.Decoder(dict[str, dict[str, str]]).decode


class Task(NamedTuple):
    """A task with its shop.

    Attributes:
        row: of `tasks`.
        shop: where.
        checklist: items of `casework.tasks.words.CHECKS`.
        is_late: whether it is open and its time is over.
    """

    row: Any
    shop: Shop
    checklist: tuple[str, ...]
    is_late: bool


class Answered(NamedTuple):
    """What came of a task.

    Attributes:
        row: of `task_answers`.
        checks: by item, `said` of `casework.tasks.words.SAID` and `note`.
    """

    row: Any
    checks: dict[str, dict[str, str]]


class TaskPage(NamedTuple):
    """A task with all that belongs to it.

    Attributes:
        task: the task.
        answer: None where none has come.
        photos: rows of `task_photos`, the oldest first.
        before: the task that it checks again; None for none.
        after: tasks that check it again.
    """

    task: Task
    answer: Answered | None
    photos: tuple[Any, ...]
    before: TaskPage | None = None
    after: tuple[int, ...] = ()


def sees_task(actor: Actor, now_ms: int) -> ColumnElement[bool]:
    """Which rows of `tasks` somebody sees."""
    if not actor.roles:
        return false()
    if sees_all(actor):
        return true()
    theirs = or_(~tasks.c.is_own, tasks.c.merchant_id.in_(merchants_of(actor.user_id, now_ms)))
    return and_(tasks.c.rep_id == actor.user_id, theirs)


def seen_task(connection: Connection, actor: Actor, task_id: int, now_ms: int) -> Any:
    """The row of a task; raises NotFound where there is none, or the actor does not see it."""
    row = connection.execute(select(tasks).where(tasks.c.task_id == task_id, sees_task(actor, now_ms))).first()
    if row is None:
        raise NotFound(f"there is no task {task_id}")
    return row


def open_tasks(store: Store, actor: Actor, now_ms: int) -> list[Task]:
    """Open tasks that the actor sees, those due first at the head, at most 200."""
    return _listed(store, and_(tasks.c.status == OPEN, sees_task(actor, now_ms)), now_ms)


def closed_tasks(store: Store, actor: Actor, since_ms: int, now_ms: int) -> list[Task]:
    """Tasks that the actor sees and that ended since a time, those due first at the head, at most 200."""
    ended = or_(tasks.c.answered_ms >= since_ms, tasks.c.withdrawn_ms >= since_ms)
    return _listed(store, and_(ended, tasks.c.status != OPEN, sees_task(actor, now_ms)), now_ms)


def _listed(store: Store, wanted: ColumnElement[bool], now_ms: int) -> list[Task]:
    with store.reading() as connection:
        found = select(tasks).where(wanted).order_by(tasks.c.due_ms, tasks.c.task_id).limit(MOST_LISTED)
        return told(connection, connection.execute(found).all(), now_ms)


def told(connection: Connection, rows: Sequence[Any], now_ms: int) -> list[Task]:
    """Rows of `tasks` with their shops."""
    known = shops(connection, {each.merchant_id for each in rows}, now_ms)
    return [
        Task(each, known[each.merchant_id], _checklist(each.checklist), each.status == OPEN and each.due_ms < now_ms)
        for each in rows
    ]


def task(store: Store, actor: Actor, task_id: int, now_ms: int) -> TaskPage:
    """A task with all that belongs to it; raises NotFound where there is none that the actor sees."""
    with store.reading() as connection:
        found = _page(connection, seen_task(connection, actor, task_id, now_ms), now_ms)
        if (before := found.task.row.after_task_id) is None:
            return found
        row = connection.execute(select(tasks).where(tasks.c.task_id == before)).one()
        return found._replace(before=_page(connection, row, now_ms))


def documents_wanted(store: Store, actor: Actor, task_id: int, now_ms: int) -> frozenset[str]:
    """Documents that the retrieval of a task has asked for and that have not come; raises NotFound as `task`."""
    with store.reading() as connection:
        row = seen_task(connection, actor, task_id, now_ms)
        of_it = (retrieval_documents.c.case_id == row.case_id) & retrieval_documents.c.received_ms.is_(None)
        return frozenset(connection.execute(select(retrieval_documents.c.document).where(of_it)).scalars())


def of_case(store: Store, actor: Actor, case_id: int, now_ms: int) -> list[TaskPage]:
    """Tasks of a case that the actor sees, the oldest first, with what came of them."""
    with store.reading() as connection:
        of_it = select(tasks).join(cases, cases.c.case_id == tasks.c.case_id)
        of_it = of_it.where(tasks.c.case_id == case_id, sees(actor, now_ms), sees_task(actor, now_ms))
        found = connection.execute(of_it.order_by(tasks.c.task_id)).all()
        return [_page(connection, each, now_ms) for each in found]


def _page(connection: Connection, row: Any, now_ms: int) -> TaskPage:
    (made,) = told(connection, [row], now_ms)
    answer = connection.execute(select(task_answers).where(task_answers.c.task_id == row.task_id)).first()
    photos = select(task_photos).where(task_photos.c.task_id == row.task_id).order_by(task_photos.c.photo_id)
    after = select(tasks.c.task_id).where(tasks.c.after_task_id == row.task_id).order_by(tasks.c.task_id)
    return TaskPage(
        made, None if answer is None else Answered(answer, _checks(answer.checks)),
        tuple(connection.execute(photos)), None, tuple(connection.execute(after).scalars()),
    )  # fmt: skip

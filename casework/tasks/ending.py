"""Tasks that are needed no more: taken back with the notices that wait to tell of them, and brought back by an undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, exists, or_, select, update

from casework.chunks import chunks
from casework.schema import cases, notice_entries, notices, tasks
from casework.states import ANSWERED, DECIDED, OPEN, WITHDRAWN
from casework.tasks.kinds import HELPS
from casework.tasks.noting import note as _note

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from casework.change import Change

BY_DECISION, BY_MERGE = "decided", "merged"
"""Why a task was taken back, where no person has said it: its case was decided; its case was merged into another one,
which has the same task open already."""
_PENDING, _CONFIRMS = "pending", "confirmed"


def take_back(change: Change, rows: Sequence[Any], why: str) -> None:
    """Take back open tasks inside a change, with the notices that wait and tell of nothing else.

    Their links stay good: whoever opens one reads that there is nothing to do.

    Args:
        change: the change.
        rows: of `tasks`.
        why: by a person, or `BY_DECISION` or `BY_MERGE`.
    """
    values = {"status": WITHDRAWN, "withdrawn_ms": change.now_ms, "withdrawn_why": why}
    for some in chunks([each.task_id for each in rows]):
        change.connection.execute(update(tasks).where(tasks.c.task_id.in_(some)).values(values))
        waits = and_(notices.c.status == _PENDING, _tells_of(some), ~_tells_of_open())
        change.connection.execute(update(notices).where(waits).values(status=WITHDRAWN))
    for each in rows:
        _note(change, "withdraw_task", each.case_id, task_id=each.task_id, reason=why)


def of_decided(change: Change, case_ids: Collection[int], verdict: str = "") -> None:
    """Take back the open tasks of those of some cases that are decided now.

    What a merchant is to put right is checked again all the same; and where the verdict confirms, what helps the shop
    is still to be done: such tasks stay.

    Args:
        change: the change.
        case_ids: that may be decided now.
        verdict: the last one; "" where there is none.
    """
    helps = tasks.c.kind.in_(HELPS if verdict == _CONFIRMS else ())
    ends = and_(tasks.c.after_task_id.is_(None), ~helps)
    for some in chunks(case_ids):
        found = select(tasks).join(cases, cases.c.case_id == tasks.c.case_id)
        found = found.where(tasks.c.case_id.in_(some), cases.c.status == DECIDED)
        found = found.where(tasks.c.status == OPEN, ends)
        take_back(change, change.connection.execute(found.order_by(tasks.c.task_id)).all(), BY_DECISION)


def of_merged(change: Change, case_id: int, into: int) -> None:
    """Take back those open tasks of a case for which the one that it is merged into has the same; others go with it."""
    twin = tasks.alias()
    same = exists().where(
        twin.c.case_id == into, twin.c.status == OPEN, twin.c.merchant_id == tasks.c.merchant_id,
        twin.c.rep_id == tasks.c.rep_id, twin.c.kind == tasks.c.kind,
    )  # fmt: skip
    found = select(tasks).where(tasks.c.case_id == case_id, tasks.c.status == OPEN, same)
    take_back(change, change.connection.execute(found.order_by(tasks.c.task_id)).all(), BY_MERGE)


def bring_back(change: Change, made: Collection[Any]) -> None:
    """Have tasks be as before decisions that are undone; those answered meanwhile are answered.

    Args:
        change: the change.
        made: rows of `decisions`.
    """
    given = {(each.case_id, each.decided_ms) for each in made}
    for some in chunks({each.case_id for each in made}):
        by_one = and_(tasks.c.status == WITHDRAWN, tasks.c.withdrawn_why == BY_DECISION)
        rows = change.connection.execute(select(tasks).where(tasks.c.case_id.in_(some), by_one)).all()
        back = [each for each in rows if (each.case_id, each.withdrawn_ms) in given]
        ids = [each.task_id for each in back]
        stands = case((tasks.c.answered_ms.is_not(None), ANSWERED), else_=OPEN)
        values = {"status": stands, "withdrawn_ms": None, "withdrawn_why": ""}
        change.connection.execute(update(tasks).where(tasks.c.task_id.in_(ids)).values(values))
        held = and_(notices.c.status == WITHDRAWN, _tells_of(ids), _tells_of_open())
        change.connection.execute(update(notices).where(held).values(status=_PENDING))
        for each in back:
            _note(change, "bring_back_task", each.case_id, task_id=each.task_id)


def _tells_of(task_ids: Collection[int]) -> Any:
    return notices.c.notice_id.in_(select(notice_entries.c.notice_id).where(notice_entries.c.task_id.in_(task_ids)))


def _tells_of_open() -> Any:
    """Whether a notice has an entry that is still to be told: of an open task, or of none."""
    joined = notice_entries.outerjoin(tasks, tasks.c.task_id == notice_entries.c.task_id)
    is_open = or_(notice_entries.c.task_id.is_(None), tasks.c.status == OPEN)
    its = notice_entries.c.notice_id == notices.c.notice_id
    return exists(select(notice_entries.c.notice_id).select_from(joined).where(its, is_open).correlate(notices))

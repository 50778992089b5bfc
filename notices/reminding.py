"""Reminders: a rep is told once more of tasks that are due soon and not answered."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from casework.schema import notice_entries, notices, tasks
from casework.tasks.words import OPEN
from notices.bodies import REMINDER

if TYPE_CHECKING:
    from sqlalchemy import Connection


def due_soon(connection: Connection, before_ms: int, now_ms: int) -> dict[str, list[Any]]:
    """By rep, rows of open tasks of which to remind now, the soonest due first; of each once.

    A task is due soon when at most `before_ms` and at most half of its time are left, so that a short one is not
    reminded of as soon as it is given.
    """
    left_ms = tasks.c.due_ms - now_ms
    joined = notice_entries.join(notices, notices.c.notice_id == notice_entries.c.notice_id)
    told = select(notice_entries.c.task_id).select_from(joined).where(notice_entries.c.task_id == tasks.c.task_id)
    statement = select(tasks).where(
        tasks.c.status == OPEN, left_ms > 0, left_ms <= before_ms, left_ms * 2 <= tasks.c.due_ms - tasks.c.made_ms,
        told.correlate(tasks).exists(), ~told.where(notices.c.kind == REMINDER).correlate(tasks).exists(),
    )  # fmt: skip
    found: dict[str, list[Any]] = defaultdict(list)
    for each in connection.execute(statement.order_by(tasks.c.due_ms, tasks.c.task_id)):
        found[each.rep_id].append(each)
    return found

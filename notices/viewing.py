"""A notice as templates are given it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from casework.tasks.words import CHECKS, STANDARD
from casework.tasks.words import VISIT as VISIT_TASK
from notices.bodies import VISIT, Body, Entry
from notices.view import NoticeView, TaskView

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MOST_SHOWN = 20
"""Shops that one notice names; how many more there are is said, and the page behind the link has them."""


def view_of(row: Any, link_of: Callable[[Entry | None], str], without: Collection[int] = ()) -> NoticeView:
    """A notice's row as a view.

    Args:
        row: of `notices`.
        link_of: where an entry is answered; of None, where all of them are. A person who has tasks gets one link, which
            signs a phone in; a desk, and who is told of another's tasks, one for each shop.
        without: tasks that are needed no more.

    Raises:
        ValueError: nothing is left to be told.
    """
    body = msgspec.json.decode(row.body, type=Body)
    entries = [each for each in body.entries if each.task_id not in without]
    if not entries:
        raise ValueError(f"notice {row.notice_id} must have a task that is needed still, it has none")
    shown = entries[:MOST_SHOWN]
    link = link_of(entries[0] if len(entries) == 1 else None)
    one_each = row.is_desk or row.escalates is not None
    tasks = tuple(
        TaskView(
            no=_number(each),
            shop=each.shop or each.merchant_id[-4:], address=each.address, tail=each.merchant_id[-4:],
            due_ms=each.due_ms,
            checklist=tuple(CHECKS[one].question for one in STANDARD.get(each.task or VISIT_TASK, ())),
            link=link_of(each) if one_each else link,
            kind=each.task or VISIT, holder=each.holder,  # type: ignore[arg-type]
        )
        for each in shown
    )  # fmt: skip
    return NoticeView(
        notice_id=row.notice_id, kind=row.kind, recipient=body.name, tasks=tasks,
        link=link, zone=body.zone, urgent=row.urgent,
        more=len(entries) - len(shown),
    )  # fmt: skip


def _number(entry: Entry) -> str:
    found = entry.task_id if entry.task_id is not None else entry.case_id
    return str(found) if found is not None else ""

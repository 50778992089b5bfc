"""A notice as templates are given it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casework.tasks.kinds import VISIT as VISIT_TASK
from casework.tasks.words import CHECKS, STANDARD
from notices.bodies import VISIT
from notices.view import NoticeView, TaskView

if TYPE_CHECKING:
    from collections.abc import Callable

    from notices.bodies import Body, Entry

MOST_SHOWN = 20
"""Shops that one notice names; how many more there are is said, and the page behind the link has them."""


def view_of(row: Any, body: Body, link_of: Callable[[Entry | None], str]) -> NoticeView:
    """A notice's row as a view.

    Args:
        row: of `notices`.
        body: what the row says.
        link_of: where an entry is answered; of None, where all of them are. A person who has tasks gets one link, which
            signs a phone in; a desk, and who is told of another's tasks, one for each shop.
    """
    shown = body.entries[:MOST_SHOWN]
    link = link_of(body.entries[0] if len(body.entries) == 1 else None)
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
        more=len(body.entries) - len(shown),
    )  # fmt: skip


def _number(entry: Entry) -> str:
    found = entry.task_id if entry.task_id is not None else entry.case_id
    return str(found) if found is not None else ""

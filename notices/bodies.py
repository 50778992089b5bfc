"""What a notice is about, as it is kept: shops, what to do there by when, and for whom. Nothing of what led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection

VISIT, DOCUMENTS, REPAIR, WARNING = "visit", "documents", "repair", "warning"
DIGEST, REMINDER, DESK = "digest", "reminder", "desk"
TO_SUPERVISOR, TO_DESK = "escalation_supervisor", "escalation_desk"
KIND_OF_TASK = {
    "visit": VISIT, "recheck": VISIT, "inspection": VISIT, "documents": DOCUMENTS, "repair": REPAIR, "call": VISIT,
    "warning": WARNING, "": VISIT,
}  # fmt: skip
"""What a notice of one task is called, by the task's kind."""
DECIDE, ACT, DUTY = "decide", "act", "duty"
"""What a desk is to do about a shop: give a verdict, act on what was confirmed, see to what has a deadline."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One shop of a notice.

    Attributes:
        merchant_id: whose.
        shop: its name.
        address: where it is.
        task: the kind of task, for a desk of `DECIDE`, `ACT` and `DUTY`; "" for none.
        due_ms: by when, UTC milliseconds.
        is_task: whether it is a task for today; else it stands in the list of what is to come.
        task_id: the task's number; None where there is none.
        holder: who has the task, in an escalation.
        case_id: for a desk, the case that it is about; None for none.
    """

    merchant_id: str
    shop: str
    address: str
    task: str
    due_ms: int
    is_task: bool = False
    task_id: int | None = None
    holder: str = ""
    case_id: int | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a notice.

    Attributes:
        name: what the recipient is called.
        lang: what the recipient reads.
        zone: the recipient's time zone.
        entries: the most urgent first.
        supervisor_after_ms: how long after it was made it goes to the supervisor unopened; None for never.
        desk_after_ms: likewise to the desk, unanswered.
    """

    name: str
    lang: str
    zone: str
    entries: tuple[Entry, ...]
    supervisor_after_ms: int | None = None
    desk_after_ms: int | None = None

    def without(self, gone: Collection[int]) -> Body:
        """What is left to tell without the tasks of these ids, which are needed no more."""
        return msgspec.structs.replace(self, entries=tuple(each for each in self.entries if each.task_id not in gone))

"""What the templates of notices are given: tasks at shops, and nothing of what led to them.

There is no detector, rule, model, threshold, severity, grade, score or card number in a view: no template can show one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from domain.alerts import Text

TaskKind = Literal["visit", "call", "recheck", "inspection", "documents", "repair", "warning", "decide", "act", "duty"]
"""What is to be done: go there, telephone, go once more after something was put right (整改), inspect (巡检), answer a
request for documents (调单), repair a terminal, help a shop whose trade falls off; for a desk: decide on a case, act on
one that was confirmed, see to a duty."""
NoticeKind = Literal[
    "visit", "documents", "repair", "warning", "digest", "reminder", "escalation_supervisor", "escalation_desk", "desk"
]
"""What a notice says, by its template.

- `visit`: one task of the kinds visit, call, recheck or inspection; `documents`, `repair`, `warning`: one task of that
  kind.
- `digest`: several tasks at once; `reminder`: tasks that nobody has answered yet.
- `escalation_supervisor`, `escalation_desk`: tasks that somebody else has not opened or answered.
- `desk`: shops that the risk desk itself looks after; `no` is the case's number, and `link` leads to the case.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One task as its recipient reads it.

    Attributes:
        no: the number of the task that people name it by, for a desk that of the case; "" where there is none.
        shop: the shop's name, as master data have it.
        address: where it is; "" where master data do not say.
        tail: the last four characters of the merchant number.
        due_ms: answered by, UTC milliseconds.
        checklist: what to check there, in both languages; a request for documents lists the documents.
        link: where it is answered, https.
        kind: what is to be done.
        holder: who has the task, in an escalation; "" elsewhere.
    """

    no: str
    shop: str
    address: str
    tail: str
    due_ms: int
    checklist: tuple[Text, ...]
    link: str
    kind: TaskKind = "visit"
    holder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """What one notice says, to one recipient.

    Attributes:
        notice_id: as in `Message`.
        kind: which template.
        recipient: what they are called.
        tasks: at least one; the kinds of one task have just one.
        link: where all of them are answered, https; of a notice about one task, that task's.
        zone: time zone of the deadlines, an IANA name.
        urgent: as in `Message`.
        more: how many tasks there are beyond those told here; the page behind the link has them.
    """

    notice_id: str
    kind: NoticeKind
    recipient: str
    tasks: tuple[TaskView, ...]
    link: str
    zone: str = "Asia/Shanghai"
    urgent: bool = False
    more: int = 0

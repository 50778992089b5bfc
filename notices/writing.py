"""Writing notices to the outbox, and what is known of those who read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert

from casework import audit
from casework.bodies import text as json_text
from casework.filing import AGENT
from casework.schema import notice_entries, notices
from notices.composing import Reader
from notices.routing.routes import DESK_TITLE
from notices.states import PENDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from casework.persons import Person
    from notices.composing import Made
    from notices.recipients import Recipient
    from notices.routing.routes import Routing


def reader_of(people: Mapping[str, Person], recipient: Recipient, routing: Routing, lang: str, zone: str) -> Reader:
    """How a recipient is spoken to, by a language and a time zone where they have said none."""
    if recipient.is_desk:
        title = DESK_TITLE.zh if lang == "zh" else DESK_TITLE.en
        return Reader(routing.receivers[recipient.name].title or title, lang, zone)
    person = people.get(recipient.name)
    if person is None:
        return Reader(recipient.name, lang, zone)
    return Reader(person.name or recipient.name, person.language or lang, person.time_zone or zone)


def write(
    connection: Connection, made: Made, now_ms: int, escalates: str | None = None, not_before_ms: int = 0
) -> None:
    """Put a notice into the outbox, and into the audit."""
    body = made.body
    waits = [each for each in (body.supervisor_after_ms, body.desk_after_ms) if each is not None]
    connection.execute(
        insert(notices),
        {
            "notice_id": made.notice_id, "kind": made.kind, "recipient": made.recipient.name,
            "is_desk": made.recipient.is_desk, "channels": json_text(made.recipient.channels), "route": made.route,
            "body": json_text(body), "urgent": made.urgent, "made_ms": now_ms, "status": PENDING,
            "not_before_ms": max(now_ms, not_before_ms), "attempts": 0, "channel": "", "message_id": "", "said": "",
            "escalates": escalates,
            "escalate_ms": now_ms + min(waits) if waits and not made.recipient.is_desk else None,
        },
    )  # fmt: skip
    rows = [
        {
            "notice_id": made.notice_id, "position": k, "merchant_id": each.merchant_id,
            "alert_ids": json_text(made.alert_ids[k]), "is_task": each.is_task, "task_id": each.task_id,
            "due_ms": each.due_ms,
        }
        for k, each in enumerate(body.entries)
    ]  # fmt: skip
    connection.execute(insert(notice_entries), rows)
    audit.append(
        connection, time_ms=now_ms, actor=AGENT, kind="make_notice",
        detail={"notice_id": made.notice_id, "recipient": made.recipient.name, "shops": len(rows)},
    )  # fmt: skip

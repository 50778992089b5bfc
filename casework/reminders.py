"""What somebody wants to be reminded of: a case, when, and a text; listed once it is due, until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from casework.change import changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import WORKS, sees
from casework.schema import cases, reminders
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.people import Actor
    from casework.store import Store

MOST_AHEAD_MS = 365 * DAY_MS
"""How far ahead a reminder may be: our own default."""


def remind(store: Store, actor: Actor, case_id: int, due_ms: int, text: str, now_ms: int, *, whom: str = "") -> int:
    """Set a reminder of a case, of the actor's own or for somebody else who works on it; its number.

    Raises:
        Refused: it is due before now or more than a year ahead; the text is empty; the person cannot work on the case.
    """
    if not 0 < due_ms - now_ms <= MOST_AHEAD_MS:
        raise Refused(f"due_ms must be 1 to {MOST_AHEAD_MS} ms after now, got {due_ms - now_ms}")
    said = checked_text(text, "a reminder")
    with changing(store, actor, now_ms, WORKS, "to set a reminder") as change:
        case = change.case(case_id)
        if whom and whom != actor.user_id:
            change.colleague(whom, case)
        row = {
            "case_id": case_id, "user_id": whom or actor.user_id, "due_ms": due_ms, "text": said, "by": actor.user_id,
            "set_ms": now_ms,
        }  # fmt: skip
        made = insert(reminders).returning(reminders.c.reminder_id)
        reminder_id = int(change.connection.execute(made, row).scalar_one())
        change.note("remind", case, reminder_id=reminder_id, user_id=row["user_id"], due_ms=due_ms)
        return reminder_id


def done(store: Store, actor: Actor, reminder_id: int, now_ms: int) -> None:
    """End a reminder of the actor's; raises NotFound where there is none that is not done."""
    with changing(store, actor, now_ms, WORKS, "to end a reminder") as change:
        is_it = (reminders.c.reminder_id == reminder_id) & (reminders.c.user_id == actor.user_id)
        row = change.connection.execute(select(reminders).where(is_it, reminders.c.done_ms.is_(None))).first()
        if row is None:
            raise NotFound(f"there is no reminder {reminder_id} of {actor.user_id} that is not done")
        case = change.case(row.case_id)
        change.connection.execute(update(reminders).where(is_it).values(done_ms=now_ms))
        change.note("done", case, reminder_id=reminder_id)


def mine(store: Store, actor: Actor, now_ms: int) -> Sequence[Any]:
    """Rows of `reminders` of the actor's that are not done, due or not, those due first at the head."""
    waits = (reminders.c.user_id == actor.user_id) & reminders.c.done_ms.is_(None)
    statement = select(reminders).join(cases, cases.c.case_id == reminders.c.case_id).where(waits, sees(actor, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(reminders.c.due_ms, reminders.c.reminder_id)).all()


def due(store: Store, actor: Actor, now_ms: int) -> Sequence[Any]:
    """Rows of `reminders` of the actor's that are due and not done, the oldest first."""
    mine = (reminders.c.user_id == actor.user_id) & reminders.c.done_ms.is_(None) & (reminders.c.due_ms <= now_ms)
    statement = select(reminders).join(cases, cases.c.case_id == reminders.c.case_id).where(mine, sees(actor, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(reminders.c.due_ms, reminders.c.reminder_id)).all()

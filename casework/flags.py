"""Flags: a case that a second pair of eyes is to look at, while whoever holds it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from casework.change import changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import WORKS, sees
from casework.schema import cases, flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.people import Actor
    from casework.store import Store


def flag(store: Store, actor: Actor, case_id: int, why: str, now_ms: int) -> int:
    """Flag a case for a second pair of eyes; the flag's number. Raises Refused where one is up already."""
    said = checked_text(why, "the reason of a flag")
    with changing(store, actor, now_ms, WORKS, "to flag a case") as change:
        case = change.case(case_id)
        is_up = (flags.c.case_id == case_id) & flags.c.lifted_ms.is_(None)
        if change.connection.execute(select(flags.c.flag_id).where(is_up)).first() is not None:
            raise Refused(f"case {case_id} must not be flagged already, it is")
        row = {"case_id": case_id, "by": actor.user_id, "flagged_ms": now_ms, "why": said, "found": ""}
        flag_id = int(change.connection.execute(insert(flags).returning(flags.c.flag_id), row).scalar_one())
        change.change_case(case)
        change.note("flag", case, flag_id=flag_id, why=said)
        return flag_id


def lift(store: Store, actor: Actor, flag_id: int, found: str, now_ms: int) -> int:
    """Lift a flag of another's, with what was found; its case. Raises Refused where it is the actor's own."""
    said = checked_text(found, "what was found")
    with changing(store, actor, now_ms, WORKS, "to lift a flag") as change:
        is_up = (flags.c.flag_id == flag_id) & flags.c.lifted_ms.is_(None)
        row = change.connection.execute(select(flags).where(is_up)).first()
        if row is None:
            raise NotFound(f"there is no flag {flag_id} that is up")
        case = change.case(row.case_id)
        if row.by == actor.user_id:
            raise Refused(f"flag {flag_id} must be lifted by another than {row.by}, who has put it up")
        values = {"lifted_by": actor.user_id, "lifted_ms": now_ms, "found": said}
        change.connection.execute(update(flags).where(is_up).values(values))
        change.change_case(case)
        change.note("lift_flag", case, flag_id=flag_id, found=said)
        return int(case.case_id)


def up(store: Store, actor: Actor, now_ms: int) -> Sequence[Any]:
    """Rows of `flags` that are up, of cases that the actor sees; the oldest first."""
    statement = select(flags).join(cases, cases.c.case_id == flags.c.case_id)
    statement = statement.where(flags.c.lifted_ms.is_(None), sees(actor, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(flags.c.flag_id)).all()

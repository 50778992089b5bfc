"""Cases given upwards, to leads, to those of money laundering or to somebody by name, and what these answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, or_, select, true, update

from casework import audit
from casework.change import changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import AML, LEAD, WORKS, sees
from casework.schema import cases, escalations
from casework.states import OPEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.people import Actor
    from casework.store import Store

ROLES = (LEAD, AML)
"""Roles that a case can be escalated to."""


def escalate(
    store: Store, actor: Actor, case_id: int, reason: str, now_ms: int, *, to_role: str = "", to_user: str = ""
) -> int:
    """Give an open case upwards, so that the actor's work on it is over; the escalation's number.

    To a role, it is held by nobody afterwards, and any of the role takes it; to a person, that person holds it. One to
    `aml` is shown to those who work on cases alone, and only `aml` reads of it in the audit: of a merchant that may be
    reported nobody else is to learn it.

    Args:
        store: the store.
        actor: who escalates.
        case_id: the case.
        reason: why, 1 to 4,000 characters.
        now_ms: UTC milliseconds.
        to_role: one of `ROLES`; "" where a person is named.
        to_user: who works on cases and sees this one; "" where a role is named.

    Raises:
        Refused: not exactly one of role and person is named; the role is none; the person cannot work on it; it is
            escalated already.
    """
    if bool(to_role) == bool(to_user) or (to_role and to_role not in ROLES):
        raise Refused(f"a case must be escalated to one of the roles {', '.join(ROLES)}, or to a person")
    said = checked_text(reason, "the reason of an escalation")
    with changing(store, actor, now_ms, WORKS, "to escalate a case") as change:
        case = change.case(case_id, is_open=True)
        if to_user:
            change.colleague(to_user, case)
        runs = (escalations.c.case_id == case_id) & escalations.c.answered_ms.is_(None)
        if change.connection.execute(select(escalations.c.escalation_id).where(runs)).first() is not None:
            raise Refused(f"case {case_id} must not be escalated already, it is")
        is_aml = bool(case.is_aml) or to_role == AML
        row = {
            "case_id": case_id, "to_role": to_role or None, "to_user": to_user or None, "is_aml": is_aml,
            "reason": said, "by": actor.user_id, "escalated_ms": now_ms,
            "answer": "",
        }  # fmt: skip
        made = insert(escalations).returning(escalations.c.escalation_id)
        escalation_id = int(change.connection.execute(made, row).scalar_one())
        change.change_case(case, holder=to_user or None, taken_ms=now_ms if to_user else None)
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="escalate", case_id=case_id,
            is_aml=is_aml, detail={"escalation_id": escalation_id, "to": to_role or to_user, "reason": said},
        )  # fmt: skip
        return escalation_id


def answer(store: Store, actor: Actor, escalation_id: int, text: str, now_ms: int) -> int:
    """Answer an escalation, which ends it; its case.

    Raises:
        NotFound: there is none that is not answered and that the actor sees.
        Refused: it went to another role, or to another person.
    """
    said = checked_text(text, "the answer to an escalation")
    with changing(store, actor, now_ms, WORKS, "to answer an escalation") as change:
        runs = (escalations.c.escalation_id == escalation_id) & escalations.c.answered_ms.is_(None)
        row = change.connection.execute(select(escalations).where(runs)).first()
        if row is None:
            raise NotFound(f"there is no escalation {escalation_id} to answer")
        case = change.case(row.case_id)
        if row.to_user != actor.user_id and row.to_role not in actor.roles:
            raise Refused(f"escalation {escalation_id} must be answered by {row.to_user or row.to_role}")
        values = {"answered_by": actor.user_id, "answered_ms": now_ms, "answer": said}
        change.connection.execute(update(escalations).where(runs).values(values))
        change.change_case(case)
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="answer", case_id=case.case_id,
            is_aml=row.is_aml, detail={"escalation_id": escalation_id},
        )  # fmt: skip
        return int(case.case_id)


def of_case(store: Store, actor: Actor, case_id: int, now_ms: int) -> Sequence[Any]:
    """Rows of `escalations` of a case that the actor sees, the oldest first."""
    told = true() if actor.roles & WORKS else ~escalations.c.is_aml
    statement = select(escalations).join(cases, cases.c.case_id == escalations.c.case_id)
    statement = statement.where(escalations.c.case_id == case_id, told, sees(actor, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(escalations.c.escalation_id)).all()


def open_to(store: Store, actor: Actor, now_ms: int) -> Sequence[Any]:
    """Rows of `escalations` that wait for the actor, by name or by role, of open cases that the actor sees."""
    mine = or_(escalations.c.to_user == actor.user_id, escalations.c.to_role.in_(actor.roles))
    statement = select(escalations).join(cases, cases.c.case_id == escalations.c.case_id)
    statement = statement.where(escalations.c.answered_ms.is_(None), cases.c.status == OPEN, mine, sees(actor, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(escalations.c.escalation_id)).all()

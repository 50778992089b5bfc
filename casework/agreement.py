"""Decisions that need two: what waits for somebody to agree, and the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from casework.change import Change, changing
from casework.decisions import DECLINED, GIVEN, PROPOSED, Answer, Made, put_in_force
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import LEADS, sees
from casework.schema import alerts, cases, decision_alerts, decisions
from casework.states import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.people import Actor
    from casework.store import Store


def waiting(store: Store, actor: Actor, now_ms: int) -> Sequence[Any]:
    """Rows of `decisions` that wait for somebody to agree, of cases that the actor sees; the oldest first."""
    waits = (decisions.c.status == PROPOSED) & decisions.c.undone_ms.is_(None)
    statement = select(decisions).join(cases, cases.c.case_id == decisions.c.case_id).where(waits, sees(actor, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(decisions.c.decision_id)).all()


def agree(store: Store, actor: Actor, decision_id: int, text: str, now_ms: int) -> None:
    """Agree to a proposed decision, which stands from now on.

    Raises:
        NotFound, NotAllowed: it is not seen; the actor is no lead.
        Refused: it does not wait, the actor has given it, or its alerts were decided or moved meanwhile.
    """
    said = checked_text(text, "the reason of an agreement")
    with changing(store, actor, now_ms, LEADS, "to agree to a decision") as change:
        made, case = _proposed(change, decision_id)
        before = change.connection.execute(
            select(decision_alerts).where(decision_alerts.c.decision_id == decision_id)
        ).all()
        bore = {each.alert_id: (each.decision_before, each.verdict_before) for each in before}
        of_case = (alerts.c.case_id == made.case_id) & (alerts.c.state != WITHDRAWN)
        found = change.connection.execute(
            select(alerts).where(alerts.c.alert_id.in_(bore), of_case).order_by(alerts.c.alert_id)
        ).all()
        if {each.alert_id: (each.decision_id, each.verdict) for each in found} != bore:
            raise Refused(f"decision {decision_id} must be on alerts as they were, they have changed: decide anew")
        change.change_case(case, snoozed_until_ms=None)
        answer = Answer(made.verdict, made.reason_code, made.comment)
        put_in_force(change, [Made(decision_id, made.case_id, GIVEN, found)], answer, made.by)
        _answer(change, decision_id, GIVEN, said)
        change.note("agree", case, decision_id=decision_id, alert_ids=[each.alert_id for each in found])


def decline(store: Store, actor: Actor, decision_id: int, text: str, now_ms: int) -> None:
    """Do not agree to a proposed decision: it is as if it had not been; raises as `agree` does."""
    said = checked_text(text, "the reason of a refusal")
    with changing(store, actor, now_ms, LEADS, "to decline a decision") as change:
        _, case = _proposed(change, decision_id)
        change.change_case(case)
        _answer(change, decision_id, DECLINED, said)
        change.note("decline", case, decision_id=decision_id)


def _proposed(change: Change, decision_id: int) -> tuple[Any, Any]:
    made = change.connection.execute(select(decisions).where(decisions.c.decision_id == decision_id)).first()
    if made is None:
        raise NotFound(f"there is no decision {decision_id}")
    case = change.case(made.case_id)
    if made.status != PROPOSED or made.undone_ms is not None:
        raise Refused(f"decision {decision_id} must wait for somebody to agree, it does not")
    if made.by == change.actor.user_id:
        raise Refused(f"decision {decision_id} must be agreed to by another than {made.by}, who has given it")
    return made, case


def _answer(change: Change, decision_id: int, status: str, said: str) -> None:
    values = {"status": status, "second_by": change.actor.user_id, "second_ms": change.now_ms, "second_text": said}
    change.connection.execute(update(decisions).where(decisions.c.decision_id == decision_id).values(values))

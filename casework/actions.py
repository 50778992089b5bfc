"""What is to be done about a merchant: recommended by one, approved by two where that is asked for, recorded when done.

Tillwatch does none of it. It keeps what people recommend and what they say was done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import case, func, insert, select, update

from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import LEADS, WORKS, sees
from casework.schema import actions, alerts, approvals, cases, merchants
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.people import Actor
    from casework.store import Store

KINDS = (
    "visit", "training", "limit", "hold_settlement", "suspend", "correct_mcc", "refund_fees", "terminate", "report",
    "other",
)  # fmt: skip
RECOMMENDED, APPROVED, RECORDED = "recommended", "approved", "recorded"
TWO = 2
BY_TWO = frozenset({"hold_settlement", "suspend", "terminate", "report"})
"""Kinds that two must approve: they take a merchant's money or trade, or tell others of it. Our own default."""
BY_TWO_AT: dict[str, frozenset[str]] = {"E": frozenset({"limit"})}
"""Further kinds that two must approve, by the grade of the merchant: our own default."""
EXECUTE_WITHIN_MS = DAY_MS
"""How long what is approved may wait to be executed: our own default."""


def recommend(
    store: Store, actor: Actor, case_id: int, kind: str, text: str, now_ms: int, *, approved_by_two: bool = False
) -> int:
    """Recommend an action, one of `KINDS`; its number.

    Two must approve it where its kind asks for that (`BY_TWO`), or its kind and a merchant's grade do (`BY_TWO_AT`).

    Args:
        store: the store.
        actor: who recommends.
        case_id: of the merchant, or of the cause.
        kind: what is to be done.
        text: the same in words, 1 to 4,000 characters.
        now_ms: UTC milliseconds.
        approved_by_two: whether two must approve it though nothing asks for that.

    Raises:
        Refused: the kind or the text is none.
    """
    if kind not in KINDS:
        raise Refused(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    said = checked_text(text, "an action")
    with changing(store, actor, now_ms, WORKS, "to recommend an action") as change:
        of_case = change.case(case_id)
        by_two = approved_by_two or kind in BY_TWO or kind in BY_TWO_AT.get(_worst_grade(change, of_case), ())
        row = {
            "case_id": case_id, "kind": kind, "text": said, "status": RECOMMENDED,
            "approvals_wanted": TWO if by_two else 0, "recommended_by": actor.user_id,
            "recommended_ms": now_ms, "outcome": "",
        }  # fmt: skip
        action_id = int(change.connection.execute(insert(actions).returning(actions.c.action_id), row).scalar_one())
        change.change_case(of_case)
        change.note("recommend", of_case, action_id=action_id, action=kind, approved_by_two=by_two)
        return action_id


def approve(store: Store, actor: Actor, action_id: int, now_ms: int) -> str:
    """Approve an action that another has recommended; its status afterwards.

    Raises:
        Refused: it needs no approval, is approved or recorded, was recommended or approved by the actor.
    """
    with changing(store, actor, now_ms, LEADS, "to approve an action") as change:
        row, of_case = _action(change, action_id)
        if row.status != RECOMMENDED or not row.approvals_wanted:
            raise Refused(f"action {action_id} must wait for approvals, it does not")
        by = {*change.connection.execute(select(approvals.c.by).where(approvals.c.action_id == action_id)).scalars()}
        if actor.user_id in {*by, row.recommended_by}:
            raise Refused(f"action {action_id} must be approved by others than {actor.user_id}, who took part already")
        given = {"action_id": action_id, "by": actor.user_id, "approved_ms": now_ms}
        change.connection.execute(insert(approvals), given)
        status = APPROVED if len(by) + 1 >= row.approvals_wanted else RECOMMENDED
        values = {"status": status, "approved_ms": change.now_ms if status == APPROVED else None}
        change.connection.execute(update(actions).where(actions.c.action_id == action_id).values(values))
        change.note("approve", of_case, action_id=action_id, status=status)
        return status


def record(store: Store, actor: Actor, action_id: int, outcome: str, now_ms: int) -> None:
    """Record that an action was done, and what came of it.

    Raises:
        Refused: it waits for approvals, or is recorded already.
    """
    said = checked_text(outcome, "an outcome")
    with changing(store, actor, now_ms, WORKS, "to record an action") as change:
        row, of_case = _action(change, action_id)
        if row.status != APPROVED and (row.status != RECOMMENDED or row.approvals_wanted):
            given = select(func.count()).select_from(approvals).where(approvals.c.action_id == action_id)
            count = change.connection.execute(given).scalar_one()
            wants = f"it has {count} of {row.approvals_wanted} approvals"
            raise Refused(f"action {action_id} must be approved and not recorded yet, it is {row.status}; {wants}")
        values = {"status": RECORDED, "recorded_by": actor.user_id, "recorded_ms": now_ms, "outcome": said}
        change.connection.execute(update(actions).where(actions.c.action_id == action_id).values(values))
        change.change_case(of_case)
        change.note("record", of_case, action_id=action_id)


class Executed(NamedTuple):
    """What was done outside about an action, as the system that did it says.

    Attributes:
        action_id: the action's number.
        outcome: what came of it, 1 to 4,000 characters.
    """

    action_id: int
    outcome: str


def record_executed(store: Store, actor: Actor, executed: Sequence[Executed], now_ms: int) -> dict[int, str]:
    """Record what another system has executed, one transaction for each; a refused one keeps none of the others back.

    Returns:
        By place in `executed`, why it was refused; the others are recorded.

    Raises:
        NotAllowed: the actor may not record.
    """
    actor.need(WORKS, "to record an action")
    refused = {}
    for i, each in enumerate(executed):
        try:
            record(store, actor, each.action_id, each.outcome, now_ms)
        except Refused as error:
            refused[i] = str(error)
    return refused


def to_execute(store: Store, actor: Actor, now_ms: int, *, for_ms: int = 0) -> Sequence[Any]:
    """Actions that may be executed and are not recorded, of cases that the actor sees, with what is needed to do so.

    Args:
        store: the store.
        actor: who looks.
        now_ms: UTC milliseconds.
        for_ms: only those that have waited for longer: `EXECUTE_WITHIN_MS` for what is overdue.

    Returns:
        Rows of `actions`, with `merchant_id` and `cause_id` of the case and `since_ms`, from when on it might have
        been executed; the longest first.
    """
    since = case((actions.c.approvals_wanted > 0, actions.c.approved_ms), else_=actions.c.recommended_ms)
    ready = (actions.c.status == APPROVED) | ((actions.c.status == RECOMMENDED) & (actions.c.approvals_wanted == 0))
    columns = (actions, cases.c.merchant_id, cases.c.cause_id, since.label("since_ms"))
    statement = select(*columns).join(cases, cases.c.case_id == actions.c.case_id)
    statement = statement.where(ready, sees(actor, now_ms), since <= now_ms - for_ms)
    with store.reading() as connection:
        return connection.execute(statement.order_by(since, actions.c.action_id)).all()


def _worst_grade(change: Change, of_case: Any) -> str:
    """The worst grade of the case's merchants; "" where none has one."""
    of_alerts = select(alerts.c.merchant_id).where(alerts.c.case_id == of_case.case_id)
    concerned = merchants.c.merchant_id.in_(of_alerts) | (merchants.c.merchant_id == of_case.merchant_id)
    return change.connection.execute(select(func.max(merchants.c.grade)).where(concerned)).scalar_one() or ""


def _action(change: Change, action_id: int) -> tuple[Any, Any]:
    row = change.connection.execute(select(actions).where(actions.c.action_id == action_id)).first()
    if row is None:
        raise NotFound(f"there is no action {action_id}")
    return row, change.case(row.case_id)

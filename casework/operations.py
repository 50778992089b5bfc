"""What people do with a case as a whole: take it, comment on it, and say which alerts it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select, update

from casework.change import Change, changing, check_version
from casework.errors import Conflict, NotFound, Refused
from casework.filing import new_case
from casework.people import AML, COMMENTS, LEADS, WORKS
from casework.schema import alerts, cases, causes, comments
from casework.states import CAUSE, MERCHANT, RETRIEVAL, WITHDRAWN
from casework.tasks import ending
from domain.causes import Cause
from domain.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from casework.people import Actor
    from casework.store import Store

MOST_TEXT = 4_000
"""Characters of a comment or a reason."""


def checked_text(text: str, what: str) -> str:
    """A text by a person, its card numbers masked; raises Refused where it is empty or too long."""
    if not 1 <= len(text.strip()) <= MOST_TEXT:
        raise Refused(f"{what} must have 1 to {MOST_TEXT} characters, got {len(text.strip())}")
    return mask_text(text.strip())


def take(store: Store, actor: Actor, case_id: int, expected_version: int, now_ms: int) -> int:
    """Take a case, so that it is the actor's to work on; its version afterwards.

    Raises:
        Conflict: somebody else holds it, or it has changed since it was looked at.
        NotFound, NotAllowed, Refused: it is not seen, the actor may not, or it is not open.
    """
    with changing(store, actor, now_ms, WORKS, "to take a case") as change:
        case = change.case(case_id, is_open=True)
        if may_hold(actor, case, expected_version):
            change.change_case(case, holder=actor.user_id, taken_ms=now_ms)
            change.note("take", case)
            return int(case.version) + 1
        return int(case.version)


def may_hold(actor: Actor, case: Any, expected_version: int) -> bool:
    """Whether a case is to be taken; False where the actor holds it already. Raises Conflict as `take` does."""
    if case.holder == actor.user_id:
        return False
    if case.holder is not None:
        raise Conflict(f"case {case.case_id} is held by {case.holder}", case.holder, case.version)
    check_version(case, expected_version)
    return True


def assign(store: Store, actor: Actor, case_id: int, to: str, expected_version: int, now_ms: int) -> int:
    """Give a case to somebody who works on cases and sees it, whoever holds it now; its version afterwards.

    Raises:
        Conflict: it has changed since it was looked at.
        NotFound, NotAllowed, Refused: it or the user is not there, the actor is no lead, it is not open.
    """
    with changing(store, actor, now_ms, LEADS, "to assign a case") as change:
        case = change.case(case_id, is_open=True)
        change.colleague(to, case)
        change.change_case(case, expected_version, holder=to, taken_ms=now_ms)
        change.note("assign", case, to=to, before=case.holder)
        return int(case.version) + 1


def release(store: Store, actor: Actor, case_id: int, now_ms: int) -> None:
    """Give back a case that the actor holds; a lead gives back anybody's."""
    with changing(store, actor, now_ms, WORKS, "to release a case") as change:
        case = change.case(case_id)
        if case.holder is None or (case.holder != actor.user_id and not actor.roles & LEADS):
            raise Refused(f"case {case_id} must be held by {actor.user_id}, it is by {case.holder or 'nobody'}")
        change.change_case(case, holder=None, taken_ms=None)
        change.note("release", case, before=case.holder)


def comment(store: Store, actor: Actor, case_id: int, text: str, now_ms: int) -> int:
    """Write a comment on a case; its number. Card numbers in it are masked."""
    with changing(store, actor, now_ms, COMMENTS, "to comment") as change:
        case, said = change.case(case_id), checked_text(text, "a comment")
        row = {"case_id": case_id, "by": actor.user_id, "written_ms": now_ms, "text": said}
        comment_id = change.connection.execute(insert(comments).returning(comments.c.comment_id), row).scalar_one()
        change.note("comment", case, comment_id=comment_id)
        return int(comment_id)


def merge(store: Store, actor: Actor, case_id: int, into: int, now_ms: int) -> None:
    """Move all alerts of a case into another one; the first is `merged` then, and its comments stay with it.

    Its open tasks go with it, but for those that the other one has too: these are taken back.

    Raises:
        Refused: one of the two is not open, they are the same, or only one of them is of money laundering.
    """
    with changing(store, actor, now_ms, WORKS, "to merge cases") as change:
        case, target = change.case(case_id, is_open=True), change.case(into, is_open=True)
        if case_id == into:
            raise Refused(f"case {case_id} must be merged into another one")
        of_case = select(alerts.c.alert_id).where(alerts.c.case_id == case_id)
        moved = [*change.connection.execute(of_case.order_by(alerts.c.alert_id)).scalars()]
        ending.of_merged(change, case_id, into)
        _move(change, moved, target)
        change.settle(case_id, merged_into=into)
        change.note("merge", case, into=into, alert_ids=moved)


def move(store: Store, actor: Actor, alert_ids: Collection[str], into: int, now_ms: int) -> None:
    """Move alerts into another open case; raises as `merge` does, and NotFound where one is not seen."""
    with changing(store, actor, now_ms, WORKS, "to move alerts") as change:
        target = change.case(into, is_open=True)
        _move(change, alert_ids, target)
        change.note("move", target, alert_ids=sorted({*alert_ids}))


def detach(store: Store, actor: Actor, alert_ids: Collection[str], now_ms: int) -> int:
    """Move alerts of one merchant into a new case of theirs; its number.

    Raises:
        Refused: there are none, or they are of several merchants.
    """
    with changing(store, actor, now_ms, WORKS, "to detach alerts") as change:
        found = change.alerts(alert_ids)
        if len({(each.merchant_id, each.is_aml) for each in found}) != 1:
            raise Refused("alerts to be detached must be of one merchant, and either all of money laundering or none")
        row = new_case(MERCHANT, found[0].is_aml, actor.user_id, now_ms, merchant_id=found[0].merchant_id)
        target = _open(change, row)
        _move(change, alert_ids, target)
        change.note("detach", target, alert_ids=sorted({*alert_ids}))
        return int(target.case_id)


def open_cause_case(store: Store, actor: Actor, cause_id: str, now_ms: int) -> int:
    """Open a case for a cause, and move the undecided alerts of its listed members into it; its number.

    Raises:
        NotFound: there is no such cause, or the actor does not see it.
        Refused: it has a case already, or was taken back.
    """
    with changing(store, actor, now_ms, WORKS, "to open a case") as change:
        row = change.connection.execute(select(causes).where(causes.c.cause_id == cause_id)).first()
        if row is None or (row.is_aml and AML not in actor.roles):
            raise NotFound(f"there is no cause {cause_id}")
        known = select(cases.c.case_id).where(cases.c.cause_id == cause_id)
        if row.withdrawn or change.connection.execute(known).first() is not None:
            raise Refused(f"cause {cause_id} {'was taken back' if row.withdrawn else 'has a case already'}")
        target = _open(change, new_case(CAUSE, row.is_aml, actor.user_id, now_ms, cause_id=cause_id))
        cause = msgspec.json.decode(row.body, type=Cause)
        listed = {alert_id for each in cause.members for alert_id in each.alert_ids}
        undecided = select(alerts.c.alert_id).where(
            alerts.c.alert_id.in_(listed), alerts.c.verdict.is_(None), alerts.c.is_aml == row.is_aml,
            alerts.c.state != WITHDRAWN,
        )  # fmt: skip
        moved = [*change.connection.execute(undecided.order_by(alerts.c.alert_id)).scalars()]
        if not moved:
            raise Refused(f"cause {cause_id} must have an undecided alert, it has none")
        _move(change, moved, target)
        change.note("open_cause_case", target, cause_id=cause_id, alert_ids=moved)
        return int(target.case_id)


def _open(change: Change, row: dict[str, Any]) -> Any:
    case_id = change.connection.execute(insert(cases).returning(cases.c.case_id), row).scalar_one()
    return change.connection.execute(select(cases).where(cases.c.case_id == case_id)).one()


def _move(change: Change, alert_ids: Collection[str], target: Any) -> None:
    """Move alerts into a case, and settle the cases that they come from."""
    found = change.alerts(alert_ids)
    if not found:
        raise Refused("at least one alert must be moved, got none")
    if target.kind == RETRIEVAL:
        raise Refused(f"case {target.case_id} must be one of alerts, it is a retrieval")
    if any(each.is_aml != target.is_aml for each in found):
        raise Refused("alerts of money laundering and others must be in cases of their own")
    ids = [each.alert_id for each in found]
    change.connection.execute(update(alerts).where(alerts.c.alert_id.in_(ids)).values(case_id=target.case_id))
    for case_id in {each.case_id for each in found} - {target.case_id}:
        source = change.connection.execute(select(cases).where(cases.c.case_id == case_id)).one()
        change.change_case(source)
        change.settle(case_id, merged_into=target.case_id)
    change.change_case(target)
    change.settle(target.case_id)

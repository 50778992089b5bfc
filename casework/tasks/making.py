"""Giving tasks to reps, and taking them back."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, literal, select

from casework.bodies import text as json_text
from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import REP, WORKS, merchants_of, sees_merchant
from casework.schema import alerts, merchant_profiles, merchant_reps, tasks, user_roles, users
from casework.states import CAUSE, DECIDED, RETRIEVAL
from casework.states import OPEN as CASE_OPEN
from casework.tasks.ending import take_back
from casework.tasks.kinds import DOCUMENTS
from casework.tasks.noting import note as _note
from casework.tasks.words import CHECKS, KINDS, OPEN, STANDARD

if TYPE_CHECKING:
    from collections.abc import Collection

    from casework.people import Actor
    from casework.store import Store

MOST_OPEN = 20
"""Open tasks of a case at a time: our own default."""
_NONCE_LETTERS = "34679ACEFHJKMNPRTWXY"
"""Of which the sign is made that is to be in a picture: none is mistaken for another, written by hand."""


def give(
    store: Store, actor: Actor, *, merchant_id: str, rep_id: str, kind: str, due_ms: int, now_ms: int,
    checklist: Collection[str] | None = None, text: str = "", case_id: int | None = None,
    after_task_id: int | None = None,
) -> int:  # fmt: skip
    """Give a rep a task, as somebody who works on cases; its number. Arguments and errors are those of `make`."""
    with changing(store, actor, now_ms, WORKS, "to give a task") as change:
        return make(
            change, merchant_id=merchant_id, rep_id=rep_id, kind=kind, due_ms=due_ms, checklist=checklist, text=text,
            case_id=case_id, after_task_id=after_task_id,
        )  # fmt: skip


def make(
    change: Change, *, merchant_id: str, rep_id: str, kind: str, due_ms: int,
    checklist: Collection[str] | None = None, text: str = "", case_id: int | None = None,
    after_task_id: int | None = None,
) -> int:  # fmt: skip
    """Make a task inside a change; its number.

    Args:
        change: by whom, and when.
        merchant_id: whose shop.
        rep_id: who shall do it: its rep, or another, such as a deputy or one who checks in its stead.
        kind: of `casework.tasks.words.KINDS`; `documents` is of a retrieval.
        due_ms: by when, UTC milliseconds, after now.
        checklist: of `CHECKS`, in the order given; None for what is usual for the kind.
        text: what else the rep should know, at most 4,000 characters, with card numbers masked; the rep reads it.
        case_id: the case that the answer goes to; None for none.
        after_task_id: the task whose finding this one checks again; None for none.

    Raises:
        NotFound: the case or merchant is not there or not seen.
        Refused: the case is of money laundering, merged or another merchant's; the rep is none; a value cannot be.
    """
    listed = _checked(change, kind, due_ms, checklist)
    said = checked_text(text, "the text of a task") if text.strip() else ""
    if case_id is not None:
        _check_case(change, case_id, merchant_id, kind)
    elif kind == DOCUMENTS:
        raise Refused("a task for documents must be of a retrieval, got no case")
    else:
        _check_merchant(change, merchant_id)
    _check_after(change, after_task_id, merchant_id)
    is_own = _check_rep(change, rep_id, merchant_id)
    return enter(change, {
        "case_id": case_id, "merchant_id": merchant_id, "kind": kind, "rep_id": rep_id, "is_own": is_own,
        "due_ms": due_ms, "checklist": json_text(listed), "text": said, "after_task_id": after_task_id,
    })  # fmt: skip


def enter(change: Change, row: dict[str, Any]) -> int:
    """Enter a checked row of `tasks`, with who has made it and when; its number."""
    made = {
        "made_by": change.actor.user_id, "made_ms": change.now_ms, "nonce": made_nonce(), "status": OPEN,
        "withdrawn_why": "", **row,
    }  # fmt: skip
    task_id = int(change.connection.execute(insert(tasks).returning(tasks.c.task_id), made).scalar_one())
    told = {each: row[each] for each in ("merchant_id", "rep_id", "due_ms")}
    _note(change, "give_task", row["case_id"], task_id=task_id, of_kind=row["kind"], **told)
    return task_id


def withdraw(store: Store, actor: Actor, task_id: int, why: str, now_ms: int) -> None:
    """Take an open task back; raises NotFound where there is none that is open and seen."""
    said = checked_text(why, "why a task is withdrawn")
    with changing(store, actor, now_ms, WORKS, "to withdraw a task") as change:
        found = change.connection.execute(select(tasks).where(tasks.c.task_id == task_id, tasks.c.status == OPEN))
        row = found.first()
        if row is None:
            raise NotFound(f"there is no open task {task_id}")
        take_back(change, [row], said)


def made_nonce() -> str:
    """Four letters and digits that a rep writes down and has in the picture."""
    return "".join(secrets.choice(_NONCE_LETTERS) for _ in range(4))


def _checked(change: Change, kind: str, due_ms: int, checklist: Collection[str] | None) -> tuple[str, ...]:
    if kind not in KINDS:
        raise Refused(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if due_ms <= change.now_ms:
        raise Refused(f"due_ms must be after now, {change.now_ms}, got {due_ms}")
    listed = STANDARD[kind] if checklist is None else tuple(dict.fromkeys(checklist))
    if unknown := [each for each in listed if each not in CHECKS]:
        raise Refused(f"checklist must be of {', '.join(CHECKS)}, got {unknown[0]!r}")
    if not listed and kind != DOCUMENTS:
        raise Refused("checklist must have an item, got none")
    return listed


def _check_case(change: Change, case_id: int, merchant_id: str, kind: str) -> None:
    case = change.case(case_id)
    if case.is_aml:
        raise Refused(f"case {case_id} must not be one for the role aml alone: nobody in the field may hear of it")
    if case.status not in {CASE_OPEN, DECIDED}:
        raise Refused(f"case {case_id} must be open or decided, it is {case.status}")
    if (case.kind == RETRIEVAL) != (kind == DOCUMENTS):
        raise Refused(f"a task for documents must be of a retrieval, and no other, got {kind!r} of a {case.kind} case")
    of_it = select(alerts.c.alert_id).where(alerts.c.case_id == case_id, alerts.c.merchant_id == merchant_id)
    is_its = case.merchant_id == merchant_id or (
        case.kind == CAUSE and change.connection.execute(of_it.limit(1)).first() is not None
    )
    if not is_its:
        raise Refused(f"merchant {merchant_id} must be of case {case_id}, and is not")
    of_case = select(tasks.c.task_id).where(tasks.c.case_id == case_id, tasks.c.status == OPEN)
    if len(change.connection.execute(of_case).all()) >= MOST_OPEN:
        raise Refused(f"case {case_id} must have at most {MOST_OPEN} open tasks, got one more")


def _check_merchant(change: Change, merchant_id: str) -> None:
    table = merchant_profiles.c
    known = select(table.merchant_id).where(
        table.merchant_id == merchant_id, sees_merchant(change.actor, table.merchant_id, change.now_ms)
    )
    if change.connection.execute(known.limit(1)).first() is None:
        raise NotFound(f"there is no merchant {merchant_id}")


def _check_after(change: Change, after_task_id: int | None, merchant_id: str) -> None:
    if after_task_id is None:
        return
    before = select(tasks.c.task_id).where(tasks.c.task_id == after_task_id, tasks.c.merchant_id == merchant_id)
    if change.connection.execute(before).first() is None:
        raise NotFound(f"there is no task {after_task_id} of merchant {merchant_id}")


def _check_rep(change: Change, rep_id: str, merchant_id: str) -> bool:
    """Refuse who is no rep; whether the merchant is theirs now."""
    run = change.connection.execute
    user = run(select(users.c.disabled, users.c.is_service).where(users.c.user_id == rep_id)).first()
    has_role = select(user_roles.c.role).where(user_roles.c.user_id == rep_id, user_roles.c.role == REP)
    assigned = select(merchant_reps.c.rep_id).where(merchant_reps.c.rep_id == rep_id).limit(1)
    if user is None:
        fits = run(assigned).first() is not None
    else:
        fits = not user.disabled and not user.is_service and run(has_role).first() is not None
    if not fits:
        raise Refused(f"rep_id must be somebody who has the role rep or is the rep of a merchant, got {rep_id[:64]!r}")
    return bool(run(select(literal(merchant_id).in_(merchants_of(rep_id, change.now_ms)))).scalar_one())

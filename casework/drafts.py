"""Drafts: what is to be changed about a merchant in the log, written by one and approved by another.

A draft says what changes. What is sent for it is made of the versions in force when it is approved, so that nothing
that has come meanwhile is written over; it reaches the log through the outbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select, update

from casework import audit
from casework.bodies import text as json_of
from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.outbox import WRITER, post
from casework.people import AML, LEADS, WORKS, sees
from casework.schema import cases, drafts, merchant_profiles, outbox
from domain.cards import CardDataError
from domain.masking import mask_event
from domain.timestamps import DAY_MS, iso
from streams.master_data import STAMPS, Reason, prepared_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

MERCHANT, CONTRACT, OVERRIDE = "merchant", "contract", "override"
KINDS = (MERCHANT, CONTRACT, OVERRIDE)
"""What can be drafted: a version of master data, a version of a contract, a grade set by hand."""
DRAFTED, APPROVED, REJECTED = "drafted", "approved", "rejected"
"""Statuses of a draft. How far an approved one has come, its records in the outbox say (`sent`)."""
MOST_AHEAD_MS = 366 * DAY_MS
"""How far ahead a draft's end may lie: our own default, so that no exception is for ever."""


def draft(
    store: Store, actor: Actor, kind: str, merchant_id: str, changes: Mapping[str, Any], why: str, now_ms: int, *,
    from_ms: int | None = None, until_ms: int | None = None, case_id: int | None = None,
) -> int:  # fmt: skip
    """Write a draft; its number.

    Args:
        store: the store.
        actor: who drafts.
        kind: one of `KINDS`.
        merchant_id: whom it is about.
        changes: fields as `docs/events.md` has them for the kind, which replace those in force; None takes one away.
            Of an override `grade` alone.
        why: 1 to 4,000 characters; it is the `reason` of an override, which has at most 256.
        now_ms: UTC milliseconds.
        from_ms: from when on it counts; None for when it is approved. None of an override.
        until_ms: when it ends: the version that is in force then, without it, is sent too, and an override expires.
            None for never; an override must have it, and one whose end is over already takes the grade back.
        case_id: the case that it came of; None for none.

    Raises:
        NotFound, NotAllowed: the case is not seen; the actor may not.
        Refused: intake would refuse what is to be sent; the message names the field. Or the end fits not.
    """
    if kind not in KINDS:
        raise Refused(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    said = checked_text(why, "the reason of a draft")
    with changing(store, actor, now_ms, WORKS, "to draft a change") as change:
        is_aml = case_id is not None and bool(change.case(case_id).is_aml)
        masked = _masked(kind, changes)
        row = {
            "case_id": case_id, "merchant_id": merchant_id, "kind": kind, "changes": json_of(masked),
            "from_ms": from_ms, "until_ms": until_ms, "why": said, "by": actor.user_id, "drafted_ms": now_ms,
            "status": DRAFTED, "answer": "",
        }  # fmt: skip
        made = change.connection.execute(insert(drafts).returning(drafts), row).one()
        events_of(change.connection, made, now_ms)
        _note(change, "draft", made, is_aml=is_aml, changes=masked, why=said)
        return int(made.draft_id)


def _masked(kind: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes without card numbers in their texts; raises Refused where another field holds one."""
    try:
        found = mask_event({**changes, "type": kind}).event
    except CardDataError as error:
        raise Refused(f"a draft of kind {kind} must hold no card number: {error}") from error
    return {name: found[name] for name in found if name != "type"}


def approve(store: Store, actor: Actor, draft_id: int, now_ms: int) -> None:
    """Approve a draft of another's, which goes to the log then.

    Raises:
        NotFound, NotAllowed: it is not seen; the actor is no lead.
        Refused: it is the actor's own, or is answered; intake would refuse what is to be sent now.
    """
    with changing(store, actor, now_ms, LEADS, "to approve a draft") as change:
        row, is_aml = _waiting(change, draft_id)
        post(change.connection, events_of(change.connection, row, now_ms), now_ms, draft_id=draft_id)
        _answer(change, row, APPROVED, "")
        _note(change, "approve_draft", row, is_aml=is_aml)


def reject(store: Store, actor: Actor, draft_id: int, reason: str, now_ms: int) -> None:
    """Reject a draft of another's, with a reason; raises as `approve` does."""
    said = checked_text(reason, "the reason of a rejection")
    with changing(store, actor, now_ms, LEADS, "to reject a draft") as change:
        row, is_aml = _waiting(change, draft_id)
        _answer(change, row, REJECTED, said)
        _note(change, "reject_draft", row, is_aml=is_aml, reason=said)


def listed(
    store: Store, actor: Actor, now_ms: int, *, status: str = DRAFTED, merchant_id: str = ""
) -> Sequence[Any]:  # fmt: skip
    """Rows of `drafts` of a status that somebody who works on cases sees, the oldest first; of all merchants or one."""
    actor.need(WORKS, "to see drafts")
    seen = drafts.c.case_id.is_(None) | sees(actor, now_ms)
    if merchant_id:
        seen &= drafts.c.merchant_id == merchant_id
    statement = select(drafts).outerjoin(cases, cases.c.case_id == drafts.c.case_id)
    with store.reading() as connection:
        found = connection.execute(statement.where(drafts.c.status == status, seen).order_by(drafts.c.draft_id))
        return found.all()


def sent(store: Store, draft_id: int) -> Sequence[Any]:
    """Rows of `outbox` of an approved draft: `status` and `refusal` say how far each record has come."""
    with store.reading() as connection:
        found = connection.execute(select(outbox).where(outbox.c.draft_id == draft_id).order_by(outbox.c.body))
        return found.all()


def events_of(connection: Connection, row: Any, now_ms: int) -> list[dict[str, Any]]:
    """What would be sent for a draft, a row of `drafts`, if it was approved now; raises Refused as `draft` does."""
    changes = msgspec.json.decode(row.changes)
    made = _override(row, changes, now_ms) if row.kind == OVERRIDE else _versions(connection, row, changes, now_ms)
    for each in prepared_for(1, made, WRITER):
        if isinstance(each, Reason):
            raise Refused(f"a draft of kind {row.kind} must be what intake takes: {each.message}")
    return made


def _override(row: Any, changes: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
    if {*changes} != {"grade"} or row.until_ms is None or row.from_ms is not None:
        raise Refused("a draft of kind override must change grade alone, have until_ms and no from_ms")
    if row.until_ms - now_ms > MOST_AHEAD_MS:
        raise Refused(f"until_ms must be at most {MOST_AHEAD_MS} ms after now, got {row.until_ms - now_ms}")
    event = {"type": OVERRIDE, "merchant_id": row.merchant_id, "event_time": iso(now_ms), "reason": row.why}
    return [event | {"grade": changes["grade"], "expires_at": iso(row.until_ms)}]


def _versions(connection: Connection, row: Any, changes: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
    """The version with the changes, and the one that follows at its end."""
    if not changes or {*changes} & {*STAMPS, "merchant_id"}:
        raise Refused(f"changes must be of fields other than {', '.join(STAMPS)} and merchant_id, and some")
    first_ms = now_ms if row.from_ms is None else row.from_ms
    if row.until_ms is not None and not 0 < row.until_ms - max(first_ms, now_ms) <= MOST_AHEAD_MS:
        raise Refused(
            f"until_ms must be after now and its beginning, by at most {MOST_AHEAD_MS} ms, got {row.until_ms}"
        )
    before = _in_force(connection, row, first_ms)
    fields = {name: value for name, value in {**before, **changes}.items() if value is not None}
    made = [_version(row, fields, first_ms)]
    if row.until_ms is not None:
        of_it = (merchant_profiles.c.merchant_id == row.merchant_id) & (merchant_profiles.c.kind == row.kind)
        at_ms = merchant_profiles.c.effective_from_ms
        between = select(at_ms).where(of_it, at_ms > first_ms, at_ms <= row.until_ms).limit(1)
        if (other := connection.execute(between).scalar()) is not None:
            raise Refused(f"until_ms must be before the next version, of {iso(other)}, got {iso(row.until_ms)}")
        if not before:
            raise Refused(f"merchant {row.merchant_id} must have a {row.kind} version to go back to at the end")
        made.append(_version(row, before, row.until_ms))
    return made


def _version(row: Any, fields: Mapping[str, Any], from_ms: int) -> dict[str, Any]:
    return {**fields, "type": row.kind, "merchant_id": row.merchant_id, "effective_from": iso(from_ms)}


def _in_force(connection: Connection, row: Any, at_ms: int) -> dict[str, Any]:
    """The fields of the version in force at a time; none where there is none."""
    table = merchant_profiles.c
    statement = select(table.body).where(
        table.merchant_id == row.merchant_id, table.kind == row.kind, table.effective_from_ms <= at_ms
    )
    body = connection.execute(statement.order_by(table.effective_from_ms.desc()).limit(1)).scalar()
    fields = msgspec.json.decode(body) if body else {}
    return {name: value for name, value in fields.items() if name not in {*STAMPS, "merchant_id"}}


def _waiting(change: Change, draft_id: int) -> tuple[Any, bool]:
    row = change.connection.execute(select(drafts).where(drafts.c.draft_id == draft_id)).first()
    if row is None:
        raise NotFound(f"there is no draft {draft_id}")
    is_aml = False
    if row.case_id is not None:
        of_aml = select(cases.c.is_aml).where(cases.c.case_id == row.case_id)
        is_aml = bool(change.connection.execute(of_aml).scalar_one())
        if is_aml and AML not in change.actor.roles:
            raise NotFound(f"there is no draft {draft_id}")
    if row.status != DRAFTED:
        raise Refused(f"draft {draft_id} must wait for an answer, it is {row.status}")
    if row.by == change.actor.user_id:
        raise Refused(f"draft {draft_id} must be answered by another than {row.by}, who has written it")
    return row, is_aml


def _answer(change: Change, row: Any, status: str, said: str) -> None:
    values = {"status": status, "answered_by": change.actor.user_id, "answered_ms": change.now_ms, "answer": said}
    change.connection.execute(update(drafts).where(drafts.c.draft_id == row.draft_id).values(values))


def _note(change: Change, kind: str, row: Any, *, is_aml: bool, **detail: Any) -> None:
    audit.append(
        change.connection, time_ms=change.now_ms, actor=change.actor.user_id, kind=kind, case_id=row.case_id,
        is_aml=is_aml,
        detail={"draft_id": row.draft_id, "merchant_id": row.merchant_id, "of": row.kind, **detail},
    )  # fmt: skip

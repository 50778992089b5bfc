"""What people write down beside cases: notes on merchants, visits, and what a shift hands over to the next."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Table, insert, select

from casework import audit, field_sums, inspections
from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.outbox import WRITER, post
from casework.people import AML, COMMENTS, WORKS, sees_aml, sees_merchant
from casework.schema import handovers, merchant_notes, merchant_profiles, teams, visits
from domain.timestamps import iso
from streams.master_data import Reason, prepared_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from casework.people import Actor
    from casework.store import Store


def write_note(store: Store, actor: Actor, merchant_id: str, text: str, now_ms: int, *, of_aml: bool = False) -> int:
    """Write a note on a merchant; its number. One `of_aml` is for that role alone, to write and to read.

    Raises:
        NotFound: the actor does not see the merchant: it is another rep's.
    """
    said = checked_text(text, "a note")
    with changing(store, actor, now_ms, {AML} if of_aml else COMMENTS, "to write a note") as change:
        _see(change, merchant_id)
        row = {"merchant_id": merchant_id, "is_aml": of_aml, "text": said, "by": actor.user_id, "written_ms": now_ms}
        made = insert(merchant_notes).returning(merchant_notes.c.note_id)
        note_id = int(change.connection.execute(made, row).scalar_one())
        _audit(change, "write_note", is_aml=of_aml, note_id=note_id, merchant_id=merchant_id)
        return note_id


def notes_of(store: Store, actor: Actor, merchant_id: str, now_ms: int) -> Sequence[Any]:
    """Rows of `merchant_notes` of a merchant that the actor sees, the newest first."""
    told = sees_aml(actor, merchant_notes.c.is_aml)
    of_it = (merchant_notes.c.merchant_id == merchant_id) & told
    return _read(store, actor, merchant_notes, of_it, merchant_notes.c.note_id, now_ms)


def record_visit(
    store: Store, actor: Actor, merchant_id: str, visited_ms: int, visit_kind: str, outcome: str, note: str,
    now_ms: int,
) -> int:  # fmt: skip
    """Record a visit by the actor, and have the log hear of it as a `visit` event; its number.

    Args:
        store: the store.
        actor: who was there; a rep, at a merchant of its own, or somebody who works on cases.
        merchant_id: whose shop.
        visited_ms: when, UTC milliseconds, not after now.
        visit_kind: of `domain.events.VISIT_KINDS`.
        outcome: of `domain.events.VISIT_OUTCOMES`.
        note: at most 1,024 characters; "" for none.
        now_ms: UTC milliseconds.

    Raises:
        NotFound: the actor does not see the merchant.
        Refused: a value is none of these.
    """
    event = checked_visit(actor, merchant_id, visited_ms, visit_kind, outcome, note, now_ms)
    with changing(store, actor, now_ms, COMMENTS, "to record a visit") as change:
        _see(change, merchant_id)
        return enter_visit(change, event, visited_ms)


def checked_visit(
    actor: Actor, merchant_id: str, visited_ms: int, visit_kind: str, outcome: str, note: str, now_ms: int
) -> dict[str, Any]:  # fmt: skip
    """A visit as the event that the log is to hear of; arguments and errors are those of `record_visit`."""
    if visited_ms > now_ms:
        raise Refused(f"visited_ms must not be after now, {now_ms}, got {visited_ms}")
    event = {
        "type": "visit", "merchant_id": merchant_id, "event_time": iso(visited_ms), "person_id": actor.user_id,
        "visit_kind": visit_kind, "outcome": outcome, "note": note,
    }  # fmt: skip
    (made,) = prepared_for(1, [event], WRITER)
    if isinstance(made, Reason):
        raise Refused(f"a visit must be what intake takes: {made.message}")
    return event | {"note": made.event.get("note", "")}


def enter_visit(change: Change, event: dict[str, Any], visited_ms: int) -> int:
    """Enter a checked visit inside a change, by somebody who may be at the merchant's, and post it; its number."""
    row = {
        "merchant_id": event["merchant_id"], "visited_ms": visited_ms, "visit_kind": event["visit_kind"],
        "outcome": event["outcome"], "note": event["note"], "by": change.actor.user_id, "recorded_ms": change.now_ms,
    }  # fmt: skip
    with field_sums.kept(change.store, change.connection, [row["merchant_id"]]):
        visit_id = int(change.connection.execute(insert(visits).returning(visits.c.visit_id), row).scalar_one())
    inspections.refresh(change.store, change.connection, [row["merchant_id"]], change.now_ms)
    post(change.connection, [event], change.now_ms)
    _audit(change, "record_visit", visit_id=visit_id, merchant_id=row["merchant_id"], outcome=row["outcome"])
    return visit_id


def visits_of(store: Store, actor: Actor, merchant_id: str, now_ms: int) -> Sequence[Any]:
    """Rows of `visits` of a merchant that the actor sees, the newest first: those recorded here, and the log's."""
    return _read(store, actor, visits, visits.c.merchant_id == merchant_id, visits.c.visited_ms, now_ms)


def hand_over(store: Store, actor: Actor, team_id: str, day: str, text: str, now_ms: int) -> int:
    """Write what a team's shift of a day hands over; its number. A later one of the day adds to it.

    Raises:
        Refused: the day is no ISO 8601 date.
    """
    said = checked_text(text, "a hand-over note")
    try:
        date.fromisoformat(day)
    except ValueError as error:
        raise Refused(f"day must be a date such as 2026-11-30, got {day!r}") from error
    with changing(store, actor, now_ms, WORKS, "to hand over") as change:
        row = {"team_id": team_id, "day": day, "text": said, "by": actor.user_id, "written_ms": now_ms}
        made = insert(handovers).returning(handovers.c.handover_id)
        handover_id = int(change.connection.execute(made, row).scalar_one())
        _audit(change, "hand_over", handover_id=handover_id, team_id=team_id, day=day)
        return handover_id


def handovers_of(store: Store, actor: Actor, team_id: str, day: str) -> Sequence[Any]:
    """Rows of `handovers` of a team's day, the oldest first, for those who work on cases."""
    actor.need(WORKS, "to see hand-over notes")
    of_it = (handovers.c.team_id == team_id) & (handovers.c.day == day)
    with store.reading() as connection:
        return connection.execute(select(handovers).where(of_it).order_by(handovers.c.handover_id)).all()


def handovers_on(store: Store, actor: Actor, day: str) -> Sequence[Any]:
    """Rows of `handovers` of every team's day, with `team`, the team's name, the oldest first; as `handovers_of`."""
    actor.need(WORKS, "to see hand-over notes")
    joined = handovers.outerjoin(teams, teams.c.team_id == handovers.c.team_id)
    statement = select(handovers, teams.c.name.label("team")).select_from(joined).where(handovers.c.day == day)
    with store.reading() as connection:
        return connection.execute(statement.order_by(handovers.c.handover_id)).all()


def _see(change: Change, merchant_id: str) -> None:
    """Refuse whom the merchant is not shown; raises NotFound."""
    table = merchant_profiles.c
    theirs = select(table.merchant_id).where(
        table.merchant_id == merchant_id, sees_merchant(change.actor, table.merchant_id, change.now_ms)
    )
    if not change.actor.roles & WORKS and change.connection.execute(theirs.limit(1)).first() is None:
        raise NotFound(f"there is no merchant {merchant_id}")


def _read(
    store: Store, actor: Actor, table: Table, of_it: ColumnElement[bool], order: ColumnElement[Any], now_ms: int
) -> Sequence[Any]:
    statement = select(table).where(of_it, sees_merchant(actor, table.c.merchant_id, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(order.desc())).all()


def _audit(change: Change, kind: str, *, is_aml: bool = False, **detail: Any) -> None:
    audit.append(
        change.connection, time_ms=change.now_ms, actor=change.actor.user_id, kind=kind, is_aml=is_aml, detail=detail
    )

"""The outbox of notices: leased by who sends, tried again with growing waits, dead after so many tries with the reason.

A notice is delivered at least once, always under the same `notice_id`: one that was sent and could not be marked,
because who sent it was killed, is leased to another once its lease is over, and sent again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, func, insert, or_, select, update

from casework import audit
from casework.change import changing
from casework.errors import NotFound, Refused
from casework.people import LEADS
from casework.schema import notice_attempts, notice_entries, notices
from notices.channels.words import MOST_SAID
from notices.states import DEAD, PENDING, SENT, STATES, WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from casework.people import Actor
    from casework.store import Store

LEASE_MS = 300_000
"""How long a notice is one sender's: longer than any channel takes to answer or give up."""
MOST_ATTEMPTS = 12
"""Tries after which a notice is dead: some three hours, which outlives a channel's block of ten minutes many times."""
_FIRST_WAIT_MS, _LONGEST_WAIT_MS = 5_000, 1_800_000
_AT_A_TIME = 20
_PAGE = 200


class Tried(NamedTuple):
    """What became of an attempt.

    Attributes:
        channel: by name; "" where there was none to try.
        status: `sent`, `retry`, `unknown` or `refused`, as channels have it.
        message_id: what the far side calls it.
        said: the reason.
        retry_after_ms: when the channel will take it; None where that is not known.
        counts: whether anybody was asked.
    """

    channel: str
    status: str
    message_id: str = ""
    said: str = ""
    retry_after_ms: int | None = None
    counts: bool = True


def lease(store: Store, worker: str, now_ms: int, most: int = _AT_A_TIME) -> Sequence[Any]:
    """Rows of notices that are due and nobody else's, which are the worker's until `LEASE_MS` have passed."""
    if not _is_due(store, now_ms):
        return []
    with store.writing() as connection:
        order = (notices.c.urgent.desc(), notices.c.not_before_ms, notices.c.notice_id)
        rows = connection.execute(select(notices).where(_due(now_ms)).order_by(*order).limit(most)).all()
        ids = [each.notice_id for each in rows]
        held = {"leased_by": worker, "leased_until_ms": now_ms + LEASE_MS}
        if ids:
            connection.execute(update(notices).where(notices.c.notice_id.in_(ids)).values(held))
        return rows


def _due(now_ms: int) -> ColumnElement[bool]:
    free = or_(notices.c.leased_until_ms.is_(None), notices.c.leased_until_ms <= now_ms)
    return and_(notices.c.status == PENDING, notices.c.not_before_ms <= now_ms, free)


def _is_due(store: Store, now_ms: int) -> bool:
    with store.reading() as connection:
        return connection.execute(select(notices.c.notice_id).where(_due(now_ms)).limit(1)).first() is not None


def mark(store: Store, worker: str, notice_id: str, tried: Tried, now_ms: int) -> str:
    """Note what became of an attempt, and give the lease back; how the notice stands now.

    A notice that was sent is sent, whoever holds it by now. What else became of it counts only while it is the worker's
    still, so that a late answer does not put off what another is about to send.
    """
    with store.writing() as connection:
        is_it = notices.c.notice_id == notice_id
        row = connection.execute(select(notices).where(is_it)).one()
        attempt = {
            "notice_id": notice_id, "channel": tried.channel, "tried_ms": now_ms, "status": tried.status,
            "message_id": tried.message_id, "said": tried.said[:MOST_SAID],
        }  # fmt: skip
        if tried.counts:
            connection.execute(insert(notice_attempts), attempt)
        is_its = row.status == PENDING and row.leased_by == worker
        if not is_its and not (row.status in {PENDING, WITHDRAWN} and tried.status == SENT):
            return str(row.status)
        values = _after(row, tried, now_ms)
        connection.execute(update(notices).where(is_it).values(values))
        return str(values["status"])


def _after(row: Any, tried: Tried, now_ms: int) -> dict[str, Any]:
    attempts = row.attempts + tried.counts
    values = {
        "attempts": attempts, "leased_by": None, "leased_until_ms": None, "status": PENDING,
        "said": tried.said[:MOST_SAID], "channel": tried.channel,
    }  # fmt: skip
    if tried.status == SENT:
        return values | {"status": SENT, "sent_ms": now_ms, "message_id": tried.message_id}
    if tried.status == "refused" or attempts >= MOST_ATTEMPTS:
        why = tried.said or "no reason was given"
        said = why if tried.status == "refused" else f"given up after {attempts} attempts: {why}"
        return values | {"status": DEAD, "dead_ms": now_ms, "said": said[:MOST_SAID]} | _to_others(row, now_ms)
    wait_ms = wait_after_ms(row.notice_id, attempts) if tried.counts else 1_000
    return values | {"not_before_ms": now_ms + max(wait_ms, tried.retry_after_ms or 0)}


def _to_others(row: Any, now_ms: int) -> dict[str, Any]:
    """What cannot reach somebody goes to others at once."""
    return {} if row.is_desk else {"escalate_ms": now_ms}


def wait_after_ms(notice_id: str, attempts: int) -> int:
    """How long after so many attempts the next one is made: doubled each time up to half an hour, jittered by the id.

    >>> wait_after_ms("a", 1) < wait_after_ms("a", 4) < wait_after_ms("a", 9) <= 1_800_000
    True
    """
    whole = min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS << min(max(attempts - 1, 0), 20))
    drawn = int.from_bytes(sha256(f"{notice_id}|{attempts}".encode()).digest()[:4], "big") / 2**32
    return round(whole * (0.75 + drawn / 4))


def resend(store: Store, actor: Actor, notice_id: str, now_ms: int) -> None:
    """Have a notice that is dead or was sent be sent again, under the same id.

    Raises:
        NotAllowed, NotFound, Refused: the actor is no lead; there is no such notice; it waits already, or is answered.
    """
    with changing(store, actor, now_ms, LEADS, "to send a notice again") as change:
        is_it = notices.c.notice_id == notice_id
        status = change.connection.execute(select(notices.c.status).where(is_it)).scalar()
        if status is None:
            raise NotFound(f"there is no notice {notice_id[:64]}")
        if status not in {DEAD, SENT}:
            raise Refused(f"a notice must be dead or sent to be sent again, it is {status}")
        values = {
            "status": PENDING, "attempts": 0, "not_before_ms": now_ms, "dead_ms": None, "leased_by": None,
            "leased_until_ms": None,
        }  # fmt: skip
        change.connection.execute(update(notices).where(is_it).values(values))
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="resend_notice",
            detail={"notice_id": notice_id, "before": status},
        )  # fmt: skip


def listed(store: Store, actor: Actor, status: str = "", before_ms: int | None = None) -> list[Any]:
    """Rows of the last 200 notices, the newest first, for leads.

    Args:
        store: the store.
        actor: a lead.
        status: of `STATES`; "" for any.
        before_ms: made before; None for the last ones.
    """
    actor.need(LEADS, "to see deliveries")
    if status and status not in STATES:
        raise Refused(f"status must be one of {', '.join(STATES)}, got {status[:40]!r}")
    shops = (
        select(func.count())
        .where(notice_entries.c.notice_id == notices.c.notice_id)
        .correlate(notices)
        .scalar_subquery()
    )
    statement = select(notices, shops.label("shops")).order_by(notices.c.made_ms.desc(), notices.c.notice_id)
    if status:
        statement = statement.where(notices.c.status == status)
    if before_ms is not None:
        statement = statement.where(notices.c.made_ms < before_ms)
    with store.reading() as connection:
        return [*connection.execute(statement.limit(_PAGE))]


def counts(store: Store, actor: Actor) -> dict[str, int]:
    """How many notices stand how, for leads."""
    actor.need(LEADS, "to see deliveries")
    with store.reading() as connection:
        return by_status(connection)


def by_status(connection: Connection) -> dict[str, int]:
    """How many notices stand how, those too of which there is none."""
    found = connection.execute(select(notices.c.status, func.count()).group_by(notices.c.status)).tuples()
    return dict.fromkeys(STATES, 0) | dict(found.all())


def one(store: Store, actor: Actor, notice_id: str) -> tuple[Any, Sequence[Any]]:
    """A notice's row, and those of its attempts, the newest first; raises NotFound. For leads."""
    actor.need(LEADS, "to see deliveries")
    with store.reading() as connection:
        row = connection.execute(select(notices).where(notices.c.notice_id == notice_id)).first()
        if row is None:
            raise NotFound(f"there is no notice {notice_id[:64]}")
        of_it = select(notice_attempts).where(notice_attempts.c.notice_id == notice_id)
        return row, connection.execute(of_it.order_by(notice_attempts.c.attempt_id.desc())).all()

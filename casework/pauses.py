"""What keeps alerts out of the queue for a while: snoozes of a case, suppressions of a kind of alert of a merchant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, insert, select, update

from casework import audit
from casework.bodies import text
from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.filing import AGENT
from casework.operations import checked_text
from casework.people import AML, LEADS, WORKS
from casework.schema import alerts, cases, merchants, snoozes, suppressions
from casework.states import WITHDRAWN
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

WAKES_AT = 2
"""How many times a snoozed case's loss wakes it."""
MOST_SNOOZE_MS = 90 * DAY_MS
MOST_SUPPRESS_MS = 365 * DAY_MS
"""Longest snooze and suppression: our own defaults, so that none is for ever."""


def snooze(store: Store, actor: Actor, case_id: int, until_ms: int, reason: str, now_ms: int) -> int:
    """Put an open case off until a time; it wakes sooner on a new detector, a worse grade, or twice the loss.

    Returns:
        The snooze's number.

    Raises:
        Refused: the time is not after now, or more than 90 days ahead; the reason is empty; the case is not open.
    """
    said = checked_snooze(until_ms, reason, now_ms)
    with changing(store, actor, now_ms, WORKS, "to snooze a case") as change:
        case = change.case(case_id, is_open=True)
        put_off(change, [case_id], until_ms, said)
        change.note("snooze", case, until_ms=until_ms, reason=said)
        made = select(func.max(snoozes.c.snooze_id)).where(snoozes.c.case_id == case_id)
        return int(change.connection.execute(made).scalar_one())


def checked_snooze(until_ms: int, reason: str, now_ms: int) -> str:
    """The reason of a snooze, checked like its end; raises Refused."""
    _check_until(until_ms, now_ms, MOST_SNOOZE_MS)
    return checked_text(reason, "the reason of a snooze")


def put_off(change: Change, case_ids: Collection[int], until_ms: int, reason: str) -> None:
    """Snooze cases inside a change, which has checked them and notes it."""
    change.change_cases(case_ids, snoozed_until_ms=until_ms)
    states = {case_id: _state(change.connection, case_id) for case_id in case_ids}
    for case_id in case_ids:
        _end(change.connection, case_id, change.now_ms, "snoozed anew")
    rows = [
        state | {
            "case_id": case_id, "by": change.actor.user_id, "since_ms": change.now_ms, "until_ms": until_ms,
            "reason": reason, "ended_why": "",
        }
        for case_id, state in states.items()
    ]  # fmt: skip
    if rows:  # of a bulk in which none fits there are none
        change.connection.execute(insert(snoozes), rows)


def end_snooze(store: Store, actor: Actor, case_id: int, now_ms: int) -> None:
    """Put a snoozed case back into the queue; raises Refused where it is not snoozed."""
    with changing(store, actor, now_ms, WORKS, "to end a snooze") as change:
        case = change.case(case_id)
        if not _end(change.connection, case_id, now_ms, f"ended by {actor.user_id}"):
            raise Refused(f"case {case_id} must be snoozed, it is not")
        change.change_case(case, snoozed_until_ms=None)
        change.note("end_snooze", case)


def wake(store: Store, now_ms: int) -> list[int]:
    """Wake the snoozed cases that have changed for the worse, and those whose time is over; the first are returned."""
    with store.reading() as connection:
        if connection.execute(select(snoozes.c.snooze_id).where(snoozes.c.ended_ms.is_(None)).limit(1)).first() is None:
            return []
    woken = []
    with store.writing() as connection:
        running = select(snoozes, cases.c.snoozed_until_ms).join(cases, cases.c.case_id == snoozes.c.case_id)
        for each in connection.execute(running.where(snoozes.c.ended_ms.is_(None))).all():
            if each.until_ms <= now_ms or each.snoozed_until_ms is None:
                over = each.until_ms <= now_ms
                _end(connection, each.case_id, now_ms, "its time was over" if over else "the case was worked on")
                continue
            why = _worse(each, _state(connection, each.case_id))
            if why:
                woken.append(each.case_id)
                _wake(connection, each.case_id, now_ms, why)
    return woken


def _wake(connection: Connection, case_id: int, now_ms: int, why: str) -> None:
    _end(connection, case_id, now_ms, why)
    is_it = cases.c.case_id == case_id
    values = {"snoozed_until_ms": None, "version": cases.c.version + 1, "updated_ms": now_ms}
    connection.execute(update(cases).where(is_it).values(values))
    is_aml = connection.execute(select(cases.c.is_aml).where(is_it)).scalar_one()
    audit.append(
        connection, time_ms=now_ms, actor=AGENT, kind="wake", case_id=case_id, is_aml=is_aml, detail={"why": why}
    )


def _end(connection: Connection, case_id: int, now_ms: int, why: str) -> bool:
    runs = (snoozes.c.case_id == case_id) & snoozes.c.ended_ms.is_(None)
    return connection.execute(update(snoozes).where(runs).values(ended_ms=now_ms, ended_why=why)).rowcount > 0


def _state(connection: Connection, case_id: int) -> dict[str, str]:
    """What a snooze is compared by: detectors, the worst grade, and the loss by currency of what is undecided."""
    of_case = (alerts.c.case_id == case_id) & alerts.c.verdict.is_(None) & (alerts.c.state != WITHDRAWN)
    found = connection.execute(select(alerts.c.detector).where(of_case).distinct().order_by(alerts.c.detector))
    losses = connection.execute(
        select(alerts.c.currency, func.sum(alerts.c.loss_minor)).where(of_case).group_by(alerts.c.currency)
    )
    grade = connection.execute(
        select(func.max(merchants.c.grade)).where(
            merchants.c.merchant_id.in_(select(alerts.c.merchant_id).where(of_case))
        )
    ).scalar_one()
    return {
        "detectors": text([*found.scalars()]), "grade": grade or "",
        "losses": text({currency: int(loss or 0) for currency, loss in losses}),
    }  # fmt: skip


def _worse(before: Any, now: dict[str, str]) -> str:
    """Why a case is to be woken; "" where it is not."""
    if new := {*msgspec.json.decode(now["detectors"])} - {*msgspec.json.decode(before.detectors)}:
        return f"new detector {min(new)}"
    if now["grade"] > before.grade:  # E is the worst
        return f"grade {now['grade']} after {before.grade or 'none'}"
    losses = msgspec.json.decode(before.losses)
    for currency, loss in msgspec.json.decode(now["losses"]).items():
        if loss > 0 and loss >= WAKES_AT * losses.get(currency, 0):
            return f"loss of {loss} minor units of {currency} after {losses.get(currency, 0)}"
    return ""


def suppress(
    store: Store, actor: Actor, detector: str, merchant_id: str, until_ms: int, reason: str, now_ms: int, *,
    of_aml: bool = False,
) -> int:  # fmt: skip
    """Keep a detector's alerts of a merchant out of the queue until a time; they stay counted. Its number.

    Args:
        store: the store.
        actor: a lead, or `aml`.
        detector: whose alerts.
        merchant_id: of which merchant.
        until_ms: UTC milliseconds, at most a year ahead.
        reason: 1 to 4,000 characters.
        now_ms: UTC milliseconds.
        of_aml: whether it is those that only `aml` may see; a suppression is of these or of the others.

    Raises:
        NotAllowed, Refused: the actor may not; the time or the reason is none.
    """
    _check_until(until_ms, now_ms, MOST_SUPPRESS_MS)
    said = checked_text(reason, "the reason of a suppression")
    with changing(store, actor, now_ms, {AML} if of_aml else LEADS, "to suppress alerts") as change:
        row = {
            "detector": detector, "merchant_id": merchant_id, "is_aml": of_aml, "by": actor.user_id,
            "since_ms": now_ms, "until_ms": until_ms, "reason": said,
        }  # fmt: skip
        given = insert(suppressions).returning(suppressions.c.suppression_id)
        found = int(change.connection.execute(given, row).scalar_one())
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="suppress", is_aml=of_aml,
            detail={**row, "suppression_id": found},
        )  # fmt: skip
        return found


def lift(store: Store, actor: Actor, suppression_id: int, now_ms: int) -> None:
    """End a suppression before its time; raises NotFound where there is none in force that the actor may lift."""
    with changing(store, actor, now_ms, LEADS, "to lift a suppression") as change:
        runs = (suppressions.c.suppression_id == suppression_id) & suppressions.c.lifted_ms.is_(None)
        row = change.connection.execute(select(suppressions).where(runs, suppressions.c.until_ms > now_ms)).first()
        if row is None or (row.is_aml and AML not in actor.roles):
            raise NotFound(f"there is no suppression {suppression_id} in force")
        values = {"lifted_by": actor.user_id, "lifted_ms": now_ms}
        change.connection.execute(update(suppressions).where(runs).values(values))
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="lift", is_aml=row.is_aml,
            detail={"suppression_id": suppression_id},
        )  # fmt: skip


def _check_until(until_ms: int, now_ms: int, most_ms: int) -> None:
    if not 0 < until_ms - now_ms <= most_ms:
        raise Refused(f"until_ms must be 1 to {most_ms} ms after now, got {until_ms - now_ms}")

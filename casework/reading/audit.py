"""The audit as it is read: of a case by whoever sees it, of everything by those who may, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import and_, exists, or_, select, true

from casework import audit as chain
from casework.people import AML, AUDITORS, sees, sees_aml
from casework.schema import audit, bulk_cases, bulks, cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement

    from casework.people import Actor
    from casework.store import Store

_AT_A_TIME = 1_000


@dataclass(frozen=True)
class Chosen:
    """Which entries are wanted; None and "" choose nothing.

    Attributes:
        actor: who did it.
        kind: what was done, such as `decide`.
        case_id: to which case.
        since_ms: from when on, UTC milliseconds.
        until_ms: before when.
    """

    actor: str = ""
    kind: str = ""
    case_id: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def where(self) -> Iterator[ColumnElement[bool]]:
        """As conditions on `audit`."""
        if self.actor:
            yield audit.c.actor == self.actor
        if self.kind:
            yield audit.c.kind == self.kind
        if self.case_id is not None:
            yield audit.c.case_id == self.case_id
        if self.since_ms is not None:
            yield audit.c.time_ms >= self.since_ms
        if self.until_ms is not None:
            yield audit.c.time_ms < self.until_ms


class Entry(NamedTuple):
    """An entry of the audit.

    Attributes:
        entry_id: its number in the chain.
        time_ms: when, UTC milliseconds.
        actor: who; `casework` for the agent.
        kind: what was done.
        case_id: to which case; None for none.
        is_aml: whether it is for `aml` alone.
        detail: the rest, as that kind has it.
        hash: of the entry and of all before it.
    """

    entry_id: int
    time_ms: int
    actor: str
    kind: str
    case_id: int | None
    is_aml: bool
    detail: dict[str, Any]
    hash: str


def audit_of(store: Store, actor: Actor, case_id: int, now_ms: int, *, after: int = 0) -> tuple[Entry, ...]:
    """The audit of a case, the oldest first; nothing of a case that the actor does not see.

    What was done to many cases at once is one entry, and in the audit of each.

    Args:
        store: the store.
        actor: who looks.
        case_id: the case.
        now_ms: UTC milliseconds.
        after: only entries with a greater number.
    """
    of_many = select(bulks.c.entry_id).join(bulk_cases, bulk_cases.c.bulk_id == bulks.c.bulk_id)
    of_many = of_many.where(bulk_cases.c.case_id == case_id)
    seen = exists().where(cases.c.case_id == case_id, sees(actor, now_ms))
    with store.reading() as connection:
        # Their numbers are read first: with a subquery here PostgreSQL would look at every entry.
        numbers = [*connection.execute(of_many).scalars()]
        of_case = or_(audit.c.case_id == case_id, audit.c.entry_id.in_(numbers))
        statement = select(audit).where(of_case, audit.c.entry_id > after, seen, sees_aml(actor, audit.c.is_aml))
        return tuple(_entry(each) for each in connection.execute(statement.order_by(audit.c.entry_id)))


def entries(
    store: Store, actor: Actor, chosen: Chosen, *, before: int | None = None, after: int | None = None, most: int = 100
) -> list[Entry]:
    """Entries that somebody may read: the newest first, or with `after` the oldest first.

    Args:
        store: the store.
        actor: who reads.
        chosen: which.
        before: only those with a number below.
        after: only those with a number above, in their order.
        most: entries at most.

    Raises:
        NotAllowed: the actor reads no audit.
    """
    actor.need(AUDITORS, "to read the audit")
    statement = select(audit).where(_seen(actor), *chosen.where())
    if before is not None:
        statement = statement.where(audit.c.entry_id < before)
    if after is not None:
        statement = statement.where(audit.c.entry_id > after)
    order = audit.c.entry_id.desc() if after is None else audit.c.entry_id
    with store.reading() as connection:
        return [_entry(each) for each in connection.execute(statement.order_by(order).limit(most))]


def every_entry(store: Store, actor: Actor, chosen: Chosen, most: int) -> Iterator[Entry]:
    """Likewise as many as `most`, the newest first."""
    before = None
    while most > 0 and (found := entries(store, actor, chosen, before=before, most=min(most, _AT_A_TIME))):
        yield from found
        before, most = found[-1].entry_id, most - len(found)


def verify(store: Store, actor: Actor, noted: str = "") -> chain.Head:
    """Compute the chain again, as `casework.audit.verify` does; raises NotAllowed too."""
    actor.need(AUDITORS, "to verify the audit")
    with store.reading() as connection:
        return chain.verify(connection, noted)


def _seen(actor: Actor) -> ColumnElement[bool]:
    """Entries that an auditor sees: all but those that are of money laundering, or of such a case."""
    if AML in actor.roles:
        return true()
    # A case never changes from one kind to the other, but what is said of it in an entry may have been.
    hidden = select(cases.c.case_id).where(cases.c.case_id == audit.c.case_id, cases.c.is_aml).exists()
    return and_(~audit.c.is_aml, or_(audit.c.case_id.is_(None), ~hidden))


def _entry(row: Any) -> Entry:
    return Entry(
        row.entry_id, row.time_ms, row.actor, row.kind, row.case_id, row.is_aml, msgspec.json.decode(row.detail),
        row.hash,
    )  # fmt: skip

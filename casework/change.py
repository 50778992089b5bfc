"""One change by somebody: a transaction in which cases are seen by role, changed by version, and noted in the audit."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from casework import audit, deadlines, summary
from casework.chunks import chunks
from casework.errors import Conflict, NotFound, Refused
from casework.people import WORKS, actor_in, seen_case, sees
from casework.schema import alerts, cases, tasks
from casework.states import DECIDED, MERGED, OPEN, WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store


def check_version(case: Any, expected_version: int) -> None:
    """Refuse to change a case that is not as it was looked at; raises Conflict."""
    if case.version != expected_version:
        who = f"{case.holder} holds it" if case.holder else "nobody holds it"
        raise Conflict(
            f"case {case.case_id} must be of version {expected_version}, it is of {case.version}; {who}",
            case.holder, case.version,
        )  # fmt: skip


class Change:
    """The transaction of one operation.

    Attributes:
        store: the store.
        connection: the transaction.
        actor: who does it.
        now_ms: when, UTC milliseconds.
    """

    def __init__(self, store: Store, connection: Connection, actor: Actor, now_ms: int) -> None:
        self.store, self.connection, self.actor, self.now_ms = store, connection, actor, now_ms

    def case(self, case_id: int, *, is_open: bool = False) -> Any:
        """A case's row.

        Raises:
            NotFound: there is none, or the actor does not see it.
            Refused: it must be open and is not.
        """
        found = seen_case(self.connection, self.actor, case_id, self.now_ms)
        if is_open and found.status != OPEN:
            raise Refused(f"case {case_id} must be open, it is {found.status}")
        return found

    def colleague(self, user_id: str, case: Any) -> Actor:
        """A user who works on cases and sees this one.

        Raises:
            NotFound: there is no such user.
            Refused: the user does not work on cases, or does not see it.
        """
        found = actor_in(self.connection, user_id)
        seen = select(cases.c.case_id).where(cases.c.case_id == case.case_id, sees(found, self.now_ms))
        if not found.roles & WORKS or self.connection.execute(seen).first() is None:
            raise Refused(f"{user_id} must be somebody who works on case {case.case_id}, and is not")
        return found

    def cases(self, case_ids: Collection[int]) -> dict[int, Any]:
        """Rows of cases by number; those that are not there or not seen are left out."""
        found: dict[int, Any] = {}
        for some in chunks(case_ids):
            statement = select(cases).where(cases.c.case_id.in_(some), sees(self.actor, self.now_ms))
            found |= {each.case_id: each for each in self.connection.execute(statement)}
        return found

    def undecided(self, case_ids: Collection[int]) -> dict[int, list[Any]]:
        """Rows of the undecided alerts that stand, by case; none of a case that has none."""
        found: defaultdict[int, list[Any]] = defaultdict(list)
        for some in chunks(case_ids):
            waits = alerts.c.verdict.is_(None) & (alerts.c.state != WITHDRAWN)
            statement = select(alerts).where(alerts.c.case_id.in_(some), waits)
            for each in self.connection.execute(statement.order_by(alerts.c.alert_id)):
                found[each.case_id].append(each)
        return found

    def alerts(self, alert_ids: Collection[str]) -> list[Any]:
        """Rows of alerts, by id; raises NotFound where one is not there or not seen."""
        statement = select(alerts).join(cases, cases.c.case_id == alerts.c.case_id)
        statement = statement.where(alerts.c.alert_id.in_({*alert_ids}), sees(self.actor, self.now_ms))
        found = self.connection.execute(statement.order_by(alerts.c.alert_id)).all()
        if missing := {*alert_ids} - {each.alert_id for each in found}:
            raise NotFound(f"there is no alert {min(missing)}")
        return [*found]

    def change_case(self, case: Any, expected_version: int | None = None, **values: Any) -> None:
        """Change a case, whose version rises by one.

        Raises:
            Conflict: its version is not the one expected.
        """
        if expected_version is not None:
            check_version(case, expected_version)
        self.change_cases([case.case_id], **values)

    def change_cases(self, case_ids: Collection[int], **values: Any) -> None:
        """Change cases likewise, all to the same values."""
        changed = {"version": cases.c.version + 1, "updated_ms": self.now_ms, **values}
        for some in chunks(case_ids):
            self.connection.execute(update(cases).where(cases.c.case_id.in_(some)).values(changed))

    def settle(self, case_id: int, merged_into: int | None = None) -> None:
        """Have a case follow from its alerts, its status too; one without any is merged into another."""
        self.settle_all([case_id], merged_into)

    def settle_all(self, case_ids: Collection[int], merged_into: int | None = None) -> None:
        """Likewise for many."""
        gone = {"status": MERGED, "merged_into": merged_into, "holder": None, "snoozed_until_ms": None}
        becomes: dict[str, dict[str, Any]] = {
            OPEN: {"status": OPEN}, DECIDED: {"status": DECIDED, "snoozed_until_ms": None}, MERGED: gone,
        }  # fmt: skip
        found: defaultdict[str, list[int]] = defaultdict(list)
        for case_id, each in summary.refresh(self.connection, case_ids, self.now_ms).items():
            stands = MERGED if not each.filed + each.withdrawn else OPEN if each.undecided else DECIDED
            found[stands].append(case_id)
        for stands, listed in found.items():
            for some in chunks(listed):
                self.connection.execute(update(cases).where(cases.c.case_id.in_(some)).values(becomes[stands]))
                if stands == MERGED and merged_into is not None:
                    self.connection.execute(update(tasks).where(tasks.c.case_id.in_(some)).values(case_id=merged_into))
        deadlines.refresh(self.connection, self.store.working_days, case_ids)

    def note(self, kind: str, case: Any, **detail: Any) -> None:
        """Enter in the audit what was done to a case."""
        audit.append(
            self.connection, time_ms=self.now_ms, actor=self.actor.user_id, kind=kind, case_id=case.case_id,
            is_aml=case.is_aml, detail=detail,
        )  # fmt: skip


@contextmanager
def changing(store: Store, actor: Actor, now_ms: int, allowed: Collection[str], what: str) -> Iterator[Change]:
    """A change by somebody who has one of the roles; raises NotAllowed."""
    actor.need(allowed, what)
    with store.writing() as connection:
        yield Change(store, connection, actor, now_ms)

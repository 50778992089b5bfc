"""Escalation: what a person has not opened goes to whom they report to, what nobody has answered goes to the desk.

What cannot reach a person goes on at once, whatever the route says, so that nobody is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select, update

from casework.schema import notice_entries, notices
from casework.territory import supervisor
from notices.bodies import TO_DESK, TO_SUPERVISOR, Body
from notices.composing import Made, named
from notices.quiet import release_ms
from notices.recipients import Recipient
from notices.states import ANSWERED, DEAD, OPENED, WITHDRAWN
from notices.tasking import over
from notices.writing import reader_of, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from casework.persons import Person
    from casework.store import Store
    from notices.bodies import Entry
    from notices.routing.routes import Route, Routing


class Escalation:
    """Makes the escalations that are due at one moment, inside a transaction.

    Args:
        store: of the transaction.
        connection: the transaction.
        routing: has the desk, and the quiet hours.
        people: everybody, by id.
        lang: what a recipient reads who has not said.
        now_ms: UTC milliseconds.
    """

    def __init__(
        self, store: Store, connection: Connection, routing: Routing, people: Mapping[str, Person], lang: str,
        now_ms: int,
    ) -> None:  # fmt: skip
        self._store, self._connection, self._routing = store, connection, routing
        self._people, self._lang, self._now_ms = people, lang, now_ms
        self._routes = {each.key: each for each in routing.every_route()}

    def escalate(self) -> list[Made]:
        """Those that are due, the longest waiting first."""
        due = select(notices).where(notices.c.escalate_ms <= self._now_ms)
        rows = self._connection.execute(due.order_by(notices.c.escalate_ms, notices.c.notice_id)).all()
        made = []
        for row in rows:
            body = msgspec.json.decode(row.body, type=Body)
            next_ms, found = self._step(row, body)
            values = update(notices).where(notices.c.notice_id == row.notice_id).values(escalate_ms=next_ms)
            self._connection.execute(values)
            made += [found] if found is not None else []
        return made

    def _step(self, row: Any, body: Body) -> tuple[int | None, Made | None]:
        """When the notice is looked at again, and what is made of it now."""
        if row.status in {ANSWERED, WITHDRAWN}:
            return None, None
        if not self._left(row, body):  # what a decision has ended may come back yet
            return (None if row.status == DEAD else row.escalate_ms), None
        desk_ms = None if body.desk_after_ms is None else row.made_ms + body.desk_after_ms
        is_dead = row.status == DEAD
        if desk_ms is not None and desk_ms <= self._now_ms:
            return None, self._to_desk(row, body)
        if row.status == OPENED or self._went_to_supervisor(row.notice_id):
            return (desk_ms, None) if not is_dead else (None, self._to_desk(row, body))
        head = "" if body.supervisor_after_ms is None else supervisor(self._people, row.recipient, self._now_ms)
        if not head:
            return None, self._to_desk(row, body)
        channels = msgspec.json.decode(row.channels, type=tuple[str, ...])
        return desk_ms, self._to(row, body, Recipient(head, is_desk=False, channels=channels))

    def _went_to_supervisor(self, notice_id: str) -> bool:
        known = select(notices.c.notice_id).where(notices.c.escalates == notice_id, notices.c.kind == TO_SUPERVISOR)
        return self._connection.execute(known.limit(1)).first() is not None

    def _to_desk(self, row: Any, body: Body) -> Made:
        desk = self._routing.receivers[self._routing.desk]
        return self._to(row, body, Recipient(desk.name, is_desk=True, channels=desk.channels))

    def _to(self, row: Any, body: Body, recipient: Recipient) -> Made:
        zone = self._store.working_days.time_zone
        reader = reader_of(self._people, recipient, self._routing, self._lang, zone)
        left = self._left(row, body)
        entries = tuple(msgspec.structs.replace(each, holder=body.name) for each, _ in left)
        ids = tuple(tuple(msgspec.json.decode(alert_ids)) for _, alert_ids in left)
        made = Made(
            named(f"{recipient.name}|{row.notice_id}", self._now_ms, ids),
            TO_DESK if recipient.is_desk else TO_SUPERVISOR, recipient, row.urgent,
            Body(name=reader.name, lang=reader.lang, zone=reader.zone, entries=entries), ids, row.route,
        )  # fmt: skip
        route = self._routes.get(row.route)
        opens_ms = self._opens_ms(route, recipient, reader.zone, is_urgent=row.urgent)
        write(self._connection, made, self._now_ms, escalates=row.notice_id, not_before_ms=opens_ms)
        return made

    def _left(self, row: Any, body: Body) -> list[tuple[Entry, str]]:
        """Entries of a notice that are not over, with their alerts."""
        done = over(self._connection, [row.notice_id])
        told = zip(body.entries, self._alert_ids(row.notice_id), strict=True)
        return [(each, alert_ids) for each, alert_ids in told if each.task_id not in done]

    def _opens_ms(self, route: Route | None, recipient: Recipient, zone: str, *, is_urgent: bool) -> int:
        if route is None or recipient.is_desk or is_urgent:
            return self._now_ms
        return release_ms(route.quiet, zone, self._store.working_days, self._now_ms)

    def _alert_ids(self, notice_id: str) -> list[str]:
        of_it = select(notice_entries.c.alert_ids).where(notice_entries.c.notice_id == notice_id)
        return [*self._connection.execute(of_it.order_by(notice_entries.c.position)).scalars()]

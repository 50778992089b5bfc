"""A store with shops, reps and their supervisors, and what is told of their alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from casework import decisions
from casework.agent import FilingAgent
from casework.people import SYSTEM, Actor, put_user
from casework.schema import METADATA, alerts, cases
from domain.readings import Profile
from domain.timestamps import iso
from notices.bodies import Body
from notices.plan import Planner
from notices.routing.reading import parse_routing, read_routing
from tests.casework.world import NOW_MS, alert, write
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from casework.store import Store
    from domain.alerts import Alert, Score
    from domain.causes import Cause
    from notices.composing import Made
    from streams.sqlite.log import SqliteLog

LI = Actor("li", frozenset({"analyst"}))
LEAD = Actor("wang", frozenset({"lead"}))
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
NOON_MS = NOW_MS - NOW_MS % DAY_MS + 4 * HOUR_MS
"""Noon in Shanghai of a Monday."""
TOLD = "volume_rise"
"""A detector of which the merchant's own rep may hear."""


class Field:
    """A store, its log, a clock, and a planner with the routing that is shipped."""

    def __init__(self, store: Store, log: SqliteLog) -> None:
        self.store, self.log, self.now_ms = store, log, NOON_MS
        self.agent = FilingAgent(store, log, lambda: self.now_ms)
        self.planner = Planner(store, read_routing())

    def route(self, text: str) -> None:
        """Have another routing file count."""
        self.planner = Planner(self.store, parse_routing(text))

    def person(self, person_id: str, role: str = "rep", since_ms: int = 1_600_000_000_000, **more: Any) -> None:
        """Have the log know a version of somebody, and casework file it."""
        fields = {"effective_from": since_ms, "role": role, "name": more.pop("name", person_id.title()), **more}
        self.know(Profile(merchant_id=person_id, kind="person", effective_from=iso(since_ms), fields=fields))

    def shop(self, merchant_id: str, rep_id: str = "rep-1", agent_id: str = "A-17", **more: Any) -> None:
        """Have a merchant's master data filed."""
        given = {"short_name": f"店{merchant_id}", "region": "2102", "city": "大连", "address": f"路{merchant_id}号"}
        self.know(profile(merchant_id, FIRST, rep_id=rep_id, agent_id=agent_id, **(given | more)))

    def assign(self, merchant_id: str, rep_id: str, from_ms: int, **more: Any) -> None:
        """Have a merchant be somebody's from a moment on."""
        fields = {"effective_from": from_ms, "rep_id": rep_id, **more}
        self.know(Profile(merchant_id=merchant_id, kind="assignment", effective_from=iso(from_ms), fields=fields))

    def know(self, made: Profile) -> None:
        self.log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[made.key.encode()])
        self.agent.file()

    def file(self, *found: Alert | Score | Cause) -> None:
        write(self.log, *found)
        self.agent.file()

    def alert(self, alert_id: str, merchant_id: str = "m1", detector: str = TOLD, **more: Any) -> None:
        """Have an alert filed."""
        self.file(alert(alert_id, merchant_id, detector, **more))

    def confirm(self, alert_id: str, verdict: str = "confirmed") -> int:
        """Have an analyst decide on an alert."""
        with self.store.reading() as connection:
            of_it = select(cases.c.case_id, cases.c.version).join(alerts, alerts.c.case_id == cases.c.case_id)
            found = connection.execute(of_it.where(alerts.c.alert_id == alert_id)).one()
        return decisions.decide(
            self.store, LI, found.case_id, found.version, verdict, "vol-01", "seen", self.now_ms, alert_ids=[alert_id]
        )

    def confirmed(self, alert_id: str, merchant_id: str = "m1", detector: str = TOLD, **more: Any) -> None:
        """Have an alert filed and confirmed."""
        self.alert(alert_id, merchant_id, detector, **more)
        self.confirm(alert_id)

    def look(self, after_ms: int = 0) -> list[Made]:
        """Look, let time pass, and look again; what both have made."""
        made = self.planner.look(self.now_ms)
        if after_ms:
            self.now_ms += after_ms
            made += self.planner.look(self.now_ms)
        return made

    def told(self, after_ms: int = 0) -> list[tuple[str, list[str]]]:
        """Look likewise, and say who is told of which merchants."""
        return [
            (each.recipient.name, sorted(one.merchant_id for one in each.body.entries)) for each in self.look(after_ms)
        ]

    def rows(self, table: str) -> list[Any]:
        with self.store.reading() as connection:
            found = METADATA.tables[table]
            return [*connection.execute(select(found).order_by(*found.primary_key))]

    def bodies(self) -> dict[str, Body]:
        """By id, what notices say."""
        return {each.notice_id: msgspec.json.decode(each.body, type=Body) for each in self.rows("notices")}

    def hire(self, *actors: Actor) -> None:
        """Have people be users."""
        for each in actors:
            put_user(self.store, SYSTEM, each.user_id, each.user_id.title(), each.roles, self.now_ms)

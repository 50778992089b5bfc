"""A store with cases, and people who work on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import text

from casework import audit, decisions, operations, queue
from casework.agent import FilingAgent
from casework.people import AML, SYSTEM, Actor, put_user
from tests.casework.world import NOW_MS, alert, rows, write
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from casework.store import Store
    from domain.readings import Profile
    from streams.sqlite.log import SqliteLog

LI, WANG, ZHAO, CHEN = (
    Actor(name, frozenset({role}))
    for name, role in (("li", "analyst"), ("wang", "lead"), ("zhao", "lead"), ("chen", AML))
)
REP = Actor("rep-1", frozenset({"rep"}))
DAY_MS = 86_400_000


class Desk:
    """A store with cases: m1 has two alerts and one of money laundering, m2 has one."""

    def __init__(self, store: Store, log: SqliteLog) -> None:
        self.store, self.log, self.now_ms = store, log, NOW_MS
        self.agent = FilingAgent(store, log, lambda: self.now_ms)
        for merchant_id, rep_id in (("m1", "rep-1"), ("m2", "rep-2")):
            self.know(profile(merchant_id, FIRST, rep_id=rep_id))
        self.file(
            alert("a"), alert("b", detector="fee_over", severity=0.7), alert("c", "m2"), alert("x", risk_code="29")
        )

    def know(self, made: Profile) -> None:
        self.log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[made.key.encode()])

    def file(self, *found: Any) -> None:
        write(self.log, *found)
        self.agent.file()

    def case_of(self, alert_id: str) -> int:
        return int(dict(rows(self.store, "alerts", "alert_id", "case_id"))[alert_id])

    def version(self, case_id: int) -> int:
        return int(dict(rows(self.store, "cases", "case_id", "version"))[case_id])

    def header(self, actor: Actor = LI) -> queue.Header:
        return queue.header(self.store, actor, self.now_ms)

    def take(self, alert_id: str) -> None:
        case_id = self.case_of(alert_id)
        operations.take(self.store, LI, case_id, self.version(case_id), self.now_ms)

    def decide(self, alert_id: str, actor: Actor = LI, verdict: str = "confirmed", **more: Any) -> int:
        case_id = self.case_of(alert_id)
        return decisions.decide(
            self.store, actor, case_id, self.version(case_id), verdict, "mcc-01", "seen", self.now_ms, **more
        )

    def kinds(self) -> list[str]:
        with self.store.reading() as connection:
            audit.verify(connection)
            return [*connection.execute(text("SELECT kind FROM audit ORDER BY entry_id")).scalars()]

    def entries(self) -> list[tuple[str, int | None, dict[str, Any]]]:
        """The audit: kind, case and detail of each entry."""
        with self.store.reading() as connection:
            audit.verify(connection)
            found = connection.execute(text("SELECT kind, case_id, detail FROM audit ORDER BY entry_id"))
            return [(each.kind, each.case_id, msgspec.json.decode(each.detail)) for each in found]

    def hire(self) -> None:
        """Have those who work on cases known to the store."""
        for each in (LI, WANG, ZHAO, CHEN, REP):
            put_user(self.store, SYSTEM, each.user_id, each.user_id.title(), each.roles, self.now_ms)

    def sent(self) -> list[dict[str, Any]]:
        """What the log has been sent."""
        found = []
        for partition in range(self.log.partitions("events")):
            records = self.log.read("events", partition, 0)
            found += [msgspec.json.decode(records.value(i)) for i in range(len(records))]
        return found

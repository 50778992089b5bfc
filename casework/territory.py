"""Whose a merchant is at a moment: its rep and agent, who stands in for an absent rep, whom that person reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from casework.chunks import chunks
from casework.schema import facts, merchant_profiles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import Connection

    from casework.persons import Person
    from casework.store import Store

_CHANGES = "territory_changes"
_MOST_DEPUTIES = 5
"""How many who are absent are passed on the way to one who is there."""


class Holder(NamedTuple):
    """Who looks after a merchant; "" where nobody is known.

    Attributes:
        rep_id: the rep: of the assignment in force, else of the master data.
        agent_id: the agent, likewise.
    """

    rep_id: str = ""
    agent_id: str = ""


class Territory:
    """Whose each of some merchants is when.

    Args:
        connection: a transaction.
        merchant_ids: which merchants.
    """

    def __init__(self, connection: Connection, merchant_ids: Iterable[str]) -> None:
        self._versions: dict[str, list[Any]] = {}
        self.add(connection, merchant_ids)

    def add(self, connection: Connection, merchant_ids: Iterable[str]) -> None:
        """Read of merchants that have not been read yet."""
        table = merchant_profiles
        columns = (
            table.c.merchant_id, table.c.kind, table.c.effective_from_ms, table.c.until_ms, table.c.rep_id,
            table.c.agent_id,
        )  # fmt: skip
        missing = {*merchant_ids} - self._versions.keys()
        self._versions |= {each: [] for each in missing}
        for some in chunks(sorted(missing)):
            whose = table.c.merchant_id.in_(some) & table.c.kind.in_(("merchant", "assignment"))
            for each in connection.execute(select(*columns).where(whose).order_by(table.c.effective_from_ms)):
                self._versions[each.merchant_id].append(each)

    def at(self, merchant_id: str, time_ms: int) -> Holder:
        """Whose a merchant is at a moment, UTC milliseconds; before its first version, as in that."""
        versions = self._versions.get(merchant_id, [])
        if len(versions) == 1 and versions[0].until_ms is None:  # as of most, and a look of the planner asks for each
            return Holder(versions[0].rep_id or "", versions[0].agent_id or "")
        by_then = [each for each in versions if each.effective_from_ms <= time_ms] or versions[:1]
        assigned = [each for each in by_then if each.kind == "assignment"][-1:]
        lasting = [each for each in assigned if each.until_ms is None or each.until_ms > time_ms]
        said = lasting + [each for each in by_then if each.kind == "merchant"][-1:]
        return Holder(
            next((each.rep_id for each in said if each.rep_id), ""),
            next((each.agent_id for each in said if each.agent_id), ""),
        )


def changes(connection: Connection) -> int:
    """How often versions were filed: while it is the same, what a `Territory` has read is so still."""
    return int(connection.execute(select(facts.c.value).where(facts.c.name == _CHANGES)).scalar() or 0)


def note_change(store: Store, connection: Connection) -> None:
    """Count a filing of versions, in its transaction."""
    store.upsert(connection, facts, [{"name": _CHANGES, "value": str(changes(connection) + 1)}])


def on_duty(people: Mapping[str, Person], person_id: str, time_ms: int) -> str:
    """Who is there for somebody: that person, or who stands in while they are absent, and so on; "" for nobody.

    One whom nobody knows is taken to be there.
    """
    seen = set[str]()
    while person_id and person_id not in seen and len(seen) <= _MOST_DEPUTIES:
        seen.add(person_id)
        found = people.get(person_id)
        if found is None or not found.is_absent(time_ms):
            return person_id
        person_id = found.deputy_id
    return ""


def supervisor(people: Mapping[str, Person], person_id: str, time_ms: int, but: Collection[str] = ()) -> str:
    """Whom somebody reports to, or who stands in for that person; "" where nobody is known or it is one of `but`."""
    found = people.get(person_id)
    head = on_duty(people, found.supervisor_id, time_ms) if found is not None else ""
    return "" if head in {person_id, *but} else head

"""People as the log knows them: their versions are filed, and read as they stood at a moment."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import select

from casework.bodies import text
from casework.chunks import chunks
from casework.schema import persons, users

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

_KEPT = frozenset(
    {
        "role", "name", "supervisor_id", "deputy_id", "absent_from", "absent_until", "wecom_id", "dingtalk_id",
        "feishu_id", "email", "mobile", "region", "time_zone", "language",
    }
)  # fmt: skip


class Person(NamedTuple):
    """Somebody, as they stood at a moment; "" or None where nothing is said.

    Attributes:
        person_id: who.
        role: of `domain.events.PERSON_ROLES`.
        name: what they are called.
        supervisor_id: whom they report to.
        deputy_id: who stands in for them.
        absent_from_ms: when an absence begins, UTC milliseconds.
        absent_until_ms: when it ends.
        region: the territory.
        time_zone: an IANA name.
        language: `zh` or `en`.
        wecom_id: their id there.
        dingtalk_id: likewise.
        feishu_id: likewise.
        email: their address.
        mobile: the telephone that text messages go to; nothing but sending reads it.
    """

    person_id: str
    role: str = ""
    name: str = ""
    supervisor_id: str = ""
    deputy_id: str = ""
    absent_from_ms: int | None = None
    absent_until_ms: int | None = None
    region: str = ""
    time_zone: str = ""
    language: str = ""
    wecom_id: str = ""
    dingtalk_id: str = ""
    feishu_id: str = ""
    email: str = ""
    mobile: str = ""

    def is_absent(self, time_ms: int) -> bool:
        """Whether they are away at a moment. A begin or an end alone is enough for an absence."""
        if self.absent_from_ms is None and self.absent_until_ms is None:
            return False
        begun = self.absent_from_ms is None or self.absent_from_ms <= time_ms
        return begun and (self.absent_until_ms is None or time_ms < self.absent_until_ms)


def person_row(person_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A version of somebody, by the fields of its event, as a row of `persons`."""
    kept = {name: value for name, value in fields.items() if name in _KEPT}
    return {
        "person_id": person_id, "effective_from_ms": fields["effective_from"], "role": kept.get("role") or "",
        "supervisor_id": kept.get("supervisor_id") or "", "body": text(kept),
    }  # fmt: skip


def persons_at(
    connection: Connection, time_ms: int, person_ids: Collection[str] | None = None
) -> dict[str, Person]:  # fmt: skip
    """People by id, as they stood at a moment; of one whose first version is later, as in that.

    Args:
        connection: a transaction.
        time_ms: UTC milliseconds.
        person_ids: who; everybody by default.
    """
    statement, versions = select(persons).order_by(persons.c.effective_from_ms), defaultdict[str, list[Any]](list)
    asked = [statement]
    if person_ids is not None:
        asked = [statement.where(persons.c.person_id.in_(some)) for some in chunks(person_ids)]
    for one in asked:
        for each in connection.execute(one):
            versions[each.person_id].append(each)
    return {person_id: _person(found, time_ms) for person_id, found in versions.items()}


def _person(versions: list[Any], time_ms: int) -> Person:
    in_force = [each for each in versions if each.effective_from_ms <= time_ms][-1:] or versions[:1]
    fields = msgspec.json.decode(in_force[0].body)
    named = {f"{name}_ms" if name.startswith("absent_") else name: value for name, value in fields.items()}
    return Person(in_force[0].person_id, **{name: value for name, value in named.items() if value not in {None, ""}})


def names_of_people(connection: Connection, person_ids: Collection[str], now_ms: int) -> dict[str, str]:
    """By id, what people are called: as users, else as the log has them; who has no name is left out."""
    named = {each.person_id: each.name for each in persons_at(connection, now_ms, person_ids).values() if each.name}
    for some in chunks(person_ids):
        of_them = select(users.c.user_id, users.c.name).where(users.c.user_id.in_(some), users.c.name != "")
        named |= {each.user_id: each.name for each in connection.execute(of_them)}
    return named

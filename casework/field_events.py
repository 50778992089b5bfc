"""Filing what the log says of people, terminals, visits and complaints: each once, whoever wrote or reads it again.

A visit that was recorded here comes back from the log, to which it was sent: it is the one of the same merchant, moment
and visitor. What comes later of the same visit corrects it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from casework import field_sums
from casework.bodies import text
from casework.chunks import chunks
from casework.persons import person_row
from casework.schema import complaints, merchant_terminals, persons, visits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from casework.store import Store
    from domain.readings import Profile

_Visit = tuple[str, int, str]
"""A merchant, a moment, and who was there."""


def file_field_events(store: Store, connection: Connection, found: Sequence[Profile], now_ms: int) -> set[str]:
    """File them; the merchants whose visits have changed.

    Args:
        store: of the transaction.
        connection: a transaction that writes.
        found: of persons, terminals, visits and complaints; others are passed over.
        now_ms: UTC milliseconds.
    """
    store.upsert(connection, persons, [person_row(each.merchant_id, each.fields) for each in _of(found, "person")])
    store.upsert(connection, complaints, [_complaint(each) for each in _of(found, "complaint")])
    store.upsert(connection, merchant_terminals, _terminals(_of(found, "terminal")), newer=("offset",))
    rows = [_visit(each, now_ms) for each in _of(found, "visit")]
    _file_visits(store, connection, rows)
    return {each["merchant_id"] for each in rows}


def _of(found: Sequence[Profile], kind: str) -> list[Profile]:
    return [each for each in found if each.kind == kind]


def _terminals(found: Sequence[Profile]) -> list[dict[str, Any]]:
    """Versions of terminals; of two of one moment the later record."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for each in sorted(found, key=lambda one: one.offset or 0):
        key = each.merchant_id, each.fields["terminal_id"], each.fields["effective_from"]
        rows[key] = dict(zip(("merchant_id", "terminal_id", "effective_from_ms"), key, strict=True)) | {
            "offset": each.offset or 0, "body": text(each.fields),
        }  # fmt: skip
    return [*rows.values()]


def _complaint(each: Profile) -> dict[str, Any]:
    fields = each.fields
    return {
        "merchant_id": each.merchant_id, "made_ms": fields["event_time"], "offset": each.offset or 0,
        "reason_code": fields.get("reason_code", ""), "channel": fields.get("channel", ""),
        "note": fields.get("note", ""), "of_case": fields.get("case_id", ""),
    }  # fmt: skip


def _visit(each: Profile, now_ms: int) -> dict[str, Any]:
    fields = each.fields
    return {
        "merchant_id": each.merchant_id, "visited_ms": fields["event_time"],
        "visit_kind": fields.get("visit_kind", ""), "outcome": fields.get("outcome", ""),
        "note": fields.get("note", ""), "by": fields.get("person_id", ""), "recorded_ms": now_ms,
        "lat": fields.get("lat"), "lon": fields.get("lon"), "coord_sys": fields.get("coord_sys", ""),
        "alert_id": fields.get("alert_id", ""), "of_case": fields.get("case_id", ""), "offset": each.offset or 0,
    }  # fmt: skip


def _file_visits(store: Store, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    newest: dict[_Visit, dict[str, Any]] = {}
    for each in sorted(rows, key=lambda row: int(row["offset"])):
        newest[each["merchant_id"], each["visited_ms"], each["by"]] = each
    known = _known(connection, {merchant_id for merchant_id, _, _ in newest})
    new = [row for visit, row in newest.items() if visit not in known]
    if new:
        with field_sums.kept(store, connection, {each["merchant_id"] for each in new}):
            store.execute_many(connection, insert(visits), new)
    changed = [
        {"of": known[visit].visit_id, **{f"new_{name}": row[name] for name in row if name != "recorded_ms"}}
        for visit, row in newest.items()
        if visit in known and (known[visit].offset is None or known[visit].offset < row["offset"])
    ]
    if changed:
        values: dict[str, Any] = {each.removeprefix("new_"): bindparam(each) for each in changed[0] if each != "of"}
        connection.execute(update(visits).where(visits.c.visit_id == bindparam("of")).values(values), changed)


def _known(connection: Connection, merchant_ids: set[str]) -> dict[_Visit, Any]:
    found: dict[_Visit, Any] = {}
    table = visits.c
    for some in chunks(merchant_ids):
        columns = (table.visit_id, table.merchant_id, table.visited_ms, table.by, table.offset)
        of_them = select(*columns).where(table.merchant_id.in_(some)).order_by(table.visit_id.desc())
        found |= {(each.merchant_id, each.visited_ms, each.by): each for each in connection.execute(of_them)}
    return found

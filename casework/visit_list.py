"""The visit list: merchants that an inspection is due at, by due date, value or distance.

Nothing of alerts, cases, scores or grades is read here: reps see these lists, and may learn nothing from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from casework.chunks import chunks
from casework.errors import Refused
from casework.people import merchants_of, sees_merchant
from casework.persons import names_of_people
from casework.schema import inspections, merchant_months, merchants, visits
from casework.tasks.place import Position, apart, checked
from casework.tasks.shop import in_force
from domain.timestamps import DAY_MS, iso

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from casework.people import Actor
    from casework.store import Store

ORDERS = ("due", "value", "distance")
"""What a list is ordered by: the earliest, the greatest turnover, or the nearest first."""
WITHIN_D = 30
"""Days ahead that a list looks by default: our own default."""
MOST_DAYS = 400
MOST_LISTED = 2_000
"""Merchants of a list, those due first; a list of more is ordered among these."""
VALUE_MONTHS = 3
"""Months whose turnover is a merchant's value: the running one, and those before."""
_RULES_A_MERCHANT = 4


class Due(NamedTuple):
    """An inspection that is due: by which rule, of `casework.inspections.RULES`, and when, UTC milliseconds."""

    rule: str
    due_ms: int


class Stop(NamedTuple):
    """A merchant on the list; "" or None where something is not known.

    Attributes:
        merchant_id: its id.
        name: over the door.
        address: of the master data in force.
        city: likewise.
        rep_id: whose it is.
        rep_name: the rep's name.
        due: what is due, the earliest first; one visit does for all of it.
        turnover_minor: of the running month and two before.
        currency: of it.
        last_visit_ms: when it was visited last.
        last_outcome: what was found then.
        distance_m: from the position given.
        radius_m: within which two places count as one: wider where it is not known of which map either is.
    """

    merchant_id: str
    name: str
    address: str
    city: str
    rep_id: str
    rep_name: str
    due: tuple[Due, ...]
    turnover_minor: int | None = None
    currency: str = ""
    last_visit_ms: int | None = None
    last_outcome: str = ""
    distance_m: float | None = None
    radius_m: int | None = None

    @property
    def due_ms(self) -> int:
        """When the first of it is due."""
        return self.due[0].due_ms


class Wanted(NamedTuple):
    """Which inspections, in which order.

    Attributes:
        rep: whose; "" for everybody's that the actor sees.
        within_d: days ahead, 0 to 400; what is late is always listed.
        order: of `ORDERS`.
        position: distances are from there; None for none.
    """

    rep: str = ""
    within_d: int = WITHIN_D
    order: str = "due"
    position: Position | None = None


def visit_list(store: Store, actor: Actor, wanted: Wanted, now_ms: int) -> tuple[Stop, ...]:
    """Merchants that an inspection is due at, at most 2,000, each with all that is due there.

    Args:
        store: the store.
        actor: who looks; a rep sees its own merchants alone.
        wanted: which.
        now_ms: UTC milliseconds.

    Raises:
        Refused: an order or a number of days that there is none of, a position that cannot be, or a distance from none.
    """
    if wanted.order not in ORDERS:
        raise Refused(f"order must be one of {', '.join(ORDERS)}, got {wanted.order[:20]!r}")
    if not 0 <= wanted.within_d <= MOST_DAYS:
        raise Refused(f"within_d must be 0 to {MOST_DAYS}, got {wanted.within_d}")
    if wanted.order == "distance" and wanted.position is None:
        raise Refused("a list by distance must be from a position, got none")
    here = None if wanted.position is None else checked(wanted.position)
    with store.reading() as connection:
        due = _due(connection, _seen(actor, wanted, now_ms), now_ms, wanted.within_d)
        stops = _stops(connection, due, here, now_ms)
    return tuple(sorted(stops, key=_ORDERS[wanted.order]))


def count_due(store: Store, actor: Actor, wanted: Wanted, now_ms: int) -> tuple[int, int]:
    """How many merchants an inspection is due at, and at how many of them one is late."""
    table = inspections.c
    statement = select(
        func.count(table.merchant_id.distinct()),
        func.count(table.merchant_id.distinct()).filter(table.due_ms < now_ms),
    ).where(*_open(now_ms, wanted.within_d), *_seen(actor, wanted, now_ms))
    with store.reading() as connection:
        due, late = connection.execute(statement).one()
    return int(due), int(late)


def _by_due(stop: Stop) -> tuple[Any, ...]:
    return stop.due_ms, -(stop.turnover_minor or 0), stop.merchant_id


def _by_value(stop: Stop) -> tuple[Any, ...]:
    return stop.turnover_minor is None, -(stop.turnover_minor or 0), stop.due_ms, stop.merchant_id


def _by_distance(stop: Stop) -> tuple[Any, ...]:
    return stop.distance_m is None, stop.distance_m or 0.0, stop.due_ms, stop.merchant_id


_ORDERS = {"due": _by_due, "value": _by_value, "distance": _by_distance}


def _seen(actor: Actor, wanted: Wanted, now_ms: int) -> list[ColumnElement[bool]]:
    table = inspections.c
    found = [sees_merchant(actor, table.merchant_id, now_ms)]
    if wanted.rep:
        found.append(table.merchant_id.in_(merchants_of(wanted.rep, now_ms)))
    return found


def _open(now_ms: int, within_d: int) -> list[ColumnElement[bool]]:
    table = inspections.c
    return [table.done_ms.is_(None), table.due_ms <= now_ms + within_d * DAY_MS, table.since_ms <= now_ms]


def _due(
    connection: Connection, seen: Sequence[ColumnElement[bool]], now_ms: int, within_d: int
) -> dict[str, tuple[Due, ...]]:  # fmt: skip
    table = inspections.c
    statement = select(table.merchant_id, table.rule, table.due_ms).where(*_open(now_ms, within_d), *seen)
    ordered = statement.order_by(table.due_ms, table.merchant_id, table.rule)
    found: dict[str, tuple[Due, ...]] = {}
    for each in connection.execute(ordered.limit(_RULES_A_MERCHANT * MOST_LISTED)):
        if each.merchant_id in found or len(found) < MOST_LISTED:
            found[each.merchant_id] = (*found.get(each.merchant_id, ()), Due(each.rule, each.due_ms))
    return found


def _stops(
    connection: Connection, due: Mapping[str, tuple[Due, ...]], here: Position | None, now_ms: int
) -> list[Stop]:  # fmt: skip
    heads = _heads(connection, due)
    names = names_of_people(connection, {each.rep_id for each in heads.values() if each.rep_id}, now_ms)
    places, worth, last = in_force(connection, due, now_ms), values(connection, due, now_ms), _last(connection, due)
    found = []
    for merchant_id, each in due.items():
        head, fields = heads.get(merchant_id), places.get(merchant_id, {})
        turnover, currency = worth.get(merchant_id, (None, ""))
        visited_ms, outcome = last.get(merchant_id, (None, ""))
        rep_id = head.rep_id if head else ""
        far = None
        if here is not None and "lat" in fields and "lon" in fields:
            far = apart(here, Position(fields["lat"], fields["lon"], fields.get("coord_sys", "")))
        found.append(
            Stop(
                merchant_id, head.name if head else "", fields.get("address", ""), head.city if head else "", rep_id,
                names.get(rep_id, ""), each, turnover, currency, visited_ms, outcome,
                far and far.distance_m, far and far.radius_m,
            )
        )  # fmt: skip
    return found


def _heads(connection: Connection, merchant_ids: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    columns = (merchants.c.merchant_id, merchants.c.name, merchants.c.city, merchants.c.rep_id)
    for some in chunks(merchant_ids):
        rows = connection.execute(select(*columns).where(merchants.c.merchant_id.in_(some)))
        found |= {each.merchant_id: each for each in rows}
    return found


def values(connection: Connection, merchant_ids: Collection[str], now_ms: int) -> dict[str, tuple[int, str]]:
    """By merchant, its turnover of the running month and two before, minor units, and the currency."""
    table, found = merchant_months.c, dict[str, tuple[int, str]]()
    first = iso(now_ms - (VALUE_MONTHS - 1) * 30 * DAY_MS)[:7]
    for some in chunks(merchant_ids):
        of_them = (table.merchant_id.in_(some), table.month >= first)
        summed = select(table.merchant_id, func.sum(table.turnover_minor), func.max(table.currency)).where(*of_them)
        found |= {each[0]: (int(each[1]), each[2]) for each in connection.execute(summed.group_by(table.merchant_id))}
    return found


def _last(connection: Connection, merchant_ids: Collection[str]) -> dict[str, tuple[int, str]]:
    """By merchant, its last visit."""
    table, found = visits.c, dict[str, tuple[int, str]]()
    for some in chunks(merchant_ids):
        columns = (table.merchant_id, table.visited_ms, table.outcome)
        statement = select(*columns).where(table.merchant_id.in_(some)).order_by(table.visited_ms, table.visit_id)
        found |= {each.merchant_id: (each.visited_ms, each.outcome) for each in connection.execute(statement)}
    return found

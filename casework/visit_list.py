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
    name: str = ""
    address: str = ""
    city: str = ""
    rep_id: str = ""
    rep_name: str = ""
    due: tuple[Due, ...] = ()
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


def visit_list(
    store: Store, actor: Actor, wanted: Wanted, now_ms: int, most: int = MOST_LISTED
) -> tuple[Stop, ...]:  # fmt: skip
    """Merchants that an inspection is due at, at most 2,000, each with all that is due there.

    Args:
        store: the store.
        actor: who looks; a rep sees its own merchants alone.
        wanted: which.
        now_ms: UTC milliseconds.
        most: how many of them are given, the first ones by the order.

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
        first = _first(connection, due, wanted.order, here, now_ms, most)
        return tuple(_told(connection, first, wanted.order, here, now_ms))


def count_due(store: Store, actor: Actor, wanted: Wanted, now_ms: int) -> tuple[int, int]:
    """How many merchants an inspection is due at, and at how many of them one is late."""
    table = inspections.c
    # Of a sum no index is asked: merchants come one after the other from the index that has open inspections by them.
    is_due = (table.done_ms.is_(None), table.due_ms + 0 <= now_ms + wanted.within_d * DAY_MS, table.since_ms <= now_ms)
    each = select(func.min(table.due_ms).label("first_ms")).where(*is_due, *_seen(actor, wanted, now_ms))
    first = each.group_by(table.merchant_id).subquery().c.first_ms
    with store.reading() as connection:
        due, late = connection.execute(select(func.count(first), func.count(first).filter(first < now_ms))).one()
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


def _due(
    connection: Connection, seen: Sequence[ColumnElement[bool]], now_ms: int, within_d: int
) -> dict[str, tuple[Due, ...]]:  # fmt: skip
    table = inspections.c
    is_due = (table.done_ms.is_(None), table.due_ms <= now_ms + within_d * DAY_MS, table.since_ms <= now_ms)
    statement = select(table.merchant_id, table.rule, table.due_ms).where(*is_due, *seen)
    ordered = statement.order_by(table.due_ms, table.merchant_id, table.rule)
    found: dict[str, tuple[Due, ...]] = {}
    for merchant_id, rule, due_ms in connection.execute(ordered.limit(_RULES_A_MERCHANT * MOST_LISTED)).all():
        if merchant_id in found or len(found) < MOST_LISTED:
            found[merchant_id] = (*found.get(merchant_id, ()), Due(rule, due_ms))
    return found


def _first(
    connection: Connection, due: Mapping[str, tuple[Due, ...]], order: str, here: Position | None, now_ms: int,
    most: int,
) -> list[Stop]:  # fmt: skip
    """The first stops by an order, with what the order goes by: what else is told is not read of all the others."""
    stops = [Stop(merchant_id, due=each) for merchant_id, each in due.items()]
    if order == "distance":
        stops = _placed(connection, stops, here, now_ms)
    else:
        stops = _valued(connection, _earliest(stops, most) if order == "due" else stops, now_ms)
    return sorted(stops, key=_ORDERS[order])[:most]


def _earliest(stops: list[Stop], most: int) -> list[Stop]:
    """Those that are due before all others, and whoever is due with the last of them."""
    if len(stops) <= most:
        return stops
    last_ms = sorted(each.due_ms for each in stops)[most - 1]
    return [each for each in stops if each.due_ms <= last_ms]


def _told(connection: Connection, stops: list[Stop], order: str, here: Position | None, now_ms: int) -> list[Stop]:
    """Stops with all that is told of them: what the order goes by they have."""
    stops = _valued(connection, stops, now_ms) if order == "distance" else _placed(connection, stops, here, now_ms)
    merchant_ids = [each.merchant_id for each in stops]
    heads, last = _heads(connection, merchant_ids), _last(connection, merchant_ids)
    names = names_of_people(connection, {each.rep_id for each in heads.values() if each.rep_id}, now_ms)
    found = []
    for stop in stops:
        head = heads.get(stop.merchant_id)
        visited_ms, outcome = last.get(stop.merchant_id, (None, ""))
        whose = (head.name, head.city, head.rep_id, names.get(head.rep_id, "")) if head else ("",) * 4
        told = dict(zip(("name", "city", "rep_id", "rep_name"), whose, strict=True))
        found.append(stop._replace(**told, last_visit_ms=visited_ms, last_outcome=outcome))
    return found


def _placed(connection: Connection, stops: list[Stop], here: Position | None, now_ms: int) -> list[Stop]:
    places, found = in_force(connection, [each.merchant_id for each in stops], now_ms), []
    for stop in stops:
        fields, far = places.get(stop.merchant_id, {}), None
        if here is not None and "lat" in fields and "lon" in fields:
            far = apart(here, Position(fields["lat"], fields["lon"], fields.get("coord_sys", "")))
        placed = stop._replace(address=fields.get("address", ""))
        found.append(placed._replace(distance_m=far.distance_m, radius_m=far.radius_m) if far else placed)
    return found


def _valued(connection: Connection, stops: list[Stop], now_ms: int) -> list[Stop]:
    worth = values(connection, [each.merchant_id for each in stops], now_ms)
    unknown = (None, "")
    told = [(each, *worth.get(each.merchant_id, unknown)) for each in stops]
    return [each._replace(turnover_minor=turnover, currency=currency) for each, turnover, currency in told]


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

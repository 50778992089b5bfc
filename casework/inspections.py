"""Which visits are due at which merchants, by rule, and which were made: the inspections that reps owe.

Nothing of alerts, scores or grades is read here: reps see these lists, and may learn nothing from them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import delete, insert, select

from casework import field_sums
from casework.bodies import ms_of
from casework.chunks import chunks
from casework.schema import inspections, merchant_profiles, merchants, visits
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection

    from casework.store import Store

NEW, YEARLY, RELOCATED, LICENCE, DORMANT, DORMANT_YEAR, RECHECK = RULES = (
    "new", "yearly", "relocated", "licence", "dormant", "dormant_year", "recheck",
)  # fmt: skip
YEAR_D = 365
"""Days between visits to fixed premises: one on-site inspection a year at least (巡检)."""
NEW_D = 90
"""Days from its opening within which a new merchant is visited: our own default."""
RELOCATED_D = 30
"""Days within which a moved shop is visited: our own default."""
LICENCE_D = 30
"""Days before a licence expires from which on the shop is to be visited: our own default."""
DORMANT_D, DORMANT_YEAR_D = 90, 365
"""Days without a sale after which a merchant's identity is verified again, and after which the service ends."""
DORMANT_WITHIN_D = 14
"""Days within which a dormant merchant is visited: our own default."""
RECHECK_D = 30
"""Days that a merchant has to put right what a visit found (整改期限): our own default."""
FINDINGS = frozenset({"differs", "not_found", "refused", "moved", "transferred", "terminal_faulty"})
"""Outcomes of visits after which the shop is looked at once more."""
NOT_SEEN = frozenset({"not_found", "refused"})
"""Outcomes of visits by which nothing was inspected."""
_GONE = "closed"
_AT_A_TIME = 2_000


class Inspection(NamedTuple):
    """A visit that a rule wants.

    Attributes:
        rule: of `RULES`.
        since_ms: from when on a visit counts for it, UTC milliseconds.
        due_ms: when it is due.
        done_ms: when it was made; None while it was not.
    """

    rule: str
    since_ms: int
    due_ms: int
    done_ms: int | None = None


class Shop(NamedTuple):
    """What the rules look at.

    Attributes:
        versions: master data in force one after the other, the oldest first: from when on, and the fields.
        visits: when, and what was found, the oldest first.
        last_sale_ms: noon UTC of the last local day with a sale; None where none is known.
    """

    versions: Sequence[tuple[int, dict[str, Any]]]
    visits: Sequence[tuple[int, str]]
    last_sale_ms: int | None = None


def wanted_at(shop: Shop, now_ms: int) -> list[Inspection]:
    """The visits that rules want of a shop, those that were made too; of a closed shop none that is open.

    Args:
        shop: what is known of it.
        now_ms: UTC milliseconds.
    """
    versions = [each for each in shop.versions if each[0] <= now_ms]
    if not versions:
        return []
    fields = versions[-1][1]
    seen = [time_ms for time_ms, outcome in shop.visits if outcome not in NOT_SEEN]
    found = {
        *_new(versions, seen, now_ms),
        *_relocated(versions, seen),
        *_dormant(shop, seen, now_ms),
        *_rechecks(shop, seen),
    }
    if fields.get("premises", "fixed") == "fixed":
        found |= {*_yearly(versions, seen)}
    if (expires_ms := fields.get("licence_expires_at")) is not None:
        since_ms = expires_ms - LICENCE_D * DAY_MS
        found.add(Inspection(LICENCE, since_ms, expires_ms, _first(seen, since_ms)))
    if fields.get("status") == _GONE:
        found = {each for each in found if each.done_ms is not None}
    return sorted(found, key=lambda each: (each.due_ms, each.rule, each.since_ms))


def _first(seen: Sequence[int], since_ms: int) -> int | None:
    """The first visit from a time on."""
    return next((each for each in seen if each >= since_ms), None)


def _opened(versions: Sequence[tuple[int, dict[str, Any]]]) -> int:
    """When the shop was opened, or since when it is known."""
    opened_ms = versions[-1][1].get("opened_at")
    return versions[0][0] if opened_ms is None else int(opened_ms)


def _new(versions: Sequence[tuple[int, dict[str, Any]]], seen: Sequence[int], now_ms: int) -> Iterator[Inspection]:
    """The first visit; one that was not made within a year is wanted by the yearly rule."""
    opened_ms = _opened(versions)
    done_ms = _first(seen, opened_ms)
    if (now_ms if done_ms is None else done_ms) < opened_ms + YEAR_D * DAY_MS:
        yield Inspection(NEW, opened_ms, opened_ms + NEW_D * DAY_MS, done_ms)


def _yearly(versions: Sequence[tuple[int, dict[str, Any]]], seen: Sequence[int]) -> Iterator[Inspection]:
    """A year after the opening, and after each visit."""
    opened_ms = _opened(versions)
    for since_ms in [opened_ms, *(each for each in seen if each > opened_ms)]:
        yield Inspection(YEARLY, since_ms, since_ms + YEAR_D * DAY_MS, _first(seen, since_ms + 1))


def _relocated(versions: Sequence[tuple[int, dict[str, Any]]], seen: Sequence[int]) -> Iterator[Inspection]:
    address = versions[0][1].get("address")
    for since_ms, fields in versions[1:]:
        if (now := fields.get("address")) is None:
            continue
        if address is not None and now != address:
            yield Inspection(RELOCATED, since_ms, since_ms + RELOCATED_D * DAY_MS, _first(seen, since_ms))
        address = now


def _dormant(shop: Shop, seen: Sequence[int], now_ms: int) -> Iterator[Inspection]:
    if shop.last_sale_ms is None:
        return
    for rule, after_d in ((DORMANT, DORMANT_D), (DORMANT_YEAR, DORMANT_YEAR_D)):
        since_ms = shop.last_sale_ms + after_d * DAY_MS
        if since_ms <= now_ms:
            yield Inspection(rule, since_ms, since_ms + DORMANT_WITHIN_D * DAY_MS, _first(seen, since_ms))


def _rechecks(shop: Shop, seen: Sequence[int]) -> Iterator[Inspection]:
    for time_ms, outcome in shop.visits:
        if outcome in FINDINGS:
            yield Inspection(RECHECK, time_ms, time_ms + RECHECK_D * DAY_MS, _first(seen, time_ms + 1))


# -- the table


def refresh(store: Store, connection: Connection, merchant_ids: Collection[str], now_ms: int) -> None:
    """Have the table of inspections follow from profiles, visits and days of some merchants.

    Args:
        store: of the transaction.
        connection: a transaction that writes.
        merchant_ids: of whom something has changed.
        now_ms: UTC milliseconds.
    """
    for some in chunks(sorted({*merchant_ids})):
        made = [
            {"merchant_id": merchant_id, **each._asdict()}
            for merchant_id, shop in _shops(connection, some).items()
            for each in _one_of_each(wanted_at(shop, now_ms))
        ]
        with field_sums.kept(store, connection, some):
            connection.execute(delete(inspections).where(inspections.c.merchant_id.in_(some)))
            if made:
                store.execute_many(connection, insert(inspections), made)


def _one_of_each(found: Sequence[Inspection]) -> list[Inspection]:
    return [*{(each.rule, each.since_ms): each for each in found}.values()]


def _shops(connection: Connection, merchant_ids: Sequence[str]) -> dict[str, Shop]:
    table, versions = merchant_profiles.c, defaultdict[str, list[tuple[int, dict[str, Any]]]](list)
    registered = table.merchant_id.in_(merchant_ids) & (table.kind == "merchant")
    columns = (table.merchant_id, table.effective_from_ms, table.body)
    for each in connection.execute(select(*columns).where(registered).order_by(table.effective_from_ms)):
        versions[each.merchant_id].append((each.effective_from_ms, msgspec.json.decode(each.body)))
    made = defaultdict[str, list[tuple[int, str]]](list)
    of_them = visits.c.merchant_id.in_(merchant_ids)
    told = select(visits.c.merchant_id, visits.c.visited_ms, visits.c.outcome).where(of_them)
    for each in connection.execute(told.order_by(visits.c.visited_ms, visits.c.visit_id)):
        made[each.merchant_id].append((each.visited_ms, each.outcome))
    last = select(merchants.c.merchant_id, merchants.c.last_sale_day).where(
        merchants.c.merchant_id.in_(merchant_ids), merchants.c.last_sale_day != ""
    )
    sold = {each[0]: ms_of(f"{each[1]}T12:00:00+00:00") for each in connection.execute(last)}
    return {each: Shop(versions[each], made[each], sold.get(each)) for each in versions}


def refresh_dormant(store: Store, today: str, now_ms: int) -> None:
    """Once a day, have visits wanted of merchants that have not sold anything for so long."""
    table, day = merchants.c, date.fromisoformat(today)
    while True:
        with store.writing() as connection:
            found: set[str] = set()
            for rule, after_d in ((DORMANT, DORMANT_D), (DORMANT_YEAR, DORMANT_YEAR_D)):
                known = select(inspections.c.merchant_id).where(
                    inspections.c.merchant_id == table.merchant_id, inspections.c.rule == rule
                )
                registered = select(merchant_profiles.c.merchant_id).where(
                    merchant_profiles.c.merchant_id == table.merchant_id, merchant_profiles.c.kind == "merchant"
                )
                last = (day - timedelta(days=after_d + 1)).isoformat()
                waits = select(table.merchant_id).where(
                    table.last_sale_day != "", table.last_sale_day <= last, table.status != _GONE, ~known.exists(),
                    registered.exists(),
                )  # fmt: skip
                found.update(connection.execute(waits.limit(_AT_A_TIME)).scalars())
            refresh(store, connection, found, now_ms)
        if not found:
            return


def sold_again(connection: Connection, merchant_ids: Collection[str]) -> set[str]:
    """Those of merchants that a visit is wanted of for they had not sold anything."""
    found: set[str] = set()
    for some in chunks(merchant_ids):
        dormant = inspections.c.rule.in_((DORMANT, DORMANT_YEAR))
        statement = select(inspections.c.merchant_id).where(inspections.c.merchant_id.in_(some), dormant)
        found.update(connection.execute(statement).scalars())
    return found

"""What merchants did in a month, summed up from their closed days: what statistics of reps and visit lists read."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, func, select, update

from casework import month_sums
from casework.bodies import ms_of
from casework.chunks import chunks
from casework.schema import merchant_days, merchant_months, merchant_profiles, merchants
from casework.whose import places_of, rep_at, reps_of
from domain.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

    from casework.store import Store

Month = tuple[str, str]
"""A merchant, and a month such as `2026-11`."""


def months_of(days: Iterable[tuple[str, str]]) -> set[Month]:
    """The months of merchants' local days, ISO 8601.

    >>> months_of([("m", "2026-11-30"), ("m", "2026-11-29")])
    {('m', '2026-11')}
    """
    return {(merchant_id, day[:7]) for merchant_id, day in days}


def refresh(store: Store, connection: Connection, touched: Collection[Month], now_ms: int) -> None:
    """Sum up months of merchants anew.

    A month is the rep's, the region's and the agent's whose the merchant was at noon UTC of the last day that is known
    of it: a month that is over stays theirs whatever comes later.

    Args:
        store: of the transaction.
        connection: a transaction that writes.
        touched: which months.
        now_ms: UTC milliseconds.
    """
    for some in chunks(sorted(touched)):
        sums = _sums(connection, some)
        if not sums:
            continue
        whose = {each["merchant_id"] for each in sums}
        known = places_of(connection, whose)
        opened = _opened(connection, whose, now_ms)
        first = _first_months(connection, whose, sums)
        reps = reps_of(connection, whose)
        rows = []
        for each in sums:
            merchant_id, month, last_day = each["merchant_id"], each["month"], each.pop("last_day")
            held = known.get(merchant_id)
            began = opened.get(merchant_id) or first.get(merchant_id)
            rep_id = rep_at(reps.get(merchant_id, ()), ms_of(f"{last_day}T12:00:00+00:00"))
            rows.append(
                each
                | {
                    "rep_id": rep_id, "region": held.region if held else "", "agent_id": held.agent_id if held else "",
                    "is_new": began == month,
                }
            )  # fmt: skip
        with month_sums.kept(store, connection, some):
            store.upsert(connection, merchant_months, rows)
        _note_last_sales(connection, whose)


def refresh_merchants(store: Store, connection: Connection, merchant_ids: Collection[str], now_ms: int) -> None:
    """Sum up the running month of merchants anew: their master data or assignments have changed."""
    month = iso(now_ms)[:7]
    refresh(store, connection, {(each, month) for each in merchant_ids}, now_ms)


def _sums(connection: Connection, months: Sequence[Month]) -> list[dict[str, Any]]:
    table, month = merchant_days.c, func.substr(merchant_days.c.day, 1, 7)
    by_month: defaultdict[str, list[str]] = defaultdict(list)
    for merchant_id, each in months:
        by_month[each].append(merchant_id)
    sold = table.sales > 0
    found = []
    for each, merchant_ids in by_month.items():
        of_it = and_(table.merchant_id.in_(merchant_ids), table.day >= f"{each}-01", table.day <= f"{each}-31")
        statement = (
            select(
                table.merchant_id, month.label("month"), func.max(table.currency).label("currency"),
                func.coalesce(func.sum(table.turnover_minor), 0).label("turnover_minor"),
                func.coalesce(func.sum(table.sales), 0).label("sales"),
                func.coalesce(func.sum(table.fee_minor), 0).label("fee_minor"),
                func.coalesce(func.max(table.day).filter(sold), "").label("last_sale_day"),
                func.max(table.day).label("last_day"),
            )
            .where(of_it)
            .group_by(table.merchant_id, month)
        )  # fmt: skip
        found += [
            dict(row) | {name: round(row[name]) for name in ("turnover_minor", "sales", "fee_minor")}
            for row in connection.execute(statement).mappings()
        ]
    return found


def _opened(connection: Connection, merchant_ids: Collection[str], now_ms: int) -> dict[str, str]:
    """By merchant, the month (UTC) in which it was opened, where its master data say so."""
    table, found = merchant_profiles.c, dict[str, str]()
    statement = select(table.merchant_id, table.body).where(
        table.merchant_id.in_(merchant_ids), table.kind == "merchant", table.effective_from_ms <= now_ms
    )
    for each in connection.execute(statement.order_by(table.effective_from_ms)):
        if (opened_ms := msgspec.json.decode(each.body).get("opened_at")) is not None:
            found[each.merchant_id] = iso(opened_ms)[:7]
    return found


def _first_months(
    connection: Connection, merchant_ids: Collection[str], sums: Sequence[dict[str, Any]]
) -> dict[str, str]:  # fmt: skip
    """By merchant, the first month with a sale, of those that are kept and those that are summed up now."""
    table = merchant_months.c
    sold = select(table.merchant_id, func.min(table.month)).where(table.merchant_id.in_(merchant_ids), table.sales > 0)
    found = {each[0]: each[1] for each in connection.execute(sold.group_by(table.merchant_id))}
    for each in sums:
        if each["sales"]:
            found[each["merchant_id"]] = min(found.get(each["merchant_id"], each["month"]), each["month"])
    return found


def _note_last_sales(connection: Connection, merchant_ids: Collection[str]) -> None:
    """Have `merchants` show the last local day with a sale."""
    table = merchant_months.c
    last = (
        select(func.coalesce(func.max(table.last_sale_day), ""))
        .where(table.merchant_id == merchants.c.merchant_id)
        .scalar_subquery()
    )
    of_them = merchants.c.merchant_id.in_(merchant_ids)
    connection.execute(update(merchants).where(of_them).values(last_sale_day=last))


def every_month(connection: Connection) -> set[Month]:
    """Every month of which a day is kept."""
    month = func.substr(merchant_days.c.day, 1, 7)
    statement = select(merchant_days.c.merchant_id, month).distinct()
    return {(each[0], each[1]) for each in connection.execute(statement)}

"""Sums of merchants' months by rep, region and agent: what statistics read instead of each merchant's month."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, false, func, select

from casework import kept_sums
from casework.chunks import chunks
from casework.schema import merchant_months, month_sums

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Connection, Select

    from casework.kept_sums import Sums
    from casework.store import Store

COLUMNS = {"rep": "rep_id", "region": "region", "agent": "agent_id"}
BY = tuple(COLUMNS)
"""What months are summed up by; `COLUMNS` has the column of a merchant's month that says which."""
_FIGURES = ("merchants", "active", "new", "gone", "turnover_minor", "fee_minor")
_MONTHS_A_YEAR = 12


def shifted(month: str, by: int) -> str:
    """A month so many months later.

    >>> shifted("2026-01", -1), shifted("2026-11", 2)
    ('2025-12', '2027-01')
    """
    count = int(month[:4]) * _MONTHS_A_YEAR + int(month[5:]) - 1 + by
    return f"{count // _MONTHS_A_YEAR:04}-{count % _MONTHS_A_YEAR + 1:02}"


@contextmanager
def kept(store: Store, connection: Connection, months: Collection[tuple[str, str]]) -> Iterator[None]:
    """Keep the sums while months of merchants change inside the block.

    Args:
        store: of the transaction.
        connection: a transaction that writes.
        months: merchant and month of those that change.
    """
    told = defaultdict[str, set[str]](set)
    for merchant_id, month in months:
        told[month].add(merchant_id)
        told[shifted(month, -1)].add(merchant_id)  # whether it is gone after that
    with kept_sums.kept(store, connection, month_sums, lambda: _sums(connection, told)):
        yield


def sum_up(store: Store, connection: Connection) -> None:
    """Make the sums anew, of all months."""
    connection.execute(delete(month_sums))
    every = connection.execute(select(merchant_months.c.month).distinct()).scalars().all()
    for month in every:
        kept_sums.add(store, connection, month_sums, _grouped(connection, month, []))


def _sums(connection: Connection, told: dict[str, set[str]]) -> Sums:
    """Figures by month, `BY`, key and currency."""
    found: Sums = defaultdict(lambda: [0] * len(_FIGURES))
    for month, merchant_ids in told.items():
        for some in chunks(sorted(merchant_ids)):
            for key, figures in _grouped(connection, month, [merchant_months.c.merchant_id.in_(some)]).items():
                found[key] = [one + other for one, other in zip(found[key], figures, strict=True)]
    return found


def _grouped(connection: Connection, month: str, which: list[Any]) -> Sums:
    found: Sums = {}
    for by, column in COLUMNS.items():
        for each in connection.execute(_statement(month, column).where(*which)):
            found[month, by, each[0], each[1]] = [int(figure) for figure in each[2:]]
    return found


def _statement(month: str, column: str) -> Select[Any]:
    table, after = merchant_months.c, merchant_months.alias()
    follows = and_(after.c.merchant_id == table.merchant_id, after.c.month == shifted(month, 1))
    sold, sold_after = table.sales > 0, func.coalesce(after.c.sales > 0, false())
    return (
        select(
            table[column], table.currency, func.count(), func.count().filter(sold), func.count().filter(table.is_new),
            func.count().filter(sold, ~sold_after), func.sum(table.turnover_minor), func.sum(table.fee_minor),
        )
        .select_from(merchant_months.outerjoin(after, follows))
        .where(table.month == month)
        .group_by(table[column], table.currency)
    )  # fmt: skip

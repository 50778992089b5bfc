"""Sums of visits and inspections by month and by whose the merchant was: what statistics read instead of each of them.

Months are UTC's: a month by the clock of a zone has a few hours more or less, which are counted one by one.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from casework import kept_sums
from casework.chunks import chunks
from casework.month_sums import COLUMNS
from casework.schema import field_sums, inspections, visits
from casework.whose import places_of, rep_at, reps_of
from domain.timestamps import DAY_MS, iso

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection

    from casework.kept_sums import Sums
    from casework.store import Store

FIGURES = ("visits", "due", "in_time")
_FIRST_MS, _END_MS = (round(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (2000, 3000))
"""Between these lie the months that can be asked for; a licence may expire in the year 9999."""


@contextmanager
def kept(store: Store, connection: Connection, merchant_ids: Collection[str]) -> Iterator[None]:
    """Keep the sums while visits or inspections of merchants change inside the block, or whose the merchants are.

    Args:
        store: of the transaction.
        connection: a transaction that writes.
        merchant_ids: of whom something changes.
    """
    listed = sorted({*merchant_ids})
    with kept_sums.kept(store, connection, field_sums, lambda: _sums(connection, listed)):
        yield


def sum_up(store: Store, connection: Connection) -> None:
    """Make the sums anew, of all merchants."""
    connection.execute(delete(field_sums))
    known = select(visits.c.merchant_id).union(select(inspections.c.merchant_id))
    kept_sums.add(store, connection, field_sums, _sums(connection, sorted(connection.execute(known).scalars())))


def _sums(connection: Connection, merchant_ids: Sequence[str]) -> Sums:
    """Figures by month, `month_sums.BY` and key."""
    found: Sums = defaultdict(lambda: [0] * len(FIGURES))
    for some in chunks(merchant_ids):
        places, reps = places_of(connection, some), reps_of(connection, some)
        table = visits.c
        made = select(table.merchant_id, table.visited_ms, table.by).where(table.merchant_id.in_(some))
        for merchant_id, visited_ms, visitor in connection.execute(made):
            for key in _keys(visited_ms, visitor, places.get(merchant_id)):
                found[key][0] += 1
        wanted = select(inspections.c.merchant_id, inspections.c.due_ms, inspections.c.done_ms)
        for merchant_id, due_ms, done_ms in connection.execute(wanted.where(inspections.c.merchant_id.in_(some))):
            rep_id = rep_at(reps.get(merchant_id, ()), due_ms)
            for key in _keys(due_ms, rep_id, places.get(merchant_id)):
                found[key][1] += 1
                found[key][2] += done_ms is not None and done_ms <= due_ms
    return found


def _keys(time_ms: int, rep_id: str, place: Any) -> Iterator[tuple[str, str, str]]:
    if not _FIRST_MS <= time_ms < _END_MS:
        return
    month = _month(time_ms // DAY_MS)
    for by, column in COLUMNS.items():
        yield month, by, rep_id if by == "rep" else getattr(place, column, "")


@lru_cache(maxsize=5_000)
def _month(day: int) -> str:
    return iso(day * DAY_MS)[:7]

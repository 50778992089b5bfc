"""The load: what was filed, opened and decided day by day, beside what the team can work."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, literal_column, select

from casework.days import day_of, midnights_ms
from casework.decisions import GIVEN
from casework.people import AML, sees, sees_all
from casework.reading.portfolio import NAMES, seen_alerts
from casework.schema import alerts, cases, decisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from casework.people import Actor
    from casework.store import Store

LOAD_D = 30
"""Days that are shown."""


class LoadDay(NamedTuple):
    """A day by the clock of a zone.

    Attributes:
        first_ms: when it began, UTC milliseconds.
        day: ISO 8601.
        filed: alerts that were filed.
        opened: cases that were opened.
        decided: cases on which a verdict was given that stands: not undone, nor waiting for a second person.
    """

    first_ms: int
    day: str
    filed: int
    opened: int
    decided: int


def load(store: Store, actor: Actor, zone: str, now_ms: int) -> tuple[LoadDay, ...]:
    """The last 30 days, the oldest first; today is the last, as far as it has come."""
    days = _days(zone, now_ms)
    filed = select(func.count()).where(alerts.c.detector.in_(NAMES), seen_alerts(actor, now_ms))
    opened = select(func.count()).select_from(cases).where(sees(actor, now_ms))
    with store.reading() as connection:
        of_filed = connection.execute(_by_day(days, alerts.c.filed_ms, filed)).one()
        of_opened = connection.execute(_by_day(days, cases.c.opened_ms, opened)).one()
        found = of_filed, of_opened, _decided(connection, actor, days, now_ms)
    return tuple(LoadDay(first_ms, f"{day}", *counts) for (day, first_ms), *counts in zip(days, *found, strict=True))


def _decided(connection: Connection, actor: Actor, days: Sequence[tuple[date, int]], now_ms: int) -> Sequence[int]:
    """Cases decided, day by day.

    For who sees every merchant all are counted, and the few that are kept from them taken off: to look each case up
    takes ten times as long.
    """
    table = decisions.c
    counted = select(func.count(table.case_id.distinct())).where(table.status == GIVEN, table.undone_ms.is_(None))
    if not sees_all(actor):
        counted = counted.join(cases, cases.c.case_id == table.case_id).where(sees(actor, now_ms))
    every = [*connection.execute(_by_day(days, table.decided_ms, counted)).one()]
    if sees_all(actor) and AML not in actor.roles:
        hidden = select(table.decided_ms, table.case_id).join(cases, cases.c.case_id == table.case_id)
        stands = (table.status == GIVEN, table.undone_ms.is_(None), table.decided_ms >= days[0][1])
        first = [first_ms for _, first_ms in days]
        # Spelled out: SQLite uses the index of such cases only where it stands so.
        is_aml: ColumnElement[bool] = literal_column("cases.is_aml")
        rows = connection.execute(hidden.where(is_aml, *stands))
        for place, _ in {(bisect_right(first, each.decided_ms) - 1, each.case_id) for each in rows}:
            every[place] -= 1
    return every


def _days(zone: str, now_ms: int) -> list[tuple[date, int]]:
    """Days with their beginnings, UTC milliseconds."""
    today = day_of(now_ms, zone)
    days = [today - timedelta(days=back) for back in range(LOAD_D - 1, -1, -1)]
    return [(day, midnights_ms(day, zone)[0]) for day in days]


def _by_day(days: Sequence[tuple[date, int]], time_ms: ColumnElement[int], counted: Any) -> Any:
    """A row of what is counted, day by day: each from its part of an index, for to sort all into days takes longer."""
    first = [first_ms for _, first_ms in days]
    parts = [counted.where(time_ms >= from_ms, time_ms < until_ms) for from_ms, until_ms in pairwise(first)]
    return select(*(each.scalar_subquery() for each in (*parts, counted.where(time_ms >= first[-1]))))

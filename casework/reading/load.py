"""The load: what was filed, opened and decided day by day, beside what the team can work."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from casework.days import day_of, midnights_ms
from casework.decisions import GIVEN
from casework.people import sees
from casework.reading.portfolio import NAMES, seen_alerts
from casework.schema import alerts, cases, decisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

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
    decided = (
        select(func.count(decisions.c.case_id.distinct()))
        .join(cases, cases.c.case_id == decisions.c.case_id)
        .where(decisions.c.status == GIVEN, decisions.c.undone_ms.is_(None), sees(actor, now_ms))
    )
    statements = (
        _by_day(days, alerts.c.filed_ms, filed), _by_day(days, cases.c.opened_ms, opened),
        _by_day(days, decisions.c.decided_ms, decided),
    )  # fmt: skip
    with store.reading() as connection:
        found = [connection.execute(each).one() for each in statements]
    return tuple(LoadDay(first_ms, f"{day}", *counts) for (day, first_ms), *counts in zip(days, *found, strict=True))


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

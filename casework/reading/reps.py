"""Statistics of a month, by rep, region or agent: merchants and money, visits, early warnings, complaints."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, case, func, or_, select

from casework.days import midnights_ms
from casework.decisions import GIVEN
from casework.errors import Refused
from casework.field_sums import FIGURES
from casework.month_sums import BY, COLUMNS, shifted
from casework.people import sees_all
from casework.persons import names_of_people
from casework.schema import (
    alerts,
    complaints,
    decisions,
    declines,
    field_sums,
    inspections,
    merchant_reps,
    merchants,
    month_sums,
    tasks,
    visits,
)
from casework.tasks.words import ANSWERED, OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import ColumnElement, Connection, Table

    from casework.people import Actor
    from casework.store import Store

_EARLIEST, _LATEST = "2000-01", "2999-12"


class Sum(NamedTuple):
    """Money of a currency, minor units: sales, and fees that merchants paid."""

    currency: str
    turnover_minor: int
    fee_minor: int


class Line(NamedTuple):
    """A rep, a region or an agent in a month.

    Attributes:
        key: the id, or the region; "" of what is nobody's.
        name: the person's, "" where it is not known.
        merchants: of whom a day of the month is known.
        active: of them, those that sold something.
        new: opened in the month, or where that is not known sold for the first time in it.
        lost: sold something in the month before and nothing in this one; None while the month lasts.
        money: by currency.
        tasks: due in the month, withdrawn ones left out.
        tasks_open: of them, those that are not answered.
        tasks_late: of them, those that were answered late, or are open and late.
        answered: of them, those that are answered.
        confirmed: of them, those of a case in which an analyst has confirmed something.
        due: inspections due in the month.
        in_time: of them, those that were made by then.
        missed: of them, those that were not, and are over.
        visits: that were made in the month: by a rep, to merchants of a region or an agent.
        warned: merchants whose business began to decline in the month.
        turned: of these warnings, those after which the merchant sold again what it sold before.
        complaints: that were made in the month.
    """

    key: str
    name: str = ""
    merchants: int = 0
    active: int = 0
    new: int = 0
    lost: int | None = None
    money: tuple[Sum, ...] = ()
    tasks: int = 0
    tasks_open: int = 0
    tasks_late: int = 0
    answered: int = 0
    confirmed: int = 0
    due: int = 0
    in_time: int = 0
    missed: int = 0
    visits: int = 0
    warned: int = 0
    turned: int = 0
    complaints: int = 0


class Month(NamedTuple):
    """A month: its name, when it begins and ends by a zone's clock, UTC milliseconds, and whether it is over."""

    name: str
    from_ms: int
    until_ms: int
    is_over: bool

    @property
    def before(self) -> str:
        """The month before."""
        return shifted(self.name, -1)

    @property
    def after(self) -> str:
        """The month after."""
        return shifted(self.name, 1)


def month_of(text: str, zone: str, now_ms: int) -> Month:
    """A month that is written as `2026-11`.

    Raises:
        Refused: it is none, or one to come.
    """
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise Refused(f"month must be such as 2026-11, got {text[:20]!r}") from error
    if not _EARLIEST <= text <= _LATEST:
        raise Refused(f"month must be {_EARLIEST} to {_LATEST}, got {text[:20]!r}")
    from_ms, _ = midnights_ms(first, zone)
    until_ms, _ = midnights_ms(date.fromisoformat(f"{shifted(text, 1)}-01"), zone)
    if from_ms > now_ms:
        raise Refused(f"month must not be one to come, got {text}")
    return Month(text, from_ms, until_ms, is_over=until_ms <= now_ms)


def statistics(store: Store, actor: Actor, month: Month, by: str, now_ms: int) -> tuple[Line, ...]:
    """A month's figures, the greatest turnover first; a rep gets its own line alone, and only by rep.

    Visits, warnings and complaints are the rep's whose the merchant was at the time, or those of the region and the
    agent that it has now.

    Args:
        store: the store.
        actor: who looks.
        month: which.
        by: of `BY`.
        now_ms: UTC milliseconds.

    Raises:
        Refused: `by` is none of them.
    """
    if by not in BY:
        raise Refused(f"by must be one of {', '.join(BY)}, got {by[:20]!r}")
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    with store.reading() as connection:
        for part in (
            _months(connection, month, by), _lost(connection, month, by), _tasks(connection, month, by, now_ms),
            _field(connection, month, by, now_ms), _declines(connection, month, by), _complaints(connection, month, by),
        ):  # fmt: skip
            for key, values in part:
                found[key] |= values
        shown = [each for each in found if sees_all(actor) or (by == "rep" and each == actor.user_id != "")]
        names = {} if by == "region" or not actor.roles else names_of_people(connection, {*shown} - {""}, now_ms)
    lost = 0 if month.is_over else None
    lines = [_line(each, names, {"lost": lost} | found[each]) for each in shown if actor.roles]
    return tuple(sorted(lines, key=_order))


def _line(key: str, names: Mapping[str, str], values: dict[str, Any]) -> Line:
    return Line(key, names.get(key, ""), **values)


def _order(line: Line) -> tuple[Any, ...]:
    return -max((each.turnover_minor for each in line.money), default=0), -line.merchants, line.key


_Parts = list[tuple[str, dict[str, Any]]]


def _months(connection: Connection, month: Month, by: str) -> _Parts:
    table = month_sums.c
    statement = select(month_sums).where(table.month == month.name, table.by == by, table.merchants > 0)
    sums = defaultdict[str, list[Any]](list)
    for each in connection.execute(statement.order_by(table.key, table.currency)):
        sums[each.key].append(each)
    return [
        (
            each,
            {
                "merchants": sum(row.merchants for row in rows), "active": sum(row.active for row in rows),
                "new": sum(row.new for row in rows),
                "money": tuple(Sum(row.currency, row.turnover_minor, row.fee_minor) for row in rows if row.currency),
            },
        )
        for each, rows in sums.items()
    ]  # fmt: skip


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _lost(connection: Connection, month: Month, by: str) -> _Parts:
    if not month.is_over:
        return []
    table = month_sums.c
    statement = select(table.key, func.sum(table.gone)).where(table.month == month.before, table.by == by)
    found = connection.execute(statement.where(table.gone > 0).group_by(table.key))
    return [(each[0], {"lost": int(each[1])}) for each in found]


def _whose(table: Table, time_ms: ColumnElement[int], by: str) -> tuple[Any, ColumnElement[str]]:
    """A table joined with whose its merchants were at a time, and the column that says it."""
    if by == "rep":
        held = _held(table, time_ms)
        return table.outerjoin(merchant_reps, held), func.coalesce(merchant_reps.c.rep_id, "").label("key")
    key = func.coalesce(merchants.c[COLUMNS[by]], "").label("key")
    return table.outerjoin(merchants, merchants.c.merchant_id == table.c.merchant_id), key


def _held(table: Table, time_ms: ColumnElement[int]) -> ColumnElement[bool]:
    lasts = or_(merchant_reps.c.until_ms.is_(None), merchant_reps.c.until_ms > time_ms)
    return and_(merchant_reps.c.merchant_id == table.c.merchant_id, merchant_reps.c.from_ms <= time_ms, lasts)


def _whose_few(table: Table, time_ms: ColumnElement[int], by: str) -> tuple[Any, ColumnElement[str]]:
    """The same for some hundred rows: each looks up its own, where PostgreSQL would join with all merchants."""
    if by == "rep":
        found = select(merchant_reps.c.rep_id).where(_held(table, time_ms))
    else:
        found = select(merchants.c[COLUMNS[by]]).where(merchants.c.merchant_id == table.c.merchant_id)
    return table, func.coalesce(found.scalar_subquery(), "").label("key")


def _in(month: Month, time_ms: ColumnElement[int]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return time_ms >= month.from_ms, time_ms < month.until_ms


def _tasks(connection: Connection, month: Month, by: str, now_ms: int) -> _Parts:
    table = tasks.c
    joined, key = (tasks, table.rep_id.label("key")) if by == "rep" else _whose(tasks, table.due_ms, by)
    is_open, given = table.status == OPEN, and_(decisions.c.status == GIVEN, decisions.c.undone_ms.is_(None))
    confirms = select(decisions.c.decision_id).where(
        decisions.c.case_id == table.case_id, decisions.c.verdict == "confirmed", given
    )
    late = case((is_open, table.due_ms < now_ms), else_=table.answered_ms > table.due_ms)
    statement = select(
        key, func.count(), _count(is_open), _count(late), _count(~is_open), _count(and_(~is_open, confirms.exists()))
    ).select_from(joined)
    stands = table.status.in_((OPEN, ANSWERED))
    names = ("tasks", "tasks_open", "tasks_late", "answered", "confirmed")
    found = connection.execute(statement.where(stands, *_in(month, table.due_ms)).group_by(key))
    return [(each[0], dict(zip(names, each[1:], strict=True))) for each in found]


def _field(connection: Connection, month: Month, by: str, now_ms: int) -> _Parts:
    """Visits and inspections: sums that are kept of the UTC month, with what a zone's clock has at its edges."""
    table = field_sums.c
    kept = select(table.key, *(table[each] for each in FIGURES)).where(table.month == month.name, table.by == by)
    found = defaultdict[str, list[int]](lambda: [0] * len(FIGURES))
    found |= {key: figures for key, *figures in connection.execute(kept).all()}
    for sign, from_ms, until_ms in _edges(month):
        for key, visited in _visited(connection, by, from_ms, until_ms):
            found[key][0] += sign * visited
        for key, due, in_time in _inspected(connection, by, from_ms, until_ms, _whose_few):
            found[key][1] += sign * due
            found[key][2] += sign * in_time
    missed = _missed(connection, month, by, now_ms, {key: due - in_time for key, (_, due, in_time) in found.items()})
    return [
        (key, {"visits": visited, "due": due, "in_time": in_time, "missed": missed[key]})
        for key, (visited, due, in_time) in found.items()
        if visited or due
    ]


def _missed(connection: Connection, month: Month, by: str, now_ms: int, late: Mapping[str, int]) -> dict[str, int]:
    """Of inspections that were not made in time, those that are over: the shorter part of the month is counted."""
    if now_ms - month.from_ms < month.until_ms - now_ms:
        over = _inspected(connection, by, month.from_ms, now_ms, _whose)
        return dict.fromkeys(late, 0) | {key: due - in_time for key, due, in_time in over}
    coming = {key: due - in_time for key, due, in_time in _inspected(connection, by, now_ms, month.until_ms, _whose)}
    return {key: count - coming.get(key, 0) for key, count in late.items()}


def _edges(month: Month) -> list[tuple[int, int, int]]:
    """From when to when a month has more (1) or less (-1) than the UTC month of its name."""
    first_ms, end_ms = (midnights_ms(date.fromisoformat(f"{each}-01"), "UTC")[0] for each in (month.name, month.after))
    ends = ((month.from_ms, first_ms), (end_ms, month.until_ms))
    return [(1, one, other) if one < other else (-1, other, one) for one, other in ends if one != other]


def _visited(connection: Connection, by: str, from_ms: int, until_ms: int) -> list[Any]:
    """Visits of a time, one by one: key and count."""
    joined, key = (visits, visits.c.by.label("key")) if by == "rep" else _whose_few(visits, visits.c.visited_ms, by)
    counted = select(key, func.count()).select_from(joined).group_by(key)
    return [*connection.execute(counted.where(visits.c.visited_ms >= from_ms, visits.c.visited_ms < until_ms))]


def _inspected(
    connection: Connection, by: str, from_ms: int, until_ms: int, whose: Callable[[Table, ColumnElement[int], str], Any]
) -> list[Any]:  # fmt: skip
    """Inspections due in a time, one by one: key, count, and how many were made by then."""
    if from_ms >= until_ms:
        return []
    table = inspections.c
    joined, key = whose(inspections, table.due_ms, by)
    in_time = and_(table.done_ms.is_not(None), table.done_ms <= table.due_ms)
    counted = select(key, func.count(), _count(in_time)).select_from(joined).group_by(key)
    return [*connection.execute(counted.where(table.due_ms >= from_ms, table.due_ms < until_ms))]


def _complaints(connection: Connection, month: Month, by: str) -> _Parts:
    joined, key = _whose_few(complaints, complaints.c.made_ms, by)
    counted = select(key, func.count()).select_from(joined).where(*_in(month, complaints.c.made_ms)).group_by(key)
    return [(each[0], {"complaints": each[1]}) for each in connection.execute(counted)]


def _declines(connection: Connection, month: Month, by: str) -> _Parts:
    table = declines.c
    joined, key = _whose_few(declines, table.warned_ms, by)
    is_aml = select(alerts.c.is_aml).where(alerts.c.alert_id == table.alert_id).scalar_subquery()
    statement = select(key, func.count(), _count(table.turned_day != "")).select_from(joined)
    found = connection.execute(statement.where(~is_aml, *_in(month, table.warned_ms)).group_by(key))
    return [(each[0], {"warned": each[1], "turned": each[2]}) for each in found]

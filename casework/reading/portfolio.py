"""The portfolio: merchants, open alerts and money by what merchants have in common; detectors; duties due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, false, func, select, union_all

from casework.errors import Refused
from casework.people import AML, sees, sees_all, sees_aml, sees_merchant
from casework.queue.header import status_is
from casework.queue.order import Record, read_records
from casework.schema import alerts, cases, merchants
from casework.states import OPEN, WITHDRAWN
from detectors.registry import DETECTORS
from domain.causes import Money
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from casework.people import Actor
    from casework.store import Store

KEYS = ("mcc", "region", "rep_id", "agent_id", "grade")
"""What merchants are grouped by."""
NAMES = tuple(each.name for each in DETECTORS)
HITS_D = 30
"""Days whose alerts count as a detector's hits."""


class Group(NamedTuple):
    """Merchants that have something in common.

    Attributes:
        key: the MCC, region, rep, agent or grade; "" of those of whom it is not known.
        merchants: how many.
        cases: open ones with an undecided alert.
        alerts: undecided ones in them.
        money: of them by currency; cases of several currencies are left out.
    """

    key: str
    merchants: int
    cases: int
    alerts: int
    money: tuple[Money, ...]


def groups(store: Store, actor: Actor, by: str, now_ms: int) -> tuple[Group, ...]:
    """All groups, those with most undecided alerts first.

    Args:
        store: the store.
        actor: who looks; a rep sees its own merchants alone.
        by: of `KEYS`.
        now_ms: UTC milliseconds.

    Raises:
        Refused: `by` is none of them.
    """
    if by not in KEYS:
        raise Refused(f"by must be one of {', '.join(KEYS)}, got {by[:40]!r}")
    key = merchants.c[by]
    counted = select(key, func.count()).where(sees_merchant(actor, merchants.c.merchant_id, now_ms)).group_by(key)
    with store.reading() as connection:
        sizes: dict[str, int] = {each[0]: each[1] for each in connection.execute(counted)}
        held = _open_cases(connection, actor, by, now_ms)
    found = []
    for each in {**sizes, **held}:
        listed = held.get(each, [])
        money = tuple(Money(row.currency, None, _int(row.turnover), _int(row.loss)) for row in listed if row.currency)
        found.append(
            Group(
                each,
                sizes.get(each, 0),
                sum(row.cases for row in listed),
                int(sum(row.alerts for row in listed)),
                money,
            )
        )
    return tuple(sorted(found, key=lambda group: (-group.alerts, group.key)))


def _open_cases(connection: Connection, actor: Actor, by: str, now_ms: int) -> dict[str, list[Any]]:
    key = cases.c[by].label("key")
    statement = (
        select(
            key, cases.c.currency, func.count().label("cases"), func.sum(cases.c.undecided).label("alerts"),
            func.sum(cases.c.turnover_minor).label("turnover"), func.sum(cases.c.loss_minor).label("loss"),
        )
        .where(status_is(OPEN), cases.c.undecided > 0, cases.c.merchant_id.is_not(None), sees(actor, now_ms))
        .group_by(key, cases.c.currency)
        .order_by(cases.c.currency)
    )  # fmt: skip
    found: dict[str, list[Any]] = {}
    for each in connection.execute(statement):
        found.setdefault(each.key, []).append(each)
    return found


def _int(value: Any) -> int | None:
    return None if value is None else int(value)


class DetectorLine(NamedTuple):
    """How a detector does.

    Attributes:
        detector: its name.
        undecided: alerts without a verdict.
        hits: alerts filed within 30 days.
        decided: alerts with a verdict, given within 90 days, that says whether it was right.
        share: confirmed ones of them, 0 to 1; None where there are none.
        last_filed_ms: when its last alert was filed, UTC milliseconds; None where none ever was.
        silent_ms: since then.
    """

    detector: str
    undecided: int
    hits: int
    decided: int
    share: float | None
    last_filed_ms: int | None
    silent_ms: int | None


def detectors(store: Store, actor: Actor, now_ms: int) -> tuple[DetectorLine, ...]:
    """How each detector does, in the registry's order; a rep's figures are of its own merchants, without records."""
    table = alerts.c
    undecided = select(table.detector, func.count()).where(
        table.verdict.is_(None), table.state != WITHDRAWN, seen_alerts(actor, now_ms)
    )
    since = and_(table.detector.in_(NAMES), table.filed_ms > now_ms - HITS_D * DAY_MS)
    with store.reading() as connection:
        waiting = _counts(connection, undecided.group_by(table.detector))
        hits = count_filed(connection, actor, since, now_ms)
        last = _last_filed(connection, actor, now_ms)
        records = _records(connection, actor, now_ms)
    return tuple(
        DetectorLine(
            each, waiting.get(each, 0), hits.get(each, 0), records[each].decided, records[each].share, last.get(each),
            None if each not in last else now_ms - last[each],
        )
        for each in NAMES
    )  # fmt: skip


def count_filed(connection: Connection, actor: Actor, when: ColumnElement[bool], now_ms: int) -> dict[str, int]:
    """By detector, alerts that were filed at some time."""
    table = alerts.c
    statement = select(table.detector, func.count()).where(when, seen_alerts(actor, now_ms))
    return _counts(connection, statement.group_by(table.detector))


def seen_alerts(actor: Actor, now_ms: int) -> ColumnElement[bool]:
    """Which rows of `alerts` somebody sees, by what stands on them."""
    if not actor.roles:
        return false()
    return and_(sees_aml(actor, alerts.c.is_aml), sees_merchant(actor, alerts.c.merchant_id, now_ms))


def _counts(connection: Connection, statement: Any) -> dict[str, int]:
    return {each[0]: int(each[1]) for each in connection.execute(statement)}


def _last_filed(connection: Connection, actor: Actor, now_ms: int) -> dict[str, int]:
    """By detector, when its last alert was filed: of each from the end of an index, for the largest of all is slow."""
    table, seen = alerts.c, seen_alerts(actor, now_ms)
    parts = (
        select(table.detector, table.filed_ms)
        .where(table.detector == each, seen)
        .order_by(table.filed_ms.desc())
        .limit(1)
        .subquery()
        for each in NAMES
    )
    found = connection.execute(union_all(*(select(each.c.detector, each.c.filed_ms) for each in parts)))
    return {each.detector: int(each.filed_ms) for each in found}


def _records(connection: Connection, actor: Actor, now_ms: int) -> dict[str, Record]:
    known = read_records(connection, now_ms) if sees_all(actor) else {}
    kinds = (False, True) if AML in actor.roles else (False,)
    found = {}
    for each in NAMES:
        parts = [known.get((each, is_aml), Record()) for is_aml in kinds]
        found[each] = Record(*(sum(values) for values in zip(*parts, strict=True)))
    return found


class DutyLine(NamedTuple):
    """An undecided alert whose rule wants something done by a time, UTC milliseconds."""

    alert_id: str
    case_id: int
    merchant_id: str
    shop_name: str
    detector: str
    duty_ms: int
    holder: str | None


def duties_due(store: Store, actor: Actor, until_ms: int, now_ms: int, *, most: int = 100) -> tuple[DutyLine, ...]:
    """Duties due up to a time and not yet decided, the earliest first."""
    table = alerts.c
    columns = (
        table.alert_id, table.case_id, table.merchant_id, cases.c.shop_name, table.detector, table.duty_ms,
        cases.c.holder,
    )  # fmt: skip
    statement = (
        select(*columns)
        .join(cases, cases.c.case_id == table.case_id)
        .where(
            table.duty_ms.is_not(None), table.duty_ms <= until_ms, table.verdict.is_(None), table.state != WITHDRAWN,
            sees(actor, now_ms),
        )
        .order_by(table.duty_ms, table.alert_id)
        .limit(most)
    )  # fmt: skip
    with store.reading() as connection:
        return tuple(DutyLine(*each) for each in connection.execute(statement))

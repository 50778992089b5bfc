"""What a day or a shift came to: the daily report (日报) and the figures of a hand-over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, func, select

from casework.decisions import GIVEN
from casework.people import sees
from casework.queue.header import Header, header, is_snoozed
from casework.queue.rows import money_of
from casework.reading.portfolio import NAMES, count_filed
from casework.schema import alerts, cases, decision_alerts, decisions
from casework.states import OPEN
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store
    from domain.causes import Money


class Report(NamedTuple):
    """A day's work.

    Attributes:
        filed: alerts that were filed, by detector.
        opened: cases that were opened.
        decided: alerts that were decided, by verdict; one that was decided twice counts twice.
        confirmed_money: of the alerts confirmed then and still so.
        median_ms: of the decisions, from the case's opening to the decision; None where there was none.
        by_person: alerts decided, by who decided.
        header: how alerts stand now.
    """

    filed: dict[str, int]
    opened: int
    decided: dict[str, int]
    confirmed_money: tuple[Money, ...]
    median_ms: int | None
    by_person: dict[str, int]
    header: Header


def daily_report(store: Store, actor: Actor, first_ms: int, until_ms: int, now_ms: int) -> Report:
    """What was done from a time until before another: of a local day its two midnights, UTC milliseconds."""
    table = alerts.c
    when = and_(table.detector.in_(NAMES), table.filed_ms >= first_ms, table.filed_ms < until_ms)
    opened = select(func.count()).select_from(cases).where(
        cases.c.opened_ms >= first_ms, cases.c.opened_ms < until_ms, sees(actor, now_ms)
    )  # fmt: skip
    with store.reading() as connection:
        filed = count_filed(connection, actor, when, now_ms)
        opened_count = int(connection.execute(opened).scalar_one())
        made = _decisions(connection, actor, first_ms, until_ms, now_ms)
        money = _confirmed(connection, actor, first_ms, until_ms, now_ms)
    verdicts: dict[str, int] = {}
    people: dict[str, int] = {}
    for each in made:
        verdicts[each.verdict] = verdicts.get(each.verdict, 0) + each.alerts
        people[each.by] = people.get(each.by, 0) + each.alerts
    took = sorted(each.decided_ms - each.opened_ms for each in made)
    median_ms = took[len(took) // 2] if took else None
    return Report(filed, opened_count, verdicts, money, median_ms, people, header(store, actor, now_ms))


def _decisions(connection: Connection, actor: Actor, first_ms: int, until_ms: int, now_ms: int) -> list[Any]:
    table = decisions.c
    on = select(func.count()).where(decision_alerts.c.decision_id == table.decision_id).scalar_subquery()
    statement = (
        select(table.verdict, table.by, table.decided_ms, cases.c.opened_ms, on.label("alerts"))
        .join(cases, cases.c.case_id == table.case_id)
        .where(
            table.decided_ms >= first_ms, table.decided_ms < until_ms, table.status == GIVEN,
            table.undone_ms.is_(None), sees(actor, now_ms),
        )
    )  # fmt: skip
    return [*connection.execute(statement)]


def _confirmed(
    connection: Connection, actor: Actor, first_ms: int, until_ms: int, now_ms: int
) -> tuple[Money, ...]:  # fmt: skip
    statement = (
        select(alerts.c.currency, alerts.c.bearer, alerts.c.turnover_minor, alerts.c.loss_minor)
        .select_from(decisions)
        .join(decision_alerts, decision_alerts.c.decision_id == decisions.c.decision_id)
        .join(alerts, alerts.c.alert_id == decision_alerts.c.alert_id)
        .join(cases, cases.c.case_id == alerts.c.case_id)
        .where(
            decisions.c.decided_ms >= first_ms, decisions.c.decided_ms < until_ms, alerts.c.verdict == "confirmed",
            alerts.c.decision_id == decisions.c.decision_id, sees(actor, now_ms),
        )
    )  # fmt: skip
    return money_of(connection.execute(statement))


class Held(NamedTuple):
    """What somebody holds when a shift ends: open cases, and undecided alerts in them."""

    holder: str
    cases: int
    alerts: int


class HandOver(NamedTuple):
    """What the next shift must know.

    Attributes:
        report: of the shift.
        held: by who holds open cases.
        wakes: cases whose snooze ends within a day, the soonest first.
        worked: cases that were taken up but not decided since the shift began, the severest first, at most 50.
    """

    report: Report
    held: tuple[Held, ...]
    wakes: tuple[int, ...]
    worked: tuple[int, ...]


def hand_over(store: Store, actor: Actor, since_ms: int, now_ms: int) -> HandOver:
    """What happened since a shift began, and what it leaves."""
    table = cases.c
    held = and_(table.holder.is_not(None), table.status == OPEN, sees(actor, now_ms))
    by_holder = select(table.holder, func.count(), func.sum(table.undecided)).where(held).group_by(table.holder)
    soon = and_(is_snoozed(now_ms), table.snoozed_until_ms <= now_ms + DAY_MS, sees(actor, now_ms))
    waking = select(table.case_id).where(soon).order_by(table.snoozed_until_ms, table.case_id)
    taken = select(table.case_id).where(held, table.taken_ms >= since_ms)
    with store.reading() as connection:
        holders = tuple(
            Held(each[0], each[1], int(each[2])) for each in connection.execute(by_holder.order_by(table.holder))
        )
        wakes = tuple(connection.execute(waking.limit(100)).scalars())
        worked = tuple(connection.execute(taken.order_by(table.severity.desc(), table.case_id).limit(50)).scalars())
    return HandOver(daily_report(store, actor, since_ms, now_ms, now_ms), holders, wakes, worked)

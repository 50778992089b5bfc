"""The page of a case: whose it is, how it stands, the alerts that it holds, and what people wrote and owe it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import and_, select

from casework.errors import NotFound
from casework.people import seen_case, sees, sees_all
from casework.persons import names_of_people
from casework.queue.header import standing
from casework.rep_view import cases_for, grade_for_rep, risk_for_rep
from casework.schema import (
    actions,
    alerts,
    approvals,
    cases,
    causes,
    comments,
    decisions,
    drafts,
    flags,
    merchant_profiles,
    merchants,
    reminders,
    snoozes,
    suppressions,
)
from casework.states import OPEN, RETRIEVAL, WITHDRAWN
from domain.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Table

    from casework.people import Actor
    from casework.store import Store

MOST_ALERTS, MOST_OTHERS = 500, 20


class CaseAlert(NamedTuple):
    """An alert of a case, in its list.

    Attributes:
        alert_id: its id.
        merchant_id: whose.
        shop_name: of the merchant; "" where none is known.
        grade: of the merchant; "" likewise.
        detector: of which detector.
        severity: 0 to 1.
        currency: of its money.
        turnover_minor: None where none is known.
        loss_minor: None where none is known.
        bearer: who bears the loss; None likewise.
        first_time: first hit, ISO 8601 UTC.
        last_time: latest hit, likewise.
        verdict: on it; None for none.
        decided_by: who gave it; None likewise.
        decided_ms: when, UTC milliseconds; None likewise.
        filed_ms: when it was filed first, UTC milliseconds.
        stands: `open`, `snoozed`, `suppressed`, `decided` or `withdrawn`.
    """

    alert_id: str
    merchant_id: str
    shop_name: str
    grade: str
    detector: str
    severity: float
    currency: str
    turnover_minor: int | None
    loss_minor: int | None
    bearer: str | None
    first_time: str
    last_time: str
    verdict: str | None
    decided_by: str | None
    decided_ms: int | None
    filed_ms: int
    stands: str


class CaseShop(NamedTuple):
    """The merchant of a case, as it stands now; "" where something is not known.

    Attributes:
        merchant_id: its id.
        name: over the door.
        city: where it is.
        mcc: the first that is registered.
        rep_id: whose it is.
        rep_name: the rep's name, where it is known.
        agent_id: who brought it.
        grade: A to E.
        score: 0 to 100; None where it has none.
        master: fields of the master data in force.
        contract: fields of the contract in force.
    """

    merchant_id: str
    name: str
    city: str
    mcc: str
    rep_id: str
    rep_name: str
    agent_id: str
    grade: str
    score: float | None
    master: dict[str, Any]
    contract: dict[str, Any]


class CasePage(NamedTuple):
    """A case.

    Attributes:
        case: its row.
        shop: its merchant; None of a cause's.
        cause: what it is about; None of a merchant's.
        alerts: the undecided ones first, of these the severest; at most 500.
        others: numbers of the merchant's other open cases that hold alerts, the newest first.
    """

    case: Any
    shop: CaseShop | None
    cause: Cause | None
    alerts: tuple[CaseAlert, ...]
    others: tuple[int, ...]

    @property
    def lead(self) -> CaseAlert | None:
        """The alert that the case is known by."""
        return self.alerts[0] if self.alerts else None


class Action(NamedTuple):
    """An action of a case: its row, and who has approved it."""

    row: Any
    approved_by: tuple[str, ...]


class CaseWork(NamedTuple):
    """What people wrote of a case and owe it: rows of the tables that are called so.

    Attributes:
        comments: the oldest first.
        decisions: those that were not undone, the newest first.
        actions: the newest first.
        flag: that is up; None for none.
        snooze: that runs; None for none.
        reminders: that are not done, those due first at the head.
        suppressions: in force, of the kinds of alerts that the case holds.
        drafts: that came of it, the newest first.
        names: by user, what people are called.
    """

    comments: Sequence[Any]
    decisions: Sequence[Any]
    actions: tuple[Action, ...]
    flag: Any
    snooze: Any
    reminders: Sequence[Any]
    suppressions: Sequence[Any]
    drafts: Sequence[Any]
    names: dict[str, str]


def case(store: Store, actor: Actor, case_id: int, now_ms: int) -> CasePage:
    """A case with its alerts.

    Raises:
        NotFound: there is none, or the actor does not see it.
    """
    with store.reading() as connection:
        (row,) = cases_for(connection, actor, [seen_case(connection, actor, case_id, now_ms)])
        shop = None if row.merchant_id is None else _shop(connection, actor, row.merchant_id, now_ms)
        body = select(causes.c.body).where(causes.c.cause_id == row.cause_id)
        told = connection.execute(body).scalar() if row.cause_id is not None else None
        cause = msgspec.json.decode(told, type=Cause) if told else None
        others = _others(connection, actor, row, now_ms)
        return CasePage(row, shop, cause, _alerts(connection, actor, case_id, now_ms), others)


def case_of(store: Store, actor: Actor, alert_id: str, now_ms: int) -> int:
    """The case of an alert; raises NotFound where there is none that the actor sees."""
    joined = select(alerts.c.case_id).join(cases, cases.c.case_id == alerts.c.case_id)
    with store.reading() as connection:
        found = connection.execute(joined.where(alerts.c.alert_id == alert_id, sees(actor, now_ms))).scalar()
    if found is None:
        raise NotFound(f"there is no alert {alert_id}")
    return int(found)


def row_of(store: Store, actor: Actor, case_id: int, now_ms: int) -> Any:
    """The row of a case alone; raises NotFound as `case` does."""
    with store.reading() as connection:
        (row,) = cases_for(connection, actor, [seen_case(connection, actor, case_id, now_ms)])
        return row


def work(store: Store, actor: Actor, case_id: int, now_ms: int) -> CaseWork:
    """What people wrote of a case and owe it; raises NotFound as `case` does."""
    with store.reading() as connection:
        row = seen_case(connection, actor, case_id, now_ms)

        def of_case(table: Table, *where: Any, newest: bool = True) -> Sequence[Any]:
            key = next(iter(table.primary_key))
            statement = select(table).where(table.c.case_id == case_id, *where)
            return connection.execute(statement.order_by(key.desc() if newest else key)).all()

        found = CaseWork(
            of_case(comments, newest=False), of_case(decisions, decisions.c.undone_ms.is_(None)),
            _actions(connection, of_case(actions)),
            next(iter(of_case(flags, flags.c.lifted_ms.is_(None))), None),
            next(iter(of_case(snoozes, snoozes.c.ended_ms.is_(None), snoozes.c.until_ms > now_ms)), None),
            sorted(of_case(reminders, reminders.c.done_ms.is_(None)), key=lambda each: each.due_ms),
            _suppressions(connection, row, now_ms), of_case(drafts), {},
        )  # fmt: skip
        return found._replace(names=names_of_people(connection, _mentioned(row, found), now_ms))


def names(store: Store, person_ids: Iterable[str], now_ms: int) -> dict[str, str]:
    """By id what people are called, users or not; who is not known is left out."""
    with store.reading() as connection:
        return names_of_people(connection, {*person_ids}, now_ms)


def _shop(connection: Connection, actor: Actor, merchant_id: str, now_ms: int) -> CaseShop:
    row = connection.execute(select(merchants).where(merchants.c.merchant_id == merchant_id)).first()
    master, contract = (_in_force(connection, merchant_id, kind, now_ms) for kind in ("merchant", "contract"))
    if row is None:
        return CaseShop(merchant_id, "", "", "", "", "", "", "", None, master, contract)
    risk = row if sees_all(actor) else risk_for_rep(connection, [merchant_id])[merchant_id]
    return CaseShop(
        merchant_id, row.name, row.city, row.mcc, row.rep_id,
        names_of_people(connection, [row.rep_id], now_ms).get(row.rep_id, ""), row.agent_id, risk.grade, risk.score,
        master, contract,
    )  # fmt: skip


def _in_force(connection: Connection, merchant_id: str, kind: str, now_ms: int) -> dict[str, Any]:
    table = merchant_profiles.c
    statement = select(table.body).where(
        table.merchant_id == merchant_id, table.kind == kind, table.effective_from_ms <= now_ms
    )
    body = connection.execute(statement.order_by(table.effective_from_ms.desc()).limit(1)).scalar()
    return dict(msgspec.json.decode(body)) if body else {}


def _alerts(connection: Connection, actor: Actor, case_id: int, now_ms: int) -> tuple[CaseAlert, ...]:
    table = alerts.c
    statement = (
        select(
            table.alert_id, table.merchant_id, merchants.c.name, merchants.c.grade, table.detector, table.severity,
            table.currency, table.turnover_minor, table.loss_minor, table.bearer, table.first_time, table.last_time,
            table.verdict, decisions.c.by, decisions.c.decided_ms, table.filed_ms, standing(now_ms),
        )
        .join(cases, cases.c.case_id == table.case_id)
        .outerjoin(merchants, merchants.c.merchant_id == table.merchant_id)
        .outerjoin(decisions, decisions.c.decision_id == table.decision_id)
        .where(table.case_id == case_id)
        .order_by(table.verdict.is_not(None), table.severity.desc(), table.alert_id.desc())
        .limit(MOST_ALERTS)
    )  # fmt: skip
    found = [CaseAlert(*each) for each in connection.execute(statement)]
    grades = {each.merchant_id: each.grade for each in found}
    if not sees_all(actor):
        grades = grade_for_rep(connection, grades)
    told = (each._replace(shop_name=each.shop_name or "", grade=grades[each.merchant_id] or "") for each in found)
    return tuple(sorted(told, key=lambda each: each.stands == WITHDRAWN))


def _others(connection: Connection, actor: Actor, row: Any, now_ms: int) -> tuple[int, ...]:
    table = cases.c
    statement = select(table.case_id).where(
        table.merchant_id == row.merchant_id, table.status == OPEN, table.kind != RETRIEVAL,
        table.is_aml == row.is_aml, table.case_id != row.case_id, sees(actor, now_ms),
    )  # fmt: skip
    return tuple(connection.execute(statement.order_by(table.case_id.desc()).limit(MOST_OTHERS)).scalars())


def _actions(connection: Connection, rows: Sequence[Any]) -> tuple[Action, ...]:
    by: dict[int, list[str]] = defaultdict(list)
    given = select(approvals).where(approvals.c.action_id.in_([each.action_id for each in rows]))
    for each in connection.execute(given.order_by(approvals.c.approved_ms)):
        by[each.action_id].append(each.by)
    return tuple(Action(each, tuple(by[each.action_id])) for each in rows)


def _suppressions(connection: Connection, row: Any, now_ms: int) -> Sequence[Any]:
    table = suppressions.c
    kinds = select(alerts.c.merchant_id, alerts.c.detector).where(alerts.c.case_id == row.case_id).distinct().subquery()
    same = and_(table.merchant_id == kinds.c.merchant_id, table.detector == kinds.c.detector)
    statement = select(suppressions).join(kinds, same).where(
        table.is_aml == row.is_aml, table.until_ms > now_ms, table.lifted_ms.is_(None),
    )  # fmt: skip
    return connection.execute(statement.order_by(table.suppression_id)).all()


def _mentioned(row: Any, found: CaseWork) -> set[str]:
    """Users whom the page names."""
    said = {row.holder, row.opened_by}
    said |= {each.by for each in (*found.comments, *found.suppressions, *found.drafts)}
    said |= {who for each in found.decisions for who in (each.by, each.second_by)}
    for action in found.actions:
        said |= {action.row.recommended_by, action.row.recorded_by, *action.approved_by}
    said |= {who for each in found.reminders for who in (each.user_id, each.by)}
    said |= {each.by for each in (found.flag, found.snooze) if each is not None}
    return {each for each in said if each}

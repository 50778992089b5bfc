"""What stands in casework that somebody may be told of: alerts with their labels. Nothing of money laundering is read.

An alert stands while it is undecided in an open case, and for `CONFIRMED_D` after it was confirmed, until somebody has
answered a task of it; after that it does once it is confirmed, or comes back. It does not while its case is snoozed, a
kind of alert of its merchant is suppressed, or a decision that clears it waits for a second person.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import and_, exists, or_, select

from casework.bodies import ms_of
from casework.decisions import GIVEN, PROPOSED
from casework.rep_view import grade_for_rep
from casework.schema import alerts, cases, causes, decision_alerts, decisions, merchants, suppressions
from casework.states import CONFIRMED, DUTY, OPEN, RISK
from casework.summary import SERVICE
from casework.territory import Holder, Territory
from domain.causes import Cause
from domain.timestamps import DAY_MS
from notices.routing.labels import CHOICES
from notices.tasking import seen_to

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import ColumnElement, Connection

CONFIRMED_D = 30
"""How long a confirmed alert may be told of, from the decision on: our own default."""
CONFIRMED_VERDICT = "confirmed"
_COLUMNS = (
    alerts.c.alert_id, alerts.c.merchant_id, alerts.c.detector, alerts.c.risk_code, alerts.c.first_time,
    alerts.c.filed_ms, cases.c.open_since_ms, alerts.c.loss_minor, alerts.c.verdict, alerts.c.duty_ms,
    alerts.c.duty_rule, alerts.c.bearer,
    decisions.c.decided_ms, merchants.c.region, merchants.c.city, merchants.c.mcc,
)  # fmt: skip


class Signal(NamedTuple):
    """An alert that stands, as routing sees it.

    Attributes:
        alert_id: which.
        merchant_id: whose.
        labels: of `notices.routing.labels.LABELS`.
        loss_minor: money lost, minor units; None where none is known.
        since_ms: since when it stands as it does: filed, or confirmed; UTC milliseconds.
        duty_ms: by when a rule wants something done; None where none does.
        then: whose the merchant was at the first hit.
        now: whose it is now.
    """

    alert_id: str
    merchant_id: str
    labels: Mapping[str, str]
    loss_minor: int | None
    since_ms: int
    duty_ms: int | None
    then: Holder
    now: Holder


def standing(connection: Connection, now_ms: int) -> list[Signal]:
    """All that stands at a moment, UTC milliseconds, the longest first."""
    statement = (
        select(*_COLUMNS)
        .join(cases, cases.c.case_id == alerts.c.case_id)
        .outerjoin(decisions, decisions.c.decision_id == alerts.c.decision_id)
        .outerjoin(merchants, merchants.c.merchant_id == alerts.c.merchant_id)
        .where(~alerts.c.is_aml, ~cases.c.is_aml, alerts.c.state == CONFIRMED, _stands(now_ms))
    )
    rows = connection.execute(statement).all()
    return _signals(connection, rows, now_ms)


def _stands(now_ms: int) -> ColumnElement[bool]:
    awake = or_(cases.c.snoozed_until_ms.is_(None), cases.c.snoozed_until_ms <= now_ms)
    waits = (
        exists()
        .where(decision_alerts.c.alert_id == alerts.c.alert_id)
        .where(decision_alerts.c.decision_id == decisions.c.decision_id)
        .where(decisions.c.status == PROPOSED, decisions.c.undone_ms.is_(None))
        .correlate(alerts)
    )
    suppressed = exists().where(
        suppressions.c.detector == alerts.c.detector, suppressions.c.merchant_id == alerts.c.merchant_id,
        ~suppressions.c.is_aml, suppressions.c.since_ms <= now_ms, suppressions.c.until_ms > now_ms,
        suppressions.c.lifted_ms.is_(None),
    )  # fmt: skip
    undecided = and_(alerts.c.verdict.is_(None), cases.c.status == OPEN, awake, ~waits)
    lately = decisions.c.decided_ms > now_ms - CONFIRMED_D * DAY_MS
    confirmed = and_(alerts.c.verdict == CONFIRMED_VERDICT, decisions.c.status == GIVEN, lately)
    return and_(or_(undecided, confirmed), ~suppressed)


def _signals(connection: Connection, rows: Iterable[Any], now_ms: int) -> list[Signal]:
    listed = [*rows]
    territory, done = Territory(connection, (each.merchant_id for each in listed)), seen_to(connection, now_ms)
    kinds = causes_of(connection, {each.alert_id for each in listed})
    grades = grade_for_rep(connection, {each.merchant_id for each in listed})
    found = []
    for each in listed:
        then = territory.at(each.merchant_id, ms_of(each.first_time))
        labels = labels_of(each, then, kinds.get(each.alert_id, ""), grades.get(each.merchant_id, ""))
        since_ms = each.decided_ms if each.verdict else max(each.filed_ms, each.open_since_ms)
        if since_ms <= done.get(each.alert_id, -1):
            continue
        found.append(
            Signal(
                each.alert_id, each.merchant_id, labels, each.loss_minor, since_ms, each.duty_ms, then,
                territory.at(each.merchant_id, now_ms),
            )
        )  # fmt: skip
    return sorted(found, key=lambda each: (each.since_ms, each.alert_id))


def labels_of(row: Any, then: Holder, cause: str, grade: str) -> dict[str, str]:
    """The labels of an alert's row, with those of its merchant; its grade is the one that a rep may know."""
    return {
        "kind": "alert", "merchant": row.merchant_id, "detector": row.detector, "code": row.risk_code,
        "region": row.region or "", "city": row.city or "", "mcc": row.mcc or "", "rep": then.rep_id,
        "agent": then.agent_id, "lane": DUTY if row.detector in SERVICE else RISK,
        "verdict": row.verdict or OPEN, "duty": row.duty_rule or "", "bearer": row.bearer or "", "cause": cause,
        "grade": grade,
    }  # fmt: skip


def causes_of(connection: Connection, alert_ids: Collection[str]) -> dict[str, str]:
    """By alert, what kind of thing its cause names; of two causes the narrowest.

    A cause that counts an alert of money laundering is passed over: it might not be there without.
    """
    ranked = {kind: k for k, kind in enumerate(CHOICES["cause"])}
    of_them: dict[str, set[str]] = defaultdict(set)
    stands = ~causes.c.is_aml & ~causes.c.withdrawn
    bodies = connection.execute(select(causes.c.body).where(stands).order_by(causes.c.cause_id)).scalars()
    listed = [msgspec.json.decode(each, type=Cause) for each in bodies]
    hidden = _of_aml(connection, {each for cause in listed for member in cause.members for each in member.alert_ids})
    for cause in listed:
        ids = {each for member in cause.members for each in member.alert_ids}
        if not ids & hidden:
            for each in ids.intersection(alert_ids):
                of_them[each].add(cause.kind)
    return {each: min(kinds, key=lambda kind: ranked.get(kind, len(ranked))) for each, kinds in of_them.items()}


def _of_aml(connection: Connection, alert_ids: Collection[str]) -> set[str]:
    if not alert_ids:
        return set()
    return {*connection.execute(select(alerts.c.alert_id).where(alerts.c.is_aml)).scalars()}.intersection(alert_ids)

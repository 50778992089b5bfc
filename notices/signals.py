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
from casework.territory import Holder, Territory, changes
from domain.causes import Cause
from domain.timestamps import DAY_MS
from notices.routing.labels import CHOICES
from notices.tasking import seen_to

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

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
    labels: dict[str, str]
    loss_minor: int | None
    since_ms: int
    duty_ms: int | None
    then: Holder
    now: Holder


class Standing:
    """Reads what stands, again and again; what is as it was the last time is not put together anew."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, Signal]] = {}
        self._territory: Territory | None = None
        self._changes = 0

    def read(
        self, connection: Connection, now_ms: int, wants_grade: Callable[[Mapping[str, str]], bool] = lambda _: True
    ) -> list[Signal]:
        """All that stands at a moment, the longest first.

        Args:
            connection: a transaction.
            now_ms: the moment, UTC milliseconds.
            wants_grade: whether anything depends on an alert's grade, by its other labels; else it has none. To put a
                grade together as a rep may know it takes as long as all the rest.
        """
        statement = (
            select(*_COLUMNS)
            .join(cases, cases.c.case_id == alerts.c.case_id)
            .outerjoin(decisions, decisions.c.decision_id == alerts.c.decision_id)
            .outerjoin(merchants, merchants.c.merchant_id == alerts.c.merchant_id)
            .where(~alerts.c.is_aml, ~cases.c.is_aml, alerts.c.state == CONFIRMED, _stands(now_ms))
        )
        rows = connection.execute(statement).all()
        territory = self._territory_of(connection, {each.merchant_id for each in rows})
        found = self._signals(connection, rows, territory, now_ms)
        _give_grades(connection, [each for each in found if wants_grade(each.labels)])
        return sorted(found, key=lambda each: (each.since_ms, each.alert_id))

    def _territory_of(self, connection: Connection, merchant_ids: Collection[str]) -> Territory:
        filed = changes(connection)
        if self._territory is None or filed != self._changes:
            self._territory, self._changes, self._kept = Territory(connection, merchant_ids), filed, {}
        self._territory.add(connection, merchant_ids)
        return self._territory

    def _signals(self, connection: Connection, rows: Iterable[Any], territory: Territory, now_ms: int) -> list[Signal]:
        listed, done = [*rows], seen_to(connection, now_ms)
        kinds = causes_of(connection, {each.alert_id for each in listed})
        before, self._kept = self._kept, {}
        found = []
        for each in listed:
            cause = kinds.get(each.alert_id, "")
            was, signal = before.get(each.alert_id, (None, None))
            now = territory.at(each.merchant_id, now_ms)
            if signal is None or was != (each, cause):
                signal = _signal(each, territory.at(each.merchant_id, ms_of(each.first_time)), now, cause)
            elif signal.now != now:
                signal = signal._replace(now=now)
            self._kept[each.alert_id] = (each, cause), signal
            if signal.since_ms > done.get(each.alert_id, -1):
                found.append(signal)
        return found


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


def _signal(row: Any, then: Holder, now: Holder, cause: str) -> Signal:
    since_ms = row.decided_ms if row.verdict else max(row.filed_ms, row.open_since_ms)
    labels = labels_of(row, then, cause, "")
    return Signal(row.alert_id, row.merchant_id, labels, row.loss_minor, since_ms, row.duty_ms, then, now)


def _give_grades(connection: Connection, signals: Iterable[Signal]) -> None:
    by_merchant = defaultdict[str, list[dict[str, str]]](list)
    for each in signals:
        by_merchant[each.merchant_id].append(each.labels)
    for merchant_id, grade in grade_for_rep(connection, [*by_merchant]).items():
        for labels in by_merchant[merchant_id]:
            labels["grade"] = grade


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

"""The page of an alert: what it says, what it rests on, how it came about, and what became of others like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import select, union_all

from casework.errors import NotFound
from casework.people import sees, sees_all, sees_aml
from casework.queue.header import standing
from casework.queue.similar import Similar, similar_to
from casework.reading.formulas import formula
from casework.schema import SHOWN, alert_revisions, alert_transactions, alerts, cases, decisions
from casework.states import WITHDRAWN
from domain.alerts import Alert, Text
from domain.readings import TransactionRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

MOST_REVISIONS, MOST_TRANSACTIONS, MOST_LIKE_IT = 100, 500, 10
_decode = msgspec.json.Decoder(Alert).decode


class RevisionRow(NamedTuple):
    """A revision of an alert.

    Attributes:
        revision: its number.
        epoch: of whoever wrote it.
        state: `provisional`, `confirmed` or `withdrawn`.
        appended_ms: when the log got it, UTC milliseconds.
        severity: 0 to 1.
        hits: so far.
        loss_minor: so far; None where none is known.
        closed: whether it gives the totals.
        reopened: how often it was reopened.
    """

    revision: int
    epoch: int
    state: str
    appended_ms: int
    severity: float
    hits: int
    loss_minor: int | None
    closed: bool
    reopened: int


class PastAlert(NamedTuple):
    """A decided alert like it, the latest decided first.

    Attributes:
        alert_id: its id.
        case_id: its case.
        merchant_id: whose.
        severity: 0 to 1.
        loss_minor: None where none is known.
        currency: of the loss.
        verdict: on it.
        reason_code: of the decision.
        comment: of the decision.
        by: who decided.
        decided_ms: when, UTC milliseconds.
    """

    alert_id: str
    case_id: int
    merchant_id: str
    severity: float
    loss_minor: int | None
    currency: str
    verdict: str
    reason_code: str
    comment: str
    by: str
    decided_ms: int


class AlertPage(NamedTuple):
    """An alert.

    Attributes:
        alert: the revision shown: sentence, frozen evidence, money, shop, and the versions of controls and model.
        case_id: its case.
        case_version: what whoever decides must have seen.
        stands: `open`, `snoozed`, `suppressed`, `decided` or `withdrawn`.
        state: of the revision shown.
        verdict: on it; None for none.
        decision: the row of `decisions` that gave it; None likewise.
        filed_ms: when it was filed first, UTC milliseconds.
        formula: how its money is reckoned.
        revisions: the newest first, at most 100.
        transactions: those of all revisions, the latest first, at most 500; none once they are too old to be kept.
        similar: how many past ones are like it.
        past: the last ten of those.
    """

    alert: Alert
    case_id: int
    case_version: int
    stands: str
    state: str
    verdict: str | None
    decision: Any
    filed_ms: int
    formula: Text
    revisions: tuple[RevisionRow, ...]
    transactions: tuple[TransactionRow, ...]
    similar: Similar
    past: tuple[PastAlert, ...]


def alert(store: Store, actor: Actor, alert_id: str, now_ms: int) -> AlertPage:
    """The page of an alert.

    Raises:
        NotFound: there is none, or the actor does not see its case.
    """
    statement = (
        select(alerts, cases.c.version, standing(now_ms).label("stands"), alert_revisions.c.body)
        .join(cases, cases.c.case_id == alerts.c.case_id)
        .join(alert_revisions, SHOWN)
        .where(alerts.c.alert_id == alert_id, sees(actor, now_ms))
    )
    with store.reading() as connection:
        row = connection.execute(statement).first()
        if row is None:
            raise NotFound(f"there is no alert {alert_id}")
        given = select(decisions).where(decisions.c.decision_id == row.decision_id)
        decision = None if row.decision_id is None else connection.execute(given).first()
        return AlertPage(
            _decode(row.body), row.case_id, row.version, row.stands, row.state, row.verdict, decision, row.filed_ms,
            formula(row.detector), _revisions(connection, alert_id), _transactions(connection, alert_id),
            similar_to(connection, actor, [row])[alert_id], _past(connection, actor, row),
        )  # fmt: skip


def _revisions(connection: Connection, alert_id: str) -> tuple[RevisionRow, ...]:
    table = alert_revisions.c
    statement = select(table.revision, table.epoch, table.state, table.appended_ms, table.body)
    found = connection.execute(
        statement.where(table.alert_id == alert_id).order_by(table.revision.desc()).limit(MOST_REVISIONS)
    )
    told = ((each, _decode(each.body)) for each in found)
    return tuple(
        RevisionRow(
            row.revision, row.epoch, row.state, row.appended_ms, it.severity, it.hits, it.loss, it.closed, it.reopened
        )
        for row, it in told
    )


def _transactions(connection: Connection, alert_id: str) -> tuple[TransactionRow, ...]:
    table = alert_transactions.c
    statement = select(alert_transactions).where(table.alert_id == alert_id)
    found = connection.execute(statement.order_by(table.time.desc(), table.txn_id).limit(MOST_TRANSACTIONS))
    return tuple(
        TransactionRow(
            txn_id=each.txn_id, time=each.time, amount=each.amount_minor, currency=each.currency,
            txn_type=each.txn_type, mcc=each.mcc, terminal_id=each.terminal_id, rrn=each.rrn, stan=each.stan,
            card_last4=each.card_last4, response_code=each.response_code, fee=each.fee_minor,
        )
        for each in found
    )  # fmt: skip


def _past(connection: Connection, actor: Actor, row: Any) -> tuple[PastAlert, ...]:
    """The last decided ones like it: of its merchant, and but for a rep of its MCC."""
    table = alerts.c
    like = [_last_of(table.merchant_id == row.merchant_id, row, actor)]
    if row.mcc and sees_all(actor):
        like.append(_last_of(table.mcc == row.mcc, row, actor))
    ids = {*connection.execute(union_all(*(select(each) for each in like))).scalars()}
    statement = (
        select(
            table.alert_id, table.case_id, table.merchant_id, table.severity, table.loss_minor, table.currency,
            table.verdict, decisions.c.reason_code, decisions.c.comment, decisions.c.by, decisions.c.decided_ms,
        )
        .join(decisions, decisions.c.decision_id == table.decision_id)
        .where(table.alert_id.in_(ids))
        .order_by(decisions.c.decided_ms.desc(), table.alert_id)
        .limit(MOST_LIKE_IT)
    )  # fmt: skip
    return tuple(PastAlert(*each) for each in connection.execute(statement))


def _last_of(of_it: Any, row: Any, actor: Actor) -> Any:
    table = alerts.c
    statement = select(table.alert_id).where(
        of_it, table.detector == row.detector, table.alert_id != row.alert_id, table.verdict.is_not(None),
        table.state != WITHDRAWN, sees_aml(actor, table.is_aml),
    )  # fmt: skip
    return statement.order_by(table.decision_id.desc()).limit(MOST_LIKE_IT).subquery()

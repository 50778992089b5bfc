"""What keeps alerts out of the queue now: snoozes and suppressions, and whether they still keep anything out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, func, select

from casework.people import sees, sees_aml, sees_merchant
from casework.schema import SHOWN, alert_revisions, alerts, cases, merchants, snoozes, suppressions
from casework.states import OPEN, WITHDRAWN
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from casework.people import Actor
    from casework.store import Store

IDLE_D = 30
"""Days without a revision of any of its alerts after which a snooze or suppression keeps nothing out."""
_FIGURES = (func.count(alerts.c.alert_id).label("alerts"), func.max(alert_revisions.c.filed_ms).label("last_ms"))


class SnoozeLine(NamedTuple):
    """A snooze that runs.

    Attributes:
        case_id: of which case.
        merchant_id: of the case; None for a cause's.
        shop_name: of the merchant; of a cause, its name.
        by: who put it off.
        since_ms: when.
        until_ms: until when, unless it wakes sooner.
        reason: why.
        alerts: undecided ones that it keeps out of the queue.
        last_ms: when the log last told of one of them; None where there is none.
        is_idle: whether it has run for 30 days, and the log told of none in the last 30.
    """

    case_id: int
    merchant_id: str | None
    shop_name: str
    by: str
    since_ms: int
    until_ms: int
    reason: str
    alerts: int
    last_ms: int | None
    is_idle: bool


class SuppressionLine(NamedTuple):
    """A suppression that runs.

    Attributes:
        suppression_id: its number.
        detector: whose alerts.
        merchant_id: of which merchant.
        shop_name: of the merchant.
        is_aml: whether it is of alerts that only `aml` may see.
        by: who suppressed.
        since_ms: when.
        until_ms: until when.
        reason: why.
        alerts: undecided ones that it keeps out of the queue.
        last_ms: when the log last told of one of them; None where there is none.
        is_idle: whether it has run for 30 days, and the log told of none in the last 30.
    """

    suppression_id: int
    detector: str
    merchant_id: str
    shop_name: str
    is_aml: bool
    by: str
    since_ms: int
    until_ms: int
    reason: str
    alerts: int
    last_ms: int | None
    is_idle: bool


def snoozes_running(store: Store, actor: Actor, now_ms: int, *, most: int = 500) -> tuple[SnoozeLine, ...]:
    """Snoozes that run, of open cases that the actor sees; the first to end first."""
    columns = (
        snoozes.c.case_id, cases.c.merchant_id, cases.c.shop_name, snoozes.c.by, snoozes.c.since_ms,
        snoozes.c.until_ms, snoozes.c.reason,
    )  # fmt: skip
    joined = snoozes.join(cases, cases.c.case_id == snoozes.c.case_id).outerjoin(
        alerts, _kept_out(alerts.c.case_id == cases.c.case_id)
    )
    runs = and_(
        snoozes.c.ended_ms.is_(None), snoozes.c.until_ms > now_ms, cases.c.status == OPEN,
        cases.c.snoozed_until_ms.is_not(None),
    )  # fmt: skip
    statement = (
        select(*columns, *_FIGURES, _is_idle(snoozes.c.since_ms, now_ms))
        .select_from(joined.outerjoin(alert_revisions, SHOWN))
        .where(runs, sees(actor, now_ms))
        .group_by(snoozes.c.snooze_id, *columns)
        .order_by(snoozes.c.until_ms, snoozes.c.snooze_id)
        .limit(most)
    )
    with store.reading() as connection:
        return tuple(SnoozeLine(*each) for each in connection.execute(statement))


def suppressions_running(store: Store, actor: Actor, now_ms: int, *, most: int = 500) -> tuple[SuppressionLine, ...]:
    """Suppressions that run, of merchants that the actor sees; the first to end first."""
    table = suppressions.c
    columns = (
        table.suppression_id, table.detector, table.merchant_id, func.coalesce(merchants.c.name, "").label("shop_name"),
        table.is_aml, table.by, table.since_ms, table.until_ms, table.reason,
    )  # fmt: skip
    of_it = and_(
        alerts.c.detector == table.detector, alerts.c.merchant_id == table.merchant_id,
        alerts.c.is_aml == table.is_aml,
    )  # fmt: skip
    joined = suppressions.outerjoin(merchants, merchants.c.merchant_id == table.merchant_id)
    runs = and_(table.lifted_ms.is_(None), table.until_ms > now_ms)
    statement = (
        select(*columns, *_FIGURES, _is_idle(table.since_ms, now_ms))
        .select_from(joined.outerjoin(alerts, _kept_out(of_it)).outerjoin(alert_revisions, SHOWN))
        .where(runs, sees_aml(actor, table.is_aml), sees_merchant(actor, table.merchant_id, now_ms))
        .group_by(table.suppression_id, merchants.c.name, *columns[1:3], *columns[4:])
        .order_by(table.until_ms, table.suppression_id)
        .limit(most)
    )
    with store.reading() as connection:
        return tuple(SuppressionLine(*each) for each in connection.execute(statement))


def _kept_out(of_it: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(of_it, alerts.c.verdict.is_(None), alerts.c.state != WITHDRAWN)


def _is_idle(since_ms: ColumnElement[int], now_ms: int) -> ColumnElement[bool]:
    """Whether it has run for 30 days, and nothing was told of its alerts in them."""
    least_ms = now_ms - IDLE_D * DAY_MS
    return and_(since_ms <= least_ms, func.coalesce(func.max(alert_revisions.c.filed_ms), 0) < least_ms)

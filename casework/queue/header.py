"""The header of the queue: how the alerts that somebody sees stand, in figures that add up to what was filed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, case, exists, false, func, literal_column, select

from casework.people import sees, sees_all, sees_aml
from casework.schema import alert_totals, alerts, cases, suppressions
from casework.states import OPEN, WITHDRAWN

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Subquery

    from casework.people import Actor
    from casework.store import Store


class Header(NamedTuple):
    """Alerts that somebody sees, by how they stand: each is in one of the first four, which add up to `filed`.

    Attributes:
        open: to be worked.
        snoozed: in a case that is put off.
        suppressed: of a kind that is suppressed for its merchant.
        decided: with a verdict that stands.
        withdrawn: which the log aborted and nobody wrote again; no part of `filed`.
        mine: of the open ones, those in cases that the actor holds.
        late: of the open ones, those in cases whose deadline has passed.
    """

    open: int = 0
    snoozed: int = 0
    suppressed: int = 0
    decided: int = 0
    withdrawn: int = 0
    mine: int = 0
    late: int = 0

    @property
    def filed(self) -> int:
        """Alerts that stand."""
        return self.open + self.snoozed + self.suppressed + self.decided


def standing(now_ms: int) -> ColumnElement[str]:
    """How an alert stands, of rows of `alerts` with their cases: a field of `Header`."""
    suppressed = exists().where(
        suppressions.c.detector == alerts.c.detector, suppressions.c.merchant_id == alerts.c.merchant_id,
        suppressions.c.is_aml == alerts.c.is_aml, suppressions.c.until_ms > now_ms, suppressions.c.lifted_ms.is_(None),
    )  # fmt: skip
    return case(
        (alerts.c.state == WITHDRAWN, "withdrawn"), (alerts.c.verdict.is_not(None), "decided"),
        (suppressed, "suppressed"), (cases.c.snoozed_until_ms > now_ms, "snoozed"), else_="open",
    )  # fmt: skip


def status_is(status: str) -> ColumnElement[bool]:
    """Whether a case has a status, spelled out: SQLite uses the indices of one status only where it stands there."""
    return cases.c.status == literal_column(f"'{status}'")


def is_late(now_ms: int) -> ColumnElement[bool]:
    """Whether a case's deadline has passed; null where it has none."""
    return cases.c.due_ms < now_ms


def is_snoozed(now_ms: int) -> ColumnElement[bool]:
    """Whether a case is put off; never null."""
    return and_(cases.c.snoozed_until_ms.is_not(None), cases.c.snoozed_until_ms > now_ms)


def suppressed_alerts(now_ms: int) -> Subquery:
    """By case, how many undecided alerts are suppressed: columns `case_id` and `alerts`."""
    runs = and_(suppressions.c.until_ms > now_ms, suppressions.c.lifted_ms.is_(None))
    kinds = (
        select(suppressions.c.detector, suppressions.c.merchant_id, suppressions.c.is_aml)
        .where(runs).distinct().subquery()
    )  # fmt: skip
    is_of = and_(
        alerts.c.merchant_id == kinds.c.merchant_id, alerts.c.detector == kinds.c.detector,
        alerts.c.is_aml == kinds.c.is_aml, alerts.c.verdict.is_(None), alerts.c.state != WITHDRAWN,
    )  # fmt: skip
    counted = select(alerts.c.case_id, func.count().label("alerts")).select_from(kinds.join(alerts, is_of))
    return counted.group_by(alerts.c.case_id).subquery()


def header(store: Store, actor: Actor, now_ms: int) -> Header:
    """The header of the queue, for one who looks."""
    seen, snoozed = sees(actor, now_ms), is_snoozed(now_ms)
    kinds = {"snoozed": snoozed, "mine": and_(cases.c.holder == actor.user_id, ~snoozed)}
    kinds["late"] = and_(is_late(now_ms), ~snoozed)
    kept_out = suppressed_alerts(now_ms)
    of_cases = kept_out.join(cases, cases.c.case_id == kept_out.c.case_id)
    flags = (func.coalesce(each, false()).label(name) for name, each in kinds.items())
    with store.reading() as connection:
        filed, undecided, withdrawn = _totals(connection, actor, now_ms)
        suppressed = connection.execute(select(kept_out.c.alerts, *flags).select_from(of_cases).where(seen)).all()
        found = {
            name: _undecided(connection, each, seen) - sum(row.alerts for row in suppressed if getattr(row, name))
            for name, each in kinds.items()
        }
    apart = sum(row.alerts for row in suppressed)
    return Header(
        open=undecided - found["snoozed"] - apart,
        suppressed=apart,
        decided=filed - undecided,
        withdrawn=withdrawn,
        **found,
    )


def _totals(connection: Connection, actor: Actor, now_ms: int) -> tuple[int, int, int]:
    """Alerts that stand, those without a verdict, and those withdrawn."""
    if not actor.roles:
        return 0, 0, 0
    table: Any = alert_totals.c if sees_all(actor) else cases.c
    totals = (func.coalesce(func.sum(each), 0) for each in (table.filed, table.undecided, table.withdrawn))
    seen = sees_aml(actor, table.is_aml) if sees_all(actor) else sees(actor, now_ms)
    filed, undecided, withdrawn = connection.execute(select(*totals).where(seen)).one()
    return int(filed), int(undecided), int(withdrawn)


def _undecided(connection: Connection, condition: ColumnElement[bool], seen: ColumnElement[bool]) -> int:
    """Undecided alerts in some open cases."""
    statement = select(func.coalesce(func.sum(cases.c.undecided), 0)).where(status_is(OPEN), condition, seen)
    return int(connection.execute(statement).scalar_one())

"""A rep's merchants: what they sell against what was to be expected, what needs care, which visits are due.

Nothing about money laundering is read here, nor anything that was computed from it: no case, score or grade; of alerts
those of two kinds alone that serve the merchant, by name, and none that only `aml` may see.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import and_, case, func, select

from casework.chunks import chunks
from casework.people import merchants_of, sees_merchant
from casework.schema import (
    SHOWN,
    alert_revisions,
    alerts,
    inspections,
    merchant_days,
    merchant_profiles,
    merchants,
    visits,
)
from casework.states import WITHDRAWN
from casework.visit_list import WITHIN_D, Due
from domain.timestamps import DAY_MS, iso

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

LOOKED_AT_D = 28
"""Days whose sales are held against what was to be expected: four weeks, so that each weekday counts alike."""
FEES_D = 90
"""Days for which a change of prices is shown as such."""
DECLINE, FAILING, SILENT = KINDS = ("volume_decline", "terminal_failing", "terminal_silent")
"""Detectors that serve a merchant: its business declines, a terminal fails, a terminal is not used any more."""
MOST_MERCHANTS = 1_000
_VISITED_D = 90


class Terminal(NamedTuple):
    """A terminal to look at.

    Attributes:
        terminal_id: its number; "" where it is not known.
        kind: `terminal_failing` or `terminal_silent`.
        since: of the first sign, ISO 8601 UTC.
    """

    terminal_id: str
    kind: str
    since: str


class Fees(NamedTuple):
    """Whether a merchant's contract is as it was.

    Attributes:
        changed_ms: when its prices changed last, or will, UTC milliseconds; None where they never did.
        announced_ms: when that was announced; None where it was not.
        is_stable: whether they are those of 90 days ago, and none is to come.
    """

    changed_ms: int | None = None
    announced_ms: int | None = None
    is_stable: bool = True


class ShopLine(NamedTuple):
    """A merchant of the rep; None where something is not known.

    Attributes:
        merchant_id: its id.
        name: over the door.
        city: where.
        status: of the master data.
        currency: of its money.
        sales: of the last four weeks that are known.
        expected: sales that were to be expected in them.
        turnover_minor: of them.
        declining_since: since when its business declines, ISO 8601 UTC; "" where it does not.
        hint: the outcome of the last visit of 90 days, by which there is something that may help; "" for none.
        terminals: to look at.
        fees: of its contract.
        due: inspections that are late or due within 30 days, the earliest first.
    """

    merchant_id: str
    name: str
    city: str
    status: str
    currency: str
    sales: int | None
    expected: float | None
    turnover_minor: int | None
    declining_since: str
    hint: str
    terminals: tuple[Terminal, ...]
    fees: Fees
    due: tuple[Due, ...]

    @property
    def share(self) -> float | None:
        """Sales per expected ones; None where nothing was to be expected."""
        return self.sales / self.expected if self.sales is not None and self.expected else None


def rep_portfolio(store: Store, actor: Actor, rep_id: str, now_ms: int) -> tuple[ShopLine, ...]:
    """A rep's merchants, at most 1,000: those that want something first, then by turnover.

    Args:
        store: the store.
        actor: who looks; a rep sees its own merchants alone.
        rep_id: whose.
        now_ms: UTC milliseconds.
    """
    table = merchants.c
    seen = (table.merchant_id.in_(merchants_of(rep_id, now_ms)), sees_merchant(actor, table.merchant_id, now_ms))
    columns = (table.merchant_id, table.name, table.city, table.status)
    with store.reading() as connection:
        heads = connection.execute(select(*columns).where(*seen).order_by(table.merchant_id).limit(MOST_MERCHANTS))
        found = heads.all()
        ids = [each.merchant_id for each in found]
        sold, warned = _sold(connection, ids, now_ms), _warned(connection, ids)
        fees, due, last = _fees(connection, ids, now_ms), _due(connection, ids, now_ms), _last(connection, ids, now_ms)
    lines = []
    for each in found:
        sales, expected, turnover, currency = sold.get(each.merchant_id, (None, None, None, ""))
        of_it = warned.get(each.merchant_id, [])
        declining = next((row.first_time for row in of_it if row.detector == DECLINE), "")
        terminals = tuple(_terminal(row) for row in of_it if row.detector != DECLINE)
        lines.append(
            ShopLine(
                each.merchant_id, each.name, each.city, each.status, currency, sales, expected, turnover, declining,
                last.get(each.merchant_id, ""), terminals, fees.get(each.merchant_id, Fees()),
                due.get(each.merchant_id, ()),
            )
        )  # fmt: skip
    return tuple(sorted(lines, key=lambda line: _order(line, now_ms)))


def _order(line: ShopLine, now_ms: int) -> tuple[Any, ...]:
    is_late = bool(line.due) and line.due[0].due_ms < now_ms
    wants = is_late + bool(line.declining_since) + bool(line.terminals)
    return -wants, not line.due, -(line.turnover_minor or 0), line.merchant_id


def _sold(
    connection: Connection, merchant_ids: Sequence[str], now_ms: int
) -> dict[str, tuple[int, float | None, int, str]]:  # fmt: skip
    """By merchant, sales, expected sales, turnover and currency of four weeks."""
    table = merchant_days.c
    first = (date.fromisoformat(iso(now_ms)[:10]) - timedelta(days=LOOKED_AT_D)).isoformat()
    known = case((table.expected_sales.is_not(None), table.sales))
    found = {}
    for some in chunks(merchant_ids):
        statement = select(
            table.merchant_id, func.sum(known), func.sum(table.expected_sales), func.sum(table.sales),
            func.sum(table.turnover_minor), func.max(table.currency),
        ).where(table.merchant_id.in_(some), table.day >= first)  # fmt: skip
        for merchant_id, of_known, expected, sales, turnover, currency in connection.execute(
            statement.group_by(table.merchant_id)
        ):
            counted = of_known if expected else sales
            found[merchant_id] = (round(counted or 0), expected or None, round(turnover or 0), currency)
    return found


def _warned(connection: Connection, merchant_ids: Sequence[str]) -> dict[str, list[Any]]:
    """By merchant, undecided alerts of the kinds that serve it, the newest first, with their bodies."""
    table, found = alerts.c, defaultdict[str, list[Any]](list)
    for some in chunks(merchant_ids):
        serves = and_(
            table.merchant_id.in_(some), table.detector.in_(KINDS), ~table.is_aml, table.verdict.is_(None),
            table.state != WITHDRAWN, ~table.closed,
        )  # fmt: skip
        columns = (table.merchant_id, table.detector, table.first_time, alert_revisions.c.body)
        statement = select(*columns).select_from(alerts.join(alert_revisions, SHOWN)).where(serves)
        for each in connection.execute(statement.order_by(table.first_time.desc(), table.alert_id)):
            found[each.merchant_id].append(each)
    return found


class _Body(msgspec.Struct):
    facts: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Body).decode


def _terminal(row: Any) -> Terminal:
    return Terminal(str(_decode(row.body).facts.get("terminal_id", "")), row.detector, row.first_time)


def _fees(connection: Connection, merchant_ids: Sequence[str], now_ms: int) -> dict[str, Fees]:
    table, versions = merchant_profiles.c, defaultdict[str, list[Any]](list)
    for some in chunks(merchant_ids):
        of_them = and_(table.merchant_id.in_(some), table.kind == "contract")
        columns = (table.merchant_id, table.effective_from_ms, table.body)
        for each in connection.execute(select(*columns).where(of_them).order_by(table.effective_from_ms)):
            versions[each.merchant_id].append(each)
    return {merchant_id: _fees_of(found, now_ms) for merchant_id, found in versions.items()}


def _fees_of(versions: Sequence[Any], now_ms: int) -> Fees:
    """From versions of a contract, the oldest first."""
    fields = [msgspec.json.decode(each.body) for each in versions]
    for k in range(len(versions) - 1, 0, -1):
        if fields[k]["prices"] != fields[k - 1]["prices"]:
            changed_ms = versions[k].effective_from_ms
            return Fees(changed_ms, fields[k].get("notice_from"), is_stable=changed_ms < now_ms - FEES_D * DAY_MS)
    return Fees()


def _due(connection: Connection, merchant_ids: Sequence[str], now_ms: int) -> dict[str, tuple[Due, ...]]:
    table, found = inspections.c, dict[str, tuple[Due, ...]]()
    for some in chunks(merchant_ids):
        of_them = and_(
            table.merchant_id.in_(some), table.done_ms.is_(None), table.since_ms <= now_ms,
            table.due_ms <= now_ms + WITHIN_D * DAY_MS,
        )  # fmt: skip
        columns = (table.merchant_id, table.rule, table.due_ms)
        for each in connection.execute(select(*columns).where(of_them).order_by(table.due_ms, table.rule)):
            found[each.merchant_id] = (*found.get(each.merchant_id, ()), Due(each.rule, each.due_ms))
    return found


def _last(connection: Connection, merchant_ids: Collection[str], now_ms: int) -> dict[str, str]:
    table, found = visits.c, dict[str, str]()
    for some in chunks(merchant_ids):
        lately = and_(table.merchant_id.in_(some), table.visited_ms >= now_ms - _VISITED_D * DAY_MS)
        statement = select(table.merchant_id, table.outcome).where(lately)
        for each in connection.execute(statement.order_by(table.visited_ms, table.visit_id)):
            found[each.merchant_id] = each.outcome
    return found

"""Search: merchants, alerts, cases and transactions by what somebody types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from casework.people import sees, sees_all, sees_merchant
from casework.rep_view import risk_for_rep
from casework.schema import alert_transactions, alerts, cases, merchants

if TYPE_CHECKING:
    from casework.people import Actor
    from casework.store import Store

MOST_FOUND = 20
"""Of each kind."""
LEAST_TYPED = 2
"""Characters below which nothing is looked for."""
_MOST_TYPED = 128


class FoundMerchant(NamedTuple):
    """A merchant, with what tells it from others."""

    merchant_id: str
    name: str
    city: str
    mcc: str
    grade: str
    score: float | None


class FoundAlert(NamedTuple):
    """An alert; by its id, or because it lists a transaction.

    Attributes:
        alert_id: its id.
        case_id: its case.
        merchant_id: whose.
        detector: of which detector.
        severity: 0 to 1.
        last_time: its latest hit, ISO 8601 UTC.
        by: what it was found by: `alert_id`, `rrn`, `terminal_id` or `card_last4`.
    """

    alert_id: str
    case_id: int
    merchant_id: str
    detector: str
    severity: float
    last_time: str
    by: str


class Found(NamedTuple):
    """What was found, at most 20 of each kind."""

    merchants: tuple[FoundMerchant, ...]
    cases: tuple[int, ...]
    alerts: tuple[FoundAlert, ...]


def search(store: Store, actor: Actor, typed: str, now_ms: int) -> Found:
    """Merchants by beginning of id or part of name, cases by number, alerts by id, terminal, RRN or last four digits.

    Args:
        store: the store.
        actor: who looks.
        typed: at least 2 characters, but for a case's number; of more than 128 nothing is found.
        now_ms: UTC milliseconds.
    """
    wanted = typed.strip()
    if len(wanted) > _MOST_TYPED or "\0" in wanted:
        return Found((), (), ())
    with store.reading() as connection:
        if len(wanted) < LEAST_TYPED:
            return Found((), _cases(connection, actor, wanted, now_ms), ())
        return Found(
            _merchants(connection, actor, wanted, now_ms), _cases(connection, actor, wanted, now_ms),
            _alerts(connection, actor, wanted, now_ms),
        )  # fmt: skip


def _merchants(connection: Any, actor: Actor, wanted: str, now_ms: int) -> tuple[FoundMerchant, ...]:
    table = merchants.c
    seen = sees_merchant(actor, table.merchant_id, now_ms)
    # The range is what an index can be asked for; which of it begins so, the rest of the condition says.
    after = wanted[:-1] + chr(min(ord(wanted[-1]) + 1, 0x10FFFF))
    by_id = [
        table.merchant_id >= wanted,
        table.merchant_id < after,
        table.merchant_id.startswith(wanted, autoescape=True),
    ]
    ids = select(table.merchant_id).where(*by_id, seen).order_by(table.merchant_id).limit(MOST_FOUND)
    found = [*connection.execute(ids).scalars()]
    if len(found) < MOST_FOUND:
        by_name = func.lower(table.name).contains(wanted.lower(), autoescape=True)
        ids = select(table.merchant_id).where(by_name, seen).order_by(table.name).limit(MOST_FOUND - len(found))
        found += [each for each in connection.execute(ids).scalars() if each not in found]
    shown = select(table.merchant_id, table.name, table.city, table.mcc, table.grade, table.score)
    told = connection.execute(shown.where(table.merchant_id.in_(found)))
    rows = {each.merchant_id: FoundMerchant(*each) for each in told}
    if not sees_all(actor):
        risks = risk_for_rep(connection, found)
        rows = {each: row._replace(grade=risks[each].grade, score=risks[each].score) for each, row in rows.items()}
    return tuple(rows[each] for each in found)


def _cases(connection: Any, actor: Actor, wanted: str, now_ms: int) -> tuple[int, ...]:
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 16):
        return ()
    statement = select(cases.c.case_id).where(cases.c.case_id == int(wanted), sees(actor, now_ms))
    return tuple(connection.execute(statement).scalars())


def _alerts(connection: Any, actor: Actor, wanted: str, now_ms: int) -> tuple[FoundAlert, ...]:
    found: dict[str, FoundAlert] = {}
    columns = (
        alerts.c.alert_id, alerts.c.case_id, alerts.c.merchant_id, alerts.c.detector, alerts.c.severity,
        alerts.c.last_time,
    )  # fmt: skip
    listed = {
        "alert_id": select(alerts.c.alert_id).where(alerts.c.alert_id == wanted),
        **{each: _listing(each, wanted) for each in ("rrn", "terminal_id", "card_last4") if _may_be(each, wanted)},
    }
    for by, ids in listed.items():
        statement = (
            select(*columns)
            .join(cases, cases.c.case_id == alerts.c.case_id)
            .where(alerts.c.alert_id.in_(ids), sees(actor, now_ms))
            .order_by(alerts.c.last_time.desc(), alerts.c.alert_id)
            .limit(MOST_FOUND)
        )
        for each in connection.execute(statement):
            of_it = FoundAlert(
                each.alert_id, each.case_id, each.merchant_id, each.detector, each.severity, each.last_time, by
            )
            found.setdefault(each.alert_id, of_it)
    return tuple(found.values())[:MOST_FOUND]


def _listing(name: str, wanted: str) -> Any:
    column = alert_transactions.c[name]
    return select(alert_transactions.c.alert_id).where(column == wanted, column != "")


def _may_be(name: str, wanted: str) -> bool:
    digits = wanted.isascii() and wanted.isdecimal()
    return (digits and len(wanted) == 4) if name == "card_last4" else wanted.isascii() and wanted.isalnum()

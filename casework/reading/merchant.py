"""The page of a merchant: who it was as of any date, its terminals, alerts, cases and early warnings."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import func, or_, select

from casework.errors import NotFound
from casework.people import sees, sees_all, sees_merchant
from casework.queue.header import standing
from casework.rep_view import risk_for_rep
from casework.schema import (
    alert_transactions,
    alerts,
    cases,
    merchant_profiles,
    merchant_reps,
    merchant_terminals,
    merchants,
)
from casework.states import MERGED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

EARLY = ("volume_decline", "volume_collapse", "gauge_breach", "licence_expiry", "dormancy", "terminal_silent")
"""Detectors that say what is about to go wrong, not that somebody cheats."""
MOST_ALERTS, MOST_CASES, MOST_TERMINALS = 100, 50, 100


class Version(NamedTuple):
    """A version of master data, a contract or an assignment: from when on, and its fields as the event has them."""

    kind: str
    effective_from_ms: int
    fields: dict[str, Any]


class Terminal(NamedTuple):
    """A terminal that master data have, or that the merchant's latest alerts list transactions of.

    Attributes:
        terminal_id: its number.
        transactions: that are listed.
        alerts: that list them.
        last_time: of the latest, ISO 8601 UTC; "" where none is listed.
        fields: of the version in force, as the event has it; empty where master data do not have the terminal.
        since_ms: from when on that version counts, UTC milliseconds; None likewise.
    """

    terminal_id: str
    transactions: int = 0
    alerts: int = 0
    last_time: str = ""
    fields: Mapping[str, Any] = MappingProxyType({})
    since_ms: int | None = None


class AlertLine(NamedTuple):
    """An alert in a list.

    Attributes:
        alert_id: its id.
        case_id: its case.
        detector: of which detector.
        severity: 0 to 1.
        currency: of its money.
        turnover_minor: None where none is known.
        loss_minor: None where none is known.
        first_time: first hit, ISO 8601 UTC.
        last_time: latest hit, likewise.
        verdict: on it; None for none.
        stands: `open`, `snoozed`, `suppressed`, `decided` or `withdrawn`.
    """

    alert_id: str
    case_id: int
    detector: str
    severity: float
    currency: str
    turnover_minor: int | None
    loss_minor: int | None
    first_time: str
    last_time: str
    verdict: str | None
    stands: str


class CaseLine(NamedTuple):
    """A case in a list."""

    case_id: int
    kind: str
    status: str
    severity: float
    alerts: int
    holder: str | None
    opened_ms: int
    updated_ms: int


class MerchantPage(NamedTuple):
    """A merchant.

    Attributes:
        merchant_id: its id.
        name: over the door; "" where no master data was filed.
        grade: A to E; "" where it has no score.
        score: 0 to 100; None likewise.
        in_force: by kind (`merchant`, `contract`, `assignment`), the version in force as of the date asked for.
        versions: of all kinds, the newest first.
        rep_id: whose it was then; None where nobody's.
        terminals: as they stood then, those that alerts list by use, the latest first, then the others; at most 100.
        alerts: the latest first, at most 100.
        early_warnings: those of them that are undecided and of `EARLY`.
        cases: the newest first, at most 50; a cause's too, where one of the alerts is in it.
    """

    merchant_id: str
    name: str
    grade: str
    score: float | None
    in_force: dict[str, Version]
    versions: tuple[Version, ...]
    rep_id: str | None
    terminals: tuple[Terminal, ...]
    alerts: tuple[AlertLine, ...]
    early_warnings: tuple[AlertLine, ...]
    cases: tuple[CaseLine, ...]


def merchant(store: Store, actor: Actor, merchant_id: str, now_ms: int, *, as_of_ms: int | None = None) -> MerchantPage:
    """The page of a merchant.

    Args:
        store: the store.
        actor: who looks.
        merchant_id: which merchant.
        now_ms: UTC milliseconds.
        as_of_ms: the time whose profile is shown, now by default.

    Raises:
        NotFound: nothing is known of it, or the actor does not see it.
    """
    then = now_ms if as_of_ms is None else as_of_ms
    with store.reading() as connection:
        alerts_of = _alerts(connection, actor, merchant_id, now_ms)
        head = _head(connection, actor, merchant_id, now_ms)
        if head is None and not alerts_of:
            raise NotFound(f"there is no merchant {merchant_id}")
        versions = _versions(connection, merchant_id)
        early = (each for each in alerts_of if each.detector in EARLY and each.stands in {"open", "snoozed"})
        risk = head if sees_all(actor) else risk_for_rep(connection, [merchant_id])[merchant_id]
        return MerchantPage(
            merchant_id, head.name if head else "", risk.grade if risk else "", risk.score if risk else None,
            in_force(versions, then), versions, _rep(connection, merchant_id, then),
            _terminals(connection, merchant_id, alerts_of, then), alerts_of, tuple(early),
            _cases(connection, actor, merchant_id, now_ms),
        )  # fmt: skip


def _head(connection: Connection, actor: Actor, merchant_id: str, now_ms: int) -> Any:
    table = merchants.c
    seen = sees_merchant(actor, table.merchant_id, now_ms)
    statement = select(table.name, table.grade, table.score).where(table.merchant_id == merchant_id, seen)
    return connection.execute(statement).first()


def _versions(connection: Connection, merchant_id: str) -> tuple[Version, ...]:
    table = merchant_profiles.c
    statement = select(table.kind, table.effective_from_ms, table.body).where(table.merchant_id == merchant_id)
    found = connection.execute(statement.order_by(table.effective_from_ms.desc(), table.kind))
    return tuple(Version(each.kind, each.effective_from_ms, msgspec.json.decode(each.body)) for each in found)


def in_force(versions: Sequence[Version], then_ms: int) -> dict[str, Version]:
    """By kind, the latest that had begun and, of an assignment, had not ended."""
    found: dict[str, Version] = {}
    for each in versions:
        if each.effective_from_ms <= then_ms:
            found.setdefault(each.kind, each)
    assigned = found.get("assignment")
    if assigned is not None and assigned.fields.get("until") is not None and assigned.fields["until"] <= then_ms:
        del found["assignment"]
    return found


def _rep(connection: Connection, merchant_id: str, then_ms: int) -> str | None:
    table = merchant_reps.c
    lasts = or_(table.until_ms.is_(None), table.until_ms > then_ms)
    statement = select(table.rep_id).where(table.merchant_id == merchant_id, table.from_ms <= then_ms, lasts)
    return connection.execute(statement).scalar()


def _alerts(connection: Connection, actor: Actor, merchant_id: str, now_ms: int) -> tuple[AlertLine, ...]:
    table = alerts.c
    columns = (
        table.alert_id, table.case_id, table.detector, table.severity, table.currency, table.turnover_minor,
        table.loss_minor, table.first_time, table.last_time, table.verdict, standing(now_ms),
    )  # fmt: skip
    statement = (
        select(*columns)
        .join(cases, cases.c.case_id == table.case_id)
        .where(
            table.merchant_id == merchant_id, sees_merchant(actor, table.merchant_id, now_ms), sees(actor, now_ms)
        )
        .order_by(table.last_time.desc(), table.alert_id)
        .limit(MOST_ALERTS)
    )  # fmt: skip
    return tuple(AlertLine(*each) for each in connection.execute(statement))


def _terminals(
    connection: Connection, merchant_id: str, listed: tuple[AlertLine, ...], then_ms: int
) -> tuple[Terminal, ...]:  # fmt: skip
    known = _registered(connection, merchant_id, then_ms)
    seen = [each._replace(**known.pop(each.terminal_id, {})) for each in _seen(connection, listed)]
    return (*seen, *(Terminal(number, **version) for number, version in known.items()))[:MOST_TERMINALS]


def _registered(connection: Connection, merchant_id: str, then_ms: int) -> dict[str, dict[str, Any]]:
    """By terminal, the version of the master data in force."""
    table = merchant_terminals.c
    statement = select(merchant_terminals).where(table.merchant_id == merchant_id, table.effective_from_ms <= then_ms)
    return {
        each.terminal_id: {"fields": msgspec.json.decode(each.body), "since_ms": each.effective_from_ms}
        for each in connection.execute(statement.order_by(table.terminal_id, table.effective_from_ms))
    }


def _seen(connection: Connection, listed: tuple[AlertLine, ...]) -> list[Terminal]:
    table = alert_transactions.c
    last = func.max(table.time)
    statement = (
        select(table.terminal_id, func.count(), func.count(table.alert_id.distinct()), last)
        .where(table.alert_id.in_([each.alert_id for each in listed]), table.terminal_id != "")
        .group_by(table.terminal_id)
        .order_by(last.desc(), table.terminal_id)
        .limit(MOST_TERMINALS)
    )
    return [Terminal(*each) for each in connection.execute(statement)]


def _cases(connection: Connection, actor: Actor, merchant_id: str, now_ms: int) -> tuple[CaseLine, ...]:
    table = cases.c
    holding = select(alerts.c.case_id).where(alerts.c.merchant_id == merchant_id)
    own = select(table.case_id).where(table.merchant_id == merchant_id, table.status != MERGED)
    statement = select(
        table.case_id, table.kind, table.status, table.severity, table.filed, table.holder, table.opened_ms,
        table.updated_ms,
    ).where(table.case_id.in_(holding.union(own)), table.status != MERGED, sees(actor, now_ms))  # fmt: skip
    found = connection.execute(statement.order_by(table.case_id.desc()).limit(MOST_CASES))
    return tuple(CaseLine(*each) for each in found)

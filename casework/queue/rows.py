"""Pages of the queue: a row for each case, with all that its line shows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import func, literal, select, tuple_

from casework.errors import Refused
from casework.people import sees, sees_all
from casework.persons import names_of_people
from casework.queue.filters import Filter, conditions
from casework.queue.order import Record, read_records
from casework.queue.similar import Similar, similar_to
from casework.rep_view import cases_for, risk_for_rep
from casework.schema import (
    SHOWN,
    actions,
    alert_revisions,
    alerts,
    cases,
    causes,
    decisions,
    flags,
    merchants,
    rechecks,
)
from casework.states import DECIDED, PROVISIONAL, WITHDRAWN
from domain.alerts import Alert, Evidence, Text
from domain.causes import Cause, Money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

_decode = msgspec.json.Decoder(Alert).decode
_decode_cause = msgspec.json.Decoder(Cause).decode
_LONG_EN, _LONG_ZH = 40, 24
"""Characters from which on a clause says enough by itself."""


FLAGS = ("aml", "provisional", "reopened", "flagged", "second", "recheck")
"""What stands beside a case: it is for `aml` alone; the log has not committed one of its alerts yet; one that was
closed or decided came back; somebody asks for a second pair of eyes; a decision or an action waits for a second
person; one of its decisions was drawn for a re-check that is not made."""


class Row(NamedTuple):
    """A case in the queue; "" or None where something is not known.

    Attributes:
        position: its place in the filter's order, from 1.
        case_id: its number.
        version: what whoever changes it must have seen.
        kind: `merchant` or `cause`.
        members: merchants of the cause; 1 of a merchant's case.
        merchant_id: whose case; None for a cause's.
        cause_id: of which cause; None for a merchant's.
        shop_name: of the merchant; of a cause what its members share, in both languages.
        city: of the merchant.
        rep_id: whose the merchant is.
        rep_name: the rep's name, where it is known.
        grade: A to E.
        score: 0 to 100.
        severity: of the severest undecided alert, 0 to 1.
        title: of that alert, the leading one; of a cause its own.
        why: its reason in one clause.
        lead_alert_id: that alert's.
        money: by currency and bearer, of the undecided alerts; what two alerts concern counts twice.
        peers: what the leading alert compares with other merchants; None where nothing.
        oldest_ms: the first hit, UTC milliseconds.
        opened_ms: when the case was opened.
        due_ms: until when it is to be worked.
        detectors: undecided alerts by detector.
        shares: by these detectors, confirmed in decided alerts within 90 days, 0 to 1.
        similar: past alerts like the leading one.
        holder: who holds it.
        snoozed_until_ms: until when it is put off.
        lane: `risk` or `duty`.
        flags: of `FLAGS`, in their order.
        holder_name: what the holder is called, where that is known.
    """

    position: int
    case_id: int
    version: int
    kind: str
    members: int
    merchant_id: str | None
    cause_id: str | None
    shop_name: str
    city: str
    rep_id: str
    rep_name: str
    grade: str
    score: float | None
    severity: float
    title: Text
    why: Text
    lead_alert_id: str
    money: tuple[Money, ...]
    peers: Evidence | None
    oldest_ms: int | None
    opened_ms: int
    due_ms: int | None
    detectors: dict[str, int]
    shares: dict[str, float | None]
    similar: Similar
    holder: str | None
    snoozed_until_ms: int | None
    lane: str
    flags: tuple[str, ...]
    holder_name: str


class Page(NamedTuple):
    """Rows of the queue, and the cursor of what follows them; "" at the end."""

    rows: tuple[Row, ...]
    after: str


def page(
    store: Store, actor: Actor, wanted: Filter, now_ms: int, *, most: int = 50, after: str = ""
) -> Page:  # fmt: skip
    """A page of the queue, in its order: by priority, of decided cases the newest first.

    Args:
        store: the store.
        actor: who looks.
        wanted: which cases.
        now_ms: UTC milliseconds.
        most: rows, 1 to 500.
        after: the cursor of the page before.

    Raises:
        Refused: the cursor is none.
    """
    place = _Place.parse(after, wanted)
    # Two steps, for an index has all that the first one looks at.
    statement = select(cases.c.case_id, cases.c.priority).where(*conditions(wanted, actor, now_ms))
    if place is not None:
        statement = statement.where(place.follows())
    with store.reading() as connection:
        found = connection.execute(_ordered(statement, wanted).limit(most + 1)).all()
        begins = 1 if place is None else place.position + 1
        rows = _rows(connection, actor, [each.case_id for each in found[:most]], begins, now_ms)
    rest = len(found) > most
    last = _Place(found[most - 1].priority, found[most - 1].case_id, begins + most - 1, wanted) if rest else None
    return Page(rows, "" if last is None else last.cursor)


def rows_of(store: Store, actor: Actor, case_ids: Sequence[int], now_ms: int) -> tuple[Row, ...]:
    """Rows of some cases, those that the actor sees, in the order given; their positions are 0."""
    seen = select(cases.c.case_id).where(cases.c.case_id.in_(case_ids), sees(actor, now_ms))
    with store.reading() as connection:
        found = {*connection.execute(seen).scalars()}
        listed = [each for each in case_ids if each in found]
        return tuple(each._replace(position=0) for each in _rows(connection, actor, listed, 1, now_ms))


class Sums(NamedTuple):
    """What a filter comes to.

    Attributes:
        cases: how many.
        alerts: undecided ones in them.
        money: by currency; nobody is told apart who bears it.
    """

    cases: int
    alerts: int
    money: tuple[Money, ...]


def count_and_money(store: Store, actor: Actor, wanted: Filter, now_ms: int) -> Sums:
    """How many cases a filter has, and their money, as whoever acts on all of them must know."""
    seen = conditions(wanted, actor, now_ms)
    sums = (func.count(), func.sum(cases.c.undecided), func.sum(cases.c.turnover_minor), func.sum(cases.c.loss_minor))
    with store.reading() as connection:
        statement = select(cases.c.currency, *sums).where(*seen).group_by(cases.c.currency)
        found = connection.execute(statement.order_by(cases.c.currency)).all()
        money = {each[0]: (each[3], each[4]) for each in found if each[0]}
        mixed = select(cases.c.case_id).where(*seen, cases.c.currency == "")
        by_currency = (
            select(alerts.c.currency, func.sum(alerts.c.turnover_minor), func.sum(alerts.c.loss_minor))
            .where(alerts.c.case_id.in_(mixed), alerts.c.verdict.is_(None), alerts.c.state != WITHDRAWN)
            .group_by(alerts.c.currency)
        )
        for currency, turnover, loss in connection.execute(by_currency):
            before = money.get(currency, (None, None))
            money[currency] = (_added(before[0], turnover), _added(before[1], loss))
    listed = tuple(
        Money(currency, None, _whole(turnover), _whole(loss))
        for currency, (turnover, loss) in sorted(money.items())
        if turnover is not None or loss is not None
    )
    return Sums(sum(each[1] for each in found), int(sum(each[2] or 0 for each in found)), listed)


def versions(store: Store, actor: Actor, wanted: Filter, now_ms: int) -> list[tuple[int, int]]:
    """Every case of a filter with its version, in the queue's order: what a bulk change starts from."""
    statement = _ordered(select(cases.c.case_id, cases.c.version).where(*conditions(wanted, actor, now_ms)), wanted)
    with store.reading() as connection:
        return [(each.case_id, each.version) for each in connection.execute(statement)]


class _Place(NamedTuple):
    """Where a page ended."""

    priority: float
    case_id: int
    position: int
    wanted: Filter

    @property
    def cursor(self) -> str:
        return f"{self.priority!r}:{self.case_id}:{self.position}"

    @classmethod
    def parse(cls, after: str, wanted: Filter) -> _Place | None:
        if not after:
            return None
        try:
            priority, case_id, position = after.split(":")
            return cls(float(priority), int(case_id), int(position), wanted)
        except ValueError as error:
            raise Refused(f"after must be the cursor of a page, got {after[:40]!r}") from error

    def follows(self) -> Any:
        if self.wanted.status == DECIDED:
            return cases.c.case_id < self.case_id
        return tuple_(cases.c.priority, cases.c.case_id) < tuple_(literal(self.priority), literal(self.case_id))


def _selected(connection: Connection, case_ids: Sequence[int]) -> list[Any]:
    """Cases with their merchant's score, in the order given."""
    joined = cases.outerjoin(merchants, merchants.c.merchant_id == cases.c.merchant_id)
    statement = select(cases, merchants.c.score).select_from(joined)
    found = {each.case_id: each for each in connection.execute(statement.where(cases.c.case_id.in_(case_ids)))}
    return [found[each] for each in case_ids]


def _ordered(statement: Any, wanted: Filter) -> Any:
    if wanted.status == DECIDED:
        return statement.order_by(cases.c.case_id.desc())
    return statement.order_by(cases.c.priority.desc(), cases.c.case_id.desc())


class _Known(NamedTuple):
    """What rows are made of besides `cases`: alerts and marks by case, and by alert, cause or detector what is told,
    and what people are called.
    """

    held: Mapping[int, list[Any]]
    told: Mapping[str, Alert]
    named: Mapping[str, Cause]
    records: Mapping[tuple[str, bool], Record]
    similar: Mapping[str, Similar]
    marked: Mapping[int, set[str]]
    people: Mapping[str, str]
    now_ms: int

    def lead(self, case_id: int) -> Alert | None:
        """The severest of a case's alerts."""
        listed = self.held.get(case_id)
        return self.told.get(max(listed, key=_leads).alert_id) if listed else None


def _rows(
    connection: Connection, actor: Actor, case_ids: Sequence[int], begins: int, now_ms: int
) -> tuple[Row, ...]:  # fmt: skip
    found, held = _selected(connection, case_ids), _alerts_of(connection, case_ids)
    leads = [max(listed, key=_leads) for listed in held.values()]
    known = _Known(
        held, _bodies(connection, leads),
        _causes(connection, [each.cause_id for each in found if each.cause_id is not None]),
        read_records(connection, now_ms) if sees_all(actor) else {}, similar_to(connection, actor, leads),
        _marked(connection, case_ids) if sees_all(actor) else {},
        names_of_people(connection, {who for each in found for who in (each.rep_id, each.holder) if who}, now_ms),
        now_ms,
    )  # fmt: skip
    rows = tuple(_row(each, place, known) for place, each in enumerate(found, begins))
    return rows if sees_all(actor) else _for_rep(connection, actor, found, rows)


def _for_rep(connection: Connection, actor: Actor, found: Sequence[Any], rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows with the risk and the deadlines that a rep is shown."""
    told = cases_for(connection, actor, found)
    risks = risk_for_rep(connection, {each.merchant_id for each in rows if each.merchant_id is not None})
    scores = {merchant_id: each.score for merchant_id, each in risks.items()}
    return tuple(
        row._replace(grade=each.grade, score=scores.get(row.merchant_id or ""), due_ms=each.due_ms)
        for row, each in zip(rows, told, strict=True)
    )


def _leads(alert: Any) -> tuple[float, str]:
    return alert.severity, alert.alert_id


def _row(case: Any, position: int, known: _Known) -> Row:
    held, lead, cause = known.held.get(case.case_id, []), known.lead(case.case_id), known.named.get(case.cause_id)
    told = cause or lead
    shop = lead.shop if lead is not None and case.merchant_id is not None else None
    detectors: dict[str, int] = msgspec.json.decode(case.detectors)
    records = {each: known.records.get((each, case.is_aml), Record()) for each in detectors}
    marks = known.marked.get(case.case_id, set()) | {
        name
        for name, is_so in (
            ("aml", case.is_aml), ("provisional", any(each.state == PROVISIONAL for each in held)),
            ("reopened", any(each.reopened > 0 and each.verdict is None for each in held)),
        ) if is_so
    }  # fmt: skip
    return Row(
        position=position, case_id=case.case_id, version=case.version, kind=case.kind,
        members=1 if cause is None else cause.count, merchant_id=case.merchant_id, cause_id=case.cause_id,
        shop_name=case.shop_name or (shop.name if shop else ""), city=case.city or (shop.city if shop else ""),
        rep_id=case.rep_id, rep_name=known.people.get(case.rep_id, ""), grade=case.grade, score=case.score,
        severity=case.severity, title=told.title if told else Text("", ""),
        why=in_short(told.reason) if told else Text("", ""), lead_alert_id=lead.alert_id if lead else "",
        money=money_of(held), peers=None if lead is None else against_peers(lead), oldest_ms=case.oldest_ms,
        opened_ms=case.opened_ms,
        due_ms=case.due_ms, detectors=detectors,
        shares={name: each.share for name, each in records.items()},
        similar=known.similar.get(lead.alert_id, Similar()) if lead else Similar(), holder=case.holder,
        snoozed_until_ms=case.snoozed_until_ms, lane=case.lane, flags=tuple(each for each in FLAGS if each in marks),
        holder_name=known.people.get(case.holder or "", ""),
    )  # fmt: skip


def _alerts_of(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[Any]]:
    """By case the alerts that it is described by: the undecided ones, and where there are none all that stand."""
    table = alerts.c
    columns = (
        table.case_id, table.alert_id, table.merchant_id, table.detector, table.severity, table.currency, table.bearer,
        table.turnover_minor, table.loss_minor, table.mcc, table.is_aml, table.verdict, table.state, table.reopened,
    )  # fmt: skip
    found: dict[int, list[Any]] = defaultdict(list)
    statement = select(*columns).where(table.case_id.in_(case_ids), table.state != WITHDRAWN)
    for each in connection.execute(statement.order_by(table.alert_id)):
        found[each.case_id].append(each)
    return {
        case_id: [each for each in listed if each.verdict is None] or listed for case_id, listed in found.items()
    }  # fmt: skip


def _marked(connection: Connection, case_ids: Sequence[int]) -> dict[int, set[str]]:
    """By case, what waits for another person."""
    found: dict[int, set[str]] = defaultdict(set)
    waits: dict[str, Any] = {
        "flagged": select(flags.c.case_id).where(flags.c.case_id.in_(case_ids), flags.c.lifted_ms.is_(None)),
        "second": select(decisions.c.case_id)
        .where(decisions.c.case_id.in_(case_ids), decisions.c.status == "proposed", decisions.c.undone_ms.is_(None))
        .union(select(actions.c.case_id).where(actions.c.case_id.in_(case_ids), actions.c.status == "recommended")),
        "recheck": select(rechecks.c.case_id).where(rechecks.c.case_id.in_(case_ids), rechecks.c.checked_ms.is_(None)),
    }
    for name, statement in waits.items():
        for case_id in connection.execute(statement).scalars():
            found[case_id].add(name)
    return found


def _bodies(connection: Connection, leads: Iterable[Any]) -> dict[str, Alert]:
    ids = [each.alert_id for each in leads]
    statement = select(alert_revisions.c.alert_id, alert_revisions.c.body).join(alerts, SHOWN)
    found = connection.execute(statement.where(alerts.c.alert_id.in_(ids)))
    return {each.alert_id: _decode(each.body) for each in found}


def _causes(connection: Connection, cause_ids: Sequence[str]) -> dict[str, Cause]:
    if not cause_ids:
        return {}
    found = connection.execute(select(causes.c.cause_id, causes.c.body).where(causes.c.cause_id.in_(cause_ids)))
    return {each.cause_id: _decode_cause(each.body) for each in found}


def money_of(held: Iterable[Any]) -> tuple[Money, ...]:
    """Money of rows of alerts by currency and bearer; without those of which neither turnover nor loss is known."""
    known = (each for each in held if each.turnover_minor is not None or each.loss_minor is not None)
    return added_up(Money(each.currency, each.bearer, each.turnover_minor, each.loss_minor) for each in known)


def added_up(money: Iterable[Money]) -> tuple[Money, ...]:
    """Money added up by currency and bearer; what one lacks is what the others have."""
    sums: dict[tuple[str, str], tuple[int | None, int | None]] = {}
    for each in money:
        turnover, loss = sums.get((each.currency, each.bearer or ""), (None, None))
        sums[each.currency, each.bearer or ""] = (_added(turnover, each.turnover), _added(loss, each.loss))
    return tuple(Money(currency, bearer or None, *both) for (currency, bearer), both in sorted(sums.items()))


def _added(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def against_peers(alert: Alert) -> Evidence | None:
    """What an alert's evidence compares with other merchants."""
    of_peers = (each for each in alert.evidence if each.feature.startswith(("peer", "habit_")))
    return next(of_peers, None)


def in_short(reason: Text) -> Text:
    """A reason's beginning: its first clause, with the next where the first alone says little.

    >>> in_short(Text("Registered 5722; 4 sales sent as 8211; loss ¥47", "登记MCC 5722；4笔按8211上送；少收¥47"))
    Text(en='Registered 5722; 4 sales sent as 8211', zh='登记MCC 5722；4笔按8211上送')
    """
    return Text(_clause(reason.en, "; ", _LONG_EN), _clause(reason.zh, "；", _LONG_ZH))


def _clause(text: str, separator: str, enough: int) -> str:
    first, *rest = text.split(separator)
    return f"{first}{separator}{rest[0]}" if rest and len(first) < enough else first

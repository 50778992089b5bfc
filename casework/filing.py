"""Filing what the log says in the store, inside a transaction: each alert once, whatever is written or read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import and_, bindparam, case, insert, or_, select, update

from casework import audit, bodies, deadlines, shops, summary, territory
from casework.chunks import chunks
from casework.many import execute_many
from casework.retention import note_late
from casework.schema import (
    alert_revisions,
    alert_transactions,
    alerts,
    cases,
    causes,
    merchant_days,
    merchant_profiles,
    merchant_scores,
    merchants,
)
from casework.states import CONFIRMED, MERCHANT, OPEN, PROVISIONAL, WITHDRAWN
from domain.alerts import Alert

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.store import Store
    from domain.alerts import Score
    from domain.causes import Cause
    from domain.readings import MerchantDays, Profile
    from streams.revisions import Revision

AGENT = "casework"
"""Who the filing agent is in the audit."""
WITHDRAW_AFTER_MS = 600_000
"""How long after it was filed a revision that the log aborted waits to be written again by the partition's next owner:
our own default, many times what a worker takes to recover."""
_VERSIONS = frozenset({"merchant", "contract", "assignment"})
_decode = msgspec.json.Decoder(Alert).decode


class Filed(NamedTuple):
    """What was filed.

    Attributes:
        alerts: that were new.
        revisions: of alerts, that were read.
        cases: that were opened.
        reopened: decided alerts that came back.
    """

    alerts: int = 0
    revisions: int = 0
    cases: int = 0
    reopened: int = 0

    def __add__(self, other: object) -> Filed:
        assert isinstance(other, Filed)
        return Filed(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class AlertFiling:
    """Files revisions of alerts in one transaction.

    Args:
        store: of the transaction.
        connection: the transaction.
        now_ms: when it is done, UTC milliseconds.
        committed: whether the log has committed what is filed.
    """

    def __init__(self, store: Store, connection: Connection, now_ms: int, *, committed: bool) -> None:
        self._store, self._connection, self._now_ms = store, connection, now_ms
        self._committed, self._state = committed, CONFIRMED if committed else PROVISIONAL
        self._known: dict[str, Any] = {}
        self._aml: set[str] = set()
        self._touched: dict[int, int] = {}
        self._mccs: dict[str, str] = {}

    def file(self, found: Sequence[Revision[Alert]]) -> Filed:
        """File them, and put each new alert into the open case of its merchant, or into a new one."""
        told = [each for each in found if each.value is not None]
        newest = self._newest(told)
        self._known = self._read(newest)
        self._aml = {each.alert_id for each in self._known.values() if each.is_aml}
        self._aml |= {each.value.alert_id for each in told if each.value and each.value.risk_code in bodies.AML}
        shown = {each.alert_id: each for each in newest.values() if self._counts(each)}
        unplaced = [each for each in shown.values() if self._wants_case(each)]
        places, opened = self._place(unplaced)
        new = [each for each in shown.values() if each.alert_id not in self._known]
        if new:
            self._mccs = self._registered(new)
            self._store.execute_many(self._connection, insert(alerts), [self._row(each, places) for each in new])
        reopened = self._change([each for each in shown.values() if each.alert_id in self._known], places)
        self._write_revisions(told)
        listed = [row for each in newest.values() for row in bodies.transaction_rows(each)]
        self._store.insert_missing(self._connection, alert_transactions, listed)
        note_late(self._connection, [each.last_time for each in newest.values()])
        summary.refresh(self._connection, self._touched, self._now_ms, steps=self._touched)
        left = {each.case_id for each in self._known.values()}  # where an alert goes to another case
        deadlines.refresh(self._connection, self._store.working_days, {*self._touched, *left})
        return Filed(len(new), len(told), opened, reopened)

    def _newest(self, told: Sequence[Revision[Alert]]) -> dict[str, Alert]:
        newest: dict[str, Alert] = {}
        for each in told:
            assert each.value is not None
            before = newest.get(each.value.alert_id)
            if before is None or (each.value.revision, each.value.epoch) >= (before.revision, before.epoch):
                newest[each.value.alert_id] = each.value
        return newest

    def _read(self, ids: Collection[str]) -> dict[str, Any]:
        columns = (
            alerts.c.alert_id, alerts.c.case_id, alerts.c.revision, alerts.c.epoch, alerts.c.state, alerts.c.is_aml,
            alerts.c.verdict, alerts.c.decided_reopened,
        )  # fmt: skip
        found: dict[str, Any] = {}
        for some in chunks(ids):
            rows = self._connection.execute(select(*columns).where(alerts.c.alert_id.in_(some)))
            found |= {each.alert_id: each for each in rows}
        return found

    def _counts(self, alert: Alert) -> bool:
        """Whether the alert's row is to show this revision."""
        before = self._known.get(alert.alert_id)
        if before is None:
            return True
        if before.state == WITHDRAWN:
            return self._committed or (alert.epoch, alert.revision) > (before.epoch, before.revision)
        if alert.revision != before.revision:
            return bool(alert.revision > before.revision)
        if self._committed:
            return bool(before.state == PROVISIONAL or alert.epoch > before.epoch)
        return bool(before.state == PROVISIONAL and alert.epoch > before.epoch)

    def _wants_case(self, alert: Alert) -> bool:
        """Whether it is new, or has become one that only `aml` may see."""
        before = self._known.get(alert.alert_id)
        return before is None or (alert.alert_id in self._aml and not before.is_aml)

    def _place(self, unplaced: Sequence[Alert]) -> tuple[dict[str, int], int]:
        """By alert, its case; and how many cases were opened."""
        wanted = {each.alert_id: (each.merchant_id, each.alert_id in self._aml) for each in unplaced}
        open_cases = self._open_cases({merchant_id for merchant_id, _ in wanted.values()})
        missing = [each for each in dict.fromkeys(wanted.values()) if each not in open_cases]
        if missing:
            rows = [new_case(MERCHANT, is_aml, AGENT, self._now_ms, merchant_id=each) for each, is_aml in missing]
            self._store.execute_many(self._connection, insert(cases), rows)
            open_cases |= self._open_cases({merchant_id for merchant_id, _ in missing})
        places = {alert_id: open_cases[key] for alert_id, key in wanted.items()}
        for case_id in places.values():
            self._touch(case_id)
        return places, len(missing)

    def _open_cases(self, merchant_ids: Collection[str]) -> dict[tuple[str, bool], int]:
        """By merchant and whether it is for `aml`, its oldest open case."""
        found: dict[tuple[str, bool], int] = {}
        for some in chunks(merchant_ids):
            statement = (
                select(cases.c.merchant_id, cases.c.is_aml, cases.c.case_id)
                .where(cases.c.merchant_id.in_(some), cases.c.status == OPEN, cases.c.kind == MERCHANT)
                .order_by(cases.c.case_id)
            )
            for each in self._connection.execute(statement):
                found.setdefault((each.merchant_id, each.is_aml), each.case_id)
        return found

    def _row(self, alert: Alert, places: Mapping[str, int]) -> dict[str, Any]:
        return bodies.alert_row(alert) | {
            "case_id": places[alert.alert_id], "state": self._state, "filed_ms": self._now_ms,
            "is_aml": alert.alert_id in self._aml, "mcc": self._mccs[alert.alert_id],
        }  # fmt: skip

    def _registered(self, new: Sequence[Alert]) -> dict[str, str]:
        """By alert, the merchant's MCC: as its transactions have it, else as the master data in force has."""
        found = {each.alert_id: bodies.registered_mcc(each) for each in new}
        wanted = {each.merchant_id for each in new if not found[each.alert_id]}
        known: dict[str, str] = {}
        for some in chunks(wanted):
            statement = select(merchants.c.merchant_id, merchants.c.mcc).where(merchants.c.merchant_id.in_(some))
            known |= {each.merchant_id: each.mcc for each in self._connection.execute(statement)}
        return {each.alert_id: found[each.alert_id] or known.get(each.merchant_id, "") for each in new}

    def _change(self, shown: Sequence[Alert], places: Mapping[str, int]) -> int:
        """Have rows that were there show these revisions; how many decided alerts came back."""
        rows, reopened = [], 0
        for each in shown:
            before = self._known[each.alert_id]
            again = before.verdict is not None and each.reopened > before.decided_reopened
            back = again or before.state == WITHDRAWN
            rows.append(
                {f"new_{name}": value for name, value in bodies.alert_row(each).items()}
                | {
                    "new_state": self._state, "new_is_aml": each.alert_id in self._aml,
                    "new_case_id": places.get(each.alert_id, before.case_id),
                    "new_verdict": None if again else before.verdict,
                }
            )  # fmt: skip
            reopened += again
            if back:
                self._reopen(each, before)
            if each.alert_id in places and places[each.alert_id] != before.case_id:
                self._touch(before.case_id)
            self._touch(places.get(each.alert_id, before.case_id), again=back)
        if rows:
            changed: dict[str, Any] = {
                name.removeprefix("new_"): bindparam(name) for name in rows[0] if name != "new_alert_id"
            }
            statement = update(alerts).where(alerts.c.alert_id == bindparam("new_alert_id"))
            execute_many(self._connection, statement.values(changed), rows)
        return reopened

    def _reopen(self, alert: Alert, before: Any) -> None:
        """Give the case back to those who work alerts."""
        since = case((cases.c.status == OPEN, cases.c.open_since_ms), else_=self._now_ms)
        values = {"status": OPEN, "snoozed_until_ms": None, "open_since_ms": since}
        self._connection.execute(update(cases).where(cases.c.case_id == before.case_id).values(values))
        audit.append(
            self._connection, time_ms=self._now_ms, actor=AGENT, kind="reopen", case_id=before.case_id,
            is_aml=before.is_aml, detail={"alert_id": alert.alert_id, "reopened": alert.reopened},
        )  # fmt: skip

    def _touch(self, case_id: int, *, again: bool = True) -> None:
        """Note a case whose alerts change; its version rises where alerts come, come back or go."""
        self._touched[case_id] = max(self._touched.get(case_id, 0), int(again))

    def _write_revisions(self, told: Sequence[Revision[Alert]]) -> None:
        made, old = self._store.insert(alert_revisions), alert_revisions.c
        newer = made.excluded.epoch > old.epoch
        replaces = or_(newer, old.state != CONFIRMED) if self._committed else and_(newer, old.state != CONFIRMED)
        names = ("epoch", "state", "partition", "offset", "appended_ms", "body")
        statement = made.on_conflict_do_update(
            index_elements=["alert_id", "revision"], set_={name: made.excluded[name] for name in names}, where=replaces
        )
        rows = [
            {
                "alert_id": each.value.alert_id, "revision": each.value.revision, "epoch": each.value.epoch,
                "state": self._state, "partition": each.partition, "offset": each.offset,
                "appended_ms": each.appended_ms, "filed_ms": self._now_ms, "body": bodies.text(each.value),
            }
            for each in told if each.value is not None
        ]  # fmt: skip
        if rows:
            self._store.execute_many(self._connection, statement, rows)


def new_case(
    kind: str, is_aml: bool, opened_by: str, now_ms: int, *, merchant_id: str | None = None,
    cause_id: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The row of a case without alerts yet."""
    return {
        "kind": kind, "merchant_id": merchant_id, "cause_id": cause_id, "is_aml": is_aml, "status": OPEN, "version": 0,
        "severity": 0.0, "opened_by": opened_by, "opened_ms": now_ms, "open_since_ms": now_ms, "updated_ms": now_ms,
        "due_rule": "",
    }  # fmt: skip


def withdraw(store: Store, connection: Connection, passed: Mapping[int, int], now_ms: int) -> list[str]:
    """Withdraw revisions that the log aborted and nobody wrote again; the alerts that none is left of are returned.

    Args:
        store: of the transaction.
        connection: of a transaction that writes.
        passed: by partition of `alerts`, the offset before which everything is committed or aborted.
        now_ms: UTC milliseconds.
    """
    table = alert_revisions.c
    statement = select(table.alert_id, table.revision, table.partition, table.offset).where(
        table.state == PROVISIONAL, table.filed_ms <= now_ms - WITHDRAW_AFTER_MS
    )
    stale = [each for each in connection.execute(statement).all() if each.offset < passed.get(each.partition, 0)]
    gone, concerned = [], set[int]()
    for each in stale:
        is_it = and_(table.alert_id == each.alert_id, table.revision == each.revision)
        later = select(table.revision).where(
            table.alert_id == each.alert_id, table.revision > each.revision, table.state == CONFIRMED
        )
        # Of a revision that a later, committed one has taken the place of, the log may have dropped the record.
        state = CONFIRMED if connection.execute(later.limit(1)).first() else WITHDRAWN
        connection.execute(update(alert_revisions).where(is_it).values(state=state))
    ids = [*dict.fromkeys(each.alert_id for each in stale)]
    for alert_id in ids:
        if _show_best(connection, alert_id):
            continue
        gone.append(alert_id)
        row = connection.execute(select(alerts.c.case_id, alerts.c.is_aml).where(alerts.c.alert_id == alert_id)).one()
        audit.append(
            connection, time_ms=now_ms, actor=AGENT, kind="withdraw", case_id=row.case_id, is_aml=row.is_aml,
            detail={"alert_id": alert_id},
        )  # fmt: skip
    for some in chunks(ids):
        of_them = select(alerts.c.case_id).where(alerts.c.alert_id.in_(some)).distinct()
        concerned.update(connection.execute(of_them).scalars())
    summary.refresh(connection, concerned, now_ms)
    deadlines.refresh(connection, store.working_days, concerned)
    return gone


def _show_best(connection: Connection, alert_id: str) -> bool:
    """Have an alert show its last revision that stands; whether there is one."""
    table = alert_revisions.c
    statement = select(table.state, table.body).where(table.alert_id == alert_id, table.state != WITHDRAWN)
    best = connection.execute(statement.order_by(table.revision.desc()).limit(1)).first()
    shown = {"state": WITHDRAWN}
    if best is not None:
        shown = bodies.alert_row(_decode(best.body)) | {"state": best.state}
    connection.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(shown))
    return best is not None


def file_scores(store: Store, connection: Connection, found: Sequence[Score], now_ms: int) -> None:
    """File merchants' risk, of each the newest, its history by day and grade, and what its grade wants by when."""
    newest: dict[str, Score] = {}
    for each in found:
        before = newest.get(each.merchant_id)
        if before is None or (each.revision, each.epoch) >= (before.revision, before.epoch):
            newest[each.merchant_id] = each
    known = _known_grades(connection, newest)
    rows, changed = [], set[str]()
    for merchant_id, each in newest.items():
        before_row = known.get(merchant_id)
        since = msgspec.json.decode(before_row.grades_since) if before_row else {}
        rows.append(
            bodies.score_row(each) | {"grades_since": bodies.text(deadlines.grades_since(since, each.grade, now_ms))}
        )
        if before_row is None or before_row.grade != each.grade:
            changed.add(merchant_id)
    newer = ("score_revision", "score_epoch")
    store.upsert(connection, merchants, rows, newer=newer)
    store.upsert(connection, merchant_scores, [bodies.history_row(each) for each in found], newer=newer)
    _show_grades(connection, newest)
    deadlines.refresh_merchants(connection, store.working_days, changed)


def _show_grades(connection: Connection, merchant_ids: Collection[str]) -> None:
    """Have open cases show their merchants' grades."""
    if not merchant_ids:
        return
    shown = select(merchants.c.grade).where(merchants.c.merchant_id == bindparam("of")).scalar_subquery()
    of_it = and_(cases.c.merchant_id == bindparam("of"), cases.c.status == OPEN)
    connection.execute(update(cases).where(of_it).values(grade=shown), [{"of": each} for each in merchant_ids])


def _known_grades(connection: Connection, merchant_ids: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for some in chunks(merchant_ids):
        columns = (merchants.c.merchant_id, merchants.c.grade, merchants.c.grades_since)
        rows = connection.execute(select(*columns).where(merchants.c.merchant_id.in_(some)))
        found |= {each.merchant_id: each for each in rows}
    return found


def file_profiles(store: Store, connection: Connection, found: Sequence[Profile], now_ms: int) -> None:
    """File versions of master data, contracts and assignments; records of other kinds are passed over."""
    versions = [each for each in found if each.kind in _VERSIONS]
    store.upsert(connection, merchant_profiles, [bodies.profile_row(each) for each in versions], newer=("epoch",))
    if versions:
        territory.note_change(store, connection)
    shops.refresh(store, connection, {each.merchant_id for each in versions}, now_ms)


def file_days(store: Store, connection: Connection, found: Sequence[MerchantDays]) -> None:
    """File closed days of merchants."""
    rows = [row for each in found for row in bodies.day_rows(each)]
    store.upsert(connection, merchant_days, rows, newer=("epoch",))


def note(connection: Connection, filed: Filed, now_ms: int) -> None:
    """Enter in the audit what a transaction has filed."""
    if filed.alerts or filed.cases or filed.reopened:
        audit.append(connection, time_ms=now_ms, actor=AGENT, kind="file", detail=filed._asdict())


def has_provisional(connection: Connection) -> bool:
    """Whether any revision waits for the log to commit it."""
    statement = select(alert_revisions.c.alert_id).where(alert_revisions.c.state == PROVISIONAL)
    return connection.execute(statement.limit(1)).first() is not None


def file_causes(store: Store, connection: Connection, found: Sequence[tuple[str, Cause | None]]) -> None:
    """File causes, by id; of one that is None the log has taken it back."""
    for cause_id, each in found:
        if each is not None:
            row = bodies.cause_row(each)
            store.upsert(connection, causes, [row], newer=("revision", "epoch"))
        else:
            connection.execute(update(causes).where(causes.c.cause_id == cause_id).values(withdrawn=True))

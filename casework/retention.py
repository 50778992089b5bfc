"""What is dropped by age: days, scores of days, and transactions, some at a time, each with its entry in the audit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, func, literal, select, tuple_, update

from casework import audit
from casework.bodies import text
from casework.schema import alert_revisions, alert_transactions, alerts, facts, merchant_days, merchant_scores
from domain.alerts import Alert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

    from casework.store import Store

DAYS_KEPT = 400
"""Of merchants' days and scores, and by default of transactions: thirteen months, so that a season has its like."""
_AGENT = "casework"
_ALERTS_AT_A_TIME, _ROWS_AT_A_TIME = 200, 5_000
_DROPPED_UP_TO = "transactions_dropped_up_to"
_decode = msgspec.json.Decoder(Alert).decode


class Dropped(NamedTuple):
    """What was dropped: rows of merchants' days, of their scores, and of transactions."""

    days: int = 0
    scores: int = 0
    transactions: int = 0


def drop_old(store: Store, last_day: str, transactions_days: int, now_ms: int) -> Dropped:
    """Drop what is older than it is kept; killed anywhere, the next call goes on.

    Args:
        store: the store.
        last_day: the last local day that was filed, ISO 8601: ages are counted back from it.
        transactions_days: days that transactions of an alert are kept after its last hit.
        now_ms: UTC milliseconds.
    """
    before = (date.fromisoformat(last_day) - timedelta(days=DAYS_KEPT)).isoformat()
    transactions_before = (date.fromisoformat(last_day) - timedelta(days=transactions_days)).isoformat()
    days, scores = (_drop_days(store, table, before) for table in (merchant_days, merchant_scores))
    transactions = _drop_transactions(store, transactions_before)
    dropped = Dropped(days, scores, transactions)
    if any(dropped):
        detail = {**dropped._asdict(), "days_before": before, "transactions_before": transactions_before}
        with store.writing() as connection:
            audit.append(connection, time_ms=now_ms, actor=_AGENT, kind="drop", detail=detail)
    return dropped


def note_late(connection: Connection, last_times: Sequence[str]) -> None:
    """Have alerts that are filed later than others of their age come up for dropping: by the time of their last hit."""
    if last_times:
        fact, earliest = facts.c, min(last_times)
        is_later = (fact.name == _DROPPED_UP_TO) & (fact.value >= earliest)
        connection.execute(update(facts).where(is_later).values(value=earliest))


def _drop_days(store: Store, table: Table, before: str) -> int:
    """Drop rows of days before one, so many at a time; how many there were."""
    dropped = 0
    while True:
        with store.writing() as connection:
            day = connection.execute(select(func.min(table.c.day))).scalar()
            if day is None or day >= before:
                return dropped
            some = select(table.c.merchant_id).where(table.c.day == day).limit(_ROWS_AT_A_TIME)
            of_it = (table.c.day == day) & table.c.merchant_id.in_(some)
            dropped += connection.execute(delete(table).where(of_it)).rowcount


def _drop_transactions(store: Store, before: str) -> int:
    """Drop what alerts list whose last hit was before a day, from their revisions too; how many rows there were."""
    dropped = 0
    while True:
        with store.writing() as connection:
            begins = connection.execute(select(facts.c.value).where(facts.c.name == _DROPPED_UP_TO)).scalar() or ""
            time, _, alert_id = begins.partition("|")
            place = tuple_(alerts.c.last_time, alerts.c.alert_id)
            found = connection.execute(
                select(alerts.c.last_time, alerts.c.alert_id)
                .where(
                    alerts.c.last_time < before,
                    alerts.c.last_time >= time,
                    place > tuple_(literal(time), literal(alert_id)),
                )
                .order_by(alerts.c.last_time, alerts.c.alert_id)
                .limit(_ALERTS_AT_A_TIME)
            ).all()
            if not found:
                return dropped
            ids = [each.alert_id for each in found]
            listing = alert_transactions.c.alert_id.in_(ids)
            dropped += connection.execute(delete(alert_transactions).where(listing)).rowcount
            _strip(connection, ids)
            last = f"{found[-1].last_time}|{found[-1].alert_id}"
            store.upsert(connection, facts, [{"name": _DROPPED_UP_TO, "value": last}])


def _strip(connection: Connection, alert_ids: Sequence[str]) -> None:
    """Take the transactions out of the revisions of alerts."""
    table = alert_revisions.c
    found = connection.execute(select(table.alert_id, table.revision, table.body).where(table.alert_id.in_(alert_ids)))
    rows = [
        {
            "of": each.alert_id, "number": each.revision,
            "stripped": text(msgspec.structs.replace(_decode(each.body), transactions=())),
        }
        for each in found
    ]  # fmt: skip
    is_it = (table.alert_id == bindparam("of")) & (table.revision == bindparam("number"))
    connection.execute(update(alert_revisions).where(is_it).values(body=bindparam("stripped")), rows)

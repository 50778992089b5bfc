"""The outbox: records for the log, kept in the transaction of what they are about, and appended when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
from sqlalchemy import func, insert, select, update

from casework import audit
from casework.bodies import text
from casework.filing import AGENT
from casework.schema import outbox
from streams.master_data import Reason, append, prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from casework.store import Store
    from streams.log import Log
    from streams.master_data import Ready

PENDING, SENT, CANCELLED, REFUSED, KEPT = "pending", "sent", "cancelled", "refused", "kept"
"""What became of a record: it waits; the log has it; it was taken back; intake refuses it; it stays in casework as long
as nobody lets us write events."""
WRITER = "casework"
ASKED_AGAIN_MS = 60_000
"""How often it is asked whether events can be written now: our own default."""
_AT_A_TIME = 500


def post(
    connection: Connection, events: Sequence[dict[str, Any]], not_before_ms: int, *, decision_id: int | None = None,
    draft_id: int | None = None,
) -> None:  # fmt: skip
    """Put events into the outbox, each with an `outbox_id` of its own.

    Args:
        connection: of the transaction of what they are about.
        events: as `docs/events.md` has them, of any kind.
        not_before_ms: when they are due, UTC milliseconds.
        decision_id: the decision that they are of; None for none.
        draft_id: the draft that they are of; None for none.
    """
    rows = []
    for each in events:
        outbox_id = str(uuid4())
        rows.append(
            {
                "outbox_id": outbox_id, "decision_id": decision_id, "draft_id": draft_id, "topic": "events",
                "status": PENDING, "not_before_ms": not_before_ms, "body": text({**each, "outbox_id": outbox_id}),
                "refusal": "",
            }
        )  # fmt: skip
    connection.execute(insert(outbox), rows)


def verdicts_reach_log(log: Log) -> bool:
    """Whether we may write events to the log, so that verdicts move scores.

    Where events are read from an acquirer's own topic that we may only read, verdicts stay in casework.
    """
    return log.can_append(log.topics.events.name)


class Delivery:
    """Sends what is due in the outbox.

    Args:
        store: has the outbox.
        log: gets the records.
    """

    def __init__(self, store: Store, log: Log) -> None:
        self._store, self._log = store, log
        self._ask_after_ms, self._reaches = 0, True

    def deliver(self, now_ms: int) -> int:
        """Append what is due to the log; how much was sent.

        Each is delivered at least once: what was appended and could not be marked is appended again, with the same
        `outbox_id` and the same content, which changes nothing in the monitor. What is due while events cannot be
        written is `KEPT`, and due again once they can.
        """
        if not _due(self._store, now_ms):
            return 0
        if now_ms >= self._ask_after_ms:
            self._reaches, self._ask_after_ms = verdicts_reach_log(self._log), now_ms + ASKED_AGAIN_MS
        if not self._reaches:
            self._keep(now_ms)
            return 0
        sent = 0
        while rows := _due(self._store, now_ms):
            ready = prepared(self._log, [msgspec.json.decode(each.body) for each in rows], WRITER)
            append(self._log, [each for each in ready if not isinstance(each, Reason)], WRITER)
            sent += self._mark(rows, ready, now_ms)
        return sent

    def _keep(self, now_ms: int) -> None:
        due = (outbox.c.status == PENDING) & (outbox.c.not_before_ms <= now_ms)
        with self._store.writing() as connection:
            connection.execute(update(outbox).where(due).values(status=KEPT))

    def _mark(self, rows: Sequence[Any], ready: Sequence[Ready | Reason], now_ms: int) -> int:
        with self._store.writing() as connection:
            for row, made in zip(rows, ready, strict=True):
                values: dict[str, Any] = {"status": SENT, "sent_ms": now_ms}
                if isinstance(made, Reason):
                    values |= {"status": REFUSED, "refusal": made.message}
                    audit.append(
                        connection, time_ms=now_ms, actor=AGENT, kind="refused", is_aml=True,
                        detail={"outbox_id": row.outbox_id, "message": made.message},
                    )  # fmt: skip
                connection.execute(update(outbox).where(outbox.c.outbox_id == row.outbox_id).values(values))
        return sum(not isinstance(each, Reason) for each in ready)


def kept(store: Store) -> int:
    """How many records stay in casework because events cannot be written."""
    with store.reading() as connection:
        waits = select(func.count()).select_from(outbox).where(outbox.c.status == KEPT)
        return int(connection.execute(waits).scalar_one())


def _due(store: Store, now_ms: int) -> Sequence[Any]:
    statement = select(outbox.c.outbox_id, outbox.c.body).where(
        outbox.c.status.in_((PENDING, KEPT)), outbox.c.not_before_ms <= now_ms
    )
    with store.reading() as connection:
        found = connection.execute(statement.order_by(outbox.c.not_before_ms, outbox.c.outbox_id).limit(_AT_A_TIME))
        return found.all()

"""Verdicts that a log has of a store and the store has no more, because it was restored from a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from casework.schema import outbox
from streams.mentions import mentioning

if TYPE_CHECKING:
    from casework.store import Store
    from streams.log import Log

_MARK = b'"outbox_id"'


class Lost(msgspec.Struct, frozen=True):
    """A verdict, as it was sent to `events`.

    Attributes:
        merchant_id: whose alert it is on.
        alert_id: the alert.
        verdict: of `domain.events.VERDICTS`.
        reason_code: of the analysts' own list.
        by: who gave it.
        event_time: when, ISO 8601 UTC.
        outbox_id: by which the store had sent it.
    """

    merchant_id: str
    alert_id: str
    verdict: str
    reason_code: str
    by: str
    event_time: str
    outbox_id: str


class _Event(msgspec.Struct):
    type: str = "transaction"
    merchant_id: str = ""
    alert_id: str = ""
    verdict: str = ""
    reason_code: str = ""
    by: str = ""
    event_time: str = ""
    outbox_id: str = ""


def lost_verdicts(store: Store, log: Log) -> list[Lost]:
    """Verdicts in the log's events whose `outbox_id` the store does not know, the oldest first, each once.

    Verdicts that other programs have put into `events` with an `outbox_id` of their own are among them.
    """
    with store.reading() as connection:
        known = {*connection.execute(select(outbox.c.outbox_id)).scalars()}
    topic, found = log.topics.events.name, dict[str, Lost]()
    decode = msgspec.json.Decoder(_Event).decode
    for partition in range(log.partitions(topic)):
        for raw in mentioning(log, topic, partition, _MARK):
            try:
                event = decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):  # a dead letter of the monitor's
                continue
            if event.type == "verdict" and event.outbox_id and event.outbox_id not in known:
                found[event.outbox_id] = Lost(
                    event.merchant_id, event.alert_id, event.verdict, event.reason_code, event.by, event.event_time,
                    event.outbox_id,
                )  # fmt: skip
    return sorted(found.values(), key=lambda each: (each.event_time, each.outbox_id))

"""How far filing has come, and how alerts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from casework.schema import alerts, audit_head, cases, positions
from casework.states import PROVISIONAL, WITHDRAWN

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from casework.store import Store
    from streams.log import Log


class Read(msgspec.Struct, frozen=True):
    """How far a topic was filed.

    Attributes:
        topic: its name.
        filed: records, all partitions together, that were read: the sum of offsets.
        end: records that the log has committed, likewise.
    """

    topic: str
    filed: int
    end: int

    @property
    def behind(self) -> int:
        """Records, and on Kafka marks of transactions, that are not filed yet."""
        return max(0, self.end - self.filed)


class Status(msgspec.Struct, frozen=True):
    """How far filing has come.

    Attributes:
        version: of the tables.
        filed: alerts that stand.
        provisional: of them, those shown by a revision that the log has not committed yet.
        withdrawn: alerts that the log aborted and nobody wrote again; they are no part of `filed`.
        cases: by status.
        audit_entries: in the audit.
        topics: how far each was read.
    """

    version: str
    filed: int
    provisional: int
    withdrawn: int
    cases: dict[str, int]
    audit_entries: int
    topics: tuple[Read, ...]


def status(store: Store, log: Log) -> Status:
    """How far filing has come, without any figure that only `aml` may see."""
    version = store.version() or ""
    with store.reading() as connection:
        found = connection.execute(
            select(alerts.c.state, func.count().label("count")).where(~alerts.c.is_aml).group_by(alerts.c.state)
        )
        by_state = {each.state: each[1] for each in found}
        by_status = connection.execute(
            select(cases.c.status, func.count().label("count"))
            .where(~cases.c.is_aml)
            .group_by(cases.c.status)
            .order_by(cases.c.status)
        )
        return Status(
            version, sum(by_state.values()) - by_state.get(WITHDRAWN, 0), by_state.get(PROVISIONAL, 0),
            by_state.get(WITHDRAWN, 0), {each.status: each[1] for each in by_status},
            connection.execute(select(audit_head.c.entry_id)).scalar_one(), topics_of(connection, log),
        )  # fmt: skip


def topics_of(connection: Connection, log: Log) -> tuple[Read, ...]:
    """How far each topic was filed."""
    rows = connection.execute(select(positions).order_by(positions.c.topic, positions.c.partition)).all()
    found: dict[str, list[int]] = {}
    for each in rows:
        filed, end = found.setdefault(each.topic, [0, 0])
        found[each.topic] = [filed + each.next_offset, end + log.end_offset(each.topic, each.partition, committed=True)]
    return tuple(Read(topic, filed, end) for topic, (filed, end) in found.items())

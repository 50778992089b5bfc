"""Whether store and log belong together: backups of the two are seldom of one moment.

A store that is older than its log is no fault: the agent files what is missing. A store that is newer would leave out
what the log writes anew where it has been already; and one of another log would take that log's offsets for its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from casework import audit
from casework.errors import UnfitStore
from casework.filing import AGENT
from casework.schema import facts, positions

if TYPE_CHECKING:
    from casework.store import Store
    from streams.log import Log

LOG = "log"
"""The fact that says which log the store was filed from."""
_CURE = (
    "if log or store was restored from a backup, put back the one that belongs to the other, or have everything filed"
    " again with `tillwatch casework refile`"
)


def check_fit(store: Store, log: Log) -> None:
    """Refuse a log that the store was not filed from, or that is older than the store.

    Raises:
        UnfitStore: so it is; the message says what to do.
    """
    with store.reading() as connection:
        found = connection.execute(select(facts.c.value).where(facts.c.name == LOG)).scalar()
        places = connection.execute(select(positions).order_by(positions.c.topic, positions.c.partition)).all()
    if found not in {None, log.identity}:
        raise UnfitStore(f"casework store: the log must be {found}, of which it was filed, got {log.identity}: {_CURE}")
    for each in places:
        end = log.end_offset(each.topic, each.partition, committed=False)
        if each.next_offset > end:
            raise UnfitStore(
                f"casework store: {each.topic}, partition {each.partition}, must be filed up to {end} at most, where"
                f" the log ends, got {each.next_offset}: the log is older than the store; {_CURE}"
            )


def refile(store: Store, log: Log, now_ms: int) -> None:
    """Have the agent read a log from its beginning, and take it for the one that the store is filed from.

    What the store has stays, decisions and audit too. What the log has already been filed of is filed again and changes
    nothing; where both have a revision of an alert, that of the later owner counts. No agent may work meanwhile.
    """
    with store.writing() as connection:
        store.upsert(connection, facts, [{"name": LOG, "value": log.identity}])
        connection.execute(update(positions).values(next_offset=0))
        audit.append(connection, time_ms=now_ms, actor=AGENT, kind="refile", detail={"log": log.identity})

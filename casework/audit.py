"""The audit: every change as an entry whose hash covers the entry before, so that none can be changed or left out.

What cannot be seen in the chain itself is that its end was cut off and the head set back. Whoever wants to rule that
out notes the head elsewhere (`tillwatch casework audit verify` prints it) and gives it to a later `verify`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import insert, select, update

from casework.errors import Tampered
from casework.schema import audit, audit_head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

_AT_A_TIME = 1_000


class Head(NamedTuple):
    """The end of the chain.

    Attributes:
        entries: how many there are.
        hash: of the last, in hexadecimal; "" where there is none.
    """

    entries: int
    hash: str


def append(
    connection: Connection, *, time_ms: int, actor: str, kind: str, case_id: int | None = None, is_aml: bool = False,
    detail: Mapping[str, Any],
) -> int:  # fmt: skip
    """Append an entry, in the transaction of what it is about, and return its number.

    Entries are appended one after the other: a transaction that has appended keeps others waiting until it ends.

    Args:
        connection: of the transaction.
        time_ms: when it was done, UTC milliseconds.
        actor: who did it: a user, or `casework` for the agent.
        kind: what was done, such as `decide`.
        case_id: the case that it was done to.
        is_aml: whether only `aml` may read of it.
        detail: the rest; JSON.
    """
    raised = update(audit_head).where(audit_head.c.one == 1).values(entry_id=audit_head.c.entry_id + 1)
    entry_id, previous = connection.execute(raised.returning(audit_head.c.entry_id, audit_head.c.hash)).one()
    text = msgspec.json.encode(detail, order="sorted").decode()
    found = _hash(previous, entry_id, time_ms, actor, kind, case_id, is_aml, text)
    connection.execute(insert(audit), {
        "entry_id": entry_id, "time_ms": time_ms, "actor": actor, "kind": kind, "case_id": case_id, "is_aml": is_aml,
        "detail": text, "previous_hash": previous, "hash": found,
    })  # fmt: skip
    connection.execute(update(audit_head).where(audit_head.c.one == 1).values(hash=found))
    return int(entry_id)


def verify(connection: Connection, noted: str = "") -> Head:
    """Compute the chain again from its first entry.

    Args:
        connection: of a transaction.
        noted: a head's hash of before, that must be in the chain; "" for none.

    Raises:
        Tampered: an entry was changed, left out or put in, or the end was cut off; the message says where.
    """
    previous, count, seen = "", 0, not noted
    statement = select(audit).order_by(audit.c.entry_id).execution_options(yield_per=_AT_A_TIME)
    with connection.execute(statement) as found:
        for row in found:
            count += 1
            if row.entry_id != count:
                raise Tampered(f"audit: entry {count} must follow {count - 1}, got entry {row.entry_id}")
            entry = (row.entry_id, row.time_ms, row.actor, row.kind, row.case_id, row.is_aml, row.detail)
            if row.previous_hash != previous or row.hash != _hash(previous, *entry):
                raise Tampered(f"audit: the hash of entry {count} does not fit what it says")
            previous = row.hash
            seen = seen or previous == noted
    head = connection.execute(select(audit_head)).one()
    if (head.entry_id, head.hash) != (count, previous):
        raise Tampered(f"audit: the last entry must be {head.entry_id}, got {count}")
    if not seen:
        raise Tampered(f"audit: no entry has the noted hash {noted}")
    return Head(count, previous)


def _hash(previous: str, *entry: Any) -> str:
    return sha256(msgspec.json.encode((previous, *entry))).hexdigest()

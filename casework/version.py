"""Whether a store has changed, told by little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from casework.schema import audit_head, positions

if TYPE_CHECKING:
    from casework.store import Store


def state_of(store: Store) -> str:
    """A text that is another one after every change by people or by the filing agent.

    People's changes append to the audit, and the agent moves positions, or files beyond them what is provisional.
    """
    with store.reading() as connection:
        entry = connection.execute(select(audit_head.c.entry_id)).scalar()
        read = connection.execute(select(func.sum(positions.c.next_offset))).scalar()
        return f"{entry or 0}-{read or 0}"

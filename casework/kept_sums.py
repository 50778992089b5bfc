"""Sums that stand in a table of their own, and change by as much as what they sum up."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Table

    from casework.store import Store

Sums = dict[tuple[str, ...], list[int]]
"""Figures by key, both in the order of the table's columns."""


@contextmanager
def kept(store: Store, connection: Connection, table: Table, sums: Callable[[], Sums]) -> Iterator[None]:
    """Keep a table's sums while what they sum up changes inside the block.

    Args:
        store: of the transaction.
        connection: a transaction that writes.
        table: of the sums, whose primary key is their key.
        sums: sums up, as it is now, whatever the block may change.
    """
    before = sums()
    yield
    after = sums()
    nothing = [0] * (len(table.c) - len(table.primary_key))
    changes = {
        key: [one - other for one, other in zip(after.get(key, nothing), before.get(key, nothing), strict=True)]
        for key in {**after, **before}
    }
    add(store, connection, table, {key: figures for key, figures in changes.items() if any(figures)})


def add(store: Store, connection: Connection, table: Table, changes: Sums) -> None:
    """Add to the sums that stand."""
    if not changes:
        return
    keys = [each.name for each in table.primary_key]
    figures = [each.name for each in table.c if not each.primary_key]
    rows = [dict(zip([*keys, *figures], [*key, *values], strict=True)) for key, values in changes.items()]
    made = store.insert(table)
    added = {each: table.c[each] + made.excluded[each] for each in figures}
    store.execute_many(connection, made.on_conflict_do_update(index_elements=keys, set_=added), rows)

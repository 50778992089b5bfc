"""What every file of SQLite needs: transactions, opening beside others, and which failures pass."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPENING_S = 0.01


def is_locked(error: sqlite3.OperationalError) -> bool:
    """Whether another process has the file locked."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def may_pass(error: sqlite3.OperationalError) -> bool:
    """Whether the same may succeed later: another process has the file locked, or the disk is full."""
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL}


def open_patiently(set_up: Callable[[], object], patience_s: float) -> None:
    """Do `set_up`, again and again while the file is locked, for at most so long.

    A journal is not turned to WAL, nor a WAL recovered, with SQLite's own patience: it fails at once.
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            set_up()
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(_OPENING_S)
        else:
            return


@contextmanager
def immediate(db: sqlite3.Connection) -> Iterator[None]:
    """A write transaction: everything written inside is there at once or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite has rolled back by itself where the disk is full
            db.execute("ROLLBACK")
        raise

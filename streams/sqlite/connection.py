"""What every file of SQLite needs: a connection, transactions, opening beside others, and which failures pass.

What SQLite fails with leaves this module as `SqliteFailed`, however it was asked. Misuse of it is a bug of ours and
stays `sqlite3.ProgrammingError`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from streams.errors import LogFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

_OPENING_S = 0.01
_MODE = 0o660  # less what the process's mask takes: of the command line's, what the setting file_mode does not give
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SqliteFailed(LogFailed):
    """SQLite could not do what it was asked.

    Attributes:
        reason: in SQLite's words; the message names the file.
        code: SQLite's primary result code, 0 where the failure has none.
    """

    def __init__(self, error: sqlite3.Error, where: str = "") -> None:
        super().__init__(f"{where or 'database of the log or the state'}: {error}")
        self.reason = str(error)
        self.code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        self.may_pass = self.code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL}

    @property
    def is_locked(self) -> bool:
        """Whether another process has the file locked."""
        return self.code == sqlite3.SQLITE_BUSY

    @property
    def is_broken(self) -> bool:
        """Whether the file is not, or is no longer, a database."""
        return self.code in _BROKEN

    @property
    def is_strange(self) -> bool:
        """Whether the file is broken, or has not the tables that it should have."""
        return self.is_broken or self.code == sqlite3.SQLITE_ERROR


@contextmanager
def _translated(cursor: sqlite3.Cursor | None = None, where: str = "") -> Iterator[None]:
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        if cursor is not None:
            where = getattr(cursor.connection, "where", where)
            cursor.close()  # the traceback keeps it, and it would keep the file open
        raise SqliteFailed(error, where) from error


class _Cursor(sqlite3.Cursor):
    """Fails with `SqliteFailed`: a statement when it begins, or at any row of its result."""

    def execute(self, *args: Any) -> Self:
        with _translated(self):
            return super().execute(*args)

    def executemany(self, *args: Any) -> Self:
        with _translated(self):
            return super().executemany(*args)

    def executescript(self, *args: Any) -> Self:
        with _translated(self):
            super().executescript(*args)
            return self

    def fetchone(self) -> Any:
        with _translated(self):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _translated(self):
            return super().fetchall()

    def __next__(self) -> Any:
        with _translated(self):
            return super().__next__()


class Connection(sqlite3.Connection):
    """A connection that fails with `SqliteFailed`; made by `connect`.

    Attributes:
        where: the file, for messages.
    """

    where: str = ""

    def execute(self, *args: Any) -> _Cursor:
        """As `sqlite3.Connection.execute`."""
        return self.cursor(_Cursor).execute(*args)

    def executemany(self, *args: Any) -> _Cursor:
        """As `sqlite3.Connection.executemany`."""
        return self.cursor(_Cursor).executemany(*args)

    def executescript(self, *args: Any) -> _Cursor:
        """As `sqlite3.Connection.executescript`."""
        return self.cursor(_Cursor).executescript(*args)


def make_file(path: str | PathLike[str]) -> None:
    """Make a file that nobody but its owner and group can read, where there is none; its journals follow it.

    SQLite itself makes files that everybody can read. Where a file cannot be made, it says so when it connects. A file
    that is there is not opened: closing it again would drop the locks that this process holds on it.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _MODE))


def connect(path: str | PathLike[str], busy_timeout_s: float, *, uri: bool = False) -> Connection:
    """A connection that begins no transaction by itself; one thread at a time may use it.

    Args:
        path: the file, or its URI.
        busy_timeout_s: how long a statement waits for another process that writes.
        uri: whether `path` is a URI.
    """
    if not uri:
        make_file(path)
    where = str(path).partition("?")[0].removeprefix("file:") if uri else str(path)
    with _translated(where=where):
        made = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, uri=uri, factory=Connection
        )
    made.where = where
    return made


def open_patiently(set_up: Callable[[], object], patience_s: float) -> None:
    """Do `set_up`, again and again while the file is locked, for at most so long.

    A journal is not turned to WAL, nor a WAL recovered, with SQLite's own patience: it fails at once.
    """
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            set_up()
        except SqliteFailed as error:
            if not error.is_locked or time.monotonic() > give_up_at:
                raise
            time.sleep(_OPENING_S)
        else:
            return


@contextmanager
def immediate(db: Connection) -> Iterator[None]:
    """A write transaction: everything written inside is there at once or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite has rolled back by itself where the disk is full
            db.execute("ROLLBACK")
        raise

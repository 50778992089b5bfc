"""The store: a database of SQLite or PostgreSQL, opened, versioned, and changed in transactions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, func, inspect, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError

from casework.address import check_url
from casework.derived import rebuild_if_stale
from casework.errors import Refused, StoreFailed, UnfitStore
from casework.many import execute_many
from casework.working_days import WorkingDays
from streams.log import now_utc_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import URL, Connection, Engine, Insert, Table

BUSY_TIMEOUT_MS = 30_000
"""How long a transaction waits for another one on SQLite, which has one writer at a time."""
_READS = "reads"
_WRITERS = 0x7411_3A7C
"""The advisory lock of PostgreSQL that a writer holds; any number that nobody else uses."""
_MIGRATIONS = Path(__file__).with_name("migrations")


class Store:
    """A database of cases, used by any number of processes and threads at once.

    Args:
        url: as `casework.address.MUST_BE` says.
        password: of PostgreSQL's user; "" for none.
        working_days: by which deadlines go; those of China by default.

    Raises:
        ValueError: the URL is none.
    """

    def __init__(self, url: str, password: str = "", working_days: WorkingDays | None = None) -> None:
        check_url(url)
        self.working_days = working_days or WorkingDays()
        made = make_url(url)
        self.is_sqlite = made.drivername == "sqlite"
        if self.is_sqlite and made.database:
            Path(made.database).parent.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(made.set(password=password) if password else made)

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, there at once or not at all; no other one writes meanwhile.

        Each change goes into the audit, which is one chain; so writers wait for each other on PostgreSQL too, and
        none can block another for ever.

        Raises:
            StoreFailed: the database failed; nothing was changed.
        """
        with self._failing(), self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(_WRITERS)))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads, and sees one state of the store on SQLite.

        Raises:
            StoreFailed: the database failed.
        """
        with self._failing(), self._engine.connect().execution_options(**{_READS: True}) as connection:
            yield connection

    def copy_to(self, file: Path) -> None:
        """Copy a database of SQLite to a file, as it is at one moment, by its own backup; others may write meanwhile.

        Args:
            file: an empty file, or one that is not there.

        Raises:
            StoreFailed: the database or the file failed.
        """
        made = create_engine(f"sqlite:///{file}")
        raw: Any = self._engine.dialect.loaded_dbapi
        try:
            with self._failing(), self._engine.connect() as source, made.connect() as target:
                read, written = source.connection.driver_connection, target.connection.driver_connection
                assert read is not None
                read.backup(written)
        except raw.Error as error:
            raise StoreFailed(f"casework store: {error}") from error
        finally:
            made.dispose()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (DataError, OverflowError) as error:
            raise Refused("a number or a text must be one that the database can hold") from error
        except DBAPIError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise StoreFailed(f"casework store: {reason}") from error

    # -- versions

    def version(self) -> str | None:
        """The version of its tables, such as `001`; None where it has none yet."""
        with self.reading() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
            if found is None and {*inspect(connection).get_table_names()} - {"alembic_version"}:
                raise UnfitStore("casework store: the database must be empty or a store's, and has other tables")
            return found

    def migrate(self, to: str = "head", now_ms: Callable[[], int] = now_utc_ms) -> None:
        """Bring the tables to a version, forth or back, in one transaction.

        Columns that follow from others are computed anew where the version has new ones: some minutes of a million
        alerts.

        Args:
            to: a version, or `head` for the newest.
            now_ms: the clock, UTC milliseconds.

        Raises:
            StoreFailed: the database failed; the tables are as they were.
            UnfitStore: the version is later than this program, or is none.
        """
        found, known = self.version(), versions()
        target = known[-1] if to == "head" else to
        if target not in (*known, "base"):
            raise UnfitStore(f"version must be base or one of {', '.join(known)}, got {to!r}")
        if found is not None and found not in known:
            raise UnfitStore(f"casework store: version must be at most {known[-1]}, got {found}")
        config = _config()
        forth = target != "base" and (found is None or target >= found)
        with self.writing() as connection:
            config.attributes["connection"] = connection
            (command.upgrade if forth else command.downgrade)(config, target)
            if target == known[-1]:
                rebuild_if_stale(self, connection, now_ms())

    def check_version(self, *, make: bool = False) -> None:
        """Refuse tables of another version than this program's.

        Args:
            make: whether an empty database is made a store.

        Raises:
            UnfitStore: so it is; the message says what to do.
        """
        found, newest = self.version(), versions()[-1]
        if found is None and make:
            self.migrate()
        elif found != newest:
            got = "none" if found is None else found
            hint = "run `tillwatch casework migrate`" if found is None or found < newest else "use a later program"
            raise UnfitStore(f"casework store: version must be {newest}, got {got}: {hint}")

    # -- writing rows

    def upsert(
        self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, newer: Sequence[str] = ()
    ) -> None:  # fmt: skip
        """Insert rows, or write over what stands under their keys.

        Args:
            connection: of a transaction that writes.
            table: whose primary key tells rows apart.
            rows: with the same columns each.
            newer: columns of which a row's must not be less, in this order, for it to be written over another.
        """
        if not rows:
            return
        made = self.insert(table)
        keys = [each.name for each in table.primary_key]
        changed = {each: made.excluded[each] for each in rows[0] if each not in keys}
        where = _is_not_less(made.excluded, table.c, newer) if newer else None
        statement = made.on_conflict_do_update(index_elements=keys, set_=changed, where=where)
        self.execute_many(connection, statement, rows)

    def insert_missing(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows whose keys are not there yet; the others are passed over."""
        if rows:
            self.execute_many(connection, self.insert(table).on_conflict_do_nothing(), rows)

    def execute_many(self, connection: Connection, statement: Insert, rows: Sequence[dict[str, Any]]) -> None:
        """Execute an insert of many rows with the same columns, which have no types that need conversion."""
        execute_many(connection, statement, rows)

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An insert of the database's own, which may say what is done about keys that are there."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)


def _is_not_less(ours: Any, theirs: Any, names: Sequence[str]) -> Any:
    first, *rest = names
    if not rest:
        return ours[first] >= theirs[first]
    return (ours[first] > theirs[first]) | ((ours[first] == theirs[first]) & _is_not_less(ours, theirs, rest))


def _engine(url: URL) -> Engine:
    if url.drivername != "sqlite":
        url = url.set(drivername="postgresql+psycopg")
        return _prepared(create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10}))
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, and hold changes of tables too
        for each in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL", "cache_size = -65536"):
            connection.execute(f"PRAGMA {each}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # One that reads first and writes later could not go on after another's write; so a writer begins as one.
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _prepared(engine: Engine) -> Engine:
    """PostgreSQL's, without what pays only where a query takes seconds: compiling it, and starting processes for it."""

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.autocommit = True
        for each in ("jit = off", "max_parallel_workers_per_gather = 0"):
            connection.execute(f"SET {each}")
        connection.autocommit = False

    return engine


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def versions() -> list[str]:
    """Every version of the tables that this program has, the oldest first."""
    walked = ScriptDirectory.from_config(_config()).walk_revisions()
    return [each.revision for each in walked][::-1]

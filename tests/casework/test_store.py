"""The store's database: its versions, its transactions, its audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from casework import audit
from casework.agent import FilingAgent
from casework.errors import StoreFailed, Tampered, UnfitStore
from casework.schema import METADATA
from casework.store import Store, versions
from tests.casework.world import NOW_MS, alert, rows, write

if TYPE_CHECKING:
    from pathlib import Path

    from streams.sqlite.log import SqliteLog
    from tests.casework.conftest import Database


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_going_back_a_version_and_forth_again_keeps_what_was_filed(store: Store, log: SqliteLog) -> None:
    write(log, alert("a"), alert("b", "m2"))
    FilingAgent(store, log).file()
    kept = {name: rows(store, name) for name in ("alerts", "alert_revisions", "alert_transactions", "cases", "audit")}
    for version in [*versions()[::-1], *versions()]:
        store.migrate(version)
        assert store.version() == version
    assert {name: rows(store, name) for name in kept} == kept


def test_an_empty_database_is_made_a_store_only_where_that_is_wanted(database: Database) -> None:
    with database.open(make=False) as store:
        with pytest.raises(UnfitStore, match="got none: run `tillwatch casework migrate`"):
            store.check_version()
        store.check_version(make=True)
        store.check_version()
        store.migrate("base")
        assert store.version() is None


def test_another_databases_tables_are_left_alone(database: Database) -> None:
    with database.open(make=False) as store:
        with store.writing() as connection:
            connection.execute(text("CREATE TABLE theirs (one INTEGER)"))
        with pytest.raises(UnfitStore, match="must be empty or a store's"):
            store.check_version(make=True)


def test_a_store_of_a_later_version_is_refused(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
    for use in (store.check_version, store.migrate):
        with pytest.raises(UnfitStore, match="got 999"):
            use()


@pytest.mark.parametrize(
    "url",
    ["", "sqlite://", "mysql://host/db", "postgresql:///db", "postgresql://host", "postgresql://u:secret@host/db"],
)
def test_what_is_no_url_of_a_store_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ValueError, match="the URL of a casework store must") as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_reached_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with Store(f"sqlite:///{tmp_path}/folder.db") as store, pytest.raises(StoreFailed, match="casework store: unable"):
        store.version()


def note(store: Store, count: int) -> None:
    for i in range(count):
        with store.writing() as connection:
            audit.append(connection, time_ms=NOW_MS + i, actor="li", kind="take", case_id=i, detail={"n": i})


def verified(store: Store, noted: str = "") -> audit.Head:
    with store.reading() as connection:
        return audit.verify(connection, noted)


def test_an_audit_that_nobody_touched_is_in_order_and_has_every_head_that_was_noted(store: Store) -> None:
    assert verified(store) == audit.Head(0, "")
    note(store, 3)
    noted = verified(store)
    note(store, 2)
    assert noted.entries == 3
    assert verified(store, noted.hash).entries == 5


def test_entries_can_neither_be_changed_nor_deleted_by_statements(store: Store) -> None:
    note(store, 2)
    for statement in ("UPDATE audit SET actor = 'wang'", "DELETE FROM audit"):
        with pytest.raises(StoreFailed, match="audit is append-only"), store.writing() as connection:
            connection.execute(text(statement))
    assert verified(store).entries == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE audit SET actor = 'wang' WHERE entry_id = 2", "hash of entry 2 does not fit"),
        ("UPDATE audit SET is_aml = NOT is_aml WHERE entry_id = 2", "hash of entry 2 does not fit"),
        ("DELETE FROM audit WHERE entry_id = 2", "entry 2 must follow 1, got entry 3"),
        ("DELETE FROM audit WHERE entry_id = 4", "the last entry must be 4, got 3"),
    ],
)
def test_whoever_takes_the_triggers_away_and_changes_an_entry_is_found_out(
    store: Store, damage: str, message: str
) -> None:
    note(store, 4)
    with store.writing() as connection:
        for each in ("UPDATE", "DELETE"):
            table = "" if store.is_sqlite else " ON audit"
            connection.execute(text(f"DROP TRIGGER audit_no_{each}{table}"))
        connection.execute(text(damage))
    with pytest.raises(Tampered, match=message):
        verified(store)


def test_an_audit_that_was_begun_anew_has_not_the_head_that_was_noted(store: Store) -> None:
    note(store, 2)
    with pytest.raises(Tampered, match="no entry has the noted hash abc"):
        verified(store, "abc")

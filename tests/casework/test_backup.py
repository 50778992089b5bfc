"""A store that is backed up while it is used, restored, and filed on."""

from __future__ import annotations

import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, select

from casework import audit
from casework.agent import FilingAgent
from casework.backup import back_up
from casework.decisions import UNDO_MS, decide
from casework.errors import Refused, StoreFailed, Tampered
from casework.lost import lost_verdicts
from casework.people import SYSTEM, actor_of, put_user
from casework.schema import alerts, cases
from casework.store import Store
from tests.casework.postgres import folder_of_commands
from tests.casework.world import NOW_MS, alert, cause, rows, score, write

if TYPE_CHECKING:
    from pathlib import Path

    from streams.sqlite.log import SqliteLog
    from tests.casework.conftest import Database


def file(store: Store, log: SqliteLog, now_ms: int = NOW_MS) -> None:
    FilingAgent(store, log, lambda: now_ms).file()


def confirm(store: Store, alert_id: str, now_ms: int = NOW_MS) -> None:
    put_user(store, SYSTEM, "li", "Li", ("analyst",), NOW_MS)
    with store.reading() as connection:
        case = connection.execute(
            select(cases.c.case_id, cases.c.version)
            .join(alerts, alerts.c.case_id == cases.c.case_id)
            .where(alerts.c.alert_id == alert_id)
        ).one()
    decide(store, actor_of(store, "li"), case.case_id, case.version, "confirmed", "A1", "it is so", now_ms)


def backed_up(database: Database, store: Store, folder: Path) -> Path:
    """A backup by the means of the database."""
    if store.is_sqlite:
        back_up(store, folder / "backup.db")
        return folder / "backup.db"
    target = folder / "backup.dump"
    run("pg_dump", database.url, "-Fc", "--no-owner", "-f", str(target))
    return target


def restored(database: Database, backup: Path, folder: Path) -> Store:
    """A store of what is in a backup."""
    if backup.suffix == ".db":
        shutil.copy(backup, folder / "restored.db")
        return Store(f"sqlite:///{folder}/restored.db")
    url = make_url(database.url)
    name = f"{url.database}-restored"
    run("createdb", str(url.set(database="postgres")), "-O", "tillwatch", name)
    whole = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    run("pg_restore", str(url.set(database=name)), *whole, str(backup))
    return Store(str(url.set(database=name)))


def run(program: str, url: str, *arguments: str) -> None:
    option = "--maintenance-db" if program == "createdb" else "-d"
    done = subprocess.run(
        [folder_of_commands() / program, option, url, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_restored_store_is_the_one_that_was_backed_up_and_is_filed_on(
    database: Database, store: Store, log: SqliteLog, tmp_path: Path
) -> None:
    write(log, alert("a"), alert("b", "m2"), score("m1", "D", 1), cause("c", {"m1": ["a"]}))
    file(store, log)
    confirm(store, "a")
    kept = {name: rows(store, name) for name in ("alerts", "cases", "decisions", "merchants", "causes", "audit")}
    backup = backed_up(database, store, tmp_path)
    file(store, log, NOW_MS + UNDO_MS)
    write(log, alert("b", "m2", revision=2, severity=0.9), alert("d", "m3"), score("m1", "E", 2))
    file(store, log, NOW_MS + UNDO_MS)
    with restored(database, backup, tmp_path) as other:
        other.check_version()
        assert {name: rows(other, name) for name in kept} == kept
        file(other, log, NOW_MS + UNDO_MS)
        same = ("alert_id", "revision", "severity", "verdict", "state")
        assert rows(other, "alerts", *same) == rows(store, "alerts", *same)
        assert rows(other, "merchants") == rows(store, "merchants")
        assert rows(other, "positions") == rows(store, "positions")
        with other.reading() as connection:
            assert audit.verify(connection, kept["audit"][-1][-1]).entries > len(kept["audit"])


def test_verdicts_given_since_the_backup_are_listed_from_the_log(
    database: Database, store: Store, log: SqliteLog, tmp_path: Path
) -> None:
    write(log, alert("a"), alert("b", "m2"))
    file(store, log)
    confirm(store, "a")
    file(store, log, NOW_MS + UNDO_MS)
    backup = backed_up(database, store, tmp_path)
    confirm(store, "b", NOW_MS + 1)
    file(store, log, NOW_MS + 2 * UNDO_MS)
    assert lost_verdicts(store, log) == []
    with restored(database, backup, tmp_path) as other:
        file(other, log, NOW_MS + 2 * UNDO_MS)
        assert rows(other, "alerts", "alert_id", "verdict") == [("a", "confirmed"), ("b", None)]
        (lost,) = lost_verdicts(other, log)
        assert (lost.merchant_id, lost.alert_id, lost.verdict, lost.reason_code, lost.by) == (
            "m2", "b", "confirmed", "A1", "li",
        )  # fmt: skip


@pytest.fixture
def of_sqlite(tmp_path: Path) -> Store:
    with Store(f"sqlite:///{tmp_path}/casework.db") as store:
        store.check_version(make=True)
        put_user(store, SYSTEM, "li", "Li", ("analyst",), NOW_MS)
    return store


def test_a_backup_is_made_while_another_writes_and_is_nobody_elses_to_read(of_sqlite: Store, tmp_path: Path) -> None:
    with of_sqlite.writing():  # which is not committed
        assert back_up(of_sqlite, tmp_path / "backup.db").entries == 1
    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600
    assert {each.name for each in tmp_path.glob("*backup*")} == {"backup.db"}


def test_a_backup_never_replaces_a_file(of_sqlite: Store, tmp_path: Path) -> None:
    (tmp_path / "backup.db").write_text("precious")
    with pytest.raises(FileExistsError, match="must go to a new file"):
        back_up(of_sqlite, tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_text() == "precious"


def test_a_store_with_a_broken_audit_gives_no_backup(of_sqlite: Store, tmp_path: Path) -> None:
    with of_sqlite.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_UPDATE")
        connection.exec_driver_sql("UPDATE audit SET actor = 'wang'")
    with pytest.raises(Tampered):
        back_up(of_sqlite, tmp_path / "backup.db")
    assert [*tmp_path.glob("*backup*")] == []


def test_a_store_whose_references_lead_nowhere_gives_no_backup(of_sqlite: Store, tmp_path: Path) -> None:
    with of_sqlite.reading() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("INSERT INTO user_roles VALUES ('nobody', 'lead')")
    with pytest.raises(StoreFailed, match="foreign_key_check of the copy must find nothing"):
        back_up(of_sqlite, tmp_path / "backup.db")


@pytest.mark.postgres
def test_postgresql_is_left_to_pg_dump(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = request.getfixturevalue("postgres").new_database("casework-no-backup")
    with Store(url) as store, pytest.raises(Refused, match="PostgreSQL has pg_dump"):
        back_up(store, tmp_path / "backup.db")

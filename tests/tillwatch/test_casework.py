"""`tillwatch casework`, on a log and a store of its own."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from casework import actions
from casework.people import SYSTEM, actor_of, put_user
from casework.store import Store, versions
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.world import NOW_MS, alert, write
from tests.faults.waiting import wait_until
from tests.tillwatch.conftest import call, start
from tillwatch.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log with three alerts; the store is beside it."""
    monkeypatch.setenv("TILLWATCH_CASEWORK_URL", f"sqlite:///{tmp_path}/store/casework.db")
    made = tmp_path / "tillwatch.db"
    with SqliteLog(made, durable=False) as log:
        create_topics(log, 4)
        write(log, alert("a"), alert("b", "m2"), alert("c", "m2", risk_code="42"))
    return made


def casework(path: Path, *arguments: str) -> Result:
    return call("--log-url", SqliteAddress(path).url, "casework", *arguments)


def test_what_is_there_is_filed_once(path: Path) -> None:
    for alerts in (3, 0):
        result = casework(path, "file", "--once", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["alerts"] == alerts


def test_an_agent_files_until_it_is_stopped(path: Path) -> None:
    process = start(
        "--log-url", SqliteAddress(path).url, "casework", "file", "--json", "--pulse", path.parent / "pulse"
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["alerts"] == 3
    wait_until((path.parent / "pulse").exists, "it has looked")
    with SqliteLog(path) as log:
        write(log, alert("d"))
    assert json.loads(process.stdout.readline()) == {"alerts": 1, "revisions": 1, "cases": 0, "reopened": 0}
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_an_agent_goes_on_once_a_database_that_failed_is_well_again(path: Path) -> None:
    process = start("--log-url", SqliteAddress(path).url, "casework", "file", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["alerts"] == 3
    with Store(f"sqlite:///{path.parent}/store/casework.db") as store, SqliteLog(path) as log:
        for broken, whole in (("positions", "lost"), ("lost", "positions")):
            with store.writing() as connection:
                connection.execute(text(f"ALTER TABLE {broken} RENAME TO {whole}"))
            if broken == "positions":
                write(log, alert("d"))
                assert "no such table: positions: tried again in 1 s" in process.stderr.readline()
    assert json.loads(process.stdout.readline())["alerts"] == 1
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_store_is_backed_up_once_under_a_name(path: Path, tmp_path: Path) -> None:
    casework(path, "file", "--once")
    head = json.loads(casework(path, "audit", "verify", "--json").output)["hash"]
    done = casework(path, "backup", str(tmp_path / "backup.db"))
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/backup.db: audit of 1 entries, head {head}\n")
    again = casework(path, "backup", str(tmp_path / "backup.db"), "--json")
    assert (again.exit_code, again.stderr) == (1, f"Error: a backup must go to a new file, got {tmp_path}/backup.db\n")


def test_verdicts_that_a_store_has_no_more_are_listed(path: Path) -> None:
    casework(path, "file", "--once")
    event = {"type": "verdict", "merchant_id": "m1", "alert_id": "a", "verdict": "confirmed", "reason_code": "A1",
             "by": "li", "event_time": "2026-11-30T04:00:00.000Z", "outbox_id": "of-the-lost-store"}  # fmt: skip
    with SqliteLog(path) as log:
        log.append("events", 0, [json.dumps(event).encode()])
    (lost,) = map(json.loads, casework(path, "lost", "--json").output.splitlines())
    assert lost == {name: value for name, value in event.items() if name != "type"}
    shown = casework(path, "lost", "--lang", "zh").output
    assert "丢失的判定：1条" in shown
    assert "2026-11-30 12:00" in shown


def test_the_status_is_shown_in_both_languages_and_counts_nothing_of_aml(path: Path) -> None:
    casework(path, "file", "--once")
    shown = casework(path, "status").output
    assert shown.startswith("2 alerts filed, 0 of them not committed yet; 0 withdrawn; cases: 2 open; 1 audit entries")
    assert "merchant-profiles" in shown
    assert "已归档告警2条" in casework(path, "status", "--lang", "zh").output
    assert json.loads(casework(path, "status", "--json").output)["cases"] == {"open": 2}


def test_the_audit_is_verified_against_a_head_that_was_noted(path: Path) -> None:
    casework(path, "file", "--once")
    head = json.loads(casework(path, "audit", "verify", "--json").output)
    assert head["entries"] == 1
    assert casework(path, "audit", "verify", "--noted", head["hash"]).output.startswith("1 entries, in order; head ")
    failed = casework(path, "audit", "verify", "--noted", "abc")
    assert (failed.exit_code, failed.stderr) == (1, "Error: audit: no entry has the noted hash abc\n")


def test_a_store_that_is_not_there_is_no_store_and_migrate_makes_it(path: Path) -> None:
    failed = casework(path, "status")
    assert (failed.exit_code, failed.stderr.partition(": run")[0]) == (
        1, f"Error: casework store: version must be {versions()[-1]}, got none",
    )  # fmt: skip
    assert casework(path, "migrate").exit_code == 0
    assert casework(path, "status").exit_code == 0


def test_a_url_with_a_password_is_refused_and_not_shown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLWATCH_CASEWORK_URL", "postgresql://bob:hunter2@host/db")
    failed = casework(path, "status")
    assert failed.exit_code == 2
    assert "casework_url must be" in failed.stderr
    assert "hunter2" not in failed.output


def test_a_password_comes_from_a_file(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n", encoding="utf-8")
    monkeypatch.setenv("TILLWATCH_CASEWORK_PASSWORD_FILE", str(file))
    assert load().casework_password() == "hunter2"


@pytest.fixture
def action_id(path: Path) -> int:
    """An action on m1, recommended by wang."""
    casework(path, "file", "--once")
    with Store(f"sqlite:///{path.parent}/store/casework.db") as store:
        put_user(store, SYSTEM, "wang", "Wang", ["lead"], NOW_MS)
        put_user(store, SYSTEM, "ada", "Ada", ["viewer"], NOW_MS)
        return actions.recommend(store, actor_of(store, "wang"), 1, "visit", "look at the terminal", NOW_MS)


def test_what_is_to_be_executed_is_listed(path: Path, action_id: int) -> None:
    found = json.loads(casework(path, "actions", "--as", "wang", "--json").output)
    assert (found["action_id"], found["kind"], found["merchant_id"]) == (action_id, "visit", "m1")
    shown = casework(path, "actions", "--as", "wang", "--lang", "zh").output
    assert "走访" in shown
    assert "look at the terminal" in shown
    assert casework(path, "actions", "--as", "nobody").exit_code == 1


def test_what_was_executed_is_recorded_from_a_table_and_refused_rows_are_told(path: Path, action_id: int) -> None:
    file = path.parent / "done.csv"
    rows = ["action_id,outcome,system", f"{action_id},terminal is fine,core", "99,x,core", "", "x,y,c", f"{action_id},"]
    file.write_text("\n".join(rows))
    result = casework(path, "actions", "--as", "wang", "--execute", str(file))
    assert result.exit_code == 3
    assert result.output.splitlines() == [
        "line 3: there is no action 99", "line 5: action_id must be a whole number, got 'x'",
        "line 6: an outcome must have 1 to 4000 characters, got 0", "1 recorded, 3 refused",
    ]  # fmt: skip
    file.write_text("action_id,outcome\n")
    assert json.loads(casework(path, "actions", "--as", "wang", "--execute", str(file), "--json").output) == {
        "recorded": 0, "refused": [],
    }  # fmt: skip
    assert casework(path, "actions", "--as", "ada", "--execute", str(file)).exit_code == 1
    file.write_text("action,outcome\n")
    failed = casework(path, "actions", "--as", "wang", "--execute", str(file))
    assert "must have the columns action_id, outcome, action_id is not there" in failed.stderr


def test_everything_is_filed_again_from_a_log_that_was_restored(path: Path) -> None:
    casework(path, "file", "--once")
    other = path.parent / "other.db"
    with SqliteLog(other, durable=False) as log:
        create_topics(log, 4)
        write(log, alert("a"), alert("z"))
    assert "tillwatch casework refile" in casework(other, "file", "--once").stderr
    assert casework(other, "refile").exit_code == 0
    assert json.loads(casework(other, "file", "--once", "--json").output)["alerts"] == 1


def finding(path: Path, check: str) -> dict[str, str]:
    found: list[dict[str, str]] = json.loads(call("--log-url", SqliteAddress(path).url, "doctor", "--json").output)
    return next(each for each in found if each["check"] == check)


def test_doctor_looks_at_the_store_and_whether_verdicts_reach_the_log(path: Path) -> None:
    assert {finding(path, each)["status"] for each in ("casework", "verdicts")} == {"skipped"}
    casework(path, "file", "--once")
    assert {finding(path, each)["status"] for each in ("casework", "verdicts")} == {"ok"}
    other = path.parent / "other.db"
    with SqliteLog(other, durable=False) as log:
        create_topics(log, 4)
    assert "tillwatch casework refile" in finding(other, "casework")["message"]


def test_doctor_says_that_verdicts_stay_where_events_cannot_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    casework(path, "file", "--once")
    monkeypatch.setattr(SqliteLog, "can_append", lambda *_: False)  # as a broker answers of a topic of the acquirer's
    found = finding(path, "verdicts")
    assert (found["status"], found["cure"]) == (
        "fault", "have WRITE on the topic events given to the user of casework",
    )  # fmt: skip


def test_a_re_ranker_of_too_few_verdicts_is_refused_in_words(path: Path) -> None:
    casework(path, "file", "--once")
    failed = casework(path, "rank")
    assert failed.exit_code == 1
    assert "the re-ranker needs at least 200 verdicts, got 0" in failed.output

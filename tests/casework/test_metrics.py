"""What the filing agent shows: figures of the store, whether it files, and whether the audit is whole."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, text, update

from casework.agent import FilingAgent
from casework.agreement import agree
from casework.decisions import UNDO_MS, decide
from casework.errors import StoreFailed, Tampered
from casework.metrics import AgentMetrics, AuditWatch
from casework.people import SYSTEM, actor_of, put_user
from casework.schema import alert_revisions, alerts, cases, outbox
from streams.metric_names import CASEWORK_METRICS, CASEWORK_OUTBOX_OLDEST
from tests.casework.world import NOW_MS, alert, score, write
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.scrape import Series, series, summed, value

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef"


def shown(store: Store, log: SqliteLog, now_ms: int = NOW_MS) -> Series:
    return series(AgentMetrics(store, log, lambda: now_ms).written())


def decided(store: Store, alert_id: str, verdict: str, now_ms: int = NOW_MS) -> int:
    put_user(store, SYSTEM, "li", "Li", ("analyst", "aml"), NOW_MS)
    with store.reading() as connection:
        row = connection.execute(
            select(cases.c.case_id, cases.c.version)
            .join(alerts, alerts.c.case_id == cases.c.case_id)
            .where(alerts.c.alert_id == alert_id)
        ).one()
    actor = actor_of(store, "li")
    return decide(store, actor, row.case_id, row.version, verdict, "checked", "so it is", now_ms)


def test_the_lag_of_a_topic_is_what_the_log_has_and_the_store_has_not(store: Store, log: SqliteLog) -> None:
    agent = FilingAgent(store, log, lambda: NOW_MS)
    agent.file()
    write(log, alert("a"), alert("b"), score("m1", "D", 1))
    found = shown(store, log)
    assert value(found, "casework_lag_records", topic="alerts") == 2
    assert value(found, "casework_lag_records", topic="merchant-risk") == 1
    agent.file()
    assert summed(shown(store, log), "casework_lag_records") == 0


def test_open_cases_are_counted_by_grade_without_those_of_money_laundering(store: Store, log: SqliteLog) -> None:
    write(log, alert("a"), alert("b", "m2"), alert("c", "m3"), alert("d", "m1", risk_code="29"))
    write(log, score("m1", "D", 1), score("m2", "D", 1))
    FilingAgent(store, log, lambda: NOW_MS).file()
    found = shown(store, log)
    assert found["tillwatch_casework_open_cases"] == {(("grade", "D"),): 2, (("grade", "none"),): 1}
    decided(store, "a", "confirmed")
    assert value(shown(store, log), "casework_open_cases", grade="D") == 1


def test_a_decision_counts_once_it_cannot_be_undone(store: Store, log: SqliteLog) -> None:
    write(log, alert("a"), alert("b", "m2"), alert("c", "m3", risk_code="29"))
    FilingAgent(store, log, lambda: NOW_MS).file()
    decided(store, "a", "confirmed")
    decided(store, "b", "false_alarm")
    decided(store, "c", "confirmed")
    assert "tillwatch_casework_decisions_total" not in shown(store, log, NOW_MS + UNDO_MS)
    found = shown(store, log, NOW_MS + UNDO_MS + 1)["tillwatch_casework_decisions_total"]
    assert found == {(("verdict", "confirmed"),): 1, (("verdict", "false_alarm"),): 1}


def test_a_decision_counts_once_another_agrees_where_it_needs_two(store: Store, log: SqliteLog) -> None:
    write(log, alert("a"), score("m1", "E", 1))
    FilingAgent(store, log, lambda: NOW_MS).file()
    made = decided(store, "a", "false_alarm")
    put_user(store, SYSTEM, "zhao", "Zhao", ("lead",), NOW_MS)
    later_ms = NOW_MS + 2 * UNDO_MS
    assert "tillwatch_casework_decisions_total" not in shown(store, log, later_ms)
    agree(store, actor_of(store, "zhao"), made, "so it is", later_ms)
    found = shown(store, log, later_ms)["tillwatch_casework_decisions_total"]
    assert found == {(("verdict", "false_alarm"),): 1}


def test_the_outbox_shows_what_is_due_and_since_when_and_what_was_refused(store: Store, log: SqliteLog) -> None:
    write(log, alert("a"), alert("b", "m2"))
    FilingAgent(store, log, lambda: NOW_MS).file()
    decided(store, "a", "confirmed")
    assert value(shown(store, log), "casework_outbox_records", status="pending") == 0, "it waits for an undo"
    due = NOW_MS + UNDO_MS
    found = shown(store, log, due)
    assert value(found, "casework_outbox_records", status="pending") == 1
    assert value(found, "casework_outbox_oldest_timestamp_seconds") == due / 1000
    with store.writing() as connection:
        connection.execute(update(outbox).values(status="refused"))
    found = shown(store, log, due)
    assert value(found, "casework_outbox_records", status="refused") == 1
    assert "tillwatch_casework_outbox_oldest_timestamp_seconds" not in found


def test_alerts_that_the_log_has_not_committed_are_counted(store: Store, log: SqliteLog) -> None:
    write(log, alert("a"), alert("b", "m2", risk_code="29"))
    FilingAgent(store, log).file()
    with store.writing() as connection:
        for table in (alerts, alert_revisions):
            connection.execute(update(table).values(state="provisional"))
    assert value(shown(store, log), "casework_provisional_alerts") == 1


def test_an_agent_is_ready_once_it_has_filed_and_is_not_while_the_store_fails(store: Store, log: SqliteLog) -> None:
    metrics = AgentMetrics(store, log, lambda: NOW_MS)
    assert metrics.trouble == "no look was taken yet"
    metrics.looked(NOW_MS)
    assert metrics.trouble == ""
    metrics.failed(StoreFailed("casework store: it is full"))
    assert metrics.trouble == "casework store: it is full"
    assert metrics.alive
    found = series(metrics.written())
    assert value(found, "casework_store_failures_total") == 1
    assert value(found, "casework_filed_timestamp_seconds") == NOW_MS / 1000


def test_without_the_store_the_agent_still_shows_what_it_did(log: SqliteLog, store: Store) -> None:
    metrics = AgentMetrics(store, log, lambda: NOW_MS)
    with store.writing() as connection:
        connection.execute(text("ALTER TABLE outbox RENAME TO lost"))
    found = series(metrics.written())
    assert value(found, "casework_store_failures_total") == 0
    assert "tillwatch_casework_lag_records" not in found


def test_a_broken_audit_is_shown_and_told_once_a_check(store: Store, log: SqliteLog) -> None:
    put_user(store, SYSTEM, "li", "Li", ("analyst",), NOW_MS)
    metrics, told = AgentMetrics(store, log, lambda: NOW_MS), list[Tampered]()
    watch = AuditWatch(store, metrics, lambda: NOW_MS, told.append)
    watch.stop()
    assert value(series(metrics.written()), "casework_audit_intact") == 1
    with store.writing() as connection:
        table = "" if store.is_sqlite else " ON audit"
        connection.execute(text(f"DROP TRIGGER audit_no_UPDATE{table}"))
        connection.execute(text("UPDATE audit SET actor = 'wang'"))
    watch.check()
    found = series(metrics.written())
    assert value(found, "casework_audit_intact") == 0
    assert value(found, "casework_audit_checked_timestamp_seconds") == NOW_MS / 1000
    assert [str(each) for each in told] == ["audit: the hash of entry 1 does not fit what it says"]


def test_the_command_shows_every_metric_as_the_table_has_it_to_whoever_has_the_token(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    environment = {
        "TILLWATCH_LOG_URL": f"sqlite:///{tmp_path}/tillwatch.db", "TILLWATCH_PARTITIONS": "2",
        "TILLWATCH_CASEWORK_URL": f"sqlite:///{tmp_path}/casework.db", "TILLWATCH_CASEWORK_HEALTH_PORT": str(port),
        "TILLWATCH_HEALTH_TOKEN_FILE": str(token), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    command = [sys.executable, "-m", "tillwatch", "casework", "file", "--tied"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        began = time.time()
        wait_until(lambda: asked(port, "/ready") == (200, "ok\n"), "it files", 60)
        _, written = asked(port, "/metrics")
        kinds = {line.split()[2]: line.split()[3] for line in written.splitlines() if line.startswith("# TYPE")}
        shown_at_once = [each for each in CASEWORK_METRICS if each is not CASEWORK_OUTBOX_OLDEST]
        assert {each.name: kinds[each.name] for each in shown_at_once} == {
            each.name: each.kind.value for each in shown_at_once
        }
        assert value(series(written.encode()), "casework_filed_timestamp_seconds") >= began - 1
        assert asked(port, "/metrics", "another token of 16")[0] == 401
    finally:
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")


def asked(port: int, path: str, token: str = TOKEN) -> tuple[int, str]:
    """Status and text of what an agent on this machine answers; 0 where none does."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""

"""`ingest`, `worker` and `tail` on a log."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from domain.alerts import Alert
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from tests.tillwatch.conftest import call, finish, start
from tests.tillwatch.forked import run
from tillwatch.language import local_iso
from tillwatch.logs import Follower
from tillwatch.show import severity_words

if TYPE_CHECKING:
    import pytest


def alerts_of(log_file: Path) -> list[Alert]:
    with SqliteLog(log_file) as log:
        return Follower(log, "alerts", Alert, from_start=True).poll()


def test_an_ingest_started_again_goes_on_behind_the_last_line(events: Path, tmp_path: Path) -> None:
    url = SqliteAddress(tmp_path / "new" / "tillwatch.db").url
    part = tmp_path / "part.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[:600]))
    first = msgspec.json.decode(call("--log-url", url, "ingest", part, "--feed", "sim", "--historic", "--json").stdout)
    assert (first["lines"], first["skipped_lines"], first["dead_letters"]) == (600, 1, 2)
    part.write_bytes(b"".join(lines[:1000]))
    second = msgspec.json.decode(call("--log-url", url, "ingest", part, "--feed", "sim", "--historic", "--json").stdout)
    assert (second["lines"], second["bytes_read"]) == (400, part.stat().st_size)
    assert msgspec.json.decode(call("--log-url", url, "ingest", part, "--json").stdout)["lines"] == 0


def test_standard_input_is_taken_in_and_has_no_position_without_a_name(tmp_path: Path) -> None:
    url = SqliteAddress(tmp_path / "tillwatch.db").url
    sale = '{"txn_id":"%d","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}\n'
    for txn_id in (1, 2):
        process = start("--log-url", url, "ingest", "-", "--feed", "sim", "--historic", "--json")
        code, out, _ = finish(process, sale % txn_id)
        assert (code, msgspec.json.decode(out)["forwarded"]) == (0, 1)


def test_an_ingest_that_is_interrupted_ends_with_code_130_and_no_traceback(tmp_path: Path) -> None:
    log_file = tmp_path / "tillwatch.db"
    process = start("--log-url", SqliteAddress(log_file).url, "ingest", "-")
    while not log_file.exists() or not _topics(log_file):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "", "interrupted\n")


def _topics(log_file: Path) -> list[str]:
    with SqliteLog(log_file) as log:
        return log.topic_names()


def test_a_log_with_other_partitions_than_the_settings_is_refused(
    worked: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILLWATCH_PARTITIONS", "3")
    result = call("--log-url", SqliteAddress(worked).url, "ingest", events)
    assert result.exit_code == 1
    assert "topic 'events' has 4 partitions" in result.stderr


def test_a_file_that_is_no_log_is_one_line_and_code_1(tmp_path: Path, events: Path) -> None:
    (tmp_path / "tillwatch.db").write_bytes(b"no database" * 100)
    result = call("--log-url", SqliteAddress(tmp_path / "tillwatch.db").url, "ingest", events)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path / 'tillwatch.db'}: file is not a database\n"


def test_a_worker_started_again_says_the_same_totals(worked: Path) -> None:
    code, out, errors = run("--log-url", SqliteAddress(worked).url, "worker", "--until-idle", "--json")
    assert code == 0
    totals = msgspec.json.decode(out)
    assert totals["transactions"] > 10_000
    assert totals["records"] == sum(totals[name] for name in ("transactions", "duplicates", "other", "dead_letters"))
    assert "ended: " in errors


def test_a_second_worker_is_refused_and_told_who_runs(worked: Path) -> None:
    with SqliteLog(worked) as log:
        lease = log.acquire_lease("worker", "the first", 3600)
        code, out, errors = run("--log-url", SqliteAddress(worked).url, "worker", "--until-idle")
        log.release_lease(lease)
    assert (code, out) == (1, "")
    assert errors.splitlines()[-1].startswith(f"Error: lease 'worker' is held by the first, process {os.getpid()}")
    assert "Traceback" not in errors


def test_tail_shows_the_alerts_that_are_there_and_those_that_come_until_ctrl_c(worked: Path, tmp_path: Path) -> None:
    log_file = Path(shutil.copy(worked, tmp_path))
    there = alerts_of(log_file)
    process = start("--log-url", SqliteAddress(log_file).url, "tail", "--from-start", "--json")
    assert process.stdout is not None
    shown = [msgspec.json.decode(process.stdout.readline(), type=Alert) for _ in there]
    assert shown == there
    came = msgspec.structs.replace(there[0], revision=there[0].revision + 1)
    with SqliteLog(log_file) as log:
        log.append("alerts", 0, [msgspec.json.encode(came)], keys=[came.alert_id.encode()])
    assert msgspec.json.decode(process.stdout.readline(), type=Alert) == came
    process.send_signal(signal.SIGINT)
    assert finish(process) == (0, "", "")


def test_a_line_of_tail_says_when_how_bad_who_how_much_and_why_in_either_language(worked: Path) -> None:
    first = alerts_of(worked)[0]
    for lang, reason, as_of in (
        ("en", first.reason.en, "; times: Asia/Shanghai"), ("zh", first.reason.zh, "；时间：北京时间"),
    ):  # fmt: skip
        process = start("--log-url", SqliteAddress(worked).url, "tail", "--from-start", "--lang", lang)
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        when, severity = local_iso(first.last_time, "Asia/Shanghai"), severity_words(first.severity, lang)
        for words in (when, severity, "mcc_jump", first.merchant_id, "¥", reason):
            assert words in line
        assert as_of in errors


def test_tail_shows_those_of_one_merchant_alone_where_one_is_named(worked: Path) -> None:
    last = alerts_of(worked)[-1]
    process = start(
        "--log-url", SqliteAddress(worked).url, "tail", "--from-start", "--merchant", last.merchant_id, "--json"
    )
    assert process.stdout is not None
    assert msgspec.json.decode(process.stdout.readline(), type=Alert).merchant_id == last.merchant_id
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate()
    assert {msgspec.json.decode(each)["merchant_id"] for each in out.splitlines()} <= {last.merchant_id}
    assert errors == ""


def test_tail_makes_no_log_where_there_is_none(tmp_path: Path) -> None:
    result = call("--log-url", SqliteAddress(tmp_path / "none.db").url, "tail")
    assert result.exit_code == 1
    assert "there is no log at" in result.stderr
    assert not (tmp_path / "none.db").exists()

"""`tillwatch worker` shows its metrics, and writes its log lines as it is told."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from detectors.registry import DETECTORS
from streams.sqlite.address import SqliteAddress
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.scrape import scrape, series, summed, value
from tests.tillwatch.conftest import call, finish, start
from tillwatch.log_lines import JsonLines
from tillwatch.settings import Settings, SettingsError, load
from tillwatch.worker import new_metrics, worker_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_shows_its_metrics_on_loopback_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TILLWATCH_HEALTH_PORT")
    usual = worker_settings(load()).health
    assert (usual.port, usual.host, usual.required) == (9464, "127.0.0.1", False)
    assert worker_settings(load(health_port=9464)).health.required


def test_a_token_file_is_read_when_a_worker_starts(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = Settings(health_host="0.0.0.0", health_token_file=str(file))
    with pytest.raises(SettingsError, match=r"health_token_file must be .*: No such file or directory"):
        worker_settings(settings)
    file.write_text("0123456789abcdef0123")
    file.chmod(0o600)
    assert worker_settings(settings).health.token == "0123456789abcdef0123"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('health_host = "0.0.0.0"', "health_token_file must name a file where health_host is not loopback"),
        ('health_host = "here"', "health_host must be an IP address of this machine"),
        ('health_token_file = "missing"', "No such file"),
        ('log_format = "xml"', "log_format must be text or json, got 'xml'"),
    ],
)
def test_a_worker_says_what_is_wrong_with_where_it_is_to_answer(tmp_path: Path, options: str, message: str) -> None:
    (tmp_path / "tillwatch.toml").write_text(options + "\n")
    result = call("worker", "--until-idle")
    assert result.exit_code != 0
    assert message in result.output + str(result.exception)
    assert "Traceback" not in result.output


def test_a_workers_metrics_know_its_detectors_and_its_log(tmp_path: Path) -> None:
    metrics = new_metrics(Settings(log_url=SqliteAddress(tmp_path / "log.db").url))
    snapshot = metrics.snapshot()
    assert snapshot.detectors == tuple(each.name for each in DETECTORS)
    assert series(metrics.written(snapshot))["tillwatch_log_free_bytes"][()] > 0
    assert snapshot.version[0].isdigit()


@pytest.mark.slow
def test_a_running_worker_shows_what_it_has_read_and_logs_as_json(events: Path, tmp_path: Path) -> None:
    url, (port,) = SqliteAddress(tmp_path / "tillwatch.db").url, free_ports(1)
    assert call("--log-url", url, "ingest", events, "--feed", "sim", "--historic").exit_code == 0
    config = tmp_path / "worker.toml"
    config.write_text(f'log_url = "{url}"\nlog_format = "json"\ncheckpoint_every_s = 0.2\n')
    environment = {"TILLWATCH_HEALTH_PORT": str(port)}
    worker = start("--config", config, "worker", environment=environment)
    try:
        wait_until(lambda: summed(scrape(port) or {}, "alerts_total") > 0, "alerts are counted", 100, poll_s=0.05)
        found = scrape(port) or {}
        assert value(found, "partitions") == 4
        assert found["tillwatch_log_free_bytes"][()] > 0
        assert summed(found, "merchants") > 0
        assert summed(found, "publish_delay_seconds_count") == 0  # it is historic
    finally:
        worker.terminate()
        code, _, errors = finish(worker)
    assert code == 0, errors
    lines = [json.loads(line) for line in errors.splitlines()]
    assert all(set(line) >= {"time", "level", "logger", "message"} for line in lines)
    assert any("4 partitions" in line["message"] for line in lines)


def test_an_error_is_one_line_of_json_with_its_traceback() -> None:
    error = ArithmeticError("茶\n馆")
    record = logging.LogRecord("tillwatch", logging.ERROR, "x.py", 1, "%s failed", ("it",), (type(error), error, None))
    record.created = 1_700_000_000.25
    written = JsonLines().format(record)
    assert "\n" not in written
    assert "茶" in written
    line = json.loads(written)
    assert line.pop("error") == "ArithmeticError: 茶\n馆"
    assert line == {
        "time": "2023-11-14T22:13:20.250Z", "level": "error", "logger": "tillwatch", "message": "it failed",
    }  # fmt: skip

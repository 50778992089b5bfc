"""What changes findings is dated: a start with other settings, or another library, changes nothing of what is said."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from engine.control_kinds.registry import KINDS
from streams.controls import ControlsReader, publish
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from tests.faults.waiting import wait_until
from tests.outcome import last_by_key, letters_of
from tests.tillwatch.conftest import call, finish, newest, start, start_fresh
from tests.tillwatch.forked import run
from tillwatch.language import speaker
from tillwatch.logs import open_log
from tillwatch.seeding import seed_controls
from tillwatch.settings import load

pytestmark = pytest.mark.timeout(600)

OTHERS = {
    "TILLWATCH_LATE_S": "0",
    "TILLWATCH_COUNTRY": "US",
    "TILLWATCH_DETECTORS__MCC_JUMP__BASE": "0.9",
    "TILLWATCH_DETECTORS__MCC_JUMP__QUIET_GAP_S": "60",
    "TILLWATCH_DETECTORS__VOLUME_RISE__RATIO": "1.1",
}
"""Thresholds, a quiet gap, the lateness and the country, all otherwise."""


def ingested(log: Path, events: Path) -> str:
    url = SqliteAddress(log).url
    assert call("--log-url", url, "ingest", events, "--feed", "sim", "--historic").exit_code == 0
    return url


def published(log: Path) -> tuple[Any, ...]:
    """Every alert, score and dead letter, in the end."""
    with SqliteLog(log) as opened:
        return last_by_key(opened, "alerts", 4), last_by_key(opened, "merchant-risk", 4), letters_of(opened, 4)


def worked_through(url: str, *, fresh: bool = False) -> str:
    """Run a worker until everything is processed, in a fresh interpreter where asked for; what it said."""
    arguments = ("--log-url", url, "worker", "--until-idle")
    code, _, errors = finish(start_fresh(*arguments)) if fresh else run(*arguments)
    assert code == 0, errors
    return errors


def killed_half_way(url: str, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a worker in small steps, and kill it when it has a checkpoint, and has published, but is not done."""
    with monkeypatch.context() as slow:
        slow.setenv("TILLWATCH_BATCH_RECORDS", "100")
        slow.setenv("TILLWATCH_CHECKPOINT_EVERY_S", "0.2")
        worker = start("--log-url", url, "worker")

        def half_way() -> bool:
            assert worker.poll() is None, worker.communicate()
            with SqliteLog(log) as opened:
                done = sum(sum(each.next_offsets.values()) for each in opened.progress())
                return done > 2_000 and opened.end_offset("alerts", 0) > 0 and log.with_suffix(".state.db").exists()

        wait_until(half_way, "a worker was half way", 100)
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
    with SqliteLog(log) as opened:
        ends = sum(opened.end_offset("events", p) for p in range(4))
        assert sum(sum(each.next_offsets.values()) for each in opened.progress()) < ends, "it was killed too late"


def other_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another package `holidays` be found first; it is none that can be used."""
    package = tmp_path / "library" / "holidays"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the calendar must be data')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))


@pytest.mark.slow
def test_a_crash_and_a_start_with_other_settings_change_nothing_of_what_is_published(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, disturbed, others = (tmp_path / f"{name}.db" for name in ("undisturbed", "disturbed", "others"))
    worked_through(ingested(undisturbed, events))
    url = ingested(disturbed, events)
    killed_half_way(url, disturbed, monkeypatch)
    for name, value in OTHERS.items():
        monkeypatch.setenv(name, value)
    other_library(tmp_path, monkeypatch)
    said = " ".join(worked_through(url, fresh=True).split())
    expected = published(undisturbed)
    assert published(disturbed) == expected
    assert all(expected)
    assert (
        "engine: version 0 of the log counts, not the settings late_s and country: late_s 86400 in the log, 0" in said
    )
    assert "country CN in the log, US here" in said
    assert (
        "detectors: version 0 of the log counts, not the settings detectors: mcc_jump.base not set in the log" in said
    )
    assert "tillwatch controls publish --kind engine --from-settings --in 10m" in said
    for kind in ("calendar", "peers", "profiles", "prices", "layouts", "approval_codes"):
        assert f"{kind}: version" not in said
    # Had they counted, something else would have been published: so the settings of a first start do.
    worked_through(ingested(others, events))
    assert published(others) != expected


def test_a_replay_and_an_explanation_go_by_the_log_as_the_worker_did(
    worked: Path, events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OTHERS.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "alerts.jsonl"
    done = call("--log-url", SqliteAddress(worked).url, "replay", events, "--alerts-out", out)
    assert done.exit_code == 0, done.output
    replayed = newest([json.loads(line) for line in out.read_bytes().splitlines()], "alert_id")
    expected = published(worked)[0]
    assert {key: each["hits"] for key, each in replayed.items()} == {
        key: each["hits"] for key, each in expected.items()
    }
    assert {key: each["severity"] for key, each in replayed.items()} == {
        key: each["severity"] for key, each in expected.items()
    }


@pytest.fixture
def copy(worked: Path, tmp_path: Path) -> Path:
    """A log that a worker has read to its end, with its state."""
    shutil.copy(worked.with_suffix(".state.db"), tmp_path)
    return Path(shutil.copy(worked, tmp_path))


def test_what_cannot_be_dated_is_still_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, words in (
        ("TILLWATCH_TIME_ZONE", "Europe/Berlin", "time_zone must be Asia/Shanghai as in the state, got Europe/Berlin"),
        ("TILLWATCH_CAPACITY", "1", "capacity must be at least the"),
        ("TILLWATCH_PARTITIONS", "3", "partitions"),
    ):
        with monkeypatch.context() as other:
            other.setenv(name, value)
            code, _, errors = run("--log-url", SqliteAddress(copy).url, "worker", "--until-idle")
            assert (code, words in errors) == (1, True), errors


def test_what_differs_can_be_published_as_it_is_said(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLWATCH_LATE_S", "3600")
    url = SqliteAddress(copy).url
    assert "version 0 of the log counts, not the settings late_s and country" in worked_through(url)
    publish = ("controls", "publish", "--kind", "engine", "--from-settings", "--in", "10m", "--json")
    result = call("--log-url", url, *publish)
    assert result.exit_code == 0, result.output
    (made,) = json.loads(result.output)
    assert (made["kind"], made["version"]) == ("engine", 1)
    assert json.loads(call("--log-url", url, "controls", "show", "engine").output) == {"late_s": 3600, "country": "CN"}
    assert "of the log counts" not in worked_through(url)


def test_what_a_later_version_ships_is_told_and_does_not_count(tmp_path: Path) -> None:
    own = b'{"format":1,"source":{"package":"by hand"},"countries":{"AE":{"festival":{"02-18/03-19":"26"}}}}'
    settings = load(log_url=SqliteAddress(tmp_path / "tillwatch.db").url)
    with open_log(settings) as log:
        publish(log, "calendar", own, effective_ms=None, by="wang", zero=b"")
        (line,) = seed_controls(log, settings, speaker("en"))
        (line_zh,) = seed_controls(log, settings, speaker("zh"))
        known = ControlsReader(log).read_all()
    assert line.startswith(
        "calendar: version 1 of the log counts, not what this version ships: source.package by hand in the log"
    )
    assert line_zh.startswith(
        "日历（calendar）：以日志中的第 1 版为准，而非本版本自带的内容：source.package 日志中为 by hand"
    )
    assert line.endswith("tillwatch controls publish --kind calendar --from-settings --in 10m")
    assert {each.control.kind: each.control.version for each in known} == {"calendar": 1} | {
        kind: 0 for kind in KINDS if kind != "calendar"
    }

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

from streams.sqlite.address import SqliteAddress
from tests.tillwatch.forked import Running, run
from tillwatch.cli import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from click.testing import Result

ROOT = Path(__file__).parents[2]
MERCHANTS = 150
_PORTS = ("TILLWATCH_HEALTH_PORT", "TILLWATCH_CASEWORK_HEALTH_PORT")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TILLWATCH_CONFIG", "TILLWATCH_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in _PORTS:
        monkeypatch.setenv(name, "0")  # tests run beside each other


def call(*arguments: str | Path) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(commands, [str(each) for each in arguments])


def start(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, first: Callable[[], object] | None = None
) -> Running:
    """Run the command line in another process, with more environment variables; a function may be called before it."""
    return Running([str(each) for each in arguments], _environment(environment), first)


def start_fresh(*arguments: str | Path) -> subprocess.Popen[str]:
    """Run the command line as users do, in an interpreter that has loaded nothing; that takes seconds."""
    return subprocess.Popen(
        [sys.executable, "-m", "tillwatch", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    )


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**dict.fromkeys(_PORTS, "0"), **os.environ, **(more or {})}


def finish(process: Running | subprocess.Popen[str], given: str | None = None) -> tuple[int, str, str]:
    """Wait for its end, with `given` on standard input: exit code, standard output, standard error."""
    out, errors = process.communicate(given, timeout=100)
    return process.returncode, out, errors


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def newest(values: Sequence[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Each key's last value, without the number of the owner that wrote it."""
    return {each[key]: {name: value for name, value in each.items() if name != "epoch"} for each in values}


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small simulation that holds violations."""
    folder = tmp_path_factory.mktemp("simulated")
    result = call("simulate", folder, "--merchants", str(MERCHANTS), "--days", "3", "--jump-share", "0.2", "--json")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def events(simulated: Path) -> Path:
    """The simulation's events with two lines that are none."""
    path = simulated / "poisoned.jsonl"
    lines = (simulated / "events.jsonl").read_bytes().splitlines()
    lines[500:500] = [b"?", b"", b'{"merchant_id":"m"}']
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.fixture(scope="session")
def worked(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log into which the events were put and which a worker has read."""
    log = tmp_path_factory.mktemp("worked") / "tillwatch.db"
    assert call("--log-url", SqliteAddress(log).url, "ingest", events, "--feed", "sim", "--historic").exit_code == 0
    code, _, errors = run("--log-url", SqliteAddress(log).url, "worker", "--until-idle")
    assert code == 0, errors
    return log

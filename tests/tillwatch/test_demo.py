from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.log import now_utc_ms
from streams.sqlite.checkpoints import SqliteCheckpoints, state_path
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS
from tests.faults.waiting import wait_until
from tests.tillwatch.conftest import ROOT, call, finish, start, start_fresh
from tillwatch.demo.plan import EDITION, start_before

KEYS = [
    "transactions",
    "earlier_transactions",
    "merchants",
    "alerts",
    "dead_letters",
    "seconds",
    "tx_per_second",
    "resumed",
]
MERCHANTS = 400


def processes_of(folder: Path) -> list[int]:
    """Processes that have the folder on their command line, as each of a demonstration has."""
    found = []
    for each in Path("/proc").iterdir():
        try:
            if each.name.isdigit() and str(folder).encode() in (each / "cmdline").read_bytes():
                found.append(int(each.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def until_none_is_left(folder: Path) -> bool:
    """Wait, 30 s at most, until no process of the folder is left."""
    end = time.monotonic() + 30
    while processes_of(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return not processes_of(folder)


def demo(folder: Path, *more: str) -> Any:
    return start_fresh("demo", "--folder", folder, *more)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a demonstration that ended by itself, and its totals."""
    folder = tmp_path_factory.mktemp("demo")
    code, out, errors = finish(demo(folder, "--for", "7", "--merchants", str(MERCHANTS), "--json"))
    assert code == 0, errors
    (line,) = out.splitlines()
    assert processes_of(folder) == []
    return folder, msgspec.json.decode(line)


def test_it_ends_by_itself_with_one_line_of_totals_and_leaves_no_process(
    first: tuple[Path, dict[str, Any]],
) -> None:
    folder, totals = first
    assert list(totals) == KEYS
    assert totals["merchants"] == MERCHANTS
    assert totals["transactions"] > 10_000  # some 80,000 on a free machine
    assert totals["alerts"] > 0
    assert totals["resumed"] is False
    assert totals["seconds"] >= 7
    assert totals["tx_per_second"] == round(totals["transactions"] / totals["seconds"])
    assert totals["earlier_transactions"] == 0
    with SqliteLog(folder / "tillwatch.db") as log:
        assert sum(log.end_offset(TOPICS.events.name, each) for each in range(4)) >= totals["transactions"]


def transactions(folder: Path) -> int:
    """How many the worker has counted."""
    with SqliteLog(folder / "tillwatch.db") as log:
        return sum(each.counts["transactions"] for each in log.progress())


def ended_by(number: signal.Signals, folder: Path) -> tuple[int, str, str]:
    """Start a demonstration again and send it a signal once it has counted more: exit code and what it said."""
    before, process = transactions(folder), demo(folder, "--json", "--speed", "3600")
    assert process.stderr is not None
    process.stderr.readline()
    assert len(processes_of(folder)) == 3
    try:
        wait_until(lambda: transactions(folder) > before, "more is counted", 120, poll_s=0.1)
    finally:
        process.send_signal(number)
    return finish(process)


@pytest.fixture(scope="module")
def again(first: tuple[Path, dict[str, Any]]) -> tuple[int, str, str]:
    """How the first demonstration, started again, ended by SIGTERM."""
    return ended_by(signal.SIGTERM, first[0])


def test_started_again_it_says_so_and_its_totals_include_what_was(
    first: tuple[Path, dict[str, Any]], again: tuple[int, str, str]
) -> None:
    _, before = first
    code, out, errors = again
    assert code == 0, errors
    totals = msgspec.json.decode(out)
    assert totals["resumed"] is True
    assert totals["earlier_transactions"] == before["transactions"]
    assert totals["transactions"] > before["transactions"]
    assert totals["alerts"] >= before["alerts"]


@pytest.mark.slow
def test_killed_with_all_its_processes_and_started_again_it_carries_on(tmp_path: Path) -> None:
    process = demo(tmp_path, "--speed", "3600", "--merchants", str(MERCHANTS))
    state = state_path(tmp_path / "tillwatch.db")
    while not state.exists():
        assert process.poll() is None
        time.sleep(0.05)
    with SqliteCheckpoints(state) as store:
        while sum(store.offsets().values()) < 20_000:
            time.sleep(0.05)
        for each in processes_of(tmp_path):
            os.kill(each, signal.SIGKILL)
        process.communicate()
        assert until_none_is_left(tmp_path)
        checkpoint = sum(store.offsets().values())
    code, out, errors = finish(demo(tmp_path, "--for", "1", "--json", "--speed", "3600"))
    assert code == 0, errors
    totals = msgspec.json.decode(out)
    assert 0.5 * checkpoint < totals["earlier_transactions"] <= checkpoint
    with SqliteLog(tmp_path / "tillwatch.db") as log:
        ends = sum(log.end_offset(TOPICS.events.name, each) for each in range(4))
    assert totals["earlier_transactions"] < totals["transactions"] <= ends


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_it_cleanly_with_code_0_and_totals(
    first: tuple[Path, dict[str, Any]], again: tuple[int, str, str], number: signal.Signals
) -> None:
    folder, _ = first
    code, out, errors = again if number == signal.SIGTERM else ended_by(number, folder)
    assert code == 0
    assert "Traceback" not in errors
    assert list(msgspec.json.decode(out)) == KEYS
    assert processes_of(folder) == []


@pytest.mark.slow
def test_killed_it_leaves_no_process_either(first: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = first
    process = demo(folder)
    assert process.stderr is not None
    process.stderr.readline()
    process.kill()
    process.communicate()
    assert until_none_is_left(folder)


SHOWN = {
    "en": (b"carries on: ", (b"Severest alerts", b"Riskiest merchants", b"tx/s", b"E 85+"), b"of them in earlier runs"),
    "zh": (
        "接续上次运行".encode(),
        ("最严重告警".encode(), "高风险商户".encode(), "笔/秒".encode()),
        "含此前".encode(),
    ),
}


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.slow)])
def test_in_a_terminal_it_shows_the_live_view_and_ctrl_c_leaves_without_a_trace(
    first: tuple[Path, dict[str, Any]], lang: str
) -> None:
    carries_on, words, earlier = SHOWN[lang]
    folder, _ = first
    terminal, other_side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tillwatch", "demo", "--folder", folder, "--lang", lang],
        cwd=ROOT,
        stdin=other_side,
        stdout=other_side,
        stderr=other_side,
        env={**os.environ, "COLUMNS": "140", "LINES": "40"},
    )
    os.close(other_side)
    shown = b""
    while carries_on not in shown:
        shown += os.read(terminal, 65_536)
    process.send_signal(signal.SIGINT)
    end = b""
    while chunk := _read(terminal):
        end += chunk
    os.close(terminal)
    assert process.wait() == 0
    for each in words:
        assert each in shown
    assert b"Traceback" not in shown + end
    assert earlier in end
    assert processes_of(folder) == []


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other side is closed
        return b""


def test_a_second_one_in_the_same_folder_is_refused(first: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = first
    with SqliteLog(folder / "tillwatch.db") as log:
        lease = log.acquire_lease("demo", "somebody", 3600)
        for more in ([], ["--fresh"]):
            result = call("demo", "--folder", folder, *more)
            assert result.exit_code == 1
            assert result.stderr.startswith(f"Error: a demonstration runs in {folder} already: ")
        log.release_lease(lease)
        assert log.end_offset(TOPICS.events.name, 0) > 0


def test_another_simulation_in_the_same_folder_is_refused(first: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = first
    result = call("demo", "--folder", folder, "--merchants", "99")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: merchants must be {MERCHANTS} as in the demonstration in {folder}, got 99; --fresh drops that one\n"
    )


@pytest.mark.slow
def test_a_worker_that_cannot_run_ends_it_with_its_words(first: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = first
    with SqliteLog(folder / "tillwatch.db") as log:
        lease = log.acquire_lease("worker", "another", 3600)
        code, out, errors = finish(demo(folder, "--json"))
        log.release_lease(lease)
    assert (code, out) == (1, "")
    assert "Error: the worker ended with code 1: lease 'worker' is held by another" in errors
    assert processes_of(folder) == []


@pytest.mark.slow
def test_fresh_begins_anew(tmp_path: Path) -> None:
    assert call("demo", "--folder", tmp_path, "--merchants", "0").exit_code == 1
    (tmp_path / "demo.json").write_text('{"merchants":5,"seed":3}')
    code, out, errors = finish(demo(tmp_path, "--fresh", "--merchants", "20", "--for", "1", "--json"))
    assert code == 0, errors
    assert msgspec.json.decode(out)["resumed"] is False
    made = msgspec.json.decode((tmp_path / "demo.json").read_bytes())
    assert made == {"merchants": 20, "seed": 1, "edition": EDITION, "start_ms": start_before(now_utc_ms())}


def test_a_demonstration_of_an_earlier_edition_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"merchants":5,"seed":3}')
    result = call("demo", "--folder", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: the demonstration in {tmp_path} must be of edition {EDITION}, got 1; --fresh drops it\n"
    )


def words_of(step: str) -> list[str]:
    """What follows the program on a line to copy."""
    program, *words = shlex.split(step, comments=True)
    assert program.startswith("python")
    assert words[:2] == ["-m", "tillwatch"]
    return words[2:]


@pytest.mark.slow
def test_what_it_says_to_try_next_can_be_done_as_it_stands_there(first: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = first
    code, _, errors = finish(demo(folder, "--for", "1"))
    assert code == 0, errors
    head, *steps = errors.partition("Try next on ")[2].splitlines()
    assert head.endswith(", the riskiest:")
    assert [each.split("#")[0].split()[5] for each in steps] == ["explain", "state", "tail"]
    for step in steps[:2]:
        result = call(*words_of(step))
        assert result.exit_code == 0, result.output
    process = start(*words_of(steps[2]))
    assert process.stdout is not None
    shown = process.stdout.readline()
    assert words_of(steps[2])[-1] in shown
    assert "critical  mcc_jump" in shown
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 0

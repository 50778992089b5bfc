"""How a process begins and ends, whatever it was given: standard streams, encodings, Ctrl-C, faults of our own."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import tillwatch.cli
from tests.seeds import seeds
from tests.tillwatch.conftest import ROOT
from tests.tillwatch.forked import run
from tillwatch.cache_base import CacheRefused, check_cache_base
from tillwatch.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "kafka://bob:hunter2@host 6222021234567894\x1b\n2nd line"
TRACES = ("Traceback", "Exception ignored", "most recent call last")


def failing_with(error: BaseException) -> None:
    """Have the command fail where nobody expects it."""

    def fail() -> int:
        raise error

    tillwatch.cli.run = fail
    tempfile.tempdir = None  # what the environment says counts anew


def closing(number: int) -> None:
    """Have a stream closed, as Python finds it when it starts."""
    os.close(number)
    setattr(sys, ("stdin", "stdout", "stderr")[number], None)


def encoding_as(name: str) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=name, errors="strict")  # type: ignore[union-attr]


def writing_to(path: str) -> None:
    os.dup2(os.open(path, os.O_WRONLY), 1)


def leaving_the_reader() -> None:
    """Have standard output be a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.dup2(writer, 1)
    os.close(reader)
    os.close(writer)
    sys.stdout = os.fdopen(1, "w", closefd=False)


@pytest.mark.parametrize("error", [ValueError(SECRET), RecursionError(), KeyError("x"), AssertionError()], ids=repr)
def test_a_fault_of_our_own_is_told_in_a_line_and_its_trace_kept_in_a_file(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code, out, errors = run("tail", first=partial(failing_with, error))
    assert (code, out) == (1, "")
    assert errors.startswith(f"Error: this is a fault of Tillwatch itself: {type(error).__name__}")
    assert errors.count("\n") == 1
    (kept,) = tmp_path.glob("tillwatch-*.trace")
    assert str(kept) in errors
    assert "Traceback" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    for said in (errors, kept.read_text()):
        assert not any(each in said for each in ("hunter2", "6222021234567894", "\x1b"))


def test_a_trace_is_printed_where_that_is_wanted_or_no_file_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILLWATCH_TRACE", "1")
    code, _, errors = run("tail", first=partial(failing_with, ValueError("x")))
    assert (code, "Traceback" in errors) == (1, True)
    assert errors.splitlines()[-1].startswith(
        "Error: this is a fault of Tillwatch itself: ValueError: x; please report"
    )
    assert [*tmp_path.glob("*.trace")] == []


def test_refusals_and_too_little_memory_are_no_faults_of_ours() -> None:
    assert run("tail", first=partial(failing_with, SettingsError("it is refused")))[2] == "Error: it is refused\n"
    code, _, errors = run("tail", first=partial(failing_with, MemoryError()))
    assert (code, errors) == (1, "Error: this machine has too little memory for that\n")


@pytest.mark.parametrize(
    ("number", "arguments", "code"),
    [
        (0, ("ingest", "-"), 1),
        (1, ("controls", "list"), 1),
        (1, ("simulate", "--help"), 1),
        (2, ("controls", "list"), 0),
    ],
    ids=str,
)
def test_a_stream_that_came_closed_is_an_error_in_a_line(
    worked: Path, number: int, arguments: tuple[str, ...], code: int
) -> None:
    before = worked.read_bytes()[:100]
    ended, _, errors = run("--log-url", f"sqlite:///{worked}", *arguments, first=partial(closing, number))
    assert ended == code
    assert errors.strip() in {
        "", "Error: standard input and output must be open, one of them is closed",
        "Error: standard output: Bad file descriptor",
    }  # fmt: skip
    assert bool(errors) == bool(code)
    assert worked.read_bytes()[:100] == before, "nothing was written into a file that got the stream's number"


@pytest.mark.parametrize("name", ["ascii", "latin-1"])
def test_what_an_output_cannot_encode_is_escaped(worked: Path, name: str) -> None:
    code, out, errors = run(
        "--log-url", f"sqlite:///{worked}", "topics", "lag", "--lang", "zh", first=partial(encoding_as, name)
    )
    assert code == 0, errors
    assert "\\u" in out
    assert out.isascii()


def test_a_full_disk_is_an_error_in_a_line(worked: Path) -> None:
    for arguments in (("topics", "lag"), ("--help",)):
        code, _, errors = run("--log-url", f"sqlite:///{worked}", *arguments, first=partial(writing_to, "/dev/full"))
        assert (code, "No space left on device" in errors, errors.count("\n")) == (1, True, 1)


def test_a_reader_that_left_is_no_error_to_tell(worked: Path) -> None:
    for arguments in (("topics", "lag"), ("topics", "lag", "--json"), ("--help",)):
        code, _, errors = run("--log-url", f"sqlite:///{worked}", *arguments, first=leaving_the_reader)
        assert (code, errors) == (1, "")


def test_columns_of_any_number_and_no_home_are_no_matter(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    for columns in ("0", "-5", "99999"):
        monkeypatch.setenv("COLUMNS", columns)
        code, out, errors = run("--log-url", f"sqlite:///{worked}", "topics", "lag")
        assert (code, errors) == (0, "")
        assert "Lag of events" in " ".join(out.split())


def test_a_folder_of_caches_that_others_may_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLWATCH_CACHE", str(tmp_path / "none"))
    check_cache_base()
    monkeypatch.setenv("TILLWATCH_CACHE", str(tmp_path))
    tmp_path.chmod(0o1777)
    check_cache_base()
    tmp_path.chmod(0o777)
    with pytest.raises(CacheRefused, match="mode 0777"):
        check_cache_base()
    code, _, errors = run("tail")
    assert (code, errors.count("\n")) == (1, 1)
    assert errors.startswith(f"Error: folder of caches {tmp_path} must belong to this user or root")


def test_where_the_machine_knows_no_home_a_folder_of_this_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError

    for name in ("TILLWATCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")  # so that what is found there at the end goes away again
        monkeypatch.delenv(name)
    monkeypatch.setattr(Path, "home", unknown)
    check_cache_base()
    assert os.environ["TILLWATCH_CACHE"] == str(Path(tempfile.gettempdir()) / f"tillwatch-{os.geteuid()}")


COMMANDS = (
    ("worker",), ("ingest", "{events}", "--name", "{k}", "--historic"), ("replay", "{events}"),
    ("tail", "--from-start"),
    ("explain", "1"), ("simulate", "{folder}/s{k}", "--merchants", "500", "--days", "3"), ("evaluate", "{folder}"),
    ("casework", "file"), ("console",), ("causes", "--follow"), ("doctor",), ("ingest", "-"), ("demo", "--for", "3"),
    ("dead-letters", "list"), ("detectors",), ("stress", "--for", "2"),
)  # fmt: skip
"""Commands, some of which end at Ctrl-C with 0, as they should."""


def interrupted(folder: Path, arguments: tuple[str, ...], k: int, after_s: float) -> tuple[int, str]:
    """Start a command in a fresh interpreter, press Ctrl-C after a while: exit code, and all that it said."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tillwatch", "--log-url", f"sqlite:///{folder}/i{k}.db",
             *(each.format(events=folder / "events.jsonl", folder=folder, k=k) for each in arguments)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True,
            env={
                **os.environ, "TILLWATCH_CONSOLE_PORT": f"{20_000 + os.getpid() % 20_000 + k}",
                "TILLWATCH_CASEWORK_URL": f"sqlite:///{folder}/c{k}.db",
            },
        )  # fmt: skip
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=100)
        said.seek(0)
        return process.returncode, said.read().decode(errors="replace")


def moments(seed: int, count: int) -> Iterator[tuple[tuple[str, ...], int, float]]:
    draw = random.Random(seed)
    for k in range(count):
        yield draw.choice(COMMANDS), seed * 100 + k, draw.uniform(0.3, 1.2) * draw.choice([1, 1, 4])


@pytest.mark.parametrize("seed", seeds(5, quick=1))
def test_ctrl_c_at_any_moment_leaves_no_trace(simulated: Path, seed: int) -> None:
    for arguments, k, after_s in moments(seed, 4):
        code, said = interrupted(simulated, arguments, k, after_s)
        assert not any(each in said for each in TRACES), (arguments, after_s, said)
        assert code in {0, 130} or "Error: " in said, (arguments, after_s, code, said)


INTERRUPTED_WHILE_LOADING = """
import os, signal
import engine.jit
from numba.core.codegen import JITCodeLibrary

given, presses = JITCodeLibrary._object_getbuffer_hook, [signal.SIGINT]
def hook(library):
    code = given(library)
    if code is not None and presses:
        os.kill(os.getpid(), presses.pop())
    return code
JITCodeLibrary._object_getbuffer_hook = hook
from engine.decoding.card_scan import find_stars
try:
    find_stars("4" * 16)
except KeyboardInterrupt:
    print(presses, find_stars("4111111111111111"))
"""
"""What Numba calls a hook is called by LLVM, where no exception can pass."""


def test_ctrl_c_while_machine_code_is_loaded_leaves_none_of_it_half_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_WHILE_LOADING], cwd=ROOT, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] [(0, 12)]\n", "")


ENDING = """
import os, signal
from tillwatch import start
class Pressed:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGINT):
        kill(pid, number)
start._run = lambda: 0
pressed = Pressed()
start.main()
"""


def test_ctrl_c_while_python_ends_changes_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", ENDING], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_garbage_is_collected_once_a_command_is_loaded() -> None:
    """Until then it is not: `tillwatch.start` turns that off."""
    gc.disable()
    try:
        assert tillwatch.cli.commands.get_command(click.Context(tillwatch.cli.commands), "tail") is not None
        assert gc.isenabled()
    finally:
        gc.enable()


def test_ctrl_c_while_a_command_loads_is_130() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import tillwatch.start, os\nos.write(1, b'.')\ntillwatch.start.main()"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.read(1) == b"."
    time.sleep(0.02)  # in the midst of it: loading takes a second
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"interrupted\n")

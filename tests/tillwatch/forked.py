"""Commands in processes that are forked from one that has loaded everything: they need not load it for a second."""

from __future__ import annotations

import os
import sys
from multiprocessing import Pipe
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from tests.faults.processes import fork
from tillwatch.start import main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from typing import TextIO

ROOT = Path(__file__).parents[2]
_ENDS_WITHIN_S = 100.0


def run(*arguments: str | Path, first: Callable[[], object] | None = None) -> tuple[int, str, str]:
    """Run the command line in a process of its own, without input: exit code, standard output, standard error.

    `first`, a function of a module, is called there before it.
    """
    with TemporaryDirectory(prefix="tillwatch-run-") as folder:
        said = Path(folder) / "out", Path(folder) / "errors"
        process = fork(
            _be, [str(each) for each in arguments], {"TILLWATCH_HEALTH_PORT": "0", **os.environ}, said, first
        )
        process.join(_ENDS_WITHIN_S)
        late = process.is_alive()
        process.kill()
        process.join()
        out, errors = (each.read_text(encoding="utf-8") if each.exists() else "" for each in said)
        assert not late, f"{arguments} should have ended within {_ENDS_WITHIN_S:g} s; it said {out + errors}"
        assert process.exitcode is not None
        return process.exitcode, out, errors


class Running:
    """A command that runs in a process of its own, with what tests use of `subprocess.Popen`."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], first: Callable[[], object] | None
    ) -> None:
        theirs_in, ours_in = Pipe(duplex=False)
        ours_out, theirs_out = Pipe(duplex=False)
        ours_errors, theirs_errors = Pipe(duplex=False)
        streams = theirs_in, theirs_out, theirs_errors
        self._process = fork(_be_piped, arguments, environment, streams, first)
        for each in streams:
            each.close()
        self.stdin, self.stdout, self.stderr = _text(ours_in, "w"), _text(ours_out, "r"), _text(ours_errors, "r")
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired("tillwatch", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, given: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Give it its input, and wait for its end: what it said since it was last read, on either stream."""
        said: dict[TextIO, str] = {}
        readers = [
            Thread(target=lambda each=each: said.update({each: each.read()}), daemon=True)
            for each in (self.stdout, self.stderr)
        ]
        for each in readers:
            each.start()
        try:
            if given:
                self.stdin.write(given)
            self.stdin.close()
        except BrokenPipeError:
            pass  # it ended before it had read all, which its exit code tells
        self.wait(timeout)
        for each in readers:
            each.join()
        out, errors = said[self.stdout], said[self.stderr]
        self.stdout.close()
        self.stderr.close()
        return out, errors


def _text(end: Connection, mode: str) -> TextIO:
    """The end of a pipe as a file."""
    with end:
        return os.fdopen(os.dup(end.fileno()), mode, encoding="utf-8")


def _be_piped(
    arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[Connection],
    first: Callable[[], object] | None,
) -> None:  # fmt: skip
    """Be `tillwatch` with these arguments and environment variables; its standard streams are pipes."""
    for number, (name, each) in enumerate(zip(("stdin", "stdout", "stderr"), streams, strict=True)):
        os.dup2(each.fileno(), number)
        each.close()
        mode, buffering = "w" if number else "r", 1 if name == "stderr" else -1  # as Python has them
        setattr(sys, name, open(number, mode, buffering, encoding="utf-8", closefd=False))  # noqa: SIM115
    _become(arguments, environment, first)


def _be(
    arguments: Sequence[str], environment: Mapping[str, str], said: tuple[Path, Path],
    first: Callable[[], object] | None,
) -> None:  # fmt: skip
    """Be `tillwatch` with these arguments and environment variables; what it says goes to two files."""
    for number, path in enumerate((Path(os.devnull), *said)):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    _become(arguments, environment, first)


def _become(
    arguments: Sequence[str], environment: Mapping[str, str], first: Callable[[], object] | None = None
) -> None:
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tillwatch", *arguments]
    if first is not None:
        first()
    main()

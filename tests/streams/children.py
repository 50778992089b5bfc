"""Code in another process, which is forked from one that has loaded everything: a fresh one would load for a second."""

from __future__ import annotations

import os
import sys
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.processes import fork

if TYPE_CHECKING:
    import signal
    from multiprocessing.connection import Connection

ROOT = Path(__file__).parents[2]


class Child:
    """A process that runs some code, with as much of `subprocess.Popen` as tests need.

    Attributes:
        stdout: what it prints.
    """

    def __init__(self, code: str) -> None:
        theirs_in, ours_in = Pipe(duplex=False)
        ours_out, theirs_out = Pipe(duplex=False)
        self._stdin = ours_in
        self._process = fork(_be, code, theirs_in, theirs_out)
        theirs_in.close()
        theirs_out.close()
        self.stdout = os.fdopen(os.dup(ours_out.fileno()), encoding="utf-8")
        ours_out.close()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, a signal's number below 0; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it as with `kill -9`, unless it has ended."""
        self._process.kill()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until it has ended; how it did. Raises TimeoutError if it does not in time."""
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise TimeoutError(f"a child should have ended within {timeout_s} s")
        return self._process.exitcode

    def communicate(self, timeout_s: float | None = None) -> str:
        """End its input, and wait until it has ended; what it printed and nobody has read."""
        self._stdin.close()
        with self.stdout:
            said = self.stdout.read()
        self.wait(timeout_s)
        return said


def _be(code: str, stdin: Connection, stdout: Connection) -> None:
    os.chdir(ROOT)
    for number, each in enumerate((stdin, stdout)):
        os.dup2(each.fileno(), number)
        each.close()
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    exec(compile(code, "<child>", "exec"), {"__name__": "__main__"})
    sys.stdout.flush()

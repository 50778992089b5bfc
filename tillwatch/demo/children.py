"""Processes that a command starts: they end with it, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_GRACE_S = 15.0


@dataclass(frozen=True, slots=True)
class Child:
    """A `tillwatch` process of ours.

    Attributes:
        name: what it is called in messages.
        process: the process; its standard input is a pipe that ends when this process does.
        errors: the file with its standard error.
    """

    name: str
    process: subprocess.Popen[str]
    errors: Path

    def check(self) -> bool:
        """Whether it is still running.

        Raises:
            ClickException: it failed; the message has its last words.
        """
        code = self.process.poll()
        if code:
            lines = self.errors.read_text(encoding="utf-8", errors="replace").splitlines()
            words = lines[-1].removeprefix("Error: ") if lines else "it said nothing"
            raise click.ClickException(f"the {self.name} ended with code {code}: {words} (see {self.errors})")
        return code is None

    def end(self) -> str:
        """End it, and return what it wrote to standard output. The second call does nothing."""
        if self.process.stdout is None or self.process.stdout.closed:
            return ""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            written, _ = self.process.communicate(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            written, _ = self.process.communicate()
        return written


@contextmanager
def child(
    name: str, arguments: Sequence[str], folder: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Child]:
    """Start `tillwatch` with `arguments`; it is ended when the block is left. `settings` go by the environment.

    It gets a process group of its own, so that Ctrl-C reaches this process alone, which ends it in order.
    """
    errors = folder / f"{name}.log"
    with errors.open("wb") as opened:
        process = subprocess.Popen(  # noqa: S603  ourselves
            [sys.executable, "-m", "tillwatch", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=opened,
            text=True,
            process_group=0,
            env={"TILLWATCH_HEALTH_PORT": "0", **os.environ, **settings},  # another worker may have the usual port
        )
    started = Child(name, process, errors)
    try:
        yield started
    finally:
        started.end()

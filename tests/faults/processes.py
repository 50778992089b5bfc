"""Worker processes: forked from one that has loaded everything, so that they start at once, and killed for good."""

from __future__ import annotations

import os
import signal
from contextlib import chdir
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from tests.faults.child import Did, Ending, Note, Order, read_notes, run
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.process import BaseProcess

    from streams.app import WorkerSettings
    from tests.faults.strikes import Strike

_ROOT = Path(__file__).parents[2]
_FORK, _FRESH = get_context("forkserver"), get_context("spawn")
_FORK.set_forkserver_preload(["pytest", "hypothesis", "tests.faults.warm"])


def fork(target: Callable[..., None], *args: object) -> BaseProcess:
    """Start `target` in a process forked from the warm one."""
    with chdir(_ROOT):  # where the fork server finds the modules
        forkserver.ensure_running()
    process = _FORK.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def fresh(target: Callable[..., None], *args: object, environment: Mapping[str, str]) -> BaseProcess:
    """Start `target` in a new interpreter with more environment variables; that takes seconds."""
    process = _FRESH.Process(target=target, args=args, daemon=True)
    with chdir(_ROOT):
        forkserver.ensure_running()  # and with it the resource tracker, which is not to get them
        before = os.environ.copy()
        os.environ.update(environment)
        try:
            process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
    return process


@dataclass(frozen=True)
class WorkerProcess:
    """A worker in a process of its own."""

    process: BaseProcess
    order: Order

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether it stands still, by SIGSTOP."""
        try:
            status = Path(f"/proc/{self.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return status.rpartition(")")[2].split()[0] == "T"

    def join(self, timeout_s: float) -> bool:
        """Wait until it has ended, at most so long; whether it has."""
        self.process.join(timeout_s)
        return not self.alive

    def kill(self) -> None:
        """Kill it as with `kill -9`, and wait until nothing is left of it."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        self.process.join(10)
        assert self.process.exitcode == -signal.SIGKILL, f"{self.order.name} should be killed, was {self.how()}"

    def stop(self) -> None:
        """Stop it where it is."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(lambda: self.stopped, f"{self.order.name} stands still")

    def wake(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def finish(self) -> Ending:
        """Ask it to end."""
        os.kill(self.pid, signal.SIGTERM)
        return self.ended()

    def ended(self, timeout_s: float = 60.0) -> Ending:
        """Wait until it ends by itself, and how it did."""
        assert self.join(timeout_s), f"{self.order.name} should have ended within {timeout_s:g} s; {self.how()}"
        assert self.order.ending.exists(), f"{self.order.name} should have ended by itself, was {self.how()}"
        return msgspec.json.decode(self.order.ending.read_bytes(), type=Ending)

    def said(self) -> str:
        """What it wrote to its output."""
        return self.order.said.read_text(errors="replace") if self.order.said.exists() else ""

    def how(self) -> str:
        """Its exit code and what it said last."""
        return f"stopped {self.stopped}, exit code {self.process.exitcode}, said:\n{self.said()[-2000:]}"

    def notes(self, did: Did | None = None) -> list[Note]:
        """What it has done so far, or those things of one kind."""
        return [note for note in read_notes(self.order.notes) if did in {None, note.did}]

    def reached(self) -> dict[int, int]:
        """By partition, the offset after the last batch that it published."""
        return {note.partition: note.last + 1 for note in self.notes(Did.PUBLISHED)}


class Fleet:
    """The worker processes of one test, each with a number; none outlives the block."""

    def __init__(self, folder: Path, settings: WorkerSettings, given: Mapping[str, object] | None = None) -> None:
        self.settings, self.given = settings, given or {}
        self._folder = folder
        self.workers: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill those that are left, also where they stand still."""
        for each in self.workers:
            each.process.kill()
            each.process.join()

    def start(
        self, *, until_idle: bool = False, strike: Strike | None = None, given: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> WorkerProcess:  # fmt: skip
        """Start a worker; with an `environment` in a new interpreter."""
        name = f"worker-{len(self.workers) + 1}"
        order = Order(
            settings=self.settings, folder=self._folder, name=name, until_idle=until_idle, strike=strike,
            given=self.given if given is None else given,
        )  # fmt: skip
        process = fork(run, order) if environment is None else fresh(run, order, environment=environment)
        self.workers.append(WorkerProcess(process, order))
        return self.workers[-1]

    def processed(self) -> Iterator[Note]:
        """Every batch that a worker processed."""
        return (note for each in self.workers for note in each.notes(Did.PROCESSED))

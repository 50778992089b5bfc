"""Pages as a reader follows them: files are written, commands are run, and what they print is compared.

A block with a `title` whose language is not `console` is a file. In a `console` block a line `$ command` is a command,
and what follows it is what it prints. There `…` stands for any characters, and alone on a line for any lines; how many
blanks stand between words does not matter. A last line `^C` ends the command with Ctrl-C once it has printed the rest.

A console block with a title is another terminal: its command goes on running, and a later block of that title without a
command is what it prints meanwhile.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PATIENCE_S = 90.0
_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ENVIRONMENT = ("export ", "cd ")
_INTERRUPT = "^C"


@dataclass(frozen=True)
class File:
    """A file that a reader writes."""

    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command that a reader gives, and the lines that it must print; in another terminal if that has a name."""

    command: str
    printed: list[str]
    terminal: str = ""

    @property
    def interrupted(self) -> bool:
        return self.printed[-1:] == [_INTERRUPT]


def steps(page: str) -> Iterator[File | Command]:
    """Files and commands of a page, in their order; a command without words is what a terminal prints meanwhile."""
    for language, title, body in _BLOCK.findall(page):
        if language == "console":
            yield from _commands(body, title)
        elif title:
            yield File(title, body)


def _commands(body: str, terminal: str) -> Iterator[Command]:
    first, *rest = re.split(r"^\$ ", body, flags=re.MULTILINE)
    if first:
        yield Command("", first.splitlines(), terminal)
    for each in rest:
        command, *printed = each.splitlines()
        yield Command(command, printed, terminal)


def pattern(expected: list[str]) -> re.Pattern[str]:
    """What matches the lines that are expected."""
    lines = [
        r"(?:.*\n)*?" if line.strip() == "…" else r"[ \t]+".join(map(_word, line.split())) + r"[ \t]*\n"
        for line in expected
        if line.strip() and line != _INTERRUPT
    ]
    return re.compile(r"[ \t]*" + r"\s*".join(lines))


def _word(word: str) -> str:
    return re.escape(word).replace("…", ".*?")


@dataclass
class Terminal:
    """A command that goes on running while the page goes on."""

    process: subprocess.Popen[bytes]
    output: Path
    read: int = 0

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def end(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Reader:
    """Follows a page in an empty folder.

    Attributes:
        folder: where the reader works.
        environment: of the commands.
    """

    folder: Path
    environment: Mapping[str, str]
    _said_before: list[str] = field(default_factory=list)
    _terminals: dict[str, Terminal] = field(default_factory=dict)

    def follow(self, page: str) -> int:
        """Do all that the page says, and return how many commands it has.

        Raises:
            AssertionError: something turned out otherwise.
        """
        count = 0
        try:
            for step in steps(page):
                if isinstance(step, File):
                    (self.folder / step.name).write_text(step.text, encoding="utf-8")
                    continue
                count += 1
                self._do(step)
        finally:
            for each in self._terminals.values():
                each.end()
        return count

    def _do(self, step: Command) -> None:
        if step.command.startswith(_ENVIRONMENT):
            self._said_before.append(step.command)
        elif not step.terminal and not step.interrupted:
            self._run(step)
        elif step.command:
            self._terminals[step.terminal] = self._start(step.command)
            self._await(step)
            if step.interrupted:
                self._terminals.pop(step.terminal).end()
        else:
            self._await(step)

    def _run(self, step: Command) -> None:
        ended = self._start(step.command)
        try:
            ended.process.wait(PATIENCE_S)
        finally:
            ended.end() if ended.process.poll() is None else None
        found = pattern(step.printed).fullmatch(ended.text().rstrip() + "\n" if ended.text().strip() else "")
        code = ended.process.returncode
        assert not code, f"$ {step.command}\nended with {code}:\n{ended.text()}"
        assert found, f"$ {step.command}\nmust print:\n" + "\n".join(step.printed) + f"\ngot:\n{ended.text()}"

    def _start(self, command: str) -> Terminal:
        output = self.folder / f".printed-{time.monotonic_ns()}"
        with output.open("wb") as printed:
            process = subprocess.Popen(
                ["bash", "-c", "\n".join(["set -e -o pipefail", *self._said_before, command])],
                cwd=self.folder, env=self.environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return Terminal(process, output)

    def _await(self, step: Command) -> None:
        terminal, expected = self._terminals[step.terminal], pattern(step.printed)

        def printed() -> bool:
            found = expected.search(terminal.text(), terminal.read)
            terminal.read = found.end() if found else terminal.read
            return found is not None

        try:
            wait_until(printed, "", PATIENCE_S, poll_s=0.1)
        except TimeoutError:
            rest = terminal.text()[terminal.read :]
            raise AssertionError(
                f"{step.terminal} must print:\n" + "\n".join(step.printed) + f"\ngot:\n{rest}"
            ) from None

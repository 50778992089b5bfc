"""The demonstration's casework: alerts are filed in a store of the folder, a console shows them, reps are told."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tillwatch.demo.children import Child, child
from tillwatch.demo.notices import telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tillwatch.settings import Settings

_STORE = "casework.db"
_LINK = re.compile(r"^https?://\S+$", re.MULTILINE)


@dataclass
class DemoConsole:
    """The processes that file, show and tell.

    Attributes:
        agent: files.
        console: shows.
        sender: tells.
        inbox: the page of what reps are told.
        link: signs in once; "" until the console says it.
    """

    agent: Child
    console: Child
    sender: Child
    inbox: str
    link: str = ""

    def check(self) -> None:
        """Look whether both run, and for the link.

        Raises:
            ClickException: one failed; the message has its last words.
        """
        for each in (self.agent, self.console, self.sender):
            each.check()
        if not self.link and (found := _LINK.search(self.console.errors.read_text(encoding="utf-8"))):
            self.link = found[0]


@contextmanager
def serving(common: Sequence[str], folder: Path, settings: Settings) -> Iterator[DemoConsole]:
    """The three processes, on a store of the folder; they end with the block."""
    given = {
        "TILLWATCH_CASEWORK_URL": f"sqlite:///{(folder / _STORE).resolve()}",
        "TILLWATCH_CASEWORK_PASSWORD_FILE": "",
    }
    given["TILLWATCH_CONSOLE_PORT"] = str(_free_port(settings.console_host, settings.console_port))
    with (
        child("casework", [*common, "casework", "file", "--tied"], folder, given) as agent,
        child("console", [*common, "console", "--demo", "--tied"], folder, given) as console,
        telling(common, folder, given) as (sender, inbox),
    ):
        yield DemoConsole(agent, console, sender, inbox)


def _free_port(host: str, wanted: int) -> int:
    """The port that is wanted, or where something listens on it any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (wanted, 0):
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((host, port))
            except OSError:
                continue
            found: int = tried.getsockname()[1]
            return found
    raise AssertionError("a system gives a free port")

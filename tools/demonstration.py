"""A console over what a demonstration has found, in a folder of its own, for pictures and measurements."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from casework.agent import FilingAgent
from casework.files import Files
from casework.logins import make_link
from casework.store import Store
from console.page import Console
from streams.log import now_utc_ms
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

ZONE = "Asia/Shanghai"


@contextmanager
def demonstration(seconds: int) -> Iterator[tuple[Console, SqliteLog]]:
    """A console whose store has the alerts that a demonstration of some seconds gave, and the log that they are in.

    None runs for 0 seconds: the store is empty.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = ["demo", "--for", str(seconds), "--json", "--folder", str(folder)]
        if seconds:
            command = [sys.executable, "-m", "tillwatch", *demo]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        path = folder / "tillwatch.db"
        with Store(f"sqlite:///{folder}/casework.db") as store, SqliteLog(path) as log:
            if not seconds:
                create_topics(log, 1)
            store.check_version(make=True)
            FilingAgent(store, log).file()
            yield Console(
                store=store, zone=ZONE, now_ms=now_utc_ms, files=Files(folder / "files"),
                open_log=lambda: SqliteLog(path),
            ), log  # fmt: skip


def sign_in(page: Page, address: str, store: Store, user_id: str) -> None:
    """Follow a user's link into the queue."""
    page.goto(f"{address}/login/{make_link(store, user_id, now_utc_ms(), 60_000)}")
    page.locator("main button").click()
    page.wait_for_url("**/queue")

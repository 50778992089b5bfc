"""Draws the pictures of the console in the documentation, from a demonstration and some work on its cases.

    python -m tools.draw_console

A demonstration of a minute runs in a folder of its own; its alerts are filed, and three cases are worked. Then Debian's
Chromium shows the pages of `PICTURES`, which are written to `docs/`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn
from playwright.sync_api import sync_playwright

from casework import decisions, operations, queue
from casework.agent import FilingAgent
from casework.files import Files
from casework.logins import make_link
from casework.people import SYSTEM, Actor, put_user
from casework.queue.filters import Filter
from casework.store import Store
from console.app import make_app
from console.page import Console
from streams.log import now_utc_ms
from streams.sqlite.log import SqliteLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext

FOLDER = Path(__file__).parents[1] / "docs"
PEOPLE = {
    "li.na": ("李娜 Li Na", ("analyst", "lead", "rule_editor", "admin")), "wang.wei": ("王伟 Wang Wei", ("analyst",)),
}  # fmt: skip


class Picture(NamedTuple):
    """A page, and the browser that shows it.

    Attributes:
        path: of the page; `{case}` and `{merchant}` are those at the head of the queue.
        lang: `en` or `zh`.
        is_dark: whether the system asks for dark pages.
        size: width and height of the window.
        keys: pressed once the page is there.
    """

    path: str
    lang: str = "en"
    is_dark: bool = False
    size: tuple[int, int] = (1280, 800)
    keys: str = ""


PICTURES = {
    "console-queue": Picture("/queue", keys="jjc"),
    "console-case": Picture("/cases/{case}"),
    "console-merchant": Picture("/merchants/{merchant}", "zh", is_dark=True, size=(1280, 1000)),
    "console-portfolio": Picture("/portfolio"),
    "console-phone": Picture("/queue", "zh", size=(390, 844)),
}


def main() -> None:
    """Draw them all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = ["demo", "--for", "60", "--json", "--folder", str(folder)]
        subprocess.run([sys.executable, "-m", "tillwatch", *demo], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        with Store(f"sqlite:///{folder}/casework.db") as store, SqliteLog(folder / "tillwatch.db") as log:
            store.check_version(make=True)
            FilingAgent(store, log).file()
            _work(store)
            console = Console(
                store=store, zone="Asia/Shanghai", now_ms=now_utc_ms, files=Files(folder / "files"),
            )  # fmt: skip
            with serving(console) as address:
                _draw(store, address)


def _work(store: Store) -> None:
    """What people did: one case is confirmed, one taken, one remarked on."""
    now_ms = now_utc_ms()
    for user_id, (name, roles) in PEOPLE.items():
        put_user(store, SYSTEM, user_id, name, roles, now_ms)
    wang = Actor("wang.wei", frozenset({"analyst"}))
    rows = queue.page(store, wang, Filter(), now_ms).rows
    decisions.decide(store, wang, rows[3].case_id, rows[3].version, "confirmed", "mcc", "签购单与登记不符", now_ms)
    operations.take(store, wang, rows[1].case_id, rows[1].version, now_ms)
    operations.comment(store, wang, rows[0].case_id, "已联系客户经理 / rep was asked", now_ms)


@contextmanager
def serving(console: Console) -> Iterator[str]:
    """The console on a free port of loopback; its address."""
    server = uvicorn.Server(uvicorn.Config(make_app(console), port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _draw(store: Store, address: str) -> None:
    row = queue.page(store, Actor("li.na", frozenset({"lead"})), Filter(), now_utc_ms()).rows[0]
    places: dict[str, Any] = {"case": row.case_id, "merchant": row.merchant_id}
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, picture in PICTURES.items():
            width, height = picture.size
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if picture.is_dark else "light",
            )
            context.add_cookies([{"name": "tillwatch_lang", "value": picture.lang, "url": address}])
            link = f"{address}/login/{make_link(store, 'li.na', now_utc_ms(), 60_000)}"
            _shoot(context, link, address + picture.path.format(**places), picture, FOLDER / f"{name}.png")
            context.close()
        browser.close()


def _shoot(context: BrowserContext, link: str, url: str, picture: Picture, file: Path) -> None:
    page = context.new_page()
    page.goto(link)
    page.locator("main button").click()
    page.wait_for_url("**/queue")
    page.goto(url)
    page.locator("#live.on").wait_for()
    for key in picture.keys:
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    page.wait_for_timeout(500)
    page.screenshot(path=file)


if __name__ == "__main__":
    main()

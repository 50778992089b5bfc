"""A console that serves, and a browser that uses it: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright
from uvicorn import Config

from casework.logins import make_link
from console.app import make_app
from console.server import Server
from tests.casework.world import NOW_MS
from tests.parts import Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from casework.store import Store
    from console.page import Console

CHROMIUM = "chromium"


@contextmanager
def serving(console: Console) -> Iterator[str]:
    """The console on a free port of loopback; its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # so that nobody is turned away before the server has started
        server = Server(Config(make_app(console), log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; raises Missing where there is none."""
    path = shutil.which(CHROMIUM)
    if path is None:
        raise Missing(f"{CHROMIUM} must be installed")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--lang=en"])
        try:
            yield browser
        finally:
            browser.close()


def errors_of(page: Page) -> list[str]:
    """What its scripts fail with, or say as an error, from now on."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    return said


def sign_in(page: Page, address: str, store: Store, user_id: str) -> None:
    """Follow a user's link into the queue."""
    page.goto(f"{address}/login/{make_link(store, user_id, NOW_MS, 60_000)}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/queue")


@contextmanager
def opening(
    browser: Browser, address: str, store: Store, *usual: str, timeout_ms: int
) -> Iterator[Callable[..., Page]]:  # fmt: skip
    """Opens live pages as a user; one whose scripts fail, or say an error without a usual word, fails the test."""
    opened: list[tuple[Page, list[str]]] = []

    def page_of(path: str = "/queue", user_id: str = "analyst", **context: Any) -> Page:
        page = browser.new_context(locale="en-US", **context).new_page()
        opened.append((page, errors_of(page)))
        page.set_default_timeout(timeout_ms)
        sign_in(page, address, store, user_id)
        if path != "/queue":
            page.goto(f"{address}{path}")
        page.locator("#live.on").wait_for()
        return page

    yield page_of
    for page, _ in opened:
        page.context.close()
    found = [each for _, said in opened for each in said if not any(word in each for word in usual)]
    assert found == [], found

"""Pages of reps in a browser: as wide as a phone's window, in both languages, without a complaint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from casework.agent import FilingAgent
from casework.logins import make_link
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS
from tests.console.browsing import errors_of
from tests.console.test_reps import fill

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from casework.store import Store

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize(
    ("who", "paths"),
    [
        ("rep", ("/shops", "/shops?show=due", "/visits")),
        ("lead", ("/reps?month=2026-10", "/reps?by=agent", "/visits?lat=31&lon=121&order=distance", "/shops?rep=rep")),
    ],
)  # fmt: skip
def test_pages_of_reps_are_as_wide_as_the_window_and_break_no_policy(
    who: str, paths: tuple[str, ...], locale: str, address: str, store: Store, tmp_path: Path, browser: Browser
) -> None:
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        fill(log)
        FilingAgent(store, log, lambda: NOW_MS).file()
    context = browser.new_context(locale=locale)
    page = context.new_page()
    said = errors_of(page)
    page.goto(f"{address}/login/{make_link(store, who, NOW_MS, 60_000)}")
    page.locator("main form button").first.click()
    page.wait_for_url(lambda url: "/login" not in url)
    for width_px in (1280, 390):
        page.set_viewport_size({"width": width_px, "height": 844})
        for path in paths:
            page.goto(address + path)
            page.get_by_role("heading", level=1).wait_for()
            too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert too_wide <= 0, (path, width_px)
    context.close()
    assert said == []

"""What only a browser shows of portfolio, search, reports and controls: charts, keys, widths, and no complaint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.console.browsing import errors_of, sign_in
from tests.console.filed import file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from casework.store import Store

pytestmark = pytest.mark.browser


@pytest.fixture
def open_page(address: str, browser: Browser, store: Store) -> Iterator[Callable[..., Page]]:
    """Opens a path as the lead; what the browser complains of fails the test."""
    context = browser.new_context()
    page = context.new_page()
    said = errors_of(page)
    sign_in(page, address, store, "lead")

    def opened(path: str, width_px: int = 1280) -> Page:
        page.set_viewport_size({"width": width_px, "height": 800})
        page.goto(address + path)
        return page

    yield opened
    context.close()
    assert said == []


@pytest.mark.parametrize("width_px", [1280, 390])
def test_pages_are_as_wide_as_the_window_and_break_no_policy(width_px: int, open_page: Callable[..., Page]) -> None:
    for path in (
        "/portfolio", "/portfolio/detectors", "/portfolio/paused", "/portfolio/policy", "/reports",
        "/reports/hand-over", "/reports/waiting", "/reports/recheck", "/controls", "/controls/engine", "/search?q=m",
        "/notices/templates",
    ):  # fmt: skip
        page = open_page(path, width_px)
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, path


def test_the_load_is_drawn_and_follows_the_windows_width(open_page: Callable[..., Page]) -> None:
    page = open_page("/portfolio")
    drawn = page.locator("#chart canvas")
    expect(drawn).to_be_visible()
    before = drawn.bounding_box()
    page.set_viewport_size({"width": 700, "height": 800})
    expect(page.locator("#chart .uplot")).to_have_css("width", re.compile(r"^6\d\dpx$"))
    after = drawn.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] < before["width"]
    page.get_by_text("As a table").click()
    assert page.get_by_role("rowheader").filter(has_text="2026-11-30").is_visible()


def test_hits_are_reached_by_keys(open_page: Callable[..., Page], store: Store, tmp_path: Path) -> None:
    file_more(store, tmp_path, shop("m1", "老王五金"), shop("m2", "老王金店"))
    page = open_page("/portfolio")
    page.keyboard.press("/")
    page.keyboard.type("老王")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=*")
    page.locator("h1").click()
    for key, name in (("j", "m1"), ("j", "m2"), ("j", "m2"), ("k", "m1")):
        page.keyboard.press(key)
        assert name in (page.locator(":focus").text_content() or "")

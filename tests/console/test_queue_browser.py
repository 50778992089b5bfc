"""The queue in a browser: by keyboard alone, beside others, and over a connection that comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from casework import operations
from casework.agent import FilingAgent
from casework.people import Actor
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, rows, write
from tests.console.browsing import opening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from console.page import Console

pytestmark = pytest.mark.browser
LI = Actor("lead", frozenset({"lead"}))


@pytest.fixture
def open_queue(address: str, browser: Browser, console: Console) -> Iterator[Callable[..., Page]]:
    """Opens the queue as a user; a page whose scripts fail or say an error fails the test."""
    with opening(browser, address, console.store, "409", "net::ERR", timeout_ms=10_000) as found:
        yield found


@pytest.fixture
def file(console: Console, tmp_path: Path) -> Callable[..., None]:
    def more(*values: object) -> None:
        with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
            write(log, *values)  # type: ignore[arg-type]
            FilingAgent(console.store, log, lambda: NOW_MS).file()

    return more


def test_a_case_is_taken_decided_and_undone_by_keyboard_alone(
    open_queue: Callable[..., Page], console: Console
) -> None:
    page = open_queue()
    page.keyboard.press("j")
    page.keyboard.press("t")
    page.locator("tr.cursor.mine").wait_for()
    page.keyboard.press("c")
    page.locator("#answer select:focus").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.type("slips compared")
    page.keyboard.press("Enter")
    page.get_by_text("confirmed", exact=False).first.wait_for()
    page.locator("#notices [data-undo]").wait_for()
    assert page.locator("tr.case").count() == 1
    page.keyboard.press("u")
    page.get_by_text("Taken back").wait_for()
    page.locator("tr.case").nth(1).wait_for()
    assert rows(console.store, "decisions", "comment") == [("slips compared",)]


def test_keys_wait_for_nothing_that_the_server_has_yet_to_say(
    open_queue: Callable[..., Page], console: Console
) -> None:
    page = open_queue()

    def slowly(route: Route) -> None:
        page.wait_for_timeout(150)
        route.continue_()

    page.route("**/cases/**", slowly)
    page.keyboard.press("j")
    for key in ("t", "c", "Enter", "Enter", "c", "Enter", "Enter", "u"):
        page.keyboard.press(key)
    page.get_by_text("Taken back").wait_for()
    page.unroute("**/cases/**")
    page.locator("tr.case").wait_for()
    page.locator("tr.sending").wait_for(state="detached")
    assert [each[0] for each in rows(console.store, "decisions", "verdict")] == ["confirmed", "confirmed"]
    assert len([each for each in rows(console.store, "decisions", "undone_ms") if each[0]]) == 1


def test_what_is_refused_is_there_again_to_be_mended(open_queue: Callable[..., Page], console: Console) -> None:
    page = open_queue()
    page.route("**/queue?**", lambda route: route.abort() if "x-live" in route.request.headers else route.continue_())
    page.keyboard.press("j")
    case_id = int(page.locator("tr.cursor").get_attribute("data-case") or 0)
    operations.take(console.store, LI, case_id, 1, NOW_MS)
    page.keyboard.press("f")
    page.keyboard.press("Enter")
    page.keyboard.type("asked the shop")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("lead holds it").wait_for()
    page.locator("#answer select:focus").wait_for()
    assert page.locator("#answer input[name=comment]").input_value() == "asked the shop"
    assert rows(console.store, "decisions") == []
    page.unroute("**/queue?**")


def test_of_two_analysts_the_slower_is_told_who_was_faster(open_queue: Callable[..., Page], console: Console) -> None:
    page = open_queue()
    page.route("**/queue?**", lambda route: route.abort() if "x-live" in route.request.headers else route.continue_())
    page.keyboard.press("j")
    case_id = int(page.locator("tr.cursor").get_attribute("data-case") or 0)
    operations.take(console.store, LI, case_id, 1, NOW_MS)
    page.keyboard.press("t")
    page.get_by_role("alert").get_by_text("held by lead").wait_for()
    page.unroute("**/queue?**")


def test_a_new_case_comes_without_moving_what_the_cursor_is_on(
    open_queue: Callable[..., Page], file: Callable[..., None]
) -> None:
    page = open_queue()
    page.keyboard.press("j")
    page.keyboard.press("j")
    before = page.locator("tr.cursor").bounding_box()
    file(alert("top", "m8", severity=0.99, loss=9_000_000))
    page.locator("#arrived").wait_for(state="visible")
    assert page.locator("tr.cursor").bounding_box() == before
    page.keyboard.press("g")
    page.locator("tr.case").nth(2).wait_for()


def test_without_a_cursor_a_new_case_appears_by_itself(
    open_queue: Callable[..., Page], file: Callable[..., None]
) -> None:
    page = open_queue()
    file(alert("top", "m8", severity=0.99))
    page.locator("tr.case").nth(2).wait_for()


def test_what_happened_offline_is_there_when_the_connection_is_back(
    open_queue: Callable[..., Page], file: Callable[..., None]
) -> None:
    page = open_queue()
    page.context.set_offline(True)
    file(alert("top", "m8", severity=0.99))
    page.context.set_offline(False)
    page.locator("tr.case").nth(2).wait_for()


@pytest.mark.parametrize("path", ["/queue", "/queue?city=Nowhere", "/settings"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_meets_nothing_serious(path: str, scheme: str, open_queue: Callable[..., Page]) -> None:
    page = open_queue(path=path, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    serious = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found
               if each["impact"] in {"serious", "critical"}]  # fmt: skip
    assert serious == []


def test_on_a_phone_nothing_is_cut_off(open_queue: Callable[..., Page]) -> None:
    page = open_queue(viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("tr.case").first.bounding_box()["width"] <= 390  # type: ignore[index]

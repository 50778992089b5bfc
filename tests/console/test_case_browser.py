"""The page of a case in a browser: by keyboard alone, beside others, and for those who do not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import select

from casework import filing, operations
from casework.agent import FilingAgent
from casework.people import Actor
from casework.schema import cases
from domain.readings import MerchantDays
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, rows, score, write
from tests.causes.world import FIRST, profile
from tests.console.browsing import opening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from casework.store import Store

pytestmark = pytest.mark.browser
LEAD = Actor("lead", frozenset({"lead"}))


@pytest.fixture
def case_id(store: Store, tmp_path: Path) -> int:
    """m1's case, with two alerts and days to be drawn."""
    days = MerchantDays(
        merchant_id=["m1"] * 2, day=["2024-12-31", "2025-01-01"], currency=["CNY"] * 2, score=[None] * 2,
        columns={"closed_sales": [9, 14], "closed_mcc_1": [5722, 8211], "closed_mcc_1_sales": [9, 14]},
    )  # fmt: skip
    with store.writing() as connection:
        filing.file_profiles(store, connection, [profile("m1", FIRST, name="Shop one", mccs=["5722"])], NOW_MS)
        filing.file_scores(store, connection, [score("m1", "D", 1)], NOW_MS)
        filing.file_days(store, connection, [days])
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        write(log, alert("d", detector="fee_over", severity=0.4))
        FilingAgent(store, log, lambda: NOW_MS).file()
    with store.reading() as connection:
        return int(connection.execute(select(cases.c.case_id).where(cases.c.merchant_id == "m1")).scalar_one())


@pytest.fixture
def open_page(address: str, browser: Browser, store: Store) -> Iterator[Callable[..., Page]]:
    """Opens a page as a user; one whose scripts fail or say an error fails the test."""
    with opening(browser, address, store, "409", timeout_ms=15_000) as found:
        yield found


def verdicts(store: Store) -> dict[str, str | None]:
    return dict(rows(store, "alerts", "alert_id", "verdict"))


def test_a_case_is_worked_by_keyboard_alone(case_id: int, store: Store, open_page: Callable[..., Page]) -> None:
    page = open_page(f"/cases/{case_id}")
    page.locator(".alertbox[open] .plot canvas").wait_for()
    page.keyboard.press("t")
    page.get_by_role("heading", name="Held by: you").wait_for()
    page.keyboard.press("m")
    page.keyboard.type("rang the shop")
    page.keyboard.press("Control+Enter")
    page.locator(".timeline .text", has_text="rang the shop").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.press("Tab")
    page.keyboard.type("two trades")
    page.keyboard.press("Control+Enter")
    page.locator(".fresh [data-undo]").wait_for()
    assert verdicts(store) == {"a": "confirmed", "b": None, "d": "confirmed"}
    page.keyboard.press("u")
    page.locator(".timeline", has_text="back").wait_for()
    assert verdicts(store) == {"a": None, "b": None, "d": None}


def test_chosen_alerts_are_decided_alone_and_others_unfold(
    case_id: int, store: Store, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"/cases/{case_id}")
    page.locator("#alert-d > summary").click()
    page.locator("#alert-d dl.strip").wait_for()
    page.get_by_role("checkbox", name="Choose the alert: Fee above contract").check()
    assert page.locator("#on-which").inner_text() == "On the 1 chosen alerts alone."
    page.keyboard.press("f")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+Enter")
    page.locator(".fresh").wait_for()
    assert verdicts(store) == {"a": None, "b": None, "d": "false_alarm"}
    assert page.locator("#alert-d").get_attribute("open") is not None


def test_what_others_do_is_said_in_a_bar_and_takes_nothing_that_is_being_written(
    case_id: int, store: Store, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"/cases/{case_id}")
    page.keyboard.press("c")
    page.keyboard.press("Tab")
    page.keyboard.type("half a sen")
    operations.take(store, LEAD, case_id, int(dict(rows(store, "cases", "case_id", "version"))[case_id]), NOW_MS)
    page.locator("#news", has_text="Lead: took the case").wait_for()
    assert page.evaluate("document.activeElement.value") == "half a sen"
    page.locator("#news [data-again]").click()
    page.get_by_role("heading", name="Held by: Lead").wait_for()
    assert page.locator("#give-confirmed textarea").input_value() == "half a sen"
    assert page.locator("#news").is_hidden()


@pytest.mark.usefixtures("case_id")
def test_the_queue_leads_from_case_to_case(open_page: Callable[..., Page]) -> None:
    page = open_page("/queue?lane=risk&holder=nobody")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*")
    first = page.url
    page.locator("#case").wait_for()
    page.keyboard.press("]")
    page.wait_for_url(lambda url: url != first)
    assert "holder=nobody" in page.url
    page.keyboard.press("[")
    page.wait_for_url(first)
    assert page.url == first


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_keeps_anybody_out(scheme: str, case_id: int, open_page: Callable[..., Page]) -> None:
    page = open_page(f"/cases/{case_id}", "lead", color_scheme=scheme)
    page.locator("#give-confirmed > summary").click()
    found = Axe().run(page)
    grave = [each for each in found.response["violations"] if each["impact"] in {"serious", "critical"}]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in grave] == []


def test_nothing_is_wider_than_a_phone(case_id: int, open_page: Callable[..., Page]) -> None:
    page = open_page(f"/cases/{case_id}", viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

"""A merchant's page in a browser: charts are drawn and followed by keys, views change without moving the rest."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from casework import filing
from domain.readings import MerchantDays
from tests.casework.world import NOW_MS, score
from tests.causes.world import FIRST, profile
from tests.console.browsing import errors_of, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from casework.store import Store

pytestmark = pytest.mark.browser
DAYS = 60


@pytest.fixture
def page(address: str, store: Store, browser: Browser) -> Iterator[Page]:
    """An analyst's page of m1, which has sixty days."""
    days = [(date(2025, 1, 1) + timedelta(days=each)).isoformat() for each in range(DAYS)]
    columns: dict[str, list[int | float | None]] = {
        "closed_sales": [*range(10, 10 + DAYS)], "expected_1d": [20.0] * DAYS, "expected_low_1d": [8.0] * DAYS,
        "expected_high_1d": [41.0] * DAYS, "closed_mcc_1": [5722] * DAYS, "closed_mcc_1_sales": [*range(10, 10 + DAYS)],
        "habit_night_share": [0.2] * DAYS, "closed_fee_minor": [60] * DAYS, "closed_minor": [10_000] * DAYS,
    }  # fmt: skip
    made = MerchantDays(
        merchant_id=["m1"] * DAYS, day=days, currency=["CNY"] * DAYS, score=[None] * DAYS, columns=columns
    )
    with store.writing() as connection:
        filing.file_profiles(store, connection, [profile("m1", FIRST, name="Shop", mccs=["5722"])], NOW_MS)
        filing.file_scores(store, connection, [score("m1", "C", 1)], NOW_MS)
        filing.file_days(store, connection, [made])
    found = browser.new_page()
    sign_in(found, address, store, "analyst")
    yield found
    found.close()


def test_charts_are_drawn_and_tell_a_day_to_those_who_use_keys(page: Page) -> None:
    said = errors_of(page)
    page.get_by_role("link", name="m1").first.click()
    page.locator("#chart-volume canvas").wait_for()
    assert page.locator("[data-chart] canvas").count() == page.locator("[data-chart]").count() >= 4
    page.locator("#chart-volume").focus()
    for key in ("End", "ArrowLeft"):
        page.keyboard.press(key)
    line = page.locator("figure:has(#chart-volume) .said")
    line.filter(has_text="sales 68").wait_for()
    assert "nine lawful days in ten 8–41" in line.inner_text()
    assert said == []


def test_another_view_changes_its_parts_and_leaves_the_rest(page: Page) -> None:
    said = errors_of(page)
    page.get_by_role("link", name="m1").first.click()
    page.locator("#days summary").click()
    assert page.locator("#days-table tbody tr").count() == DAYS
    page.get_by_role("link", name="30 days").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/merchants/m1?days=30")
    page.locator("#span-30[aria-current]").wait_for()
    assert page.locator("#days details[open] #days-table tbody tr").count() == 30
    assert page.evaluate("document.activeElement.id") == "span-30"
    page.locator("#as_of").fill("2024-01-01")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing was on file then").wait_for()
    assert "days=30" in page.url
    page.locator("#chart-mix canvas").wait_for()
    assert said == []


def test_columns_are_found_by_their_words(page: Page) -> None:
    page.get_by_role("link", name="m1").first.click()
    page.locator("#memory summary").click()
    page.get_by_label("Find").fill("fees")
    page.locator("#memory tbody tr:visible").filter(has_text="closed_fee_minor").wait_for()
    assert page.locator("#memory tbody tr:visible").count() == 1

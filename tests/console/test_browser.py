"""Pages in a browser: they sign in, show what is live, and break no policy of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from casework.logins import make_link
from tests.casework.world import NOW_MS
from tests.console.browsing import errors_of, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from console.page import Console

pytestmark = pytest.mark.browser


def test_a_link_leads_into_a_queue_that_says_it_is_live(address: str, browser: Browser, console: Console) -> None:
    page = browser.new_page()
    said = errors_of(page)
    sign_in(page, address, console.store, "analyst")
    page.locator("#live.on").wait_for()
    assert page.locator("tbody tr").count() == 2
    assert said == []
    page.close()


def test_a_table_of_users_is_looked_at_and_applied(address: str, browser: Browser, console: Console) -> None:
    page = browser.new_page()
    page.goto(f"{address}/login/{make_link(console.store, 'admin', NOW_MS, 60_000)}")
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{address}/users")
    table = b'user_id,name,roles\nanalyst,"Chen, Jing",analyst lead\n'
    page.set_input_files("input[type=file]", files=[{"name": "u.csv", "mimeType": "text/csv", "buffer": table}])
    page.get_by_role("button", name="Show what it changes").click()
    page.get_by_role("button", name="Apply", exact=True).click()
    page.wait_for_url(f"{address}/users")
    assert page.get_by_role("row", name="analyst").locator("td").all_inner_texts()[1:3] == [
        "Chen, Jing",
        "analyst, lead",
    ]
    page.close()

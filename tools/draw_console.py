"""Draws the pictures of the console in the documentation, from a demonstration and some work on its cases.

    python -m tools.draw_console

A demonstration of a minute runs in a folder of its own; its alerts are filed, and three cases are worked. Then Debian's
Chromium shows the pages of `PICTURES`, which are written to `docs/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from casework import decisions, operations, queue
from casework.people import SYSTEM, Actor, put_user
from casework.queue.filters import Filter
from streams.log import now_utc_ms
from tests.console.browsing import chromium, serving
from tools.demonstration import demonstration, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from casework.store import Store

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
    with demonstration(60) as (console, _):
        _work(console.store)
        with serving(console) as address, chromium() as browser:
            _draw(browser, console.store, address)


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


def _draw(browser: Browser, store: Store, address: str) -> None:
    row = queue.page(store, Actor("li.na", frozenset({"lead"})), Filter(), now_utc_ms()).rows[0]
    places: dict[str, Any] = {"case": row.case_id, "merchant": row.merchant_id}
    for name, picture in PICTURES.items():
        width, height = picture.size
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if picture.is_dark else "light"
        )
        context.add_cookies([{"name": "tillwatch_lang", "value": picture.lang, "url": address}])
        page = context.new_page()
        sign_in(page, address, store, "li.na")
        page.goto(address + picture.path.format(**places))
        _shoot(page, picture, FOLDER / f"{name}.png")
        context.close()


def _shoot(page: Page, picture: Picture, file: Path) -> None:
    page.locator("#live.on").wait_for()
    for key in picture.keys:
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    page.wait_for_timeout(500)
    page.screenshot(path=file)


if __name__ == "__main__":
    main()

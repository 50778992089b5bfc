"""Draws the pictures of the rep's guide: a rep opens a link on a phone and answers, an analyst reads the answer.

    python -m tools.draw_phone [FOLDER]

A store of its own has one shop with a case; Debian's Chromium shows the pages as WeChat's webview does. The pictures
are written to `docs/`, or to another folder.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw
from sqlalchemy import insert

from casework import filing
from casework.bodies import ms_of
from casework.files import Files
from casework.people import SYSTEM, Actor, put_user
from casework.schema import cases
from casework.store import Store
from casework.tasks import links, making
from console.page import Console
from domain.readings import Profile
from domain.timestamps import DAY_MS
from streams.log import now_utc_ms
from tests.console.browsing import chromium, serving
from tools.demonstration import sign_in
from tools.draw_console import FOLDER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LI = Actor("li.na", frozenset({"analyst"}))
SIZE = (390, 844)
AGENT = (
    "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile"
    " Safari/537.36 XWEB/1160117 MicroMessenger/8.0.49 Language/zh_CN"
)
SHOP = {
    "name": "旺角茶餐厅（淮河路店）", "short_name": "旺角茶餐厅", "address": "合肥市庐阳区淮河路步行街88号一层",
    "city": "合肥", "region": "安徽", "mccs": ["5812"], "rep_id": "zhang.min", "lat": 31.8693, "lon": 117.2857,
    "coord_sys": "gcj02", "currency": "CNY", "status": "active",
}  # fmt: skip


def main(folder: Path = FOLDER) -> None:
    """Draw them all."""
    with tempfile.TemporaryDirectory() as name, Store(f"sqlite:///{name}/casework.db") as store:
        store.check_version(make=True)
        case_id = _fill(store)
        console = Console(store=store, zone="Asia/Shanghai", now_ms=now_utc_ms, files=Files(Path(name) / "files"))
        with serving(console) as address, chromium() as browser:
            for lang in ("zh-CN", "en-GB"):
                _draw(browser, store, address, case_id, folder, lang)


def _fill(store: Store) -> int:
    """One shop of a rep with a case; the case's number."""
    now_ms = now_utc_ms()
    people = (("li.na", "李娜 Li Na", {"analyst", "lead"}), ("zhang.min", "张敏 Zhang Min", {"rep"}))
    for user_id, name, roles in people:
        put_user(store, SYSTEM, user_id, name, roles, now_ms)
    since = "2025-01-01T00:00:00.000Z"
    shop = Profile(
        merchant_id="898340158120002", kind="merchant", effective_from=since,
        fields={**SHOP, "effective_from": ms_of(since)},
    )  # fmt: skip
    with store.writing() as connection:
        filing.file_profiles(store, connection, [shop], now_ms)
        row = filing.new_case("merchant", is_aml=False, opened_by="li.na", now_ms=now_ms, merchant_id=shop.merchant_id)
        made = insert(cases).returning(cases.c.case_id)
        names = {"shop_name": SHOP["short_name"], "rep_id": "zhang.min", "city": SHOP["city"]}
        return int(connection.execute(made, row | names).scalar_one())


def _draw(browser: Browser, store: Store, address: str, case_id: int, folder: Path, lang: str) -> None:
    now_ms, ending = now_utc_ms(), "" if lang == "zh-CN" else "-en"
    text = "老板姓陈，下午三点后在店。" if lang == "zh-CN" else "The owner, Mr Chen, is in after 3 p.m."
    given = {"merchant_id": "898340158120002", "rep_id": "zhang.min", "case_id": case_id, "now_ms": now_ms}
    task_id = making.give(store, LI, kind="visit", due_ms=now_ms + 2 * DAY_MS, text=text, **given)  # type: ignore[arg-type]
    context = browser.new_context(
        viewport={"width": SIZE[0], "height": SIZE[1]}, device_scale_factor=1.5, is_mobile=True, has_touch=True,
        user_agent=AGENT, locale=lang,
    )  # fmt: skip
    page = context.new_page()

    def shoot(name: str, *, full: bool = False) -> None:
        page.evaluate("Promise.all([...document.images].map((each) => each.decode()))")
        page.screenshot(path=folder / f"phone-{name}{ending}.png", full_page=full)

    page.goto(f"{address}/phone/l/{links.link_for(store, LI, task_id, now_ms)}")
    shoot("link")
    page.locator("button.primary").tap()
    page.locator("#answer.folded").wait_for()
    shoot("task")
    _answer(page, shoot)
    page.locator(".bar button").tap()
    page.locator(".outcome").wait_for()
    shoot("answered", full=True)
    making.give(store, LI, kind="call", due_ms=now_ms + 5 * DAY_MS, **given)  # type: ignore[arg-type]
    page.goto(f"{address}/phone")
    shoot("list")
    context.close()
    _draw_case(browser, store, f"{address}/cases/{case_id}", folder / f"phone-case{ending}.png", lang)


def _answer(page: Page, shoot: Any) -> None:
    page.locator("input[value=differs][name=outcome]").check(force=True)
    page.locator("#all-yes").tap()
    page.locator("input[name=check_payer][value=differs]").check(force=True)
    page.locator("input[name=note_payer]").fill("由另一家公司付款 / another firm pays")
    for slot, words in (("shop_front", "旺角"), ("terminal_sn", "SN")):
        photo = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": _photo(words)}
        page.locator(f"input[name=photo_{slot}]").set_input_files(files=[photo])  # type: ignore[list-item]
        page.locator(f"[data-slot={slot}] figcaption.ok").wait_for()
    page.locator("input[name=finding_days][value='7']").check(force=True)
    page.locator(".nonce").scroll_into_view_if_needed()
    shoot("photos")


def _photo(words: str) -> bytes:
    """A drawing in the place of a photo: a front with a door and a sign."""
    made = Image.new("RGB", (1200, 900), "#8fa3ad")
    pen = ImageDraw.Draw(made)
    pen.rectangle((0, 640, 1200, 900), fill="#5f6b70")
    pen.rectangle((140, 140, 1060, 660), fill="#e9dcc3")
    pen.rectangle((180, 180, 1020, 300), fill="#a3312a" if words != "SN" else "#2b4c66")
    pen.rectangle((520, 360, 700, 660), fill="#5a4632")
    for x in (220, 780):
        pen.rectangle((x, 380, x + 220, 580), fill="#bcd3dc", outline="#5a4632", width=10)
    pen.rectangle((880, 700, 1080, 820), fill="#fbfaf2", outline="#999", width=4)
    pen.line((900, 730, 1060, 730), fill="#444", width=10)
    pen.line((900, 770, 1030, 770), fill="#444", width=10)
    written = io.BytesIO()
    made.save(written, "JPEG", quality=88)
    return written.getvalue()


def _draw_case(browser: Browser, store: Store, url: str, file: Path, lang: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale=lang)
    page = context.new_page()
    sign_in(page, url.partition("/cases")[0], store, "li.na")
    page.goto(url)
    page.locator("#tasks img").first.scroll_into_view_if_needed()
    page.evaluate("Promise.all([...document.querySelectorAll('#tasks img')].map((each) => each.decode()))")
    page.evaluate("document.querySelector('.top').remove()")
    page.locator("#tasks").screenshot(path=file)
    context.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

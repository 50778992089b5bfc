"""The rep's pages as WeChat's webview shows them: from the link to the answer, and on a network that is cut."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from casework.tasks import reading
from tests.casework.world import NOW_MS, rows
from tests.console.field import ANALYST, DAY_MS, give, link, open_shop, photo
from tests.console.test_phone import WECHAT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from casework.store import Store

pytestmark = pytest.mark.browser
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "user_agent": WECHAT, "locale": "zh-CN", "has_touch": True,
    "is_mobile": True,
}  # fmt: skip


@pytest.fixture
def task(store: Store, tmp_path: Path) -> int:
    open_shop(store, tmp_path)
    return give(store)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(**PHONE)
    page, failed = context.new_page(), list[str]()
    page.on("pageerror", lambda error: failed.append(str(error)))
    yield page
    context.close()
    assert failed == []


def open_task(page: Page, url: str) -> None:
    """Follow a link to its task, and wait for its script: before, the form is sent without it."""
    page.goto(url)
    page.get_by_role("button", name="知道了，打开任务").tap()
    page.wait_for_url("**/tasks/*")


def take_photo(page: Page, slot: str = "shop_front", data: bytes = b"") -> None:
    file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": data or photo()}
    page.locator(f"input[name=photo_{slot}]").set_input_files(files=[file])  # type: ignore[list-item]


def answered(store: Store, task_id: int) -> Any:
    found = reading.task(store, ANALYST, task_id, NOW_MS)
    assert found.answer is not None
    return found


def test_four_taps_and_a_photo_lead_from_the_link_to_the_answer(
    store: Store, address: str, task: int, page: Page
) -> None:
    open_task(page, address + link(store, task))
    page.get_by_label("与登记一致", exact=True).tap()
    page.get_by_role("button", name="逐项核对").tap()
    take_photo(page)
    expect(page.locator("[data-slot=shop_front] figcaption")).to_have_text("✓")
    page.get_by_role("button", name="提交反馈").tap()
    expect(page.get_by_role("heading", name="我的反馈")).to_be_visible()
    it = answered(store, task)
    assert it.answer.row.outcome == "as_registered"
    assert {each["said"] for each in it.answer.checks.values()} == {"ok"}
    assert (len(it.answer.checks), len(it.photos)) == (6, 1)
    page.reload()
    assert page.evaluate("localStorage.length") == 0, "the draft is gone with the answer"


def test_a_draft_outlives_the_page_and_photos_go_on_where_a_cut_has_stopped_them(
    store: Store, address: str, task: int, page: Page
) -> None:
    data = photo((1_500, 1_200), quality=100) + bytes(3 * 256 * 1024)
    parts, cut = list[str](), {"after": 2}

    def on_part(route: Route) -> None:
        if len(parts) >= cut["after"]:
            route.abort("internetdisconnected")
            return
        parts.append(route.request.url)
        route.continue_()

    open_task(page, address + link(store, task))
    page.route("**/photos/*/*", on_part)
    page.get_by_label("被同行切机", exact=True).tap()
    page.locator("#text").fill("换了别家机器")
    take_photo(page, data=data)
    expect(page.locator("#status")).to_contain_text("暂无网络")
    assert len(rows(store, "task_chunks", "number")) == 2
    page.reload()
    expect(page.locator("#text")).to_have_value("换了别家机器")
    expect(page.get_by_label("被同行切机")).to_be_checked()
    cut["after"] = 99
    expect(page.locator("[data-slot=shop_front] figcaption")).to_have_text("✓", timeout=20_000)
    assert len({*parts}) == len(parts), "no part that had come was sent again"
    assert len(parts) > 3
    page.get_by_role("button", name="提交反馈").tap()
    expect(page.get_by_role("heading", name="我的反馈")).to_be_visible()
    (kept,) = answered(store, task).photos
    assert kept.size == len(data)


def test_an_answer_that_a_cut_has_swallowed_is_sent_again_and_is_one(
    store: Store, address: str, task: int, page: Page
) -> None:
    cuts = list[str]()

    def on_answer(route: Route) -> None:
        if not cuts:  # it reaches the server, but what the server says does not come back
            cuts.append(route.fetch(max_redirects=0).headers["location"])
            route.abort("connectionreset")
        else:
            route.continue_()

    open_task(page, address + link(store, task))
    page.route("**/answer*", on_answer)
    page.get_by_label("歇业", exact=True).tap()
    page.locator("#text").fill("已关门")
    page.get_by_role("button", name="提交反馈").tap()
    expect(page.get_by_role("heading", name="我的反馈")).to_be_visible(timeout=20_000)
    assert cuts
    assert (len(rows(store, "task_answers")), len(rows(store, "visits"))) == (1, 1)


def test_a_second_phone_is_told_and_asked_to_sign_in(
    store: Store, address: str, task: int, page: Page, browser: Browser
) -> None:
    path = address + link(store, task)
    page.goto(path)
    page.get_by_role("button", name="知道了").tap()
    other = browser.new_context(**PHONE)
    second = other.new_page()
    second.goto(path)
    second.get_by_role("button", name="知道了").tap()
    expect(second.get_by_role("heading", name="此链接已在另一台手机打开")).to_be_visible()
    expect(second.get_by_role("link", name="登录")).to_be_visible()
    other.close()


def test_what_lacks_is_told_before_anything_is_sent(store: Store, address: str, task: int, page: Page) -> None:
    open_task(page, address + link(store, task))
    page.get_by_role("button", name="提交反馈").tap()
    expect(page.locator("#status")).to_have_text("请先选择走访结果。")
    page.get_by_label("淡季", exact=True).tap()
    page.get_by_role("button", name="提交反馈").tap()
    expect(page.locator("#status")).to_have_text("请至少附一张照片，或说明没有照片的原因。")
    take_photo(page, data=b"no picture")
    expect(page.locator("[data-slot=shop_front] figcaption")).to_have_text("此照片未能接收，请重新拍摄。")
    assert rows(store, "task_answers") == []


def test_a_position_is_sent_only_if_the_rep_adds_it_and_wechats_map_is_not_believed(
    store: Store, address: str, task: int, page: Page
) -> None:
    page.context.grant_permissions(["geolocation"], origin=address)
    page.context.set_geolocation({"latitude": 31.871, "longitude": 117.281, "accuracy": 25})
    open_task(page, address + link(store, task))
    page.get_by_role("button", name="附上我的位置").tap()
    expect(page.get_by_role("button", name="已附位置")).to_be_visible()
    page.get_by_label("装修", exact=True).tap()
    page.locator("#text").fill("装修中")
    page.get_by_role("button", name="提交反馈").tap()
    expect(page.get_by_role("heading", name="我的反馈")).to_be_visible()
    row = answered(store, task).answer.row
    assert (row.lat, row.coord_sys, row.radius_m) == (31.871, "", 800)
    page.get_by_role("button", name="删除位置").tap()
    expect(page.get_by_text("位置已删除")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_pages_fit_a_phone_and_a_screen_reader_finds_its_way(
    browser: Browser, store: Store, address: str, task: int, scheme: Any, locale: str
) -> None:
    give(store, kind="call", due_ms=NOW_MS + 1_000)
    context = browser.new_context(**PHONE | {"locale": locale, "color_scheme": scheme})
    page = context.new_page()
    page.goto(address + link(store, task))
    looked_at(page)
    page.locator("button.primary").tap()
    page.get_by_label("与登记不符" if locale == "zh-CN" else "Differs from what is registered").tap()
    take_photo(page)
    expect(page.locator("[data-slot=shop_front] figcaption")).to_have_text("✓")
    looked_at(page)
    page.locator("input[name=finding_days][value='7']").check(force=True)
    page.locator(".bar button").tap()
    expect(page.locator(".outcome")).to_be_visible()
    looked_at(page)
    for path in ("/phone", "/phone/shops", "/phone/shops/visits"):
        page.goto(f"{address}{path}")
        looked_at(page)
    context.close()


def looked_at(page: Page) -> None:
    """Nothing is cut off at the side, taps are large, and nothing keeps a screen reader out."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    small = page.evaluate(
        "[...document.querySelectorAll('button, .button, .tap, .camera, summary, textarea')].filter((each) =>"
        " each.offsetParent && !each.matches('.link, .evidence summary, button.small')"
        " && each.getBoundingClientRect().height < 44)"
        ".map((each) => each.outerHTML.slice(0, 80))"
    )
    assert small == []
    found = Axe().run(page).response["violations"]
    assert found == [], json.dumps([(each["id"], each["nodes"][0]["html"][:200]) for each in found], ensure_ascii=False)


def test_a_re_check_shows_what_was_before(store: Store, address: str, task: int, page: Page) -> None:
    open_task(page, address + link(store, task))
    page.get_by_label("与登记不符", exact=True).tap()
    take_photo(page)
    expect(page.locator("[data-slot=shop_front] figcaption")).to_have_text("✓")
    page.get_by_label("7天", exact=True).tap()
    page.get_by_role("button", name="提交反馈").tap()
    page.get_by_role("link", name="复查工单").tap()
    expect(page.get_by_role("heading", name="上次情况")).to_be_visible()
    image = page.locator("figure img").first
    expect(image).to_be_visible()
    assert image.evaluate("each => each.decode().then(() => each.naturalWidth)") > 0
    assert answered(store, task).task.row.finding_until_ms == NOW_MS + 7 * DAY_MS

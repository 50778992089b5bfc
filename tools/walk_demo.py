"""Walks through a demonstration as an analyst and two reps, with a picture of each step on a desk and on phones.

    python -m tools.walk_demo FOLDER ADDRESS INBOX

`tillwatch demo` runs beside it and prints both: ADDRESS is the link that signs an analyst in, INBOX the page of the
reps' phones. The pictures are written to FOLDER in Chinese and English: 390 px wide for reps, 1280 px for the analyst.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

REPS = 2
TOLD_TO_REPS = "volume_rise", "volume_burst", "volume_collapse", "anomaly", "compromised_point"
"""Detectors in whose cases a rep may be sent: the desk hears of those that a rep may stand behind."""
_WAIT_S = 120
_PHONE = re.compile(r"https?://\S+/phone/l/[\w-]+")


class Walk:
    """A walk.

    Args:
        browser: that shows.
        folder: gets the pictures.
        link: signs the analyst in.
        inbox: page of the reps' phones.
    """

    def __init__(self, browser: Browser, folder: Path, link: str, inbox: str) -> None:
        self._browser, self._folder, self._inbox = browser, folder, inbox
        self._address = link.partition("/login/")[0]
        self._desk = self._context(1280, 900)
        self._page = self._desk.new_page()
        self._page.goto(link)
        self._page.locator("main button").click()
        self._page.wait_for_url("**/queue*")
        self._steps = 0

    def run(self) -> None:
        """From the queue to two answers, and a task that is withdrawn."""
        self._both(self._page, "queue")
        known = len(self._messages())
        cases = self._cases()
        for case in cases[: 3 * REPS]:
            self._decide(case, "confirmed")
        phones = self._phones(known)
        for k, link in enumerate(phones):
            self._answer(link, f"rep-{k + 1}")
        self._page.goto(f"{self._address}/queue")
        self._take_back(str(self._page.locator("tr.case a.name").last.get_attribute("href")).partition("?")[0])
        self._page.goto(self._inbox)
        self._shoot(self._page, "inbox")
        for case in cases[:REPS]:
            self._page.goto(self._address + case)
            self._both(self._page, f"case-after-{case.rsplit('/', 1)[-1]}")
        for path in ("/notices", "/visits", "/reps"):
            self._page.goto(self._address + path)
            self._both(self._page, path.strip("/"))

    def _cases(self) -> list[str]:
        """Paths of cases of which a rep is told once they are confirmed."""
        found = []
        for detector in TOLD_TO_REPS:
            self._page.goto(f"{self._address}/queue?detector={detector}")
            links = self._page.locator("tr.case a.name")
            found += [str(links.nth(k).get_attribute("href")).partition("?")[0] for k in range(links.count())]
        return [*dict.fromkeys(found)]

    def _decide(self, case: str, verdict: str) -> None:
        self._page.goto(self._address + case)
        form = self._page.locator(f"#give-{verdict}")
        form.locator("summary").click()
        reason = form.locator("select[name=reason_code]")
        reason.select_option(index=reason.locator("option").count() - 1)
        form.locator("textarea[name=comment]").fill("到店核对 / look at the shop")
        form.locator("button.primary").click()
        self._page.locator(".past-decisions, .notice.done").first.wait_for()

    def _messages(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self._desk.request.get(f"{self._inbox}messages").json()
        return found

    def _phones(self, known: int) -> list[str]:
        """Links of notices to different reps, as they come."""
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            linked = [(each["to"], _PHONE.search(each["text"])) for each in self._messages()[known:]]
            by_rep = {to: match[0] for to, match in linked if match}
            if len(by_rep) >= REPS:
                return [*by_rep.values()][:REPS]
            time.sleep(1)
        raise SystemExit(f"within {_WAIT_S} s notices must come to {REPS} reps, got {len(by_rep)}")

    def _take_back(self, case: str) -> None:
        """A task that an analyst gives, and that a verdict ends while the rep has it open."""
        phone = self._context(390, 844, is_phone=True)
        page = phone.new_page()
        self._page.goto(self._address + case)
        form = self._page.locator("#give-task")
        form.locator("summary").click()
        form.locator("input[name=until]").fill(time.strftime("%Y-%m-%d", time.localtime(time.time() + 3 * 86_400)))
        with self._page.expect_response("**/tasks"):
            form.locator("form > button").click()
        self._page.reload()
        self._page.locator("#tasks form[action*='/link'] button").last.click()
        page.goto(self._page.locator("#notices input").input_value())
        self._tap(page, "button.primary")
        self._decide(case, "false_alarm")
        self._both(page, "task-taken-back")
        page.goto(f"{self._address}/phone")
        self._both(page, "list-taken-back")
        self._page.goto(self._address + case)
        self._both(self._page, "case-taken-back")
        phone.close()

    def _answer(self, link: str, name: str) -> None:
        phone = self._context(390, 844, is_phone=True)
        page = phone.new_page()
        page.goto(link)
        self._both(page, f"{name}-link")
        self._tap(page, "button.primary")
        if "/tasks/" not in page.url:
            self._both(page, f"{name}-list")
            self._tap(page, ".cards a")
            if page.locator("form[action*='/know']").count():
                self._tap(page, "form[action*='/know'] button")
        self._both(page, f"{name}-task")
        page.locator("input[value=as_registered][name=outcome]").check(force=True)
        page.locator("#all-yes").tap()
        page.locator("textarea[name=text]").fill("与店主核对无误 / all is well")
        page.locator(".bar button").tap()
        page.locator(".outcome").wait_for()
        self._both(page, f"{name}-answered")
        for path in ("/phone", "/phone/shops", "/phone/shops?show=declining", "/phone/shops/visits"):
            page.goto(self._address + path)
            self._both(page, f"{name}-{path.rpartition('/')[2].replace('?', '-')}")
        phone.close()

    def _tap(self, page: Page, what: str) -> None:
        """Tap what leads to another page."""
        with page.expect_navigation():
            page.locator(what).first.tap()

    def _context(self, width: int, height: int, *, is_phone: bool = False) -> BrowserContext:
        made = self._browser.new_context(
            viewport={"width": width, "height": height}, is_mobile=is_phone, has_touch=is_phone, locale="zh-CN"
        )
        made.set_default_timeout(20_000)
        return made

    def _both(self, page: Page, name: str) -> None:
        """A picture in each language; the page is as it was afterwards."""
        self._steps += 1
        for lang in ("en", "zh"):
            page.context.add_cookies([{"name": "tillwatch_lang", "value": lang, "url": self._address}])
            page.reload()
            self._shoot(page, f"{self._steps:02}-{name}-{lang}")

    def _shoot(self, page: Page, name: str) -> None:
        page.screenshot(path=self._folder / f"{name}.png", full_page=True)


def main(folder: str, link: str, inbox: str) -> None:
    """Walk."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        Walk(browser, Path(folder), link, inbox).run()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""An analyst's hour at the console, by keyboard alone, and how smooth the queue is meanwhile.

    python -m bench.analyst_hour [CASES [UPDATES_PER_S [DEMONSTRATION_S]]]

A demonstration runs in a folder of its own, and alerts are added until there are so many cases. Chromium works them,
every other one in the queue and the rest on its page. Printed is how long the console takes for each, from the first
key to the answer: an analyst's own thinking is not in it. Then the queue is left open while so many cases a second
change, and frames and long tasks are counted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from typing import TYPE_CHECKING

import uvicorn
from playwright.sync_api import sync_playwright

from casework import operations, queue
from casework.agent import FilingAgent
from casework.errors import Refused
from casework.files import Files
from casework.logins import make_link
from casework.people import SYSTEM, Actor, put_user
from casework.queue.filters import Filter
from casework.store import Store
from console.app import make_app
from console.page import Console
from streams.log import now_utc_ms
from streams.sqlite.log import SqliteLog
from tests.casework.world import alert, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

LEAD = Actor("wang.wei", frozenset({"lead"}))
WATCH_S = 20
_COUNT = """
window.frames_ms = []; window.long_ms = [];
new PerformanceObserver((list) => list.getEntries().forEach((each) => window.long_ms.push(each.duration)))
  .observe({ entryTypes: ["longtask"] });
let last = performance.now();
const frame = (now) => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""


def main(cases: int, updates_per_s: int, demo_s: int) -> None:
    """Work the cases, watch the queue, and print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = ["demo", "--for", str(demo_s), "--json", "--folder", str(folder)]
        subprocess.run([sys.executable, "-m", "tillwatch", *demo], check=True, stdout=subprocess.DEVNULL)
        with Store(f"sqlite:///{folder}/casework.db") as store, SqliteLog(folder / "tillwatch.db") as log:
            store.check_version(make=True)
            agent = FilingAgent(store, log)
            agent.file()
            found = queue.count_and_money(store, LEAD, Filter(), now_utc_ms()).cases
            write(log, *(alert(f"hour-{i}", f"hour-{i}", severity=0.2 + i % 7 / 10) for i in range(cases - found)))
            agent.file()
            print(f"{found} cases of the demonstration, {max(0, cases - found)} added")
            put_user(store, SYSTEM, "li.na", "李娜", ("analyst",), now_utc_ms())
            console = Console(store=store, zone="Asia/Shanghai", now_ms=now_utc_ms, files=Files(folder / "files"))
            with _serving(console) as address, _browser() as page:
                _sign_in(page, address, store)
                _report(_work(page, min(cases, 30)))
                _watch(page, address, store, updates_per_s)


@contextmanager
def _browser() -> Iterator[Page]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser.new_page(locale="en-US", viewport={"width": 1280, "height": 800})
        browser.close()


@contextmanager
def _serving(console: Console) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(make_app(console), port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _sign_in(page: Page, address: str, store: Store) -> None:
    page.goto(f"{address}/login/{make_link(store, 'li.na', now_utc_ms(), 60_000)}")
    page.locator("main button").click()
    page.locator("#live.on").wait_for()


def _work(page: Page, cases: int) -> dict[str, list[float]]:
    """Seconds by what was done."""
    took: dict[str, list[float]] = {"in the queue": [], "on its page": [], "of that, until it is open": []}
    for i in range(cases):
        page.keyboard.press("k" if i else "j")
        row = page.locator("tr.cursor")
        case_id = row.get_attribute("data-case")
        began = time.perf_counter()
        if i % 2 == 0:
            for key in ("t", "cfld"[i // 2 % 4], "Enter"):
                page.keyboard.press(key)
            page.keyboard.type("slips compared, shop asked")
            page.keyboard.press("Enter")
            page.locator("#notices").get_by_text(f"Case {case_id}: ").wait_for()
            took["in the queue"].append(time.perf_counter() - began)
        else:
            page.keyboard.press("Enter")
            page.locator(f"#case[data-case='{case_id}']").wait_for()
            page.locator("#live.on").wait_for()
            took["of that, until it is open"].append(time.perf_counter() - began)
            page.keyboard.press("t")
            page.locator("#take").wait_for(state="detached")
            page.keyboard.press("f")
            page.keyboard.press("Tab")
            page.keyboard.type("usual here")
            page.keyboard.press("Control+Enter")
            page.locator("#case .notice [data-undo], #case .waits").first.wait_for()
            took["on its page"].append(time.perf_counter() - began)
            page.keyboard.press("q")
            page.wait_for_url("**/queue*")
            page.locator("#live.on").wait_for()
    return took


def _report(took: dict[str, list[float]]) -> None:
    for what, seconds in took.items():
        print(f"{what}: {len(seconds)} cases, seconds: median {median(seconds):.2f}, most {max(seconds):.2f}")


def _watch(page: Page, address: str, store: Store, per_s: int) -> None:
    page.goto(f"{address}/queue")
    page.locator("#live.on").wait_for()
    page.keyboard.press("j")
    ends, done = Event(), [0]
    changing = Thread(target=_change, args=(store, per_s, ends, done))
    changing.start()
    page.evaluate(_COUNT)
    page.wait_for_timeout(WATCH_S * 1000)
    frames: list[float] = page.evaluate("window.frames_ms.slice(1)")
    long: list[float] = page.evaluate("window.long_ms")
    ends.set()
    changing.join()
    cuts = quantiles(frames, n=100)
    print(
        f"{done[0] / WATCH_S:.0f} changes a second: {len(frames) / WATCH_S:.0f} frames a second, ms between two: median"
        f" {cuts[49]:.0f}, p99 {cuts[98]:.0f}; {len(long)} tasks above 50 ms, the longest {max(long, default=0):.0f} ms"
    )


def _change(store: Store, per_s: int, ends: Event, done: list[int]) -> None:
    """Take and give back cases, one after the other."""
    rows = queue.page(store, LEAD, Filter(), now_utc_ms(), most=50).rows
    began = time.monotonic()
    while not ends.is_set():
        row = rows[done[0] // 2 % len(rows)]
        try:
            if done[0] % 2:
                operations.release(store, LEAD, row.case_id, now_utc_ms())
            else:
                (now,) = queue.rows_of(store, LEAD, [row.case_id], now_utc_ms())
                operations.take(store, LEAD, row.case_id, now.version, now_utc_ms())
        except Refused as refusal:
            print(refusal, file=sys.stderr)
        done[0] += 1
        ends.wait(max(0.0, began + done[0] / per_s - time.monotonic()))


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*given, *(30, 50, 120)[len(given) :])

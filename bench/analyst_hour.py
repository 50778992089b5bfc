"""An analyst's hour at the console, by keyboard alone, and how smooth the queue is meanwhile.

    python -m bench.analyst_hour [CASES [UPDATES_PER_S [DEMONSTRATION_S]]]

A demonstration runs in a folder of its own, and alerts are added until there are so many cases. Chromium works 30 of
them, every other one in the queue and the rest on its page. Printed is how long the console takes for each, from the
first key to the answer: an analyst's own thinking is not in it. Then the queue is left open while so many cases a
second change: frames, long tasks, keys and moves of the row under the cursor are counted.
"""

from __future__ import annotations

import sys
import time
from statistics import median, quantiles
from threading import Event, Thread
from typing import TYPE_CHECKING

from casework import operations, queue
from casework.agent import FilingAgent
from casework.people import SYSTEM, Actor, put_user
from casework.queue.filters import Filter
from streams.log import now_utc_ms
from tests.casework.world import alert, write
from tests.console.browsing import chromium, serving
from tools.demonstration import demonstration, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from casework.store import Store

LEAD = Actor("wang.wei", frozenset({"lead"}))
WATCH_S = 20
"""How long the queue is watched: half of it with hands off, half with a key every 300 ms."""
_COUNT = """
window.frames_ms = []; window.long_ms = []; window.keys_ms = []; window.seen = []; window.moves = 0; window.hands_off = true;
const watch = (type, options, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, ...options });
watch("longtask", {}, (each) => window.long_ms.push(each.duration));
watch("event", { durationThreshold: 16 }, (each) => each.name === "keydown" && window.keys_ms.push(each.duration));
new MutationObserver(() => {
  for (const { dataset } of document.querySelectorAll("#rows tr.case")) window.seen.push([Number(dataset.case), Number(dataset.version), Date.now()]);
}).observe(document.getElementById("rows"), { childList: true });
let last = performance.now(), top = null;
const frame = (now) => {
  window.frames_ms.push(now - last); last = now;
  const at = document.querySelector("tr.cursor")?.getBoundingClientRect().top ?? null;
  if (window.hands_off && top !== null && at !== top) window.moves += 1;
  top = at;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""  # noqa: E501


def main(cases: int, updates_per_s: int, demo_s: int) -> None:
    """Work the cases, watch the queue, and print the figures."""
    with demonstration(demo_s) as (console, log):
        store = console.store
        found = queue.count_and_money(store, LEAD, Filter(), now_utc_ms()).cases
        write(log, *(alert(f"hour-{i}", f"hour-{i}", severity=0.2 + i % 7 / 10) for i in range(cases - found)))
        FilingAgent(store, log).file()
        print(f"{found} cases of the demonstration, {max(0, cases - found)} added")
        put_user(store, SYSTEM, "li.na", "李娜", ("analyst",), now_utc_ms())
        with serving(console) as address, chromium() as browser:
            page = browser.new_page(locale="en-US", viewport={"width": 1280, "height": 800})
            sign_in(page, address, store, "li.na")
            page.locator("#live.on").wait_for()
            _report(_work(page, min(cases, 30)))
            _watch(page, address, store, updates_per_s)


def _work(page: Page, cases: int) -> dict[str, list[float]]:
    """Seconds by what was done."""
    took: dict[str, list[float]] = {"in the queue": [], "on its page": [], "of that, until it is open": []}
    for i in range(cases):
        page.keyboard.press("n")
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
    for _ in range(5):
        page.keyboard.press("j")
    page.evaluate(_COUNT)
    ends = Event()
    changes: list[tuple[int, int, int]] = []
    changing = Thread(target=_change, args=(store, per_s, ends, changes))
    changing.start()
    page.wait_for_timeout(WATCH_S * 500)
    page.evaluate("window.hands_off = false")
    presses = round(WATCH_S / 2 / 0.3)
    for i in range(presses):
        page.keyboard.press("jk"[i // 5 % 2])
        page.wait_for_timeout(300)
    ends.set()
    changing.join()
    page.wait_for_timeout(2_000)
    frames, long, keys, moves = page.evaluate(
        "[window.frames_ms.slice(1), window.long_ms, window.keys_ms, window.moves]"
    )
    cuts = quantiles(frames, n=100)
    print(f"{len(changes) / (sum(frames) / 1000 - 2):.0f} changes a second")
    rate = 1000 * len(frames) / sum(frames)
    print(f"{rate:.0f} frames a second, ms between two: p99 {cuts[98]:.0f}, most {max(frames):.0f}")
    print(f"{len(long)} tasks above 50 ms, the longest {max(long, default=0):.0f} ms")
    print(f"the row under the cursor moved in {moves} frames of {WATCH_S // 2} s with hands off")
    print(f"{presses} keys: {len(keys)} were painted after 16 ms or more, the last after {max(keys, default=0):.0f} ms")
    took = quantiles(_shown_after(changes, page.evaluate("window.seen")), n=20)
    print(f"a change is seen after ms: median {took[9]:.0f}, p95 {took[18]:.0f}")


def _shown_after(changes: list[tuple[int, int, int]], seen: list[tuple[int, int, int]]) -> list[int]:
    """By change that was seen how long it took, ms; `seen` is in the order of time."""
    by_case: dict[int, list[tuple[int, int]]] = {}
    for case_id, version, time_ms in seen:
        by_case.setdefault(case_id, []).append((version, time_ms))
    found = (
        next((at - time_ms for has, at in by_case.get(case_id, ()) if has >= version), None)
        for case_id, version, time_ms in changes
    )
    return [each for each in found if each is not None]


def _change(store: Store, per_s: int, ends: Event, changes: list[tuple[int, int, int]]) -> None:
    """Take and give back cases, one after the other; `changes` gets case, version and time of each."""
    rows = [each for each in queue.page(store, LEAD, Filter(), now_utc_ms(), most=50).rows if each.holder is None]
    versions = {each.case_id: each.version for each in rows}
    began = time.monotonic()
    while not ends.is_set():
        case_id = rows[len(changes) // 2 % len(rows)].case_id
        if len(changes) % 2:
            operations.release(store, LEAD, case_id, now_utc_ms())
        else:
            operations.take(store, LEAD, case_id, versions[case_id], now_utc_ms())
        versions[case_id] += 1
        changes.append((case_id, versions[case_id], now_utc_ms()))
        ends.wait(max(0.0, began + len(changes) / per_s - time.monotonic()))


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*given, *(80, 50, 120)[len(given) :])

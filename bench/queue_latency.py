"""How long it takes from a sale to its row in an analyst's browser: `python -m bench.queue_latency [PROBES]`.

A worker, the filing agent and the console run as processes of their own on an embedded log; Chromium has the queue
open. Sales are sent at 200 a second, whatever becomes of them; each 200th is the first of a merchant, under an MCC that
is not its own. From when such a sale was due to be sent until its row stands in the page is what counts.
"""

from __future__ import annotations

import re
import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread

from playwright.sync_api import sync_playwright

from streams.log import now_utc_ms
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.kafka.ports import free_ports
from tillwatch.demo.children import child
from tillwatch.stress.load import Plan, Sender, put_merchants

_RATE, _EACH = 200, 200
_WATCH = """
window.seen = {};
new MutationObserver(() => {
  for (const row of document.querySelectorAll("#rows tr.case .mono"))
    window.seen[row.textContent.trim()] ??= Date.now();
}).observe(document.getElementById("rows"), { childList: true, subtree: true });
"""


def main(probes: int) -> None:
    """Measure, and print the quantiles."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        log = running.enter_context(SqliteLog(folder / "tillwatch.db"))
        create_topics(log, 4)
        plan = replace(Plan.of(1, _RATE, probes * _EACH / _RATE), probe_every=_EACH)
        put_merchants(log, plan.merchants(), now_utc_ms())
        (port,) = free_ports(1)
        given = {"TILLWATCH_CASEWORK_URL": f"sqlite:///{folder}/casework.db", "TILLWATCH_CASEWORK_HEALTH_PORT": "0"}
        common = ["--log-url", f"sqlite:///{folder}/tillwatch.db"]
        worker = running.enter_context(child("worker", [*common, "worker", "--tied"], folder))
        agent = running.enter_context(child("casework", [*common, "casework", "file", "--tied"], folder, given))
        asked = [*common, "console", "--demo", "--tied", "--port", str(port)]
        console = running.enter_context(child("console", asked, folder, given))
        link = ""
        while not link:
            time.sleep(0.2)
            console.check()
            found = re.search(r"^http\S+", console.errors.read_text(encoding="utf-8"), re.MULTILINE)
            link = found[0] if found and _answers(port) else ""
        _measure(log, plan, link)
        worker.check()
        agent.check()


def _measure(log: SqliteLog, plan: Plan, link: str) -> None:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(link)
        page.locator("main button").click()
        page.locator("#live.on").wait_for()
        page.evaluate(_WATCH)
        time.sleep(10)  # the worker has compiled and read master data by then
        began_s, began_ms = time.monotonic() + 0.5, now_utc_ms() + 500
        sending = Thread(target=Sender(log, plan, 0.02).run, args=(began_s, began_ms, Event()))
        sending.start()
        while sending.is_alive():
            page.wait_for_timeout(200)  # its own loop must go on
        page.wait_for_timeout(5_000)
        seen: dict[str, int] = page.evaluate("window.seen")
        browser.close()
    due = {
        plan.merchant(n): began_ms + round(plan.intended_s(n) * 1000) for n in range(0, plan.count, plan.probe_every)
    }
    took = sorted(seen[each] - ms for each, ms in due.items() if each in seen)
    if len(took) < 2:
        print(f"{len(took)} of {len(due)} rows came")
        return
    cuts = quantiles(took, n=20)
    print(f"{len(took)} of {len(due)} rows came; ms: median {cuts[9]:.0f}, p95 {cuts[18]:.0f}, most {took[-1]}")


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)

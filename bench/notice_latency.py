"""How long it takes from a decision to the channel: `python -m bench.notice_latency [DECISIONS] [STANDING ...]`.

`tillwatch notify` runs as a process of its own on a store of SQLite with so many alerts that stand (by default 1,000
and 10,000), all told of before, and has a robot of WeCom that answers on this machine. An analyst confirms an alert
each second; the route waits for no others. From before the decision until the robot has the notice is what counts. The
lines before say what one look of the planner takes in this process, at the same moment of the store.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select, text

from bench.casework_made import NOW_MS, Made, fill
from casework.decisions import decide
from casework.people import SYSTEM, Actor, put_user
from casework.schema import alerts, audit_head, cases, facts
from casework.store import Store
from notices.outbox import by_status
from notices.plan import LOOK_EVERY_MS, Planner
from notices.routing.reading import parse_routing
from notices.states import PENDING
from streams.log import now_utc_ms
from tillwatch.demo.children import child

if TYPE_CHECKING:
    from collections.abc import Iterator

LI = Actor("li", frozenset({"analyst"}))
LOOKS = 10
PATIENCE_S = 120
CASE = re.compile(r"/cases/(\d+)")
ROUTING = """\
desk: risk
receivers: {risk: {to: desk, channels: [robot]}}
route:
  receiver: risk
  group_wait: 0s
  routes:
    - {match: {verdict: confirmed}, receiver: risk, group_by: [merchant], group_wait: 0s}
"""
"""What is confirmed is told by merchant, so that the shop of each notice is known; all else is told once, together."""


@contextmanager
def robot(heard: list[tuple[float, str]]) -> Iterator[str]:
    """A robot that takes everything, and notes when; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            words = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append((time.monotonic(), words))
            body = b'{"errcode": 0, "errmsg": "ok"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/send"
        finally:
            server.shutdown()
            thread.join()


def filled(folder: Path, standing: int) -> Store:
    """A store in which so many alerts stand, filed within the last days."""
    store = Store(f"sqlite:///{folder}/casework.db")
    store.check_version(make=True)
    fill(store, Made(standing * 10 // 6, standing * 10 // 6, 1))
    with store.writing() as connection:
        past_ms = now_utc_ms() - NOW_MS
        for table, columns in (("cases", ("opened_ms", "open_since_ms", "due_ms")), ("alerts", ("filed_ms",)),
                               ("decisions", ("decided_ms",))):  # fmt: skip
            moved = ", ".join(f"{each} = {each} + {past_ms}" for each in columns)
            connection.execute(text(f"UPDATE {table} SET {moved}"))
    put_user(store, SYSTEM, "li", "Li", ("analyst",), now_utc_ms())
    return store


def look_s(store: Store) -> tuple[int, float]:
    """How many alerts the first look told of, and the median time of the looks after it, seconds."""
    planner, now_ms, took = Planner(store, parse_routing(ROUTING)), now_utc_ms(), []
    told = sum(len(ids) for each in planner.look(now_ms) for ids in each.alert_ids)
    for k in range(1, LOOKS + 1):
        began = time.perf_counter()
        planner.look(now_ms + k * LOOK_EVERY_MS)
        took.append(time.perf_counter() - began)
    return told, median(took)


def settled(store: Store) -> None:
    """Wait until the sender has looked at all that was done, and nothing waits to be sent; at most two minutes."""
    until_s = time.monotonic() + PATIENCE_S
    planned = select(facts.c.value).where(facts.c.name == "notices_planned")
    while time.monotonic() < until_s:
        time.sleep(1.0)
        with store.reading() as connection:
            waits = by_status(connection)[PENDING]
            seen = msgspec.json.decode(connection.execute(planned).scalar() or "{}").get("entry_id", -1)
            if not waits and seen >= connection.execute(select(audit_head.c.entry_id)).scalar_one():
                return
    raise SystemExit(f"the sender must have sent all within {PATIENCE_S} s, and has not")


def confirmed(store: Store, decisions: int, heard: list[tuple[float, str]]) -> list[float]:
    """Confirm so many alerts, one each second; by alert, the seconds until the robot had its notice."""
    statement = (
        select(cases.c.case_id, cases.c.version)
        .join(alerts, alerts.c.case_id == cases.c.case_id)
        .where(
            cases.c.status == "open", ~cases.c.is_aml, cases.c.snoozed_until_ms.is_(None), alerts.c.verdict.is_(None)
        )
        .where(cases.c.holder.is_(None), alerts.c.detector != "mcc_jump")
    )
    with store.reading() as connection:
        chosen = connection.execute(statement.order_by(cases.c.case_id).limit(decisions)).all()
    began = {}
    for each in chosen:
        began[each.case_id] = time.monotonic()
        decide(store, LI, each.case_id, each.version, "confirmed", "fit-01", "seen", now_utc_ms())
        time.sleep(1.0)
    settled(store)
    told = ((at, {int(each) for each in CASE.findall(words)}) for at, words in heard)
    first: dict[int, float] = {}
    for at, ids in sorted(told, key=lambda each: each[0]):
        for case_id in ids & began.keys():
            if at >= began[case_id]:
                first.setdefault(case_id, at)
    return [at - began[case_id] for case_id, at in first.items()]


def measure(standing: int, decisions: int) -> None:
    """Measure at so many alerts that stand, and print it."""
    heard: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory() as name, robot(heard) as url:
        folder = Path(name)
        with filled(folder, standing) as store:
            told, took_s = look_s(store)
            load = os.getloadavg()[0]
            print(f"{told:,} alerts stand: a look takes {took_s * 1000:.0f} ms (median of {LOOKS}, load {load:.1f})")
            (folder / "key").write_text("key-of-the-robot-0123456789")
            (folder / "key").chmod(0o600)
            (folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
            (folder / "tillwatch.toml").write_text(
                f'casework_url = "sqlite:///{folder}/casework.db"\nnotices_routing = "{folder}/routing.yaml"\n'
                f'notices_health_port = 0\n[channels.robot]\nkind = "wecom"\nurl = "{url}"\nhosts = "127.0.0.1"\n'
                f'loopback = true\nkey_file = "{folder}/key"\nper_minute = 1000\n',
                encoding="utf-8",
            )
            asked = ["--config", str(folder / "tillwatch.toml"), "notify", "--tied"]
            with child("sender", asked, folder) as sender:
                settled(store)  # it has started, and sent what was told before
                found = sorted(confirmed(store, decisions, heard))
                sender.check()
    if len(found) < decisions:
        print(f"{len(found)} of {decisions} decisions reached the robot")
    cuts = quantiles(found, n=20)
    print(f"{len(found)} decisions: median {cuts[9]:.2f} s, p95 {cuts[18]:.2f} s, most {found[-1]:.2f} s", flush=True)


def main() -> None:
    """Measure at each number that was given."""
    decisions, *standing = [int(each) for each in sys.argv[1:]] or [40]
    for each in standing or [1_000, 10_000]:
        measure(each, decisions)


if __name__ == "__main__":
    main()

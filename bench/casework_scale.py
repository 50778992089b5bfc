"""How fast pages are read at scale: `python -m bench.casework_scale [ALERTS] [MERCHANTS] [DAYS] [URL]`.

It makes a store of made rows (by default 1,000,000 alerts of 100,000 merchants, with 30 days of each), and prints the
median and the 95th percentile of what each function that pages read by takes, the mean processor time of this process
and of its PostgreSQL server's, which other load does not lengthen much, and the plans. The store is a temporary file of
SQLite; with a URL that database, which is filled where it is empty. `postgresql` stands for a temporary server.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, select

from bench.casework_made import DAY_MS, NOW_MS, Made, alert_id, fill, merchant_id
from casework import visit_table
from casework.month_sums import BY
from casework.people import Actor
from casework.queue.filters import Filter
from casework.queue.header import header
from casework.queue.rows import Page, count_and_money, page, versions
from casework.queue.today import today
from casework.reading import alert as alert_page
from casework.reading import audit, merchant, pauses, portfolio, rep_portfolio, reports, reps, search, series
from casework.reading.load import load
from casework.schema import cases
from casework.store import Store
from casework.tasks.place import Position
from casework.visit_list import Wanted, count_due, visit_list
from console.pages.visits import MOST_SHOWN
from tests.casework.postgres import serving
from tillwatch.start import loaded_for_long

if TYPE_CHECKING:
    from collections.abc import Callable

LI, REP, CHEN, LEAD = (
    Actor(user_id, frozenset({role}))
    for user_id, role in (("li", "analyst"), ("rep-3", "rep"), ("chen", "aml"), ("wang", "lead"))
)
RUNS = 40
FIRST_DAY, LAST_DAY = ((datetime.fromtimestamp(NOW_MS / 1000, UTC) - timedelta(days=each)).date() for each in (30, 0))
FILTERS = {
    "queue": Filter(), "queue of a city": Filter(city="city-3"), "queue of a rep": Filter(rep="rep-3"),
    "queue of a detector": Filter(detector="mcc_jump"), "queue of a grade and an MCC": Filter(grade="B", mcc="5003"),
    "queue mine": Filter(holder="me"), "queue by text": Filter(text="小店471"),
    "queue of great loss": Filter(min_loss_minor=9_000), "queue of duties": Filter(lane="duty"),
    "queue late": Filter(late=True),
    "queue snoozed": Filter(status="snoozed"), "queue suppressed": Filter(status="suppressed"),
    "queue decided": Filter(status="decided"), "queue decided, of a city": Filter(status="decided", city="city-3"),
    "queue that fits nothing": Filter(city="nowhere"),
}  # fmt: skip
Reads = dict[str, "Callable[[], object]"]


def functions(store: Store, made: Made) -> Reads:
    """What pages read by, by name."""
    return _queue(store) | _pages(store, made) | _portfolio(store) | _of_reps(store) | _found(store, made)


def _queue(store: Store) -> Reads:
    def second() -> object:
        return page(store, LI, Filter(), NOW_MS, after=page(store, LI, Filter(), NOW_MS, most=1).after)

    return {
        "header": lambda: header(store, LI, NOW_MS), "header of a rep": lambda: header(store, REP, NOW_MS),
        **{name: partial(page, store, LI, wanted, NOW_MS) for name, wanted in FILTERS.items()},
        "queue of aml": lambda: page(store, CHEN, Filter(), NOW_MS),
        "queue seen by a rep": lambda: page(store, REP, Filter(), NOW_MS), "second page": second,
        "count and money": lambda: count_and_money(store, LI, Filter(), NOW_MS),
        "count and money of a city": lambda: count_and_money(store, LI, FILTERS["queue of a city"], NOW_MS),
        "versions of a filter": lambda: versions(store, LI, FILTERS["queue of a city"], NOW_MS),
        "today": lambda: today(store, LI, LAST_DAY, NOW_MS),
    }  # fmt: skip


def _pages(store: Store, made: Made) -> Reads:
    draw, first = random.Random(2), FIRST_DAY.isoformat()

    def shop() -> str:
        return merchant_id(draw.randrange(made.merchants))

    return {
        "alert": lambda: alert_page.alert(store, CHEN, alert_id(draw.randrange(made.alerts)), NOW_MS),
        "merchant": lambda: merchant.merchant(store, LI, shop(), NOW_MS),
        "days": lambda: series.days(store, LI, shop(), first, LAST_DAY.isoformat(), ["sales", "habit_1"], NOW_MS),
        "gauges": lambda: series.gauges(store, LI, shop(), NOW_MS),
        "score history": lambda: series.score_history(store, LI, shop(), first, NOW_MS),
        "ledger": lambda: series.ledger(store, LI, shop(), first, NOW_MS),
    }


def _portfolio(store: Store) -> Reads:
    return {
        **{f"portfolio by {each}": partial(portfolio.groups, store, LI, each, NOW_MS) for each in portfolio.KEYS},
        "portfolio of a rep": lambda: portfolio.groups(store, REP, "mcc", NOW_MS),
        "detectors": lambda: portfolio.detectors(store, LI, NOW_MS),
        "load of 30 days": lambda: load(store, LI, "Asia/Shanghai", NOW_MS),
        "snoozes that run": lambda: pauses.snoozes_running(store, LI, NOW_MS),
        "suppressions that run": lambda: pauses.suppressions_running(store, LI, NOW_MS),
        "duties due": lambda: portfolio.duties_due(store, LI, NOW_MS + 7 * DAY_MS, NOW_MS),
        "daily report": lambda: reports.daily_report(store, LI, NOW_MS - DAY_MS, NOW_MS, NOW_MS),
        "hand-over": lambda: reports.hand_over(store, LI, NOW_MS - DAY_MS // 3, NOW_MS),
    }


def _of_reps(store: Store) -> Reads:
    month = reps.month_of("2026-10", "Asia/Shanghai", NOW_MS)
    here = Position(31.2, 121.5, "gcj02")
    return {
        **{f"statistics by {each}": partial(reps.statistics, store, LI, month, each, NOW_MS) for each in BY},
        "merchants of a rep": lambda: rep_portfolio.rep_portfolio(store, REP, "rep-3", NOW_MS),
        "visit list": lambda: visit_list(store, LI, Wanted(), NOW_MS, MOST_SHOWN),
        "visit list of a year": lambda: visit_list(store, LI, Wanted(within_d=365), NOW_MS, MOST_SHOWN),
        "visit list by value": lambda: visit_list(store, LI, Wanted(order="value"), NOW_MS, MOST_SHOWN),
        "visit list of a rep": lambda: visit_list(store, REP, Wanted(order="distance", position=here), NOW_MS),
        "visits due, counted": lambda: count_due(store, LI, Wanted(), NOW_MS),
        "visits due in a year, counted": lambda: count_due(store, LI, Wanted(within_d=365), NOW_MS),
        "visits of a month": lambda: visit_table.rows_of(store, LI, month.from_ms, month.until_ms, "UTC", NOW_MS),
    }  # fmt: skip


def _found(store: Store, made: Made) -> Reads:
    draw = random.Random(3)

    def searched(actor: Actor, typed: str) -> object:
        return search.search(store, actor, typed, NOW_MS)

    return {
        "search of an id": lambda: searched(LI, merchant_id(draw.randrange(made.merchants))[:12]),
        "search of a name": lambda: searched(LI, f"小店{draw.randrange(9_999)}"),
        "search of four digits": lambda: searched(LI, f"{draw.randrange(10_000):04}"),
        "search of an RRN": lambda: searched(LI, f"{draw.randrange(made.alerts):012}"),
        "search seen by a rep": lambda: searched(REP, "小店3"),
        "audit": lambda: audit.entries(store, LEAD, audit.Chosen()),
        "audit of a person": lambda: audit.entries(store, LEAD, audit.Chosen(actor="user-7")),
        "audit of a kind": lambda: audit.entries(store, LEAD, audit.Chosen(kind="file")),
        "audit of a case": lambda: audit.audit_of(store, LI, draw.randrange(1, 1_000), NOW_MS),
        "audit of a case seen by a rep": lambda: audit.audit_of(store, REP, draw.randrange(1, 1_000), NOW_MS),
    }


def timed(name: str, read: Callable[[], object], server: int | None) -> None:
    took, found = [], None
    used = _processor_s(server)
    for _ in range(RUNS):
        began = time.perf_counter()
        found = read()
        took.append(1000 * (time.perf_counter() - began))
    mean = 1000 * (_processor_s(server) - used) / RUNS
    took.sort()
    rows = f"{len(found.rows):6} rows" if isinstance(found, Page) else ""
    print(f"{name:32} {took[RUNS // 2]:9.1f} {took[int(0.95 * RUNS)]:9.1f} {mean:9.1f} {rows}", flush=True)


def _processor_s(server: int | None) -> float:
    """Processor time of this process, and of the server's that answers it."""
    used = time.process_time()
    if server is None:
        return used
    fields = Path(f"/proc/{server}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return used + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _server_of(store: Store) -> int | None:
    """The process of the server that answers, where it is on this machine: the pool has one connection."""
    if store.is_sqlite:
        return None
    with store.reading() as connection:
        driver: Any = connection.connection.driver_connection
        return int(driver.info.backend_pid)


def plans(store: Store, name: str, read: Callable[[], object]) -> None:
    """Print the plan of every statement that a function executes."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip().startswith("SELECT"):
            seen.append((statement, parameters))

    engine = store._engine
    event.listen(engine, "before_cursor_execute", note)
    read()
    event.remove(engine, "before_cursor_execute", note)
    print(f"-- {name}")
    explain = "EXPLAIN QUERY PLAN " if store.is_sqlite else "EXPLAIN "
    with store.reading() as connection:
        for statement, parameters in seen:
            for row in connection.exec_driver_sql(explain + statement, parameters):
                print("   ", row[-1])


def main() -> None:
    given = sys.argv[1:]
    counts = [int(given[k]) if len(given) > k else usual for k, usual in enumerate((1_000_000, 100_000, 30))]
    url, made = given[3] if len(given) > 3 else "", Made(*counts)
    with ExitStack() as stack:
        if not url:
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/scale.db"
        elif url == "postgresql":
            url = next(stack.enter_context(closing(serving()))).new_database("scale")
        store = stack.enter_context(Store(url))
        _make(store, made)
        reads, server = functions(store, made), _server_of(store)
        loaded_for_long()  # as the console is
        print(f"{'':32} {'p50 ms':>9} {'p95 ms':>9} {'processor':>9}")
        for name, read in reads.items():
            timed(name, read, server)
        for name, read in reads.items():
            plans(store, name, read)


def _make(store: Store, made: Made) -> None:
    store.check_version(make=True)
    with store.reading() as connection:
        if connection.execute(select(cases.c.case_id).limit(1)).first() is not None:
            return
    began = time.perf_counter()
    fill(store, made)
    if not store.is_sqlite:
        with store._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    print(f"{made.alerts:,} alerts of {made.merchants:,} merchants made in {time.perf_counter() - began:,.0f} s")


if __name__ == "__main__":
    main()

"""Months of merchants and warnings that turned, held against plain counting."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from casework.agent import FilingAgent
from casework.month_sums import sum_up
from casework.store import versions
from domain.readings import MerchantDays, Profile
from domain.timestamps import DAY_MS, iso
from tests.casework.world import NOW_MS, alert, rows, write
from tests.seeds import seeds

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog

TODAY = date.fromisoformat(iso(NOW_MS)[:10])
Day = tuple[str, date, int, int, int]
"""A merchant, a day, sales, turnover and fees."""


def write_days(log: SqliteLog, found: list[Day], epoch: int = 0) -> None:
    made = MerchantDays(
        merchant_id=[each[0] for each in found], day=[f"{each[1]}" for each in found], currency=["CNY"] * len(found),
        score=[None] * len(found), epoch=epoch,
        columns={
            "closed_sales": [each[2] for each in found], "closed_minor": [each[3] for each in found],
            "closed_fee_minor": [each[4] for each in found],
        },
    )  # fmt: skip
    log.append("merchant-days", 0, [msgspec.json.encode(made)])


def assign(log: SqliteLog, merchant_id: str, rep_id: str, since: date, kind: str = "assignment", **more: Any) -> None:
    since_ms = round((since - date(1970, 1, 1)).total_seconds()) * 1000
    fields = {"effective_from": since_ms, "rep_id": rep_id} | more
    made = Profile(merchant_id=merchant_id, kind=kind, effective_from=iso(since_ms), fields=fields)
    log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[made.key.encode()])


def summed_up(store: Store) -> list[tuple[object, ...]]:
    """The sums of months that are of something."""
    names = ("month", "by", "key", "currency", "merchants", "active", "new", "gone", "turnover_minor", "fee_minor")
    return [each for each in rows(store, "month_sums", *names) if any(each[4:])]


@pytest.mark.parametrize("seed", seeds(8, quick=2))
def test_months_are_what_counting_their_days_gives(store: Store, log: SqliteLog, seed: int) -> None:
    draw = random.Random(seed)
    agent = FilingAgent(store, log, lambda: NOW_MS)
    shops, kept = [f"m{k}" for k in range(6)], dict[tuple[str, date], Day]()
    for each in shops:
        assign(log, each, "rep-1", TODAY - timedelta(days=300), "merchant", region="310000", agent_id="a1")
        assign(log, each, "rep-2", TODAY - timedelta(days=draw.randrange(90)))
    for _ in range(12):
        some = [
            (draw.choice(shops), TODAY - timedelta(days=draw.randrange(100)), draw.choice((0, 1, 7)),
             draw.randrange(10**6), draw.randrange(10**3))
            for _ in range(20)
        ]  # fmt: skip
        some = [*{(each[0], each[1]): each for each in some}.values()]
        write_days(log, some)
        kept |= {(each[0], each[1]): each for each in some}
        agent.file()
    sums = defaultdict[tuple[str, str], list[Day]](list)
    for each in kept.values():
        sums[each[0], f"{each[1]}"[:7]].append(each)
    expected = []
    for (merchant_id, month), days in sums.items():
        figures = [sum(each[k] for each in days) for k in (2, 3, 4)]
        expected.append((merchant_id, month, *figures, max((f"{each[1]}" for each in days if each[2]), default="")))
    names = ("merchant_id", "month", "sales", "turnover_minor", "fee_minor", "last_sale_day")
    assert rows(store, "merchant_months", *names) == sorted(expected)
    sums_kept = summed_up(store)
    assert sums_kept
    with store.writing() as connection:
        sum_up(store, connection)
    assert summed_up(store) == sums_kept
    last = {each: max((row[5] for row in expected if row[0] == each), default="") for each in shops}
    assert dict(rows(store, "merchants", "merchant_id", "last_sale_day")) == last


def test_a_month_that_is_over_stays_with_whom_it_was(store: Store, log: SqliteLog) -> None:
    agent = FilingAgent(store, log, lambda: NOW_MS)
    assign(log, "m", "rep-1", date(2026, 1, 1), "merchant", agent_id="a1", region="310000")
    agent.file()
    write_days(log, [("m", date(2026, 10, 31), 5, 500, 3), ("m", date(2026, 11, 2), 5, 500, 3)])
    assign(log, "m", "rep-2", date(2026, 11, 1))
    agent.file()
    assert rows(store, "merchant_months", "month", "rep_id", "agent_id", "region") == [
        ("2026-10", "rep-1", "a1", "310000"), ("2026-11", "rep-2", "a1", "310000"),
    ]  # fmt: skip
    assign(log, "m", "rep-3", date(2026, 11, 2))
    agent.file()
    assert rows(store, "merchant_months", "month", "rep_id") == [("2026-10", "rep-1"), ("2026-11", "rep-3")]


def test_a_merchant_is_new_in_the_month_of_its_opening_or_else_of_its_first_sale(store: Store, log: SqliteLog) -> None:
    opened_ms = NOW_MS - 40 * DAY_MS  # in October
    assign(log, "opened", "r", date(2026, 1, 1), "merchant", opened_at=opened_ms)
    for each in ("opened", "unknown"):
        write_days(log, [(each, date(2026, 9, 30), 0, 0, 0), (each, date(2026, 10, 25), 2, 9, 1)])
        write_days(log, [(each, date(2026, 11, 3), 2, 9, 1)])
    FilingAgent(store, log, lambda: NOW_MS).file()
    assert [each for each in rows(store, "merchant_months", "merchant_id", "month", "is_new") if each[2]] == [
        ("opened", "2026-10", True), ("unknown", "2026-10", True),
    ]  # fmt: skip


def test_a_store_of_an_earlier_version_gets_months_and_inspections_of_what_it_has(store: Store, log: SqliteLog) -> None:
    assign(log, "m", "rep-1", date(2026, 1, 1), "merchant")
    write_days(log, [("m", date(2026, 10, 31), 5, 500, 3)])
    FilingAgent(store, log, lambda: NOW_MS).file()
    names = ("merchant_months", "month_sums", "field_sums", "inspections")
    kept = {name: rows(store, name) for name in names}
    assert all(kept.values())
    store.migrate(versions()[versions().index("010") - 1], lambda: NOW_MS)
    store.migrate(now_ms=lambda: NOW_MS)
    assert {name: rows(store, name) for name in names} == kept
    assert rows(store, "merchants", "last_sale_day") == [("2026-10-31",)]


@pytest.mark.parametrize(("after", "turned"), [(9, True), (8, False)])
def test_a_warning_turns_when_the_merchant_sells_again_what_it_sold_before(
    store: Store, log: SqliteLog, after: int, turned: bool
) -> None:
    warned = TODAY - timedelta(days=40)
    before = [("m", warned - timedelta(days=k), 10, 0, 0) for k in range(15, 104)]
    low = [("m", warned + timedelta(days=k), 4, 0, 0) for k in range(-14, 10)]
    again = [("m", warned + timedelta(days=k), after, 0, 0) for k in range(10, 39)]
    time = f"{warned}T04:00:00.000Z"
    write(log, alert("d", "m", "volume_decline", first_time=time, last_time=time))
    write(log, alert("x", "m", "volume_decline", first_time=time, last_time=time, risk_code="29"))
    write_days(log, [*before, *low, *again])
    now_ms = NOW_MS
    agent = FilingAgent(store, log, lambda: now_ms)
    agent.file()
    now_ms += DAY_MS
    agent.file()
    ((alert_id, level, day),) = rows(store, "declines", "alert_id", "before_sales", "turned_day")
    assert (alert_id, level) == ("d", 10.0)
    assert day == (f"{warned + timedelta(days=23)}" if turned else "")

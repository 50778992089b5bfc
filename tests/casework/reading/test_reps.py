"""Statistics of a month against plain counting, and what a rep's merchants show."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from casework.agent import FilingAgent
from casework.decisions import decide
from casework.errors import Refused
from casework.month_sums import BY, shifted
from casework.people import Actor
from casework.reading.rep_portfolio import rep_portfolio
from casework.reading.reps import Line, Month, month_of, statistics
from casework.schema import tasks
from domain.timestamps import DAY_MS, iso
from tests.casework.desk import LI, REP, Desk
from tests.casework.test_field_events import tell
from tests.casework.test_months import write_days
from tests.casework.world import NOW_MS, alert, rows, write
from tests.seeds import seeds

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog

TODAY = date.fromisoformat(iso(NOW_MS)[:10])
REPS, REGIONS, AGENTS = ("rep-1", "rep-2", "rep-3"), ("north", "south"), ("a1", "a2")


def ms(day: date, hour: int = 6) -> int:
    return round(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp() * 1000)


class Site:
    """Random merchants with days, visits, complaints and warnings of some months, and the same counted plainly."""

    def __init__(self, store: Store, log: SqliteLog, seed: int) -> None:
        self.draw = draw = random.Random(seed)
        self.store, self.shops = store, {}
        self.days: dict[tuple[str, date], tuple[int, int, int]] = {}
        self.visits: list[tuple[str, int, str]] = []
        self.complaints: list[tuple[str, int]] = []
        self.declines: list[tuple[str, int]] = []
        agent = FilingAgent(store, log, lambda: NOW_MS)
        for k in range(12):
            since = TODAY - timedelta(days=draw.randrange(20, 400))
            whose = {"region": draw.choice(REGIONS), "agent_id": draw.choice(AGENTS), "opened_at": ms(since)}
            self.shops[f"m{k}"] = {"since": since, "first": draw.choice(REPS), "then": [], **whose}
            shop = self.shops[f"m{k}"]
            tell(log, "merchant", f"m{k}", ms(since), rep_id=shop["first"], status="active", **whose)
            for back in draw.sample(range(100), draw.randrange(3)):
                moved = ms(TODAY - timedelta(days=back))
                shop["then"].append((moved, rep_id := draw.choice(REPS)))
                tell(log, "assignment", f"m{k}", moved, rep_id=rep_id)
        agent.file()
        for merchant_id in self.shops:
            for back in range(1, 100):
                if draw.random() < 0.3:
                    day = (merchant_id, TODAY - timedelta(days=back))
                    self.days[day] = (draw.choice((0, 0, 5)), draw.randrange(10**6), draw.randrange(900))
        write_days(log, [(*day, *figures) for day, figures in self.days.items()])
        for k in range(30):
            merchant_id, time_ms = draw.choice([*self.shops]), NOW_MS - draw.randrange(100 * DAY_MS)
            by = draw.choice(REPS)
            self.visits.append((merchant_id, time_ms, by))
            tell(log, "visit", merchant_id, time_ms, 100 + k, person_id=by, outcome="as_registered")
            merchant_id, time_ms = draw.choice([*self.shops]), NOW_MS - draw.randrange(100 * DAY_MS)
            self.complaints.append((merchant_id, time_ms))
            tell(log, "complaint", merchant_id, time_ms, 200 + k)
            merchant_id, time_ms = draw.choice([*self.shops]), NOW_MS - draw.randrange(100 * DAY_MS)
            is_aml = k % 5 == 4
            code = "29" if is_aml else ""
            write(log, alert(f"d{k}", merchant_id, "volume_decline", first_time=iso(time_ms), risk_code=code))
            if not is_aml:
                self.declines.append((merchant_id, time_ms))
        agent.file()
        self.tasks = [self.task(k) for k in range(30)]
        with store.writing() as connection:
            connection.execute(insert(tasks), self.tasks)
        FilingAgent(store, log, lambda: NOW_MS + 1).file()  # whose round of the day sees what was filed

    def task(self, number: int) -> dict[str, Any]:
        """A row of `tasks`, of no case, or of the one of the warning `d1`, which gets confirmed."""
        draw, due_ms = self.draw, NOW_MS - self.draw.randrange(-20, 100) * DAY_MS
        status = draw.choice(("open", "answered", "answered", "withdrawn"))
        answered_ms = due_ms + draw.choice((-1, 1)) * draw.randrange(DAY_MS) if status == "answered" else None
        return {
            "task_id": number + 1, "case_id": draw.choice((None, 1)), "merchant_id": draw.choice([*self.shops]),
            "kind": "visit", "rep_id": draw.choice(REPS), "is_own": True, "made_by": "li",
            "made_ms": due_ms - 9 * DAY_MS,
            "due_ms": due_ms, "checklist": "[]", "text": "", "nonce": "x", "status": status, "answered_ms": answered_ms,
            "withdrawn_why": "",
        }  # fmt: skip

    def whose(self, merchant_id: str, time_ms: int, by: str) -> str:
        shop = self.shops[merchant_id]
        if by != "rep":
            return str(shop["region" if by == "region" else "agent_id"])
        held = [(ms(shop["since"]), shop["first"]), *shop["then"]]
        begun = [each for each in held if each[0] <= time_ms]
        assigned = [each for each in begun if each in shop["then"]]
        newest = max(assigned, key=lambda each: each[0])[1] if assigned else None
        return newest or (begun[0][1] if begun else "")

    def counted(self, month: str, by: str) -> dict[str, dict[str, Any]]:
        """The figures by key, counted one by one."""
        bounds = month_of(month, "Asia/Shanghai", NOW_MS)
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for merchant_id in self.shops:
            self.count_merchant(found, merchant_id, bounds, by)

        def within(time_ms: int) -> bool:
            return bounds.from_ms <= time_ms < bounds.until_ms

        for merchant_id, time_ms, visitor in self.visits:
            found[visitor if by == "rep" else self.whose(merchant_id, time_ms, by)]["visits"] += within(time_ms)
        for name, listed in (("complaints", self.complaints), ("warned", self.declines)):
            for merchant_id, time_ms in listed:
                found[self.whose(merchant_id, time_ms, by)][name] += within(time_ms)
        confirmed = bool(rows(self.store, "decisions"))
        for each in self.tasks:
            is_open = each["status"] == "open"
            taken_back = each["status"] == "withdrawn" or (is_open and each["case_id"] == 1 and confirmed)
            if not within(each["due_ms"]) or taken_back:
                continue
            key = each["rep_id"] if by == "rep" else self.whose(each["merchant_id"], each["due_ms"], by)
            is_late = each["due_ms"] < (NOW_MS if is_open else each["answered_ms"])
            found[key] += Counter(
                tasks=1, tasks_open=is_open, tasks_late=is_late, answered=not is_open,
                confirmed=not is_open and each["case_id"] == 1 and confirmed,
            )  # fmt: skip
        for merchant_id, _, _, due_ms, done_ms in rows(self.store, "inspections"):
            if within(due_ms):
                key, in_time = self.whose(merchant_id, due_ms, by), done_ms is not None and done_ms <= due_ms
                found[key] += Counter(due=1, in_time=in_time, missed=not in_time and due_ms < NOW_MS)
        return {key: dict(+each) for key, each in found.items() if +each}

    def count_merchant(self, found: dict[str, Counter[str]], merchant_id: str, month: Month, by: str) -> None:
        of_month, before = (self.days_of(merchant_id, each) for each in (month.name, month.before))
        if of_month:
            key = self.whose(merchant_id, ms(max(of_month), 12), by)
            found[key] += Counter(merchants=1, active=any(each[0] for each in of_month.values()))
            found[key]["new"] += iso(self.shops[merchant_id]["opened_at"])[:7] == month.name
            for k, name in ((1, "turnover"), (2, "fee")):
                found[key][name] += sum(each[k] for each in of_month.values())
        sold = [any(each[0] for each in days.values()) for days in (before, of_month)]
        if month.is_over and sold == [True, False]:
            found[self.whose(merchant_id, ms(max(before), 12), by)]["lost"] += 1

    def days_of(self, merchant_id: str, month: str) -> dict[date, tuple[int, int, int]]:
        return {day: each for (whose, day), each in self.days.items() if (whose, f"{day}"[:7]) == (merchant_id, month)}


def as_counted(line: Line) -> dict[str, Any]:
    values = {name: value for name, value in line._asdict().items() if isinstance(value, int)}
    values |= {
        "turnover": sum(each.turnover_minor for each in line.money),
        "fee": sum(each.fee_minor for each in line.money),
    }
    return {name: value for name, value in values.items() if value}


@pytest.mark.parametrize("seed", seeds(12, quick=3))
def test_a_months_figures_are_those_of_plain_counting(store: Store, log: SqliteLog, seed: int) -> None:
    site = Site(store, log, seed)
    assert rows(store, "inspections")
    case = dict(rows(store, "cases", "case_id", "version"))
    if seed % 2:
        decide(store, LI, 1, case[1], "confirmed", "vol-01", "seen", NOW_MS)
    for month in ("2026-11", "2026-10", "2026-09"):
        for by in BY:
            found = statistics(store, LI, month_of(month, "Asia/Shanghai", NOW_MS), by, NOW_MS)
            assert {each.key: counted for each in found if (counted := as_counted(each))} == site.counted(month, by), (
                month,
                by,
            )


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_inspections_are_missed_once_they_are_over_on_whatever_day_one_looks(
    store: Store, log: SqliteLog, zone: str
) -> None:
    site = Site(store, log, 3)
    for now_ms in (NOW_MS - 28 * DAY_MS, NOW_MS - 15 * DAY_MS, NOW_MS, NOW_MS + 20 * DAY_MS):
        month = month_of(iso(now_ms - DAY_MS // 2)[:7], zone, now_ms)
        for by in BY:
            expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
            for merchant_id, _, _, due_ms, done_ms in rows(store, "inspections"):
                if month.from_ms <= due_ms < month.until_ms:
                    in_time = done_ms is not None and done_ms <= due_ms
                    key = site.whose(merchant_id, due_ms, by)
                    expected[key] += Counter(due=1, in_time=in_time, missed=not in_time and due_ms < now_ms)
            found = {each.key: each for each in statistics(store, LI, month, by, now_ms) if each.due}
            assert {key: (each.due, each.in_time, each.missed) for key, each in found.items()} == {
                key: (each["due"], each["in_time"], each["missed"]) for key, each in expected.items()
            }


def test_a_rep_gets_its_own_line_alone_and_nobody_none(store: Store, log: SqliteLog) -> None:
    Site(store, log, 1)
    month = month_of("2026-10", "Asia/Shanghai", NOW_MS)
    (own,) = statistics(store, REP, month, "rep", NOW_MS)
    assert own in statistics(store, LI, month, "rep", NOW_MS)
    assert own.key == "rep-1"
    assert statistics(store, REP, month, "agent", NOW_MS) == ()
    assert statistics(store, Actor("x", frozenset()), month, "rep", NOW_MS) == ()


def test_a_month_lasts_from_midnight_to_midnight_of_the_zone() -> None:
    month = month_of("2026-10", "Asia/Shanghai", NOW_MS)
    assert [iso(each) for each in (month.from_ms, month.until_ms)] == [
        "2026-09-30T16:00:00.000Z",
        "2026-10-31T16:00:00.000Z",
    ]
    assert (month.before, month.is_over) == ("2026-09", True)
    assert not month_of("2026-11", "Asia/Shanghai", NOW_MS).is_over
    assert [shifted("2026-01", each) for each in (-1, 11, 12)] == ["2025-12", "2026-12", "2027-01"]


@pytest.mark.parametrize("text", ["2026-13", "x", "1999-12", "2026-12", "2026-1", "3000-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="month must"):
        month_of(text, "Asia/Shanghai", NOW_MS)


def test_prices_are_stable_until_they_change_or_are_to(desk: Desk) -> None:
    def contract(since_ms: int, rate: int, **more: Any) -> None:
        tell(desk.log, "contract", "m1", since_ms, prices=[{"rate_ppm": rate}], **more)
        desk.agent.file()

    def fees() -> tuple[Any, ...]:
        (line,) = rep_portfolio(desk.store, REP, "rep-1", NOW_MS)
        return tuple(line.fees)

    assert fees() == (None, None, True)
    contract(NOW_MS - 300 * DAY_MS, 6_000)
    contract(NOW_MS - 290 * DAY_MS, 6_000)
    assert fees() == (None, None, True), "the same prices once more"
    contract(NOW_MS - 100 * DAY_MS, 6_300)
    assert fees() == (NOW_MS - 100 * DAY_MS, None, True)
    contract(NOW_MS + DAY_MS, 6_500, notice_from=NOW_MS - 40 * DAY_MS)
    assert fees() == (NOW_MS + DAY_MS, NOW_MS - 40 * DAY_MS, False)


def test_a_share_is_of_days_with_an_expectation_and_of_four_weeks(desk: Desk) -> None:
    days = [("m1", TODAY - timedelta(days=each), 6, 100, 1) for each in (1, 2, 28, 29)]
    write_days(desk.log, days)
    desk.agent.file()
    (line,) = rep_portfolio(desk.store, REP, "rep-1", NOW_MS)
    assert (line.sales, line.expected, line.share, line.turnover_minor) == (18, None, None, 300)
    with desk.store.writing() as connection:
        connection.exec_driver_sql(
            f"UPDATE merchant_days SET expected_sales = 12 WHERE day >= '{TODAY - timedelta(days=2)}'"
        )
    (line,) = rep_portfolio(desk.store, REP, "rep-1", NOW_MS)
    assert (line.sales, line.expected, line.share) == (12, 24.0, 0.5)


def test_what_was_decided_or_is_over_is_no_warning_any_more(desk: Desk) -> None:
    desk.file(alert("w1", detector="volume_decline"), alert("w2", detector="terminal_silent", closed=True))
    (line,) = rep_portfolio(desk.store, REP, "rep-1", NOW_MS)
    assert line.declining_since
    assert line.terminals == ()
    desk.decide("w1", verdict="lawful_change", alert_ids=["w1"])
    (line,) = rep_portfolio(desk.store, REP, "rep-1", NOW_MS)
    assert line.declining_since == ""
    assert rep_portfolio(desk.store, REP, "rep-2", NOW_MS) == ()

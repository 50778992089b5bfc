"""Visits that rules want: due when, made when, and kept in a table as profiles, visits and days come."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework import notes
from casework.inspections import (
    DORMANT,
    DORMANT_YEAR,
    FINDINGS,
    LICENCE,
    NEW,
    NOT_SEEN,
    RECHECK,
    RELOCATED,
    RULES,
    YEARLY,
    Inspection,
    Shop,
    wanted_at,
)
from domain.events import VISIT_OUTCOMES
from domain.readings import MerchantDays, Profile
from domain.timestamps import DAY_MS, iso
from tests.casework.desk import REP, Desk
from tests.casework.test_field_events import tell
from tests.casework.world import NOW_MS, rows

D = DAY_MS


def shop(*visits: tuple[int, str], last_sale: int | None = None, **fields: Any) -> Shop:
    """A shop that was opened on day 0, and visited on some days."""
    return Shop(((0, {"opened_at": 0, "status": "active"} | fields),), [(day * D, what) for day, what in visits],
                None if last_sale is None else last_sale * D)  # fmt: skip


def of(rule: str, found: list[Inspection]) -> list[tuple[int, int, int | None]]:
    """Since when, by when and when made, in days."""
    return [
        (each.since_ms // D, each.due_ms // D, None if each.done_ms is None else each.done_ms // D)
        for each in found if each.rule == rule
    ]  # fmt: skip


def test_a_new_shop_is_visited_within_90_days_and_from_then_on_yearly() -> None:
    assert of(NEW, wanted_at(shop(), 5 * D)) == [(0, 90, None)]
    found = wanted_at(shop((40, "as_registered"), (300, "as_registered")), 310 * D)
    assert of(NEW, found) == [(0, 90, 40)]
    assert of(YEARLY, found) == [(0, 365, 40), (40, 405, 300), (300, 665, None)]


def test_a_shop_never_visited_for_a_year_is_late_by_one_rule_alone() -> None:
    found = wanted_at(shop(), 1_000 * D)
    assert [(each.rule, each.due_ms // D) for each in found] == [(YEARLY, 365)]


@pytest.mark.parametrize("premises", ["mobile", "online"])
def test_a_shop_without_fixed_premises_is_not_visited_yearly(premises: str) -> None:
    assert of(YEARLY, wanted_at(shop(premises=premises), 400 * D)) == []


def test_a_shop_that_was_not_found_or_refused_was_not_inspected() -> None:
    for outcome in NOT_SEEN:
        found = wanted_at(shop((40, outcome)), 50 * D)
        assert of(NEW, found) == [(0, 90, None)]
        assert of(RECHECK, found) == [(40, 70, None)]


def test_what_a_visit_found_is_looked_at_again_within_30_days() -> None:
    found = wanted_at(shop((40, "differs"), (60, "as_registered")), 65 * D)
    assert of(RECHECK, found) == [(40, 70, 60)]
    assert {*VISIT_OUTCOMES} >= FINDINGS


def test_a_moved_shop_is_visited_and_a_respelt_version_without_an_address_is_no_move() -> None:
    versions = (
        (0, {"address": "1 A"}),
        (10 * D, {"name": "x"}),
        (20 * D, {"address": "1 A"}),
        (30 * D, {"address": "2 B"}),
    )
    found = wanted_at(Shop(versions, [(25 * D, "as_registered")]), 40 * D)
    assert of(RELOCATED, found) == [(30, 60, None)]
    assert of(RELOCATED, wanted_at(Shop(versions, []), 29 * D)) == [], "it moves tomorrow"


def test_a_licence_is_looked_at_before_it_expires() -> None:
    found = wanted_at(shop((150, "as_registered"), (180, "as_registered"), licence_expires_at=200 * D), 190 * D)
    assert of(LICENCE, found) == [(170, 200, 180)]


def test_a_shop_without_sales_is_visited_after_3_and_12_months() -> None:
    assert of(DORMANT, wanted_at(shop(last_sale=10), 99 * D)) == []
    assert of(DORMANT, wanted_at(shop(last_sale=10), 100 * D)) == [(100, 114, None)]
    assert of(DORMANT_YEAR, wanted_at(shop((120, "closed_down"), last_sale=10), 400 * D)) == [(375, 389, None)]
    assert of(DORMANT, wanted_at(shop((120, "closed_down"), last_sale=10), 400 * D)) == [(100, 114, 120)]


def test_a_closed_shop_wants_no_visit_and_keeps_those_that_were_made() -> None:
    found = wanted_at(shop((40, "as_registered"), status="closed"), 50 * D)
    assert [each.done_ms for each in found] == [40 * D] * len(found) != []


@given(
    visits=st.lists(st.tuples(st.integers(0, 900), st.sampled_from(VISIT_OUTCOMES)), max_size=8),
    now=st.integers(1, 1_000), last_sale=st.none() | st.integers(0, 900), licence=st.none() | st.integers(0, 1_200),
)  # fmt: skip
def test_a_visit_that_was_made_is_the_first_inspection_since_it_was_wanted(
    visits: list[tuple[int, str]], now: int, last_sale: int | None, licence: int | None
) -> None:
    past = sorted(each for each in visits if each[0] <= now)
    fields = {} if licence is None else {"licence_expires_at": licence * D}
    found = wanted_at(shop(*past, last_sale=last_sale, **fields), now * D)
    seen = [day for day, outcome in past if outcome not in NOT_SEEN]
    for each in found:
        assert each.rule in RULES
        after = [day for day in seen if day * D >= each.since_ms + (each.rule in {YEARLY, RECHECK})]
        assert each.done_ms == (min(after) * D if after else None), each


# -- the table


def kept(desk: Desk, merchant_id: str = "m1") -> dict[str, list[tuple[int, int | None]]]:
    found: dict[str, list[tuple[int, int | None]]] = {}
    for whose, rule, due_ms, done_ms in rows(desk.store, "inspections", "merchant_id", "rule", "due_ms", "done_ms"):
        if whose == merchant_id:
            found.setdefault(rule, []).append((due_ms, done_ms))
    return found


def know(desk: Desk, since_ms: int, merchant_id: str = "m3", **fields: Any) -> None:
    given = {"effective_from": since_ms, "opened_at": since_ms, "status": "active", "rep_id": "rep-1"} | fields
    desk.know(Profile(merchant_id=merchant_id, kind="merchant", effective_from=iso(since_ms), fields=given))


def sell(desk: Desk, first: date, sales: list[int], merchant_id: str = "m3") -> None:
    days = [(first + timedelta(days=k)).isoformat() for k in range(len(sales))]
    made = MerchantDays(
        merchant_id=[merchant_id] * len(days), day=days, currency=["CNY"] * len(days), score=[None] * len(days),
        columns={"closed_sales": [*sales], "closed_minor": [1_000 * each for each in sales]},
    )  # fmt: skip
    desk.log.append("merchant-days", 0, [msgspec.json.encode(made)])


def test_the_table_follows_profiles_and_visits_of_either_source(desk: Desk) -> None:
    opened_ms = NOW_MS - 50 * D
    know(desk, opened_ms)
    desk.agent.file()
    assert kept(desk, "m3") == {NEW: [(opened_ms + 90 * D, None)], YEARLY: [(opened_ms + 365 * D, None)]}
    notes.record_visit(desk.store, REP, "m3", NOW_MS - 9 * D, "routine", "differs", "", NOW_MS)
    assert kept(desk, "m3")[RECHECK] == [(NOW_MS + 21 * D, None)]
    tell(desk.log, "visit", "m3", NOW_MS - 2 * D, 5, person_id="rep-1", outcome="as_registered")
    desk.agent.file()
    assert kept(desk, "m3")[RECHECK] == [(NOW_MS + 21 * D, NOW_MS - 2 * D)]
    assert kept(desk, "m3")[NEW] == [(opened_ms + 90 * D, NOW_MS - 9 * D)]


def test_time_alone_makes_a_merchant_dormant_and_a_sale_ends_it(desk: Desk) -> None:
    today = date.fromisoformat(iso(NOW_MS)[:10])
    know(desk, NOW_MS - 300 * D)
    sell(desk, today - timedelta(days=95), [3, 2, 0, 0])
    desk.agent.file()
    assert DORMANT not in kept(desk, "m3"), "the day's round was before"
    desk.now_ms += D
    desk.agent.file()
    ((due_ms, done_ms),) = kept(desk, "m3")[DORMANT]
    assert (iso(due_ms)[:10], done_ms) == (f"{today - timedelta(days=94) + timedelta(days=104)}", None)
    sell(desk, today, [1])
    desk.agent.file()
    assert DORMANT not in kept(desk, "m3")


def test_a_version_that_comes_into_force_later_wants_its_visit_then(desk: Desk) -> None:
    know(desk, NOW_MS - 50 * D, address="1 A")
    know(desk, NOW_MS + D, address="2 B", opened_at=NOW_MS - 50 * D)
    desk.agent.file()
    assert RELOCATED not in kept(desk, "m3")
    desk.now_ms += 2 * D
    desk.agent.file()
    assert kept(desk, "m3")[RELOCATED] == [(NOW_MS + 31 * D, None)]

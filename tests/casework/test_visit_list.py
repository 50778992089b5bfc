"""The visit list: what is on it, for whom, in which order, and nothing of money laundering in it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from casework import notes
from casework.errors import Refused
from casework.inspections import LICENCE, NEW, YEARLY
from casework.people import SYSTEM, Actor, put_user
from casework.tasks.place import Position
from casework.visit_list import Stop, Wanted, count_due, visit_list
from domain.timestamps import iso
from tests.casework.desk import DAY_MS, LI, REP, Desk
from tests.casework.test_inspections import know, sell
from tests.casework.world import NOW_MS, alert, score

if TYPE_CHECKING:
    from collections.abc import Sequence

OTHER_REP = Actor("rep-2", REP.roles)
HERE = Position(31.2304, 121.4737, "wgs84")
TODAY = date.fromisoformat(iso(NOW_MS)[:10])


def listed(desk: Desk, actor: Actor = LI, **wanted: Any) -> Sequence[Stop]:
    found = visit_list(desk.store, actor, Wanted(**wanted), desk.now_ms)
    return [each for each in found if each.merchant_id not in {"m1", "m2"}]


@pytest.fixture
def shops(desk: Desk) -> Desk:
    """Shops of rep-1 that are due in 40, 20 and -10 days, and one of rep-2's that is late too."""
    for merchant_id, opened_d, rep_id, more in (
        ("far", 50, "rep-1", {}),
        ("soon", 70, "rep-1", {"lat": 31.24, "lon": 121.48, "coord_sys": "gcj02", "address": "1 Lane"}),
        ("late", 100, "rep-1", {"lat": 31.2304, "lon": 121.4737}),
        ("other", 95, "rep-2", {"lat": 31.9, "lon": 121.4737, "coord_sys": "wgs84"}),
    ):
        know(desk, NOW_MS - opened_d * DAY_MS, merchant_id, rep_id=rep_id, short_name=f"Shop {merchant_id}", **more)
    sell(desk, TODAY - timedelta(days=3), [4, 4], "soon")
    sell(desk, TODAY - timedelta(days=3), [1], "late")
    desk.agent.file()
    return desk


def test_what_is_late_or_due_within_days_is_listed_the_earliest_first(shops: Desk) -> None:
    assert [(each.merchant_id, (each.due_ms - NOW_MS) // DAY_MS) for each in listed(shops)] == [
        ("late", -10), ("other", -5), ("soon", 20),
    ]  # fmt: skip
    assert [each.merchant_id for each in listed(shops, within_d=0)] == ["late", "other"]
    assert [each.merchant_id for each in listed(shops, within_d=40, rep="rep-1")] == ["late", "soon", "far"]


def test_a_rep_has_its_own_merchants_alone(shops: Desk) -> None:
    assert [each.merchant_id for each in listed(shops, REP)] == ["late", "soon"]
    assert [each.merchant_id for each in listed(shops, OTHER_REP)] == ["other"]
    assert listed(shops, REP, rep="rep-2") == []
    assert count_due(shops.store, OTHER_REP, Wanted(), NOW_MS)[0] >= 1
    assert visit_list(shops.store, Actor("nobody", frozenset()), Wanted(), NOW_MS) == ()


def test_a_stop_has_shop_address_value_and_last_visit(shops: Desk) -> None:
    put_user(shops.store, SYSTEM, "rep-1", "苇杪", {"rep"}, NOW_MS)
    notes.record_visit(shops.store, REP, "soon", NOW_MS - 75 * DAY_MS, "opening", "not_found", "", NOW_MS)
    (stop,) = [each for each in listed(shops, REP) if each.merchant_id == "soon"]
    assert (stop.name, stop.address, stop.rep_name, stop.turnover_minor, stop.currency) == (
        "Shop soon", "1 Lane", "苇杪", 8_000, "CNY",
    )  # fmt: skip
    assert (stop.last_visit_ms, stop.last_outcome) == (NOW_MS - 75 * DAY_MS, "not_found")


def test_a_list_by_value_or_distance_begins_with_the_greatest_or_nearest(shops: Desk) -> None:
    assert [each.merchant_id for each in listed(shops, order="value")] == ["soon", "late", "other"]
    found = listed(shops, order="distance", position=HERE)
    assert [each.merchant_id for each in found] == ["late", "soon", "other"]
    assert [(round(each.distance_m or 0), each.radius_m) for each in found[:2]] == [(0, 800), (1_295, 300)]


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(order="value"), Wanted(order="distance", position=HERE)])
def test_the_first_of_a_list_are_those_that_the_whole_list_begins_with(shops: Desk, wanted: Wanted) -> None:
    know(shops, NOW_MS - 100 * DAY_MS, "late too", rep_id="rep-1")  # due when another is, which has sold more
    shops.agent.file()
    whole = visit_list(shops.store, LI, wanted, NOW_MS)
    assert len(whole) >= 4
    for most in range(len(whole) + 2):
        assert visit_list(shops.store, LI, wanted, NOW_MS, most) == whole[:most]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(order="score"), "order must be one of"), (Wanted(within_d=401), "within_d must be 0 to 400, got 401"),
        (Wanted(order="distance"), "must be from a position"),
        (Wanted(position=Position(91, 0)), "a position must be of -90 to 90"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_is_refused(desk: Desk, wanted: Wanted, message: str) -> None:
    with pytest.raises(Refused, match=message):
        visit_list(desk.store, LI, wanted, NOW_MS)


def test_one_visit_does_for_all_that_is_due_at_a_shop(shops: Desk) -> None:
    know(shops, NOW_MS - 99 * DAY_MS, "late", opened_at=NOW_MS - 100 * DAY_MS, licence_expires_at=NOW_MS + DAY_MS)
    shops.agent.file()
    (stop,) = [each for each in listed(shops, REP) if each.merchant_id == "late"]
    assert [each.rule for each in stop.due] == [NEW, LICENCE]
    notes.record_visit(shops.store, REP, "late", NOW_MS, "routine", "as_registered", "", NOW_MS)
    shops.now_ms += DAY_MS
    assert [each.merchant_id for each in listed(shops, REP)] == ["soon"]
    assert YEARLY in {rule for each in listed(shops, REP, within_d=365) for rule, _ in each.due}


def test_a_finding_of_money_laundering_changes_nothing_on_the_list(shops: Desk) -> None:
    before = (listed(shops, REP), listed(shops, LI), count_due(shops.store, REP, Wanted(), NOW_MS))
    shops.file(alert("secret", "soon", risk_code="29", severity=0.99), score("soon", "E", 1), score("late", "D", 1))
    assert (listed(shops, REP), listed(shops, LI), count_due(shops.store, REP, Wanted(), NOW_MS)) == before

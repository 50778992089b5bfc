"""The rep's merchants on the phone: own ones alone, what helps them, where to go; and nothing of money laundering."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from casework.schema import inspections
from casework.tasks import links
from console.phone.page import COOKIE
from console.security import TOKEN
from tests.casework.world import NOW_MS, alert, score
from tests.console.field import DAY_MS, give, link, open_shop
from tests.console.filed import file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Visitor


@pytest.fixture(autouse=True)
def phone(store: Store, tmp_path: Path, visit: Callable[[str], Visitor]) -> Visitor:
    """The rep's phone, which a link has signed in; m1 is the rep's, declines, and wants a visit, n1 is another's."""
    open_shop(store, tmp_path)
    file_more(
        store, tmp_path, shop("n1", "别家商店", rep_id="rep-2"), alert("d", "m1", "volume_decline"),
        alert("e", "n1", "volume_decline"),
    )  # fmt: skip
    due = [
        {"merchant_id": each, "rule": "yearly", "since_ms": NOW_MS - DAY_MS, "due_ms": NOW_MS + 3 * DAY_MS}
        for each in ("m1", "n1")
    ]
    with store.writing() as connection:
        connection.execute(insert(inspections), due)
    found = visit("")
    found.post(link(store, give(store)))
    found.headers[TOKEN] = links.phone_of(store, found.cookies[COOKIE], NOW_MS).csrf
    return found


def test_a_rep_sees_its_own_merchants_with_what_may_help_and_the_way_there(phone: Visitor) -> None:
    page = phone.get("/phone/shops").text
    for each in ("旺角茶餐厅", "经营下滑", "上门了解", "费率：稳定", "年度巡检"):
        assert each in page
    assert "旺角茶餐厅" in phone.get("/phone/shops?show=declining").text
    assert "旺角茶餐厅" not in phone.get("/phone/shops?show=terminals").text
    assert 'href="/phone/shops"' in phone.get("/phone").text
    for order in ("due", "value"):
        assert "淮河路步行街" in phone.get(f"/phone/shops/visits?order={order}").text


def test_nothing_of_another_reps_merchant_is_on_any_of_the_pages(phone: Visitor) -> None:
    for path in ("/phone/shops", "/phone/shops?show=due", "/phone/shops/visits", "/phone/shops/visits?order=value"):
        answer = phone.get(path)
        assert answer.status_code == 200
        assert "别家商店" not in answer.text


def test_a_list_by_distance_is_from_a_position_that_is_not_kept(phone: Visitor) -> None:
    near = phone.post("/phone/shops/visits", data={"lat": "31.87", "lon": "117.29", "coord_sys": "wgs84"})
    assert "米</span>" in near.text
    assert "不保存" in near.text
    for form in ({}, {"lat": "31.87"}, {"lat": "x", "lon": "1"}, {"lat": "99", "lon": "1"}):
        assert phone.post("/phone/shops/visits", data=form).status_code == 422
    for path in ("/phone/shops?show=x", "/phone/shops/visits?order=x", "/phone/shops/visits?order=distance"):
        assert phone.get(path).status_code == 422


def test_a_finding_of_money_laundering_changes_no_byte_of_the_pages(
    store: Store, tmp_path: Path, phone: Visitor
) -> None:
    def pages() -> list[str]:
        found = [phone.get("/phone/shops"), phone.get("/phone/shops/visits")]
        return [re.sub(r"csrf=[\w-]+", "", each.text) for each in found]

    before = pages()
    file_more(
        store, tmp_path, alert("x", "m1", "volume_decline", risk_code="29", severity=0.95), score("m1", "E", 9),
        alert("y", "m1", "terminal_silent", risk_code="42"),
    )  # fmt: skip
    assert pages() == before


def test_only_a_rep_gets_at_the_pages(visit: Callable[[str], Visitor]) -> None:
    for path in ("/phone/shops", "/phone/shops/visits"):
        assert visit("analyst").get(path).status_code == 403
        assert visit("").get(path).headers["location"].startswith("/login")

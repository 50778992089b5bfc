"""Search leads to what somebody may see, in groups, and straight on where one thing was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.readings import TransactionRow
from tests.casework.world import alert
from tests.console.filed import HOSTILE, file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Visitor


def words(html: str) -> str:
    return " ".join(html.split())


@pytest.fixture
def full(store: Store, tmp_path: Path) -> None:
    """Shops with names, and two alerts with a transaction of one terminal."""
    row = TransactionRow(
        txn_id="t", time="2025-01-01T04:00:00.000Z", amount=1, currency="CNY", terminal_id="T77", rrn="550123450001",
    )  # fmt: skip
    file_more(
        store, tmp_path, shop("m1", "老王五金"), shop("m2", HOSTILE), alert("c", "m1", "fee_rise", transactions=(row,)),
        alert("d", "m2", "fee_rise", transactions=(row,)), alert("secret", "m3", risk_code="29"),
        shop("m3", "老王金店"),
    )  # fmt: skip


@pytest.mark.usefixtures("full")
def test_what_is_found_comes_in_groups_that_say_what_matched(visit: Callable[[str], Visitor]) -> None:
    answer = visit("analyst").get("/search?q=T77")
    assert answer.text.count("found by terminal") == 2
    assert 'href="/alerts/c"' in answer.text
    assert "老王五金" in visit("analyst").get("/search?q=老王").text


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("typed", "path"),
    [("m1", "/merchants/m1"), ("secret", ""), ("2", "/cases/2"), ("老王五金", ""), ("99", ""), ("m", "")],
)
def test_a_single_exact_hit_leads_straight_on_and_nothing_else_does(
    typed: str, path: str, visit: Callable[[str], Visitor]
) -> None:
    answer = visit("analyst").get("/search", params={"q": typed})
    assert answer.headers.get("location", "") == path


@pytest.mark.parametrize(
    ("lang", "typed", "told"),
    [
        ("en", "nowhere", "Nothing was found for <b>nowhere</b>"), ("zh", "nowhere", "没有找到： <b>nowhere</b>"),
        ("en", "m", "Type at least 2 characters"), ("en", "\0\0", "Nothing was found"),
        ("en", "x" * 500, "Nothing was found"),
    ],
)  # fmt: skip
def test_no_result_is_said_plainly(lang: str, typed: str, told: str, visit: Callable[[str], Visitor]) -> None:
    answer = visit("analyst").get("/search", params={"q": typed}, headers={"Accept-Language": lang})
    assert told in words(answer.text)


@pytest.mark.usefixtures("full")
def test_alerts_of_money_laundering_are_found_by_nobody_but_aml(visit: Callable[[str], Visitor]) -> None:
    assert "Nothing was found" in visit("lead").get("/search?q=secret").text
    assert visit("aml").get("/search?q=secret").headers["location"] == "/alerts/secret"


@pytest.mark.usefixtures("full")
def test_names_with_markup_are_shown_as_text(visit: Callable[[str], Visitor]) -> None:
    for typed in ("<script>", "T77"):
        assert "<script>alert" not in visit("analyst").get("/search", params={"q": typed}).text

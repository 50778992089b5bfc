"""Merchants by score, page by page, and how one stands, for whoever may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from casework import filing
from casework.errors import Refused
from casework.reading import merchants, series
from casework.reading.merchants import Wanted, listed, parse
from casework.reading.standing import standing_of, verdicts_of
from domain.alerts import GradeOverride
from tests.casework.desk import CHEN, LI, REP, Desk
from tests.casework.world import NOW_MS, days, score
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from casework.people import Actor
    from casework.store import Store

SCORES = {"m1": ("C", 50.0), "m2": ("E", 91.0), "m3": ("D", 71.5), "m4": ("D", 71.5)}


@pytest.fixture
def known(desk: Desk) -> Store:
    """m1 to m4 with scores, m5 and m6 without; m1 is rep-1's."""
    with desk.store.writing() as connection:
        scores = [
            msgspec.structs.replace(score(each, grade, 1), score=points) for each, (grade, points) in SCORES.items()
        ]
        filing.file_scores(desk.store, connection, scores, NOW_MS)
        shops = [profile(each, FIRST, name=f"Shop {each}", city="宁波") for each in ("m3", "m5", "m6")]
        filing.file_profiles(desk.store, connection, shops, NOW_MS)
    return desk.store


def ids(store: Store, actor: Actor = LI, wanted: Wanted | None = None, most: int = 50) -> list[str]:
    """All pages, one after another."""
    found, after = [], ""
    while True:
        page = listed(store, actor, wanted or Wanted(), NOW_MS, most=most, after=after)
        found += [each.merchant_id for each in page.rows]
        if not (after := page.after):
            return found


@pytest.mark.parametrize("most", [1, 2, 3, 50])
def test_the_highest_score_comes_first_and_no_page_leaves_one_out(most: int, known: Store) -> None:
    assert ids(known, most=most) == ["m2", "m4", "m3", "m1", "m5", "m6"]


def test_a_filter_leaves_what_fits_and_counts_it(known: Store) -> None:
    wanted = parse([("grade", "D"), ("q", "shop"), ("city", "宁波"), ("after", "x")])
    assert ids(known, wanted=wanted) == ["m3"]
    assert merchants.count(known, LI, wanted, NOW_MS) == 1
    assert ids(known, wanted=Wanted(grade="none")) == ["m5", "m6"]
    assert ids(known, wanted=Wanted(least_score=71.5)) == ["m2", "m4", "m3"]
    assert ids(known, wanted=Wanted(q="m%")) == []


@pytest.mark.parametrize(
    "pairs", [[("grade", "F")], [("least_score", "nan")], [("least_score", "101")], [("q", "x" * 129)], [("q", "\0")]]
)
def test_a_filter_that_means_nothing_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused, match="must"):
        parse(pairs)


@pytest.mark.parametrize("after", ["x", "high:m1", "1e400:m1"])
def test_a_cursor_that_is_none_is_refused(after: str, known: Store) -> None:
    with pytest.raises(Refused, match="must"):
        listed(known, LI, Wanted(), NOW_MS, after=after)


def test_a_rep_finds_its_own_merchants_alone(known: Store) -> None:
    assert ids(known, REP) == ["m1"]
    assert merchants.count(known, REP, Wanted(), NOW_MS) == 1


def test_alerts_of_money_laundering_are_counted_for_their_officers_alone(known: Store) -> None:
    of_m1 = Wanted(q="m1")
    assert listed(known, LI, of_m1, NOW_MS).rows[0].alerts == 2
    assert listed(known, CHEN, of_m1, NOW_MS).rows[0].alerts == 3


def test_an_override_is_told_with_the_grade_by_score_but_to_no_rep(desk: Desk) -> None:
    override = GradeOverride("E", "owner arrested", "2027-01-01T00:00:00.000Z")
    made = msgspec.structs.replace(score("m1", "E", 3), computed_grade="C", override=override)
    with desk.store.writing() as connection:
        filing.file_scores(desk.store, connection, [made], NOW_MS)
    found = standing_of(desk.store, LI, "m1", NOW_MS)
    assert found is not None
    assert (found.grade, found.computed_grade, found.override) == ("E", "C", override)
    seen = standing_of(desk.store, REP, "m1", NOW_MS)
    assert seen is not None
    assert seen.override is None
    assert standing_of(desk.store, REP, "m2", NOW_MS) is None


def test_verdicts_that_stand_are_told_to_those_who_see_their_cases(desk: Desk) -> None:
    desk.decide("a", verdict="false_alarm")
    desk.decide("x", CHEN)
    assert [each.verdict for each in verdicts_of(desk.store, LI, "m1", NOW_MS)] == ["false_alarm"]
    assert {each.verdict for each in verdicts_of(desk.store, CHEN, "m1", NOW_MS)} == {"false_alarm", "confirmed"}
    assert verdicts_of(desk.store, REP, "m2", NOW_MS) == ()


def test_the_last_closed_day_has_all_its_columns(desk: Desk) -> None:
    with desk.store.writing() as connection:
        filing.file_days(desk.store, connection, [days(("m1", "2025-01-01", 4), ("m1", "2025-01-02", 7))])
    assert series.last_day(desk.store, LI, "m1", NOW_MS) == ("2025-01-02", "CNY", {"sales": 7})
    assert series.last_day(desk.store, LI, "m2", NOW_MS) is None
    assert series.last_day(desk.store, REP, "m2", NOW_MS) is None

"""Notes, visits, hand-overs, and decided cases that are looked at once more."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from casework import decisions, notes, quality
from casework.errors import NotAllowed, NotFound, Refused
from casework.people import Actor
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, ZHAO, Desk
from tests.casework.world import NOW_MS, alert, rows

OTHER_REP = Actor("rep-2", REP.roles)


def test_notes_on_a_merchant_are_read_by_who_sees_it(desk: Desk) -> None:
    notes.write_note(desk.store, LI, "m1", "owner is away, card 6222021234567894", NOW_MS)
    notes.write_note(desk.store, REP, "m1", "shop is open again", NOW_MS + 1)
    notes.write_note(desk.store, CHEN, "m1", "reported", NOW_MS, of_aml=True)
    assert [each.text for each in notes.notes_of(desk.store, REP, "m1", NOW_MS)] == [
        "shop is open again", "owner is away, card ************7894",
    ]  # fmt: skip
    assert len(notes.notes_of(desk.store, CHEN, "m1", NOW_MS)) == 3
    assert notes.notes_of(desk.store, OTHER_REP, "m1", NOW_MS) == []
    with pytest.raises(NotFound):
        notes.write_note(desk.store, OTHER_REP, "m1", "?", NOW_MS)
    with pytest.raises(NotAllowed):
        notes.write_note(desk.store, LI, "m1", "?", NOW_MS, of_aml=True)


def test_a_visit_is_recorded_and_the_log_hears_of_it(desk: Desk) -> None:
    notes.record_visit(
        desk.store, REP, "m1", NOW_MS - DAY_MS, "alert", "renovating", "dust on 6222021234567894", NOW_MS
    )
    (seen,) = notes.visits_of(desk.store, LI, "m1", NOW_MS)
    assert (seen.by, seen.outcome, seen.note) == ("rep-1", "renovating", "dust on ************7894")
    assert "6222021234567894" not in str(rows(desk.store, "outbox"))
    desk.agent.file()
    (sent,) = desk.sent()
    assert (sent["type"], sent["person_id"], sent["visit_kind"], sent["outcome"]) == (
        "visit", "rep-1", "alert", "renovating",
    )  # fmt: skip
    with pytest.raises(NotFound):
        notes.record_visit(desk.store, OTHER_REP, "m1", NOW_MS, "alert", "differs", "", NOW_MS)
    for visited_ms, outcome, message in ((NOW_MS + 1, "differs", "not be after now"), (NOW_MS, "fine", "outcome")):
        with pytest.raises(Refused, match=message):
            notes.record_visit(desk.store, REP, "m1", visited_ms, "alert", outcome, "", NOW_MS)


def test_a_shift_hands_over_by_team_and_day(desk: Desk) -> None:
    notes.hand_over(desk.store, LI, "east", "2026-11-30", "m1 waits for slips", NOW_MS)
    notes.hand_over(desk.store, WANG, "east", "2026-11-30", "and m2 too", NOW_MS + 1)
    notes.hand_over(desk.store, WANG, "west", "2026-11-30", "nothing", NOW_MS)
    found = notes.handovers_of(desk.store, ZHAO, "east", "2026-11-30")
    assert [(each.by, each.text) for each in found] == [("li", "m1 waits for slips"), ("wang", "and m2 too")]
    with pytest.raises(Refused, match="day must be a date"):
        notes.hand_over(desk.store, LI, "east", "today", "?", NOW_MS)
    with pytest.raises(NotAllowed):
        notes.handovers_of(desk.store, REP, "east", "2026-11-30")


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """Eight cases that li has decided and one that wang has."""
    desk.file(*(alert(f"q{i}", f"n{i}") for i in range(8)))
    for i in range(8):
        desk.decide(f"q{i}", LI)
    desk.decide("c", WANG)
    return desk


def drawn(desk: Desk) -> list[tuple[int, str]]:
    return [(each.decision_id, each.drawn_by) for each in quality.listed(desk.store, WANG, NOW_MS)]


def test_others_decisions_of_the_week_are_drawn_by_a_seed_and_none_twice(decided: Desk) -> None:
    assert len(quality.draw(decided.store, WANG, 3, 7, NOW_MS)) == 3
    first = [number for number, _ in drawn(decided)]
    assert 9 not in first, "it is wang's own"
    assert len(quality.draw(decided.store, WANG, 100, 7, NOW_MS)) == 5
    assert sorted(number for number, _ in drawn(decided)) == [*range(1, 9)]
    assert quality.draw(decided.store, LI, 100, 7, NOW_MS) != []
    assert (9, "li") in drawn(decided)
    with pytest.raises(Refused, match="count must be 1 to"):
        quality.draw(decided.store, LI, 0, 7, NOW_MS)


def test_the_same_seed_draws_the_same_and_another_does_not(decided: Desk) -> None:
    found = []
    for seed in (7, 7, 8):
        quality.draw(decided.store, WANG, 3, seed, NOW_MS)
        found.append(drawn(decided))
        with decided.store.writing() as connection:
            connection.execute(text("DELETE FROM rechecks"))
    assert found[0] == found[1] != found[2]


def test_what_is_older_than_a_week_or_was_undone_or_followed_is_not_drawn(decided: Desk) -> None:
    decisions.undo(decided.store, LI, 1, NOW_MS)
    decided.decide("q1", ZHAO, "false_alarm", alert_ids=["q1"])
    quality.draw(decided.store, WANG, 100, 7, NOW_MS)
    assert {number for number, _ in drawn(decided)} == {3, 4, 5, 6, 7, 8, 10}
    assert quality.draw(decided.store, LI, 100, 7, NOW_MS + quality.DRAWN_FROM_MS) == []


def test_who_has_drawn_a_decision_says_once_whether_it_is_right(decided: Desk) -> None:
    made = quality.draw(decided.store, WANG, 1, 7, NOW_MS)[0]
    with pytest.raises(NotFound):
        quality.recheck(decided.store, ZHAO, made, "no", NOW_MS, agrees=False)
    quality.recheck(decided.store, WANG, made, "the slips say otherwise", NOW_MS, agrees=False)
    with pytest.raises(Refused, match="must not be answered already"):
        quality.recheck(decided.store, WANG, made, "yes", NOW_MS, agrees=True)
    (found,) = quality.listed(decided.store, LI, NOW_MS)
    assert (found.agrees, found.comment, found.verdict, found.by) == (
        False, "the slips say otherwise", "confirmed", "li",
    )  # fmt: skip
    assert rows(decided.store, "decisions", "undone_ms") == [(None,)] * 9, "the decision stays what it is"

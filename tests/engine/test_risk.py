from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import VERDICTS
from domain.risk import (
    CLEARED,
    FLOOR_D,
    GRADES,
    HYSTERESIS,
    MCC_PRIORS,
    NEW_MERCHANT_POINTS,
    RISK_GROUPS,
    RiskGroup,
    grade_of,
    next_grade,
)
from domain.timestamps import DAY_MS, HOUR_MS, iso
from engine.risk.explain import explain
from engine.risk.ledger import (
    MOST_ALERTS,
    MOST_ENTRIES,
    Account,
    Change,
    DayClosed,
    Effect,
    ManualGrade,
    Rise,
    RiskLedger,
    Verdict,
    applied,
)
from tests.seeds import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.alerts import Score

START_MS = 1_783_224_000_000
DETECTORS = {"jump": "mcc", "drift": "mcc", "surge": "volume", "hike": "fee"}
POINTS = RISK_GROUPS["mcc"].points
HALF_LIFE_MS = RISK_GROUPS["mcc"].half_life_d * DAY_MS


def ledger_of() -> RiskLedger:
    return RiskLedger(DETECTORS, lambda row: f"m{row}", journals=True)


def rise(
    at_d: float, severity: float, alert_id: str = "a", by: float | None = None, detector: str = "jump",
    reopened: int = 0,
) -> Rise:  # fmt: skip
    at_ms = START_MS + round(at_d * DAY_MS)
    return Rise(0, at_ms, detector, alert_id, severity, severity if by is None else by, reopened=reopened)


def verdict(at_d: float, alert_id: str, what: str, until_d: float | None = None) -> Verdict:
    at_ms = START_MS + round(at_d * DAY_MS)
    until_ms = 0 if until_d is None else START_MS + round(until_d * DAY_MS)
    return Verdict(0, at_ms, alert_id, what, at_ms, until_ms)


def by_hand(at_d: float, grade: str, until_d: float) -> ManualGrade:
    return ManualGrade(0, START_MS + round(at_d * DAY_MS), grade, "seen", START_MS + round(until_d * DAY_MS))


def taken(*changes: Change) -> RiskLedger:
    ledger = ledger_of()
    for each in changes:
        ledger.apply(each)
    return ledger


def score(ledger: RiskLedger, at_d: float) -> Score:
    return ledger.score(0, START_MS + round(at_d * DAY_MS))


def sums_up(it: Score) -> bool:
    """Whether a score is what it says it is made of."""
    total = it.prior + sum(each.points for each in it.contributions) - it.capped
    return abs(it.score - max(total, it.floor.points if it.floor else 0)) < 1e-6


def test_an_episode_adds_its_peak_once_and_halves_in_its_risk_group_s_half_life() -> None:
    ledger = taken(rise(0, 0.5), rise(0, 0.75, by=0.25))
    assert score(ledger, 0).score == 0.75 * POINTS
    assert score(ledger, RISK_GROUPS["mcc"].half_life_d).score == 0.375 * POINTS


def test_an_episode_that_goes_on_counts_its_peak_in_full() -> None:
    assert score(taken(rise(0, 0.5), rise(30, 0.75, by=0.25)), 30).score == 0.75 * POINTS
    assert score(taken(rise(0, 0.5), rise(30, 0.5, by=0.0)), 30).score == 0.5 * POINTS
    assert score(taken(rise(0, 0.5)), 30).score == 0.25 * POINTS


def test_a_reopened_alert_counts_its_peak_once() -> None:
    ledger = taken(rise(0, 0.75), rise(10, 0.25, by=0.0, reopened=1))
    assert score(ledger, 10).score == 0.75 * POINTS
    assert [each.alert_id for each in score(ledger, 10).contributions] == ["a"]
    ledger.apply(rise(11, 1.0, by=0.25, reopened=1))
    assert score(ledger, 11).score == POINTS


@pytest.mark.parametrize("what", sorted(CLEARED))
def test_a_verdict_that_cleared_an_alert_does_not_silence_what_reopens_it(what: str) -> None:
    ledger = taken(rise(0, 1.0), verdict(1, "a", what), rise(2, 0.25, by=0.0, reopened=1))
    assert score(ledger, 2).score == 0.25 * POINTS
    assert [each.verdict for each in score(ledger, 2).contributions] == [""]
    ledger.apply(rise(2, 0.5, by=0.0, reopened=1))
    assert score(ledger, 2).score == 0.5 * POINTS
    ledger.apply(rise(9, 0.25, by=0.0, reopened=2))
    assert score(ledger, 9).score == 0.5 * POINTS
    ledger.apply(verdict(9, "a", what))
    ledger.apply(rise(10, 0.75, by=0.0, reopened=2))
    assert score(ledger, 10).score == 0


def test_a_confirmed_alert_keeps_its_floor_when_it_is_reopened() -> None:
    ledger = taken(rise(0, 0.5), verdict(1, "a", "confirmed"), rise(9, 0.75, by=0.25, reopened=1))
    seen = score(ledger, 9)
    assert seen.floor is not None
    assert (seen.score, seen.floor.points) == (70, 70)
    assert [(each.points, each.verdict) for each in seen.contributions] == [(0.75 * POINTS, "confirmed")]


def test_an_open_case_stays_open_when_its_alert_is_reopened() -> None:
    ledger = taken(rise(0, 0.5), verdict(1, "a", "open"), rise(9, 0.25, by=0.0, reopened=1))
    assert [(each.points, each.verdict) for each in score(ledger, 9).contributions] == [(0.5 * POINTS, "open")]


def test_contributions_come_in_the_registry_s_order_with_their_alerts() -> None:
    ledger = taken(rise(0, 0.25, "late", detector="surge"), rise(0, 0.5, "b"), rise(1, 0.1, "c"))
    found = [(each.detector, each.alert_id) for each in score(ledger, 1).contributions]
    assert found == [("jump", "b"), ("jump", "c"), ("surge", "late")]


def test_a_late_record_neither_fades_nor_moves_the_account_back() -> None:
    ledger = taken(rise(1, 0.25), rise(0, 0.25, "b"))
    assert (score(ledger, 0).score, score(ledger, 0).time) == (POINTS / 2, iso(START_MS + DAY_MS))


def test_detectors_of_one_risk_group_are_capped_together_and_others_are_not() -> None:
    ledger = taken(rise(0, 1.0), rise(0, 1.0, "b", detector="drift"), rise(0, 0.1, "c", detector="hike"))
    seen = score(ledger, 0)
    cap = RISK_GROUPS["mcc"].cap
    assert (seen.score, seen.capped) == (cap + 8, 2 * POINTS - cap)
    assert sums_up(seen)


def test_all_risk_groups_together_give_at_most_100_points() -> None:
    ledger = taken(rise(0, 1.0), rise(0, 1.0, "b", detector="hike"), rise(0, 1.0, "c", detector="surge"))
    assert score(ledger, 0).score == 100
    assert sums_up(score(ledger, 0))


def test_a_false_alarm_leaves_the_points_as_if_the_episode_had_never_been() -> None:
    ledger = taken(rise(0, 1.0, "a"), rise(0, 0.5, "b"), verdict(1, "a", "false_alarm"))
    assert score(ledger, 1).score == score(taken(rise(0, 0.5, "b")), 1).score


@pytest.mark.parametrize("what", sorted(CLEARED))
def test_a_verdict_that_clears_counts_as_a_false_alarm_does(what: str) -> None:
    changes = rise(0, 0.9, "a"), rise(0, 0.5, "b"), verdict(1, "a", "confirmed"), rise(1, 0.95, "a", by=0.05)
    cleared, false = (taken(*changes, verdict(2, "a", each)).score(0) for each in (what, "false_alarm"))
    assert cleared == false
    assert [each.alert_id for each in cleared.contributions] == ["b"]
    assert cleared.floor is None


def test_every_verdict_confirms_clears_or_keeps_a_case_open() -> None:
    assert set(VERDICTS) == CLEARED | {"confirmed", "open"}


def test_further_rises_of_a_false_alarm_add_nothing_until_it_is_confirmed_after_all() -> None:
    ledger = taken(rise(0, 0.5), verdict(0, "a", "false_alarm"), rise(0, 0.75, by=0.25))
    assert score(ledger, 0).score == 0
    ledger.apply(verdict(0, "a", "confirmed"))
    assert score(ledger, 0).score == 70
    ledger.apply(verdict(0, "a", "open"))
    assert score(ledger, 0).score == 0.75 * POINTS


@pytest.mark.parametrize(("severity", "floor"), [(0.1, 20), (0.3, 40), (0.6, 70), (0.85, 85)])
def test_a_confirmed_alert_is_a_floor_by_its_severity_until_it_expires(severity: float, floor: int) -> None:
    ledger = taken(rise(0, severity), verdict(10, "a", "confirmed"))
    seen = score(ledger, 10 + FLOOR_D - 0.01)
    assert seen.floor is not None
    assert (seen.score, seen.floor.points, seen.floor.alert_id) == (floor, floor, "a")
    assert sums_up(seen)
    later = score(ledger, 10 + FLOOR_D)
    assert later.floor is None
    assert later.score < 2


def test_a_verdict_may_say_until_when_it_is_a_floor() -> None:
    ledger = taken(rise(0, 0.6), verdict(0, "a", "confirmed", until_d=400))
    assert score(ledger, 399).score == 70
    assert score(ledger, 400).score < 1


def test_the_highest_of_several_floors_counts() -> None:
    ledger = taken(
        rise(0, 0.6, "a"), rise(0, 0.3, "b", detector="surge"), verdict(0, "a", "confirmed", until_d=200),
        verdict(0, "b", "confirmed", until_d=300),
    )  # fmt: skip
    assert [score(ledger, each).score for each in (199, 250)] == [70, 40]


def test_an_open_case_of_grade_e_does_not_fade_until_it_is_closed() -> None:
    ledger = taken(rise(0, 1.0), rise(0, 0.9, "b", detector="hike"), verdict(1, "a", "open"))
    before = score(ledger, 1)
    assert (before.grade, before.held) == ("E", True)
    assert score(ledger, 500).score == before.score
    ledger.apply(verdict(500, "a", "false_alarm"))
    assert not score(ledger, 500).held
    assert score(ledger, 500).score == score(taken(rise(0, 0.9, "b", detector="hike")), 1).score
    assert score(ledger, 560).score == score(taken(rise(0, 0.9, "b", detector="hike")), 61).score


def test_an_open_case_of_a_lower_grade_fades() -> None:
    ledger = taken(rise(0, 0.9), verdict(0, "a", "open"))
    assert (score(ledger, 0).grade, score(ledger, 30).score) == ("D", 0.45 * POINTS)


def test_a_case_opened_before_its_merchant_came_to_grade_e_is_held_from_then_on() -> None:
    ledger = taken(rise(0, 1.0), verdict(0, "a", "open"), rise(1, 1.0, "b", detector="hike"))
    assert score(ledger, 300).score == score(ledger, 1).score
    assert score(ledger, 1).score == 100


def test_a_floor_does_not_expire_while_a_case_is_held() -> None:
    ledger = taken(
        rise(0, 0.9, "a"), verdict(0, "a", "confirmed", until_d=10), rise(0, 0.1, "b"), verdict(1, "b", "open")
    )
    assert (score(ledger, 50).score, score(ledger, 50).held) == (85, True)
    ledger.apply(verdict(50, "b", "confirmed", until_d=60))
    assert score(ledger, 50).score < 85


def test_an_override_is_published_until_it_expires_beside_the_computed_grade() -> None:
    ledger = taken(rise(0, 0.5), by_hand(1, "E", 20))
    seen = score(ledger, 2)
    assert (seen.grade, seen.computed_grade) == ("E", "C")
    assert seen.override is not None
    assert (seen.override.grade, seen.override.reason) == ("E", "seen")
    assert (score(ledger, 20).grade, score(ledger, 20).override) == ("B", None)


def test_an_override_of_a_merchant_without_alerts_is_published() -> None:
    ledger = ledger_of()
    assert ledger.apply(by_hand(0, "D", 9)) is Effect.PUBLISH
    assert (score(ledger, 0).grade, score(ledger, 0).computed_grade, score(ledger, 0).score) == ("D", "A", 0)


def test_a_verdict_on_an_alert_that_is_not_remembered_changes_nothing() -> None:
    ledger = taken(rise(0, 0.5))
    before = ledger.account(0)
    assert ledger.apply(verdict(1, "other", "confirmed")) is Effect.UNMATCHED
    assert ledger.apply(Verdict(7, START_MS, "a", "confirmed", START_MS)) is Effect.UNMATCHED
    assert ledger.account(0) == before
    assert not ledger.known(7)


def test_what_is_said_twice_counts_once() -> None:
    said = (verdict(1, "a", "confirmed"), by_hand(1, "D", 9))
    ledger = taken(rise(0, 0.5), *said)
    before = ledger.account(0)
    assert [ledger.apply(verdict(1, "a", "confirmed")), ledger.apply(said[1])] == [Effect.NONE, Effect.NONE]
    assert ledger.account(0) == before


def test_a_new_merchant_has_a_prior_that_fades_over_90_days() -> None:
    it = rise(30, 0.5)._replace(first_ms=START_MS)
    ledger = taken(it)
    assert score(ledger, 30).prior == round(NEW_MERCHANT_POINTS * 2 / 3, 2)
    assert score(ledger, 90).prior == 0
    assert sums_up(score(ledger, 31))


def test_a_risky_mcc_has_a_prior_that_halves_in_180_days() -> None:
    ledger = taken(rise(0, 0.5)._replace(first_ms=START_MS - 180 * DAY_MS, mcc="5094"))
    assert score(ledger, 0).prior == MCC_PRIORS["5094"] / 2


def test_the_first_finding_that_tells_a_merchant_s_mcc_sets_its_prior() -> None:
    ledger = taken(rise(0, 0.1)._replace(first_ms=START_MS))
    assert score(ledger, 0).prior == NEW_MERCHANT_POINTS
    ledger.apply(rise(0, 0.2, by=0.1)._replace(first_ms=START_MS, mcc="5944"))
    ledger.apply(rise(0, 0.3, by=0.1)._replace(first_ms=START_MS, mcc="7995"))
    assert score(ledger, 0).prior == NEW_MERCHANT_POINTS + MCC_PRIORS["5944"]


def test_priors_alone_never_leave_grade_a() -> None:
    assert grade_of(NEW_MERCHANT_POINTS + max(MCC_PRIORS.values())) == "A"


@pytest.mark.parametrize(
    ("value", "grade"), [(19.99, "A"), (20, "B"), (39.9, "B"), (40, "C"), (70, "D"), (84.9, "D"), (85, "E")]
)
def test_grades_follow_the_score(value: float, grade: str) -> None:
    assert grade_of(value) == grade


@given(st.sampled_from("ABCDE"), st.integers(0, 10_000))
def test_a_grade_rises_at_once_and_falls_five_points_below_its_threshold(before: str, score_e2: int) -> None:
    value = score_e2 / 100
    found, least = next_grade(before, value), {grade: points for points, grade in GRADES}
    assert found >= grade_of(value)
    if found > grade_of(value):
        assert found <= before
        assert value >= least[found] - HYSTERESIS
    if found < before:
        assert value < least[before] - HYSTERESIS


def test_a_grade_is_kept_until_its_score_is_five_points_below() -> None:
    ledger = taken(rise(0, 0.9))
    falls = [(score(ledger, each).score, score(ledger, each).computed_grade) for each in (0, 4, 5, 24, 28, 32)]
    assert falls == [(72, "D"), (65.64, "D"), (64.14, "C"), (41.35, "C"), (37.7, "C"), (34.37, "B")]


def test_more_episodes_than_are_told_apart_keep_their_points_but_not_their_names() -> None:
    ledger = taken(*(rise(k, 0.02, f"a{k}") for k in range(MOST_ALERTS + 5)), verdict(30, "a20", "confirmed"))
    seen = score(ledger, 21)
    assert len([each for each in seen.contributions if each.alert_id]) == MOST_ALERTS
    assert len(seen.contributions) == MOST_ALERTS + 1
    alone = sum(0.02 * POINTS * 2 ** ((k - 30) / 30) for k in range(MOST_ALERTS + 5))
    assert sum(each.points for each in score(ledger, 30).contributions) == pytest.approx(alone, abs=0.1)
    assert ledger.apply(verdict(31, "a0", "confirmed")) is Effect.UNMATCHED


def test_an_alert_that_goes_on_is_told_apart_longer_than_younger_ones_that_ended() -> None:
    ledger = taken(*(rise(k, 0.02, f"a{k}") for k in range(MOST_ALERTS)))
    ledger.apply(rise(20, 0.02, "a0", by=0.0, reopened=1))
    ledger.apply(rise(21, 0.02, "more"))
    assert {f"a{k}" for k in range(MOST_ALERTS)} - {each.alert_id for each in score(ledger, 21).contributions} == {"a1"}


def test_an_episode_with_a_verdict_that_counts_is_told_apart_longest() -> None:
    ledger = taken(rise(0, 0.3, "first"), verdict(0, "first", "confirmed"))
    for k in range(2 * MOST_ALERTS):
        ledger.apply(rise(1, 0.1, f"a{k}"))
    floor = score(ledger, 1).floor
    assert floor is not None
    assert floor.alert_id == "first"


def test_rises_of_one_episode_within_an_hour_are_one_entry() -> None:
    ledger = taken(*(rise(k / 1440, 0.1 * (k + 1), by=0.1) for k in range(9)), rise(1, 1.0, by=0.1))
    assert [each.kind for each in ledger.account(0).entries] == ["rise", "rise"]


def test_when_there_are_many_entries_an_episode_s_rises_of_one_day_are_told_as_one() -> None:
    days = [rise(day + k / 8, (5 * day + k + 1) / 100, "a", 0.01) for day in range(20) for k in range(5)]
    account = taken(*days).account(0)
    assert len(account.entries) == MOST_ENTRIES
    assert account.base_ms == 0
    assert account.entries[0].at_ms == START_MS + DAY_MS // 2
    assert account.entries[-1].from_ms == account.entries[-1].at_ms == days[-1].at_ms


def test_when_no_entries_can_be_told_as_one_the_oldest_is_forgotten() -> None:
    account = taken(*(rise(day, 0.02, f"a{day}") for day in range(MOST_ENTRIES + 3))).account(0)
    assert (len(account.entries), account.base_ms) == (MOST_ENTRIES, START_MS + 2 * DAY_MS)


def test_a_detector_s_risk_group_must_be_known() -> None:
    with pytest.raises(ValueError, match=r"jump: risk_group must be one of mcc, .*, got 'odd'"):
        RiskLedger({"jump": "odd"}, str)


@pytest.mark.parametrize(("name", "least"), [("half_life_d", 1), ("cap", 1), ("points", 0)])
def test_a_risk_group_s_figures_are_checked(name: str, least: int) -> None:
    good = {"half_life_d": 30, "cap": 50, "points": 50}
    with pytest.raises(ValueError, match=f"{name} must be {least} to"):
        RiskGroup(**good | {name: least - 1})


def test_a_service_finding_is_no_part_of_the_score_and_makes_no_account() -> None:
    ledger = RiskLedger({"silent": "service"}, str)
    found = Rise(0, START_MS, "silent", "a", 1.0, 1.0, START_MS, "5812", 0)
    assert ledger.apply(found) is Effect.NONE
    assert not ledger.known(0)
    assert ledger.apply(Verdict(0, START_MS, "a", "confirmed", START_MS, 0)) is Effect.UNMATCHED


def test_a_day_s_close_publishes_where_the_score_fell_by_a_point_or_the_grade() -> None:
    ledger = taken(rise(0, 0.1))
    closings = [ledger.refresh(0, START_MS + day * DAY_MS) for day in range(1, 12)]
    told = [(day, each.score, each.revision) for day, each in enumerate(closings, 1) if each is not None]
    assert told == [(6, 6.96, 2)]
    assert ledger.refresh(5, START_MS) is None


def test_a_day_s_close_publishes_an_override_s_end() -> None:
    ledger = taken(by_hand(0, "E", 3))
    found = [ledger.refresh(0, START_MS + day * DAY_MS) for day in range(1, 6)]
    assert [each.grade if each else "" for each in found] == ["", "", "A", "", ""]


# -- properties

ALERTS = [("jump", "j1"), ("jump", "j2"), ("drift", "d1"), ("surge", "s1"), ("hike", "h1"), ("jump", "j3")]


@st.composite
def histories(draw: st.DrawFn, most: int = 60) -> list[Change]:
    """A merchant's changes in order: episodes that rise, verdicts, overrides, closings."""
    at_ms, peaks = START_MS, dict.fromkeys(ALERTS, 0.0)
    reopened: Counter[str] = Counter()
    found: list[Change] = []
    jumps = st.sampled_from([0, 0, 60_000, HOUR_MS, 9 * HOUR_MS, DAY_MS, 7 * DAY_MS, 40 * DAY_MS, 200 * DAY_MS])
    extra = draw(st.integers(0, 20))
    names = [*ALERTS, *(("jump", f"x{k}") for k in range(extra))]
    for _ in range(draw(st.integers(1, most))):
        at_ms += draw(jumps)
        kind = draw(st.sampled_from(["rise", "rise", "rise", "verdict", "verdict", "override", "closing"]))
        detector, alert_id = draw(st.sampled_from(names))
        if kind == "rise":
            before = peaks.get((detector, alert_id), 0.0)
            peak = before + draw(st.sampled_from([0.05, 0.3, 0.6])) * (1 - before)
            peaks[detector, alert_id] = peak
            first_ms = draw(st.sampled_from([0, START_MS - 10 * DAY_MS]))
            mcc = draw(st.sampled_from(["", "5944", "5812"]))
            reopened[alert_id] += draw(st.sampled_from([0, 0, 0, 1]))
            of_episode = peak * draw(st.sampled_from([1.0, 0.5])) if reopened[alert_id] else peak
            found.append(
                Rise(0, at_ms, detector, alert_id, of_episode, peak - before, first_ms, mcc, reopened[alert_id])
            )
        elif kind == "verdict":
            what = draw(st.sampled_from(VERDICTS))
            until_ms = draw(st.sampled_from([0, at_ms + 3 * DAY_MS]))
            found.append(Verdict(0, at_ms, alert_id, what, at_ms, until_ms))
        elif kind == "override":
            found.append(ManualGrade(0, at_ms, draw(st.sampled_from("ACE")), "by hand", at_ms + draw(jumps)))
        else:
            found.append(DayClosed(0, at_ms))
    return found


def end_of(changes: Sequence[Change]) -> int:
    return max(each.at_ms for each in changes)


@settings(max_examples=examples(100))
@given(histories(), st.data())
def test_reading_scores_on_the_way_changes_nothing(changes: list[Change], data: st.DataObject) -> None:
    """Invariant 1: what a batch's end publishes leaves no trace."""
    undisturbed, disturbed = taken(*changes), ledger_of()
    for each in changes:
        disturbed.apply(each)
        if disturbed.known(0) and data.draw(st.booleans()):
            disturbed.score(0)
            disturbed.score(0, each.at_ms + DAY_MS)
    assert undisturbed.known(0) == disturbed.known(0)
    if undisturbed.known(0):
        assert disturbed.account(0) == undisturbed.account(0)
        assert disturbed.score(0) == undisturbed.score(0)


@settings(max_examples=examples(100))
@given(histories(), st.integers(0, 60))
def test_a_restored_ledger_goes_on_as_if_nothing_had_been(changes: list[Change], at: int) -> None:
    undisturbed, taken_ = taken(*changes), taken(*changes[:at])
    again = ledger_of()
    decoder = msgspec.msgpack.Decoder(Account)
    for row, account in taken_.changes().items():
        again.put_back(row, decoder.decode(msgspec.msgpack.encode(account)))
    effects = [again.apply(each) for each in changes[at:]]
    assert effects == [taken_.apply(each) for each in changes[at:]]
    if undisturbed.known(0):
        assert again.account(0) == undisturbed.account(0)


@settings(max_examples=examples(150))
@given(histories())
def test_the_entries_lead_from_the_base_to_what_is_now(changes: list[Change]) -> None:
    ledger = taken(*changes)
    if ledger.known(0):
        account = ledger.account(0)
        it = account.base
        for entry in account.entries:
            it = applied(it, entry)
        assert it == account.now
        assert len(account.entries) <= MOST_ENTRIES
        assert len([each for each in it.parts if each.alert_id]) <= MOST_ALERTS


@settings(max_examples=examples(150))
@given(histories(), st.integers(0, 400))
def test_a_score_adds_up_stays_within_bounds_and_falls_until_the_next_change(changes: list[Change], days: int) -> None:
    ledger = taken(*changes)
    if not ledger.known(0):
        return
    end_ms = end_of(changes)
    one, later = ledger.score(0, end_ms), ledger.score(0, end_ms + days * DAY_MS)
    for each in (one, later):
        assert sums_up(each)
        assert 0 <= each.score <= 100
        assert each.floor is None or each.score >= each.floor.points
        sums: dict[str, float] = {}
        for part in each.contributions:
            sums[DETECTORS[part.detector]] = sums.get(DETECTORS[part.detector], 0) + part.points
        over = sum(max(0, points - RISK_GROUPS[risk_group].cap) for risk_group, points in sums.items())
        assert each.capped >= over - 1e-6
        assert each.computed_grade >= grade_of(each.score)
    assert (later.score, later.computed_grade) <= (one.score, one.computed_grade)


@settings(max_examples=examples(100))
@given(histories(), st.integers(0, 400), st.integers(0, 400))
def test_a_difference_is_explained_to_the_last_hundredth(changes: list[Change], back: int, ahead: int) -> None:
    ledger = taken(*changes)
    if not ledger.known(0):
        return
    now_ms = end_of(changes) + ahead * DAY_MS
    found = explain(ledger.account(0), DETECTORS, now_ms - back * DAY_MS, now_ms)
    assert found.then.score_e2 + sum(each.points_e2 for each in found.steps) == found.now.score_e2
    now = ledger.score(0, now_ms)
    assert (found.now.score_e2 / 100, found.now.grade) == (now.score, now.grade)


@settings(max_examples=examples(100))
@given(histories(40), st.integers(0, 60))
def test_the_past_is_told_as_it_was(changes: list[Change], at: int) -> None:
    """The score at each moment since the oldest entry, but between rises that are told as one."""
    before = taken(*changes[:at])
    ledger = taken(*changes)
    if not before.known(0) or at >= len(changes):
        return
    account, then_ms = ledger.account(0), changes[at].at_ms - 1
    if then_ms < max(account.base_ms, before.account(0).at_ms):
        return
    if any(each.from_ms <= then_ms < each.at_ms for each in account.entries):
        return
    found = explain(account, DETECTORS, then_ms, max(end_of(changes), account.at_ms))
    was = before.score(0, then_ms)
    assert (found.then.score_e2 / 100, found.then.grade) == (was.score, was.grade)


@settings(max_examples=examples(100))
@given(st.lists(st.tuples(st.sampled_from(ALERTS), st.floats(0.01, 1)), min_size=1, max_size=8), st.floats(0, 0.5))
def test_a_severer_episode_never_lowers_the_score(episodes: list[tuple[tuple[str, str], float]], more: float) -> None:
    def changes(extra: float) -> Iterable[Change]:
        for k, ((detector, _), severity) in enumerate(episodes):
            yield rise(k, min(1.0, severity + extra * (k == 0)), f"e{k}", detector=detector)

    mild, severe = taken(*changes(0)), taken(*changes(more))
    for day in (0, 10, 100):
        assert score(severe, day).score >= score(mild, day).score
        assert score(severe, day).computed_grade >= score(mild, day).computed_grade

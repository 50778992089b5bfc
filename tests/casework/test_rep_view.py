"""A rep is shown risk, deadlines and order as if there were no finding of money laundering."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework import decisions, drafts, listing
from casework.filing import file_scores
from casework.people import Actor
from casework.reading import merchants
from casework.reading.case import case
from casework.reading.merchants import Wanted
from casework.rep_view import grade_for_rep, risk_for_rep
from detectors.registry import DETECTORS
from domain.alerts import Contribution, Floor, GradeOverride, Score
from domain.risk import floor_of, grade_of
from domain.timestamps import iso
from engine.risk.account import E2, AccountState, AlertPoints, break_down
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, Desk
from tests.casework.world import NOW_MS, alert
from tests.causes.world import FIRST, profile
from tests.seeds import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS = {each.name: each.risk_group for each in DETECTORS}
parts = st.builds(
    AlertPoints, detector=st.sampled_from(("mcc_jump", "fee_over", "volume_rise", "mcc_drift")), alert_id=st.just(""),
    points=st.floats(0.01, 100), at_ms=st.just(NOW_MS), severity=st.floats(0.01, 1),
    verdict=st.sampled_from(("", "confirmed")), until_ms=st.just(NOW_MS + 180 * DAY_MS),
)  # fmt: skip


def published(merchant_id: str, listed: Sequence[AlertPoints], first_ms: int) -> Score:
    """What the monitor would publish of some alerts."""
    seen = break_down(AccountState(parts=tuple(listed), first_ms=first_ms), GROUPS, NOW_MS)
    contributions = (
        Contribution(each.detector, points / E2, each.alert_id, each.verdict)
        for each, points in zip(listed, seen.parts, strict=True) if points
    )  # fmt: skip
    floor = seen.floor
    return Score(
        merchant_id=merchant_id, time=iso(NOW_MS), score=seen.score / E2, grade=grade_of(seen.score / E2), revision=1,
        contributions=tuple(contributions), prior=seen.prior / E2, capped=seen.over / E2,
        floor=Floor(floor_of(floor.severity), floor.alert_id, iso(floor.until_ms)) if floor else None,
    )  # fmt: skip


def put(desk: Desk, score: Score) -> None:
    with desk.store.writing() as connection:
        file_scores(desk.store, connection, [score], desk.now_ms)


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(parts, max_size=4), aml=st.lists(parts, min_size=1, max_size=3), is_new=st.booleans())
def test_a_reps_score_is_the_one_that_there_would_be_without_the_finding(
    told: list[AlertPoints], aml: list[AlertPoints], is_new: bool, desk: Desk
) -> None:
    desk.now_ms += 1
    name, first_ms = f"h{desk.now_ms}", NOW_MS - 10 * DAY_MS if is_new else 0
    filed: dict[str, list[AlertPoints]] = {}
    for merchant_id, listed in ((f"{name}-with", [*told, *aml]), (f"{name}-without", told)):
        named = [msgspec.structs.replace(each, alert_id=f"{merchant_id}-{i}") for i, each in enumerate(listed)]
        filed[merchant_id] = named
        desk.file(*(
            alert(each.alert_id, merchant_id, each.detector, severity=each.severity,
                  risk_code="29" if i >= len(told) else "")
            for i, each in enumerate(named)
        ))  # fmt: skip
        for i, each in enumerate(named):
            if each.verdict:
                desk.decide(each.alert_id, CHEN if i >= len(told) else LI, alert_ids=[each.alert_id])
        put(desk, published(merchant_id, named, first_ms))
    with desk.store.reading() as connection:
        found = risk_for_rep(connection, [*filed])
        assert grade_for_rep(connection, [*filed]) == {each: found[each].grade for each in filed}
    with_it, without = found.values()
    assert with_it[:2] == without[:2]
    assert (with_it.prior, with_it.capped) == (without.prior, without.capped)
    assert [each.points for each in with_it.contributions] == [each.points for each in without.contributions]
    official = published("m", filed[f"{name}-without"], first_ms)
    assert without.score == official.score, "and the true one where there is nothing to hide"


def test_what_is_not_filed_yet_and_sums_that_may_hold_a_finding_are_left_out(desk: Desk) -> None:
    listed = (
        Contribution("mcc_jump", 20.0, "a"), Contribution("fee_over", 30.0, "unknown"), Contribution("mcc_jump", 9.0),
    )  # fmt: skip
    score = Score(merchant_id="m1", time=iso(NOW_MS), score=59.0, grade="C", contributions=listed, revision=1)
    put(desk, score)
    with desk.store.reading() as connection:
        found = risk_for_rep(connection, ["m1", "nobody"])
    assert found["m1"].score == 20.0, "x of m1 is of money laundering and not listed: the sum may be of it"
    assert (found["nobody"].score, found["nobody"].grade) == (None, "")


def test_a_grade_set_by_hand_of_such_a_case_is_not_a_reps(desk: Desk) -> None:
    until_ms = NOW_MS + 30 * DAY_MS
    drafts.draft(
        desk.store, CHEN, "override", "m1", {"grade": "E"}, "why", NOW_MS, until_ms=until_ms, case_id=desk.case_of("x")
    )
    by_hand = GradeOverride("E", "why", iso(until_ms))
    listed = (Contribution("mcc_jump", 20.0, "a"),)
    score = Score(
        merchant_id="m1", time=iso(NOW_MS), score=20.0, grade="E", contributions=listed, revision=1, override=by_hand
    )
    put(desk, score)
    put(desk, msgspec.structs.replace(score, merchant_id="m2", contributions=()))
    with desk.store.reading() as connection:
        assert grade_for_rep(connection, ["m1", "m2"]) == {"m1": "B", "m2": "E"}, "m2's came of no case"


def test_a_list_is_ordered_and_filtered_by_what_a_rep_is_shown(desk: Desk) -> None:
    rep = Actor("rep-7", REP.roles)
    for i, (told, aml) in enumerate(((50.0, 0.0), (20.0, 75.0), (30.0, 0.0))):
        merchant_id = f"n{i}"
        desk.know(profile(merchant_id, FIRST, rep_id="rep-7"))
        desk.file(alert(f"n{i}-a", merchant_id), alert(f"n{i}-x", merchant_id, "fee_over", risk_code="42"))
        listed = (Contribution("mcc_jump", told, f"n{i}-a"),)
        listed += (Contribution("fee_over", aml, f"n{i}-x"),) if aml else ()
        score = Score(
            merchant_id=merchant_id, time=iso(NOW_MS), score=told + aml, grade=grade_of(told + aml),
            contributions=listed, revision=1,
        )  # fmt: skip
        put(desk, score)
    desk.know(profile("n9", FIRST, rep_id="rep-7"))
    desk.agent.file()

    def shown(**wanted: object) -> list[tuple[str, float | None, str]]:
        found = merchants.listed(desk.store, rep, Wanted(**wanted), desk.now_ms)  # type: ignore[arg-type]
        assert merchants.count(desk.store, rep, Wanted(**wanted), desk.now_ms) == len(found.rows)  # type: ignore[arg-type]
        return [(each.merchant_id, each.score, each.grade) for each in found.rows]

    assert shown() == [("n0", 50.0, "C"), ("n2", 30.0, "B"), ("n1", 20.0, "B"), ("n9", None, "")]
    assert [each[0] for each in shown(grade="B")] == ["n2", "n1"]
    assert [each[0] for each in shown(grade="none")] == ["n9"]
    assert [each[0] for each in shown(least_score=25.0)] == ["n0", "n2"]
    assert merchants.listed(desk.store, LI, Wanted(), desk.now_ms).rows[0].merchant_id == "n1"
    pages, after = [], ""
    while True:
        part = merchants.listed(desk.store, rep, Wanted(), desk.now_ms, most=1, after=after)
        pages += [each.merchant_id for each in part.rows]
        after = part.after
        if not after:
            break
    assert pages == ["n0", "n2", "n1", "n9"]


def test_a_reps_deadlines_are_of_duties_and_not_of_grades(desk: Desk) -> None:
    contributions = (Contribution("mcc_jump", 20.0, "a"), Contribution("mcc_jump", 70.0, "x"))
    put(desk, Score(merchant_id="m1", time=iso(NOW_MS), score=90.0, grade="E", contributions=contributions, revision=1))
    case_id = desk.case_of("a")
    office, rep = (case(desk.store, actor, case_id, NOW_MS) for actor in (LI, REP))
    assert (office.case.due_rule, office.case.grade, office.alerts[0].grade) == ("grade E", "E", "E")
    assert (rep.case.due_ms, rep.case.due_rule, rep.case.grade, rep.alerts[0].grade) == (None, "", "B", "B")
    assert rep.shop is not None
    assert (rep.shop.score, rep.shop.grade) == (20.0, "B")
    risk = listing.risk_of(desk.store, REP, "m1", NOW_MS)
    assert (risk.score, risk.grade, risk.revision, risk.time) == (20.0, "B", 0, "")
    assert listing.risk_of(desk.store, WANG, "m1", NOW_MS).score == 90.0


def test_a_confirmed_alert_holds_a_reps_score_up_when_the_floor_in_force_is_of_another(desk: Desk) -> None:
    decisions.decide(
        desk.store, LI, desk.case_of("a"), desk.version(desk.case_of("a")), "confirmed", "mcc", "seen", NOW_MS,
        alert_ids=["a"],
    )  # fmt: skip
    contributions = (Contribution("mcc_jump", 5.0, "a", "confirmed"), Contribution("mcc_jump", 7.0, "x", "confirmed"))
    score = Score(
        merchant_id="m1", time=iso(NOW_MS), score=85.0, grade="E", contributions=contributions, revision=1,
        floor=Floor(85.0, "x", iso(NOW_MS + DAY_MS)),
    )  # fmt: skip
    put(desk, score)
    with desk.store.reading() as connection:
        (found,) = risk_for_rep(connection, ["m1"]).values()
    assert found.score == floor_of(0.5)
    assert found.contributions == contributions[:1]

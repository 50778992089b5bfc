from __future__ import annotations

import pytest

from evaluation.matching import GRACE_MS, Verdict, judge, judged_alert
from tests.tillwatch.judging import DAY, HOUR, found, look_alike, truth, violation


@pytest.mark.parametrize(
    ("first", "last", "verdict"),
    [
        (9 * DAY, 10 * DAY, Verdict.TRUE),
        (9 * DAY, 10 * DAY - 1, Verdict.FALSE),
        (22 * DAY, 25 * DAY, Verdict.TRUE),
        (22 * DAY + 1, 25 * DAY, Verdict.FALSE),
        (1 * DAY, 29 * DAY, Verdict.TRUE),
    ],
)
def test_an_alert_is_true_from_the_onset_to_the_end_with_grace(first: int, last: int, verdict: Verdict) -> None:
    alert = found(first_ms=first, last_ms=last)
    assert GRACE_MS["mcc"] == 2 * DAY
    assert judged_alert(alert, [violation(onset_ms=10 * DAY, end_ms=20 * DAY)], []).verdict is verdict


def test_a_fee_violation_may_be_found_a_week_after_its_end() -> None:
    alert = found(category="fee", first_ms=27 * DAY)
    assert judged_alert(alert, [violation(category="fee", end_ms=20 * DAY)], []).verdict is Verdict.TRUE


def test_another_merchants_violation_does_not_make_an_alert_true() -> None:
    judgement = judge(truth(violation(merchant_id="a")), [found(merchant_id="b", first_ms=12 * DAY)], {})
    assert [each.verdict for each in judgement.ranked] == [Verdict.FALSE]
    assert not judgement.outcomes[0].found


def test_another_categorys_violation_makes_an_alert_neither_true_nor_false() -> None:
    alert = found(category="volume", first_ms=12 * DAY)
    judged = judged_alert(alert, [violation()], [])
    assert (judged.verdict, judged.is_false) == (Verdict.OTHER, False)
    assert judged_alert(found(category="volume", first_ms=DAY), [violation()], []).verdict is Verdict.FALSE


def test_an_alert_on_a_look_alike_of_its_category_is_false_even_beside_another_categorys_violation() -> None:
    alert = found(category="volume", first_ms=12 * DAY)
    holiday = look_alike(category="volume", kind="holiday", from_ms=11 * DAY, until_ms=13 * DAY)
    judged = judged_alert(alert, [violation()], [holiday])
    assert (judged.verdict, judged.look_alike, judged.is_false) == (Verdict.LOOK_ALIKE, holiday, True)


def test_a_look_alike_of_any_category_counts_where_no_violation_explains_the_alert() -> None:
    alert, moved = found(first_ms=12 * DAY), look_alike(category="", kind="moved")
    assert judged_alert(alert, [], [moved]).verdict is Verdict.LOOK_ALIKE
    assert judged_alert(alert, [violation(category="fee")], [moved]).verdict is Verdict.OTHER
    assert judged_alert(alert, [violation()], [moved]).verdict is Verdict.TRUE


def test_a_look_alike_of_another_category_or_time_does_not_count() -> None:
    alert = found(first_ms=12 * DAY)
    for each in (look_alike(category="fee"), look_alike(from_ms=13 * DAY), look_alike(until_ms=11 * DAY - 1)):
        judged = judged_alert(alert, [], [each])
        assert (judged.verdict, judged.look_alike) == (Verdict.FALSE, None)


def test_an_alert_a_day_after_a_look_alike_is_still_on_it() -> None:
    outage = look_alike(until_ms=11 * DAY)
    assert judged_alert(found(first_ms=12 * DAY), [], [outage]).look_alike == outage


def test_an_alert_on_several_look_alikes_falls_on_the_shortest() -> None:
    whole, outage = look_alike(kind="price_list"), look_alike(kind="outage", from_ms=14 * DAY, until_ms=15 * DAY)
    for several in ([whole, outage], [outage, whole]):
        assert judged_alert(found(first_ms=15 * DAY), [], several).look_alike == outage


def test_an_alert_on_a_closing_that_nobody_told_of_is_excused() -> None:
    closing = look_alike(category="volume", kind="closing")
    judged = judged_alert(found(category="volume"), [], [look_alike(category="volume", kind="growth"), closing])
    assert (judged.verdict, judged.look_alike) == (Verdict.EXCUSED, closing)
    assert judged_alert(found(category="mcc"), [], [closing]).verdict is Verdict.FALSE


@pytest.mark.parametrize(
    ("last_ms", "verdict"),
    [(14 * DAY, Verdict.EXCUSED), (14 * DAY + 600_000, Verdict.EXCUSED), (14 * DAY + 600_001, Verdict.LOOK_ALIKE)],
)
def test_an_alert_on_a_change_told_late_is_excused_until_it_was_told(last_ms: int, verdict: Verdict) -> None:
    late = look_alike(kind="mcc_change_told_late", from_ms=10 * DAY, told_ms=14 * DAY)
    alert = found(first_ms=11 * DAY, last_ms=last_ms)
    assert judged_alert(alert, [], [late]).verdict is verdict
    in_time = look_alike(kind="mcc_change", from_ms=10 * DAY, told_ms=14 * DAY)
    assert judged_alert(alert, [], [in_time]).verdict is Verdict.LOOK_ALIKE


def test_a_violation_is_detected_when_the_first_revision_worth_knowing_is_told() -> None:
    alert = found(
        first_ms=10 * DAY, last_ms=14 * DAY, steps=[(10 * DAY, 0.2), (11 * DAY, 0.3), (14 * DAY, 0.9)]
    )  # fmt: skip
    (outcome,) = judge(truth(violation(onset_ms=10 * DAY)), [alert], {}).outcomes
    assert (outcome.detected_ms, outcome.delay_h, outcome.severity) == (11 * DAY, 24.0, 0.9)


def test_what_was_told_before_the_onset_does_not_detect_it() -> None:
    alert = found(first_ms=8 * DAY, last_ms=12 * DAY, steps=[(8 * DAY, 0.5), (12 * DAY, 0.5)])
    (outcome,) = judge(truth(violation(onset_ms=10 * DAY)), [alert], {}).outcomes
    assert outcome.delay_h == 48.0


def test_an_alert_below_0_3_is_true_but_finds_nothing() -> None:
    judgement = judge(truth(violation()), [found(first_ms=12 * DAY, severity=0.29)], {})
    (outcome,) = judgement.outcomes
    assert (outcome.found, outcome.severity, outcome.alert_ids) == (False, 0.29, ("a",))
    assert judgement.ranked[0].verdict is Verdict.TRUE
    assert judgement.missed() == [outcome]


def test_of_several_true_alerts_the_earliest_told_detects() -> None:
    alerts = [found("a", first_ms=15 * DAY), found("b", first_ms=13 * DAY), found("c", first_ms=11 * DAY, severity=0.1)]
    (outcome,) = judge(truth(violation(onset_ms=10 * DAY)), alerts, {}).outcomes
    assert (outcome.detected_ms, outcome.alert_ids) == (13 * DAY, ("a", "b", "c"))


def test_delay_in_transactions_counts_the_affected_ones_up_to_the_detection() -> None:
    named = violation(onset_ms=10 * DAY, txn_ids=("t1", "t2", "t3", "t4", "unknown"))
    times = {"t1": 10 * DAY, "t2": 10 * DAY + 3 * HOUR, "t3": 10 * DAY + HOUR, "t4": 11 * DAY}
    (outcome,) = judge(truth(named), [found(first_ms=10 * DAY + 3 * HOUR)], times).outcomes
    assert (outcome.delay_txns, outcome.delay_h) == (3, 3.0)


def test_there_is_no_delay_in_transactions_where_none_are_named_or_nothing_is_found() -> None:
    unnamed = violation(txn_ids=())
    (outcome,) = judge(truth(unnamed), [found(first_ms=12 * DAY)], {}).outcomes
    assert (outcome.found, outcome.delay_txns) == (True, None)
    (missed,) = judge(truth(violation(txn_ids=("t",))), [], {"t": 11 * DAY}).outcomes
    assert (missed.delay_txns, missed.delay_h) == (None, None)


def test_alerts_rank_by_severity_and_ties_by_time_and_then_by_name() -> None:
    alerts = [
        found("late", first_ms=3 * DAY, severity=0.5),
        found("b", first_ms=2 * DAY, severity=0.5),
        found("a", first_ms=2 * DAY, severity=0.5),
        found("severe", first_ms=9 * DAY, severity=0.6),
    ]
    assert [each.alert.alert_id for each in judge(truth(), alerts, {}).ranked] == ["severe", "a", "b", "late"]


def test_a_violation_that_touched_no_transaction_is_left_out_unless_it_is_one_of_volume() -> None:
    judgement = judge(truth(violation(transactions=0), violation(category="volume", transactions=0)), [], {})
    assert ([each.violation.category for each in judgement.outcomes], judgement.unseen) == (["volume"], 1)


def test_missed_violations_come_by_unit_with_the_strongest_first() -> None:
    missed = [
        violation(effect=0.1), violation(category="fee", effect_unit="ppm", effect=5), violation(effect=-0.4),
        violation(category="fee", effect_unit="ppm", effect=900),
    ]  # fmt: skip
    assert [each.violation.effect for each in judge(truth(*missed), [], {}).missed()] == [900, 5, -0.4, 0.1]


def test_false_alarms_are_those_worth_knowing() -> None:
    alerts = [found("a", first_ms=DAY, severity=0.29), found("b", first_ms=DAY, severity=0.3), found("c", severity=0.9)]
    judgement = judge(truth(violation()), alerts, {})
    assert [each.alert.alert_id for each in judgement.false_alarms()] == ["b"]

from __future__ import annotations

import pytest

from evaluation.matching import GRACE_MS, AlertLabel, match_alert, match_alerts
from tests.truths import DAY, HOUR, found, look_alike, truth, violation


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        (9 * DAY, 10 * DAY, AlertLabel.TRUE),
        (9 * DAY, 10 * DAY - 1, AlertLabel.FALSE),
        (22 * DAY, 25 * DAY, AlertLabel.TRUE),
        (22 * DAY + 1, 25 * DAY, AlertLabel.FALSE),
        (1 * DAY, 29 * DAY, AlertLabel.TRUE),
    ],
)
def test_an_alert_is_true_from_the_onset_to_the_end_with_grace(first: int, last: int, label: AlertLabel) -> None:
    alert = found(first_ms=first, last_ms=last)
    assert GRACE_MS["mcc"] == 2 * DAY
    assert match_alert(alert, [violation(onset_ms=10 * DAY, end_ms=20 * DAY)], []).label is label


def test_a_fee_violation_may_be_found_a_week_after_its_end() -> None:
    alert = found(category="fee", first_ms=27 * DAY)
    assert match_alert(alert, [violation(category="fee", end_ms=20 * DAY)], []).label is AlertLabel.TRUE


def test_another_merchants_violation_does_not_make_an_alert_true() -> None:
    matching = match_alerts(truth(violation(merchant_id="a")), [found(merchant_id="b", first_ms=12 * DAY)], {})
    assert [each.label for each in matching.ranked] == [AlertLabel.FALSE]
    assert not matching.outcomes[0].found


def test_another_categorys_violation_makes_an_alert_neither_true_nor_false() -> None:
    alert = found(category="volume", first_ms=12 * DAY)
    matched = match_alert(alert, [violation()], [])
    assert (matched.label, matched.is_false) == (AlertLabel.OTHER, False)
    assert match_alert(found(category="volume", first_ms=DAY), [violation()], []).label is AlertLabel.FALSE


def test_an_alert_on_a_look_alike_of_its_category_is_false_even_beside_another_categorys_violation() -> None:
    alert = found(category="volume", first_ms=12 * DAY)
    holiday = look_alike(category="volume", kind="holiday", from_ms=11 * DAY, until_ms=13 * DAY)
    matched = match_alert(alert, [violation()], [holiday])
    assert (matched.label, matched.look_alike, matched.is_false) == (AlertLabel.LOOK_ALIKE, holiday, True)


def test_what_no_rule_describes_is_found_by_the_model_within_two_weeks_of_its_end() -> None:
    odd = violation(category="model", kind="odd_refunds", end_ms=20 * DAY)
    assert match_alert(found(category="model", first_ms=34 * DAY), [odd], []).label is AlertLabel.TRUE
    assert match_alert(found(category="model", first_ms=34 * DAY + 1), [odd], []).label is AlertLabel.FALSE
    assert match_alert(found(category="volume", first_ms=34 * DAY), [odd], []).label is AlertLabel.OTHER


def test_the_models_alert_on_another_violation_is_not_false_even_on_a_look_alike_of_its_own() -> None:
    hours = look_alike(category="model", kind="new_hours", from_ms=11 * DAY, until_ms=40 * DAY)
    for first_ms in (12 * DAY, 34 * DAY):
        matched = match_alert(found(category="model", first_ms=first_ms), [violation(end_ms=20 * DAY)], [hours])
        assert matched.label is AlertLabel.OTHER
    alert = found(category="model", first_ms=34 * DAY + 1)
    assert match_alert(alert, [violation(end_ms=20 * DAY)], [hours]).label is AlertLabel.LOOK_ALIKE


def test_a_look_alike_of_any_category_counts_where_no_violation_explains_the_alert() -> None:
    alert, moved = found(first_ms=12 * DAY), look_alike(category="", kind="moved")
    assert match_alert(alert, [], [moved]).label is AlertLabel.LOOK_ALIKE
    assert match_alert(alert, [violation(category="fee")], [moved]).label is AlertLabel.OTHER
    assert match_alert(alert, [violation()], [moved]).label is AlertLabel.TRUE


def test_a_look_alike_of_another_category_or_time_does_not_count() -> None:
    alert = found(first_ms=12 * DAY)
    for each in (look_alike(category="fee"), look_alike(from_ms=13 * DAY), look_alike(until_ms=11 * DAY - 1)):
        matched = match_alert(alert, [], [each])
        assert (matched.label, matched.look_alike) == (AlertLabel.FALSE, None)


def test_an_alert_a_day_after_a_look_alike_is_still_on_it() -> None:
    outage = look_alike(until_ms=11 * DAY)
    assert match_alert(found(first_ms=12 * DAY), [], [outage]).look_alike == outage


def test_an_alert_on_several_look_alikes_falls_on_the_shortest() -> None:
    whole, outage = look_alike(kind="price_list"), look_alike(kind="outage", from_ms=14 * DAY, until_ms=15 * DAY)
    for several in ([whole, outage], [outage, whole]):
        assert match_alert(found(first_ms=15 * DAY), [], several).look_alike == outage


def test_an_alert_on_a_closing_that_nobody_told_of_is_excused() -> None:
    closing = look_alike(category="volume", kind="closing")
    matched = match_alert(found(category="volume"), [], [look_alike(category="volume", kind="growth"), closing])
    assert (matched.label, matched.look_alike) == (AlertLabel.EXCUSED, closing)
    assert match_alert(found(category="mcc"), [], [closing]).label is AlertLabel.FALSE


@pytest.mark.parametrize(
    ("last_ms", "label"),
    [
        (14 * DAY, AlertLabel.EXCUSED),
        (14 * DAY + 600_000, AlertLabel.EXCUSED),
        (14 * DAY + 600_001, AlertLabel.LOOK_ALIKE),
    ],
)
def test_an_alert_on_a_change_told_late_is_excused_until_it_was_told(last_ms: int, label: AlertLabel) -> None:
    late = look_alike(kind="mcc_change_told_late", from_ms=10 * DAY, told_ms=14 * DAY)
    alert = found(first_ms=11 * DAY, last_ms=last_ms)
    assert match_alert(alert, [], [late]).label is label
    in_time = look_alike(kind="mcc_change", from_ms=10 * DAY, told_ms=14 * DAY)
    assert match_alert(alert, [], [in_time]).label is AlertLabel.LOOK_ALIKE


def test_a_violation_is_detected_when_the_first_revision_worth_knowing_is_told() -> None:
    alert = found(
        first_ms=10 * DAY, last_ms=14 * DAY, revisions=[(10 * DAY, 0.2), (11 * DAY, 0.3), (14 * DAY, 0.9)]
    )  # fmt: skip
    (outcome,) = match_alerts(truth(violation(onset_ms=10 * DAY)), [alert], {}).outcomes
    assert (outcome.detected_ms, outcome.delay_h, outcome.severity) == (11 * DAY, 24.0, 0.9)


def test_what_was_told_before_the_onset_does_not_detect_it() -> None:
    alert = found(first_ms=8 * DAY, last_ms=12 * DAY, revisions=[(8 * DAY, 0.5), (12 * DAY, 0.5)])
    (outcome,) = match_alerts(truth(violation(onset_ms=10 * DAY)), [alert], {}).outcomes
    assert outcome.delay_h == 48.0


def test_an_alert_below_0_3_is_true_but_finds_nothing() -> None:
    matching = match_alerts(truth(violation()), [found(first_ms=12 * DAY, severity=0.29)], {})
    (outcome,) = matching.outcomes
    assert (outcome.found, outcome.severity, outcome.alert_ids) == (False, 0.29, ("a",))
    assert matching.ranked[0].label is AlertLabel.TRUE
    assert matching.missed() == [outcome]


def test_of_several_true_alerts_the_earliest_told_detects() -> None:
    alerts = [found("a", first_ms=15 * DAY), found("b", first_ms=13 * DAY), found("c", first_ms=11 * DAY, severity=0.1)]
    (outcome,) = match_alerts(truth(violation(onset_ms=10 * DAY)), alerts, {}).outcomes
    assert (outcome.detected_ms, outcome.alert_ids) == (13 * DAY, ("a", "b", "c"))


def test_delay_in_transactions_counts_the_affected_ones_up_to_the_detection() -> None:
    named = violation(onset_ms=10 * DAY, txn_ids=("t1", "t2", "t3", "t4", "unknown"))
    times = {"t1": 10 * DAY, "t2": 10 * DAY + 3 * HOUR, "t3": 10 * DAY + HOUR, "t4": 11 * DAY}
    (outcome,) = match_alerts(truth(named), [found(first_ms=10 * DAY + 3 * HOUR)], times).outcomes
    assert (outcome.delay_txns, outcome.delay_h) == (3, 3.0)


def test_there_is_no_delay_in_transactions_where_none_are_named_or_nothing_is_found() -> None:
    unnamed = violation(txn_ids=())
    (outcome,) = match_alerts(truth(unnamed), [found(first_ms=12 * DAY)], {}).outcomes
    assert (outcome.found, outcome.delay_txns) == (True, None)
    (missed,) = match_alerts(truth(violation(txn_ids=("t",))), [], {"t": 11 * DAY}).outcomes
    assert (missed.delay_txns, missed.delay_h) == (None, None)


def test_alerts_rank_by_severity_and_ties_by_time_and_then_by_name() -> None:
    alerts = [
        found("late", first_ms=3 * DAY, severity=0.5),
        found("b", first_ms=2 * DAY, severity=0.5),
        found("a", first_ms=2 * DAY, severity=0.5),
        found("severe", first_ms=9 * DAY, severity=0.6),
    ]
    assert [each.alert.alert_id for each in match_alerts(truth(), alerts, {}).ranked] == ["severe", "a", "b", "late"]


def test_a_violation_that_touched_no_transaction_is_left_out_unless_it_is_one_of_volume() -> None:
    matching = match_alerts(truth(violation(transactions=0), violation(category="volume", transactions=0)), [], {})
    assert ([each.violation.category for each in matching.outcomes], matching.unseen) == (["volume"], 1)


def test_missed_violations_come_by_unit_with_the_strongest_first() -> None:
    missed = [
        violation(effect=0.1), violation(category="fee", effect_unit="ppm", effect=5), violation(effect=-0.4),
        violation(category="fee", effect_unit="ppm", effect=900),
    ]  # fmt: skip
    assert [each.violation.effect for each in match_alerts(truth(*missed), [], {}).missed()] == [900, 5, -0.4, 0.1]


def test_false_alarms_are_those_worth_knowing() -> None:
    alerts = [found("a", first_ms=DAY, severity=0.29), found("b", first_ms=DAY, severity=0.3), found("c", severity=0.9)]
    matching = match_alerts(truth(violation()), alerts, {})
    assert [each.alert.alert_id for each in matching.false_alarms()] == ["b"]

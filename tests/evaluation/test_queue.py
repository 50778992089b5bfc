from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.matching import match_alerts
from evaluation.queue import HEAD, Queue, queue
from tests.truths import DAY, found, look_alike, truth, violation


def of(alerts: list[tuple[str, str, float]], grades: dict[str, str] | None = None) -> Queue:
    """The queue of alerts by merchant, category and severity: v1 jumps, v2 is overcharged, 1,000 merchants in all."""
    whole = truth(
        violation(merchant_id="v1"), violation(merchant_id="v2", category="fee", kind="rate_rise"),
        look_alikes=[look_alike(merchant_id="l", kind="mcc_change_told_late", told_ms=39 * DAY)],
    )  # fmt: skip
    made = [
        found(f"a{k}", merchant_id=merchant, category=category, severity=severity)
        for k, (merchant, category, severity) in enumerate(alerts)
    ]
    return queue(whole, match_alerts(whole, made, {}), grades or {})


def test_the_share_of_true_is_by_level_over_all_and_by_category() -> None:
    figures = of([("v1", "mcc", 0.3), ("x", "mcc", 0.59), ("v2", "fee", 0.6), ("y", "fee", 0.1), ("v1", "mcc", 1.0)])
    counts = {
        each.category: [(it.true.part, it.true.whole) for it in each.levels] for each in figures.calibration
    }  # fmt: skip
    assert counts == {
        "": [(0, 1), (1, 2), (1, 1), (1, 1)], "fee": [(0, 1), (0, 0), (1, 1), (0, 0)],
        "mcc": [(0, 0), (1, 2), (0, 0), (1, 1)],
    }  # fmt: skip
    tenths = {each.low: (each.true.part, each.true.whole) for each in figures.calibration[0].tenths}
    assert (tenths[0.9], tenths[0.5], tenths[0.2]) == ((1, 1), (0, 1), (0, 0))


def test_what_is_neither_true_nor_false_tells_nothing_of_severity() -> None:
    excused, other = ("l", "mcc", 0.5), ("v2", "volume", 0.5)
    assert all(it.true.whole == 0 for each in of([excused, other]).calibration for it in each.levels)


def test_the_head_says_each_kinds_share_beside_its_share_of_the_violations_found_and_the_rank_of_its_first() -> None:
    figures = of([("v1", "mcc", 0.4), *((f"x{k}", "mcc", 0.9) for k in range(HEAD)), ("v2", "fee", 0.95)])
    rows = {each.kind: (each.cases.part, each.cases.whole, each.head.part, each.first) for each in figures.head}
    assert rows == {"mcc": (1, 2, 0, 42), "rate_rise": (1, 2, 1, 1), "": (0, 2, HEAD - 1, 2)}


def test_a_kind_without_alerts_has_no_first() -> None:
    rows = {each.kind: (each.cases.value, each.head.value, each.first) for each in of([("v1", "mcc", 0.4)]).head}
    assert rows == {"mcc": (1.0, 1.0, 1), "rate_rise": (0.0, 0.0, None), "": (0.0, 0.0, None)}


def test_false_alerts_count_on_merchants_without_a_violation_by_category_and_detector() -> None:
    figures = of([("x", "fee", 0.5), ("y", "fee", 0.7), ("z", "fee", 0.2), ("v1", "fee", 0.9), ("l", "mcc", 0.9)])
    lawful_days = 998 * 40
    rates = {(each.category, each.detector): (each.alerts, each.per_unit) for each in figures.false_rates}
    assert rates["fee", ""] == rates["fee", "fee_x"]
    alerts, per_unit = rates["fee", ""]
    assert (alerts, rates["mcc", ""][0]) == ((2, 1), (0, 0))
    assert per_unit == pytest.approx((2000 / lawful_days, 1000 / lawful_days))


def test_without_lawful_merchants_there_is_no_rate_of_false_alerts() -> None:
    whole = truth(violation(), merchants=1)
    other = replace(found(severity=0.9), merchant_id="unheard")
    (of_category, _) = queue(whole, match_alerts(whole, [other], {}), {}).false_rates
    assert of_category.per_unit is None


def test_a_grade_says_how_many_of_those_who_reached_it_have_a_violation_and_all_others_have_grade_a() -> None:
    figures = of([], {"v1": "E", "x": "E", "y": "B"})
    rows = {each.grade: (each.violating.part, each.violating.whole) for each in figures.grades}
    assert rows == {"A": (1, 997), "B": (0, 1), "C": (0, 0), "D": (0, 0), "E": (1, 2)}

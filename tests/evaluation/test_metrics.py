from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from evaluation.matching import match_alerts
from evaluation.metrics import (
    AtLoad,
    OnLookAlike,
    Precision,
    Recall,
    Report,
    bin_bounds,
    bins,
    quantile,
    report,
    smallest_from,
)
from evaluation.shares import Share, share
from tests.truths import DAY, HOUR, found, look_alike, truth, violation

if TYPE_CHECKING:
    from evaluation.matching import Matching
    from simulator.truth import Truth


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # By the formula (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), z² = 3.841459.
        (0, 10, 0.0, 0.277533),
        (5, 10, 0.236593, 0.763407),
        (10, 10, 0.722467, 1.0),
        (1, 1, 0.206549, 1.0),
        (95, 100, 0.888250, 0.978456),
    ],
)
def test_a_share_has_wilsons_interval(part: int, whole: int, low: float, high: float) -> None:
    it = share(part, whole)
    assert it.value == part / whole
    assert (it.low, it.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_a_share_of_nothing_is_unknown() -> None:
    assert share(0, 0) == Share(0, 0, None, 0.0, 1.0)


def test_quantiles_are_nearest_rank() -> None:
    ten = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert (quantile(ten, 0.5), quantile(ten, 0.9), quantile([7], 0.9), quantile([], 0.5)) == (5, 9, 7, None)


@pytest.mark.parametrize(
    ("size", "low", "high"),
    [(1.0, 1.0, 1.584893), (1.58, 1.0, 1.584893), (1.59, 1.584893, 2.511886), (0.001, 0.001, 0.001584893),
     (1000, 1000, 1584.893), (0.0999, 0.06309573, 0.1), (0.1, 0.1, 0.1584893)],
)  # fmt: skip
def test_there_are_five_bins_to_a_decade_with_their_lower_bound_inside(size: float, low: float, high: float) -> None:
    assert bin_bounds(size) == (low, high)


def matched(*pairs: tuple[float, bool], **given: object) -> tuple[Truth, Matching]:
    """Violations of these effects, each of a merchant of its own, and whether they are found."""
    violations = [violation(merchant_id=f"m{k}", effect=effect, **given) for k, (effect, _) in enumerate(pairs)]
    alerts = [found(f"a{k}", merchant_id=f"m{k}") for k, (_, hit) in enumerate(pairs) if hit]
    whole = truth(*violations)
    return whole, match_alerts(whole, alerts, {})


def test_recall_by_effect_counts_each_bin_by_magnitude() -> None:
    _, matching = matched((0.1, True), (-0.12, False), (0.5, True), (0.0, False))
    counts = [(each.low, each.high, each.recall.part, each.recall.whole) for each in bins(matching.outcomes)]
    assert counts == [(0.0, 0.0, 0, 1), (0.1, 0.1584893, 1, 2), (0.3981072, 0.6309573, 1, 1)]


def test_95_percent_is_reached_from_the_smallest_effect_above_which_it_holds() -> None:
    # From 2 on 19 of 20 are found; with the miss at 1 it is 19 of 21.
    _, matching = matched((1, False), (2, True), (3, False), *((4 + k, True) for k in range(18)))
    size = smallest_from(matching.outcomes, lambda it: it.value or 0.0)
    assert size is not None
    assert (size.effect, size.recall.part, size.recall.whole) == (2, 19, 20)


def test_equal_effects_stand_or_fall_together() -> None:
    _, matching = matched((1, True), (1, False), (2, True))
    size = smallest_from(matching.outcomes, lambda it: it.value or 0.0)
    assert size is not None
    assert (size.effect, size.recall.whole) == (2, 1)
    _, missed = matched((1, True), (2, False))
    assert smallest_from(missed.outcomes, lambda it: it.value or 0.0) is None


def test_to_be_sure_of_95_percent_takes_73_found_violations() -> None:
    for count, sure in ((72, False), (73, True)):
        _, matching = matched(*((1 + k, True) for k in range(count)))
        assert (smallest_from(matching.outcomes, lambda it: it.low) is not None) is sure


def group(figures: Report, category: str, kind: str, unit: str) -> Recall:
    (it,) = [each for each in figures.recalls if (each.category, each.kind, each.effect_unit) == (category, kind, unit)]
    return it


def test_kinds_that_share_a_unit_are_also_taken_together_and_units_never() -> None:
    volume = {"category": "volume", "merchant_id": "v"}
    whole = truth(
        violation(kind="mcc"), violation(kind="channel_mcc"),
        violation(kind="ramp", effect_unit="per day", **volume), violation(kind="surge", effect_unit="ratio", **volume),
    )  # fmt: skip
    figures = report(whole, match_alerts(whole, [found(first_ms=12 * DAY)], {}))
    assert [(each.category, each.kind, each.effect_unit) for each in figures.recalls] == [
        ("mcc", "", "share of sales"), ("mcc", "channel_mcc", "share of sales"), ("mcc", "mcc", "share of sales"),
        ("volume", "ramp", "per day"), ("volume", "surge", "ratio"),
    ]  # fmt: skip
    assert [(each.category, each.at_severity[0].whole, each.bins) for each in figures.categories] == [
        ("mcc", 2, ()), ("volume", 2, ()),
    ]  # fmt: skip


def test_recall_is_also_that_of_high_and_critical_alerts() -> None:
    violations = [violation(merchant_id=f"m{k}") for k in range(4)]
    alerts = [found(f"a{k}", merchant_id=f"m{k}", severity=s) for k, s in enumerate((0.3, 0.6, 0.85, 0.1))]
    whole = truth(*violations)
    (category,) = report(whole, match_alerts(whole, alerts, {})).categories
    assert [(each.part, each.whole) for each in category.at_severity] == [(3, 4), (2, 4), (1, 4)]


def test_delay_is_that_of_found_violations() -> None:
    violations = [
        violation(merchant_id=f"m{k}", onset_ms=10 * DAY, txn_ids=tuple(f"t{k}/{j}" for j in range(k + 1)))
        for k in range(4)
    ]
    alerts = [found(f"a{k}", merchant_id=f"m{k}", first_ms=10 * DAY + k * HOUR) for k in range(3)]
    times = {f"t{k}/{j}": 10 * DAY for k in range(4) for j in range(k + 1)}
    whole = truth(*violations)
    (category,) = report(whole, match_alerts(whole, alerts, times)).categories
    assert (category.delay_h.count, category.delay_h.median, category.delay_h.p90) == (3, 1.0, 2.0)
    assert (category.delay_txns.count, category.delay_txns.median, category.delay_txns.p90) == (3, 2, 3)


def test_money_found_is_that_of_found_violations_whose_money_is_known() -> None:
    whole = truth(
        violation(merchant_id="a", money_minor=100), violation(merchant_id="b", money_minor=40),
        violation(merchant_id="c", money_minor=None),
    )  # fmt: skip
    alerts = [found("1", merchant_id="a", loss=70), found("2", merchant_id="a", loss=5),
              found("3", merchant_id="c", loss=9), found("4", merchant_id="nobody", loss=1000)]  # fmt: skip
    (category,) = report(whole, match_alerts(whole, alerts, {})).categories
    assert (category.money.at_stake, category.money.found, category.money.alerted) == (140, 100, 84)
    assert category.money.turnover is None


def ranked_alerts() -> tuple[Truth, Matching]:
    """1,000 merchants for 40 days, a load of 80; 100 alerts, every fourth one false, and 4 of another category."""
    whole = truth(*(violation(merchant_id=f"m{k}") for k in range(100) if k % 4))
    alerts = [found(f"a{k:03}", merchant_id=f"m{k}", severity=0.9 - k / 200) for k in range(100)]
    alerts += [found(f"b{k}", merchant_id=f"m{k}", category="volume", severity=0.95) for k in range(4)]
    return whole, match_alerts(whole, alerts, {})


def row(it: AtLoad, category: str) -> Precision:
    (mine,) = [each for each in it.rows if each.category == category]
    return mine


def test_precision_at_load_is_that_of_the_severest_20_per_10_000_merchant_days() -> None:
    whole, matching = ranked_alerts()
    at_load = report(whole, matching).at_load
    # 80 alerts: 4 of volume, of which that of m0 is false and three fall on mcc violations; and a0 to a75.
    overall, mcc, volume = (row(at_load, name) for name in ("", "mcc", "volume"))
    assert (overall.alerts, overall.true, overall.false, overall.other) == (80, 57, 20, 3)
    assert (mcc.alerts, mcc.true, mcc.false, mcc.precision.value) == (76, 57, 19, 0.75)
    assert (volume.alerts, volume.true, volume.false, volume.other) == (4, 0, 1, 3)
    assert (overall.precision.part, overall.precision.whole) == (57, 77)
    assert (at_load.load, overall.per_unit) == (20.0, 20.0)
    assert (at_load.recall.part, at_load.recall.whole) == (57, 75)


def test_of_equal_alerts_the_earlier_one_is_within_the_load() -> None:
    whole = truth(violation(merchant_id="m"), merchants=10)  # 400 merchant-days: a load of one
    alerts = [found("a", merchant_id="x", first_ms=16 * DAY), found("b", merchant_id="m", first_ms=15 * DAY)]
    at_load = report(whole, match_alerts(whole, alerts, {})).at_load
    assert (row(at_load, "").alerts, row(at_load, "").true) == (1, 1)


def test_precision_from_a_severity_counts_every_alert_from_there() -> None:
    whole, matching = ranked_alerts()
    alerts = [(each.severity, each.rows[0].alerts) for each in report(whole, matching).at_severity]
    # Severity 0.9 - k / 200 is at least 0.6 up to k = 60, and at least 0.85 up to k = 10.
    assert alerts == [(0.3, 104), (0.6, 65), (0.85, 15)]


def test_the_curve_ends_with_all_alerts() -> None:
    whole, matching = ranked_alerts()
    curve = report(whole, matching).curve
    assert [each.rows[0].alerts for each in curve][:3] == [1, 2, 3]
    assert (curve[-1].rows[0].alerts, curve[-1].load, curve[-1].recall.value) == (104, 26.0, 1.0)
    assert report(truth(), match_alerts(truth(), [], {})).curve == ()


def of_kind(figures: Report, kind: str) -> OnLookAlike:
    (it,) = [each for each in figures.look_alikes if each.kind == kind]
    return it


def test_false_alarms_on_look_alikes_are_counted_by_kind_with_merchants_and_days() -> None:
    look_alikes = [
        look_alike(merchant_id="a"), look_alike(merchant_id="b"), look_alike(merchant_id="b", until_ms=20 * DAY),
        look_alike(merchant_id="c", kind="mcc_change_told_late", from_ms=10 * DAY, until_ms=20 * DAY, told_ms=16 * DAY),
    ]  # fmt: skip
    alerts = [
        found("1", merchant_id="a"), found("2", merchant_id="a", first_ms=30 * DAY), found("3", merchant_id="c"),
        found("4", merchant_id="c", first_ms=18 * DAY), found("5", merchant_id="b", severity=0.2),
    ]  # fmt: skip
    whole = truth(look_alikes=look_alikes)
    figures = report(whole, match_alerts(whole, alerts, {}))
    several = of_kind(figures, "several_mccs")
    assert (several.look_alikes, several.days, several.alerts, several.per_unit) == (3, 100.0, 2, 200.0)
    assert (several.merchants.part, several.merchants.whole) == (1, 2)
    late = of_kind(figures, "mcc_change_told_late")
    assert (late.alerts, late.excused, late.merchants.part, late.per_unit) == (1, 1, 1, 1000.0)
    # Precision counts the one below 0.3 with the ranking, and the excused one not at all.
    overall = figures.at_load.rows[0]
    assert (overall.false, overall.on_look_alikes, overall.excused) == (4, 4, 1)


def test_an_effect_that_is_negative_is_as_strong_as_its_magnitude() -> None:
    assert violation(effect=-0.5).size == 0.5


def test_a_ratio_below_1_is_as_strong_as_its_reciprocal_and_0_the_strongest() -> None:
    sizes = [violation(effect=each, effect_unit="ratio").size for each in (0.25, 4.0, 1.0, 0.0)]
    assert sizes == [4.0, 4.0, 1.0, math.inf]
    whole = truth(*(violation(merchant_id=f"m{each}", effect=each, effect_unit="ratio") for each in (0.5, 20.0, 0.0)))
    figures = report(whole, match_alerts(whole, [found("a", merchant_id="m0.0"), found("b", merchant_id="m20.0")], {}))
    (recall,) = figures.recalls
    assert [(each.low, each.recall.part) for each in recall.bins] == [(1.584893, 0), (15.84893, 1), (math.inf, 1)]
    assert recall.reliable_from is not None
    assert recall.reliable_from.effect == 20.0

"""What verdicts say of detectors, from alerts and verdicts alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.alerts import Text
from domain.readings import Shop
from domain.timestamps import iso
from evaluation.newest import NewestRows
from evaluation.verdicts import LEAST_IN_SEGMENT, AlertRevision, Answers, SentTransaction, Standing
from tests.causes.world import FIRST, ms

if TYPE_CHECKING:
    from datetime import date

TITLES = {"fee_over": Text("Fee above contract", "超签约费率扣费"), "mcc_jump": Text("MCC code-jumping", "跳码")}


def revision(alert_id: str, day: date = FIRST, **more: Any) -> AlertRevision:
    given: dict[str, Any] = {
        "alert_id": alert_id, "revision": 1, "detector": "fee_over", "merchant_id": "m", "severity": 0.5,
        "last_time": iso(ms(day)), "currency": "CNY",
    }  # fmt: skip
    return AlertRevision(**given | more)


def standing(answers: Answers, detector: str = "fee_over", **least: float) -> Standing:
    return {each.detector: each for each in answers.standings(TITLES, least)}[detector]


def told(*verdicts: str) -> Answers:
    """An alert for each verdict, "" for none."""
    answers = Answers(90)
    for k, verdict in enumerate(verdicts):
        answers.take_alert(revision(f"a{k}"))
        if verdict:
            answers.take_verdict(f"a{k}", "m", verdict)
    return answers


def test_open_and_duplicate_ones_are_neither_confirmed_nor_dismissed() -> None:
    found = standing(
        told("confirmed", "confirmed", "false_alarm", "lawful_change", "data_error", "duplicate", "open", "")
    )
    assert found.alerts == 8
    assert (found.confirmed.part, found.confirmed.whole, found.confirmed.value) == (2, 5, 0.4)
    assert found.verdicts == {
        "confirmed": 2, "false_alarm": 1, "lawful_change": 1, "data_error": 1, "duplicate": 1, "open": 1,
    }  # fmt: skip


def test_the_interval_is_wilsons() -> None:
    found = standing(told(*["confirmed"] * 9, "false_alarm"))
    assert (round(found.confirmed.low, 4), round(found.confirmed.high, 4)) == (0.5958, 0.9821)


def test_the_last_verdict_on_an_alert_counts() -> None:
    answers = told("open", "confirmed")
    answers.take_verdict("a0", "m", "false_alarm")
    answers.take_verdict("a1", "m", "open")
    found = standing(answers)
    assert (found.confirmed.part, found.confirmed.whole, found.verdicts["open"]) == (0, 1, 1)


def test_a_verdict_of_another_merchant_or_on_another_alert_says_nothing() -> None:
    answers = told("", "")
    answers.take_verdict("a0", "another", "confirmed")
    answers.take_verdict("b", "m", "confirmed")
    assert standing(answers).confirmed.whole == 0


def test_a_verdict_may_come_before_its_alert() -> None:
    answers = Answers(90)
    answers.take_verdict("a", "m", "confirmed")
    answers.take_alert(revision("a"))
    assert standing(answers).confirmed.part == 1


def test_the_highest_revision_of_an_alert_counts_once_and_of_one_revision_the_later_owners() -> None:
    answers = Answers(90)
    for number, epoch, severity in ((2, 1, 0.6), (3, 1, 0.7), (3, 2, 0.8), (1, 3, 0.1), (2, 3, 0.2)):
        answers.take_alert(revision("a", revision=number, epoch=epoch, severity=severity))
    for k in range(20):
        answers.take_alert(revision(f"mild{k}", severity=0.3))
        answers.take_verdict(f"mild{k}", "m", "false_alarm")
    answers.take_verdict("a", "m", "confirmed")
    found = standing(answers)
    assert found.alerts == 21
    assert found.suggestion is not None
    assert found.suggestion.least_severity == 0.8


def test_an_alert_that_is_no_more_is_forgotten() -> None:
    answers = told("confirmed", "confirmed")
    answers.forget_alert("a0")
    assert standing(answers).alerts == 1


def test_alerts_without_a_hit_in_the_window_count_for_the_last_hit_alone() -> None:
    answers = Answers(30)
    answers.take_alert(revision("old", FIRST))
    answers.take_verdict("old", "m", "confirmed")
    answers.take_alert(revision("new", FIRST + timedelta(days=31), detector="mcc_jump"))
    answers.take_alert(revision("edge", FIRST + timedelta(days=1), detector="mcc_jump"))
    found = standing(answers)
    assert (found.alerts, found.confirmed.whole, found.last_hit) == (0, 0, iso(ms(FIRST)))
    assert standing(answers, "mcc_jump").alerts == 2


def test_the_window_ends_where_the_logs_clock_stands() -> None:
    answers = Answers(30, ms(FIRST + timedelta(days=45)))
    answers.take_alert(revision("a", FIRST))
    assert standing(answers).alerts == 0


def test_a_detector_that_never_hit_is_listed_and_one_that_no_longer_runs_comes_last() -> None:
    answers = Answers(90)
    answers.take_alert(revision("a", detector="gone"))
    found = answers.standings(TITLES, {})
    assert [(each.detector, each.alerts, each.last_hit is None) for each in found] == [
        ("fee_over", 0, True), ("mcc_jump", 0, True), ("gone", 1, False),
    ]  # fmt: skip


def test_what_is_confirmed_is_counted_by_city_agent_and_mcc() -> None:
    answers = Answers(90)
    for k in range(12):
        north = k % 2 == 0
        shop = Shop(name="s", city="Harbin" if north else "Sanya", agent_id="A-1")
        sent = SentTransaction(mcc="5411", registered=("5812", "5813") if north else ())
        answers.take_alert(revision(f"a{k}", shop=shop, transactions=(SentTransaction(mcc="0000"), sent)))
        answers.take_verdict(f"a{k}", "m", "confirmed" if north else "false_alarm")
    answers.take_alert(revision("bare"))
    found = standing(answers).by
    shares = {
        kind: {each.value: (each.confirmed.part, each.confirmed.whole) for each in of} for kind, of in found.items()
    }
    assert shares == {
        "city": {"Harbin": (6, 6), "Sanya": (0, 6)}, "agent": {"A-1": (6, 12)}, "mcc": {"5812": (6, 6), "5411": (0, 6)},
    }  # fmt: skip


def test_a_city_of_few_verdicts_is_not_listed() -> None:
    answers = Answers(90)
    for k in range(LEAST_IN_SEGMENT - 1):
        answers.take_alert(revision(f"a{k}", shop=Shop(city="Harbin")))
        answers.take_verdict(f"a{k}", "m", "confirmed")
    assert standing(answers).by["city"] == ()


def dismissed_below_half() -> Answers:
    """30 mild alerts, of which 18 were dismissed, 2 confirmed and 10 are open or without a verdict; 10 severe ones."""
    answers = Answers(90)
    for k in range(30):
        answers.take_alert(revision(f"mild{k}", severity=0.3, turnover=1_000, loss=None if k < 18 else 7))
        if k < 25:
            answers.take_verdict(f"mild{k}", "m", "false_alarm" if k < 18 else "confirmed" if k < 20 else "open")
    for k in range(10):
        answers.take_alert(revision(f"severe{k}", severity=0.5123, currency="JPY", loss=5))
        answers.take_verdict(f"severe{k}", "m", "confirmed" if k else "data_error")
    return answers


def test_a_suggestion_says_what_it_would_have_left_out_with_its_money() -> None:
    it = standing(dismissed_below_half()).suggestion
    assert it is not None
    assert it.toml == "[detectors.fee_over]\nleast_severity = 0.5123\n"
    assert (it.dismissed_below.part, it.dismissed_below.whole) == (18, 20)
    assert (it.dismissed_from.part, it.dismissed_from.whole) == (1, 10)
    assert (it.dismissed.alerts, it.dismissed.turnover, it.dismissed.loss) == (18, {"CNY": 18_000}, {})
    assert (it.confirmed.alerts, it.confirmed.turnover, it.confirmed.loss) == (2, {"CNY": 2_000}, {"CNY": 14})
    assert (it.others.alerts, it.others.turnover, it.others.loss) == (10, {"CNY": 10_000}, {"CNY": 70})


@pytest.mark.parametrize(("least", "suggests"), [(0.5122, True), (0.5123, False), (0.9, False)])
def test_nothing_is_suggested_that_is_in_force(least: float, suggests: bool) -> None:
    assert (standing(dismissed_below_half(), fee_over=least).suggestion is not None) is suggests


def test_of_many_rows_the_newest_of_each_key_are_kept_and_no_more_than_that_for_long() -> None:
    draw = np.random.default_rng(3)
    keys, ranks = draw.integers(9_000, size=400_000).tolist(), draw.integers(8, size=400_000).tolist()
    rows = NewestRows(np.dtype([("key", "u8"), ("rank", "i8"), ("value", "i8")]), lambda each: each["key"] % 5 > 0)
    newest: dict[int, tuple[int, int]] = {}
    for value, (key, rank) in enumerate(zip(keys, ranks, strict=True)):
        rows.add(key, rank, value)
        newest[key] = max(newest.get(key, (0, 0)), (rank, value))
        assert sum(map(len, rows._parts)) < 200_000
    expected = {key: value for key, (_, value) in newest.items() if key % 5}
    assert dict(zip(*(rows.rows()[name].tolist() for name in ("key", "value")), strict=True)) == expected

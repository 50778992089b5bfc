"""Budgets, blocks and moments: what holds a channel back, and that nothing is lost meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notices.channels.contract import Budget
from notices.channels.pace import BUSY_S, HALF_HOUR_S, Pace, backoff_s
from tests.notices.channels.far_side import MESSAGE, OK, Bench, Say
from tests.seeds import examples

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_the_nineteenth_of_a_minute_is_held_until_the_first_leaves_the_window(bench: Bench) -> None:
    outcomes, asked = bench.ask_at("dingtalk", [Say(OK["dingtalk"])], [*range(18), 18, 59, 60, 60.5])
    assert [each.status for each in outcomes] == ["sent"] * 18 + ["retry", "retry", "sent", "retry"]
    held = outcomes[18]
    assert (held.was_tried, held.retry_after_s, held.said) == (False, 42.0, "held back: 18 messages in 60 s are sent")
    assert asked == 19


def test_feishu_takes_five_in_a_second(bench: Bench) -> None:
    outcomes, _ = bench.ask_at("feishu", [Say(OK["feishu"])], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0])
    assert [each.status for each in outcomes] == ["sent"] * 5 + ["retry", "sent"]


@given(st.lists(st.floats(0, 40), max_size=120), st.integers(1, 6), st.sampled_from([1.0, 10.0, 60.0]))
@settings(max_examples=examples(150), deadline=None)
def test_no_window_ever_has_more_than_the_budget(gaps_s: list[float], most: int, window_s: float) -> None:
    pace, now_s, sent_s = Pace([Budget(most, window_s)]), 1e9, list[float]()
    for each in gaps_s:
        now_s += each
        if pace.hold(now_s) is None:
            pace.asks(now_s)
            sent_s.append(now_s)
    for start_s in sent_s:
        assert sum(start_s <= each < start_s + window_s for each in sent_s) <= most


@given(st.lists(st.floats(0, 40), max_size=60), st.integers(1, 6))
@settings(max_examples=examples(150), deadline=None)
def test_who_waits_as_long_as_told_is_let_through(gaps_s: list[float], most: int) -> None:
    pace, now_s = Pace([Budget(most, 60.0)]), 1e9
    for each in gaps_s:
        now_s += each
        if hold := pace.hold(now_s):
            assert 0 < hold.wait_s <= 60
            now_s += hold.wait_s + 1e-3  # beyond what is rounded
        assert pace.hold(now_s) is None
        pace.asks(now_s)


def at_half_hour(bench: Bench, into_s: float) -> None:
    bench.clock.now_s = 1_000_000 * HALF_HOUR_S + into_s


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "feishu"])
def test_robots_keep_off_the_full_and_half_hour_unless_it_is_urgent(bench: Bench, kind: str) -> None:
    at_half_hour(bench, 0)
    (held,), far = bench.ask(kind, Say(OK[kind]))
    assert (held.status, held.was_tried, far.asked) == ("retry", False, [])
    assert held.retry_after_s is not None
    assert BUSY_S <= held.retry_after_s <= BUSY_S + 30
    assert bench.ask(kind, Say(OK[kind]), message=replace(MESSAGE, urgent=True))[0][0].status == "sent"
    at_half_hour(bench, held.retry_after_s)
    assert bench.ask(kind, Say(OK[kind]))[0][0].status == "sent"


def test_notices_that_were_held_come_apart(bench: Bench) -> None:
    at_half_hour(bench, 3)
    waits_s = set()
    for each in range(40):
        (held,), _ = bench.ask("feishu", Say(OK["feishu"]), message=replace(MESSAGE, notice_id=f"n-{each}"))
        waits_s.add(held.retry_after_s)
    assert len(waits_s) == 40


def test_channels_of_ones_own_do_not_keep_off(bench: Bench) -> None:
    at_half_hour(bench, 0)
    for kind in ("webhook", "sms"):
        assert bench.ask(kind, Say(OK[kind]))[0][0].status == "sent"


@given(st.integers(1, 10_000), st.text(max_size=20))
@settings(max_examples=examples(100), deadline=None)
def test_waits_grow_to_their_most_and_never_beyond(attempt: int, notice_id: str) -> None:
    first_s, most_s = 2.0, 900.0
    whole_s = min(most_s, first_s * 2.0 ** min(attempt - 1, 30))
    assert whole_s / 2 <= backoff_s(attempt, notice_id) <= whole_s


def waits_of(notice_ids: Sequence[str]) -> list[float]:
    return [backoff_s(5, each) for each in notice_ids]


def test_notices_that_failed_together_come_back_apart() -> None:
    waits_s = waits_of([f"n-{each}" for each in range(200)])
    assert len({round(each, 3) for each in waits_s}) > 190
    assert max(waits_s) - min(waits_s) > 12

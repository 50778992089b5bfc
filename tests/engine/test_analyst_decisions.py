"""Verdicts and overrides on their way through a monitor, and the close of a merchant's day."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from domain.timestamps import DAY_MS, HOUR_MS
from engine.monitor import Monitor, MonitorConfig
from tests.strategies import records_of

if TYPE_CHECKING:
    from engine.outputs import Outputs

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
START_MS = 1_783_180_800_000
"""2026-07-05 00:00 in Shanghai."""


def sale(at_ms: int, mcc: str = "8062") -> dict[str, Any]:
    return {
        "txn_id": f"t{at_ms}", "merchant_id": "m", "amount": 1_000_000, "currency": "CNY", "mcc": mcc, "feed": "f",
        "scheme": "unionpay", "card_kind": "credit", "event_time": START_MS + at_ms,
    }  # fmt: skip


def of(kind: str, **more: object) -> dict[str, Any]:
    return {"type": kind, "merchant_id": "m", "event_time": START_MS, **more}


def clock(at_ms: int) -> dict[str, Any]:
    return {"type": "clock", "feed": "f", "event_time": START_MS + at_ms}


BEGIN = [of("merchant", effective_from=START_MS - DAY_MS, mccs=["5812"]), sale(HOUR_MS)]


def run(*batches: list[dict[str, Any]]) -> list[Outputs]:
    monitor = Monitor(MonitorConfig(capacity=10))
    return [monitor.process(records_of(each)) for each in batches]


def test_a_verdict_counts_from_the_merchant_s_clock_however_far_ahead_the_analyst_s_is() -> None:
    (alert,) = run(BEGIN)[0].alerts
    verdict = of("verdict", alert_id=alert.alert_id, verdict="confirmed") | {"event_time": START_MS + 300 * DAY_MS}
    first, second = run(BEGIN, [verdict])
    assert first.scores[-1].floor is None
    (score,) = second.scores
    assert score.floor is not None
    assert (score.time, score.revision) == (first.scores[-1].time, first.scores[-1].revision + 1)
    assert (score.floor.alert_id, score.contributions[0].verdict) == (alert.alert_id, "confirmed")


def test_a_verdict_in_the_batch_of_its_alert_comes_after_it_or_not_at_all() -> None:
    (alert,) = run(BEGIN)[0].alerts
    verdict = of("verdict", alert_id=alert.alert_id, verdict="false_alarm")
    after, before = run([*BEGIN, verdict])[0], run([verdict, *BEGIN])[0]
    assert (after.scores[0].contributions, after.counts.unmatched_verdicts) == ((), 0)
    assert (len(before.scores[0].contributions), before.counts.unmatched_verdicts) == (1, 1)


def test_a_card_number_in_an_override_s_reason_is_masked() -> None:
    (outputs,) = run([*BEGIN, of("override", grade="E", reason="card 6222021234567894", expires_at=START_MS + DAY_MS)])
    (score,) = outputs.scores
    assert score.override is not None
    assert "7894" in score.override.reason
    assert "62220212345" not in score.override.reason


def test_the_close_of_a_day_publishes_what_faded() -> None:
    clocks = [[clock(k * DAY_MS + 4 * HOUR_MS)] for k in range(1, 5)]
    first, *closed = run(BEGIN, *clocks)
    scores = [first.scores[-1], *(score for each in closed for score in each.scores)]
    assert len(scores) >= 3
    assert all(before.score > after.score for before, after in pairwise(scores))
    assert [each.revision for each in scores] == list(range(scores[0].revision, scores[0].revision + len(scores)))
    assert scores[-1].time > scores[0].time

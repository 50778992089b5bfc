"""Invariant 1, batch invariance.

Alerts at their final revision, scores, totals and dead letters depend only on each merchant's own records in
their order and on the clock records between them.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.mcc_jump import MccJump
from engine.decoding.hashing import partition_of
from engine.monitor import Monitor, MonitorConfig, Totals
from engine.stories import STORY_MS
from tests.seeds import examples, seeds
from tests.strategies import JUMPY, MERCHANTS, STARTS, cut, records_of, seeded_stream, streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.alerts import Alert, Score

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]

Event = dict[str, Any]
SLOW = settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
SEEDS = seeds(600 if os.environ.get("TILLWATCH_LONG") == "1" else 12, quick=5)
QUIET_GAP_S, MAX_AGE_S = 7_200, 43_200


@dataclass
class Final:
    """What a consumer is left with in the end."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    letters: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    totals: dict[str, Totals] = field(default_factory=dict)
    unmatched: int = 0
    """Verdicts on alerts that were not remembered."""


def monitor_of(partition: int = 0, partitions: int = 1) -> Monitor:
    detector = MccJump(quiet_gap_s=QUIET_GAP_S, max_age_s=MAX_AGE_S)
    return Monitor(MonitorConfig(capacity=1000), partition, partitions, detectors=[detector])


def take(monitor: Monitor, batches: Iterable[Sequence[Event]], final: Final) -> None:
    """Let `monitor` process `batches` and a consumer take in what it says."""
    for batch in batches:
        outputs = monitor.process(records_of(batch))
        for alert in outputs.alerts:
            if alert.revision >= getattr(final.alerts.get(alert.alert_id), "revision", 0):
                final.alerts[alert.alert_id] = alert
        final.scores |= {score.merchant_id: score for score in outputs.scores}
        final.letters.update((letter.reason, letter.field, letter.record) for letter in outputs.dead_letters)
    final.totals |= {each.merchant_id: each for each in monitor.totals()}
    final.unmatched += monitor.counts.unmatched_verdicts


def outcome(batches: Iterable[Sequence[Event]]) -> Final:
    final = Final()
    take(monitor_of(), batches, final)
    return final


def interleaved(events: Sequence[Event], rng: random.Random) -> list[Event]:
    """The same records, merchants mixed otherwise; each keeps its order, and place among clock records."""
    mixed: list[Event] = []
    queues: dict[str, list[Event]] = {}
    for event in [*events, {"type": "clock"}]:
        if event.get("type") != "clock":
            queues.setdefault(event["merchant_id"], []).append(event)
            continue
        while queues:
            name = rng.choice(sorted(queues))
            mixed.append(queues[name].pop(0))
            if not queues[name]:
                del queues[name]
        mixed.append(event)
    return mixed[:-1]


def same(events: Sequence[Event], rng: random.Random) -> None:
    """Check every way of serving `events` against one batch."""
    whole = outcome([events])
    assert outcome(cut(events, rng)) == whole, "cut at random"
    assert outcome([each] for each in events) == whole, "one by one"
    assert outcome(cut(interleaved(events, rng), rng)) == whole, "interleaved otherwise"
    assert restarted(events, rng) == whole, "restarted"
    for partitions in (2, 4):
        assert partitioned(events, partitions, rng) == whole, f"in {partitions} partitions"


def partitioned(events: Sequence[Event], partitions: int, rng: random.Random) -> Final:
    """The outcome of a monitor per partition; clock records go to each."""
    final = Final()
    for p in range(partitions):
        mine = [
            each for each in events
            if each.get("type") == "clock" or partition_of(each["merchant_id"].encode(), partitions) == p
        ]  # fmt: skip
        take(monitor_of(p, partitions), cut(mine, rng), final)
    return final


def restarted(events: Sequence[Event], rng: random.Random) -> Final:
    """The outcome where a monitor dies on the way and a fresh one reads all from the start."""
    final = Final()
    take(monitor_of(), cut(events[: rng.randint(0, len(events))], rng), final)
    again = Final(alerts=dict(final.alerts), scores=dict(final.scores))
    take(monitor_of(), cut(events, rng), again)
    return again


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_1_batch_invariance_of_long_streams(seed: int) -> None:
    """Invariant 1: checkpoints, partitions, interleaving and restarts change nothing."""
    same(seeded_stream(seed, 160, JUMPY, len(MERCHANTS)), random.Random(seed))


@SLOW
@given(streams(JUMPY, 40, len(MERCHANTS)), st.integers(0, 2**32 - 1))
def test_invariant_1_batch_invariance_of_drawn_streams(events: list[Event], seed: int) -> None:
    """Invariant 1, with streams that shrink to the smallest that breaks it."""
    same(events, random.Random(seed))


@pytest.mark.parametrize(
    ("quiet_ms", "final"),
    [
        (QUIET_GAP_S * 1000 + 1, [(("1", "2"), False, 1)]),
        (STORY_MS - 1, [(("1", "2"), True, 1)]),
        (STORY_MS, [(("1",), True, 0), (("2",), True, 0)]),
    ],
)
def test_a_merchant_that_changes_its_feed_does_not_go_on_with_what_the_old_feed_s_clock_ended(
    quiet_ms: int, final: list[tuple[tuple[str, ...], bool, int]]
) -> None:
    """Invariant 1, where the new feed's clock is behind: an episode once due takes no hits in, nor does a story."""
    sale = {
        "merchant_id": MERCHANTS[0], "amount": 100_000, "currency": "CNY", "mcc": "5411",
        "scheme": "unionpay", "card_kind": "credit",
    }  # fmt: skip
    start_ms = STARTS[0]
    events: list[Event] = [
        {"type": "merchant", "merchant_id": MERCHANTS[0], "effective_from": start_ms, "mccs": ["5812"]},
        sale | {"txn_id": "1", "event_time": start_ms, "feed": "east"},
        {"type": "clock", "feed": "east", "event_time": start_ms + quiet_ms},
        sale | {"txn_id": "2", "event_time": start_ms + 1, "feed": "west"},
    ]
    whole = outcome([events])
    assert outcome([each] for each in events) == whole
    assert sorted((alert.txn_ids, alert.closed, alert.reopened) for alert in whole.alerts.values()) == final


def test_the_streams_have_episodes_that_grow_close_and_open_again() -> None:
    """What the tests above compare is worth comparing."""
    alerts: list[Alert] = []
    scores: list[Score] = []
    matched = 0
    for seed in range(120):
        events = seeded_stream(seed, 160, JUMPY, len(MERCHANTS))
        final = outcome([events])
        alerts += final.alerts.values()
        scores += final.scores.values()
        matched += sum(each.get("type") == "verdict" for each in events) - final.unmatched
    per_merchant = Counter(alert.merchant_id for alert in alerts)
    assert sum(alert.revision >= 4 for alert in alerts) >= 10
    assert sum(alert.closed for alert in alerts) >= 30
    assert sum(not alert.closed for alert in alerts) >= 3
    assert sum(alert.reopened > 0 for alert in alerts) >= 20
    assert sum(alert.reopened == 0 for alert in alerts) >= 20
    assert per_merchant.most_common()[-1][1] >= 5
    assert len({partition_of(each.encode(), 4) for each in MERCHANTS}) >= 3
    assert matched >= 20
    assert sum(each.floor is not None for each in scores) >= 5
    assert sum(each.override is not None for each in scores) >= 5
    assert sum(each.held for each in scores) >= 1


def test_every_alert_revision_comes_once_and_revisions_ascend_wherever_batches_are_cut() -> None:
    """Invariant 1: of one alert no revision is told twice, and a closing one is the last of its episode."""
    events = seeded_stream(3, 200, [kind for kind in JUMPY if kind != "resend"], len(MERCHANTS))
    for most in (1, 7, 60):
        told: dict[str, list[Alert]] = {}
        monitor = monitor_of()
        for batch in cut(events, random.Random(most), most):
            for alert in monitor.process(records_of(batch)).alerts:
                told.setdefault(alert.alert_id, []).append(alert)
        for revisions in told.values():
            numbers = [alert.revision for alert in revisions]
            assert numbers == sorted(set(numbers))
            for alert, after in pairwise(revisions):
                assert after.reopened == alert.reopened + alert.closed

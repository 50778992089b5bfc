"""Days scored by a model: whatever runs the monitor, they are the same, and so are the alerts of them."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from detectors.anomaly import Anomaly
from domain.feature_codes import ROW_CLOSING
from domain.timestamps import DAY_MS, HOUR_MS
from engine.features.families import oddity
from engine.monitor import Monitor, MonitorConfig
from engine.tallies import BANDS
from tests.controls_made import known
from tests.detectors.shops import FIRST
from tests.engine.test_checkpoints import Shelf
from tests.engine.test_controls import check_every_way, outcome, shops
from tests.models_made import made_model
from tests.strategies import cut, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from engine.controls import Known

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]

Event = dict[str, Any]
EVERY = Anomaly(alerts_per_1000=100)
"""Tells nearly every day that is scored, so that its evidence can be compared."""


def noon_ms(day: int) -> int:
    return (FIRST + day) * DAY_MS + 4 * HOUR_MS


@cache
def published(*seeds: int | None) -> tuple[Known, ...]:
    """Versions of the model, the second in force from noon of day 40, the third from noon of day 48."""
    moments = (0, noon_ms(40), noon_ms(48))
    bodies = [b"null" if seed is None else made_model(seed).encoded() for seed in seeds]
    return tuple(known("model", k, at_ms, body) for k, (at_ms, body) in enumerate(zip(moments, bodies, strict=False)))


def scoring(versions: Sequence[Known]) -> Callable[[int, int], Monitor]:
    def make(partition: int = 0, partitions: int = 1) -> Monitor:
        config = MonitorConfig(capacity=100)
        made = Monitor(config, partition, partitions, detectors=[EVERY], historic=True, checkpoints=True)
        assert made.learn(versions) == []
        return made

    return make


def days_of(monitor: Monitor, batches: Iterable[Sequence[Event]]) -> dict[tuple[str, str], bytes]:
    """What is published of each closed day of a merchant, by both; none twice."""
    found: dict[tuple[str, str], bytes] = {}
    for batch in batches:
        for days in monitor.process(records_of(batch)).days:
            for j, key in enumerate(zip(days.merchant_id, days.day, strict=True)):
                assert key not in found, f"{key} is published once"
                found[key] = msgspec.json.encode({name: column[j] for name, column in days.columns.items()})
    return found


def scored(days: dict[tuple[str, str], bytes]) -> dict[tuple[str, str], float]:
    told = {key: msgspec.json.decode(raw)["model_score"] for key, raw in days.items()}
    return {key: score for key, score in told.items() if score is not None}


@pytest.mark.parametrize("seed", range(2))
def test_invariant_1_with_three_versions_of_the_model(seed: int) -> None:
    """Invariant 1: no cut of batches, partition or restart changes what is said, nor by which version."""
    versions = published(1, 2, 1)
    whole = check_every_way(scoring(versions), shops(seed), random.Random(seed))
    assert {each.controls.get("model", 0) for each in whole.alerts.values()} & {1, 2}
    assert outcome(scoring(versions[:1])(0, 1), [shops(seed)]).alerts != whole.alerts, "models matter"


@pytest.mark.parametrize("seed", range(3))
def test_days_of_merchants_are_published_alike_however_batches_are_cut(seed: int) -> None:
    events, rng = shops(0), random.Random(seed)
    make = scoring(published(1, 2))
    whole = days_of(make(0, 1), [events])
    assert len(scored(whole)) > 30
    assert days_of(make(0, 1), cut(events, rng)) == whole


def test_a_version_scores_the_days_from_its_clock_on_and_no_others() -> None:
    events = shops(0)
    one, both, none = (scored(days_of(scoring(published(*each))(0, 1), [events])) for each in ((1,), (1, 2), (1, None)))
    first = min(day for (merchant, day), score in one.items() if both[merchant, day] != score)
    assert first == "2025-07-11", "the day before ends before the version's noon"
    assert none == {(merchant, day): score for (merchant, day), score in one.items() if day < first}


def test_merchants_are_scored_from_four_weeks_on() -> None:
    for score, age_h in ages():
        if age_h < oddity.LEAST_AGE_D * 24:
            assert score is None
    assert any(score is not None for score, _ in ages())


@cache
def ages() -> list[tuple[float | None, int]]:
    """Score and age of each closed day."""
    monitor = scoring(published(1))(0, 1)
    return [
        (rows.values(["model_score"], j)["model_score"], int(rows.columns["age_h"][j]))
        for rows in monitor._pipeline.rows(records_of(shops(0)))
        for j in range(len(rows)) if rows.kind[j] == ROW_CLOSING
    ]  # fmt: skip


def test_a_restored_monitor_publishes_the_days_that_were_to_come() -> None:
    batches = cut(shops(0), random.Random(5))
    make, at = scoring(published(1, 2)), len(batches) // 2
    whole = days_of(make(0, 1), batches)
    shelf, first = Shelf(), make(0, 1)
    before = days_of(first, batches[:at])
    shelf.whole(first)
    after = days_of(shelf.bring_back(make(0, 1)), batches[at:])
    assert before.keys().isdisjoint(after)
    assert before | after == whole


def test_without_a_model_no_day_is_scored_and_coverage_says_what_is_missing() -> None:
    monitor = scoring(())(0, 1)
    assert scored(days_of(monitor, [shops(0)])) == {}
    assert (monitor.coverage[0].artefact, monitor.coverage[0].silent) == ("model", True)
    assert monitor.tallies.days_scored == {}
    seeing = scoring(published(1))(0, 1)
    assert seeing.coverage[0].artefact == ""


def test_days_scored_are_counted_by_band_of_the_percentile() -> None:
    monitor = scoring(published(1))(0, 1)
    days = scored(days_of(monitor, cut(shops(0), random.Random(1))))
    assert sum(monitor.tallies.days_scored.values()) == len(days)
    assert monitor.tallies.days_scored.keys() <= BANDS.keys()


def test_a_snapshot_of_a_merchant_has_the_columns_without_a_closing_and_changes_nothing() -> None:
    monitor, events = scoring(published(1))(0, 1), shops(0)
    half = len(events) // 2
    before = days_of(monitor, [events[:half]])
    seen = monitor.snapshot("a")
    assert seen is not None
    assert {column.name: value for column, value in seen.columns}["model_score"] is None
    assert before | days_of(monitor, [events[half:]]) == days_of(scoring(published(1))(0, 1), [events])

"""The model of volume finds more events than plain baselines at the same load of alerts, in each world."""

from __future__ import annotations

import pytest

from bench.volume_model import EASED, MODELS, VIEWS, WORLDS, Result, Trade, ranks, trade, tried

pytestmark = pytest.mark.timeout(600)
SHOPS, SEED, LOAD = 60, 11, 5.0
"""Shops of each world; alerts per 1,000 shop-days."""
BASELINES = ("weekday residual", "windowed z", "cusum")


@pytest.fixture(scope="module")
def trades() -> list[Trade]:
    return [trade(world, SHOPS, SEED) for world in WORLDS]


def found_by(trades: list[Trade], name: str) -> list[Result]:
    """What a model finds in each world at the load that all share."""
    eased = EASED if name == "model" else (0.0,) * VIEWS
    rarities = ranks(trades, [MODELS[name](each.counts, each.first_day, each.tables) for each in trades], eased)
    return tried(trades, rarities, LOAD)[1]


@pytest.fixture(scope="module")
def by_the_model(trades: list[Trade]) -> list[Result]:
    return found_by(trades, "model")


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_model_finds_more_than_a_plain_baseline_in_each_world_at_the_same_load(
    baseline: str, trades: list[Trade], by_the_model: list[Result]
) -> None:
    plain = found_by(trades, baseline)
    assert sum(each.load for each in by_the_model) <= LOAD * len(WORLDS)
    for world, model, other in zip(WORLDS, by_the_model, plain, strict=True):
        assert model.all_found > other.all_found, f"{world}: {model.all_found:.2f} and {other.all_found:.2f}"


def test_an_event_of_each_kind_befalls_some_shop_of_each_world_and_half_stay_untouched(trades: list[Trade]) -> None:
    for each in trades:
        assert {event.kind for event in each.events} == set(range(8))
        assert len(each.untouched) >= SHOPS // 2
        assert (each.counts != each.honest).any(axis=0).sum() <= len(each.events)

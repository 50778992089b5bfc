"""The odds that the trade of a merchant of a cheaper class is of a dearer one."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from models.trade.model import Parts
from models.trade.odds import Odds, odds
from tests.trade_made import rough_model

CLASSES = np.array([0, 5411, 5812, 5912, 8062])
"""All others, a supermarket of the second class, two of the first, a hospital of the third."""
FEE_CLASS = np.zeros(10_000, np.int64)
FEE_CLASS[[5411, 8062]] = 1, 2
PRIOR = np.array([0.1, 0.2, 0.4, 0.2, 0.1])


def of(probability: list[float], own: int, dearest: int, merchants: int = 1_000) -> Odds:
    parts = Parts(rough_model().parts.trees, CLASSES, PRIOR, 1.0, merchants)
    return odds(parts, np.array([probability]), np.array([own]), np.array([dearest]), FEE_CLASS)


def test_odds_are_those_of_all_dearer_classes_less_those_of_training() -> None:
    found = of([0.1, 0.2, 0.5, 0.1, 0.1], 5411, 1, merchants=10**9)
    assert found.nats[0] == pytest.approx(math.log(0.6 / 0.4) - math.log(0.6 / 0.4), abs=1e-6)
    assert (found.own[0], found.other[0], found.other_probability[0]) == (0.2, 5812, 0.5)
    found = of([0.1, 0.2, 0.5, 0.1, 0.1], 8062, 2, merchants=10**9)
    assert found.nats[0] == pytest.approx(math.log(0.8 / 0.2) - math.log(0.8 / 0.2), abs=1e-6)
    assert found.own[0] == 0.1


def test_odds_stay_within_what_so_many_merchants_can_show() -> None:
    sure, cleared = of([0, 0, 1, 0, 0], 5411, 1), of([0, 1, 0, 0, 0], 5411, 1)
    assert sure.nats[0] == pytest.approx(math.log((1_000 + 0.6) / 0.4) - math.log(1.5))
    assert cleared.nats[0] == pytest.approx(math.log(0.6 / (1_000 + 0.4)) - math.log(1.5))
    assert of([0, 0, 1, 0, 0], 5411, 1, merchants=50).nats[0] < sure.nats[0] - 2


def test_all_others_are_never_held_against_a_merchant() -> None:
    found = of([0.97, 0.01, 0.01, 0.01, 0.0], 5541, 1)
    assert found.nats[0] < -3
    assert math.isnan(found.own[0]), "the model has no such class"
    assert found.other[0] == 5812


def test_a_merchant_of_the_dearest_class_has_no_odds() -> None:
    found = of([0.2, 0.2, 0.2, 0.2, 0.2], 5812, 0)
    assert found.other[0] == -1
    assert np.isnan([found.nats[0], found.own[0], found.other_probability[0]]).all()

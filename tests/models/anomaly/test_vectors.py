from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from domain.habits import HABITS, NAMES, scaled, unscaled
from models.anomaly.habits import COUNT, Habits, checked
from models.anomaly.vectors import CELLS, CLIP, EFFECTIVE, chance, scaled_habits, vectors

if TYPE_CHECKING:
    from models.anomaly.model import Model
    from models.anomaly.samples import Batch


def one(model: Model, batch: Batch, **changes: object) -> np.ndarray:
    return vectors(model.parts.peers, checked(batch.habits.rows(slice(0, 1))._replace(**changes))).z[0]


def test_figures_are_scaled_as_the_domain_says(fresh: Batch) -> None:
    value = fresh.habits.value[:50]
    expected = [[scaled(x, each.scale) for x, each in zip(row, HABITS, strict=True)] for row in value.tolist()]
    np.testing.assert_allclose(scaled_habits(value), expected, rtol=1e-14)


def test_a_peer_range_of_a_reason_is_in_natural_units(model: Model, fresh: Batch) -> None:
    scores = model.score(fresh.habits)
    row = int(np.flatnonzero(scores.reason[:, 0] >= 0)[0])
    habit = int(scores.reason[row, 0])
    cell = int(vectors(model.parts.peers, fresh.habits).cell[row])
    low, high = (unscaled(float(table[cell, habit]), HABITS[habit].scale) for table in model.parts.peers[7:9])
    assert (scores.low[row, 0], scores.high[row, 0]) == pytest.approx((low, high), abs=1e-9)
    assert low <= high


def test_what_is_not_known_is_0_and_what_is_odd_keeps_its_sign(model: Model, fresh: Batch) -> None:
    refunds = NAMES.index("refund_share")
    habits = fresh.habits.rows(slice(0, 1))
    for share, sign in ((0.9, 1), (math.nan, 0)):
        value = habits.value.copy()
        value[0, refunds] = share
        usual = habits.usual.copy()
        usual[0, refunds] = 0.02
        z = one(model, fresh, value=value, usual=usual)
        assert np.sign(z[refunds]) == sign
        assert np.sign(z[COUNT + refunds]) == sign
    usual[0, refunds] = math.nan
    value[0, refunds] = 0.9
    assert one(model, fresh, value=value, usual=usual)[COUNT + refunds] == 0


def test_the_same_share_is_less_odd_with_fewer_sales_behind_it(model: Model, fresh: Batch) -> None:
    value = fresh.habits.value[:1].copy()
    value[0, NAMES.index("round_share")] = 0.95
    few, many = (
        abs(one(model, fresh, value=value, weight=np.array([weight]))[NAMES.index("round_share")])
        for weight in (10.0, 1e6)
    )
    assert 0 < few < many <= CLIP


def test_chance_is_the_variance_of_counted_shares() -> None:
    rng = np.random.default_rng(1)
    weight = 50.0
    shares = rng.binomial(round(EFFECTIVE * weight), 0.3, 20_000) / round(EFFECTIVE * weight)
    value = np.full((1, COUNT), 0.3)
    habits = Habits(value, value, np.array([weight]), np.array([-1]), np.array([100]))
    by_chance = chance(habits)[0, NAMES.index("credit_share")]
    assert np.arcsin(np.sqrt(shares)).var() == pytest.approx(by_chance, rel=0.05)


def test_merchants_are_compared_with_their_mcc_else_its_family_else_all(model: Model, fresh: Batch) -> None:
    names = [each.mccs for each in model.manifest.groups]
    mcc = np.array([5411, 5499, 5898, 1799, -1])
    habits = Habits(*(np.repeat(each[:1], 5, axis=0) for each in fresh.habits))._replace(mcc=mcc)
    found = [names[cell // CELLS] for cell in vectors(model.parts.peers, habits).cell.tolist()]
    assert found == ["5411", "54", "58", "", ""]


def test_a_merchant_that_grows_stays_with_the_peers_it_had(model: Model, fresh: Batch) -> None:
    sales = NAMES.index("sales_a_day")
    habits = Habits(*(np.repeat(each[:1], 3, axis=0) for each in fresh.habits))
    habits.usual[:, sales] = [5.0, 5.0, np.nan]
    habits.value[:, sales] = [5.0, 500.0, 500.0]
    cells = vectors(model.parts.peers, habits).cell
    assert cells[0] == cells[1] != cells[2]


def test_habits_of_other_shapes_or_infinite_ones_are_refused(model: Model, fresh: Batch) -> None:
    with pytest.raises(ValueError, match=r"habits must have shapes .* got \(\(5, 31\)"):
        model.score(fresh.habits.rows(slice(0, 5))._replace(value=np.zeros((5, 31))))
    value = fresh.habits.value[:5].copy()
    value[2, 3] = np.inf
    with pytest.raises(ValueError, match="value of habits must be finite or NaN"):
        model.score(fresh.habits.rows(slice(0, 5))._replace(value=value))

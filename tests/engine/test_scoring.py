"""Days of merchants are scored by the model in force at their clocks, each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.feature_codes import NULL, ROW_CLOSING, ROW_TRANSACTION
from domain.habits import HABITS, NAMES
from engine.features.compose import compose
from engine.features.families import lifetime, oddity, volume
from engine.features.families.registry import FAMILIES
from engine.features.scoring import Models, Scoring
from tests.models_made import drawn, made_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.features.state import Into
    from models.anomaly.habits import Habits
    from models.anomaly.model import Model

DAY_H, CLOCK_MS = 24, 1_780_000_000_000
TOLD = tuple(column.name for column in oddity.COLUMNS)


def odd_days(n: int, seed: int = 3) -> Habits:
    """Merchant-days of which every third refunds a lot, and some figures are unknown."""
    habits = drawn(np.random.default_rng(seed), n)
    habits.value[::3, NAMES.index("refund_share")] = 0.6
    habits.usual[1::5, NAMES.index("keyed_share")] = np.nan
    habits.mcc[1::4] = -1
    return habits


def rows_of(habits: Habits) -> tuple[Into, dict[str, Any]]:
    """Rows of features of days that ended, as the kernel writes them."""
    composition, n = compose(FAMILIES), len(habits.weight)
    _, into, columns = composition.outputs(n)
    into.table[:] = composition.nulls.view(np.int64)[:, None]
    columns["row_kind"][:] = ROW_CLOSING
    columns["age_h"][:] = habits.age_d * DAY_H + 5
    columns["habit_sales"][:] = habits.weight
    columns["habit_mcc"][:] = np.where(habits.mcc < 0, NULL, habits.mcc)
    for k, each in enumerate(HABITS):
        columns[f"habit_{each.name}"][:] = habits.value[:, k]
        columns[f"habit_{each.name}_usual"][:] = habits.usual[:, k]
    into.clock_ms[:] = CLOCK_MS
    return into, dict(columns)


def score(into: Into, models: Sequence[Model | None], since_ms: Sequence[int] = (0,)) -> None:
    count = into.table.shape[1]
    Scoring(compose(FAMILIES).columns).score(into, count, Models(np.array(since_ms, np.int64), models))


def scored(columns: dict[str, Any]) -> list[int]:
    return np.flatnonzero(~np.isnan(columns["model_score"])).tolist()


def told(columns: dict[str, Any]) -> dict[str, bytes]:
    return {name: columns[name].tobytes() for name in TOLD}


def test_columns_are_what_the_model_says_of_the_habits() -> None:
    habits = odd_days(30)
    into, columns = rows_of(habits)
    score(into, [made_model()])
    found = made_model().score(habits)
    for name in ("score", "percentile", "load"):
        assert columns[f"model_{name}"].tolist() == getattr(found, name).tolist()
    refunds = NAMES.index("refund_share")
    assert (columns["model_reason_1"][::3] == refunds).all()
    assert columns["model_value_1"][::3].tolist() == [0.6] * 10
    for j in range(30):
        for k in range(oddity.REASONS):
            place = int(found.reason[j, k])
            told_of = [columns[f"model_{name}_{k + 1}"][j] for name in ("value", "usual", "low", "high")]
            if place < 0:
                assert columns[f"model_reason_{k + 1}"][j] == NULL
                assert np.isnan(told_of).all()
            else:
                assert columns[f"model_reason_{k + 1}"][j] == place
                expected = [habits.value[j, place], habits.usual[j, place], found.low[j, k], found.high[j, k]]
                assert np.array_equal(told_of, expected, equal_nan=True)


def test_a_day_s_columns_do_not_depend_on_the_days_beside_it() -> None:
    habits = odd_days(24)
    into, whole = rows_of(habits)
    score(into, [made_model()])
    for j in range(24):
        alone, columns = rows_of(habits.rows(slice(j, j + 1)))
        score(alone, [made_model()])
        assert told(columns) == {name: whole[name][j : j + 1].tobytes() for name in TOLD}


def test_each_day_is_scored_by_the_model_in_force_at_its_clock() -> None:
    habits = odd_days(12)
    into, columns = rows_of(habits)
    into.clock_ms[:] = CLOCK_MS + np.arange(12) % 4
    one, other = made_model(1), made_model(2)
    score(into, [one, None, other], [0, CLOCK_MS + 1, CLOCK_MS + 2])
    assert scored(columns) == [j for j in range(12) if j % 4 != 1]
    for k, model in ((0, one), (2, other), (3, other)):
        assert columns["model_score"][k::4].tolist() == model.score(habits).score[k::4].tolist()
    assert one.score(habits).score.tolist() != other.score(habits).score.tolist()


def test_the_first_model_is_in_force_from_the_beginning() -> None:
    into, columns = rows_of(odd_days(2))
    into.clock_ms[:] = -5
    score(into, [made_model()], [0])
    assert scored(columns) == [0, 1]


def test_transactions_young_merchants_and_days_without_a_base_are_not_scored() -> None:
    into, columns = rows_of(odd_days(6))
    columns["row_kind"][0] = ROW_TRANSACTION
    columns["age_h"][1] = oddity.LEAST_AGE_D * DAY_H - 1
    columns["age_h"][2] = oddity.LEAST_AGE_D * DAY_H
    columns["habit_sales"][3] = np.nan
    columns["age_h"][4] = NULL
    score(into, [made_model()])
    assert scored(columns) == [2, 5]
    for j in (0, 1, 3, 4):
        assert columns["model_reason_1"][j] == NULL
        assert np.isnan(columns["model_load"][j])


def test_rows_beyond_the_count_stay_as_they_were() -> None:
    into, columns = rows_of(odd_days(4))
    Scoring(compose(FAMILIES).columns).score(into, 2, Models(np.zeros(1, np.int64), [made_model()]))
    assert scored(columns) == [0, 1]


@pytest.mark.parametrize("models", [[None], [None, None]])
def test_without_a_model_nothing_is_scored(models: list[None]) -> None:
    into, columns = rows_of(odd_days(2))
    score(into, models, range(len(models)))
    assert scored(columns) == []


def test_whoever_needs_no_habits_has_none_scored() -> None:
    few = compose((lifetime, volume))
    _, into, columns = few.outputs(1)
    columns["row_kind"][:] = ROW_CLOSING
    before = into.table.copy()
    Scoring(few.columns).score(into, 1, Models(np.zeros(1, np.int64), [made_model()]))
    assert np.array_equal(into.table, before)


def test_a_habit_that_is_not_finite_counts_as_one_that_is_not_known() -> None:
    habits, unknown = odd_days(6), odd_days(6)
    place = NAMES.index("fee_off")
    habits.value[:, place] = np.inf
    unknown.value[:, place] = np.nan
    (into, columns), (other, same) = rows_of(habits), rows_of(unknown)
    score(into, [made_model()])
    score(other, [made_model()])
    assert len(scored(columns)) == 6
    assert np.array_equal(columns["model_score"], same["model_score"])

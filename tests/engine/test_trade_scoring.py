"""Days of merchants of cheaper classes are held against the trade model in force at their clocks, each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.feature_codes import NULL, ROW_CLOSING, ROW_TRANSACTION
from domain.habits import HABITS
from engine.control_kinds.registry import version_0
from engine.features.compose import compose
from engine.features.event import MASTER_DATA
from engine.features.families import lifetime, oddity, trade_fit, volume
from engine.features.families.registry import FAMILIES
from engine.features.partition import _references
from engine.features.scoring import Models
from engine.features.trade_scoring import TradeScoring
from models.trade.odds import odds
from tests.trade_made import habits_of, trade_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.features.state import Into
    from models.anomaly.habits import Habits
    from models.trade.model import TradeModel

CLOCK_MS = 1_780_000_000_000
TOLD = tuple(column.name for column in trade_fit.COLUMNS)


def restaurants_and_supermarkets(n: int) -> Habits:
    return habits_of(np.random.default_rng(5), np.array([5411, 5812] * n)[:n])


def rows_of(habits: Habits) -> tuple[Into, dict[str, Any]]:
    """Rows of features of days that ended, of merchants registered as supermarkets, as the kernel writes them."""
    composition, n = compose(FAMILIES), len(habits.weight)
    _, into, columns = composition.outputs(n)
    into.table[:] = composition.nulls.view(np.int64)[:, None]
    columns["row_kind"][:] = ROW_CLOSING
    columns["age_h"][:] = 50 * 24
    columns["habit_sales"][:] = habits.weight
    columns["trade_evidence"][:], columns["trade_mcc"][:] = 1.0, 5411
    for k, each in enumerate(HABITS):
        columns[f"habit_{each.name}"][:] = habits.value[:, k]
    into.clock_ms[:], into.version_of[:] = CLOCK_MS, 1
    return into, dict(columns)


def versions(*mccs: tuple[int, ...]) -> np.ndarray:
    """Versions of master data, the first without any MCC."""
    made = np.zeros(1 + len(mccs), MASTER_DATA)
    for k, each in enumerate(mccs):
        made["mcc_count"][k + 1] = len(each)
        made["mccs"][k + 1][: len(each)] = each
    return made


def score(
    into: Into, models: Sequence[TradeModel | None], since_ms: Sequence[int] = (0,), master_data: Any = None,
    families: Any = FAMILIES,
) -> None:  # fmt: skip
    references = _references(tuple((each, tuple(version_0({}).values())) for each in since_ms))
    held = Models(np.array(since_ms, np.int64), models)
    known = versions((5411,)) if master_data is None else master_data
    TradeScoring(compose(families).columns).score(into, into.table.shape[1], held, references, known)


def judged(columns: dict[str, Any]) -> list[int]:
    return np.flatnonzero(~np.isnan(columns["trade_odds"])).tolist()


def told(columns: dict[str, Any]) -> dict[str, bytes]:
    return {name: columns[name].tobytes() for name in TOLD}


def test_columns_are_what_the_model_says_of_the_habits() -> None:
    habits, model = restaurants_and_supermarkets(30), trade_model()
    into, columns = rows_of(habits)
    score(into, [model])
    fee_class = _references(((0, tuple(version_0({}).values())),))["mcc_class"][0].astype(np.int64)
    found = odds(
        model.parts, model.probabilities(habits.value), np.full(30, 5411), np.full(30, fee_class[5411]), fee_class
    )
    assert columns["trade_odds"].tolist() == found.nats.tolist()
    assert columns["trade_probability"].tolist() == found.own.tolist()
    assert columns["trade_other"].tolist() == found.other.tolist()
    assert columns["trade_other_probability"].tolist() == found.other_probability.tolist()
    assert (columns["trade_other"][1::2] == 5812).all()
    supermarkets, restaurants = np.median(columns["trade_odds"][::2]), np.median(columns["trade_odds"][1::2])
    assert supermarkets < 1, "pharmacies are alike"
    assert restaurants > 3


def test_a_day_s_columns_do_not_depend_on_the_days_beside_it() -> None:
    habits = restaurants_and_supermarkets(20)
    into, whole = rows_of(habits)
    score(into, [trade_model()])
    for j in range(20):
        alone, columns = rows_of(habits.rows(slice(j, j + 1)))
        score(alone, [trade_model()])
        assert told(columns) == {name: whole[name][j : j + 1].tobytes() for name in TOLD}


@pytest.mark.slow
def test_each_day_is_judged_by_the_model_in_force_at_its_clock() -> None:
    habits = restaurants_and_supermarkets(12)
    into, columns = rows_of(habits)
    into.clock_ms[:] = CLOCK_MS + np.arange(12) % 3
    score(into, [trade_model(1), None, trade_model(2)], [0, CLOCK_MS + 1, CLOCK_MS + 2])
    assert judged(columns) == [j for j in range(12) if j % 3 != 1]
    other_into, other = rows_of(habits)
    score(other_into, [trade_model(2)])
    assert columns["trade_odds"][2::3].tolist() == other["trade_odds"][2::3].tolist()
    assert columns["trade_odds"][::3].tolist() != other["trade_odds"][::3].tolist()


def test_days_that_the_profiles_did_not_judge_are_not_judged_either() -> None:
    into, columns = rows_of(restaurants_and_supermarkets(6))
    columns["row_kind"][0] = ROW_TRANSACTION
    columns["age_h"][1] = oddity.LEAST_AGE_D * 24 - 1
    columns["trade_evidence"][2] = np.nan
    columns["habit_sales"][3] = np.nan
    score(into, [trade_model()])
    assert judged(columns) == [4, 5]
    assert columns["trade_other"][:4].tolist() == [NULL] * 4


def test_no_mcc_that_is_registered_too_and_none_of_its_class_is_dearer() -> None:
    """A hospital that is a supermarket, too, gains nothing by selling like one; one of the standard class nothing."""
    into, columns = rows_of(restaurants_and_supermarkets(3))
    columns["trade_mcc"][:] = 8062
    into.version_of[:] = [1, 2, 3]
    score(into, [trade_model()], master_data=versions((8062,), (8062, 5411), (8062, 5812)))
    assert judged(columns) == [1], "of the first all classes of the model are dearer, of the last none is"
    assert columns["trade_other"][1] in (5812, 5912)
    assert np.isnan(columns["trade_probability"][1]), "the model has no hospitals"


@pytest.mark.parametrize("models", [[None], [None, None]])
def test_without_a_model_nothing_is_judged(models: list[None]) -> None:
    into, columns = rows_of(restaurants_and_supermarkets(2))
    score(into, models, range(len(models)))
    assert judged(columns) == []


def test_whoever_needs_no_habits_has_none_judged() -> None:
    few = compose((lifetime, volume))
    _, into, columns = few.outputs(1)
    columns["row_kind"][:] = ROW_CLOSING
    before = into.table.copy()
    score(into, [trade_model()], families=(lifetime, volume))
    assert np.array_equal(into.table, before)

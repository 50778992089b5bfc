"""Trade models for tests, trained on drawn merchant-days within seconds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from domain.habits import HABITS, NAMES
from models.anomaly.habits import Habits
from models.anomaly.samples import Batch
from models.trade import training
from models.trade.training import train

if TYPE_CHECKING:
    from models.trade.model import TradeModel

TICKETS = {5411: 6_000.0, 5541: 26_000.0, 5812: 12_000.0, 5912: 6_300.0}
"""Typical tickets of supermarkets, petrol stations, restaurants and pharmacies; the first and last are alike."""
MERCHANTS = 36
"""Of each."""
BEGIN = 20_000


def habits_of(rng: np.random.Generator, mcc: np.ndarray) -> Habits:
    """The habits of merchants of some MCCs; some are not known."""
    value = np.exp(rng.normal(np.log(0.1), 0.4, (len(mcc), len(HABITS))))
    value[:, NAMES.index("ticket_minor")] = [TICKETS[each] for each in mcc.tolist()] * np.exp(
        rng.normal(0.0, 0.2, len(mcc))
    )
    value[:, NAMES.index("lunch_share")] = np.where(mcc == 5812, 0.45, 0.12) * np.exp(rng.normal(0.0, 0.3, len(mcc)))
    value[rng.random(value.shape) < 0.05] = np.nan
    n = len(mcc)
    return Habits(value, value, np.full(n, 150.0), mcc.astype(np.int64), np.full(n, 200))


def days(seed: int = 1, merchants: int = MERCHANTS, of: int = 3) -> Batch:
    """So many days of merchants of every MCC, 61 days apart."""
    rng = np.random.default_rng(seed)
    mcc = np.repeat(list(TICKETS), merchants)
    parts = [habits_of(rng, mcc) for _ in range(of)]
    habits = Habits(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    merchant = np.tile(np.arange(len(mcc), dtype=np.uint64), of)
    return Batch(merchant, np.repeat(BEGIN + 61 * np.arange(of), len(mcc)), habits)


@cache
def trade_model(seed: int = 1) -> TradeModel:
    """A model of four MCCs; another seed gives another model."""
    return train([days(seed)], version="made", seed=seed, source="drawn")


@cache
def rough_model() -> TradeModel:
    """One of few rounds and bins, for what does not depend on how well a model knows its classes."""
    with pytest.MonkeyPatch.context() as patch:
        boost_briefly(patch)
        return train([days()], version="made", seed=1, source="drawn")


def boost_briefly(patch: pytest.MonkeyPatch) -> None:
    """Have models trained in a tenth of the time; most of it goes into the bounds of bins."""
    patch.setattr(training, "ROUNDS", 5)
    patch.setattr(training, "BINS", 8)

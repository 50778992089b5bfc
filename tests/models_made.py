"""Anomaly models for tests, trained on drawn merchant-days within a second or two."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from domain.habits import HABITS, NAMES
from models.anomaly.habits import Habits
from models.anomaly.samples import Batch
from models.anomaly.training import train

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from domain.readings import MerchantDays
    from models.anomaly.model import Model

MERCHANTS, DAYS = 220, 35
SHARE, TICKET = 0.05, 9_000.0


def drawn(rng: np.random.Generator, n: int) -> Habits:
    """Merchant-days of one trade: shares of about 5 %, tickets of about 90.00, much the same as usually."""
    value = np.empty((n, len(HABITS)))
    for k, habit in enumerate(HABITS):
        centre = TICKET if habit.unit == "minor units" else SHARE if habit.unit == "share" else 1.0
        value[:, k] = centre * np.exp(rng.normal(0.0, 0.3, n))
    usual = value * np.exp(rng.normal(0.0, 0.1, value.shape))
    return Habits(value, usual, np.full(n, 150.0), np.full(n, 5812), np.full(n, 200))


@cache
def made_model(seed: int = 1, version: str = "made") -> Model:
    """A model of one trade; another seed gives another model."""
    rng = np.random.default_rng(seed)
    batches = [
        Batch(np.arange(MERCHANTS, dtype=np.uint64), np.full(MERCHANTS, 20_000 + day), drawn(rng, MERCHANTS))
        for day in range(DAYS)
    ]
    return train(batches, version=version, seed=seed, source="drawn")


def learned(days: Iterable[MerchantDays], version: str = "learned") -> Model:
    """The model of published days of merchants."""
    return train([batch for each in days if len((batch := batch_of(each)).day)], version=version, seed=1, source="made")


def batch_of(days: MerchantDays) -> Batch:
    """Merchant-days that have habits, of merchants whose ids end in their number."""

    def column(name: str) -> NDArray[np.float64]:
        return np.array(days.columns[name], np.float64)  # None is NaN

    habits = Habits(
        value=np.column_stack([column(f"habit_{name}") for name in NAMES]),
        usual=np.column_stack([column(f"habit_{name}_usual") for name in NAMES]),
        weight=column("habit_sales"),
        mcc=np.nan_to_num(column("habit_mcc"), nan=-1).astype(np.int64),
        age_d=(column("age_h") // 24).astype(np.int64),
    )
    merchant = np.array([int(each[1:]) for each in days.merchant_id], np.uint64)
    day = np.array([date.fromisoformat(each).toordinal() for each in days.day], np.int64)
    return Batch(merchant, day, habits).rows(~np.isnan(habits.weight))

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from models.anomaly.training import train
from tests.models.anomaly.drawn import days, shops

if TYPE_CHECKING:
    from models.anomaly.model import Model
    from models.anomaly.samples import Batch


@pytest.fixture(scope="session")
def history() -> Batch:
    """40 days of 300 merchants."""
    return days(shops(300, seed=3), 40, seed=5)


@pytest.fixture(scope="session")
def fresh() -> Batch:
    """5 later days of other merchants."""
    return days(shops(400, seed=9), 5, seed=11, first=20_040)


@pytest.fixture(scope="session")
def model(history: Batch) -> Model:
    return train([history], version="drawn", seed=7, source="drawn by chance")

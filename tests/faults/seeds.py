"""How many seeds each test of faults runs: some among the quick tests, others where `faults` are asked for."""

from __future__ import annotations

import os

import pytest

from tests.seeds import new_seeds

_MANY = int(os.environ.get("TILLWATCH_FAULT_SEEDS", "5"))
_FEW = 3
STRIKES = 20 if _MANY >= 20 else 3
"""How often tests that strike again and again do so: as often as the scorecard says where it is asked for."""
BACKENDS = ["embedded", pytest.param("kafka", marks=pytest.mark.faults)]
"""The quick tests try one of them alone."""


def seeds(*, quick: int = 0, many: bool = False, at_most: int = _FEW) -> pytest.MarkDecorator:
    """Run a test for some seeds: those that TILLWATCH_SEED gives, with commas between, or new ones.

    Args:
        quick: how many of them are among the quick tests; all others are marked `faults`.
        many: whether there are as many as TILLWATCH_FAULT_SEEDS gives, or a fifth of it.
        at_most: how many there are else.
    """
    drawn = new_seeds(max(quick, 1, _MANY if many else min(_MANY // 5, at_most)))
    return pytest.mark.parametrize(
        "seed",
        [
            pytest.param(each, id=f"TILLWATCH_SEED={each}", marks=[pytest.mark.faults] if k >= quick else [])
            for k, each in enumerate(drawn)
        ],
    )

"""Seeds for drawn tests: each is in its test's id, and can be run again."""

from __future__ import annotations

import os
import random

import pytest

_REST = 3
ASKED = int(os.environ.get("TILLWATCH_FAULT_SEEDS", "0"))
"""How many seeds `make faults` asks for; 0 for the quick tests among the others."""
CARRIERS = ["embedded", "kafka"] if ASKED else ["embedded"]
"""Of the logs of those tests that the quick ones among the others try on one alone."""


def seeds(*, quick: int, many: bool = False, at_most: int = _REST) -> pytest.MarkDecorator:
    """Run a test for some seeds: those that TILLWATCH_SEED gives, with commas between, or new ones.

    Args:
        quick: how many where TILLWATCH_FAULT_SEEDS gives no number.
        many: whether there are as many as it gives.
        at_most: how many there are else.
    """
    given = [int(each) for each in os.environ.get("TILLWATCH_SEED", "").split(",") if each]
    count = (ASKED if many else min(ASKED, at_most)) if ASKED else quick
    drawn = given or [random.SystemRandom().getrandbits(32) for _ in range(count)]
    return pytest.mark.parametrize("seed", [pytest.param(each, id=f"TILLWATCH_SEED={each}") for each in drawn])

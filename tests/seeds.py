"""Seeds that drawn tests take: new ones in each run; each is in its test's id, and can be given again."""

from __future__ import annotations

import os
import random

_draw = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))
"""Processes that share a run draw the same, for their tests must have the same ids."""


def new_seeds(count: int) -> list[int]:
    """Those that TILLWATCH_SEED gives, with commas between; so many new ones where it gives none."""
    given = [int(each) for each in os.environ.get("TILLWATCH_SEED", "").split(",") if each]
    return given or [_draw.getrandbits(32) for _ in range(count)]

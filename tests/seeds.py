"""Seeds that drawn tests take: new ones in each run; each is in its test's id, and can be given again."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_draw = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID"))
"""Processes that share a run draw the same, for their tests must have the same ids."""


def new_seeds(count: int, also: Iterable[int] = ()) -> list[int]:
    """Those that TILLWATCH_SEED gives, with commas between; where it gives none, `also` and so many new ones."""
    given = [int(each) for each in os.environ.get("TILLWATCH_SEED", "").split(",") if each]
    return given or [*also, *(_draw.getrandbits(32) for _ in range(count))]

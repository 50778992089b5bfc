"""How much of what is drawn a run tries: seeds, each in its test's id, so that it can be given again, and examples."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark import ParameterSet

QUICK, FULL = 30, 100
"""Examples of a property whose test gives no number, by the profiles `quick` and `full`."""
for _name, _examples in (("quick", QUICK), ("full", FULL)):
    # A busy machine takes its time for an example: that is no fault of the code, and no test may hang anyway.
    settings.register_profile(_name, max_examples=_examples, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_draw = random.Random(os.environ.get("TILLWATCH_DRAWS") or os.environ.get("PYTEST_XDIST_TESTRUNUID"))
"""Processes that share a run draw the same, for their tests must have the same ids; so do runs given the same word."""


def new_seeds(count: int, also: Iterable[int] = ()) -> list[int]:
    """Those that TILLWATCH_SEED gives, with commas between; where it gives none, `also` and so many new ones."""
    given = [int(each) for each in os.environ.get("TILLWATCH_SEED", "").split(",") if each]
    return given or [*also, *(_draw.getrandbits(32) for _ in range(count))]


def seeds(fixed: int, *, quick: int, new: int = 0) -> list[ParameterSet]:
    """The seeds below `fixed`, and `new` ones; or those that TILLWATCH_SEED gives.

    `make test` tries the first `quick` of the fixed ones and the first of the new ones; all others are marked `slow`.
    """
    given = "TILLWATCH_SEED" in os.environ
    return [
        pytest.param(
            each, id=f"TILLWATCH_SEED={each}",
            marks=[] if given or k < quick or k == fixed else [pytest.mark.slow],
        )
        for k, each in enumerate(new_seeds(new, also=range(fixed)))
    ]  # fmt: skip


def examples(full: int) -> int:
    """So many of `full` examples as the profile tries: three tenths of them in `make test`, all in `make test-all`."""
    return max(1, full * settings().max_examples // FULL)

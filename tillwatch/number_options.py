"""Numbers as options give them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click import Context, Parameter

MOST_S = 366 * 86_400.0
"""The longest time that an option takes, seconds: beyond what clocks of systems can wait for lie slips of the pen."""


class FiniteRange(click.FloatRange):
    """A number within bounds; neither `nan`, which no bound keeps out, nor `inf`."""

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> float:
        """The number; a value that is none fails by name."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number

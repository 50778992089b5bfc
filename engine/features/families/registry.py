"""The feature families in force, in the order the kernel runs them.

A new one is a file beside this one and a name in `FAMILIES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.features.families import (
    cards,
    fees,
    lifetime,
    mcc,
    mcc_set,
    numbers,
    ratios,
    repeats,
    row_kind,
    season,
    trade,
    volume,
)

if TYPE_CHECKING:
    from types import ModuleType

    from engine.features.families import Column

FAMILIES: tuple[ModuleType, ...] = (
    lifetime, volume, ratios, repeats, cards, mcc, mcc_set, numbers, trade, fees, season, row_kind,
)  # fmt: skip
"""Row kind comes last."""


def columns(families: tuple[ModuleType, ...] = FAMILIES) -> tuple[Column, ...]:
    """Every column of `families`, in order.

    Raises:
        ValueError: two families yield a column of one name.
    """
    found = tuple(column for family in families for column in family.COLUMNS)
    names = [column.name for column in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"column names must be unique, got twice: {', '.join(twice)}")
    return found

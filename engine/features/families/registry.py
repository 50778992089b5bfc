"""The feature families in force, in the order the kernel runs them.

A new one is a file beside this one and a name in `FAMILIES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.features.families import (
    Column,
    cards,
    complaints,
    daily,
    duties,
    fees,
    gauges,
    habits,
    lifetime,
    mcc,
    mcc_set,
    numbers,
    oddity,
    ratios,
    repeats,
    reports,
    season,
    sent,
    terminals,
    trade,
    trade_fit,
    volume,
)

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

FAMILIES: tuple[ModuleType, ...] = (
    lifetime, volume, ratios, repeats, cards, mcc, mcc_set, numbers, trade, fees, daily, season, sent, terminals,
    complaints, duties, reports, gauges, habits, oddity, trade_fit,
)  # fmt: skip


ROW_KIND = Column(
    "row_kind",
    "code",
    "txn",
    "0 a transaction, 1 a settlement, 2 the end of a local day, 3 a version of the contract, 4 a report",
)
"""What a row of features describes. The kernel writes it, so every composition has it, as its first column."""


def columns(families: tuple[ModuleType, ...] = FAMILIES) -> tuple[Column, ...]:
    """Every column of `families`, in order.

    Raises:
        ValueError: two families yield a column of one name.
    """
    found = (ROW_KIND, *(column for family in families for column in family.COLUMNS))
    names = [column.name for column in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"column names must be unique, got twice: {', '.join(twice)}")
    return found


def told_by_closings(families: tuple[ModuleType, ...] = FAMILIES) -> NDArray[np.bool_]:
    """By column, whether it is null in every row of a transaction, and `update` leaves it alone."""
    found = [False]
    for family in families:
        told = {*getattr(family, "CLOSES", ()), *getattr(family, "REPORTS", ())}
        names = [column.name for column in family.COLUMNS]
        alone = told if told >= set(names) else getattr(family, "NEVER_SALES", ())
        found += [name in alone for name in names]
    return np.array(found)


def closing_columns(families: tuple[ModuleType, ...] = FAMILIES) -> tuple[Column, ...]:
    """The columns of the row that a day's closing gives: a vector of the merchant's day, every other column is null."""
    closes = {name for family in families for name in getattr(family, "CLOSES", ())}
    return (ROW_KIND, *(each for family in families for each in family.COLUMNS if each.name in closes))

"""How odd the day that ended was of a merchant by the anomaly model in force, and the three habits that say so most.

It has no fields: what the family `habits` tells of the merchant is scored when the rows of a batch are there, each by
itself (`engine/features/scoring.py`). Habits are named by their place in `domain.habits.HABITS`, and told in their own
units. The usual range of the peers holds nine in ten of the merchants of the same trade, size and age.
"""

from __future__ import annotations

from typing import Any

from domain.habits import HABITS
from engine.features.families import Column
from engine.jit import njit_inner

REASONS = 3
"""Habits that are named, the most telling first."""
LEAST_AGE_D = 28
"""Days from a merchant's first transaction before which it is not scored: its habits are not formed yet."""
BASE_D = 0
"""Days until what started anew on a merchant means something: it has no past."""
FIELDS = ()
_DAY = "the local day that ended"
_NOT_SCORED = (
    f"no end of a day, no model in force, fewer than {LEAST_AGE_D} days since the first transaction, or too few sales"
)
_NO_REASON = f"{_NOT_SCORED}; no habit that says so, or the figure is not known"

COLUMNS = (
    Column("model_score", "share", _DAY, "how odd the habits are among those of peers and against the merchant's own",
           "float", _NOT_SCORED),
    Column("model_percentile", "percent", _DAY, "days of merchants, of those that the model learned from, with a lower "
           "score", "float", _NOT_SCORED),
    Column("model_load", "alerts", _DAY, "new alerts that this score as the threshold would have given, per 1,000 days "
           "of merchants that the model learned from", "float", _NOT_SCORED),
    *(
        column
        for k in range(1, REASONS + 1)
        for column in (
            Column(f"model_reason_{k}", "place", _DAY, f"habit that says so most, number {k} of {REASONS}, from 0 to "
                   f"{len(HABITS) - 1}", null=_NO_REASON),
            Column(f"model_value_{k}", "the habit's", _DAY, f"what it is, of habit number {k}", "float", _NO_REASON),
            Column(f"model_usual_{k}", "the habit's", _DAY, f"what it usually is of this merchant, of habit number {k}",
                   "float", _NO_REASON),
            Column(f"model_low_{k}", "the habit's", _DAY, f"below it lies one in twenty of the peers, of habit number "
                   f"{k}", "float", _NO_REASON),
            Column(f"model_high_{k}", "the habit's", _DAY, f"above it lies one in twenty of the peers, of habit number "
                   f"{k}", "float", _NO_REASON),
        )
    ),
)  # fmt: skip
CLOSES = tuple(column.name for column in COLUMNS)


@njit_inner
def update(row: Any, event: Any, master_data: Any, reference: Any, out: Any) -> None:
    """Leave all to the scoring of closings."""

"""Which MCC the merchant's habits fit by the trade model in force: the declared one, or one of a dearer class.

It has no fields: days that the family `trade` judged are held against the model when the rows of a batch are there,
each by itself (`engine/features/trade_scoring.py`). Where several MCCs are registered, the declared one is `trade_mcc`.
"""

from __future__ import annotations

from typing import Any

from engine.features.families import Column
from engine.jit import njit_inner

BASE_D = 0
"""Days until what started anew on a merchant means something: it has no past."""
RESTS_ON = ("trade", "habits")
"""Families whose columns of the same row it reads."""
FIELDS = ()
_NOT_JUDGED = (
    "no end of a day, no trade model in force, `trade_evidence` is null, too few sales of late, fewer than 28 days "
    "since the first transaction, or the model has no dearer class, or none but dearer ones"
)

COLUMNS = (
    Column("trade_odds", "nats", "the local day that ended", "logarithm of the odds of an MCC of a dearer class, less "
           "that of the same odds among the merchants that the model learned from", "float", _NOT_JUDGED),
    Column("trade_probability", "share", "the local day that ended", "probability of the declared MCC", "float",
           f"{_NOT_JUDGED}; the model has too few merchants of that MCC"),
    Column("trade_other", "MCC", "the local day that ended", "the likeliest MCC of a dearer class", null=_NOT_JUDGED),
    Column("trade_other_probability", "share", "the local day that ended", "probability of that MCC", "float",
           _NOT_JUDGED),
)  # fmt: skip
CLOSES = tuple(column.name for column in COLUMNS)


@njit_inner
def update(row: Any, event: Any, master_data: Any, reference: Any, out: Any) -> None:
    """Leave all to the scoring of closings."""

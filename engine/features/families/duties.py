"""What a rule wants done about a merchant by a day: its business licence expires.

It has no fields: the version of the master data in force at a day's closing says when. For how long nothing was sold,
which is a duty too, the family `season` tells as `idle_d`.
"""

from __future__ import annotations

from typing import Any

from engine.features.event import MISSING, Closing
from engine.features.families import Column
from engine.jit import njit_inner

BASE_D = 0
"""Days until what started anew on a merchant means something: it has no past."""
FIELDS = ()
_NO_LICENCE = "no end of a day, or the master data in force say no expiry"

COLUMNS = (
    Column("licence_left_d", "days", "the local day that ended", "local days from it to the one on which the business "
           "licence expires; below 0 after that", null=_NO_LICENCE),
    Column("licence_expires_s", "UTC seconds", "the local day that ended", "when the business licence expires",
           null=_NO_LICENCE),
)  # fmt: skip
CLOSES = tuple(column.name for column in COLUMNS)


@njit_inner
def close(row: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Write when the licence expires."""
    if closing.licence_ms != MISSING:
        out.licence_left_d = closing.licence_day - closing.day
        out.licence_expires_s = closing.licence_ms // 1000


@njit_inner
def update(row: Any, event: Any, master_data: Any, reference: Any, out: Any) -> None:
    """Leave all to the closing."""

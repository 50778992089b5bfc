"""What each merchant's sums must be, worked out without the engine.

A sum counts an accepted transaction once, whenever it happened. A record is looked at in this order: too far
ahead of its receipt, seen before, too late, accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from domain.events import FUTURE_MS, ROLES, TXN_TYPES
from domain.timestamps import DAY_MS
from engine.jit import njit_cached
from simulator.draw import APPROVING, DUPLICATE, MASTER, SETTLEMENT, TAKES_OUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATE_MS = DAY_MS
"""The feed's usual limit: older than this behind the merchant's clock is too late."""

LEDGER = np.dtype([
    ("accepted", "i8"), ("attempted", "i8"), ("approved_count", "i8"), ("approved_minor", "i8"),
    ("refund_count", "i8"), ("refund_minor", "i8"), ("reversed_count", "i8"), ("reversed_minor", "i8"),
    ("duplicates", "i8"), ("late", "i8"), ("future", "i8"), ("clock_ms", "i8"),
])  # fmt: skip
"""A merchant's sums.

`accepted`: transactions accepted, of every type, declined ones too. `attempted`: those that are neither
refunds nor reversals or voids (roles SALE and OTHER).
`approved_*`: approved sales that no approved reversal or void took out again. `refund_*`: approved refunds.
`reversed_*`: approved sales taken out. `clock_ms`: greatest event time accepted, 0 before the first.
"""

_ROLE = np.array([int(ROLES[name]) for name in TXN_TYPES], np.int8)
_SALE, _REFUND, _UNDO = 0, 1, 2


@njit_cached
def _fold(
    events: Any,
    order: NDArray[np.int64],
    roles: NDArray[np.int8],
    flags: tuple[int, int, int],
    approving: int,
    ledger: Any,
) -> None:
    apart, duplicate, takes_out = flags
    for i in range(len(order)):
        e = events[order[i]]
        sums = ledger[e.merchant]
        role = roles[e.txn_type]
        approved = e.response < approving
        if e.flags & apart:
            continue
        if e.event_ms > e.received_ms + FUTURE_MS:
            sums.future += 1
        elif e.flags & duplicate:
            sums.duplicates += 1
        elif sums.clock_ms and e.event_ms < sums.clock_ms - LATE_MS:
            sums.late += 1
        else:
            sums.clock_ms = max(sums.clock_ms, e.event_ms)
            sums.accepted += 1
            sums.attempted += role not in {_REFUND, _UNDO}
            if role == _SALE and approved:
                sums.approved_count += 1
                sums.approved_minor += e.amount
            elif role == _REFUND and approved:
                sums.refund_count += 1
                sums.refund_minor += e.amount
            elif e.flags & takes_out:
                sums.approved_count -= 1
                sums.approved_minor -= e.original_amount
                sums.reversed_count += 1
                sums.reversed_minor += e.original_amount


def fold(events: Any, order: NDArray[np.int64], ledger: Any) -> None:
    """Add `events` (`simulator.draw.EVENT`), in this order of receipt, to `ledger`, one row per merchant."""
    # Other files' constants are handed in: Numba's cache does not see them change.
    _fold(events, order, _ROLE, (MASTER | SETTLEMENT, DUPLICATE, TAKES_OUT), APPROVING, ledger)

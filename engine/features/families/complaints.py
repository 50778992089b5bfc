"""Complaints about a merchant, of the last 90 days: how many, how many of them about fees, and how long ago the last.

Up to 16 are held, in a block that a merchant takes with its first. A complaint is the same as another if both are of
one second and both about fees, or neither: it came twice. Each counts by its own time, however late it comes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import DAY_MS
from engine.features.blocks import Block
from engine.features.event import MISSING, Closing, Complaint, Event
from engine.features.families import Column
from engine.jit import i64, njit_inner

HELD = 16
RECENT_S = 90 * DAY_MS // 1000
ABOUT_FEES, ABOUT_OTHER = 1, 2
"""Values of `complaint_about` and of `engine.features.event.Complaint.about`."""

BASE_D = 90
"""Days until what started anew on a merchant means something."""
FIELDS = ()
BLOCKS = (Block("complaints", (("complaint_s", np.uint32, HELD), ("complaint_about", np.uint8, HELD))),)
_NONE = "there was none"

COLUMNS = (
    Column("complaints_90d", "complaints", "90 days", f"complaints, at most {HELD}", null=_NONE),
    Column("fee_complaints_90d", "complaints", "90 days", "complaints about fees, of the same", null=_NONE),
    Column(
        "complaint_ago_d",
        "days",
        "90 days",
        "whole days since the last complaint",
        null=f"{_NONE}, or the row is of the end of a day",
    ),
)
CLOSES = ("complaints_90d", "fee_complaints_90d")


@njit_inner
def complaints_complained(row: Any, complaint: Complaint) -> bool:
    """Every complaint is held."""
    return True


@njit_inner
def complain(row: Any, held: Any, complaint: Complaint) -> None:
    """Hold a complaint that is not held yet, in place of the earliest; one that is earlier than all is not held."""
    earliest = 0
    for k in range(HELD):
        if held.complaint_s[k] == complaint.time_s and held.complaint_about[k] == complaint.about:
            return
        if held.complaint_s[k] < held.complaint_s[earliest]:
            earliest = k
    if held.complaint_s[earliest] < complaint.time_s:
        held.complaint_s[earliest] = complaint.time_s
        held.complaint_about[earliest] = complaint.about


@njit_inner
def _write(held: Any, now_ms: int, out: Any) -> int:
    """Write how many there are at a moment; whole days since the last, `MISSING` where there is none."""
    if held.complaint_s[0] == 0:
        return MISSING
    now_s, count, of_fees, last_s = now_ms // 1000, i64(0), i64(0), i64(0)
    for k in range(HELD):
        at_s = i64(held.complaint_s[k])
        if now_s - RECENT_S < at_s <= now_s:
            count += 1
            of_fees += held.complaint_about[k] == ABOUT_FEES
            last_s = max(last_s, at_s)
    if count == 0:
        return MISSING
    out.complaints_90d = count
    out.fee_complaints_90d = of_fees
    return i64((now_s - last_s) // (DAY_MS // 1000))


@njit_inner
def update(row: Any, held: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Write how many complaints there are at the merchant's clock."""
    out.complaints_90d = out.fee_complaints_90d = MISSING
    out.complaint_ago_d = _write(held, event.now_ms, out)


@njit_inner
def settle(row: Any, held: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Write how many complaints there are by the settlement of a payment."""
    out.complaint_ago_d = _write(held, event.now_ms, out)


@njit_inner
def close(row: Any, held: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Write how many complaints there are at the close of the day."""
    _write(held, closing.time_ms, out)

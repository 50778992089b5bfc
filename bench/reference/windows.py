"""The reference job's feature family: registered MCC, due fee, and five-minute windows with their mean and variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.features.event import MISSING, Closing, Event
from engine.features.families import Column
from engine.jit import i64, njit_inner

WINDOW_MS, GRACE_MS = 300_000, 60_000
LEAST_WINDOWS, SIGMAS = 8, 4.0

BASE_D = 1
"""Days until what started anew on a merchant means something: an hour, for this job."""
FIELDS = (
    ("window_at", np.int64, 2),
    ("window_total", np.int64, 2),
    ("windows", np.int64),
    ("window_mean", np.float64),
    ("window_m2", np.float64),
)

COLUMNS = (
    Column("is_other_mcc", "0 or 1", "transaction", "the MCC is not the registered one"),
    Column("is_other_fee", "0 or 1", "transaction", "the fee is more than 1 off what is due"),
    Column("is_late", "0 or 1", "transaction", "its window is closed"),
    Column("high_window", "UTC milliseconds", "five minutes", "the high window that it closes", null="none"),
    Column("high_window_2", "UTC milliseconds", "five minutes", "the second that it closes", null="none"),
)


@njit_inner
def _is_high(row: Any, total: float) -> bool:
    """Learn from a closed window's total; whether it was far above those before it."""
    n, mean, m2 = i64(row.windows), row.window_mean, row.window_m2
    high = n >= LEAST_WINDOWS and m2 > 0 and total > mean + SIGMAS * np.sqrt(m2 / n)
    n += 1
    off = total - mean
    mean += off / n
    row.windows, row.window_mean, row.window_m2 = n, mean, m2 + off * (total - mean)
    return high


@njit_inner
def _close(row: Any, up_to_ms: int, out: Any) -> None:
    """Close the open windows that begin at `up_to_ms` or before; the earlier one stands first."""
    out.high_window = out.high_window_2 = MISSING
    while row.window_at[0] != 0 and row.window_at[0] <= up_to_ms:
        at = i64(row.window_at[0])
        if _is_high(row, np.float64(row.window_total[0])):
            if out.high_window == MISSING:
                out.high_window = at
            else:
                out.high_window_2 = at
        row.window_at[0], row.window_total[0] = row.window_at[1], row.window_total[1]
        row.window_at[1] = row.window_total[1] = 0


@njit_inner
def update(row: Any, event: Event, contract: Any, reference: Any, out: Any) -> None:  # noqa: ARG001  as families do
    """Take the transaction in."""
    out.is_other_mcc = i64(contract.mcc_count == 0 or i64(contract.mccs[0]) != event.mcc)
    out.is_other_fee = i64(event.due == MISSING or abs(event.fee - event.due) > 1)
    up_to_ms = event.now_ms - WINDOW_MS - GRACE_MS
    _close(row, up_to_ms, out)
    at = event.time_ms - event.time_ms % WINDOW_MS
    out.is_late = i64(at <= up_to_ms)
    if at <= up_to_ms:
        return
    if row.window_at[0] == at:
        row.window_total[0] += event.amount
    elif row.window_at[1] == at:
        row.window_total[1] += event.amount
    elif row.window_at[0] == 0:
        row.window_at[0], row.window_total[0] = at, event.amount
    elif row.window_at[0] < at:
        row.window_at[1], row.window_total[1] = at, event.amount
    else:
        row.window_at[1], row.window_total[1] = row.window_at[0], row.window_total[0]
        row.window_at[0], row.window_total[0] = at, event.amount


@njit_inner
def close(row: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Nothing is found at the end of a day."""

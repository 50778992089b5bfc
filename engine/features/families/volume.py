"""Counts and sums over windows: attempted and approved apart.

Windows are aligned to buckets: the bucket of the merchant's clock and the n - 1 before it. A transaction that is
late counts in the bucket of its own time while a window still reaches it. Totals run along with the buckets, so
reading a window costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import HOUR_MS, MINUTE_MS
from engine.checkpoint.fitting import Moved
from engine.features.event import REFUND, SALE, Event, Undone
from engine.features.families import Column
from engine.jit import i64, njit_inner

MINUTES, HOURS, DAYS, WEEKS = 10, 24, 28, 13

BASE_D = 91
"""Days until what started anew on a merchant means something: the 13 weeks of its longest window."""
FIELDS = (
    ("minute_minor", np.int64, MINUTES),
    ("hour_minor", np.int64, HOURS),
    ("day_minor", np.int64, DAYS),
    ("week_minor", np.int64, WEEKS),
    ("total_10m_minor", np.int64),
    ("total_24h_minor", np.int64),
    ("total_7d_minor", np.int64),
    ("total_28d_minor", np.int64),
    ("total_13w_minor", np.int64),
    ("rolled_ms", np.int64),
    ("minute_attempts", np.int32, MINUTES),
    ("minute_sales", np.int32, MINUTES),
    ("hour_sales", np.int32, HOURS),
    ("day_sales", np.int32, DAYS),
    ("week_sales", np.int32, WEEKS),
    ("total_10m_attempts", np.int32),
    ("total_10m", np.int32),
    ("total_24h", np.int32),
    ("total_7d", np.int32),
    ("total_28d", np.int32),
    ("total_13w", np.int32),
    ("rolled_day", np.uint16),
)
MOVED = {"rolled_day": Moved("rolled_day", lambda held: held.astype(np.uint16))}


def _pair(suffix: str, window: str) -> tuple[Column, Column]:
    return (
        Column(f"sales_{suffix}", "transactions", window, "approved sales", reversible=True),
        Column(f"sales_minor_{suffix}", "minor units", window, "approved sales", reversible=True),
    )


COLUMNS = (
    Column("attempts_10m", "transactions", "10 minutes", "sales and refunds, approved or not"),
    *_pair("10m", "10 minutes"),
    *_pair("1h", "the hour (UTC)"),
    *_pair("24h", "24 hours"),
    *_pair("1d", "the local day"),
    *_pair("7d", "7 local days"),
    *_pair("28d", "28 local days"),
    *_pair("13w", "13 local weeks, from Thursday"),
)


@njit_inner
def _empty_minutes(row: Any) -> None:
    """Empty all buckets of minutes, and their totals."""
    for k in range(MINUTES):
        row.minute_attempts[k] = 0
        row.minute_sales[k] = 0
        row.minute_minor[k] = 0
    row.total_10m_attempts = 0
    row.total_10m = 0
    row.total_10m_minor = 0


@njit_inner
def _roll(row: Any, now_ms: int, now_day: int) -> None:
    """Empty the buckets the clock moved into; a zone may move the day alone."""
    was_ms: int = row.rolled_ms
    was_day = i64(row.rolled_day)
    if now_ms <= was_ms and now_day <= was_day:
        return
    now, was = now_ms // MINUTE_MS, was_ms // MINUTE_MS
    if now - was >= MINUTES:  # most merchants sell less often
        _empty_minutes(row)
    else:
        for b in range(was + 1, now + 1):
            k = b % MINUTES
            row.total_10m_attempts -= row.minute_attempts[k]
            row.total_10m -= row.minute_sales[k]
            row.total_10m_minor -= row.minute_minor[k]
            row.minute_attempts[k] = 0
            row.minute_sales[k] = 0
            row.minute_minor[k] = 0
    now, was = now_ms // HOUR_MS, was_ms // HOUR_MS
    for b in range(max(was + 1, now - HOURS + 1), now + 1):
        k = b % HOURS
        row.total_24h -= row.hour_sales[k]
        row.total_24h_minor -= row.hour_minor[k]
        row.hour_sales[k] = 0
        row.hour_minor[k] = 0
    now, was = now_day, was_day
    # Of the 7-day totals the leaving day is still in its bucket, unless the 28-day ring has come round to it.
    for b in range(max(was + 1, now - DAYS + 1), now + 1):
        if b - 7 <= was:
            row.total_7d -= row.day_sales[(b - 7) % DAYS]
            row.total_7d_minor -= row.day_minor[(b - 7) % DAYS]
        k = b % DAYS
        row.total_28d -= row.day_sales[k]
        row.total_28d_minor -= row.day_minor[k]
        row.day_sales[k] = 0
        row.day_minor[k] = 0
    if now - was >= DAYS:
        row.total_7d = 0
        row.total_7d_minor = 0
    for b in range(max(was // 7 + 1, now // 7 - WEEKS + 1), now // 7 + 1):
        k = b % WEEKS
        row.total_13w -= row.week_sales[k]
        row.total_13w_minor -= row.week_minor[k]
        row.week_sales[k] = 0
        row.week_minor[k] = 0
    row.rolled_ms = now_ms
    row.rolled_day = now_day


@njit_inner
def _add(row: Any, count: int, amount: int, time_ms: int, day: int, now_ms: int, now_day: int) -> None:
    """Add an approved sale to the buckets that reach it; what is taken out again is negative."""
    bucket = time_ms // MINUTE_MS
    if now_ms // MINUTE_MS - bucket < MINUTES:
        row.minute_sales[bucket % MINUTES] += count
        row.minute_minor[bucket % MINUTES] += amount
        row.total_10m += count
        row.total_10m_minor += amount
    bucket = time_ms // HOUR_MS
    if now_ms // HOUR_MS - bucket < HOURS:
        row.hour_sales[bucket % HOURS] += count
        row.hour_minor[bucket % HOURS] += amount
        row.total_24h += count
        row.total_24h_minor += amount
    if now_day - day < DAYS:
        row.day_sales[day % DAYS] += count
        row.day_minor[day % DAYS] += amount
        row.total_28d += count
        row.total_28d_minor += amount
    if now_day - day < 7:
        row.total_7d += count
        row.total_7d_minor += amount
    if now_day // 7 - day // 7 < WEEKS:
        row.week_sales[day // 7 % WEEKS] += count
        row.week_minor[day // 7 % WEEKS] += amount
        row.total_13w += count
        row.total_13w_minor += amount


@njit_inner
def update(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count the attempt and an approved sale in their buckets; write the sums of every window."""
    _roll(row, event.now_ms, event.now_day)
    if event.role <= REFUND:
        bucket = event.time_ms // MINUTE_MS
        if event.now_ms // MINUTE_MS - bucket < MINUTES:
            row.minute_attempts[bucket % MINUTES] += 1
            row.total_10m_attempts += 1
    if event.role == SALE and event.approved:
        _add(row, 1, event.amount, event.time_ms, event.day, event.now_ms, event.now_day)
    hour, day = event.now_ms // HOUR_MS % HOURS, event.now_day % DAYS
    out.attempts_10m = row.total_10m_attempts
    out.sales_10m = row.total_10m
    out.sales_minor_10m = row.total_10m_minor
    out.sales_1h = row.hour_sales[hour]
    out.sales_minor_1h = row.hour_minor[hour]
    out.sales_24h = row.total_24h
    out.sales_minor_24h = row.total_24h_minor
    out.sales_1d = row.day_sales[day]
    out.sales_minor_1d = row.day_minor[day]
    out.sales_7d = row.total_7d
    out.sales_minor_7d = row.total_7d_minor
    out.sales_28d = row.total_28d
    out.sales_minor_28d = row.total_28d_minor
    out.sales_13w = row.total_13w
    out.sales_minor_13w = row.total_13w_minor


@njit_inner
def undo(row: Any, undone: Undone) -> None:
    """Subtract a reversed sale, or a part of it, from the buckets and windows it was counted in."""
    if undone.role == SALE:
        _roll(row, undone.now_ms, undone.now_day)
        _add(row, -undone.tickets, -undone.amount, undone.time_ms, undone.day, undone.now_ms, undone.now_day)

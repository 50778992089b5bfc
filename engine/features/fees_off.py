"""What came of fees that are off what was due: sums by day, by week and for ever, of merchants that have such alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.jit import i64, njit_inner

WEEKS = 4

OFF_KEPT = (("fees_over", np.int64), ("fees_under", np.int64))
OFF_FIELDS = (
    ("fee_week_over", np.int64, WEEKS),
    ("fee_week_under", np.int64, WEEKS),
    ("fee_day_over", np.int64),
    ("fee_day_under", np.int64),
    ("fee_dearer", np.float64),
    ("fee_small", np.float64),
    ("fee_small_squares", np.float64),
    ("fee_day_dearer", np.uint32),
    ("fee_day_cheaper", np.uint32),
)
"""Fields of a block, and those of it that outlive a reset: minor units charged above and below what was due, by local
week, on the fee day and by contract for ever; payments, decayed and on the fee day; small differences and their
squares, decayed."""


@njit_inner
def taken(row: Any, kind: Any) -> Any:
    """The merchant's block of `kind` (`engine.features.blocks.BlockArrays`), which it gets where it has none."""
    if row.fees_off_block == 0:
        kind.used[0] += 1
        row.fees_off_block = kind.used[0]
    return kind.record[i64(row.fees_off_block)]


@njit_inner
def turn_off(off: Any, was: int, day: int, factor: float) -> None:
    """Move the fee day on from `was` to `day`: empty its counts, and decay the others by `factor`."""
    off.fee_dearer *= factor
    off.fee_small *= factor
    off.fee_small_squares *= factor * factor
    off.fee_day_over = off.fee_day_under = 0
    off.fee_day_dearer = off.fee_day_cheaper = np.uint32(0)
    for week in range(max(was // 7 + 1, day // 7 - WEEKS + 1), day // 7 + 1):
        off.fee_week_over[week % WEEKS] = 0
        off.fee_week_under[week % WEEKS] = 0


@njit_inner
def count_off(
    off: Any, fee_day: int, day: int, sign: int, weight: float, difference: int, rounding: int, priced: bool
) -> None:
    """Add to the sums, or with `sign` -1 take out of them, by how much a fee is off what was due.

    Args:
        off: the merchant's block.
        fee_day: its fee day, no earlier than `day`.
        day: the payment's local day.
        sign: 1 or -1.
        weight: `sign`, decayed by the payment's age.
        difference: minor units, beyond `engine.features.tariffs.ROUNDING_MINOR`, below 0 where it is cheaper.
        rounding: a difference of at most this is small, minor units.
        priced: whether a contract says what was due.
    """
    over, under = max(0, difference), max(0, -difference)
    if max(over, under) <= rounding:
        off.fee_small += weight * difference
        off.fee_small_squares += sign * (weight * difference) ** 2
        return
    off.fee_dearer += weight * (over > 0)
    if day == fee_day:
        off.fee_day_dearer += np.uint32(sign * (over > 0))
        off.fee_day_cheaper += np.uint32(sign * (under > 0))
        off.fee_day_over += sign * over
        off.fee_day_under += sign * under
    if fee_day // 7 - day // 7 < WEEKS:
        off.fee_week_over[day // 7 % WEEKS] += sign * over
        off.fee_week_under[day // 7 % WEEKS] += sign * under
    if priced:
        off.fees_over += sign * over
        off.fees_under += sign * under

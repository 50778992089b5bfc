"""How odd a row of a series is that is sampled more often than daily, to five tests.

The value against the usual level and against the season, its step from the row before, the mean of the last rows, and
how long the series has stood still. Windows are rows, not time. The season (time of day in quarter hours, or hours of
the week) counts only while it predicts clearly better than the level.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import DAY_MS
from models.rarity import FEW, LARGEST, REMEMBERED, USUAL, beyond, count, histograms, njit_inner, share, tails

LEVEL, MEAN, MOVED = 1000, 30, 200
"""Rows: horizons of the level and of the mean that is compared with it, and after how many a new level counts."""
AWAY = 3.0
"""Usual errors between the mean and what is expected that, on one side for `MOVED` rows, make a new level."""
GAP = 16.0
"""Usual intervals without a row that are a gap: what was short-lived before it is forgotten."""
WARM_UP = 150
"""Rows over which the score grows to its full size."""
YOUTH = 500
"""Rows that are taken to be behind a new series already: in a short history much is rare."""
DAY_SLOTS, WEEK_SLOTS, VISITS = 96, 168, 3
"""Slots of the two profiles, and how often a slot must have been visited before it is used."""
FADE = 10
"""Visits of a slot over which its mean is taken."""
BETTER = 0.8
"""A profile is believed when its mean error is below this share of the level's."""
VALUE, STEP, SHORT_MEAN, STILL, SEASON_VALUE = range(5)
TESTS = 5
COMMON = 0.125
"""Share of rows that surprise at all."""
LIMIT, EXCESS, BEYOND = 1.5, 0.3, 0.005
"""A tail at first: digits where it begins, their mean excess, and the share of rows beyond its limit."""
_WEEK_MS, _MONDAY_MS = 7 * DAY_MS, 3 * DAY_MS  # 1970-01-01 was a Thursday
_UNKNOWN = -1.0

ROWS = np.dtype(
    [
        ("rows", "i8"),
        ("last_ms", "i8"),
        ("interval_ms", "f8"),
        ("last", "f8"),
        ("level", "f8"),
        ("level_rows", "f8"),
        ("away", "i8"),  # rows for which the mean has stayed away, on one side
        ("error", "f8", TESTS),  # the usual size of what a test looks at
        ("short", "f8"),
        ("still", "f8"),  # rows since the value last moved
        ("season_rows", "f8"),
        ("season_short", "f8"),
        ("level_error", "f8"),  # the level's, over rows for which a profile was ready
        ("profile_rows", "f8", 2),
        ("profile_error", "f8", 2),
        ("slot", "i8", 2),  # the slot that is open, and what is gathered of this visit
        ("slot_rows", "f8", 2),
        ("slot_sum", "f8", 2),
        ("slot_error", "f8", 2),
        ("mean", "f4", DAY_SLOTS + WEEK_SLOTS),
        ("spread", "f4", DAY_SLOTS + WEEK_SLOTS),
        ("visits", "f4", DAY_SLOTS + WEEK_SLOTS),
        *histograms(TESTS),
        *tails(TESTS),
    ]
)


@njit_inner
def begin_rows(row: Any, ts_ms: int, value: float) -> None:
    """Fill in what is assumed before the first row."""
    row.level = row.short = row.last = value
    row.last_ms = ts_ms
    for k in range(len(row.slot)):
        row.slot[k] = -1
    for k in range(TESTS):
        row.limit[k], row.excess[k] = LIMIT, EXCESS


@njit_inner
def look_at_row(row: Any, ts_ms: int, value: float, gap: bool, odd: Any) -> tuple[float, int]:
    """Fill in how odd the value is to each test, and learn it; the value expected, and how many tests took part."""
    row.level_rows = min(row.level_rows + 1.0, LEVEL)
    rate, floor = 1.0 / min(row.rows, REMEMBERED), 1e-3 * abs(row.level) + 1e-12
    if gap:
        row.short = row.level
        row.season_short = 0.0
    step = row.error[STEP] if gap else abs(value - row.last)
    row.short += (value - row.short) / min(row.rows, MEAN)
    for test, size in (
        (VALUE, abs(value - row.level)),
        (STEP, step),
        (SHORT_MEAN, abs(row.short - row.level)),
    ):
        odd[test] = np.log2(1.0 + size / (row.error[test] + floor))
        row.error[test] = _usual(row.error[test], size, rate, row.rows)
    odd[STILL] = _stand(row, step <= 0.01 * row.error[STEP])
    expected, tested = _season(row, ts_ms, value, floor, odd)
    _move_level(row, value, floor, expected, tested == TESTS)
    row.last = value
    return expected, tested


@njit_inner
def _stand(row: Any, still: bool) -> float:
    """How long it has stood still. Only stands that ended are counted, or each would look usual as it grows."""
    if still:
        row.still += 1.0
    elif row.still > 0.0:
        count(row, STILL, np.log2(1.0 + row.still / MEAN), 1.0)
        row.still = 0.0
    else:
        count(row, STILL, 0.0, 1.0 / MEAN)
    return float(np.log2(1.0 + row.still / MEAN))


@njit_inner
def learn_interval(row: Any, ts_ms: int) -> bool:
    """Whether there was a gap before this row; counts the row, and learns the usual interval."""
    row.rows += 1
    interval = float(abs(ts_ms - row.last_ms))
    row.last_ms = ts_ms
    known = row.rows > FEW
    gap = bool(known and interval > GAP * row.interval_ms)
    if row.rows > 1:
        taken = min(interval, USUAL * row.interval_ms) if known else interval
        row.interval_ms += (taken - row.interval_ms) / min(row.rows - 1, REMEMBERED)
    return gap


@njit_inner
def _usual(usual: float, size: float, rate: float, rows: float) -> float:
    """The usual size after one more, which is cut off where it is no longer usual."""
    if rows > FEW and usual > 0.0:
        size = min(size, USUAL * usual)
    return usual + rate * (size - usual)


@njit_inner
def _move_level(row: Any, value: float, floor: float, expected: float, believed: bool) -> None:
    """Move the level slowly towards the value; after `MOVED` rows at another level, move there and shift the season."""
    reach = USUAL * (row.error[VALUE] + floor)
    move = value - row.level
    if row.rows > FEW:
        move = min(max(move, -reach), reach)
    row.level += move / row.level_rows
    shift, usual = (row.season_short, SEASON_VALUE) if believed else (row.short - row.level, VALUE)
    away = abs(shift) > AWAY * (row.error[usual] + floor) and (value - expected) * shift > 0.0
    row.away = row.away + 1 if away else 0
    if row.away >= MOVED:
        row.level += shift
        row.level_rows = MEAN
        row.season_short = 0.0
        row.away = 0
        if believed:
            for k in range(len(row.mean)):
                row.mean[k] += shift


@njit_inner
def _season(row: Any, ts_ms: int, value: float, floor: float, odd: Any) -> tuple[float, int]:
    """Score the value by the better profile, if one is ready, and update both with it."""
    slots = (
        (ts_ms % DAY_MS) * DAY_SLOTS // DAY_MS,
        DAY_SLOTS + (ts_ms + _MONDAY_MS) % _WEEK_MS * WEEK_SLOTS // _WEEK_MS,
    )
    for profile in range(2):
        if row.slot[profile] != slots[profile]:
            _close(row, profile)
            row.slot[profile] = slots[profile]
    day, week = row.visits[slots[0]] >= VISITS, row.visits[slots[1]] >= VISITS
    expected, tested = row.level, SEASON_VALUE
    odd[SEASON_VALUE] = _UNKNOWN
    if day or week:
        better = 1 if week and (not day or row.profile_error[1] < row.profile_error[0]) else 0
        if better == 1 and day and row.profile_rows[1] < WEEK_SLOTS:
            better = 0
        believed = row.profile_rows[better] >= DAY_SLOTS and row.profile_error[better] < BETTER * row.level_error
        predicted = float(row.mean[slots[better]])
        _against_season(row, value - predicted, float(row.spread[slots[better]]), floor, odd)
        if believed:
            expected, tested = predicted, TESTS
        _compare(row, value, slots, (day, week), floor)
    for profile in range(2):
        row.slot_rows[profile] += 1.0
        row.slot_sum[profile] += value
        if row.visits[slots[profile]] > 0.0:
            row.slot_error[profile] += abs(value - row.mean[slots[profile]])
    return expected, tested


@njit_inner
def _close(row: Any, profile: int) -> None:
    """Add the visit that ended to its slot."""
    rows = row.slot_rows[profile]
    if rows > 0.0:
        slot = row.slot[profile]
        rate = 1.0 / min(row.visits[slot] + 1.0, FADE)
        row.mean[slot] += rate * (row.slot_sum[profile] / rows - row.mean[slot])
        row.spread[slot] += rate * (row.slot_error[profile] / rows - row.spread[slot])
        row.visits[slot] += 1.0
    row.slot_rows[profile] = row.slot_sum[profile] = row.slot_error[profile] = 0.0


@njit_inner
def _against_season(row: Any, rest: float, spread: float, floor: float, odd: Any) -> None:
    row.season_rows += 1.0
    row.season_short += (rest - row.season_short) / min(row.season_rows, MEAN)
    odd[SEASON_VALUE] = np.log2(1.0 + abs(rest) / (0.5 * (row.error[SEASON_VALUE] + spread) + floor))
    rate = 1.0 / min(row.season_rows, REMEMBERED)
    row.error[SEASON_VALUE] = _usual(row.error[SEASON_VALUE], abs(rest), rate, row.season_rows)


@njit_inner
def _compare(row: Any, value: float, slots: Any, ready: Any, floor: float) -> None:
    """Keep the mean errors of level and profiles over the same rows."""
    rows = max(row.profile_rows[0], row.profile_rows[1]) + 1.0
    most = USUAL * (row.level_error + floor) if rows > FEW else LARGEST
    rate = 1.0 / min(rows, REMEMBERED)
    row.level_error += rate * (min(abs(value - row.level), most) - row.level_error)
    for profile in range(2):
        if ready[profile]:
            row.profile_rows[profile] += 1.0
            error = min(abs(value - row.mean[slots[profile]]), most)
            row.profile_error[profile] += rate * (error - row.profile_error[profile])


@njit_inner
def rarity_of_row(row: Any, odd: Any, tested: int) -> float:
    """Decimal digits of how rare the oddest two of the first `tested` tests are; then all known ones are counted."""
    rows = min(row.rows + YOUTH, REMEMBERED) / REMEMBERED
    first = second = 0.0
    for test in range(tested):
        rare = share(row.counts[test], row.seen[test], odd[test]) * rows
        digits = max(0.0, np.log10(COMMON / rare))
        if test != STILL:  # it grows row by row: a tail would get used to it meanwhile
            digits = beyond(row, test, digits, BEYOND)
        first, second = max(first, digits), max(second, min(first, digits))
    for test in range(TESTS):
        if test != STILL and row.rows > FEW // 2 and odd[test] != _UNKNOWN:
            count(row, test, odd[test], 1.0)
    return float((first + 0.5 * second) * min(1.0, row.rows / WARM_UP))

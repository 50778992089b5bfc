"""How odd each value of a series is, given all before it: one pass, constant memory, any number of series.

Eight tests look at every row: the value against the usual level, its step from the row before, a short and a long mean
against the level, how busy the series is, how long it has stood still, and the value and its short mean against the
season. Each yields an oddness on a logarithmic scale. How often such an oddness was seen before, *in that series*, is
kept in a histogram; beyond the largest ever seen its upper tail is continued exponentially. So a noisy series and a
quiet one are measured alike, and no distribution is assumed. The season (time of day in quarter hours, or hours of the
week) counts only while it predicts clearly better than the level.

Windows are rows, not time: what is sampled each hour changes in days, what is sampled each second in minutes.
docs/score-series.md says how the numbers below were chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    P = ParamSpec("P")
    R = TypeVar("R")

    def njit_inner(function: Callable[P, R]) -> Callable[P, R]:
        """Compile for other compiled functions: to call one from Python ends the process."""
        ...

    def njit_cached(function: Callable[P, R]) -> Callable[P, R]:
        """Compile on first call and keep the machine code, which holds that of all it calls."""
        ...

else:
    import numba

    from models.kept_code import kept

    njit_inner = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    njit_cached = kept(nogil=True, no_cfunc_wrapper=True)

REMEMBERED = 5000
"""Rows that a histogram remembers; at more, all counts are halved. Two weeks and a half at five minutes a row."""
LEVEL, SHORT, LONG = 1000, 30, 200
"""Rows: horizons of the level and of the two means that are compared with it."""
USUAL = 4.0
"""An error moves the usual one by no more than this many times the usual one: an outlier does not hide the next."""
AWAY = 3.0
"""Usual errors between the short mean and what is expected that, on one side for `LONG` rows, make a new level."""
GAP = 16.0
"""Usual intervals without a row that are a gap: what was short-lived before it is forgotten."""
WARM_UP = 150
"""Rows over which the score grows to its full size."""
YOUTH = 500
"""Rows that are taken to be behind a new series already: in a short history much is rare."""
REPEATS, AGAIN = 100.0, 1.2
"""A finding damps scores behind it that are no more than `AGAIN` times as surprising; once it is over this wears off,
by 1/e in `REPEATS` rows."""
DAMPED = 0.1
MOST = 12.0
"""Decimal digits of surprise that can be told apart."""

DAY_SLOTS, WEEK_SLOTS, VISITS = 96, 168, 3
"""Slots of the two profiles, and how often a slot must have been visited before it is used."""
FADE = 10
"""Visits of a slot over which its mean is taken."""
BETTER = 0.8
"""A profile is believed when its mean error is below this share of the level's."""

VALUE, STEP, SHORT_MEAN, LONG_MEAN, BUSY, STILL, SEASON_VALUE, SEASON_MEAN = range(8)
TESTS = 8
BINS, PER_OCTAVE = 64, 4
"""Of a histogram of oddness: bins, and bins for each doubling."""
TAIL = 0.02
"""Share of the largest that say how fast the tail falls."""
PRIOR = 4.0
"""Weight, in rows, and length, in bins (an octave), of what is assumed of a tail before any was seen."""
LARGEST = 1e200
"""Values beyond have no score: sums of them would overflow."""

_WEEK_MS, _MONDAY_MS = 7 * DAY_MS, 3 * DAY_MS  # 1970-01-01 was a Thursday
_SMALL = 20
"""Rows before which nothing is usual."""
_UNKNOWN = -1.0

_ROW = np.dtype(
    [
        ("rows", "i8"),
        ("last_ms", "i8"),
        ("interval_ms", "f8"),
        ("last", "f8"),
        ("level", "f8"),
        ("level_rows", "f8"),
        ("away", "i8"),  # rows for which the short mean has stayed away, on one side
        ("error", "f8", TESTS),  # the usual size of what a test looks at
        ("short", "f8"),
        ("long", "f8"),
        ("short_step", "f8"),
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
        ("peak", "f8"),
        ("seen", "f4", TESTS),
        ("counts", "f4", (TESTS, BINS)),
    ]
)


class SeriesModel:
    """What is remembered of any number of series, some 5.5 kB each."""

    def __init__(self) -> None:
        self._rows: NDArray[Any] = np.zeros(16, _ROW)

    def score(
        self, series: NDArray[np.int64], ts_ms: NDArray[np.int64], value: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Score rows, and learn from them; how they are cut into calls changes nothing.

        Args:
            series: which series each row belongs to, shape (rows,), counted from 0; memory follows the largest.
            ts_ms: UTC milliseconds, shape (rows,); a series' rows are taken in the order given.
            value: shape (rows,), within ±`LARGEST`.

        Returns:
            The score of each row, 0 to below 1 (docs/score-series.md says what it means), and the value that was
            expected of it; both shape (rows,), both known before the row was.

        Raises:
            ValueError: a value is not finite or too large, a series is negative, or shapes differ.
        """
        if not series.shape == ts_ms.shape == value.shape:
            raise ValueError(
                f"one series, time and value a row expected, got {series.size}, {ts_ms.size}, {value.size}"
            )
        if not np.all(np.abs(value) <= LARGEST):
            raise ValueError(f"value must be a number within ±{LARGEST:g}, got {value[~(np.abs(value) <= LARGEST)][0]}")
        if series.size and series.min() < 0:
            raise ValueError(f"series must be at least 0, got {series.min()}")
        self._grow(int(series.max(initial=-1)) + 1)
        scores, expected = np.empty(value.shape), np.empty(value.shape)
        _walk(self._rows, series, ts_ms, value, np.zeros(TESTS), scores, expected)
        return scores, expected

    def _grow(self, series: int) -> None:
        if series > len(self._rows):
            more = np.zeros(max(series, 2 * len(self._rows)) - len(self._rows), _ROW)
            self._rows = np.concatenate([self._rows, more])


@njit_cached
def _walk(rows: Any, series: Any, ts_ms: Any, value: Any, odd: Any, scores: Any, expected: Any) -> None:
    """Score rows in order; `odd` is (TESTS,) scratch, for compiled code that makes arrays costs seconds to compile."""
    for k in range(len(series)):
        row = rows[series[k]]
        if row.rows == 0:
            _begin(row, ts_ms[k], value[k])
        expected[k], tested = _look(row, ts_ms[k], value[k], odd)
        scores[k] = _score(row, _surprise(row, odd, tested))


@njit_inner
def _begin(row: Any, ts_ms: int, value: float) -> None:
    row.level = row.short = row.long = row.last = value
    row.last_ms = ts_ms
    for k in range(len(row.slot)):
        row.slot[k] = -1


@njit_inner
def _look(row: Any, ts_ms: int, value: float, odd: Any) -> tuple[float, int]:
    """Fill in how odd the value is to each test, and learn it; the value expected, and how many tests took part."""
    row.rows += 1
    row.level_rows = min(row.level_rows + 1.0, LEVEL)
    rate, floor = 1.0 / min(row.rows, REMEMBERED), 1e-3 * abs(row.level) + 1e-12
    gap = _interval(row, ts_ms)
    if gap:
        row.short = row.long = row.level
        row.short_step = row.error[STEP]
        row.season_short = 0.0
    step = row.error[STEP] if gap else abs(value - row.last)
    row.short += (value - row.short) / min(row.rows, SHORT)
    row.long += (value - row.long) / min(row.rows, LONG)
    row.short_step += (step - row.short_step) / min(row.rows, SHORT)
    for test, size in (
        (VALUE, abs(value - row.level)),
        (STEP, step),
        (SHORT_MEAN, abs(row.short - row.level)),
        (LONG_MEAN, abs(row.long - row.level)),
    ):
        odd[test] = np.log2(1.0 + size / (row.error[test] + floor))
    usual = 1.01 * row.error[STEP] + floor
    odd[BUSY] = max(0.0, np.log2((row.short_step + 0.01 * row.error[STEP] + floor) / usual))
    odd[STILL] = _stand(row, step <= 0.01 * row.error[STEP])
    expected, tested = _season(row, ts_ms, value, floor, odd)
    error = abs(value - row.level)
    for test, size in (
        (VALUE, error),
        (STEP, step),
        (SHORT_MEAN, abs(row.short - row.level)),
        (LONG_MEAN, abs(row.long - row.level)),
    ):
        row.error[test] = _usual(row.error[test], size, rate, row.rows)
    _move_level(row, value, floor, expected, tested == TESTS)
    row.last = value
    return expected, tested


@njit_inner
def _stand(row: Any, still: bool) -> float:
    """How long it has stood still. Only stands that ended are counted, or each would look usual as it grows."""
    if still:
        row.still += 1.0
    elif row.still > 0.0:
        _count(row, STILL, np.log2(1.0 + row.still / SHORT), 1.0)
        row.still = 0.0
    else:
        _count(row, STILL, 0.0, 1.0 / SHORT)
    return float(np.log2(1.0 + row.still / SHORT))


@njit_inner
def _interval(row: Any, ts_ms: int) -> bool:
    """Whether there was a gap before this row; learns the usual interval."""
    interval = float(abs(ts_ms - row.last_ms))
    row.last_ms = ts_ms
    known = row.rows > _SMALL
    gap = bool(known and interval > GAP * row.interval_ms)
    if row.rows > 1:
        taken = min(interval, USUAL * row.interval_ms) if known else interval
        row.interval_ms += (taken - row.interval_ms) / min(row.rows - 1, REMEMBERED)
    return gap


@njit_inner
def _usual(usual: float, size: float, rate: float, rows: float) -> float:
    """The usual size after one more, which is cut off where it is no longer usual."""
    if rows > _SMALL and usual > 0.0:
        size = min(size, USUAL * usual)
    return usual + rate * (size - usual)


@njit_inner
def _move_level(row: Any, value: float, floor: float, expected: float, believed: bool) -> None:
    """Move the level slowly towards the value; after `LONG` rows at another level, move there and shift the season."""
    reach = USUAL * (row.error[VALUE] + floor)
    move = value - row.level
    if row.rows > _SMALL:
        move = min(max(move, -reach), reach)
    row.level += move / row.level_rows
    shift, usual = (row.season_short, SEASON_VALUE) if believed else (row.short - row.level, VALUE)
    away = abs(shift) > AWAY * (row.error[usual] + floor) and (value - expected) * shift > 0.0
    row.away = row.away + 1 if away else 0
    if row.away >= LONG:
        row.level += shift
        row.long = row.short
        row.level_rows = SHORT
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
    odd[SEASON_VALUE] = odd[SEASON_MEAN] = _UNKNOWN
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
    row.season_short += (rest - row.season_short) / min(row.season_rows, SHORT)
    odd[SEASON_VALUE] = np.log2(1.0 + abs(rest) / (0.5 * (row.error[SEASON_VALUE] + spread) + floor))
    odd[SEASON_MEAN] = np.log2(1.0 + abs(row.season_short) / (row.error[SEASON_MEAN] + floor))
    rate = 1.0 / min(row.season_rows, REMEMBERED)
    row.error[SEASON_VALUE] = _usual(row.error[SEASON_VALUE], abs(rest), rate, row.season_rows)
    row.error[SEASON_MEAN] = _usual(row.error[SEASON_MEAN], abs(row.season_short), rate, row.season_rows)


@njit_inner
def _compare(row: Any, value: float, slots: Any, ready: Any, floor: float) -> None:
    """Keep the mean errors of level and profiles over the same rows."""
    rows = max(row.profile_rows[0], row.profile_rows[1]) + 1.0
    most = USUAL * (row.level_error + floor) if rows > _SMALL else LARGEST
    rate = 1.0 / min(rows, REMEMBERED)
    row.level_error += rate * (min(abs(value - row.level), most) - row.level_error)
    for profile in range(2):
        if ready[profile]:
            row.profile_rows[profile] += 1.0
            error = min(abs(value - row.mean[slots[profile]]), most)
            row.profile_error[profile] += rate * (error - row.profile_error[profile])


@njit_inner
def _surprise(row: Any, odd: Any, tested: int) -> float:
    """Decimal digits of how rare the oddest of the first `tested` tests is; then all that are known are counted."""
    rows = min(row.rows + YOUTH, REMEMBERED)
    likes = float(REMEMBERED)
    for test in range(tested):
        likes = min(likes, _likes(row.counts[test], row.seen[test], odd[test]) * rows)
    for test in range(TESTS):
        if test != STILL and row.rows > _SMALL // 2 and odd[test] != _UNKNOWN:
            _count(row, test, odd[test], 1.0)
    return float(max(0.0, -np.log10(max(TESTS * likes / REMEMBERED, 10.0**-MOST))))


@njit_inner
def _count(row: Any, test: int, odd: float, weight: float) -> None:
    row.counts[test, int(min(odd * PER_OCTAVE, BINS - 1.0))] += weight
    row.seen[test] += weight
    if row.seen[test] > REMEMBERED:
        row.seen[test] *= 0.5
        for k in range(BINS):
            row.counts[test, k] *= 0.5


@njit_inner
def _likes(counts: Any, seen: float, odd: float) -> float:
    """The share of rows that were at least as odd, or nearly so: within a bin."""
    if seen < _SMALL:
        return 1.0
    place = min(odd * PER_OCTAVE, BINS - 1.0)
    enough = max(5.0, TAIL * seen)
    above, tail, tail_sum, top = 0.0, 0.0, 0.0, -1
    start, k = BINS - 1, BINS - 1
    while k >= 0 and (tail < enough or k >= int(place) - 1):
        count = counts[k]
        if count >= 0.5 and top < 0:
            top = k + 1
        if k >= int(place) - 1:
            above += count
        if tail < enough:
            tail += count
            tail_sum += count * k
            start = k
        k -= 1
    share = (above + 1.0) / (seen + 1.0)
    if place > top:
        share *= np.exp(-(place - top) * (tail + PRIOR) / (tail_sum - start * tail + PRIOR * PRIOR))
    return share


@njit_inner
def _score(row: Any, surprise: float) -> float:
    """The surprise on a scale of 0 to 1, full when it is new and damped where it repeats what was just found."""
    surprise *= min(1.0, row.rows / WARM_UP)
    row.peak = max(row.peak * np.exp(-1.0 / REPEATS), min(row.peak, surprise))
    if surprise > AGAIN * row.peak:
        row.peak = surprise
    else:
        surprise *= DAMPED
    return surprise / (surprise + 2.0)

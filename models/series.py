"""How odd each value of a series is, given all before it: one pass, constant memory, any number of series.

Several tests look at every row: those of `models.series_days` where a series has a row a day or fewer, else those of
`models.series_rows`. Each says in decimal digits how rare its finding is in that series (`models.rarity`), so a noisy
series and a quiet one are measured alike. The rarest counts in full and the second by half: that is the score. A score
that reaches the threshold is an alert, and the series is quiet for a while. docs/score-series.md says how the numbers
were chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.timestamps import DAY_MS
from models.rarity import LARGEST, njit_cached, njit_inner
from models.series_days import DAYS, begin_days, look_at_day, rarity_of_day
from models.series_rows import ROWS, TESTS, begin_rows, learn_interval, look_at_row, rarity_of_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLD = 0.5
"""Scores from here on are worth an alert."""
THRESHOLD_DIGITS = 3.3
"""Decimal digits of rarity at that score."""
QUIET_ROWS, QUIET_DAYS, AGAIN = 60, 10, 1.3
"""Rows, and rows of a daily series, without another alert after one, unless it has `AGAIN` times its digits."""
DAILY_MS = DAY_MS * 3 // 4
"""A series whose usual interval is at least this counts as daily; one of two rows a day does not."""

_ALARM = np.dtype([("quiet_rows", "i8"), ("told", "f8")])
"""Rows for which the series is still quiet, and the digits of its last alert."""


class Scored(NamedTuple):
    """What is said of rows, each shape (rows,)."""

    scores: NDArray[np.float64]
    """0 to below 1 (docs/score-series.md says what it means); not damped after an alert."""
    alerts: NDArray[np.bool_]
    """Whether the score reached the threshold while the series was not quiet."""
    expected: NDArray[np.float64]
    """The value that was expected, known before the row was."""


class SeriesModel:
    """What is remembered of any number of series, some 5.3 kB each."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self._threshold = threshold
        self._rows: NDArray[Any] = np.zeros(16, ROWS)
        self._days: NDArray[Any] = np.zeros(16, DAYS)
        self._alarms: NDArray[Any] = np.zeros(16, _ALARM)

    def score(self, series: NDArray[np.int64], ts_ms: NDArray[np.int64], value: NDArray[np.float64]) -> Scored:
        """Score rows, and learn from them; how they are cut into calls changes nothing.

        Args:
            series: which series each row belongs to, shape (rows,), counted from 0; memory follows the largest.
            ts_ms: UTC milliseconds, shape (rows,); a series' rows are taken in the order given.
            value: shape (rows,), within ±`LARGEST`.

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
        found = Scored(np.empty(value.shape), np.empty(value.shape, np.bool_), np.empty(value.shape))
        _walk(self._rows, self._days, self._alarms, series, ts_ms, value, self._threshold, np.zeros(TESTS), *found)
        return found

    def _grow(self, series: int) -> None:
        if series > len(self._rows):
            more = max(series, 2 * len(self._rows)) - len(self._rows)
            self._rows = np.concatenate([self._rows, np.zeros(more, ROWS)])
            self._days = np.concatenate([self._days, np.zeros(more, DAYS)])
            self._alarms = np.concatenate([self._alarms, np.zeros(more, _ALARM)])


def alerts(
    scores: NDArray[np.float64], threshold: float = THRESHOLD, quiet_rows: int = QUIET_ROWS
) -> NDArray[np.bool_]:
    """The alerts of one series, from its scores in order: what `SeriesModel.score` gives at this threshold."""
    found = np.empty(scores.shape, np.bool_)
    _alarms(np.zeros(1, _ALARM), scores, threshold, quiet_rows, found)
    return found


@njit_cached
def _walk(
    rows: Any,
    days: Any,
    alarms: Any,
    series: Any,
    ts_ms: Any,
    value: Any,
    threshold: Any,
    odd: Any,
    scores: Any,
    told: Any,
    expected: Any,
) -> None:
    """Score rows in order; `odd` is (TESTS,) scratch, for compiled code that makes arrays costs seconds to compile."""
    for k in range(len(series)):
        row, day = rows[series[k]], days[series[k]]
        if row.rows == 0:
            begin_rows(row, ts_ms[k], value[k])
            begin_days(day)
        gap = learn_interval(row, ts_ms[k])
        if row.interval_ms >= DAILY_MS:
            expected[k] = look_at_day(day, ts_ms[k], value[k], odd)
            digits, quiet_rows = rarity_of_day(day, odd), QUIET_DAYS
        else:
            expected[k], tested = look_at_row(row, ts_ms[k], value[k], gap, odd)
            digits, quiet_rows = rarity_of_row(row, odd, tested), QUIET_ROWS
        scores[k] = digits / (digits + THRESHOLD_DIGITS)
        told[k] = _alert(alarms[series[k]], scores[k], threshold, quiet_rows)


@njit_cached
def _alarms(alarm: Any, scores: Any, threshold: float, quiet_rows: int, told: Any) -> None:
    for k in range(len(scores)):
        told[k] = _alert(alarm[0], scores[k], threshold, quiet_rows)


@njit_inner
def _alert(alarm: Any, score: float, threshold: float, quiet_rows: int) -> bool:
    digits = THRESHOLD_DIGITS * score / (1.0 - score)
    alarm.quiet_rows -= 1
    if score < threshold or (alarm.quiet_rows >= 0 and digits <= AGAIN * alarm.told):
        return False
    alarm.quiet_rows, alarm.told = quiet_rows, digits
    return True

"""What one local day's number of sales says of a merchant: what was to be expected of it, and how odd it is.

A merchant is open on a day with a chance of its own, by weekday, and sells a number that follows its level, its
weekday, the kind of day, what the last days carried over and rhythms of the month. Nine views of the day, in
deviations, go through quantiles of lawful trade (`engine.features.day_quantiles`) to decades: 3 is a day as one of
1,000 lawful ones. `docs/volume.md` has the formulas, `bench/volume_model.py` measures them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.calendars import month_place, turn_of_year
from engine.features.day_quantiles import FIRST_DECADE, STEP, TABLE
from engine.features.event import CALENDAR_DAYS, DAY_KINDS, FIRST_DAY
from engine.jit import i64, njit_inner

SALE_DAY, HOLIDAY = 2, 5
"""Of `domain.calendars.DayKind`. Days up to `SALE_DAY` teach level and weekday; from `HOLIDAY` on it means nothing to
be closed."""
_KIND_MEAN = (0.0, 0.1, 0.2, 0.1, 0.2, 0.1, 0.0)
_KIND_VARIANCE = (0.0, 0.04, 0.09, 0.06, 0.12, 0.4, 0.64)
"""What is thought of each kind of day before a merchant has shown its own: of the logarithm of its factor."""

LEVEL_D, SLOW_D, FAST_D = 28.0, 90.0, 12.0
"""Open days that level, slow level and fast level remember."""
WEEKS = 6.0
"""Visits that a weekday's own factor and its chance of being open remember, about."""
CARRY_D = 60.0
"""Days over which is learned how much of the last days' deviation the next one keeps."""
CARRY, CARRY_WEIGHT = 0.35, 0.25
"""What is thought of that share before, and the weight of it: squared deviations."""
GAIN_4D, GAIN_7D, GAIN_14D = 0.35, 0.15, 0.08
"""Share of a new day in the means of the last days' deviations."""
KEPT_7D = 0.7
"""Share of a week's deviation that is expected to last, whatever a merchant has shown."""
SPREAD_D, WIDTH_D, DECLINE_D = 120.0, 90.0, 60.0
"""Days over which the variances are learned: of a day, of the means of days, of fast level less slow level."""
WIDTH_7D, WIDTH_14D, WIDTH_SLOW = 0.03, 0.02, 0.06
"""Variances that are assumed of these before."""
CLIP = 2.5
"""A day teaches as if it were at most so many deviations off."""
SEEN_D, OPEN_D, DECLINE_OPEN_D = 14, 7, 45
"""Days seen, and open days among them, before a day is judged; open days before a decline is."""
OPEN = 0.9
"""What is thought of a weekday's chance of being open before."""
SURE_OPEN = 0.01
"""Least chance that is given to a closed day."""
STAYS_CLOSED = 0.7
"""Chance that a merchant closed yesterday is closed today: of runs without a sale of one day or more, a quarter of a
payment platform's shops' last a week or more."""
SILENT_D = 60
"""A longer run is no news: whoever is gone stays gone."""
IDLE_TAUGHT_D = 7
"""A longer run without a sale teaches nothing more."""
SPECIAL = 0.5
"""Weight of an eve's or holiday's deviation in what several days add up to: such days are off together."""
WAKE_D, WAKE_RATIO = 7, 1.7
"""Closed days after which a day is a wake-up, and the least ratio to what was usual before."""
BELOW_OF, BELOW = 0x3FFF, 12
"""Of the last 14 open days at least so many lie below the slow level, in a decline."""
DECLINED = 0.22
"""Least fall of the logarithm of the level, in a decline: to 80 %."""
PEAKS, PEAK_LOG, PEAK_APART_D, PEAK_FADES_D = 8, 0.47, 20, 400.0
"""High days remembered; the least that is one, logarithm; days that two of one rhythm lie apart at least; and how fast
they make room for others, days for 1."""
VIEWS = (
    "day up",
    "three days up",
    "lasting up",
    "wake-up",
    "day down",
    "three days down",
    "lasting down",
    "silence",
    "decline",
)
DAY_UP, THREE_UP, LASTING_UP, WAKE_UP, DAY_DOWN, THREE_DOWN, LASTING_DOWN, SILENCE, DECLINE = range(9)
EASE = (0.0, -0.4, 0.25, -0.3, 0.0, -0.3, 0.0, 0.0, 0.0)
"""What is added to each view's decades before the rarest of several counts: found by the most events at the same load
(`bench/volume_model.py`)."""

FIELDS = (
    ("level_log", np.float32),
    ("slow_log", np.float32),
    ("fast_log", np.float32),
    ("week_log", np.float32, 7),
    ("week_open", np.float32, 7),
    ("kind_log", np.float32, DAY_KINDS),
    ("spread", np.float32),
    ("carry", np.float32),
    ("carry_base", np.float32),
    ("off_4d", np.float32),
    ("off_7d", np.float32),
    ("off_14d", np.float32),
    ("width_7d", np.float32),
    ("width_14d", np.float32),
    ("width_slow", np.float32),
    ("z_1", np.float32),
    ("z_2", np.float32),
    ("carried_1", np.float32),
    ("carried_2", np.float32),
    ("silence", np.float32),
    ("peak_day", np.uint16, PEAKS),
    ("peak_log_e3", np.int16, PEAKS),
    ("open_days", np.uint16),
    ("quiet_days", np.uint16),
    ("below", np.uint16),
    ("level_days", np.uint8),
    ("week_seen", np.uint8, 7),
    ("kind_seen", np.uint8, DAY_KINDS),
    ("quiet_longest", np.uint8),
)
"""`off_*` are means of the last days' logarithms against the expectation, `z_*` and `carried_*` of yesterday and the
day before; `below` has a bit for each open day."""

_MONTH_PLACE = np.array([month_place(FIRST_DAY + k) for k in range(CALENDAR_DAYS)], np.uint8)
_TURN = np.array([turn_of_year(FIRST_DAY + k) for k in range(CALENDAR_DAYS)], np.bool_)
_EASE = np.array(EASE)
_TABLE = np.array(TABLE, np.float32)
_LAST = _TABLE.shape[2] - 1


@njit_inner
def kind_of(reference: Any, day: int) -> int:
    """`domain.calendars.DayKind` of a local day."""
    at = day - FIRST_DAY
    return i64(reference.day_kind[at]) if 0 <= at < CALENDAR_DAYS else 0


@njit_inner
def may_be_closed(day: int, kind: int) -> bool:
    """Whether it means nothing to be closed on a day: a holiday, or between 29 December and 4 January."""
    at = day - FIRST_DAY
    return bool(kind >= HOLIDAY or (0 <= at < CALENDAR_DAYS and _TURN[at]))


@njit_inner
def decades(view: int, z: float, special: bool) -> float:
    """How rare a view of `z` deviations is on lawful days, powers of ten; beyond the last quantile the line goes on."""
    table = _TABLE[view, 1 if special else 0]
    if z <= 0.0:
        return 0.0
    if z < table[0]:
        return FIRST_DECADE * z / float(table[0])
    k = 0
    while k < _LAST - 1 and z >= table[k + 1]:
        k += 1
    low, high = float(table[k]), float(table[k + 1])
    return float(FIRST_DECADE + STEP * (k + (z - low) / max(high - low, 0.05)))


@njit_inner
def rarity(view: int, z: float, special: bool) -> float:
    """The view's decades as they are weighed against other views'."""
    found = decades(view, z, special)
    return found + float(_EASE[view]) if found > 0.0 else 0.0


@njit_inner
def _weekday(row: Any, weekday: int) -> float:
    """The weekday's own factor, logarithm, drawn towards none as far as it is chance."""
    noise = float(row.spread) + 0.02
    seen = min(i64(row.week_seen[weekday]), 6)
    if seen == 0:
        return 0.0
    total, days = 0.04, 2.0
    for k in range(7):
        if row.week_seen[k] >= 2:
            total += max(float(row.week_log[k]) ** 2 - noise / min(i64(row.week_seen[k]), 6), 0.0)
            days += 1.0
    own = float(row.week_log[weekday])
    of_all = total / days
    if seen >= 3:
        of_all = max(of_all, 0.6 * (own * own - noise / seen))
    return own * of_all / (of_all + noise / seen)


@njit_inner
def _rhythm(row: Any, day: int) -> float:
    """What two high days on this day of earlier months reached against the usual, the lesser; logarithm, 0 for none."""
    at = day - FIRST_DAY
    if not 0 <= at < CALENDAR_DAYS:
        return 0.0
    found, least = 0, 10.0
    for k in range(PEAKS):
        then = i64(row.peak_day[k])
        if then and at - then > PEAK_APART_D and _MONTH_PLACE[then] == _MONTH_PLACE[at]:
            found += 1
            least = min(least, i64(row.peak_log_e3[k]) / 1000.0)
    return least if found >= 2 else 0.0


@njit_inner
def _share(row: Any) -> float:
    """How much of the last days' deviation the next one keeps."""
    return (float(row.carry) + CARRY * CARRY_WEIGHT) / (float(row.carry_base) + CARRY_WEIGHT)


@njit_inner
def carried(row: Any) -> float:
    """How far the day is expected off the level, for what the last days were; logarithm."""
    return _share(row) * float(row.off_4d)


@njit_inner
def _of_kind(row: Any, kind: int) -> float:
    """The factor of a kind of day, logarithm; 0 of an ordinary one."""
    return _KIND_MEAN[kind] + float(row.kind_log[kind]) if kind else 0.0


@njit_inner
def expect(row: Any, reference: Any, peer: int, day: int) -> tuple[float, float, float, float]:
    """Logarithms of what is to be expected of a day if open, at most and at least what explains it, and the variance.

    Against the second it is judged upwards, against the third downwards: whoever comes back to the level after low days
    has no rise, and after high days no fall.
    """
    weekday, kind = (day + 3) % 7, kind_of(reference, day)
    log = float(row.level_log) + float(reference.peer_week[peer, weekday]) + _weekday(row, weekday)
    carry, lasting = carried(row), KEPT_7D * float(row.off_7d)
    usual = log + _of_kind(row, kind)
    high = max(log, usual) + max(carry, lasting, 0.0)
    low = min(log, usual) + min(carry, lasting, 0.0)
    variance = float(row.spread) * (1.0 + 1.0 / max(i64(row.level_days), 1) + 0.5 / max(i64(row.week_seen[weekday]), 1))
    variance += _KIND_VARIANCE[kind] * max(1.0 / (1.0 + i64(row.kind_seen[kind])), 0.5)
    return usual + carry, max(high, log + _rhythm(row, day)), low, variance


@njit_inner
def chance_open(row: Any, day: int) -> float:
    """The chance that the merchant sells anything on a day of that weekday."""
    return float(row.week_open[(day + 3) % 7])


@njit_inner
def deviations(n: float, log: float, variance: float) -> float:
    """How far `n` sales lie above those of logarithm `log`, in deviations of chance and more."""
    expected = np.exp(log) + 0.5
    return float((np.log(n + 0.5) - np.log(expected)) / np.sqrt(1.0 / expected + variance))


@njit_inner
def with_tickets(z: float, of_tickets: float) -> float:
    """The deviation of number and tickets together, upwards; tickets no greater than usual say nothing."""
    if of_tickets <= 0.0:
        return z
    square = (z * z if z > 0.0 else -z * z) + of_tickets * of_tickets
    return float(np.sqrt(square)) if square > 0.0 else -float(np.sqrt(-square))


@njit_inner
def _begin(row: Any) -> None:
    """Set what is assumed of a merchant whose level alone is known."""
    row.slow_log = row.fast_log = row.level_log
    row.width_7d, row.width_14d, row.width_slow = np.float32(WIDTH_7D), np.float32(WIDTH_14D), np.float32(WIDTH_SLOW)
    for k in range(7):
        row.week_open[k] = np.float32(OPEN)


@njit_inner
def first(row: Any, reference: Any, peer: int, day: int, n: float) -> None:
    """Learn from the first day that ended."""
    weekday = (day + 3) % 7
    row.spread = reference.peer_spread[peer]
    row.level_log = np.log(max(n, 0.5)) - float(reference.peer_week[peer, weekday])
    row.level_days = 1
    row.open_days = i64(n > 0.0)
    _begin(row)


@njit_inner
def adopt(row: Any) -> None:
    """Take over what an earlier version knew of the merchant: level, spread and its own weekdays."""
    if row.level_days > 0:
        return
    seen = i64(row.seen_days)
    row.level_days = min(seen, 28)
    row.open_days = min(seen, 60_000)
    _begin(row)
    for k in range(7):
        row.week_seen[k] = min(seen // 7, 6)


@njit_inner
def judge(
    row: Any,
    reference: Any,
    peer: int,
    day: int,
    n: float,
    tick: float,
    of_tickets: float,
    expected_logs: tuple[float, float, float, float],
) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Judge the day that ended, and learn from it; the views of `VIEWS`, in deviations, 0 where one is not judged.

    `tick` is how far its typical ticket lies above the usual, as a logarithm beyond chance; `of_tickets` the same in
    deviations; `expected_logs` is what `expect` says of the day.
    """
    kind = kind_of(reference, day)
    judged = row.seen_days >= SEEN_D and row.open_days >= OPEN_D
    usual, high, low, variance = expected_logs
    if n <= 0.0:
        silence = _closed(row, day, kind, low)
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, silence if judged else 0.0, 0.0
    idle = i64(row.quiet_days)
    carry = carried(row)
    expected = np.exp(usual - carry) + 0.5
    width = np.sqrt(1.0 / expected + variance)
    whole = np.log(n + 0.5) - np.log(expected)
    off = whole - min(max(whole, 0.0), _rhythm(row, day))
    z = min(max((off + tick - max(float(row.carried_2), 0.0)) / width, -3.0), 4.0)
    up = with_tickets(deviations(n, high, variance), of_tickets)
    down = -deviations(n, low, variance)
    if kind > SALE_DAY:
        z *= SPECIAL
    three = (z + float(row.z_1) + float(row.z_2)) / np.sqrt(3.0 * (1.0 + 2.0 * _share(row)))
    lasting, low_weeks = _lasting(row, off, tick, width)
    wake = up if idle >= WAKE_D and n > WAKE_RATIO * np.exp(high) else 0.0
    decline = _decline(row)
    peak = whole + _of_kind(row, kind)
    _learn(row, reference, peer, day, kind, n, off, tick, width, carry, z, 1.0 / expected)
    _remember_peak(row, day, peak, whole / width)
    if not judged:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    return up, three, lasting, wake, down, -three, low_weeks, 0.0, decline


@njit_inner
def _closed(row: Any, day: int, kind: int, low: float) -> float:
    """Count a day without a sale; how unlikely the run of such days is, powers of ten."""
    weekday = (day + 3) % 7
    if not may_be_closed(day, kind):
        chance = chance_open(row, day)
        closed = max(1.0 - chance, np.exp(-chance * np.exp(min(low, 5.0))), SURE_OPEN)
        if row.quiet_days:
            closed = max(closed, STAYS_CLOSED)
        row.silence += np.float32(-np.log10(closed))
        row.quiet_days = min(i64(row.quiet_days) + 1, 60_000)
        if row.quiet_days <= IDLE_TAUGHT_D:
            row.week_open[weekday] -= np.float32(float(row.week_open[weekday]) / WEEKS)
    row.z_2 = row.z_1
    row.z_1 = np.float32(0.0)
    row.carried_2 = row.carried_1
    row.carried_1 = np.float32(carried(row))
    if row.quiet_days > SILENT_D:
        return 0.0
    known_run = i64(row.quiet_days) <= i64(row.quiet_longest)
    return float(row.silence) * (0.5 if known_run else 1.0)


@njit_inner
def _lasting(row: Any, off: float, tick: float, width: float) -> tuple[float, float]:
    """How far the last one or two weeks lie above the level, tickets too, and how far below; in their deviations."""
    of_day = 0.125 * width * width
    of_week = np.sqrt(float(row.width_7d) + GAIN_7D * of_day)
    of_two = np.sqrt(float(row.width_14d) + GAIN_14D * of_day)
    week, two = (1.0 - GAIN_7D) * float(row.off_7d), (1.0 - GAIN_14D) * float(row.off_14d)
    high, low = min(max(off + tick, -1.0), 1.0), min(max(off, -1.0), 1.0)
    above = max((week + GAIN_7D * high) / of_week, (two + GAIN_14D * high) / of_two, 0.0)
    below = max(-(week + GAIN_7D * low) / of_week, -(two + GAIN_14D * low) / of_two, 0.0)
    return float(above), float(below)


@njit_inner
def _decline(row: Any) -> float:
    """How far the fast level lies below the slow one, in deviations of that, where most of two weeks were low."""
    fall = float(row.slow_log) - float(row.fast_log)
    bits, low = i64(row.below) & BELOW_OF, 0
    while bits:
        low += bits & 1
        bits >>= 1
    if row.open_days < DECLINE_OPEN_D or low < BELOW or fall < DECLINED:
        return 0.0
    return float(fall / np.sqrt(float(row.width_slow)))


@njit_inner
def _learn(
    row: Any, reference: Any, peer: int, day: int, kind: int, n: float, off: float, tick: float, width: float,
    carry: float, z: float, chance: float,
) -> None:  # fmt: skip
    """Learn from an open day that ended."""
    weekday = (day + 3) % 7
    if row.quiet_days:
        row.quiet_longest = max(i64(row.quiet_longest), min(i64(row.quiet_days), 60))
        if row.quiet_days > IDLE_TAUGHT_D:
            row.level_days = min(i64(row.level_days), 7)
        row.quiet_days = 0
    row.silence = 0.0
    row.week_open[weekday] += np.float32((1.0 - float(row.week_open[weekday])) / WEEKS)
    row.z_2, row.z_1 = row.z_1, np.float32(z)
    row.carried_2, row.carried_1 = row.carried_1, np.float32(carry)
    row.open_days = min(i64(row.open_days) + 1, 60_000)
    if kind:
        noise = float(row.spread) + chance
        gain = _KIND_VARIANCE[kind] / (_KIND_VARIANCE[kind] * (1.0 + i64(row.kind_seen[kind])) + noise)
        row.kind_log[kind] += np.float32(gain * min(max(off, -1.0), 1.0))
        row.kind_seen[kind] = min(i64(row.kind_seen[kind]) + 1, 20)
    if kind <= SALE_DAY:
        _learn_level(row, reference, peer, weekday, n, off, width, carry, chance)
    lasting = min(max(off + tick, -1.0), 1.0)
    if kind > SALE_DAY:
        lasting *= SPECIAL
    row.off_4d += np.float32(GAIN_4D * (min(max(off, -1.0), 1.0) - float(row.off_4d)))
    row.off_7d += np.float32(GAIN_7D * (lasting - float(row.off_7d)))
    row.off_14d += np.float32(GAIN_14D * (lasting - float(row.off_14d)))
    of_week, of_two = float(row.off_7d), float(row.off_14d)
    row.width_7d += np.float32((min(of_week * of_week, 4.0 * float(row.width_7d)) - float(row.width_7d)) / WIDTH_D)
    row.width_14d += np.float32((min(of_two * of_two, 4.0 * float(row.width_14d)) - float(row.width_14d)) / WIDTH_D)


@njit_inner
def _learn_level(
    row: Any, reference: Any, peer: int, weekday: int, n: float, off: float, width: float, carry: float,
    chance: float,
) -> None:  # fmt: skip
    """Update level, what is carried over, spread and the weekday's factor with an open day."""
    most = CLIP * width
    beyond = min(max(off - carry, -most), most)
    shown, before = min(max(off, -most - abs(carry)), most + abs(carry)), float(row.off_4d)
    row.carry_base = float(row.carry_base) * (1.0 - 1.0 / CARRY_D) + before * before
    row.carry = min(max(float(row.carry) * (1.0 - 1.0 / CARRY_D) + before * shown, -CARRY * CARRY_WEIGHT),
                    0.95 * float(row.carry_base))  # fmt: skip
    spread, share = float(row.spread), max(1.0 / (10.0 + i64(row.open_days)), 1.0 / SPREAD_D)
    found = max(beyond * beyond - chance, -0.5 * spread)
    row.spread = min(max(spread + share * (1.1 * found - spread), 0.004), 1.2)
    days = min(i64(row.level_days) + 1, 28)
    row.level_days = days
    row.level_log = min(max(float(row.level_log) + min(max(off, -most), most) / days, -5.0), 14.0)
    now = np.log(n + 0.5) - float(reference.peer_week[peer, weekday])
    own = now - _weekday(row, weekday)
    seen = i64(row.open_days)
    row.slow_log += np.float32(min(max(own - float(row.slow_log), -1.0), 1.0) / min(seen + 1.0, SLOW_D))
    row.fast_log += np.float32(min(max(own - float(row.fast_log), -1.0), 1.0) / min(seen + 1.0, FAST_D))
    apart = float(row.fast_log) - float(row.slow_log)
    row.width_slow += np.float32((min(apart * apart, 4.0 * float(row.width_slow)) - float(row.width_slow)) / DECLINE_D)
    row.below = ((i64(row.below) << 1) | i64(own < float(row.slow_log))) & BELOW_OF
    row.week_seen[weekday] = min(i64(row.week_seen[weekday]) + 1, 200)
    moved = min(max(now - float(row.level_log) - float(row.week_log[weekday]) - carry, -1.0), 1.0)
    row.week_log[weekday] += np.float32(moved / min(i64(row.week_seen[weekday]), WEEKS))


@njit_inner
def _remember_peak(row: Any, day: int, off: float, z: float) -> None:
    """Remember a high day in the place of the least, of which a long past one counts for less."""
    at = day - FIRST_DAY
    if off < PEAK_LOG or z < 2.0 or not 0 <= at < CALENDAR_DAYS:
        return
    place, least = 0, 1e9
    for k in range(PEAKS):
        kept = i64(row.peak_log_e3[k]) / 1000.0 - (at - i64(row.peak_day[k])) / PEAK_FADES_D
        if kept < least:
            place, least = k, kept
    row.peak_day[place] = at
    row.peak_log_e3[place] = min(i64(1000.0 * off), 30_000)

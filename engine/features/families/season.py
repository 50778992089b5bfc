"""What a merchant usually sells on a day and in an hour of it, learned from itself, and how odd a day is against that.

A day's number of sales is expected as the product of level, weekday and kind of day, with a variance beyond chance;
its tickets by their logarithms, cut off at twice their deviation, so that a few great ones (a wedding) weigh little.
Both are taught at the end of each local day, and an odd day teaches little. `docs/volume.md` has the formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import DAY_MS
from engine.features.event import (
    CALENDAR_DAYS,
    DAY_KINDS,
    FIRST_DAY,
    MISSING,
    RAMP_WEEKS,
    SALE,
    Closing,
    Event,
    Undone,
)
from engine.features.families import Column
from engine.features.families.volume import DAYS, WEEKS
from engine.jit import i64, njit_inner

SALE_DAY, HOLIDAY, FESTIVAL = 2, 5, 6
"""Of `domain.calendars.DayKind`. Days up to `SALE_DAY` teach level and weekday; on the last two it means nothing to be
idle."""
_KIND_MEAN = (0.0, 0.1, 0.2, 0.1, 0.2, 0.1, 0.0)
_KIND_VARIANCE = (0.0, 0.04, 0.09, 0.06, 0.12, 0.2, 0.64)
"""What is thought of each kind of day before a merchant has shown its own: of the logarithm of its factor. On the last
two kinds no factor is below 1: who is closed for a while, and opens within it, has no surge."""
MEMORY_D = 28.0
"""The level and the hours of the day remember about this many days."""
TICKETS = 500.0
"""The tickets' mean and deviation remember about this many."""
CUT = 2.0
"""Logarithms of tickets are cut off at so many deviations."""
CLIP = 2.5
"""A day teaches the level as if it were at most so many deviations off."""
WEEKDAY_PRIOR, HOUR_PRIOR, SPREAD_PRIOR = 11.0, 40.0, 1400.0
"""Weights of the peers' weekday (a deviation of 0.3), hours (in sales) and spread (about 14 days of 20 sales)."""
TICKET_DRIFT = 0.04
"""Variance of a day's typical ticket beyond chance, in squared deviations of a ticket."""
HOUR_SPREAD = 0.08
"""Variance of an hour's sales beyond that of its day."""
RISE, FALL = 1.6, 0.4
"""Factors of the level that the two tests of a lasting change weigh against none."""
MOST_RISE_A_DAY, MOST_FALL_A_DAY, MOST_SCORE = 2.5, 3.0, 30.0
"""Evidence one day can give, and all days together, natural logarithms of likelihood ratios."""
ALARM, ALARM_DAYS = 9.0, 10
"""A level whose evidence stood above the first for so many days becomes the usual one."""
SEEN_D = 7
"""Days seen before a day is judged."""
JUDGED_D = 14
"""Days seen before a lasting change or silence is judged."""
YOUNG_D, NEW_D, HEARD_D = 90, 30, 3
"""A new merchant's rise is not judged for the first; it is new for the second; it is new if it was heard of so many
days before it sold, or its master data took effect within the second."""
IDLE_TAUGHT_D = 7
"""A longer idle stretch teaches nothing more, nor more of how long it may be."""
PEAK, PEAK_DAYS = 2.6, 60.0
"""How much of a lawful high day is remembered at most, as a factor, and for about how many days."""
BAND = 1.6448536269514722
"""Deviations beyond which one day in twenty lies, on either side."""
_DECADE = 0.4342944819032518
_LOG_PEAK = float(np.log(PEAK))

BASE_D = 90
"""Days until what started anew on a merchant means something: `YOUNG_D`, below which one is held against new ones."""
RESTS_ON = ("volume",)
"""Families whose fields it reads: it is blind where these are."""
FIELDS = (
    ("level_log", np.float32),
    ("level_info", np.float32),
    ("spread", np.float32),
    ("week_log", np.float32, 7),
    ("kind_log", np.float32, DAY_KINDS),
    ("hour_shape", np.float32, 24),
    ("ticket_mean", np.float32),
    ("ticket_mu", np.float32),
    ("ticket_sd", np.float32),
    ("ticket_n", np.float32),
    ("tick_u", np.float32, 2),
    ("tick_uu", np.float32, 2),
    ("tick_n", np.int32, 2),
    ("tick_day", np.int32, 2),
    ("day_expected", np.float32),
    ("day_variance", np.float32),
    ("hour_share", np.float32),
    ("day_share", np.float32),
    ("hour_u", np.float32),
    ("hour_n", np.int32),
    ("hour_at", np.int32),
    ("expected_day", np.int32),
    ("rise_count", np.float32),
    ("rise_amount", np.float32),
    ("rise_before", np.float32),
    ("fall_count", np.float32),
    ("missed", np.float32),
    ("peak_log", np.float32),
    ("first_day", np.int32),
    ("opened_day", np.int32),
    ("sold_day", np.int32),
    ("seen_days", np.uint16),
    ("quiet_days", np.uint16),
    ("slept_days", np.uint16),
    ("rise_days", np.uint16),
    ("peer_mcc", np.uint16),
    ("kind_seen", np.uint8, DAY_KINDS),
    ("quiet_longest", np.uint8),
    ("alarm_days", np.uint8),
)

_SALE_TODAY = "no approved sale of the current day"
_CLOSING = "no end of a day"
_UNSEEN = "fewer than 7 days seen"

COLUMNS = (
    Column("expected_1d", "transactions", "the local day", "approved sales to be expected of all of it", "float",
           null=f"{_UNSEEN}; {_SALE_TODAY}, nor the end of a day", error="relative 1e-3"),
    Column("expected_minor_1d", "minor units", "the local day", "approved sales to be expected of all of it",
           null=f"{_UNSEEN}; {_SALE_TODAY}, nor the end of a day", error="relative 1e-3"),
    Column("expected_low_1d", "transactions", "the local day that ended", "approved sales, fewer on one day in twenty",
           "float", null=f"{_UNSEEN}; no end of a day", error="relative 1e-3"),
    Column("expected_high_1d", "transactions", "the local day that ended", "approved sales, more on one day in twenty",
           "float", null=f"{_UNSEEN}; no end of a day", error="relative 1e-3"),
    Column("day_share", "share", "the local day", "a usual day's sales made by the end of the current hour", "float",
           null=_SALE_TODAY, error="relative 1e-3"),
    Column("day_surprise", "decades", "the local day",
           "how unlikely so many sales at such tickets are on all of it, upwards", "float",
           null=f"{_UNSEEN}; {_SALE_TODAY}", error="absolute 0.01"),
    Column("expected_1h", "transactions", "the local hour", "approved sales to be expected of all of it", "float",
           null=f"{_UNSEEN}; {_SALE_TODAY}", error="relative 1e-3"),
    Column("hour_surprise", "decades", "the local hour", "how unlikely so many sales at such tickets are, upwards",
           "float", null=f"{_UNSEEN}; {_SALE_TODAY}", error="absolute 0.01"),
    Column("excess_minor", "minor units", "the sale, or the local day that ended",
           "of this sale, or of the day that ended, what lies above the day's expectation",
           null=f"{_UNSEEN}; {_SALE_TODAY}, nor the end of a day", error="relative 1e-3"),
    Column("peak_ratio", "ratio", "half-life 42 days", f"the highest ordinary day against its expectation, to {PEAK:g}",
           "float", null=f"{_SALE_TODAY}", error="relative 1e-3"),
    Column("ratio_90d", "ratio", "the local day against the mean day of the 13 weeks before",
           "sum or number of approved sales, the greater ratio", "float",
           null=f"fewer than 28 days before; {_SALE_TODAY}, nor the end of a day with transactions"),
    Column("ratio_week_13w", "ratio", "7 local days against the mean week of the 13 weeks before",
           "sum of approved sales", "float",
           null=f"fewer than 34 days before; {_SALE_TODAY}, nor the end of a day with transactions"),
    Column("dormancy_d", "days", "before the local day", "whole days without an approved sale; 400 for more",
           null=_SALE_TODAY),
    Column("new_d", "days", "since its first sale", "of a merchant that is known to be new",
           null=f"not known to be new, or for more than {NEW_D} days; {_SALE_TODAY}"),
    Column("peer_z", "deviations", "the local day",
           "the day's sum so far, great tickets cut off, against new shops of its trade", "float",
           null="`new_d` is null, or fewer than 5 sales", error="absolute 0.01"),
    Column("closed_sales", "transactions", "the local day that ended", "approved sales", null=_CLOSING),
    Column("closed_minor", "minor units", "the local day that ended", "approved sales", null=_CLOSING),
    Column("week_minor_1d", "minor units", "7 local days, to the one that ended", "approved sales, a day's mean",
           null=_CLOSING),
    Column("rise_score", "nats", "since the rise began", "evidence for a level 1.6 times the usual against the usual",
           "float", null=f"{_CLOSING}, or fewer than {JUDGED_D} days seen", error="absolute 0.05"),
    Column("rise_d", "days", "since the rise began", "days that ended",
           null=f"{_CLOSING}, or fewer than {JUDGED_D} seen"),
    Column("rise_before_minor", "minor units", "before the rise began", "approved sales to be expected of a day",
           null=f"{_CLOSING}, or there is no rise", error="relative 1e-3"),
    Column("fall_score", "nats", "since the fall began", "evidence for 0.4 times the usual level against the usual",
           "float", null=f"{_CLOSING}, or fewer than {JUDGED_D} days seen", error="absolute 0.05"),
    Column("idle_d", "days", "to the local day that ended", "whole days without an approved sale",
           null=f"{_CLOSING}, or nothing was ever sold"),
    Column("quiet_d", "days", "to the local day that ended", "the same, holidays left out",
           null=f"{_CLOSING}, or fewer than {JUDGED_D} seen"),
    Column("quiet_longest_d", "days", "history", f"the longest such stretch before, to {IDLE_TAUGHT_D}",
           null=f"{_CLOSING}, or fewer than {JUDGED_D} seen"),
    Column("missed_sales", "transactions", "the days of `quiet_d`", "approved sales to be expected of them", "float",
           null=f"{_CLOSING}, or fewer than {JUDGED_D} seen", error="relative 1e-3"),
)  # fmt: skip
CLOSES = (
    "closed_sales", "closed_minor", "week_minor_1d", "idle_d", "expected_1d", "expected_minor_1d", "expected_low_1d",
    "expected_high_1d", "excess_minor", "rise_score", "rise_d", "rise_before_minor", "fall_score", "quiet_d",
    "quiet_longest_d", "missed_sales", "ratio_90d", "ratio_week_13w",
)  # fmt: skip


@njit_inner
def _kind(reference: Any, day: int) -> int:
    at = day - FIRST_DAY
    return i64(reference.day_kind[at]) if 0 <= at < CALENDAR_DAYS else 0


@njit_inner
def _peer(row: Any, reference: Any) -> int:
    """The merchant's group, by the peers in force: another version's groups have other numbers."""
    return i64(reference.mcc_peer[row.peer_mcc])


@njit_inner
def _expectation(row: Any, reference: Any, day: int) -> float:
    """Approved sales to be expected of a local day."""
    weekday, kind = (day + 3) % 7, _kind(reference, day)
    log = (
        float(row.level_log) + float(row.week_log[weekday]) + float(reference.peer_week[_peer(row, reference), weekday])
    )
    of_kind = _KIND_MEAN[kind] + float(row.kind_log[kind])
    return float(np.exp(log + (max(of_kind, 0.0) if kind >= HOLIDAY else of_kind)))


@njit_inner
def _variance(row: Any, reference: Any, day: int, expected: float) -> float:
    """Variance of a day's number of sales beyond chance, relative to its square: spread, and what is not known yet."""
    spread, kind = float(row.spread), _kind(reference, day)
    info = expected / (1.0 + spread * expected)
    return (
        spread
        + 1.0 / max(float(row.level_info), 0.5)
        + 1.0 / (WEEKDAY_PRIOR + (i64(row.seen_days) // 7) * info)
        + _KIND_VARIANCE[kind] * max(1.0 / (1.0 + i64(row.kind_seen[kind])), 0.25)
    )


@njit_inner
def _evidence(n: float, expected: float, other: float, variance: float) -> float:
    """Log of how much likelier `n` sales are if `other` are expected than if `expected` are: negative binomial."""
    found = n * np.log(other / expected) if n > 0.0 else 0.0
    return float(found - (n + 1.0 / variance) * np.log((1.0 + variance * other) / (1.0 + variance * expected)))


@njit_inner
def _band(expected: float, variance: float, out: Any) -> None:
    """Write between which numbers nine days in ten lie: those of a lognormal of the same mean and variance."""
    spread = np.log(1.0 + 1.0 / expected + variance)
    middle, reach = expected * np.exp(-spread / 2.0), np.exp(BAND * np.sqrt(spread))
    out.expected_low_1d = middle / reach
    out.expected_high_1d = middle * reach


@njit_inner
def _ticket_evidence(row: Any, sum_u: float, n: float) -> float:
    """The same for tickets as great as these against the usual, where they are greater."""
    if n < 1.0 or sum_u <= 0.0 or row.ticket_sd == 0.0:
        return 0.0
    mean = sum_u / n
    return mean * mean / (2.0 * (1.0 / n + TICKET_DRIFT + 1.0 / (1.0 + float(row.ticket_n))))


@njit_inner
def _cut_log(row: Any, amount: int) -> float:
    """A ticket's logarithm in deviations from the usual, cut off; the bare logarithm before any is known."""
    log = float(np.log(max(amount, 1)))
    if row.ticket_sd == 0.0:
        return log
    return min(max((log - float(row.ticket_mu)) / float(row.ticket_sd), -CUT), CUT)


@njit_inner
def _day_sales(row: Any, day: int) -> tuple[int, int]:
    """Number and sum of a local day's approved sales, of the last 28 days; 0 of others."""
    if row.rolled_day - DAYS < day <= row.rolled_day:
        return i64(row.day_sales[day % DAYS]), row.day_minor[day % DAYS]
    return 0, 0


@njit_inner
def _tick(row: Any, sign: int, day: int, u: float) -> None:
    """Note a ticket of one of the last two days, or take it out."""
    k = day & 1
    if row.tick_day[k] < day and sign > 0:
        row.tick_day[k] = day
        row.tick_n[k] = 0
        row.tick_u[k] = 0.0
        row.tick_uu[k] = 0.0
    if row.tick_day[k] == day and row.tick_n[k] + sign >= 0:
        row.tick_n[k] += sign
        row.tick_u[k] += np.float32(sign * u)
        row.tick_uu[k] += np.float32(sign * u * u)


@njit_inner
def _begin_day(row: Any, reference: Any, day: int) -> None:
    """Work out what is to be expected of the day."""
    row.expected_day = day
    row.hour_at = 0
    if row.seen_days:
        expected = _expectation(row, reference, day)
        row.day_expected = expected
        row.day_variance = _variance(row, reference, day, expected)


@njit_inner
def _begin_hour(row: Any, reference: Any, at: int) -> None:
    """Work out what is to be expected of the hour, of the day `at // 24`."""
    row.hour_at = at
    row.hour_n = 0
    row.hour_u = 0.0
    peer, hour, total, before = _peer(row, reference), at % 24, HOUR_PRIOR, 0.0
    for k in range(24):
        total += float(row.hour_shape[k])
        if k <= hour:
            before += float(row.hour_shape[k]) + HOUR_PRIOR * float(reference.peer_hour[peer, k])
    row.hour_share = (float(row.hour_shape[hour]) + HOUR_PRIOR * float(reference.peer_hour[peer, hour])) / total
    row.day_share = before / total


@njit_inner
def _begin(row: Any, event: Event, master_data: Any) -> None:
    """Note the merchant's first approved sale, or its first after its row was reset."""
    row.first_day = event.now_day
    slept = row.sales > 1
    row.slept_days = 400 if slept else 0
    told = master_data.effective_ms > 0 and 0 <= event.time_ms - master_data.effective_ms <= NEW_D * DAY_MS
    if not slept and (told or event.now_ms // DAY_MS - row.first_received_day >= HEARD_D):
        row.opened_day = event.now_day


@njit_inner
def _history(row: Any, day: int, n: int, minor: int, week: int, out: Any) -> None:
    """The ratios of the trade's rules: the day, and the 7 days to it, against the 13 weeks before."""
    now = i64(row.rolled_day)
    covered = min(day - (now // 7 - WEEKS + 1) * 7, day - i64(row.first_day))
    if now < day or covered < 28:
        return
    after, after_minor = _day_sales(row, day + 1)
    total, total_minor = i64(row.total_13w) - after, row.total_13w_minor - after_minor
    before, before_minor = total - n, total_minor - minor
    ratio = -1.0
    if before > 0:
        ratio = n * covered / before
    if before_minor > 0:
        ratio = max(ratio, minor * covered / before_minor)
    if ratio >= 0.0:
        out.ratio_90d = ratio
    rest = total_minor - week
    if covered >= 34 and rest > 0:
        out.ratio_week_13w = (week / 7.0) / (rest / (covered - 6))


@njit_inner
def _judge_day(row: Any, n: int, minor: int, k: int, amount: int, out: Any) -> None:
    """How odd the day is so far, against all of it."""
    expected, variance = float(row.day_expected), float(row.day_variance)
    expected_minor = expected * float(row.ticket_mean)
    nats = _evidence(float(n), expected, float(n), variance) if n > 1.5 * expected else 0.0
    nats += _ticket_evidence(row, float(row.tick_u[k]), float(row.tick_n[k]))
    out.expected_1d = expected
    out.expected_minor_1d = i64(expected_minor + 0.5)
    out.day_surprise = nats * _DECADE
    out.excess_minor = max(0, min(amount, i64(minor - expected_minor)))
    hourly = expected * float(row.hour_share)
    nats = 0.0
    if row.hour_n >= 5:
        least = max(hourly, 0.2)
        if row.hour_n > 2.0 * least:
            spread = variance + HOUR_SPREAD + 1.0 / (1.0 + MEMORY_D * hourly)
            nats = _evidence(float(row.hour_n), least, float(row.hour_n), spread)
        nats += _ticket_evidence(row, float(row.hour_u), float(row.hour_n))
    out.expected_1h = hourly
    out.hour_surprise = nats * _DECADE


@njit_inner
def _judge_new(row: Any, reference: Any, day: int, k: int, out: Any) -> None:
    """How a new merchant's day compares with those of its peers."""
    age = day - i64(row.opened_day)
    if row.opened_day == 0 or age > NEW_D:
        return
    out.new_d = age
    n = float(row.tick_n[k])
    if n < 5.0:
        return
    mean, deviation = float(row.tick_u[k]) / n, 0.9
    if row.ticket_sd > 0.0:
        deviation = float(row.ticket_sd)
        mean = float(row.ticket_mu) + deviation * mean
    log = np.log(n) + mean + deviation * deviation / 2.0
    week = min(age // 7, RAMP_WEEKS - 1)
    peer = _peer(row, reference)
    out.peer_z = (log - float(reference.peer_new[peer, week])) / float(reference.peer_new_sd[peer])


@njit_inner
def _nothing(out: Any) -> None:
    out.expected_low_1d = out.expected_high_1d = np.nan
    out.expected_1d = out.day_share = out.day_surprise = out.expected_1h = out.hour_surprise = np.nan
    out.peak_ratio = out.ratio_90d = out.ratio_week_13w = out.peer_z = np.nan
    out.rise_score = out.fall_score = out.missed_sales = np.nan
    out.expected_minor_1d = out.excess_minor = out.dormancy_d = out.new_d = MISSING
    out.closed_sales = out.closed_minor = out.week_minor_1d = MISSING
    out.rise_d = out.rise_before_minor = out.idle_d = out.quiet_d = out.quiet_longest_d = MISSING


@njit_inner
def update(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count an approved sale of the day, and write how far the day is above what the season expects."""
    _nothing(out)
    if event.role != SALE or not event.approved:
        return
    mcc = i64(master_data.mccs[0]) if master_data.mcc_count > 0 else event.mcc
    row.peer_mcc = max(mcc, 0)
    if row.first_day == 0:
        _begin(row, event, master_data)
    elif event.now_day > row.sold_day:
        row.slept_days = min(event.now_day - i64(row.sold_day) - 1, 400)
    row.sold_day = max(i64(row.sold_day), event.now_day)
    if event.now_day != row.expected_day:
        _begin_day(row, reference, event.now_day)
    u = _cut_log(row, event.amount)
    _tick(row, 1, event.day, u)
    n, minor = _day_sales(row, event.day)
    if row.seen_days == 0 or n <= 2.0 * float(row.day_expected) + 10.0:
        row.hour_shape[event.local_hour] += np.float32(1.0)
    if event.day != event.now_day:
        return
    at = event.day * 24 + event.local_hour
    if at > row.hour_at:
        _begin_hour(row, reference, at)
    if at == row.hour_at:
        row.hour_n += 1
        row.hour_u += np.float32(u) if row.ticket_sd > 0.0 else np.float32(0.0)
    k = event.day & 1
    out.dormancy_d = i64(row.slept_days)
    out.day_share = float(row.day_share)
    out.peak_ratio = np.exp(float(row.peak_log))
    _history(row, event.day, n, minor, row.total_7d_minor, out)
    if row.seen_days >= SEEN_D:
        _judge_day(row, n, minor, k, event.amount, out)
    _judge_new(row, reference, event.day, k, out)


@njit_inner
def undo(row: Any, undone: Undone) -> None:
    """Subtract a sale of which nothing is left from its day's tickets."""
    if undone.role == SALE and undone.tickets:
        _tick(row, -1, undone.day, _cut_log(row, undone.ticket))


@njit_inner
def _learn_tickets(row: Any, day: int, n: int, minor: int) -> None:
    """Update the tickets' mean and deviation with the day's tickets."""
    k = day & 1
    count = float(row.tick_n[k])
    if row.tick_day[k] != day or count < 1.0 or n < 1:
        return
    mean, square = float(row.tick_u[k]) / count, float(row.tick_uu[k]) / count
    if row.ticket_sd == 0.0:
        variance = (max(square - mean * mean, 0.0) * count + 0.81 * 5.0) / (count + 5.0)
        row.ticket_mu = mean
        row.ticket_sd = max(np.sqrt(variance), 0.2)
        row.ticket_mean = minor / n
        row.ticket_n = min(count, TICKETS)
        other = 1 - k
        m, u, deviation = float(row.tick_n[other]), float(row.tick_u[other]), float(row.ticket_sd)
        row.tick_uu[other] = (float(row.tick_uu[other]) - 2.0 * mean * u + m * mean * mean) / (deviation * deviation)
        row.tick_u[other] = (u - m * mean) / deviation
        return
    share = count / (float(row.ticket_n) + count)
    step = share * mean
    if row.ticket_n >= 100.0:
        step = min(max(step, -0.1), 0.1)
    row.ticket_mu += np.float32(step * float(row.ticket_sd))
    wide = min(max(0.5 * share * ((square - mean * mean) / 0.92 - 1.0), -0.2), 0.2) if count >= 5.0 else 0.0
    row.ticket_sd = min(max(float(row.ticket_sd) * np.exp(wide), 0.1), 3.0)
    usual = float(row.ticket_mean)
    row.ticket_mean = usual + share * (min(max(minor / n, usual / 3.0), usual * 3.0) - usual)
    row.ticket_n = min(float(row.ticket_n) + count, TICKETS)


@njit_inner
def _learn(row: Any, kind: int, weekday: int, n: float, expected: float) -> None:
    """Update level, weekday and spread with the day's sales, or the factor of its kind of day."""
    spread = float(row.spread)
    info = expected / (1.0 + spread * expected)
    off = min(max(np.log((n + 0.5) / (expected + 0.5)), -1.5), 1.5)
    if kind and (n > 0.0 or kind < HOLIDAY):
        prior = 1.0 / _KIND_VARIANCE[kind] + i64(row.kind_seen[kind]) * info
        row.kind_log[kind] += np.float32(off * info / (prior + info))
        row.kind_seen[kind] = min(i64(row.kind_seen[kind]) + 1, 20)
    if kind > SALE_DAY:
        return
    variance = expected + spread * expected * expected
    z = min(max((n - expected) / np.sqrt(variance), -CLIP), CLIP)
    row.level_info = float(row.level_info) * (1.0 - 1.0 / MEMORY_D) + info
    row.level_log = min(max(float(row.level_log) + z * np.sqrt(info) / float(row.level_info), -5.0), 14.0)
    weeks = min(i64(row.seen_days) // 7, 12)
    if kind == 0 and max(row.rise_count, row.rise_amount, row.fall_count) < 5.0:
        off = min(max(off, -1.0), 1.0)
        moved = float(row.week_log[weekday]) + off * info / (WEEKDAY_PRIOR + (weeks + 1) * info)
        row.week_log[weekday] = min(max(moved, -4.0), 3.0)
    if kind == 0 and weeks >= 1 and expected >= 1.0:
        most = CLIP * CLIP * variance
        found = (min((n - expected) * (n - expected), most) - expected) / (expected * expected)
        weight = 1.0 / ((1.0 / expected + spread) * (1.0 / expected + spread))
        gain = weight / (SPREAD_PRIOR + weight * min(i64(row.seen_days), 60))
        row.spread = min(max(spread + gain * (found - spread), 0.02), 1.0)


@njit_inner
def _weigh(row: Any, kind: int, n: float, expected: float, variance: float, tick: float) -> None:
    """Weigh the day for a lasting rise and a lasting fall; special days say nothing of either."""
    if kind > SALE_DAY:
        return
    most = MOST_FALL_A_DAY
    fall = _evidence(n, expected, FALL * expected, variance)
    row.fall_count = min(max(float(row.fall_count) + min(max(fall, -most), most), 0.0), MOST_SCORE)
    if row.opened_day and row.sold_day - row.opened_day < YOUNG_D:
        return
    count = _evidence(n, expected, RISE * expected, variance)
    amount = -MOST_RISE_A_DAY
    if n >= 1.0:
        deviation = float(row.ticket_sd)
        spread = 1.0 / expected + variance + deviation * deviation * (1.0 / n + TICKET_DRIFT)
        step = np.log(RISE)
        amount = step * (np.log(n / expected) + deviation * tick - step / 2.0) / spread
    if row.rise_count == 0.0 and row.rise_amount == 0.0:
        row.rise_days = 0
        row.rise_before = np.exp(float(row.level_log)) * float(row.ticket_mean)
    most = MOST_RISE_A_DAY
    row.rise_count = min(max(float(row.rise_count) + min(max(count, -most), most), 0.0), MOST_SCORE)
    row.rise_amount = min(max(float(row.rise_amount) + min(max(amount, -most), most), 0.0), MOST_SCORE)
    row.rise_days = min(i64(row.rise_days) + 1, 60_000)


@njit_inner
def _accept(row: Any, reference: Any, day: int) -> None:
    """Make a level that has lasted `ALARM_DAYS` the usual one."""
    if max(row.rise_count, row.rise_amount, row.fall_count) < ALARM:
        row.alarm_days = 0
        return
    row.alarm_days = min(i64(row.alarm_days) + 1, 200)
    if row.alarm_days < ALARM_DAYS or row.quiet_days:
        return
    sales, usual = 0.5, 0.5
    for d in range(day - 6, day + 1):
        sales += _day_sales(row, d)[0]
        usual += _expectation(row, reference, d)
    row.level_log += np.float32(np.log(max(sales, 0.5) / usual))
    row.level_info = float(row.level_info) * 0.5
    row.alarm_days = 0
    row.rise_count = row.rise_amount = row.fall_count = np.float32(0.0)


@njit_inner
def _first(row: Any, reference: Any, day: int, n: int, minor: int) -> None:
    """Learn from the first day that ended."""
    weekday = (day + 3) % 7
    peer = _peer(row, reference)
    row.spread = reference.peer_spread[peer]
    row.level_log = np.log(max(n, 0.5)) - float(reference.peer_week[peer, weekday]) - _KIND_MEAN[_kind(reference, day)]
    row.level_info = 0.5 * max(n, 0.5) / (1.0 + float(row.spread) * max(n, 0.5))
    _learn_tickets(row, day, n, minor)
    row.seen_days = 1


@njit_inner
def _count_idle(row: Any, kind: int, n: int, expected: float) -> None:
    """Keep count of days without a sale; of holidays it means nothing."""
    if n > 0:
        if row.quiet_days:
            longest = min(i64(row.quiet_days), IDLE_TAUGHT_D)
            row.quiet_longest = max(i64(row.quiet_longest), longest)
            if row.quiet_days > IDLE_TAUGHT_D:
                row.level_info = float(row.level_info) * 0.3
                row.rise_count = row.rise_amount = row.fall_count = np.float32(0.0)
        row.quiet_days = 0
        row.missed = 0.0
    elif kind < HOLIDAY:
        row.quiet_days = min(i64(row.quiet_days) + 1, 60_000)
        row.missed += np.float32(expected)


@njit_inner
def close(row: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Compare the ended day with its expectation, then learn from it."""
    day = closing.day
    if row.first_day == 0 or day < row.first_day:
        return
    n, minor = _day_sales(row, day)
    n, minor = max(n, 0), max(minor, 0)
    week = 0
    for d in range(day - 6, day + 1):
        week += _day_sales(row, d)[1]
    out.closed_sales = n
    out.closed_minor = minor
    out.week_minor_1d = week // 7
    out.idle_d = day - i64(row.sold_day) if day > row.sold_day else i64(n == 0)
    row.expected_day = 0
    if row.seen_days == 0:
        _first(row, reference, day, n, minor)
        return
    kind, expected = _kind(reference, day), max(_expectation(row, reference, day), 0.02)
    variance = _variance(row, reference, day, expected)
    k = day & 1
    tick = float(row.tick_u[k]) / row.tick_n[k] if row.tick_day[k] == day and row.tick_n[k] > 0 else 0.0
    _count_idle(row, kind, n, expected)
    judged = row.seen_days >= JUDGED_D
    if judged:
        _weigh(row, kind, float(n), expected, variance, tick)
    if row.seen_days >= SEEN_D:
        out.expected_1d = expected
        _band(expected, variance, out)
        out.expected_minor_1d = i64(expected * float(row.ticket_mean) + 0.5)
        out.excess_minor = max(0, minor - i64(expected * float(row.ticket_mean) + 0.5))
    _history(row, day, n, minor, week, out)
    if judged:
        rise = max(float(row.rise_count), float(row.rise_amount))
        out.rise_score = rise
        out.rise_d = i64(row.rise_days) if rise > 0.0 else 0
        if rise > 0.0:
            out.rise_before_minor = i64(float(row.rise_before) + 0.5)
        out.fall_score = float(row.fall_count)
        out.quiet_d = i64(row.quiet_days)
        out.quiet_longest_d = i64(row.quiet_longest)
        out.missed_sales = float(row.missed)
    if row.quiet_days <= IDLE_TAUGHT_D:
        _teach(row, reference, day, kind, n, minor, expected, tick)


@njit_inner
def _teach(row: Any, reference: Any, day: int, kind: int, n: int, minor: int, expected: float, tick: float) -> None:
    """Learn from the day that ended."""
    _learn(row, kind, (day + 3) % 7, float(n), expected)
    row.peak_log = float(row.peak_log) * (1.0 - 1.0 / PEAK_DAYS)
    if kind <= SALE_DAY and n >= 1:
        high = np.log((n + 1.0) / (expected + 1.0)) + max(float(row.ticket_sd) * tick, 0.0)
        row.peak_log = max(float(row.peak_log), min(high, _LOG_PEAK))
    _learn_tickets(row, day, n, minor)
    for hour in range(24):
        row.hour_shape[hour] *= np.float32(1.0 - 1.0 / MEMORY_D)
    _accept(row, reference, day)
    row.seen_days = min(i64(row.seen_days) + 1, 60_000)

"""What a merchant usually sells on a day and in an hour of it, learned from itself, and how odd a day is against that.

A day's number of sales is expected as the product of level, weekday and kind of day, with a variance beyond chance;
its tickets by their logarithms, cut off at twice their deviation, so that a few great ones (a wedding) weigh little.
Both are taught at the end of each local day, and an odd day teaches little. `docs/volume.md` has the formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import DAY_MS
from engine.features import day_model
from engine.features.day_model import SEEN_D as JUDGED_D
from engine.features.event import (
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

HOURS_D = 28.0
"""The hours of the day remember about this many days."""
TICKETS = 500.0
"""The tickets' mean and deviation remember about this many."""
CUT = 2.0
"""Logarithms of tickets are cut off at so many deviations."""
HOUR_PRIOR = 40.0
"""Weight of the peers' hours, in sales."""
TICKET_DRIFT = 0.04
"""Variance of a day's typical ticket beyond chance, in squared deviations of a ticket."""
TICKET_SLACK = 0.5
"""Deviations of a day's typical ticket that mean nothing: a few great tickets, as of a wedding, are no rise."""
HOUR_SPREAD = 0.08
"""Variance of an hour's sales beyond that of its day."""
RISEN = 0.15
"""Least deviation of a week's mean logarithm that is a rise going on."""
SEEN_D = 7
"""Days seen before something is expected of a day."""
YOUNG_D, NEW_D, HEARD_D = 90, 30, 3
"""A new merchant's lasting rise is not judged for the first; it is new for the second; it is known to be if it was
heard of so many days before it sold, or its master data took effect within the second."""
BAND = 1.6448536269514722
"""Deviations beyond which one day in twenty lies, on either side."""
_DECADE = 0.4342944819032518

BASE_D = 45
"""Days until what started anew on a merchant means something: the open days below which no decline is judged."""
RESTS_ON = ("volume",)
"""Families whose fields it reads: it is blind where these are."""
FIELDS = (
    *day_model.FIELDS,
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
    ("day_high", np.float32),
    ("hour_share", np.float32),
    ("hour_most", np.float32),
    ("day_share", np.float32),
    ("hour_u", np.float32),
    ("hour_n", np.int32),
    ("hour_at", np.int32),
    ("expected_day", np.int32),
    ("rise_before", np.float32),
    ("missed", np.float32),
    ("first_day", np.int32),
    ("opened_day", np.int32),
    ("sold_day", np.int32),
    ("seen_days", np.uint16),
    ("slept_days", np.uint16),
    ("rise_days", np.uint16),
    ("peer_mcc", np.uint16),
    ("day_special", np.uint8),
)

_SALE_TODAY = "no approved sale of the current day"
_CLOSING = "no end of a day"
_UNSEEN = "fewer than 7 days seen"
_UNJUDGED = f"{_CLOSING}, or fewer than {JUDGED_D} days seen"

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
           "how rare so many sales at such tickets are on all of a lawful day", "float",
           null=f"{_UNSEEN}; {_SALE_TODAY}", error="absolute 0.01"),
    Column("expected_1h", "transactions", "the local hour", "approved sales to be expected of all of it", "float",
           null=f"{_UNSEEN}; {_SALE_TODAY}", error="relative 1e-3"),
    Column("hour_surprise", "decades", "the local hour", "how unlikely so many sales at such tickets are, upwards",
           "float", null=f"{_UNSEEN}; {_SALE_TODAY}", error="absolute 0.01"),
    Column("excess_minor", "minor units", "the sale, or the local day that ended",
           "of this sale, or of the day that ended, what lies above the day's expectation",
           null=f"{_UNSEEN}; {_SALE_TODAY}, nor the end of a day", error="relative 1e-3"),
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
    Column("rise_score", "decades", "the local day that ended, with up to two weeks before it",
           "how rare so much is on lawful days: the day, three days, one or two weeks, or the day after a long closure",
           "float", null=_UNJUDGED, error="absolute 0.05"),
    Column("rise_form", "code", "the same", "which of them is the rarest, from 1 in that order; 0 for none",
           null=_UNJUDGED),
    Column("closed_surprise", "decades", "the local day that ended", "the same of the day alone", "float",
           null=_UNJUDGED, error="absolute 0.05"),
    Column("rise_d", "days", "since the rise began", "days that ended while the week's mean lay above the level",
           null=_UNJUDGED),
    Column("rise_before_minor", "minor units", "before the rise began", "approved sales to be expected of a day",
           null=f"{_UNJUDGED}, or there is no rise", error="relative 1e-3"),
    Column("fall_score", "decades", "the local day that ended, with up to two weeks before it",
           "how rare so little is on lawful days: three days, or one or two weeks, the rarer; a low day alone may be a "
           "hole in the data", "float", null=_UNJUDGED, error="absolute 0.05"),
    Column("silence_score", "decades", "the days of `quiet_d`", "how rare such a run of days is for a lawful shop",
           "float", null=_UNJUDGED, error="absolute 0.05"),
    Column("decline_score", "decades", "two weeks against about three months",
           "how rare so low a level is on lawful days", "float", null=_UNJUDGED, error="absolute 0.05"),
    Column("decline_ratio", "ratio", "two weeks against about three months", "level of approved sales on open days",
           "float", null=_UNJUDGED, error="relative 1e-2"),
    Column("volume_score", "decades", "the local day that ended",
           "the greatest of the four scores, and of how rare so low a day is", "float", null=_UNJUDGED,
           error="absolute 0.05"),
    Column("idle_d", "days", "to the local day that ended", "whole days without an approved sale",
           null=f"{_CLOSING}, or nothing was ever sold"),
    Column("quiet_d", "days", "to the local day that ended", "the same, holidays and the turn of the year left out",
           null=f"{_CLOSING}, or fewer than {JUDGED_D} seen"),
    Column("quiet_longest_d", "days", "history", "the longest such stretch before, to 60",
           null=f"{_CLOSING}, or fewer than {JUDGED_D} seen"),
    Column("missed_sales", "transactions", "the days of `quiet_d`", "approved sales to be expected of them", "float",
           null=f"{_CLOSING}, or fewer than {JUDGED_D} seen", error="relative 1e-3"),
)  # fmt: skip
CLOSES = (
    "closed_sales", "closed_minor", "week_minor_1d", "idle_d", "expected_1d", "expected_minor_1d", "expected_low_1d",
    "expected_high_1d", "excess_minor", "rise_score", "rise_form", "closed_surprise", "rise_d", "rise_before_minor",
    "fall_score", "silence_score", "decline_score", "decline_ratio", "volume_score", "quiet_d", "quiet_longest_d",
    "missed_sales", "ratio_90d", "ratio_week_13w",
)  # fmt: skip
NEVER_SALES = (
    "closed_sales", "closed_minor", "week_minor_1d", "idle_d", "expected_low_1d", "expected_high_1d", "rise_score",
    "rise_form", "closed_surprise", "rise_d", "rise_before_minor", "fall_score", "silence_score", "decline_score",
    "decline_ratio", "volume_score", "quiet_d", "quiet_longest_d", "missed_sales",
)  # fmt: skip


@njit_inner
def _peer(row: Any, reference: Any) -> int:
    """The merchant's group, by the peers in force: another version's groups have other numbers."""
    return i64(reference.mcc_peer[row.peer_mcc])


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
def _ticket_deviations(row: Any, sum_u: float, n: float) -> float:
    """How far such tickets lie above the usual, in deviations of their mean."""
    if n < 1.0 or sum_u <= 0.0 or row.ticket_sd == 0.0:
        return 0.0
    deviations = sum_u / n / np.sqrt(1.0 / n + TICKET_DRIFT + 1.0 / (1.0 + float(row.ticket_n)))
    return float(max(deviations - TICKET_SLACK, 0.0))


@njit_inner
def _cut_log(row: Any, log: float) -> float:
    """A ticket's logarithm in deviations from the usual, cut off; the bare logarithm before any is known."""
    if row.ticket_sd == 0.0:
        return log
    return min(max((log - float(row.ticket_mu)) / float(row.ticket_sd), -CUT), CUT)


@njit_inner
def _day_sales(row: Any, day: int) -> tuple[int, int]:
    """Number and sum of a local day's approved sales, of the last 28 days; 0 of others."""
    if i64(row.rolled_day) - DAYS < day <= i64(row.rolled_day):
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
        usual, high, _, variance = day_model.expect(row, reference, _peer(row, reference), day)
        row.day_expected = np.exp(usual)
        row.day_high = high
        row.day_variance = variance
        row.day_special = np.uint8(day_model.kind_of(reference, day) > day_model.SALE_DAY)


@njit_inner
def _begin_hour(row: Any, reference: Any, at: int) -> None:
    """Work out what is to be expected of the hour, of the day `at // 24`."""
    row.hour_at = at
    row.hour_n = 0
    row.hour_u = 0.0
    peer, hour, total, before, most = _peer(row, reference), at % 24, HOUR_PRIOR, 0.0, 0.0
    for k in range(24):
        total += float(row.hour_shape[k])
        here = float(row.hour_shape[k]) + HOUR_PRIOR * float(reference.peer_hour[peer, k])
        most = max(most, here)
        if k <= hour:
            before += here
    row.hour_share = (float(row.hour_shape[hour]) + HOUR_PRIOR * float(reference.peer_hour[peer, hour])) / total
    row.hour_most = most / total
    row.day_share = before / total


@njit_inner
def _begin(row: Any, event: Event, master_data: Any) -> None:
    """Note the merchant's first approved sale, or its first after its row was reset."""
    row.first_day = event.now_day
    slept = row.sales > 1
    row.slept_days = 400 if slept else 0
    told = master_data.effective_ms > 0 and 0 <= event.time_ms - master_data.effective_ms <= NEW_D * DAY_MS
    if not slept and (told or event.now_ms // DAY_MS - i64(row.first_received_day) >= HEARD_D):
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
    out.expected_1d = expected
    out.expected_minor_1d = i64(expected_minor + 0.5)
    out.excess_minor = max(0, min(amount, i64(minor - expected_minor)))
    of_tickets = _ticket_deviations(row, float(row.tick_u[k]), float(row.tick_n[k]))
    out.day_surprise = 0.0
    if of_tickets > 0.0 or n > expected:
        special = row.day_special != 0
        z = day_model.with_tickets(day_model.deviations(float(n), float(row.day_high), variance), of_tickets)
        out.day_surprise = day_model.rarity(day_model.DAY_UP, z, special)
        if row.slept_days >= day_model.WAKE_D and n > day_model.WAKE_RATIO * expected:
            out.day_surprise = max(out.day_surprise, day_model.rarity(day_model.WAKE_UP, z, special))
    _judge_hour(row, expected, variance, out)


@njit_inner
def _judge_hour(row: Any, expected: float, variance: float, out: Any) -> None:
    """How odd the hour is so far, against the busiest hour of such a day: opening hours may move."""
    out.expected_1h = expected * float(row.hour_share)
    nats = 0.0
    if row.hour_n >= 5:
        most = max(np.exp(float(row.day_high)) * float(row.hour_most), 0.2)
        if row.hour_n > 2.0 * most:
            spread = variance + HOUR_SPREAD + 1.0 / (1.0 + HOURS_D * most)
            nats = _evidence(float(row.hour_n), most, float(row.hour_n), spread)
        of_tickets = _ticket_deviations(row, float(row.hour_u), float(row.hour_n))
        nats += 0.5 * of_tickets * of_tickets
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
    out.expected_1d = out.day_share = out.day_surprise = out.expected_1h = out.hour_surprise = np.nan
    out.ratio_90d = out.ratio_week_13w = out.peer_z = np.nan
    out.expected_minor_1d = out.excess_minor = out.dormancy_d = out.new_d = MISSING


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
    u = _cut_log(row, event.log_amount)
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
    _history(row, event.day, n, minor, row.total_7d_minor, out)
    if row.seen_days >= SEEN_D:
        _judge_day(row, n, minor, k, event.amount, out)
    _judge_new(row, reference, event.day, k, out)


@njit_inner
def undo(row: Any, undone: Undone) -> None:
    """Subtract a sale of which nothing is left from its day's tickets."""
    if undone.role == SALE and undone.tickets:
        _tick(row, -1, undone.day, _cut_log(row, float(np.log(max(undone.ticket, 1)))))


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
def _note_rise(row: Any, minor_expected: float) -> None:
    """Keep count of the days of a rise, and what was expected of a day before it."""
    if row.off_7d <= RISEN:
        row.rise_days = 0
        row.rise_before = minor_expected
    else:
        row.rise_days = min(i64(row.rise_days) + 1, 60_000)


@njit_inner
def _write_scores(row: Any, found: tuple[float, ...], special: bool, out: Any) -> None:
    """Write how rare each view of the day is, and which is the rarest of a kind."""
    rise, form, alone = 0.0, 0, 0.0
    age = i64(row.sold_day) - i64(row.opened_day) if row.opened_day else YOUNG_D
    for view in range(4):
        if age < NEW_D or (age < YOUNG_D and view == day_model.LASTING_UP):
            continue
        score = day_model.rarity(view, found[view], special)
        if score > rise:
            rise, form = score, view + 1
        if view in (day_model.DAY_UP, day_model.WAKE_UP):
            alone = max(alone, score)
    fall = 0.0
    for view in range(day_model.THREE_DOWN, day_model.SILENCE):
        fall = max(fall, day_model.rarity(view, found[view], special))
    silence = day_model.rarity(day_model.SILENCE, found[day_model.SILENCE], special)
    decline = day_model.rarity(day_model.DECLINE, found[day_model.DECLINE], special)
    out.rise_score, out.rise_form, out.closed_surprise = rise, form, alone
    out.fall_score, out.silence_score = fall, silence
    out.decline_score = decline
    out.decline_ratio = np.exp(float(row.fast_log) - float(row.slow_log))
    low_day = day_model.rarity(day_model.DAY_DOWN, found[day_model.DAY_DOWN], special)
    out.volume_score = max(rise, fall, silence, decline, low_day)
    out.rise_d = i64(row.rise_days)
    if row.rise_days:
        out.rise_before_minor = i64(float(row.rise_before) + 0.5)
    out.quiet_d = i64(row.quiet_days)
    out.quiet_longest_d = i64(row.quiet_longest)
    out.missed_sales = float(row.missed)


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
    peer = _peer(row, reference)
    if row.seen_days == 0:
        day_model.first(row, reference, peer, day, float(n))
        _learn_tickets(row, day, n, minor)
        row.seen_days = 1
        return
    day_model.adopt(row)
    logs = day_model.expect(row, reference, peer, day)
    expected, variance = max(np.exp(logs[0]), 0.02), logs[3]
    if n == 0:
        expected = max(expected * day_model.chance_open(row, day), 0.02)
    if row.seen_days >= SEEN_D:
        out.expected_1d = expected
        _band(expected, variance, out)
        out.expected_minor_1d = i64(expected * float(row.ticket_mean) + 0.5)
        out.excess_minor = max(0, minor - i64(expected * float(row.ticket_mean) + 0.5))
    _history(row, day, n, minor, week, out)
    _judge_closed(row, reference, peer, day, n, expected, logs, out)
    if n > 0:
        _learn_tickets(row, day, n, minor)
    if row.quiet_days <= day_model.IDLE_TAUGHT_D:
        for hour in range(24):
            row.hour_shape[hour] *= np.float32(1.0 - 1.0 / HOURS_D)
    row.seen_days = min(i64(row.seen_days) + 1, 60_000)


@njit_inner
def _judge_closed(
    row: Any, reference: Any, peer: int, day: int, n: int, expected: float, logs: tuple[float, float, float, float],
    out: Any,
) -> None:  # fmt: skip
    """Judge the day that ended and let the model of days learn from it."""
    k, tick, of_tickets = day & 1, 0.0, 0.0
    if row.tick_day[k] == day and row.tick_n[k] > 0 and row.ticket_sd > 0.0:
        count, deviation = float(row.tick_n[k]), float(row.ticket_sd)
        tick = max(0.0, deviation * (float(row.tick_u[k]) / count - np.sqrt(1.0 / count + TICKET_DRIFT)))
        of_tickets = _ticket_deviations(row, float(row.tick_u[k]), count)
    judged = row.seen_days >= day_model.SEEN_D
    before = row.quiet_days
    found = day_model.judge(row, reference, peer, day, float(n), tick, of_tickets, logs)
    if row.quiet_days > before:
        row.missed += np.float32(expected)
    elif n > 0:
        row.missed = np.float32(0.0)
    _note_rise(row, expected * float(row.ticket_mean))
    if judged:
        _write_scores(row, found, day_model.kind_of(reference, day) > day_model.SALE_DAY, out)

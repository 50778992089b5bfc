"""What the trade behind an MCC looks like from its sales: tickets, hours, weekends, cards, round amounts.

A merchant's sales are counted in `COUNTS`; `statistic` reads one figure from them, and a `Profile` says where that
figure lies for the merchants of an MCC and how far they differ among themselves. The same functions run in Python,
where profiles are built, and compiled, where merchants are held against them. `docs/profiles.md` has the formulas.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from domain.alerts import Text

TICKET_BINS = 18
"""Octaves of the amount: from below 1.28 to 83,886.08 and above, in a currency of hundredths."""
TICKET_FLOOR = 6
"""The first octave begins at 2^6 minor units."""
HOUR_ENDS = (6, 11, 14, 17, 20, 22, 24)
"""Local hours at which the blocks of the day end: night, morning, lunch, afternoon, dinner, evening, late."""
BLOCKS = len(HOUR_ENDS)
ROUND_MINOR = 10_000
"""A round amount is a multiple of 100.00."""
MAX_PROFILES = 64
"""Most profiles of an artefact."""
FORMAT = 2
"""Of the artefact; format 1 is read too, which says nothing of cards that return."""
FOLLOWED, RETURN_D = 16, 7
"""Cards of a merchant that are followed at a time, and for how many days after the day on which each first came."""

COUNTS = (
    ("trade_ticket", np.uint16, TICKET_BINS),
    ("trade_hour", np.uint16, BLOCKS),
    ("trade_weekend", np.uint16),
    ("trade_known", np.uint16),
    ("trade_credit", np.uint16),
    ("trade_round", np.uint16),
    ("trade_cards", np.uint16),
    ("trade_returned", np.uint16),
    ("trade_sales", np.uint16),
)
"""Counts of approved sales: by octave of the amount, by block of the local day, on Saturdays and Sundays, with a known
card kind, on (semi-)credit cards, round ones, all. `trade_cards` are cards whose days of being followed are over, and
`trade_returned` those of them that came on a later one of these days."""
CARDS = (
    ("trade_card", np.uint32, FOLLOWED),
    ("trade_card_day", np.uint16, FOLLOWED),
    ("trade_again", np.uint16),
)
"""The cards followed: the low half of a card's hash, 0 for none; its first local day; a bit of each that came again."""

TICKET, SPREAD, HOURS_FROM = 0, 1, 2
WEEKEND, CREDIT, ROUND, RETURN = (HOURS_FROM + BLOCKS + k for k in range(4))
STATISTICS = HOURS_FROM + BLOCKS + 4
NAMES = (
    Text("median ticket", "客单价中位数"), Text("spread of tickets", "客单价离散度"),
    Text("share of 00-06 h", "0-6时占比"), Text("share of 06-11 h", "6-11时占比"),
    Text("share of 11-14 h", "11-14时占比"), Text("share of 14-17 h", "14-17时占比"),
    Text("share of 17-20 h", "17-20时占比"), Text("share of 20-22 h", "20-22时占比"),
    Text("share of 22-24 h", "22-24时占比"), Text("share of weekends", "周末占比"),
    Text("share of credit cards", "贷记卡占比"), Text("share of round amounts", "整额占比"),
    Text("share of cards that return within a week", "一周内回头卡占比"),
)  # fmt: skip
"""What each statistic is called. The first two are binary logarithms of minor units, shares are square roots."""
LEAST_KNOWN = 30
"""Fewest sales of known card kind for a share of credit cards, and fewest cards for one of those that return."""
_ANY = 99.0
"""A deviation so wide that nothing follows from a figure."""
_DEGREES = 5.0
_TICKET_ERROR, _SPREAD_ERROR, _SHARE_ERROR = 0.93, 1.17, 0.5


def octave(amount: int) -> int:
    """The bin of `COUNTS.trade_ticket` that an amount (minor units, 0 or above) falls in.

    >>> [octave(each) for each in (0, 127, 128, 10_000, 10**12)]
    [0, 0, 1, 7, 17]
    """
    return max(0, min(TICKET_BINS - 1, math.frexp(float(amount))[1] - 1 - TICKET_FLOOR))


def block(hour: int) -> int:
    """The block of the day of a local hour, 0 to 23.

    >>> [block(each) for each in (0, 5, 6, 13, 23)]
    [0, 0, 1, 2, 6]
    """
    found = 0
    for end in HOUR_ENDS:
        if hour >= end:
            found += 1
    return found


def share(counts: Any, k: int) -> float:
    """The root of a share, statistic `k` from `HOURS_FROM` on, of a record of `COUNTS`; NaN where unknown."""
    part, n = 0.0, float(counts.trade_sales)
    if k < WEEKEND:
        part = float(counts.trade_hour[k - HOURS_FROM])
    elif k == WEEKEND:
        part = float(counts.trade_weekend)
    elif k == ROUND:
        part = float(counts.trade_round)
    elif k == RETURN:
        part, n = float(counts.trade_returned), float(counts.trade_cards)
        if n < LEAST_KNOWN:
            return math.nan
    else:
        part, n = float(counts.trade_credit), float(counts.trade_known)
        if n < LEAST_KNOWN:
            return math.nan
    return math.sqrt(part / n) if n > 0 else math.nan


def follow(counts: Any, card: int, day: int) -> None:
    """Follow the cards of a merchant: whether each comes again on a later day.

    Args:
        counts: a record of `COUNTS` and `CARDS`.
        card: of a sale, above 0 and below 2**32.
        day: the sale's local day; an earlier one than that of another sale changes little.
    """
    free, known = -1, False
    for k in range(FOLLOWED):
        if counts.trade_card[k] != 0 and float(day) - float(counts.trade_card_day[k]) > RETURN_D:
            counts.trade_cards += 1
            counts.trade_returned += counts.trade_again >> k & 1
            counts.trade_card[k] = 0
        if counts.trade_card[k] == card:
            known = True
            if float(day) > float(counts.trade_card_day[k]):
                counts.trade_again |= 1 << k
        elif free < 0 and counts.trade_card[k] == 0:
            free = k
    if not known and free >= 0:
        counts.trade_card[free] = card
        counts.trade_card_day[free] = day
        counts.trade_again &= 65_535 ^ (1 << free)


def quantile(counts: Any, q: float) -> float:
    """The binary logarithm of a quantile of the tickets, interpolated in its octave; NaN without any."""
    n, below = q * float(counts.trade_sales), 0.0
    for b in range(TICKET_BINS):
        here = float(counts.trade_ticket[b])
        if here > 0 and below + here > n:
            return TICKET_FLOOR + b + (n - below) / here
        below += here
    return math.nan


def statistic(counts: Any, k: int) -> float:
    """Statistic `k` of a record of `COUNTS`; NaN where too little is known. A spread is that of the quartiles."""
    if k >= HOURS_FROM:
        return share(counts, k)
    return quantile(counts, 0.5) if k == TICKET else quantile(counts, 0.75) - quantile(counts, 0.25)


def sampling_variance(counts: Any, k: int, spread: float) -> float:
    """Variance of statistic `k` by chance alone; `spread` is the merchant's own, in octaves."""
    n = float(counts.trade_sales)
    if k == CREDIT:
        n = float(counts.trade_known)
    elif k == RETURN:
        n = float(counts.trade_cards)
    if k >= HOURS_FROM:
        return _SHARE_ERROR * _SHARE_ERROR / n
    error = (_TICKET_ERROR if k == TICKET else _SPREAD_ERROR) * max(spread, 0.25)
    return error * error / n


def log_likelihood(value: float, mean: float, deviation: float, variance: float) -> float:
    """Logarithm (natural, less a constant) of how likely a statistic is under a profile: Student's t, 5 degrees.

    Its tails are heavy, so that one odd figure of an honest merchant does not decide.

    Args:
        value: the merchant's.
        mean: the profile's.
        deviation: between merchants, above 0.
        variance: of the merchant's figure by chance.
    """
    scale2 = deviation * deviation + variance
    z2 = (value - mean) * (value - mean) / scale2
    return -0.5 * (_DEGREES + 1.0) * math.log1p(z2 / _DEGREES) - 0.5 * math.log(scale2)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The merchants of one MCC.

    Attributes:
        mcc: four digits.
        merchants: how many it was built from.
        sales: how many sales they had.
        mean: of each statistic, in the order of `NAMES`.
        deviation: of each between merchants, above 0.
    """

    mcc: str
    merchants: int
    sales: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class Profiles(msgspec.Struct, frozen=True, kw_only=True):
    """An artefact: at most one profile for each MCC, by MCC.

    Attributes:
        format: `FORMAT`.
        source: what it was built from, in words.
        from_ms: first sale, UTC milliseconds.
        to_ms: last sale.
    """

    format: int
    source: str
    from_ms: int
    to_ms: int
    profiles: tuple[Profile, ...]

    @staticmethod
    def decoded(raw: bytes) -> Profiles:
        """The artefact in `raw`, checked.

        Raises:
            ValueError: it is none, or not of this format.
        """
        try:
            found = msgspec.json.decode(raw, type=Profiles)
        except msgspec.DecodeError as error:
            raise ValueError(f"profiles must be an artefact of `tillwatch profiles build`: {error}") from error
        if found.format == 1:
            found = msgspec.structs.replace(found, format=FORMAT, profiles=tuple(map(_widened, found.profiles)))
        if found.format != FORMAT:
            raise ValueError(f"profiles must be of format {FORMAT} or 1, got {found.format}")
        mccs = [each.mcc for each in found.profiles]
        if len(mccs) > MAX_PROFILES or mccs != sorted(set(mccs)):
            raise ValueError(f"profiles must be at most {MAX_PROFILES}, ascending by MCC, got {', '.join(mccs)}")
        for each in found.profiles:
            _check(each)
        return found

    def encoded(self) -> bytes:
        """The artefact as JSON; the same artefact always gives the same bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def _widened(profile: Profile) -> Profile:
    """A profile of format 1: any share of cards that return is as likely under it."""
    return msgspec.structs.replace(profile, mean=(*profile.mean, 0.0), deviation=(*profile.deviation, _ANY))


def _check(profile: Profile) -> None:
    if not (len(profile.mcc) == 4 and profile.mcc.isascii() and profile.mcc.isdigit()):
        raise ValueError(f"mcc of a profile must be four digits, got {profile.mcc!r}")
    if not len(profile.mean) == len(profile.deviation) == STATISTICS:
        raise ValueError(f"profile {profile.mcc} must have {STATISTICS} statistics, got {len(profile.mean)}")
    if not all(math.isfinite(each) for each in profile.mean) or not all(0 < each < 100 for each in profile.deviation):
        raise ValueError(f"profile {profile.mcc} must have finite means and deviations above 0")

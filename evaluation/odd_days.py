"""Figures of scores of merchant-days: how well they rank odd days, and what is found at a number of alerts. Pure.

An *alert* here is as analysts count them: it begins with a merchant's first day at or above a threshold after 14 days
below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.anomaly.stability import stability_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

QUIET_D = 14
"""Days below the threshold after which an alert is a new one: the quiet gap of the detector."""
UNIT_DAYS = 1_000
"""Merchant-days that alerts are given per."""


class ScoredDays(NamedTuple):
    """Merchant-days that have a score, by merchant and then by day.

    Attributes:
        merchant: (n,) a number for each merchant, ascending.
        day: (n,) days since 1970-01-01, ascending within a merchant.
        score: (n,) the greater the odder.
    """

    merchant: NDArray[np.int64]
    day: NDArray[np.int64]
    score: NDArray[np.float64]


class Story(NamedTuple):
    """Something odd that went on for some days at one merchant.

    Attributes:
        category: what it is counted under.
        merchant: number of the merchant.
        from_day: its first day, days since 1970-01-01.
        to_day: its last day.
    """

    category: str
    merchant: int
    from_day: int
    to_day: int


def in_order(merchant: NDArray[np.int64], day: NDArray[np.int64], score: NDArray[np.float64]) -> ScoredDays:
    """Rows in any order as `ScoredDays`; those without a score are left out."""
    known = np.flatnonzero(~np.isnan(score))
    order = known[np.lexsort((day[known], merchant[known]))]
    return ScoredDays(merchant[order], day[order], score[order])


def rows_of(scored: ScoredDays, story: Story, grace_d: int = 0) -> slice:
    """The rows of a story and of some days after it."""
    first, last = (np.searchsorted(scored.merchant, story.merchant, side) for side in ("left", "right"))
    days = scored.day[first:last]
    begin = first + np.searchsorted(days, story.from_day, "left")
    end = first + np.searchsorted(days, story.to_day + grace_d, "right")
    return slice(int(begin), int(end))


def odd_rows(scored: ScoredDays, stories: Sequence[Story]) -> NDArray[np.bool_]:
    """Which rows lie in a story."""
    odd = np.zeros(len(scored.score), np.bool_)
    for each in stories:
        odd[rows_of(scored, each)] = True
    return odd


def average_precision(score: NDArray[np.float64], odd: NDArray[np.bool_]) -> float:
    """The mean of the precision at each odd row, rows ranked by score, ties together; NaN where none is odd.

    >>> average_precision(np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False]))
    0.8333333333333333
    """
    if not odd.any():
        return float("nan")
    values, which = np.unique(-score, return_inverse=True)
    hits = np.bincount(which, odd, len(values))
    precision = np.cumsum(hits) / np.cumsum(np.bincount(which, minlength=len(values)))
    return float((hits * precision).sum() / hits.sum())


def begun(scored: ScoredDays, threshold: float) -> NDArray[np.int64]:
    """The rows with which an alert begins."""
    over = np.flatnonzero(scored.score >= threshold)
    if not len(over):
        return over
    merchant, day = scored.merchant[over], scored.day[over]
    first = np.ones(len(over), np.bool_)
    first[1:] = (merchant[1:] != merchant[:-1]) | (day[1:] - day[:-1] > QUIET_D)
    return over[first]


def threshold_at(scored: ScoredDays, per_1000: float) -> float:
    """The least score from which at most `per_1000` alerts begin in 1,000 merchant-days; infinite where none is."""
    most = per_1000 * len(scored.score) / UNIT_DAYS
    values = np.unique(scored.score)
    low, high = 0, len(values)  # values[high:] give no more than may be
    while low < high:
        middle = (low + high) // 2
        if len(begun(scored, values[middle])) <= most:
            high = middle
        else:
            low = middle + 1
    return float(values[low]) if low < len(values) else float("inf")


def found(scored: ScoredDays, stories: Sequence[Story], threshold: float, grace_d: int = 0) -> list[Story]:
    """The stories of which a day, or one of `grace_d` days after it, is at or above a threshold."""
    return [each for each in stories if (scored.score[rows_of(scored, each, grace_d)] >= threshold).any()]


def seen(scored: ScoredDays, stories: Sequence[Story]) -> list[Story]:
    """The stories of which any day has a score."""
    return [each for each in stories if len(scored.score[rows_of(scored, each)])]


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rank correlation, ties with their mean rank; NaN where all of one are alike.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    x, y = _ranks(a), _ranks(b)
    spread = float(x.std() * y.std())
    return round(float(((x - x.mean()) * (y - y.mean())).mean()) / spread, 12) if spread else float("nan")


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[which]
    return ranks


def moved(expected: NDArray[np.float64], came: NDArray[np.float64]) -> float:
    """The population stability index of a sample against another, by the deciles of that; 0 where they agree.

    >>> moved(np.arange(100.0), np.arange(100.0))
    0.0
    """
    limits = np.unique(np.quantile(expected, np.arange(1, 10) / 10))
    shares = [
        np.bincount(np.searchsorted(limits, each, "right"), minlength=len(limits) + 1) / len(each)
        for each in (expected, came)
    ]
    return stability_index(*shares)

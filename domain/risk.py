"""The policy of the risk score: what findings, priors and verdicts are worth, in points, and for how long.

A score is 0 to 100 points. `docs/risk-score.md` says how it is put together and where each figure is from: those of
the grades C, D and E are a common response policy, all others are defaults of our own, for the reasons given there.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

MOST_POINTS = 100
"""A score is at most this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskGroup:
    """How the findings of detectors that see one wrong from several sides count in the score.

    Attributes:
        half_life_d: days of the merchant's clock in which points halve, 1 to 3650.
        cap: most points of the group's detectors together, 1 to 100.
        points: of an alert of severity 1, 0 to 100; of a milder one in proportion. With 0, its alerts are no part of
            the score, and set no floor.

    Raises:
        ValueError: an argument is out of range.

    >>> RiskGroup(half_life_d=0, cap=50, points=50)
    Traceback (most recent call last):
    ValueError: half_life_d must be 1 to 3650, got 0
    """

    half_life_d: int
    cap: int
    points: int

    def __post_init__(self) -> None:
        for name, least, most in (("half_life_d", 1, 3650), ("cap", 1, MOST_POINTS), ("points", 0, MOST_POINTS)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} must be {least} to {most}, got {value}")


RISK_GROUPS: dict[str, RiskGroup] = {
    "mcc": RiskGroup(half_life_d=30, cap=90, points=80),
    "fee": RiskGroup(half_life_d=60, cap=90, points=80),
    "volume": RiskGroup(half_life_d=14, cap=45, points=50),
    "cash": RiskGroup(half_life_d=30, cap=90, points=80),
    "refund": RiskGroup(half_life_d=30, cap=70, points=70),
    "card": RiskGroup(half_life_d=14, cap=90, points=80),
    "terminal": RiskGroup(half_life_d=60, cap=90, points=80),
    "network": RiskGroup(half_life_d=60, cap=90, points=80),
    "model": RiskGroup(half_life_d=7, cap=30, points=30),
    "rule": RiskGroup(half_life_d=30, cap=70, points=70),
    "service": RiskGroup(half_life_d=1, cap=1, points=0),
}
"""Risk groups by name; a detector names its own in `risk_group`."""

NEW_MERCHANT_POINTS = 10
"""Prior of a merchant at its first transaction; it fades evenly over `NEW_MERCHANT_D`."""
NEW_MERCHANT_D = 90
MCC_PRIORS = {"5094": 8, "5816": 6, "5933": 6, "5944": 6, "5967": 8, "5993": 4, "6051": 8, "7273": 6, "7995": 8}
"""Points by MCC at the merchant's first transaction; they halve each `MCC_PRIOR_HALF_LIFE_D`. With the prior of a new
merchant they stay below grade B: nobody is suspect for being new, or for a trade."""
MCC_PRIOR_HALF_LIFE_D = 180

CLEARED = frozenset({"lawful_change", "data_error", "false_alarm", "duplicate"})
"""Verdicts that take an alert's points out of the score: nobody did wrong, or another alert counts for it."""

FLOORS = ((0.85, 85), (0.6, 70), (0.3, 40), (0.0, 20))
"""Least score that a confirmed alert stands for, by its peak severity."""
FLOOR_D = 180
"""For how long, from the verdict on, where that does not say until when."""

GRADES = ((85, "E"), (70, "D"), (40, "C"), (20, "B"), (0, "A"))
"""Least score of each grade."""
_LEAST = tuple(least for least, _ in reversed(GRADES[:-1]))
_LETTERS = tuple(grade for _, grade in reversed(GRADES))
HYSTERESIS = 5
"""How many points below a grade's least score its score must fall before the grade does."""


def grade_of(score: float) -> str:
    """The grade of a score, 0 to 100, that had none before.

    >>> [grade_of(each) for each in (0, 20, 69.9, 70, 100)]
    ['A', 'B', 'C', 'D', 'E']
    """
    return _LETTERS[bisect_right(_LEAST, score)]  # a score rises thousands of times a second


def next_grade(before: str, score: float) -> str:
    """The grade of a score that had one before: it rises at once, and falls `HYSTERESIS` points later.

    >>> next_grade("D", 65.0), next_grade("D", 64.9), next_grade("E", 66.0), next_grade("B", 40.0)
    ('D', 'C', 'D', 'C')
    """
    return max(grade_of(score), min(before, grade_of(score + HYSTERESIS)))


def floor_of(severity: float) -> int:
    """The least score that a confirmed alert of a severity, 0 to 1, stands for.

    >>> [floor_of(each) for each in (0.1, 0.3, 0.72, 0.85)]
    [20, 40, 70, 85]
    """
    return next(points for least, points in FLOORS if severity >= least)


def prior_points(mcc: str) -> int:
    """What a merchant's MCC alone adds at its first transaction; 0 for most.

    >>> prior_points("5944"), prior_points("5812")
    (6, 0)
    """
    return MCC_PRIORS.get(mcc, 0)

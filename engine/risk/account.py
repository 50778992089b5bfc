"""The state of a merchant's risk account at one moment, and the score it gives then or later.

Points are stored as floats as of their last change and read as whole hundredths, so the parts of a score add up
exactly. A score does not depend on when it is read: between changes it only falls.

The merchant's *risk clock* is its watermark less the time it was stopped: an open case of a merchant of grade E stops
the clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from domain.risk import (
    CLEARED,
    MCC_PRIOR_HALF_LIFE_D,
    MOST_POINTS,
    NEW_MERCHANT_D,
    NEW_MERCHANT_POINTS,
    RISK_GROUPS,
    floor_of,
    next_grade,
    prior_points,
)
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

E2 = 100
"""Hundredths of a point to the point: points are read in whole hundredths."""


class AlertPoints(msgspec.Struct, frozen=True, array_like=True):
    """The points that one alert adds, once for all its episodes.

    Attributes:
        detector: its name.
        alert_id: the alert; "" for the sum of the detector's alerts that are no longer listed singly.
        points: points at `at_ms` of the risk clock.
        severity: the peak of the episodes that count.
        verdict: the last verdict on the alert, one of `domain.events.VERDICTS`; "" before the first, and once the alert
            was reopened after one of `domain.risk.CLEARED`.
        until_ms: end of the floor of a confirmed alert, UTC milliseconds.
        reopened: how often the alert had been reopened at its last rise.
    """

    detector: str
    alert_id: str
    points: float
    at_ms: int
    severity: float
    verdict: str = ""
    until_ms: int = 0
    reopened: int = 0

    def after(self, reopened: int) -> AlertPoints:
        """Those that a rise goes on from, of an alert reopened so often by then.

        A verdict that cleared the alert holds for the episodes before it: the next one begins at nothing.
        """
        if reopened == self.reopened:
            return self
        if self.verdict in CLEARED:
            return AlertPoints(self.detector, self.alert_id, 0.0, self.at_ms, 0.0, reopened=reopened)
        return replace(self, reopened=reopened)


class Override(msgspec.Struct, frozen=True, array_like=True):
    """A grade set by hand, in force until `until_ms`."""

    grade: str
    reason: str
    until_ms: int


class AccountState(msgspec.Struct, frozen=True, array_like=True):
    """What a merchant's score is computed from.

    Attributes:
        parts: points by alert, in the order in which the alerts began.
        grade: the grade by score at the last change, without the override.
        still_ms: how long the risk clock has been stopped in all.
        held_ms: the watermark at which the risk clock was stopped; 0 while it runs.
        first_ms: time of the first transaction, to the hour; 0 before the first finding.
        mcc: the MCC at the first finding; "" before.
        override: the last override.
    """

    parts: tuple[AlertPoints, ...] = ()
    grade: str = "A"
    still_ms: int = 0
    held_ms: int = 0
    first_ms: int = 0
    mcc: str = ""
    override: Override | None = None

    def risk_ms(self, at_ms: int) -> int:
        """The risk clock at the watermark `at_ms`."""
        return (self.held_ms or at_ms) - self.still_ms

    def override_at(self, at_ms: int) -> Override | None:
        """The override if it is in force at `at_ms`, else None."""
        return self.override if self.override and at_ms < self.override.until_ms else None

    @property
    def worked(self) -> bool:
        """Whether the merchant has an open case."""
        return any(each.verdict == "open" for each in self.parts)


class ScoreBreakdown(NamedTuple):
    """A score taken apart, in hundredths of a point: `score` is parts + prior - over + lift.

    Attributes:
        parts: points by alert, in the order of the account's parts; 0 where the verdict is of `CLEARED`.
        prior: points of a new merchant and of its MCC.
        over: points cut by the caps of the risk groups and of the score.
        floor: the highest floor in force; None if there is none.
        lift: points that the floor adds.
    """

    parts: tuple[int, ...]
    prior: int
    over: int
    floor: AlertPoints | None
    lift: int

    @property
    def score(self) -> int:
        """The score."""
        return sum(self.parts) + self.prior - self.over + self.lift


def faded(points: float, half_life_d: int, elapsed_ms: int) -> float:
    """Points left after `elapsed_ms`, halving every `half_life_d`."""
    return float(points * 2.0 ** (-elapsed_ms / (half_life_d * DAY_MS)))


def is_floor(part: AlertPoints, now_ms: int) -> bool:
    """Whether a part sets a floor at `now_ms`: its alert is confirmed, and the floor has not ended."""
    return part.verdict == "confirmed" and now_ms < part.until_ms


def break_down(it: AccountState, risk_groups: Mapping[str, str], at_ms: int) -> ScoreBreakdown:
    """Break the score at the watermark `at_ms` into its parts; `at_ms` must not be before the last change.

    Args:
        it: the account.
        risk_groups: the risk group of each detector, by the detector's name.
        at_ms: UTC milliseconds.
    """
    risk_ms, sums, parts, over = it.risk_ms(at_ms), dict[str, int](), list[int](), 0
    floor: AlertPoints | None = None
    for each in it.parts:
        risk_group = risk_groups.get(each.detector)
        points = 0  # as of a detector that no longer runs, and whose group nobody knows
        if risk_group is not None and each.verdict not in CLEARED:
            left = faded(each.points, RISK_GROUPS[risk_group].half_life_d, risk_ms - each.at_ms)
            points = round(left * E2)
            sums[risk_group] = sums.get(risk_group, 0) + points
        parts.append(points)
        if is_floor(each, it.held_ms or at_ms) and (floor is None or each.severity > floor.severity):
            floor = each
    for risk_group, points in sums.items():
        over += max(0, points - RISK_GROUPS[risk_group].cap * E2)
    prior = prior_at(it, at_ms)
    total = sum(parts) + prior - over
    over += max(0, total - MOST_POINTS * E2)
    total = min(total, MOST_POINTS * E2)
    lift = max(0, floor_of(floor.severity) * E2 - total) if floor else 0
    return ScoreBreakdown(tuple(parts), prior, over, floor, lift)


def grade_at(it: AccountState, score_e2: int) -> str:
    """The grade of a score, in hundredths of a point; it can only have fallen since the last change."""
    return next_grade(it.grade, score_e2 / E2)


def prior_at(it: AccountState, at_ms: int) -> int:
    """Prior points of a new merchant and its MCC, in hundredths of a point."""
    if not it.first_ms:
        return 0
    age_ms = max(0, it.risk_ms(at_ms) - it.first_ms)
    new = NEW_MERCHANT_POINTS * max(0.0, 1 - age_ms / (NEW_MERCHANT_D * DAY_MS))
    of_mcc = prior_points(it.mcc)
    return round(new * E2) + (round(faded(of_mcc, MCC_PRIOR_HALF_LIFE_D, age_ms) * E2) if of_mcc else 0)

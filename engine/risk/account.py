"""What a merchant's risk rests on at one moment, and the score that follows from it at that or a later one.

Points are held as floats at the moment they last changed, and read as whole hundredths, so that what a score is
made of adds up exactly. Nothing here depends on when it is read: between changes a score only falls.

The merchant's *risk clock* is its watermark, less the time for which it stood still: an open case of a merchant of
grade E stops it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from domain.risk import (
    DAY_MS,
    MCC_PRIOR_HALF_LIFE_D,
    MOST_POINTS,
    NEW_MERCHANT_D,
    NEW_MERCHANT_POINTS,
    RISK_GROUPS,
    floor_of,
    next_grade,
    prior_points,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

E2 = 100
"""Hundredths of a point to the point: points are read in whole hundredths."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What one episode adds.

    Attributes:
        detector: its name.
        alert_id: the episode's; "" for the sum of those no longer told apart.
        points: at `at_ms` of the risk clock.
        severity: the episode's peak.
        verdict: the last on it: "", `open`, `confirmed` or `false_alarm`.
        until_ms: when the floor of a confirmed one ends.
    """

    detector: str
    alert_id: str
    points: float
    at_ms: int
    severity: float
    verdict: str = ""
    until_ms: int = 0


class Override(msgspec.Struct, frozen=True, array_like=True):
    """A grade set by hand, in force until `until_ms`."""

    grade: str
    reason: str
    until_ms: int


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What a merchant's risk rests on.

    Attributes:
        parts: in the order in which their episodes first rose.
        grade: as of the last change, by the score; the override left out.
        still_ms: for how long the risk clock stood still so far.
        held_ms: since when it stands still, by the watermark; 0 where it runs.
        first_ms: the first transaction, to the hour; 0 until a finding tells.
        mcc: as of the first finding that tells, "" until then.
        override: the last.
    """

    parts: tuple[Part, ...] = ()
    grade: str = "A"
    still_ms: int = 0
    held_ms: int = 0
    first_ms: int = 0
    mcc: str = ""
    override: Override | None = None

    def risk_ms(self, at_ms: int) -> int:
        """The risk clock when the watermark stands at `at_ms`."""
        return (self.held_ms or at_ms) - self.still_ms

    def override_at(self, at_ms: int) -> Override | None:
        """The override, where it is in force."""
        return self.override if self.override and at_ms < self.override.until_ms else None

    @property
    def worked(self) -> bool:
        """Whether a case of it is open."""
        return any(each.verdict == "open" for each in self.parts)


class View(NamedTuple):
    """A score taken apart, in hundredths of a point: `score` is parts + prior - over + lift.

    Attributes:
        parts: what each adds, in the standing's order; 0 for a false alarm.
        prior: of a new merchant and of its MCC.
        over: what the risk groups' caps and the score's own take away.
        floor: the highest floor in force; None where there is none.
        lift: what that adds.
    """

    parts: tuple[int, ...]
    prior: int
    over: int
    floor: Part | None
    lift: int

    @property
    def score(self) -> int:
        """The score."""
        return sum(self.parts) + self.prior - self.over + self.lift


def faded(points: float, half_life_d: int, elapsed_ms: int) -> float:
    """What is left of points after a time."""
    return float(points * 2.0 ** (-elapsed_ms / (half_life_d * DAY_MS)))


def is_floor(part: Part, now_ms: int) -> bool:
    """Whether a part is a floor at `now_ms`."""
    return part.verdict == "confirmed" and now_ms < part.until_ms


def view(it: Standing, risk_groups: Mapping[str, str], at_ms: int) -> View:
    """The score when the watermark stands at `at_ms`, not before the last change.

    Args:
        it: what it rests on.
        risk_groups: the risk group of each detector, by the detector's name.
        at_ms: UTC.
    """
    risk_ms, sums, parts = it.risk_ms(at_ms), dict.fromkeys(risk_groups.values(), 0), []
    for each in it.parts:
        risk_group = risk_groups[each.detector]
        counts = each.verdict != "false_alarm"
        left = faded(each.points, RISK_GROUPS[risk_group].half_life_d, risk_ms - each.at_ms) if counts else 0.0
        parts.append(round(left * E2))
        sums[risk_group] += parts[-1]
    over = sum(max(0, each - RISK_GROUPS[name].cap * E2) for name, each in sums.items())
    prior = prior_at(it, at_ms)
    total = sum(parts) + prior - over
    over += max(0, total - MOST_POINTS * E2)
    total = min(total, MOST_POINTS * E2)
    floors = [each for each in it.parts if is_floor(each, it.held_ms or at_ms)]
    floor = max(floors, key=lambda each: each.severity, default=None)
    lift = max(0, floor_of(floor.severity) * E2 - total) if floor else 0
    return View(tuple(parts), prior, over, floor, lift)


def grade_at(it: Standing, score_e2: int) -> str:
    """The grade that a score gives, which may only have fallen since the last change."""
    return next_grade(it.grade, score_e2 / E2)


def prior_at(it: Standing, at_ms: int) -> int:
    """What a new merchant and its MCC add, in hundredths of a point."""
    if not it.first_ms:
        return 0
    age_ms = max(0, it.risk_ms(at_ms) - it.first_ms)
    new = NEW_MERCHANT_POINTS * max(0.0, 1 - age_ms / (NEW_MERCHANT_D * DAY_MS))
    return round(new * E2) + round(faded(prior_points(it.mcc), MCC_PRIOR_HALF_LIFE_D, age_ms) * E2)

"""Explains why a merchant's score changed: the difference split into steps that add up to the last hundredth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.risk.account import AccountState, ScoreBreakdown, break_down, grade_at
from engine.risk.ledger import Account, Entry, applied

if TYPE_CHECKING:
    from collections.abc import Mapping


class Moment(NamedTuple):
    """A merchant's score, in hundredths of a point, and its grade at a moment."""

    at_ms: int
    score_e2: int
    grade: str


class ScoreStep(NamedTuple):
    """One reason why the score changed; the points of all steps add up to the difference.

    Attributes:
        kind: an entry's kind, or a gradual change: `fading` of alerts' points, `priors` fading, `caps` cutting less,
            `floor` expiring.
        points_e2: change of the score, in hundredths of a point.
        entry: the entry; None for a gradual change.
        grade: the grade after the entry; "" for a gradual change.
    """

    kind: str
    points_e2: int
    entry: Entry | None = None
    grade: str = ""


class Explanation(NamedTuple):
    """The difference of a score between two moments, split into steps."""

    then: Moment
    now: Moment
    steps: tuple[ScoreStep, ...]


def explain(account: Account, risk_groups: Mapping[str, str], then_ms: int, now_ms: int) -> Explanation:
    """Split the difference of a score between two moments into steps.

    Args:
        account: the merchant's account.
        risk_groups: the risk group of each detector, by the detector's name.
        then_ms: start, UTC milliseconds; where the account does not reach back so far, its oldest moment. Several
            rises of one alert that were merged count at the last of them.
        now_ms: end, not before the account's last change.

    Raises:
        ValueError: `now_ms` is before the account's last change, or before `then_ms`.
    """
    if now_ms < max(account.at_ms, then_ms):
        raise ValueError(f"now_ms must be at least {max(account.at_ms, then_ms)}, got {now_ms}")
    at_ms = max(then_ms, account.base_ms)
    past = [each for each in account.entries if each.at_ms <= at_ms]
    it = account.base
    for entry in past:
        it = applied(it, entry)
    then, drift, steps = _moment(it, risk_groups, at_ms), [0, 0, 0, 0], []
    for entry in account.entries[len(past) :]:
        before = break_down(it, risk_groups, entry.at_ms)
        _add(drift, break_down(it, risk_groups, at_ms), before)
        it, at_ms = applied(it, entry), entry.at_ms
        after = _moment(it, risk_groups, at_ms)
        points_e2 = after.score_e2 - before.score
        steps.append(ScoreStep(entry.kind, points_e2, entry, after.grade))
    _add(drift, break_down(it, risk_groups, at_ms), break_down(it, risk_groups, now_ms))
    kinds = ("fading", "priors", "caps", "floor")
    steps += [ScoreStep(kind, each) for kind, each in zip(kinds, drift, strict=True) if each]
    return Explanation(then, _moment(it, risk_groups, now_ms), tuple(steps))


def _moment(it: AccountState, risk_groups: Mapping[str, str], at_ms: int) -> Moment:
    score, override = break_down(it, risk_groups, at_ms).score, it.override_at(at_ms)
    return Moment(at_ms, score, override.grade if override else grade_at(it, score))


def _add(drift: list[int], before: ScoreBreakdown, after: ScoreBreakdown) -> None:
    """Add the gradual changes between two moments of one account state to `drift`."""
    drift[0] += sum(after.parts) - sum(before.parts)
    drift[1] += after.prior - before.prior
    drift[2] += before.over - after.over
    drift[3] += after.lift - before.lift

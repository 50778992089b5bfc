"""Why a merchant's score is another than it was: the difference taken apart, to the last hundredth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.risk.account import Standing, View, grade_at, view
from engine.risk.ledger import Account, Entry, applied

if TYPE_CHECKING:
    from collections.abc import Mapping


class Moment(NamedTuple):
    """A merchant's score, in hundredths of a point, and its grade at a moment."""

    at_ms: int
    score_e2: int
    grade: str


class Step(NamedTuple):
    """One reason why the score is another; all of them add up to the difference.

    Attributes:
        kind: an entry's; or of what goes on all the time: `fading` of episodes, `priors` fading, `caps` taking less
            away, `floor` expiring.
        points_e2: by how much, in hundredths of a point.
        entry: None of what goes on all the time.
        grade: after it, likewise "".
    """

    kind: str
    points_e2: int
    entry: Entry | None = None
    grade: str = ""


class Explanation(NamedTuple):
    """A difference between two moments, taken apart."""

    then: Moment
    now: Moment
    steps: tuple[Step, ...]


def explain(account: Account, risk_groups: Mapping[str, str], then_ms: int, now_ms: int) -> Explanation:
    """Take the difference between two moments apart.

    Args:
        account: the merchant's.
        risk_groups: the risk group of each detector, by the detector's name.
        then_ms: from when on, UTC; where the account does not reach back so far, from as far as it does. Several
            rises of one episode that are told as one count from the last of them.
        now_ms: up to when, at least the account's last change.

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
        before = view(it, risk_groups, entry.at_ms)
        _add(drift, view(it, risk_groups, at_ms), before)
        it, at_ms = applied(it, entry), entry.at_ms
        after = _moment(it, risk_groups, at_ms)
        points_e2 = after.score_e2 - before.score
        steps.append(Step(entry.kind, points_e2, entry, after.grade))
    _add(drift, view(it, risk_groups, at_ms), view(it, risk_groups, now_ms))
    kinds = ("fading", "priors", "caps", "floor")
    steps += [Step(kind, each) for kind, each in zip(kinds, drift, strict=True) if each]
    return Explanation(then, _moment(it, risk_groups, now_ms), tuple(steps))


def _moment(it: Standing, risk_groups: Mapping[str, str], at_ms: int) -> Moment:
    score, override = view(it, risk_groups, at_ms).score, it.override_at(at_ms)
    return Moment(at_ms, score, override.grade if override else grade_at(it, score))


def _add(drift: list[int], before: View, after: View) -> None:
    """Add what changed by itself between two views of one standing."""
    drift[0] += sum(after.parts) - sum(before.parts)
    drift[1] += after.prior - before.prior
    drift[2] += before.over - after.over
    drift[3] += after.lift - before.lift

"""The risk ledger: what changed each merchant's score, and when, from the merchant's records in their order.

An account holds the merchant's present state, its last changes, and the state before them, so the score at any moment
since can be computed. It depends on nothing but the merchant's own changes.
"""

from __future__ import annotations

from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from domain.alerts import Contribution, Floor, GradeOverride, Score
from domain.risk import CLEARED, FLOOR_D, RISK_GROUPS, floor_of
from domain.timestamps import DAY_MS, HOUR_MS, iso
from engine.risk.account import (
    E2,
    AccountState,
    AlertPoints,
    Override,
    ScoreBreakdown,
    break_down,
    faded,
    grade_at,
    is_floor,
    prior_at,
)
from engine.risk.standings import Standings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_ALERTS = 16
"""Alerts of a merchant that are listed singly; beyond that those quiet for longest are summed by detector."""
MOST_ENTRIES = 48
"""Changes of a merchant that are remembered."""
MOST_REASON = 80
"""Characters kept of an override's reason."""


class Rise(NamedTuple):
    """An episode began, its peak rose, or it went on for another day."""

    row: int
    at_ms: int
    """The merchant's watermark."""
    detector: str
    alert_id: str
    severity: float
    """The episode's peak after it, 0 to 1."""
    rise: float
    """How much the alert's peak over all its episodes rose."""
    first_ms: int = 0
    """The merchant's first transaction, 0 where unknown."""
    mcc: str = ""
    """The merchant's MCC, "" where unknown."""
    reopened: int = 0
    """How often the alert was reopened until then."""


class Verdict(NamedTuple):
    """An analyst's verdict on an alert."""

    row: int
    at_ms: int
    alert_id: str
    verdict: str
    """One of `domain.events.VERDICTS`."""
    given_ms: int
    """Time of the verdict by the analyst's clock, UTC milliseconds."""
    until_ms: int = 0
    """End of the floor; 0 for `FLOOR_D` days after `given_ms`."""


class ManualGrade(NamedTuple):
    """A grade set by hand."""

    row: int
    at_ms: int
    grade: str
    reason: str
    until_ms: int


class DayClosed(NamedTuple):
    """The close of a merchant's day."""

    row: int
    at_ms: int


Change = Rise | Verdict | ManualGrade | DayClosed


class Effect(Enum):
    """The outcome of a change."""

    NONE = 0
    PUBLISH = 1
    """The score, grade, floor or override changed and must be published."""
    UNMATCHED = 2
    """The verdict is on an alert that the account does not hold; nothing changed."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One change of an account.

    Attributes:
        from_ms: time of the first rise, where rises of one alert within an hour (older ones: a day) are merged.
        at_ms: time of the change by the merchant's watermark; of the last rise where several are merged.
        kind: `prior`, `rise`, `override`, or a verdict, one of `domain.events.VERDICTS`.
        detector: the alert's detector; "" where the change is about no alert.
        alert_id: the alert, likewise.
        parts: the parts that changed.
        folded: the alert whose points were added to its detector's sum; "" for none.
        after: the rest of the state after the change: without parts, and with an override only if the entry set it.
    """

    from_ms: int
    at_ms: int
    kind: str
    detector: str
    alert_id: str
    parts: tuple[AlertPoints, ...]
    folded: str
    after: AccountState


class Account(msgspec.Struct, frozen=True, array_like=True):
    """A merchant's account.

    Attributes:
        base: the state before the oldest entry.
        base_ms: time of that state; 0 where nothing was before.
        entries: the last changes, oldest first.
        now: base with all entries applied.
        at_ms: time of the last change or publication.
        revision: number of changes and publications.
        published_e2: the score at `at_ms`, in hundredths of a point.
        published_grade: the published grade at `at_ms`.
    """

    base: AccountState = AccountState()
    base_ms: int = 0
    entries: tuple[Entry, ...] = ()
    now: AccountState = AccountState()
    at_ms: int = 0
    revision: int = 0
    published_e2: int = 0
    published_grade: str = "A"


def applied(it: AccountState, entry: Entry) -> AccountState:
    """The state after an entry."""
    kept = (each for each in it.parts if not each.alert_id or each.alert_id != entry.folded)
    parts = {(each.detector, each.alert_id): each for each in kept}
    parts |= {(each.detector, each.alert_id): each for each in entry.parts}
    return replace(entry.after, parts=tuple(parts.values()), override=entry.after.override or it.override)


class RiskLedger:
    """The accounts of a partition's merchants that ever had an alert, or a grade set by hand.

    Args:
        risk_groups: the risk group of each detector, by the detector's name, in the order of a score's contributions.
        merchant_id: gives the merchant id of a row.
        journals: whether changed rows are noted for checkpoints; `changes` must then be called regularly.

    Attributes:
        standings: the accounts' grades, and the highest scores.

    Raises:
        ValueError: a risk group is none of `domain.risk.RISK_GROUPS`.
    """

    def __init__(
        self, risk_groups: Mapping[str, str], merchant_id: Callable[[int], str], *, journals: bool = False
    ) -> None:
        for name, risk_group in risk_groups.items():
            if risk_group not in RISK_GROUPS:
                raise ValueError(f"{name}: risk_group must be one of {', '.join(RISK_GROUPS)}, got {risk_group!r}")
        self.risk_groups = dict(risk_groups)
        self._order = {name: k for k, name in enumerate(risk_groups)}
        self._merchant_id = merchant_id
        self._accounts: dict[int, Account] = {}
        self.standings = Standings(self._accounts)
        self._journals = journals
        self._changed: dict[int, Account] = {}
        self._last: tuple[AccountState, int, ScoreBreakdown] | None = None

    def know(self, risk_groups: Mapping[str, str]) -> None:
        """Know the risk groups of detectors that no longer run: their points fade on. Unknown groups are left out."""
        self._last = None
        for name, risk_group in risk_groups.items():
            if risk_group in RISK_GROUPS:
                self._order.setdefault(name, len(self._order))
                self.risk_groups.setdefault(name, risk_group)

    def apply(self, change: Change) -> Effect:
        """Apply a change; changes of one merchant must come in the order of its records."""
        match change:
            case Rise():
                return self._apply_rise(change)
            case Verdict():
                return self._apply_verdict(change)
            case ManualGrade():
                return self._apply_override(change)
            case DayClosed():
                return Effect.PUBLISH if self.refresh(change.row, change.at_ms) else Effect.NONE

    def refresh(self, row: int, at_ms: int) -> Score | None:
        """The score at the close of a merchant's day, if it must be published, else None.

        It must be published if since the last change or publication the grade changed, or the score by a point or more.
        """
        account = self._accounts.get(row)
        if account is None:
            return None
        at_ms = max(at_ms, account.at_ms)
        fresh = self._published(replace(account, at_ms=at_ms))
        if fresh.published_grade == account.published_grade and abs(fresh.published_e2 - account.published_e2) < E2:
            return None
        self._put(row, fresh)
        return self.score(row)

    def score(self, row: int, at_ms: int = 0) -> Score:
        """The score of a known row at `at_ms`, or at its last change or publication if that is later."""
        account = self._accounts[row]
        at_ms = max(at_ms, account.at_ms)
        now, seen = account.now, self._break_down(account.now, at_ms)
        parts = sorted(zip(now.parts, seen.parts, strict=True), key=self._rank)
        computed, override, floor = grade_at(now, seen.score), now.override_at(at_ms), seen.floor
        return Score(
            merchant_id=self._merchant_id(row), revision=account.revision, time=iso(at_ms), score=seen.score / E2,
            grade=override.grade if override else computed, computed_grade=computed,
            contributions=tuple(
                Contribution(it.detector, points / E2, it.alert_id, it.verdict) for it, points in parts if points
            ),
            prior=seen.prior / E2, capped=seen.over / E2,
            floor=Floor(floor_of(floor.severity), floor.alert_id, iso(floor.until_ms)) if floor else None,
            override=GradeOverride(override.grade, override.reason, iso(override.until_ms)) if override else None,
            held=now.held_ms > 0,
        )  # fmt: skip

    def points(self, row: int) -> float:
        """The `score` of a known row at its last change or publication, without what explains it."""
        account = self._accounts[row]
        return self._break_down(account.now, account.at_ms).score / E2

    def _rank(self, part: tuple[AlertPoints, int]) -> int:
        """Where a detector's contributions come in a score; those of detectors that no longer run come last."""
        return self._order.get(part[0].detector, len(self._order))

    def known(self, row: int) -> bool:
        """Whether a row has an account."""
        return row in self._accounts

    def account(self, row: int) -> Account:
        """The account of a known row."""
        return self._accounts[row]

    def changes(self) -> Mapping[int, Account]:
        """The accounts that changed since the last call, by row."""
        found, self._changed = self._changed, {}
        return found

    def put_back(self, row: int, account: Account) -> None:
        """Have an account that `changes` gave."""
        self.standings.note(row, self._accounts.get(row), account)
        self._accounts[row] = account

    def _apply_rise(self, change: Rise) -> Effect:
        if not RISK_GROUPS[self.risk_groups[change.detector]].points:
            return Effect.NONE
        row, at_ms = change.row, self._at(change)
        now = self._accounts.get(row, _NEW).now
        if not (now.first_ms and now.mcc):
            now = self._introduced(row, now, change, at_ms)
        was = _part_of(now, change.alert_id)
        if was is None and change.rise == 0.0:  # its points are part of its detector's sum
            return Effect.NONE
        risk_group, risk_ms = RISK_GROUPS[self.risk_groups[change.detector]], now.risk_ms(at_ms)
        folded = ""
        if was:
            was = was.after(change.reopened)
            peak = max(was.severity, change.severity)
            points = risk_group.points * peak  # it goes on, so it fades from now on
            parts: tuple[AlertPoints, ...] = (replace(was, points=points, at_ms=risk_ms, severity=peak),)
        else:
            parts, folded = self._room(now, at_ms)
            points = risk_group.points * change.rise
            parts = (*parts, AlertPoints(
                change.detector, change.alert_id, points, risk_ms, change.severity, reopened=change.reopened
            ))  # fmt: skip
        self._enter(row, Entry(at_ms, at_ms, "rise", change.detector, change.alert_id, parts, folded, now))
        return Effect.PUBLISH

    def _introduced(self, row: int, now: AccountState, change: Rise, at_ms: int) -> AccountState:
        """The state with what the rise shows of the merchant and was not known; an entry where that gives a prior."""
        told = replace(now, first_ms=now.first_ms or change.first_ms, mcc=now.mcc or change.mcc)
        if prior_at(told, at_ms) == prior_at(now, at_ms):
            return told
        self._enter(row, Entry(at_ms, at_ms, "prior", "", "", (), "", told))
        return self._accounts[row].now

    def _room(self, now: AccountState, at_ms: int) -> tuple[tuple[AlertPoints, ...], str]:
        """Make room for one more alert: the new sum of the detector whose alert is folded, and that alert."""
        apart = [each for each in now.parts if each.alert_id]
        if len(apart) < MOST_ALERTS:
            return (), ""
        spare = (each for each in apart if each.verdict != "open" and not is_floor(each, now.held_ms or at_ms))
        gone = min(spare, key=lambda each: each.at_ms, default=apart[0])  # a story may be old and go on
        rest = (each for each in now.parts if each.detector == gone.detector and not each.alert_id)
        if gone.detector not in self.risk_groups:
            return (), gone.alert_id
        half_life_d, risk_ms = RISK_GROUPS[self.risk_groups[gone.detector]].half_life_d, now.risk_ms(at_ms)
        summed = [each for each in (*rest, gone) if each.verdict not in CLEARED]
        points = sum((faded(each.points, half_life_d, risk_ms - each.at_ms) for each in summed), 0.0)
        return (AlertPoints(gone.detector, "", points, risk_ms, 0.0),), gone.alert_id

    def _apply_verdict(self, change: Verdict) -> Effect:
        account = self._accounts.get(change.row, _NEW)
        part = _part_of(account.now, change.alert_id)
        if part is None:
            return Effect.UNMATCHED
        until_ms = 0
        if change.verdict == "confirmed":
            until_ms = change.until_ms or change.given_ms + FLOOR_D * DAY_MS
        if (part.verdict, part.until_ms) == (change.verdict, until_ms):
            return Effect.NONE
        at_ms, judged = self._at(change), replace(part, verdict=change.verdict, until_ms=until_ms)
        entry = Entry(at_ms, at_ms, change.verdict, part.detector, part.alert_id, (judged,), "", account.now)
        self._enter(change.row, entry)
        return Effect.PUBLISH

    def _apply_override(self, change: ManualGrade) -> Effect:
        now, at_ms = self._accounts.get(change.row, _NEW).now, self._at(change)
        override = Override(change.grade, change.reason[:MOST_REASON], change.until_ms)
        if override == now.override:
            return Effect.NONE
        self._enter(change.row, Entry(at_ms, at_ms, "override", "", "", (), "", replace(now, override=override)))
        return Effect.PUBLISH

    def _at(self, change: Change) -> int:
        """The time at which a change counts; an account's time never goes back."""
        return max(change.at_ms, self._accounts.get(change.row, _NEW).at_ms)

    def _enter(self, row: int, entry: Entry) -> None:
        """Apply an entry whose `after` is not settled yet, and store it."""
        account = self._accounts.get(row, _NEW)
        now = self._settled(applied(account.now, entry), entry.at_ms)
        override = now.override if entry.kind == "override" else None
        entry = replace(entry, after=replace(now, parts=(), override=override))
        entries, base, base_ms = _with(account.entries, entry), account.base, account.base_ms
        if len(entries) > MOST_ENTRIES:
            base, base_ms, entries = applied(base, entries[0]), entries[0].at_ms, entries[1:]
        self._put(row, self._published(Account(base, base_ms, entries, now, entry.at_ms, account.revision)))

    def _settled(self, it: AccountState, at_ms: int) -> AccountState:
        """The state with its grade set and its risk clock stopped or started."""
        if it.held_ms and not it.worked:
            it = _let_go(it, at_ms)
        it = self._graded(it, at_ms)
        if it.held_ms and it.grade != "E":
            return self._graded(_let_go(it, at_ms), at_ms)
        if not it.held_ms and it.grade == "E" and it.worked:
            return replace(it, held_ms=at_ms)
        return it

    def _graded(self, it: AccountState, at_ms: int) -> AccountState:
        grade = grade_at(it, self._break_down(it, at_ms).score)
        return it if grade == it.grade else replace(it, grade=grade)

    def _break_down(self, it: AccountState, at_ms: int) -> ScoreBreakdown:
        """The score taken apart; a change asks up to four times for the same, which differs at most in its grade."""
        if self._last is not None:
            other, when_ms, known = self._last
            if when_ms == at_ms and other.parts is it.parts and (
                (other.held_ms, other.still_ms, other.first_ms, other.mcc)
                == (it.held_ms, it.still_ms, it.first_ms, it.mcc)
            ):  # fmt: skip
                return known
        known = break_down(it, self.risk_groups, at_ms)
        self._last = it, at_ms, known
        return known

    def _published(self, account: Account) -> Account:
        """The account as it is published."""
        now, at_ms = account.now, account.at_ms
        score, override = self._break_down(now, at_ms).score, now.override_at(at_ms)
        grade = override.grade if override else grade_at(now, score)
        return replace(account, revision=account.revision + 1, published_e2=score, published_grade=grade)

    def _put(self, row: int, account: Account) -> None:
        self.put_back(row, account)
        if self._journals:
            self._changed[row] = account


_NEW = Account()


def _part_of(it: AccountState, alert_id: str) -> AlertPoints | None:
    return next((each for each in it.parts if each.alert_id == alert_id), None) if alert_id else None


def _let_go(it: AccountState, at_ms: int) -> AccountState:
    """The state with its risk clock running again from where it stopped."""
    return replace(it, still_ms=it.still_ms + at_ms - it.held_ms, held_ms=0)


def _with(entries: tuple[Entry, ...], entry: Entry) -> tuple[Entry, ...]:
    """The entries with one more, merged down to `MOST_ENTRIES` where that is possible.

    Rises of one alert within an hour are merged; beyond `MOST_ENTRIES` also the oldest two that follow each other on
    one day.
    """
    if entries and (one := _as_one(entries[-1], entry, HOUR_MS)):
        return (*entries[:-1], one)
    entries = (*entries, entry)
    if len(entries) > MOST_ENTRIES:
        for k, (first, second) in enumerate(pairwise(entries)):
            if one := _as_one(first, second, DAY_MS):
                return (*entries[:k], one, *entries[k + 2 :])
    return entries


def _as_one(first: Entry, second: Entry, within_ms: int) -> Entry | None:
    """Two rises of one alert merged; None if the entries are not such rises."""
    if (first.kind, first.alert_id) != ("rise", second.alert_id) or second.kind != "rise":
        return None
    if first.from_ms // within_ms != second.at_ms // within_ms:
        return None
    parts = {(each.detector, each.alert_id): each for each in (*first.parts, *second.parts)}
    return replace(second, from_ms=first.from_ms, parts=tuple(parts.values()), folded=first.folded)

"""Matches alerts with the violations of a simulation. Pure: no files, no clock.

`docs/evaluation.md` says what counts as found, true and false, and why.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from domain.events import FUTURE_MS
from domain.severity import CRITICAL, HIGH, MEDIUM
from domain.timestamps import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from simulator.truth import LookAlike, Truth, Violation

SEVERITIES = (MEDIUM.least, HIGH.least, CRITICAL.least)
"""From which severity on an alert counts."""
WORTH_KNOWING = SEVERITIES[0]
MODEL = "model"
"""The category of what no rule describes: its detector sees other violations too."""
GRACE_MS = {
    "mcc": 2 * DAY_MS, "fee": 7 * DAY_MS, "volume": 14 * DAY_MS, "card": 90 * DAY_MS, "service": 2 * DAY_MS,
    MODEL: 14 * DAY_MS,
}  # fmt: skip
"""How long after its end a violation may still be found. A jump shows in each sale, and lateness is 24 h; fees are seen
at clearing and judged by the week. A volume's aftermath lasts longer: what a ramp or a high level has taught the
expectation is missed for days when it ends, and that alert belongs to the same story. Reports of fraud come up to 90
days late. A model of habits sees weeks at once, in which a day weighs half as much after each of them."""
LOOK_ALIKE_GRACE_MS = DAY_MS
"""How long after a look-alike an alert still is on it: an hour or day is judged after it closes."""
TOLD_LATE = "mcc_change_told_late"
"""The kind of look-alike of which alerts before `told_ms` are no mistake."""
TOLD_BY_NOBODY = frozenset({"closing", "seasonal_closing", "closed_spell"})
"""Kinds that look just like a violation to whoever was not told: an alert is no mistake, only unneeded."""


class AlertRevision(NamedTuple):
    """One revision of an alert: the event time it was emitted at, the peak severity it told, and its latest hit."""

    emitted_ms: int
    severity: float
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An alert with all its revisions; the other figures are those of the last one.

    Attributes:
        category: of the violations that its detector is for: its risk group.
        reason: why, in English.
        first_ms: event time of the earliest hit, UTC milliseconds.
        last_ms: of the latest hit.
        revisions: its revisions in order; at least one.
        reopened: how often it was reopened.
    """

    alert_id: str
    detector: str
    category: str
    merchant_id: str
    reason: str
    hits: int
    turnover_minor: int | None
    loss_minor: int | None
    currency: str
    first_ms: int
    last_ms: int
    revisions: tuple[AlertRevision, ...]
    reopened: int = 0

    @property
    def severity(self) -> float:
        """The peak, 0 to 1."""
        return max(each.severity for each in self.revisions)

    def overlaps(self, from_ms: int, until_ms: int) -> bool:
        """Whether any time from the first to the last hit lies in `from_ms` to `until_ms`, both inclusive."""
        return self.first_ms <= until_ms and self.last_ms >= from_ms

    def detected_ms(self, since_ms: int) -> int | None:
        """When a hit at `since_ms` or later was first told, with a medium severity or more; None if never.

        An episode that closes by its age is told at once, though `emitted_ms` of it is its quiet gap later.
        """
        told = (each for each in self.revisions if each.severity >= WORTH_KNOWING and each.last_ms >= since_ms)
        return min((each.emitted_ms for each in told), default=None)


class AlertLabel(StrEnum):
    """What an alert is.

    `TRUE`: of a violation of its category. `LOOK_ALIKE`: a false one, on something lawful that resembles a violation.
    `FALSE`: any other false one. `OTHER`: the merchant has a violation of another category then. `EXCUSED`: on a change
    nobody had told of. The last two are neither true nor false.
    """

    TRUE = "true"
    FALSE = "false"
    LOOK_ALIKE = "look_alike"
    OTHER = "other"
    EXCUSED = "excused"


@dataclass(frozen=True, slots=True)
class MatchedAlert:
    """An alert, what it is, and the look-alike it falls on where it is `LOOK_ALIKE` or `EXCUSED`."""

    alert: Found
    label: AlertLabel
    look_alike: LookAlike | None = None

    @property
    def is_false(self) -> bool:
        """Whether it is a false alarm."""
        return self.label in {AlertLabel.FALSE, AlertLabel.LOOK_ALIKE}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a violation.

    Attributes:
        severity: the highest of its true alerts; 0 where it has none.
        detected_ms: when the first true alert from medium severity on was told, event time; None where it was missed.
        delay_txns: affected transactions up to then; None where it was missed or the truth names no transactions.
        alert_ids: its true alerts.
    """

    violation: Violation
    severity: float
    detected_ms: int | None
    delay_txns: int | None
    alert_ids: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether it was found with a medium severity or more."""
        return self.detected_ms is not None

    @property
    def delay_h(self) -> float | None:
        """Hours from its onset until it was detected."""
        return None if self.detected_ms is None else (self.detected_ms - self.violation.onset_ms) / HOUR_MS


@dataclass(frozen=True, slots=True)
class Matching:
    """What came of it.

    Attributes:
        outcomes: of each violation, in the truth's order.
        ranked: every alert by peak severity, of equal ones the earlier first.
        unseen: violations left out because no transaction came to be affected.
    """

    outcomes: tuple[Outcome, ...]
    ranked: tuple[MatchedAlert, ...]
    unseen: int

    def false_alarms(self) -> list[MatchedAlert]:
        """False alarms of medium severity or more, the severest first."""
        return [each for each in self.ranked if each.is_false and each.alert.severity >= WORTH_KNOWING]

    def missed(self) -> list[Outcome]:
        """Missed violations by category and unit of effect, the strongest first."""
        missed = [each for each in self.outcomes if not each.found]
        return sorted(
            missed, key=lambda each: (each.violation.category, each.violation.effect_unit, -each.violation.size)
        )


def match_alerts(truth: Truth, alerts: Iterable[Found], txn_ms: Mapping[str, int]) -> Matching:
    """Match alerts and violations.

    Args:
        truth: what was done.
        alerts: each with all its revisions.
        txn_ms: event times of the transactions that the violations name, UTC milliseconds, as far as they are known.
    """
    violations: dict[str, list[Violation]] = defaultdict(list)
    look_alikes: dict[str, list[LookAlike]] = defaultdict(list)
    happened = [each for each in truth.violations if each.transactions or each.category in {"volume", "service"}]
    for violation in happened:
        violations[violation.merchant_id].append(violation)
    for look_alike in truth.look_alikes:
        look_alikes[look_alike.merchant_id].append(look_alike)
    by_merchant: dict[str, list[Found]] = defaultdict(list)
    matched = []
    for alert in alerts:
        by_merchant[alert.merchant_id].append(alert)
        matched.append(
            match_alert(alert, violations.get(alert.merchant_id, ()), look_alikes.get(alert.merchant_id, ()))
        )
    outcomes = tuple(_outcome(each, by_merchant.get(each.merchant_id, ()), txn_ms) for each in happened)
    ranked = sorted(matched, key=lambda each: (-each.alert.severity, each.alert.first_ms, each.alert.alert_id))
    return Matching(outcomes, tuple(ranked), len(truth.violations) - len(happened))


def in_time(alert: Found, violation: Violation) -> bool:
    """Whether an alert falls in the time of a violation, with its category's grace; that of a model if it is longer."""
    grace_ms = GRACE_MS[violation.category]
    if alert.category == MODEL:
        grace_ms = max(grace_ms, GRACE_MS[MODEL])
    return alert.overlaps(violation.onset_ms, violation.end_ms + grace_ms)


def match_alert(alert: Found, violations: Sequence[Violation], look_alikes: Sequence[LookAlike]) -> MatchedAlert:
    """What an alert is, from its merchant's violations and look-alikes; of several, the shortest look-alike counts."""
    then = {each.category for each in violations if in_time(alert, each)}
    if alert.category in then:
        return MatchedAlert(alert, AlertLabel.TRUE)
    if then and alert.category == MODEL:
        return MatchedAlert(alert, AlertLabel.OTHER)
    near = (each for each in look_alikes if alert.overlaps(each.from_ms, each.until_ms + LOOK_ALIKE_GRACE_MS))
    touched = sorted(near, key=lambda each: each.days)
    own = [each for each in touched if each.category == alert.category]
    if own:
        excuse = next((each for each in own if _excuses(each, alert)), None)
        label = AlertLabel.EXCUSED if excuse else AlertLabel.LOOK_ALIKE
        return MatchedAlert(alert, label, excuse or own[0])
    if then:
        return MatchedAlert(alert, AlertLabel.OTHER)
    of_any = next((each for each in touched if not each.category), None)
    return MatchedAlert(alert, AlertLabel.LOOK_ALIKE if of_any else AlertLabel.FALSE, of_any)


def _excuses(look_alike: LookAlike, alert: Found) -> bool:
    """Whether all of an alert's hits are on what nobody had told of; a terminal's clock may be ahead of that."""
    if look_alike.kind == TOLD_LATE:
        return alert.last_ms <= look_alike.told_ms + FUTURE_MS
    return look_alike.kind in TOLD_BY_NOBODY


def _outcome(violation: Violation, alerts: Sequence[Found], txn_ms: Mapping[str, int]) -> Outcome:
    mine = [each for each in alerts if each.category == violation.category and in_time(each, violation)]
    detected = [ms for each in mine if (ms := each.detected_ms(violation.onset_ms)) is not None]
    detected_ms = min(detected, default=None)
    delay_txns = None
    if detected_ms is not None and violation.txn_ids:
        delay_txns = sum(1 for each in violation.txn_ids if txn_ms.get(each, detected_ms + 1) <= detected_ms)
    severity = max((each.severity for each in mine), default=0.0)
    return Outcome(violation, severity, detected_ms, delay_txns, tuple(each.alert_id for each in mine))

"""What a detector is: settings, features in, findings out. No clock, no I/O, no state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from domain.feature_codes import NULL
from domain.timestamps import day_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec
    from numpy.typing import NDArray

    from domain.alerts import Evidence, Text

    Features = Mapping[str, NDArray[np.int64] | NDArray[np.float64]]
    """Feature columns by name, one value per accepted transaction of a batch; `docs/features.md` lists them. An int64
    column's null is the smallest int64, a float64 column's is NaN. The arrays hold until `detect` returns."""
    Values = Mapping[str, int | float | None]
    """One transaction's values of some columns; None is null."""

CONTEXT = ("sale_minor", "local_day", "home_up", "home_down")
"""Columns that detectors are given beside the features. `sale_minor` is the amount of an approved sale in the
merchant's currency, null of any other row; `local_day` the merchant's local day of a transaction, or the day that
ended, in days from 1970, null of any other row; `home_up` / `home_down` minor units of the home currency are one of
the merchant's by the rates in force."""
HOME = CONTEXT[2:]
"""The columns that `home_minor`, `own_minor` and `own_threshold` read."""
MOST_S = 400 * 86_400
"""Longest gap or age of an episode: a merchant's row is forgotten after it."""
E7 = 10_000_000
"""Turnover and loss are held in ten-millionths of a minor unit, exact."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The transactions of a batch that a detector finds fault with.

    Attributes:
        index: int64, ascending: which.
        severity: float64, raw, 0 to 1; `detectors.calibration` makes of it what alerts have.
        loss_e7: int64: money lost by each, in ten-millionths of a minor unit, 0 or above; null where it is not known.
            None where it is known of none.
        turnover_e7: the same of the money of the transactions concerned.
    """

    index: NDArray[np.int64]
    severity: NDArray[np.float64]
    loss_e7: NDArray[np.int64] | None = None
    turnover_e7: NDArray[np.int64] | None = None

    def from_severity(self, least: float) -> Findings:
        """Those whose severity, to the four digits that alerts have, is at least `least`, 0 to 1."""
        if least <= 0 or (kept := np.round(self.severity, 4) >= least).all():
            return self
        loss, turnover = (None if each is None else each[kept] for each in (self.loss_e7, self.turnover_e7))
        return Findings(self.index[kept], self.severity[kept], loss, turnover)


NOTHING = Findings(np.empty(0, np.int64), np.empty(0, np.float64))
"""Most batches give no findings; a detector that says so before it measures any is several times as fast."""


class DutyRule(NamedTuple):
    """A rule of a scheme or authority that wants something done about a finding.

    Attributes:
        name: what it is called.
        within_s: seconds from the first hit.
        due_ms: the moment itself, UTC milliseconds, where the rule names one; 0 where `within_s` says it.
    """

    name: str
    within_s: int = 0
    due_ms: int = 0


class Story(NamedTuple):
    """What an alert has come to: what its sentence needs besides the figures of one transaction.

    Attributes:
        hits: so far.
        loss_minor: money lost so far, None where none is known.
        turnover_minor: money of the transactions concerned so far, None where none is known.
        first_day: the merchant's local day of the earliest hit, ISO 8601; None where it is not known.
    """

    hits: int
    loss_minor: int | None = None
    turnover_minor: int | None = None
    first_day: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The setting that all detectors have: their classes derive from this one.

    Args:
        least_severity: findings of less severity, as alerts have it, are left out, 0 to 1.
    """

    least_severity: float = 0.0


class Detector(Protocol):
    """A detector.

    One whose every finding falls under a rule with a deadline has it as `duty`, a `DutyRule`. One of which only some
    do, or under several, has `duty_of(values)` instead: the `DutyRule` of a finding with these values of its `columns`,
    or None.
    """

    @property
    def name(self) -> str:
        """Its file's name."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever the same features may give other findings."""
        ...

    @property
    def title(self) -> Text:
        """What it finds, in a few words."""
        ...

    @property
    def risk_group(self) -> str:
        """Of `domain.risk.RISK_GROUPS`: how its findings count in the risk score, and with whose they are capped."""
        ...

    @property
    def risk_code(self) -> str:
        """PCAC risk type, of `domain.risk_codes.RISK_CODES`; "" where none exists."""
        ...

    @property
    def bearer(self) -> str:
        """Who bears the loss that it finds, of `domain.alerts.BEARERS`; "" where it finds turnover alone."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Fields of transactions, or types of events, of which the detector needs at least one.

        Without them it is silent, and coverage says so.
        """
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Features that it reads or freezes into its alerts."""
        ...

    @property
    def least_severity(self) -> float:
        """Findings of less severity, as alerts have it, are left out; 0 to 1."""
        ...

    @property
    def quiet_gap_s(self) -> int:
        """Seconds without a hit after which an episode closes; above 0."""
        ...

    @property
    def max_age_s(self) -> int:
        """Seconds after which an episode gives way to a new one; at least `quiet_gap_s`."""
        ...

    def detect(self, features: Features) -> Findings:
        """The findings of a batch. The same features give the same findings, however they are checkpointed."""
        ...

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The figures an alert rests on, from one transaction's values of `columns`."""
        ...

    def facts(self, values: Values, story: Story) -> msgspec.Struct:
        """All that its sentence is made of: the `Facts` of `detectors.words.NAME`.

        Args:
            values: one transaction's, of its `columns`; of an alert that an earlier version opened, perhaps of fewer.
            story: what the alert has come to.
        """
        ...

    def sentence(self, facts: Any, currency: str) -> Text:
        """One sentence on why, made of facts alone: `sentence` of `detectors.words.NAME`.

        Args:
            facts: as `facts` gives them.
            currency: of all money in them, a code of ISO 4217.
        """
        ...


def check_range(settings: object, low: float, high: float, *names: str) -> None:
    """Check that settings lie in a range.

    Raises:
        ValueError: one does not; the message names it.
    """
    for name in names:
        value = getattr(settings, name)
        if not low <= value <= high:  # also refuses NaN
            raise ValueError(f"{name} must be {low:g} to {high:g}, got {value!r}")


def check_whole(settings: object, low: int, high: int, *names: str) -> None:
    """Check that settings are whole numbers in a range.

    Raises:
        ValueError: one is not; the message names it.
    """
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{name} must be a whole number of {low} to {high}, got {value!r}")


def check_episode(settings: Detector) -> None:
    """Check the least severity, and that gap and age are whole seconds of 1 to `MOST_S`, the age at least the gap.

    Raises:
        ValueError: they are not; the message names the one at fault.
    """
    check_range(settings, 0, 1, "least_severity")
    check_whole(settings, 1, MOST_S, "quiet_gap_s", "max_age_s")
    if settings.max_age_s < settings.quiet_gap_s:
        raise ValueError(f"max_age_s must be at least {settings.quiet_gap_s}, got {settings.max_age_s!r}")


def turnover_e7(minor: NDArray[np.int64]) -> NDArray[np.int64]:
    """Minor units as `Findings` has turnover: at least 0, at most 10^11 by a row; null stays null.

    >>> turnover_e7(np.array([150, -3])).tolist()
    [1500000000, 0]
    """
    return np.where(minor == NULL, NULL, np.clip(minor, 0, 10**11) * E7)


def home_minor(features: Features, index: NDArray[np.int64], minor: NDArray[Any]) -> NDArray[Any]:
    """Money of the rows `index` in the home currency, in which severity goes by it; as it is where that is theirs."""
    up, down = (features[name] for name in HOME)
    if up is down:  # all are at home
        return minor
    up, down = up[index], down[index]
    return minor if np.array_equal(up, down) else minor * (up / down)


def own_minor(features: Features, index: NDArray[np.int64], minor: float) -> NDArray[np.int64] | float:
    """A threshold of the home currency in that of each of the rows `index`, exact: the least that reaches it."""
    up, down = (features[name] for name in HOME)
    if up is down:  # all are at home
        return minor
    up, down = up[index], down[index]
    if np.array_equal(up, down):
        return minor
    pairs = list(zip(up.tolist(), down.tolist(), strict=True))
    found = {each: _own(minor, *each) for each in set(pairs)}
    return np.array([found[each] for each in pairs], np.int64)


def own_threshold(values: Values, minor: float) -> float:
    """The same for one transaction's values; where they say no rate, as alerts of before, the threshold as it is."""
    up, down = (values.get(name) or 1 for name in HOME)
    return minor if up == down else _own(minor, int(up), int(down))


def _own(minor: float, up: int, down: int) -> int:
    return min(math.ceil(Fraction(minor) * down / up), 2**63 - 1)


def code(value: float | None, digits: int = 4) -> str:
    """A code of digits, such as an MCC; "" for null.

    >>> code(742), code(3, 2), code(None)
    ('0742', '03', '')
    """
    return "" if value is None else f"{int(value):0{digits}d}"


def rounded(value: float | None, digits: int) -> float | None:
    """A figure as evidence shows it; null stays null."""
    return None if value is None else round(value, digits)


def iso_day(values: Values, name: str = "local_day") -> str | None:
    """A local day of one transaction's values as ISO 8601; None where it is null or not there."""
    day = values.get(name)
    return None if day is None else day_iso(int(day))


def minor_of(value: float | None) -> int | None:
    """Ten-millionths of a minor unit as minor units, rounded half up; null stays null.

    >>> minor_of(15_000_000), minor_of(None)
    (2, None)
    """
    return None if value is None else (int(value) + E7 // 2) // E7


def whole(value: float | None) -> int | None:
    """A figure as a whole number, as facts have money and counts; null stays null."""
    return None if value is None else round(value)

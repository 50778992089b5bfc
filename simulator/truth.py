"""`truth.json` of a simulated folder: the violations, and the look-alikes that must stay silent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from domain.errors import TillwatchError
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from pathlib import Path

RATIO = "ratio"
"""The unit of effects that are strong far above 1 and far below it."""
CATEGORIES = ("mcc", "fee", "volume", "card", "service", "model")


class TruthError(TillwatchError):
    """A `truth.json` that cannot be evaluated against."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done to one merchant's traffic that a monitor should find.

    Attributes:
        category: `mcc`, `fee`, `volume`, `card`; `service`: nobody's wrong, but maintenance or a duty; or `model`: what
            no rule describes.
        kind: what was done, within the category (docs/simulator.md lists the kinds).
        onset_ms: start, event time, UTC milliseconds.
        end_ms: end, event time, exclusive.
        effect: how strong it is, in `effect_unit`.
        effect_unit: `share of sales`, `share of due`, `ticket ratio` …
        txn_ids: the affected transactions in order of receipt; may be empty for volume.
        transactions: number of affected transactions.
        amount_minor: sum of their amounts.
        money_minor: interchange withheld, fees overcharged or not charged; None where it is not known.
        details: fields of the kind, such as `registered` and `presented`.
    """

    merchant_id: str
    merchant_index: int
    category: str
    kind: str
    onset_ms: int
    end_ms: int
    effect: float
    effect_unit: str
    txn_ids: tuple[str, ...]
    transactions: int
    amount_minor: int
    money_minor: int | None
    details: dict[str, str | int | float]

    @property
    def usual_a_day(self) -> float:
        """Usual sales a day during the violation; 0 where `details` lack them."""
        days = max(1.0, (self.end_ms - self.onset_ms) / DAY_MS)
        return float(self.details.get("usual_transactions", 0)) / days

    @property
    def size(self) -> float:
        """How strong it is: the effect's magnitude; of a ratio below 1 its reciprocal, infinite where that is 0."""
        size = abs(self.effect)
        if self.effect_unit != RATIO or size >= 1:
            return size
        return 1 / size if size else math.inf


class LookAlike(msgspec.Struct, frozen=True, kw_only=True):
    """Something lawful that resembles a violation.

    Attributes:
        category: of the violation it resembles; "" where that is any.
        kind: what it is, within the category (docs/simulator.md lists the kinds).
        from_ms: start, UTC milliseconds.
        until_ms: end, exclusive.
        told_ms: when an event announced it; 0 if none did.
    """

    merchant_id: str
    merchant_index: int
    category: str
    kind: str
    from_ms: int
    until_ms: int
    told_ms: int

    @property
    def days(self) -> float:
        """How long it lasts."""
        return (self.until_ms - self.from_ms) / DAY_MS


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `truth.json`; the run lasts from `start_ms` to before `end_ms`, UTC milliseconds."""

    violations: tuple[Violation, ...]
    look_alikes: tuple[LookAlike, ...]
    start_ms: int
    end_ms: int
    merchants: int

    @property
    def merchant_days(self) -> float:
        """Merchants times days of the run."""
        return self.merchants * (self.end_ms - self.start_ms) / DAY_MS


def read_truth(path: Path) -> Truth:
    """Read a `truth.json`.

    Raises:
        TruthError: it is not JSON, has another format, or holds impossible values.
    """
    try:
        truth = msgspec.json.decode(path.read_bytes(), type=Truth)
    except msgspec.DecodeError as error:
        raise TruthError(f"{path}: {error}") from error
    if truth.merchants < 1 or truth.end_ms <= truth.start_ms:
        span = truth.end_ms - truth.start_ms
        raise TruthError(f"{path}: the run must have merchants and last, got {truth.merchants} in {span} ms")
    for k, violation in enumerate(truth.violations):
        where = f"{path}: violations[{k}]"
        _check_span(where, violation.category, violation.onset_ms, violation.end_ms, CATEGORIES)
        if not math.isfinite(violation.effect):
            raise TruthError(f"{where}: effect must be finite, got {violation.effect!r}")
    for k, look_alike in enumerate(truth.look_alikes):
        _check_span(
            f"{path}: look_alikes[{k}]", look_alike.category, look_alike.from_ms, look_alike.until_ms, (*CATEGORIES, "")
        )
    return truth


def _check_span(where: str, category: str, from_ms: int, until_ms: int, categories: tuple[str, ...]) -> None:
    if category not in categories:
        raise TruthError(f"{where}: category must be one of {', '.join(categories)}, got {category!r}")
    if until_ms < from_ms:
        raise TruthError(f"{where}: must not end before it begins, got {from_ms} to {until_ms}")

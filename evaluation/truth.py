"""What `truth.json` of a simulated folder says: what was done to the traffic, and what only looks like it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from domain.errors import TillwatchError

if TYPE_CHECKING:
    from pathlib import Path

DAY_MS = 86_400_000
RATIO = "ratio"
"""The unit of effects that are strong far above 1 and far below it."""
FAMILIES = ("mcc", "fee", "volume")


class TruthError(TillwatchError):
    """A `truth.json` that cannot be judged by."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done to one merchant's traffic that a monitor should find.

    Attributes:
        family: `mcc`, `fee` or `volume`.
        kind: what was done, within the family.
        onset_ms: from this event time on, UTC milliseconds.
        end_ms: up to this event time, exclusive.
        effect: what was done, in `effect_unit`.
        txn_ids: the affected transactions in order of receipt; may be empty.
        transactions: how many transactions are affected.
        amount_minor: sum of their amounts.
        money_minor: what the acquirer or the merchant lost by it; None where that is not known.
    """

    merchant_id: str
    merchant_index: int
    family: str
    kind: str
    onset_ms: int
    end_ms: int
    effect: float
    effect_unit: str
    txn_ids: tuple[str, ...]
    transactions: int
    amount_minor: int
    money_minor: int | None
    details: dict[str, Any]

    @property
    def usual_a_day(self) -> float:
        """Sales a day that would have been usual in its time; 0 where the truth does not say."""
        days = max(1.0, (self.end_ms - self.onset_ms) / DAY_MS)
        return float(self.details.get("usual_transactions", 0)) / days

    @property
    def size(self) -> float:
        """How strong it is: the effect's magnitude; of a ratio below 1 its reciprocal, infinite where that is 0."""
        size = abs(self.effect)
        if self.effect_unit != RATIO or size >= 1:
            return size
        return 1 / size if size else math.inf


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """Something lawful that resembles a violation.

    Attributes:
        family: of the violation it resembles; "" where that is any.
        from_ms: since when, UTC milliseconds.
        until_ms: until when, exclusive.
        told_ms: when an event told of it; 0 if none did.
    """

    merchant_id: str
    merchant_index: int
    family: str
    kind: str
    from_ms: int
    until_ms: int
    told_ms: int

    @property
    def days(self) -> float:
        """How long it lasts."""
        return (self.until_ms - self.from_ms) / DAY_MS


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in `truth.json`; the run goes from `start_ms` to before `end_ms`, UTC milliseconds."""

    violations: tuple[Violation, ...]
    controls: tuple[Control, ...]
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
        TruthError: it is none, or of another format, or says what cannot be.
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
        _check_span(where, violation.family, violation.onset_ms, violation.end_ms, FAMILIES)
        if not math.isfinite(violation.effect):
            raise TruthError(f"{where}: effect must be finite, got {violation.effect!r}")
    for k, control in enumerate(truth.controls):
        _check_span(f"{path}: controls[{k}]", control.family, control.from_ms, control.until_ms, (*FAMILIES, ""))
    return truth


def _check_span(where: str, family: str, from_ms: int, until_ms: int, families: tuple[str, ...]) -> None:
    if family not in families:
        raise TruthError(f"{where}: family must be one of {', '.join(families)}, got {family!r}")
    if until_ms < from_ms:
        raise TruthError(f"{where}: must not end before it begins, got {from_ms} to {until_ms}")

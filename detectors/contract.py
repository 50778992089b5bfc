"""What a detector is: settings, features in, findings out. No clock, no I/O, no state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from domain.alerts import Evidence, Text

Features = "Mapping[str, NDArray[np.int64] | NDArray[np.float64]]"
"""Feature columns by name, one value per accepted transaction of a batch; `docs/features.md` lists them. An int64
column's null is the smallest int64, a float64 column's is NaN."""

E7 = 10_000_000
"""Money at stake is held in ten-millionths of a minor unit, exact."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The transactions of a batch that a detector finds fault with.

    Attributes:
        index: int64, ascending: which.
        severity: float64, 0 to 1: from 0.3 worth knowing, 0.6 to be worked, 0.85 urgent.
        at_stake_e7: int64: money at stake by each, in ten-millionths of a minor unit; 0 where none is known.
    """

    index: NDArray[np.int64]
    severity: NDArray[np.float64]
    at_stake_e7: NDArray[np.int64]


class Detector(Protocol):
    """A detector.

    Attributes:
        name: its file's name.
        version: raised whenever the same features may give other findings.
        title: what it finds, in a few words.
        risk_code: PCAC risk type, "" where none exists.
        needs: event fields of which it needs at least one; without them it is silent, and coverage says so.
        columns: features that it reads or freezes into its alerts.
        quiet_gap_s: seconds without a hit after which an episode closes; above 0.
        max_age_s: seconds after which an episode gives way to a new one; at least `quiet_gap_s`.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def title(self) -> Text: ...
    @property
    def risk_code(self) -> str: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def quiet_gap_s(self) -> int: ...
    @property
    def max_age_s(self) -> int: ...

    def detect(self, features: Mapping[str, NDArray[np.int64] | NDArray[np.float64]]) -> Findings:
        """The findings of a batch. The same features give the same findings, however they are cut."""
        ...

    def evidence(self, values: Mapping[str, int | float | None]) -> tuple[Evidence, ...]:
        """The figures an alert rests on, from one transaction's values of `columns`."""
        ...

    def reason(self, values: Mapping[str, int | float | None], hits: int, at_stake_minor: int, currency: str) -> Text:
        """One sentence on why, with the merchant's numbers in it."""
        ...

"""The risk ledger: what each detector adds to a merchant's score, fading on the merchant's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Contribution, Score
from engine.episodes import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HALF_LIFE_MS = 30 * 86_400_000
"""A contribution halves in this time of the merchant's clock."""
POINTS = 80.0
"""Points of an episode of severity 1."""
GRADES = ((85.0, "E"), (70.0, "D"), (40.0, "C"), (20.0, "B"))
"""Least score of each grade; A below. C, D and E follow the response policy of `docs/risk-score.md`."""


def grade_of(score: float) -> str:
    """The grade of a score, 0 to 100.

    >>> [grade_of(each) for each in (0, 20, 69.9, 70, 100)]
    ['A', 'B', 'C', 'D', 'E']
    """
    return next((grade for least, grade in GRADES if score >= least), "A")


Slots = tuple[tuple[float, int], ...]
"""Points and when they were last brought up to date, by detector."""


class RiskLedger:
    """One slot per detector and merchant: points, and when they were last brought up to date.

    Args:
        detectors: their names, in order.
        journals: whether it is noted for cuts which rows change; then `changes` must be called now and again.
    """

    def __init__(self, detectors: Iterable[str], *, journals: bool = False) -> None:
        self._names = tuple(detectors)
        self._slots: dict[int, Slots] = {}
        self._journals = journals
        self._changed: dict[int, Slots] = {}

    def add(self, row: int, detector: str, at_ms: int, rise: float) -> None:
        """Let an episode's peak rise by `rise` (0 to 1) at `at_ms` of the merchant's clock."""
        slots = self._slots.get(row, tuple((0.0, at_ms) for _ in self._names))
        k = self._names.index(detector)
        points, since = slots[k]
        fresh = (min(100.0, _faded(points, at_ms - since) + POINTS * rise), max(since, at_ms))
        self._slots[row] = (*slots[:k], fresh, *slots[k + 1 :])
        if self._journals:
            self._changed[row] = self._slots[row]

    def changes(self) -> Mapping[int, Slots]:
        """The slots of each row that changed since the last call."""
        found, self._changed = self._changed, {}
        return found

    def put_back(self, row: int, slots: Slots) -> None:
        """Go on with slots as `changes` gave them."""
        self._slots[row] = slots

    def known(self, row: int) -> bool:
        """Whether any detector ever added to a row's score."""
        return row in self._slots

    def score(self, row: int, merchant_id: str, at_ms: int) -> Score:
        """The merchant's score at `at_ms`."""
        points = [round(_faded(each, at_ms - since), 4) for each, since in self._slots[row]]
        total = round(min(100.0, sum(points)), 4)
        return Score(
            merchant_id=merchant_id, time=iso(at_ms), score=total, grade=grade_of(total),
            contributions=tuple(
                Contribution(name, each) for name, each in zip(self._names, points, strict=True) if each
            ),
        )  # fmt: skip


def _faded(points: float, elapsed_ms: int) -> float:
    return float(points * 2.0 ** (-max(0, elapsed_ms) / HALF_LIFE_MS))

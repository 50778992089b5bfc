"""Deadlines of what is remembered of merchants, found without walking over all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from engine.features.feature_rows import FeatureRows

T = TypeVar("T")

_NEVER = np.iinfo(np.int64).max


class Deadlines(Generic[T]):
    """Values, each of a merchant and with a deadline, in numbered slots that are used again."""

    def __init__(self) -> None:
        self._values: list[T | None] = []
        self._free: list[int] = []
        self._row = np.zeros(64, np.int64)
        self._ms = np.full(64, _NEVER, np.int64)

    def add(self, value: T, row: int, deadline_ms: int) -> int:
        """Take in a value of the merchant in a row; return its slot."""
        slot = self._free.pop() if self._free else len(self._values)
        if slot == len(self._values):
            self._values.append(None)
            if slot == len(self._row):
                self._row = np.append(self._row, np.zeros(slot, np.int64))
                self._ms = np.append(self._ms, np.full(slot, _NEVER, np.int64))
        self._values[slot], self._row[slot], self._ms[slot] = value, row, deadline_ms
        return slot

    def __getitem__(self, slot: int) -> int:
        return int(self._ms[slot])

    def __setitem__(self, slot: int, deadline_ms: int) -> None:
        self._ms[slot] = deadline_ms

    def remove(self, slot: int) -> None:
        """Forget the value in a slot."""
        self._values[slot] = None
        self._ms[slot] = _NEVER
        self._free.append(slot)

    def passed(self, rows: FeatureRows) -> list[T]:
        """The values whose deadline their merchant's clock or its feed's clock has passed, in no order."""
        n = len(self._values)
        due = rows.reached_ms(self._row[:n]) > self._ms[:n]
        return [value for k in np.flatnonzero(due).tolist() if (value := self._values[k]) is not None]

"""Scores the days of merchants that ended by the anomaly model in force at each row's clock.

It stands between the kernel, which writes the merchants' habits, and the detectors, which read the columns of the
family `oddity`. A row is scored by itself: how batches are cut changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from domain import habits
from domain.feature_codes import NULL, ROW_CLOSING
from engine.features.families.oddity import LEAST_AGE_D, REASONS
from models.anomaly.habits import Habits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.features.families import Column
    from engine.features.state import Into
    from models.anomaly.habits import Scores
    from models.anomaly.model import Model

M = TypeVar("M")
_HOURS = 24


class Models(NamedTuple, Generic[M]):
    """Models by time.

    Attributes:
        since_ms: ascending, (models,): the rows' clock from which on each is in force; the first is from the beginning.
        models: None where there is none.
    """

    since_ms: NDArray[np.int64]
    models: Sequence[M | None]

    def at(self, clock_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places of those in force at clocks, (clocks,)."""
        return np.maximum(np.searchsorted(self.since_ms, clock_ms, "right") - 1, 0)


class Scoring:
    """Fills in the columns of the family `oddity`.

    Args:
        columns: every feature column, in order. Without those of `habits` and `oddity` nothing is scored.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._places = {each.name: k for k, each in enumerate(columns)}
        self._able = {"habit_sales", "model_score", "age_h"} <= self._places.keys()

    def score(self, into: Into, count: int, models: Models[Model]) -> None:
        """Score the ends of days among the first `count` rows of features.

        Merchants younger than `LEAST_AGE_D` days, and those of whom too little is known, are passed over.
        """
        if not self._able:
            return
        for _, model, at in ended_days(into, count, self._places, ["habit_sales"], models):
            self._write(into, at, known := self._habits(into, at), model.score(known))

    def _habits(self, into: Into, at: NDArray[np.int64]) -> Habits:
        mcc = into.table[self._places["habit_mcc"], at]
        return Habits(
            value=self._floats(into, [f"habit_{name}" for name in habits.NAMES], at),
            usual=self._floats(into, [f"habit_{name}_usual" for name in habits.NAMES], at),
            weight=self._floats(into, ["habit_sales"], at)[:, 0],
            mcc=np.where(mcc == NULL, -1, mcc),
            age_d=into.table[self._places["age_h"], at] // _HOURS,
        )

    def _floats(self, into: Into, names: Sequence[str], at: NDArray[np.int64]) -> NDArray[np.float64]:
        return floats(into, self._places, names, at)

    def _write(self, into: Into, at: NDArray[np.int64], known: Habits, found: Scores) -> None:
        """Write what was found of the rows `at`; those without a score stay null."""
        scored = ~np.isnan(found.score)
        at = at[scored]
        for name in ("score", "percentile", "load"):
            self._put(into, f"model_{name}", at, getattr(found, name)[scored])
        for k in range(REASONS):
            reason = found.reason[scored, k]
            there = np.flatnonzero(reason >= 0)
            rows, habit = np.flatnonzero(scored)[there], reason[there]
            into.table[self._places[f"model_reason_{k + 1}"], at[there]] = habit
            for name, values in (("value", known.value[rows, habit]), ("usual", known.usual[rows, habit]),
                                 ("low", found.low[rows, k]), ("high", found.high[rows, k])):  # fmt: skip
                self._put(into, f"model_{name}_{k + 1}", at[there], values)

    def _put(self, into: Into, name: str, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        put(into, self._places[name], at, values)


def ended_days(
    into: Into, count: int, places: Mapping[str, int], known: Sequence[str], models: Models[M]
) -> Iterator[tuple[int, M, NDArray[np.int64]]]:
    """The ends of days to score, by the model in force at their clocks: its place, the model and the rows.

    Args:
        into: the rows of features.
        count: how many there are.
        places: of the columns, by name.
        known: columns of floats that must not be null. Merchants younger than `LEAST_AGE_D` days are passed over, too.
        models: by time; days under none are left out.
    """
    if all(each is None for each in models.models):
        return
    closed = np.flatnonzero(into.table[0, :count] == ROW_CLOSING)
    old = into.table[places["age_h"], closed] >= LEAST_AGE_D * _HOURS
    closed = closed[old & ~np.isnan(floats(into, places, known, closed)).any(axis=1)]
    which = models.at(into.clock_ms[closed])
    for k in np.unique(which).tolist():
        if (model := models.models[k]) is not None:
            yield k, model, closed[which == k]


def floats(into: Into, places: Mapping[str, int], names: Sequence[str], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Columns of some rows, (rows, names), given the place of each column; what is not finite is not known."""
    chosen = np.array([places[name] for name in names], np.int64)
    values = np.ascontiguousarray(into.table[np.ix_(chosen, at)].T).view(np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def put(into: Into, place: int, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    """Write a column of floats of some rows."""
    into.table[place, at] = np.ascontiguousarray(values, np.float64).view(np.int64)

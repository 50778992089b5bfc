"""Holds the days that ended of merchants of cheaper classes against the trade model in force at each row's clock.

It stands between the kernel, which writes the merchants' habits and what their profiles say, and the detectors, which
read the columns of the family `trade_fit`. A row is judged by itself: how batches are cut changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain import habits
from engine.features.scoring import ended_days, floats, put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.features.families import Column
    from engine.features.scoring import Models
    from engine.features.state import Into
    from models.trade.model import TradeModel


class TradeScoring:
    """Fills in the columns of the family `trade_fit`.

    Args:
        columns: every feature column, in order. Without those of `habits`, `trade` and `trade_fit` nothing is judged.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._places = {each.name: k for k, each in enumerate(columns)}
        self._able = {"habit_sales", "trade_evidence", "trade_odds", "age_h"} <= self._places.keys()

    def score(
        self, into: Into, count: int, models: Models[TradeModel], references: NDArray[np.void],
        master_data: NDArray[np.void],
    ) -> None:  # fmt: skip
        """Judge the ends of days among the first `count` rows of features.

        Args:
            into: the rows.
            count: how many there are.
            models: by time.
            references: the tables of the same times, of `engine.features.event.REFERENCE`.
            master_data: the versions that rows are under.
        """
        if not self._able:
            return
        for k, model, at in ended_days(into, count, self._places, ["habit_sales", "trade_evidence"], models):
            fee_class = references["mcc_class"][k].astype(np.int64)
            self._judge(into, at, model, fee_class, master_data[into.version_of[at]])

    def _judge(
        self, into: Into, at: NDArray[np.int64], model: TradeModel, fee_class: NDArray[np.int64],
        registered: NDArray[np.void],
    ) -> None:  # fmt: skip
        """Write what the model says of the rows `at`."""
        from models.trade.odds import odds  # noqa: PLC0415  where there is no model nothing of it is loaded

        own = into.table[self._places["trade_mcc"], at]
        there = np.arange(registered["mccs"].shape[1]) < registered["mcc_count"][:, None]
        classes = np.where(there, fee_class[np.where(there, registered["mccs"], 0)], np.iinfo(np.int64).max)
        dearest = np.minimum(classes.min(axis=1), fee_class[own])
        value = floats(into, self._places, [f"habit_{name}" for name in habits.NAMES], at)
        found = odds(model.parts, model.probabilities(value), own, dearest, fee_class)
        judged = found.other >= 0
        at = at[judged]
        into.table[self._places["trade_other"], at] = found.other[judged]
        for name, values in (
            ("trade_odds", found.nats), ("trade_probability", found.own),
            ("trade_other_probability", found.other_probability),
        ):  # fmt: skip
            put(into, self._places[name], at, values[judged])

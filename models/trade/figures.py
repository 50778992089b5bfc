"""Which habits speak of a trade, as the trade model is given them.

Trees part figures by their order alone, so none is put on another scale. What depends on the declared MCC itself is
left out: sales under other MCCs, fees, declines and reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain.habits import HABITS, NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEFT_OUT = frozenset({
    "testing_share", "limit_share", "other_mcc_share", "switch_share", "fee_off", "reported_share",
})  # fmt: skip
"""Habits that say nothing of a trade, or are counted against the MCC that is declared."""
FIGURES = tuple(each for each in NAMES if each not in LEFT_OUT)
"""In the order of vectors."""
COUNT = len(FIGURES)
_PLACES = np.array([NAMES.index(each) for each in FIGURES])


def vectors(value: NDArray[np.float64]) -> NDArray[np.float32]:
    """The figures of merchant-days, shape (n, COUNT), NaN where one is not known.

    Args:
        value: habits in natural units, shape (n, len(HABITS)), in the order of `domain.habits.HABITS`.

    Raises:
        ValueError: another shape, or an infinite figure.
    """
    if value.ndim != 2 or value.shape[1] != len(HABITS):
        raise ValueError(f"value of habits must have shape (n, {len(HABITS)}), got {value.shape}")
    if np.isinf(value).any():
        raise ValueError("value of habits must be finite or NaN, got an infinite one")
    return np.ascontiguousarray(value[:, _PLACES], np.float32)

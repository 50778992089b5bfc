"""Forms of a detector's findings that are true at very different rates, so that each has a severity curve of its own.

A return after a long closure is seldom lawful, a single day after a week's pause mostly is; raw severity, which grows
with money, tells nothing of that. A detector that is not named here has one form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.volume_rise import WAKE_D
from domain.feature_codes import RISE_LASTING, ROW_CLOSING, SOURCE_FEE_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from detectors.contract import Features

    FormOf = Callable[[Features, NDArray[np.int64]], NDArray[np.int64]]

RETURN_D = 30
"""Whole days without a sale before a return; before fewer, from `WAKE_D` on, it is a day after a pause."""


def _of_rise(features: Features, index: NDArray[np.int64]) -> NDArray[np.int64]:
    closed, slept = features["row_kind"][index] == ROW_CLOSING, features["dormancy_d"][index]
    of_days = np.where(features["rise_form"][index] == RISE_LASTING, 2, 0)
    of_sales = np.where(slept >= RETURN_D, 4, np.where(slept >= WAKE_D, 1, 3))
    return np.asarray(np.where(closed, of_days, of_sales), np.int64)


def _of_collapse(features: Features, index: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(features["closed_sales"][index] == 0, np.int64)


def _of_jump(features: Features, index: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray((features["mcc_sources"][index].astype(np.int64) & SOURCE_FEE_TYPE) > 0, np.int64)


FORMS: dict[str, tuple[tuple[str, ...], FormOf]] = {
    "mcc_jump": (("mcc", "fee type"), _of_jump),
    "volume_rise": (("three days", "after a pause", "lasting", "day", "return"), _of_rise),
    "volume_collapse": (("low", "silent"), _of_collapse),
}
"""By detector, the names of its forms, and which of them each of the findings `index` is: 0 for the first. An alert
that has findings of several forms counts as one of the last when curves are fitted."""

KEPT_RAW = frozenset({"anomaly", "dormancy", "licence_expiry", "terminal_failing", "terminal_silent"})
"""Curve names of what keeps raw severity: what a rule asks for is as severe as the rule says, however often it is
lawful, and what is odd alone is never urgent."""


def curve_names(detector: str) -> tuple[str, ...]:
    """The names that a detector's curves may have: of its forms, if it has several.

    >>> curve_names("volume_collapse"), curve_names("fee_over")
    (('volume_collapse: low', 'volume_collapse: silent'), ('fee_over',))
    """
    if detector not in FORMS:
        return (detector,)
    return tuple(f"{detector}: {form}" for form in FORMS[detector][0])

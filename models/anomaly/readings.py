"""What the two readings of training count: merchants, scores, and alerts by threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.anomaly.ranks import MOST_DECADES, PER_DECADE, POINTS, extended
from models.anomaly.scoring import BLOCK, LOADS, SLOPE, Parts, judged
from models.rarity import njit_cached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from models.anomaly.samples import Batch

QUIET_D = 14
"""Days below a threshold after which a day above it is a new alert: the quiet gap of the detector's alerts."""
LEAST_ALERTS = 10
"""New alerts that a load is read from, at least; beyond, it falls by a decade for each decade of oddness."""
_BINS_A_DECADE = 1000
_NEVER = -1_000_000


class Merchants:
    """The merchants of a stream, each with the last MCC that was told of it."""

    def __init__(self) -> None:
        self.keys: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._mcc: NDArray[np.int64] = np.empty(0, np.int64)

    def add(self, merchant: NDArray[np.uint64], mcc: NDArray[np.int64]) -> None:
        """Take the merchants of a batch, in the order of the stream."""
        keys = np.concatenate([self.keys, merchant])[::-1]
        mccs = np.concatenate([self._mcc, mcc])[::-1]
        self.keys, last = np.unique(keys, return_index=True)
        self._mcc = mccs[last]

    def by_mcc(self) -> dict[int, int]:
        """How many merchants each MCC has."""
        mccs, counts = np.unique(self._mcc, return_counts=True)
        return dict(zip(mccs.tolist(), counts.tolist(), strict=True))


class Reading(NamedTuple):
    """What the second reading gives."""

    merchant_days: int
    """Those that have a score."""
    oddness: NDArray[np.float64]
    """The table of `models.anomaly.scoring.Ranks`."""
    load: NDArray[np.float64]
    """Shape (len(LOADS),): new alerts per 1,000 merchant-days."""


def second_reading(
    parts: Sequence[Parts],
    batches: Iterable[Batch],
    merchants: Merchants,
    part_of: Callable[[NDArray[np.uint64]], NDArray[np.int64]],
) -> Reading:
    """Score all merchant-days.

    Args:
        parts: what days are scored by.
        batches: the days.
        merchants: all that are in them.
        part_of: place in `parts` of what scores each of n merchants, shape (n,).
    """
    counts = np.zeros(int(MOST_DECADES * _BINS_A_DECADE) + 1, np.int64)
    alerts = np.zeros(len(LOADS), np.int64)
    last = np.full((len(merchants.keys), len(LOADS)), _NEVER, np.int32)
    for batch in batches:
        for begin in range(0, len(batch.day), BLOCK):
            block = batch.rows(slice(begin, begin + BLOCK))
            oddness, place = np.empty(len(block.day)), part_of(block.merchant)
            for k, each in enumerate(parts):
                mine = np.flatnonzero(place == k)
                oddness[mine] = judged(each, block.habits.rows(mine)).oddness
            counts += np.bincount((oddness * _BINS_A_DECADE).astype(np.int64), minlength=len(counts))
            _count(np.searchsorted(merchants.keys, block.merchant), block.day, oddness, LOADS, last, alerts)
    merchant_days = int(counts.sum())
    return Reading(merchant_days, _table(counts), _loads(alerts, merchant_days))


def _table(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The table of ranks of values that were counted in bins."""
    n = int(counts.sum())
    beyond = np.append(np.cumsum(counts[::-1])[::-1], 0)  # values in this bin and above
    shares = 10.0 ** (-np.arange(POINTS) / PER_DECADE)
    places = [int(np.flatnonzero(beyond <= share * n + 1e-9)[0]) for share in shares]
    return extended(np.array(places) / _BINS_A_DECADE, n, SLOPE)


def _loads(alerts: NDArray[np.int64], merchant_days: int) -> NDArray[np.float64]:
    """New alerts per 1,000 merchant-days, descending and above 0.

    A low threshold gives few new alerts, for most merchants never fall below it; there the load of the threshold with
    most stands.
    """
    made = 1000.0 * np.maximum(alerts, 1) / max(merchant_days, 1)
    made = np.maximum.accumulate(made[::-1])[::-1]
    few = np.flatnonzero(alerts < LEAST_ALERTS)
    few = few[few > int(np.argmax(alerts))]
    if len(few):
        known = max(int(few[0]) - 1, 0)
        made[known + 1 :] = made[known] * 10.0 ** (LOADS[known] - LOADS[known + 1 :])
    return made


@njit_cached
def _count(merchant: Any, day: Any, oddness: Any, thresholds: Any, last: Any, alerts: Any) -> None:
    """Count first days above a threshold; `last` has the last day above each, of each merchant."""
    for k in range(len(merchant)):
        mine = last[merchant[k]]
        for place in range(len(thresholds)):
            if oddness[k] < thresholds[place]:
                break
            if day[k] - np.int64(mine[place]) > QUIET_D:
                alerts[place] += 1
            mine[place] = day[k]

"""Up to which severity analysts dismiss what a detector finds: the least severity that verdicts speak for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_VERDICTS = 20
"""Verdicts of a detector below which nothing is suggested: where 16 of 20 were dismissed, the interval of 95 % is 58 to
92 %."""
LEAST_BELOW = 5
"""Verdicts below the suggested severity: fewer are no reason to publish a version."""
DISMISSED = 0.8
"""Share of dismissed ones from which on severities are left out: four looks in vain for one that is worth it."""
DIGITS = 10_000
"""Severities are counted in parts of this: alerts have them to four digits."""


def least_severity(severity: NDArray[np.integer], dismissed: NDArray[np.bool_]) -> int | None:
    """The severity below which at least `DISMISSED` of the verdicts dismissed; None where none parts them.

    The share of dismissed ones is fitted so that it nowhere rises with severity (isotonic regression, pooling adjacent
    violators). A severity of which most was confirmed so ends the range, however many milder ones were dismissed.

    Args:
        severity: (verdicts,) of the alerts, 0 to `DIGITS`.
        dismissed: (verdicts,) whether the alert was; else it was confirmed.

    Returns:
        1 to `DIGITS`. None also where there are fewer verdicts than `LEAST_VERDICTS`, fewer than `LEAST_BELOW` below,
        or none from it on: a detector of which most was dismissed at every severity wants other settings.

    >>> least_severity(np.repeat([3000, 5000, 8000], 10), np.repeat([True, False, False], 10))
    5000
    """
    if len(severity) < LEAST_VERDICTS:
        return None
    levels, place = np.unique(severity, return_inverse=True)
    of_level = np.bincount(place), np.bincount(place, weights=dismissed)
    blocks: list[tuple[int, float, int]] = []
    """Verdicts, dismissed ones, and the number of levels, of each range in which the share is taken for one."""
    for count, gone in zip(*of_level, strict=True):
        block = int(count), float(gone), 1
        while blocks and blocks[-1][1] * block[0] <= block[1] * blocks[-1][0]:
            before = blocks.pop()
            block = before[0] + block[0], before[1] + block[1], before[2] + block[2]
        blocks.append(block)
    below = [each for each in blocks if each[1] >= DISMISSED * each[0]]
    if len(below) == len(blocks) or sum(each[0] for each in below) < LEAST_BELOW:
        return None
    return int(levels[sum(each[2] for each in below)])

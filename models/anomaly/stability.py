"""The population stability index: how far shares of a sample lie from those that were expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_SHARE = 1e-4
"""A share counts for no less: the logarithm of 0 is none."""


def stability_index(expected: NDArray[np.float64], came: NDArray[np.float64]) -> float:
    """The index of shares of the same classes, each shape (classes,); 0 where they agree.

    >>> stability_index(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    0.0
    """
    expected, came = np.maximum(expected, _LEAST_SHARE), np.maximum(came, _LEAST_SHARE)
    return float(np.sum((came - expected) * np.log(came / expected)))

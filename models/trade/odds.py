"""What the probabilities of MCCs say for a merchant of a cheaper class: the odds that its trade is of a dearer one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.rarity import njit_cached

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.trade.model import Parts


class Odds(NamedTuple):
    """What is said of n merchants; all of a row is null where no class of the model is dearer."""

    own: NDArray[np.float64]
    """Shape (n,): probability of the declared MCC; NaN where the model has no such class."""
    other: NDArray[np.int64]
    """Shape (n,): the likeliest MCC of a dearer class; -1 for none."""
    other_probability: NDArray[np.float64]
    """Shape (n,): that MCC's; NaN for none."""
    nats: NDArray[np.float64]
    """Shape (n,): logarithm of the odds of a dearer class against all others, less that of the same odds among the
    merchants of training; NaN for none."""


def odds(
    parts: Parts, probability: NDArray[np.float64], own: NDArray[np.int64], dearest: NDArray[np.int64],
    fee_class: NDArray[np.int64],
) -> Odds:  # fmt: skip
    """The odds of merchants; each row by itself.

    Of the merchants that the model was tried on, one more is taken to be of any class, by their shares: so no odds are
    beyond what so many merchants can show.

    Args:
        parts: of the model.
        probability: of each class, shape (n, classes).
        own: the declared MCC, shape (n,).
        dearest: the dearest fee class of the declared MCCs, shape (n,); a lower number is dearer.
        fee_class: of every MCC, shape (10000,).
    """
    n = len(own)
    made = Odds(np.full(n, np.nan), np.full(n, -1, np.int64), np.full(n, np.nan), np.full(n, np.nan))
    of_class = np.where(parts.classes > 0, fee_class[parts.classes], np.iinfo(np.int64).max)
    _fill(parts.classes, parts.prior, float(parts.merchants), of_class, probability, own, dearest, made)
    return made


@njit_cached
def _fill(
    classes: Any, prior: Any, merchants: Any, of_class: Any, probability: Any, own: Any, dearest: Any, made: Any
) -> None:
    for k in range(len(own)):
        best, dearer, dearer_prior = -1, 0.0, 0.0
        for c in range(len(classes)):
            if of_class[c] < dearest[k]:
                dearer += probability[k, c]
                dearer_prior += prior[c]
                if best < 0 or probability[k, c] > probability[k, best]:
                    best = c
        if best < 0 or dearer_prior >= 1.0:
            continue
        shrunk = (merchants * dearer + dearer_prior) / (merchants + 1.0)
        made.nats[k] = np.log(shrunk / (1.0 - shrunk)) - np.log(dearer_prior / (1.0 - dearer_prior))
        made.other[k] = classes[best]
        made.other_probability[k] = probability[k, best]
        for c in range(len(classes)):
            if classes[c] == own[k]:
                made.own[k] = probability[k, c]

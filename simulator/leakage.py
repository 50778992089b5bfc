"""Interchange and network fees that a cheaper MCC withholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.draw import UNDONE
from simulator.trades import FEE_CLASS_OF

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RATE_PPB = np.array([[4_500_000, 3_150_000], [3_510_000, 2_730_000], [0, 0]])
"""Interchange by fee class, credit and debit, in parts per thousand million (docs/simulator.md)."""
_NETWORK_PPB = np.array([[325_000, 292_500], [253_500, 253_500], [0, 0]])
"""Network fee of one side, likewise."""
_DEBIT_CAP_FEN, _NETWORK_CAP_FEN = 1300, 325
_BILLION = 1_000_000_000


def cost_ppb_fen(amounts: NDArray[np.int64], fee_class: int, *, credit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Interchange and both sides' network fee of each amount, in 1e-9 fen; amounts up to 1e9 fen.

    >>> cost_ppb_fen(np.array([1_000_000]), 0, credit=np.array([True])) // 10**7
    array([515000])
    """
    column = np.where(credit, 0, 1)
    interchange = amounts * _RATE_PPB[fee_class][column]
    interchange = np.where(credit, interchange, np.minimum(interchange, _DEBIT_CAP_FEN * _BILLION))
    network = np.minimum(amounts * _NETWORK_PPB[fee_class][column], _NETWORK_CAP_FEN * _BILLION)
    return np.asarray(interchange + 2 * network, np.int64)


def leakage_minor(events: NDArray[np.void], registered: int, presented: int) -> int:
    """Fees withheld on `events` (`simulator.draw.EVENT`) by presenting a cheaper MCC, fen."""
    kept = events[(events["scheme"] == 0) & (events["flags"] & UNDONE == 0)]
    credit = (kept["card_kind"] == 1) | (kept["card_kind"] == 2)
    due = cost_ppb_fen(kept["amount"], FEE_CLASS_OF[registered], credit=credit)
    paid = cost_ppb_fen(kept["amount"], FEE_CLASS_OF[presented], credit=credit)
    # Python's integers: a year of a large merchant passes int64 in these units.
    total: int = sum((due - paid).tolist())
    return (total + _BILLION // 2) // _BILLION

"""The merchant's last 16 sales and refunds: repeats of card and amount, and the originals of reversals."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.checkpoint.fitting import Moved
from engine.features.event import REFUND, SALE, Event
from engine.features.families import Column
from engine.jit import i64, njit_inner

RING = 16
_APPROVED_SALE, _UNDONE, _APPROVED_REFUND = 1, 2, 4

BASE_D = 1
"""Days until what started anew on a merchant means something: the 24 hours of its longest window."""
FIELDS = (
    ("ring_id", np.uint32, RING),
    ("ring_amount", np.int64, RING),
    ("ring_time_s", np.uint32, RING),
    ("ring_card", np.uint32, RING),
    ("ring_flags", np.uint8, RING),
    ("ring_next", np.uint8),
)
MOVED = {"ring_id": Moved("ring_txn", lambda held: held.astype(np.uint32))}
_LAST = "the last 16"
_NO_CARD = "the transaction has no card token, or is neither sale nor refund"

COLUMNS = (
    Column("same_card_16", "transactions", _LAST, "sales and refunds, approved or not, on this card", null=_NO_CARD),
    Column("same_amount_16", "transactions", _LAST, "sales and refunds, approved or not, of this amount",
           null="the transaction is neither sale nor refund"),
    Column("same_card_amount_24h", "transactions", f"24 hours, among {_LAST}",
           "sales and refunds, approved or not, of this amount on this card", null=_NO_CARD),
    Column("same_card_minor_10m", "minor units", f"10 minutes, among {_LAST}", "approved sales on this card",
           null=_NO_CARD, reversible=True),
)  # fmt: skip


@njit_inner
def fingerprint(card: np.uint64) -> np.uint32:
    """32 bits of a card's hash; 0 only where the card is unknown."""
    return np.uint32(card >> np.uint64(32)) | np.uint32(card != np.uint64(0))


@njit_inner
def ring_id(txn: np.uint64) -> np.uint32:
    """32 bits of a transaction's hash: of 16 held, one in 268 million others is taken for one of them."""
    return np.uint32(txn & np.uint64(0xFFFFFFFF))


@njit_inner
def _keep(row: Any, event: Event) -> None:
    k = row.ring_next % RING
    row.ring_id[k] = ring_id(event.txn)
    row.ring_amount[k] = event.amount
    row.ring_time_s[k] = event.time_ms // 1000
    row.ring_card[k] = fingerprint(event.card)
    approved = _APPROVED_SALE if event.role == SALE else _APPROVED_REFUND
    row.ring_flags[k] = approved if event.approved else 0
    row.ring_next = (k + 1) % RING


@njit_inner
def update(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Add the transaction to the ring; write how many in it have the same card, the same amount, or both."""
    out.same_card_16 = out.same_amount_16 = np.iinfo(np.int64).min
    out.same_card_amount_24h = out.same_card_minor_10m = np.iinfo(np.int64).min
    if event.role > REFUND:
        return
    _keep(row, event)
    time_s, card = event.time_ms // 1000, fingerprint(event.card)
    same_card, same_amount, same_both, minor = 0, 0, 0, 0
    for k in range(RING):
        same_amount += (row.ring_time_s[k] != 0) & (row.ring_amount[k] == event.amount)
    for k in range(RING):
        if row.ring_card[k] != card or row.ring_time_s[k] == 0:
            continue
        amount_too = row.ring_amount[k] == event.amount
        same_card += 1
        apart_s = abs(time_s - i64(row.ring_time_s[k]))
        same_both += amount_too and apart_s < 86400
        if apart_s < 600 and row.ring_flags[k] == _APPROVED_SALE:
            minor += row.ring_amount[k]
    out.same_amount_16 = same_amount
    if card != np.uint32(0):
        out.same_card_16 = same_card
        out.same_card_amount_24h = same_both
        out.same_card_minor_10m = minor


@njit_inner
def find(row: Any, txn: np.uint64) -> int:
    """Where the transaction stands in the ring, -1 where it does not: of several with one id the newest approved sale,
    else the newest approved refund, else the newest.
    """
    best, rank, wanted = -1, -1, ring_id(txn)
    after: int = row.ring_next
    for back in range(1, RING + 1):
        k = (after + RING - back) % RING
        if row.ring_id[k] == wanted and row.ring_time_s[k] != 0:
            flags = row.ring_flags[k]
            mine = 2 if flags == _APPROVED_SALE else 1 if flags == _APPROVED_REFUND else 0
            if mine > rank:
                best, rank = k, mine
    return best


@njit_inner
def role_of(row: Any, k: int) -> int:
    """SALE or REFUND of the approved transaction at `k`; -1 of one that was declined, or undone."""
    flags = row.ring_flags[k]
    return SALE if flags == _APPROVED_SALE else REFUND if flags == _APPROVED_REFUND else -1


@njit_inner
def was_undone(row: Any, k: int) -> bool:
    """Whether the transaction at `k` was approved, and taken out again."""
    return bool(row.ring_flags[k] & _UNDONE)


@njit_inner
def mark_undone(row: Any, txn: np.uint64, role: int) -> None:
    """Mark a transaction, if it stands in the ring, as reversed."""
    k = find(row, txn)
    if k >= 0 and role_of(row, k) == role:
        row.ring_flags[k] |= _UNDONE

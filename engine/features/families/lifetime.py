"""Sums since the merchant's first transaction. They outlive a reset of the row."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import HOUR_MS
from engine.features.blocks import Block
from engine.features.event import REFUND, SALE, Closing, Event, Undone
from engine.features.families import Column
from engine.jit import njit_inner

BASE_D = 400
"""Days until what started anew on a merchant means something: a row is forgotten after as long."""
MORE = 3
"""Other currencies whose money is summed by itself; that of a fifth is summed with the merchant's own, converted."""
KEPT = (
    ("attempts", np.int64),
    ("sales", np.int64),
    ("sales_minor", np.int64),
    ("refunds", np.int64),
    ("refunds_minor", np.int64),
    ("reversed", np.int64),
    ("reversed_minor", np.int64),
    ("first_ms", np.int64),
    ("unmatched_reversals", np.int32),
    ("repeated_reversals", np.int32),
)
FIELDS = ()
_MORE = (
    ("more_currency", np.int64, MORE),
    ("more_sales_minor", np.int64, MORE),
    ("more_refunds_minor", np.int64, MORE),
    ("more_reversed_minor", np.int64, MORE),
)
BLOCKS = (Block("currencies", (), _MORE),)

COLUMNS = (
    Column("attempts", "transactions", "lifetime", "sales and refunds, approved or not"),
    Column("sales", "transactions", "lifetime", "approved sales", reversible=True),
    Column("sales_minor", "minor units", "lifetime", "approved sales", reversible=True),
    Column("refunds", "transactions", "lifetime", "approved refunds"),
    Column("refunds_minor", "minor units", "lifetime", "approved refunds"),
    Column("reversed", "transactions", "lifetime", "sales taken out by a void or reversal"),
    Column("reversed_minor", "minor units", "lifetime", "sales taken out by a void or reversal"),
    Column("unmatched_reversals", "transactions", "lifetime", "reversals whose original never came"),
    Column("age_h", "hours", "lifetime", "from the first transaction to the merchant's clock"),
)
CLOSES = ("age_h",)


@njit_inner
def currencies_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is a sale or refund in another currency than the merchant's."""
    return event.role <= REFUND and row.currency not in (0, event.currency)


@njit_inner
def currencies_undone(row: Any, undone: Undone) -> bool:
    """Whether what is undone was in another currency than the merchant's."""
    return row.currency not in (0, undone.currency)


@njit_inner
def _place(row: Any, more: Any, currency: int) -> int:
    """Where money of a currency is summed; -1 with the merchant's own."""
    if row.currency in (0, currency):
        return -1
    for k in range(MORE):
        if more.more_currency[k] == 0:
            more.more_currency[k] = currency
        if more.more_currency[k] == currency:
            return k
    return -1


@njit_inner
def update(row: Any, more: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count the transaction in the lifetime sums; write them and the merchant's age."""
    if event.role <= REFUND:
        row.attempts += 1
        k = _place(row, more, event.currency)
        if event.approved and event.role == SALE:
            row.sales += 1
            if k < 0:
                row.sales_minor += event.amount
            else:
                more.more_sales_minor[k] += event.paid
        elif event.approved:
            row.refunds += 1
            if k < 0:
                row.refunds_minor += event.amount
            else:
                more.more_refunds_minor[k] += event.paid
    if row.first_ms == 0 or event.time_ms < row.first_ms:
        row.first_ms = event.time_ms
    out.attempts = row.attempts
    out.sales = row.sales
    out.sales_minor = row.sales_minor
    out.refunds = row.refunds
    out.refunds_minor = row.refunds_minor
    out.reversed = row.reversed
    out.reversed_minor = row.reversed_minor
    out.unmatched_reversals = row.unmatched_reversals
    out.age_h = (event.now_ms - row.first_ms) // HOUR_MS


@njit_inner
def close(row: Any, more: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Write the merchant's age at the close of the day."""
    out.age_h = (closing.time_ms - row.first_ms) // HOUR_MS


@njit_inner
def undo(row: Any, more: Any, undone: Undone) -> None:
    """Move a reversed sale from the sales to the reversals; take a reversed refund out of the refunds."""
    k = _place(row, more, undone.currency)
    if undone.role == REFUND:
        row.refunds -= undone.tickets
        if k < 0:
            row.refunds_minor -= undone.amount
        else:
            more.more_refunds_minor[k] -= undone.paid
        return
    row.sales -= undone.tickets
    row.reversed += undone.tickets
    if k < 0:
        row.sales_minor -= undone.amount
        row.reversed_minor += undone.amount
    else:
        more.more_sales_minor[k] -= undone.paid
        more.more_reversed_minor[k] += undone.paid

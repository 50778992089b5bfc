"""Messages of terminals that bear the number and time of an earlier one, and are none: counted by day."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.features.blocks import Block
from engine.features.event import MISSING, REFUND, Event
from engine.features.families import Column
from engine.jit import njit_inner

HELD = 8
"""Messages held per merchant, so that a few terminals may send in turn."""
BASE_D = 1
"""Days until what started anew on a merchant means something: it counts by day."""
FIELDS = ()
_FIELDS = (
    ("sent_held", np.uint32, HELD),
    ("sent_day", np.int32),
    ("sent_again", np.uint16),
    ("sent_next", np.uint8),
)
BLOCKS = (Block("sent", _FIELDS),)
COLUMNS = (
    Column(
        "same_stan_1d", "transactions", "the local day",
        f"sales and refunds with the terminal, STAN and time sent of one of the last {HELD}, and another amount or id",
        null="the transaction is none of these",
    ),
)  # fmt: skip


@njit_inner
def sent_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is a sale or refund with terminal, STAN and time sent."""
    return event.role <= REFUND and event.sent != np.uint64(0)


@njit_inner
def update(row: Any, block: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Note what the terminal sent, and count it where one of the last had the same number and time."""
    out.same_stan_1d = MISSING
    if sent_needed(row, event, master_data, reference):
        if event.now_day > block.sent_day:
            block.sent_day = event.now_day
            block.sent_again = 0
        # 32 bits are enough: it takes ten of a day to say anything.
        print32 = np.uint32(event.sent >> np.uint64(32)) | np.uint32(1)
        again = False
        for k in range(HELD):
            again |= block.sent_held[k] == print32
        if again:
            block.sent_again = min(block.sent_again + 1, 60_000)
            out.same_stan_1d = block.sent_again
        else:
            block.sent_held[block.sent_next] = print32
            block.sent_next = (block.sent_next + 1) % HELD

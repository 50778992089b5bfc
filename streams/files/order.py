"""Whether a file of JSON lines can be read as it stands: what a stream would lose of it as late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain.events import FUTURE_MS, KIND_TRANSACTION
from engine.decoding.columns import MISSING, NUMBERS
from engine.decoding.decode import Decoder
from engine.decoding.records import Records

if TYPE_CHECKING:
    from collections.abc import Iterable

_BATCH = 5_000
_TIME, _RECEIVED = NUMBERS.index("event_time"), NUMBERS.index("received_at")


def is_in_order(batches: Iterable[list[bytes]], late_ms: int, now_ms: int) -> bool:
    """Whether no transaction is further behind an earlier line's than a stream takes.

    Transactions with a receipt do not count, since a recorded stream is in the order in which it was received, nor do
    those of the future, which workers refuse and which make no other late.

    Args:
        batches: the lines.
        late_ms: how far behind a stream takes one.
        now_ms: the wall clock, UTC milliseconds.
    """
    decoder, latest_ms = Decoder(), 0
    for lines in batches:
        for k in range(0, len(lines), _BATCH):
            columns = decoder.decode(Records.of([each.strip() for each in lines[k : k + _BATCH]])).columns
            times = columns.number[_TIME]
            exported = (columns.kind == KIND_TRANSACTION) & (columns.number[_RECEIVED] == MISSING) & (times != MISSING)
            if not latest_ms and not exported.any() and bool((columns.kind == KIND_TRANSACTION).any()):
                return True  # a recorded stream: its first transactions all have a receipt
            exported &= times <= now_ms + FUTURE_MS
            if exported.any():
                found = times[exported]
                so_far = np.maximum(np.maximum.accumulate(found), latest_ms)
                if bool((so_far - found > late_ms).any()):
                    return False
                latest_ms = int(so_far[-1])
    return True

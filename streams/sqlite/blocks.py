"""Blocks of records: how a run of records is cut into rows of the embedded log, and joined again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.decoding.records import Records, padded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_BLOCK_RECORDS = 5_000
"""Most records of one block."""
MAX_BLOCK_BYTES = 2 << 20
"""Most bytes of one block's values, unless a single record is longer."""


def cut(data: bytes, ends: NDArray[np.int64]) -> Iterator[tuple[int, int, bytes]]:
    """Cut joined records into blocks: (first, last + 1, their bytes)."""
    first, start = 0, 0
    while first < len(ends):
        fit = int(np.searchsorted(ends, start + MAX_BLOCK_BYTES, "right"))
        last = min(max(fit, first + 1), first + MAX_BLOCK_RECORDS, len(ends))
        end = int(ends[last - 1])
        yield first, last, data if end - start == len(data) else data[start:end]
        first, start = last, end


def join(rows: list[tuple[int, int, bytes, bytes]], offset: int, most: int, source: str) -> Records:
    """One run of records from `offset` on out of blocks; of a single block `most` are taken."""
    if not rows:
        return Records.of([], source=source)
    bodies, lengths, offsets, times = [], [], [], []
    for base, appended_ms, blob, whole in rows:
        body: bytes | memoryview = whole
        each = np.frombuffer(blob, "<i4")
        skip = max(0, offset - base)
        keep = min(len(each), skip + most)
        if skip or keep < len(each):
            ends = np.concatenate(([0], np.cumsum(each, dtype=np.int64)))
            body = memoryview(whole)[int(ends[skip]) : int(ends[keep])]
            each = each[skip:keep]
        bodies.append(body)
        lengths.append(each)
        offsets.append(np.arange(base + skip, base + keep, dtype=np.int64))
        times.append(np.full(keep - skip, appended_ms, np.int64))
    ends = np.cumsum(np.concatenate(lengths), dtype=np.int64)
    return Records(padded(bodies), ends, np.concatenate(offsets), np.concatenate(times), source)

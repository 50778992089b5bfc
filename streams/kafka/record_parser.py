"""Reads Kafka's records out of a record batch's body, compiled: no Python object per record.

The layout is Kafka's of magic 2: each record is its length, attributes, the deltas of timestamp and offset, key,
value and headers; lengths and deltas are zigzag varints, a length of -1 says null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.borrowing import borrowed
from engine.jit import i64, njit_cached, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT, READ, LAST, TAKEN, USED = 0, 1, 2, 3, 4
"""Places in `state`: where the next record begins, how many records were read, the last one's offset delta (-1 at the
start), how many were taken, how many bytes of `values` are used."""
STATE = 5
COUNT, BASE, LAST_DELTA, FIRST_MS, MAX_MS, APPEND_TIME, ASKED = 0, 1, 2, 3, 4, 5, 6
"""Places in `head`: the batch's count of records, base offset, last offset delta, first and greatest timestamp, whether
the latter counts for all, and the offset below which records are passed over."""
HEAD = 7
DONE, FULL, BAD_LENGTH, BAD_OFFSET, BAD_KEY, BAD_VALUE = 0, 1, 2, 3, 4, 5
"""What `read_records` ends with."""
FAULTS = {BAD_LENGTH: "length", BAD_OFFSET: "timestamp or offset delta", BAD_KEY: "key", BAD_VALUE: "value"}
_SEVEN, _LONGEST = np.uint64(7), np.uint64(63)
_ONE = np.uint64(1)


@njit_inline
def _varint(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """The number at `at`, and where it ends: -1 where it does not by `end`, or has more than 64 bits."""
    number, shift = np.uint64(0), np.uint64(0)
    while at < end and shift <= _LONGEST:
        byte = np.uint64(data[np.uint64(at)])
        at += 1
        number |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            return i64(number >> _ONE) ^ -i64(number & _ONE), at
        shift += _SEVEN
    return 0, -1


@njit_cached
def read_records(
    body: NDArray[np.uint8], head: NDArray[np.int64], state: NDArray[np.int64], values: NDArray[np.uint8],
    ends: NDArray[np.int64], offsets: NDArray[np.int64], times: NDArray[np.int64],
) -> int:  # fmt: skip
    """Take a batch's records until it ends, or there is no room, or one is broken.

    No byte outside `body` is read, and none of a record outside that record. Headers are passed over unread.

    Args:
        body: the batch's records, not compressed.
        head: (HEAD,) of the batch.
        state: (STATE,) where to go on; moved behind the last record that was taken.
        values: the values, joined, from `state[USED]` on; a null value is an empty one.
        ends: (n,) where each value ends in `values`, from `state[TAKEN]` on.
        offsets: (n,) of each.
        times: (n,) its timestamp, UTC milliseconds.

    Returns:
        DONE, FULL, or which part of the next record is impossible.
    """
    body, head, values = borrowed(body), borrowed(head), borrowed(values)
    ends, offsets, times = borrowed(ends), borrowed(offsets), borrowed(times)
    size, count = len(body), head[COUNT]
    at, read, last, taken, used = state[AT], state[READ], state[LAST], state[TAKEN], state[USED]
    status = DONE
    while read < count:
        if taken == len(ends):
            status = FULL
            break
        length, cursor = _varint(body, at, size)
        if cursor < 0 or length < 1 or length > size - cursor:
            status = BAD_LENGTH
            break
        end = cursor + length
        late, cursor = _varint(body, cursor + 1, end)  # behind the attributes, which are unused
        delta = last
        if cursor >= 0:
            delta, cursor = _varint(body, cursor, end)
        if cursor < 0 or delta <= last or delta > head[LAST_DELTA]:
            status = BAD_OFFSET
            break
        length, cursor = _varint(body, cursor, end)
        if cursor < 0 or length < -1 or length > end - cursor:
            status = BAD_KEY
            break
        length, cursor = _varint(body, cursor + max(length, 0), end)
        if cursor < 0 or length < -1 or length > end - cursor:
            status = BAD_VALUE
            break
        length = max(length, 0)
        if head[BASE] + delta >= head[ASKED]:
            if length > len(values) - used:
                status = FULL
                break
            source, target = np.uint64(cursor), np.uint64(used)  # signed indices would keep it from being a memcpy
            for k in range(np.uint64(length)):
                values[target + k] = body[source + k]
            used += length
            ends[taken] = used
            offsets[taken] = head[BASE] + delta
            times[taken] = head[MAX_MS] if head[APPEND_TIME] else head[FIRST_MS] + late
            taken += 1
        at, last = end, delta
        read += 1
    state[AT], state[READ], state[LAST], state[TAKEN], state[USED] = at, read, last, taken, used
    return status

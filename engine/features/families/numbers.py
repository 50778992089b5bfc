"""Under how many numbers a merchant sells, and how often it changes them: pool rotation (跳商户).

Two numbers are looked at, the acceptor number and the channel's merchant number, of approved sales. Up to eight of
each are held, with the last local day and the place each stands for (region and MCC inside an acceptor number, the
channel's MCC beside a channel's number). A lawful merchant may have a number for each terminal, channel or scheme: so
a change is only one where the same terminal by the same channel and scheme shows another number than the last time,
and not for the first time: one lawful new number changes nothing. The last number of up to 16 of these is held, a new
one in place of that held longest; where it is not, a sale says nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import DAY_MS
from engine.decoding.hashing import mix64, tag_of
from engine.features.event import MISSING, SALE, Event
from engine.features.families import Column
from engine.jit import i64, njit_inner

HELD = 8
KEYS = 16
RECENT_D = 28
"""A number is one of the merchant's as long after its last sale, local days."""
_PER_MS = 1.0 / (7 * DAY_MS)
_0 = np.uint64(0)

BASE_D = 28
"""Days until what started anew on a merchant means something: its longest window."""
FIELDS = (
    ("number_switches", np.float32, 2),
    ("number_judged", np.float32, 2),
    ("number_hash", np.uint16, (2, HELD)),
    ("number_day", np.uint16, (2, HELD)),
    ("number_place", np.uint16, (2, HELD)),
    ("number_key", np.uint16, KEYS),
    ("number_last", np.uint16, (2, KEYS)),
    ("number_moved", np.uint16, 2),
    ("number_next", np.uint8),
)
_NO_SALE = "the transaction is no approved sale, or carries neither number"

COLUMNS = (
    Column("number_source", "code", "txn", "the number with more changes: 1 acceptor number, 2 channel's",
           null=_NO_SALE),
    Column("number_changed", "code", "txn", "1 where this sale changed it", null=_NO_SALE),
    Column("numbers_28d", "numbers", "28 local days", f"different numbers, at most {HELD}", null=_NO_SALE),
    Column("number_places_28d", "places", "28 local days", "different regions and MCCs they stand for", null=_NO_SALE),
    Column("number_switches_7d", "changes", "half-life 7d", "changes at the same terminal, channel and scheme", "float",
           null=_NO_SALE, error="relative 1e-4"),
    Column("number_switch_share_7d", "share", "half-life 7d", "the same, per sale that could be compared", "float",
           null=f"{_NO_SALE}, or nothing could be compared", error="relative 1e-4"),
)  # fmt: skip


@njit_inner
def _decay(row: Any, event: Event) -> None:
    if event.was_ms >= 0 and event.now_ms > event.was_ms:
        factor = np.float32(np.exp2(-(event.now_ms - event.was_ms) * _PER_MS))
        for k in range(2):
            row.number_switches[k] *= factor
            row.number_judged[k] *= factor


@njit_inner
def _hold(row: Any, source: int, number: np.uint64, place: int, day: int) -> None:
    """Note a number's day; a new one takes the place of the one gone longest."""
    tag = tag_of(number)
    oldest = 0
    for k in range(HELD):
        if i64(row.number_hash[source, k]) == tag:
            row.number_day[source, k] = max(i64(row.number_day[source, k]), day)
            row.number_place[source, k] = place
            return
        if row.number_day[source, k] < row.number_day[source, oldest]:
            oldest = k
    row.number_hash[source, oldest] = tag
    row.number_day[source, oldest] = day
    row.number_place[source, oldest] = place


@njit_inner
def _key(row: Any, event: Event) -> int:
    """The place of the sale's terminal, channel and scheme; a new one takes that of the one held longest."""
    scheme = np.uint64(event.scheme if event.scheme != MISSING else 99)
    tag = tag_of(mix64(mix64(event.terminal + scheme) ^ event.channel))
    for k in range(KEYS):
        if i64(row.number_key[k]) == tag:
            return k
    k = i64(row.number_next)
    row.number_key[k] = tag
    row.number_last[0, k] = row.number_last[1, k] = 0
    for source in range(2):
        row.number_moved[source] = i64(row.number_moved[source]) & ~(1 << k)
    row.number_next = (k + 1) % KEYS
    return k


@njit_inner
def _changes(row: Any, source: int, number: np.uint64, k: int, weight: Any) -> bool:
    """Whether the number is another than the last at the same place, and not for the first time there."""
    tag, last = tag_of(number), i64(row.number_last[source, k])
    row.number_last[source, k] = tag
    if last == 0:
        return False
    row.number_judged[source] += weight
    if last == tag:
        return False
    # A lawful new number moves each of them once.
    if not i64(row.number_moved[source]) >> k & 1:
        row.number_moved[source] = i64(row.number_moved[source]) | 1 << k
        return False
    row.number_switches[source] += weight
    return True


@njit_inner
def _fresh(row: Any, source: int, day: int) -> tuple[int, int]:
    """How many numbers are recent, and how many places they stand for."""
    numbers, places = 0, 0
    for k in range(HELD):
        if row.number_hash[source, k] == 0 or i64(row.number_day[source, k]) <= day - RECENT_D:
            continue
        numbers += 1
        first = True
        for b in range(k):
            recent = row.number_hash[source, b] != 0 and i64(row.number_day[source, b]) > day - RECENT_D
            if recent and row.number_place[source, b] == row.number_place[source, k]:
                first = False
        places += first
    return numbers, places


@njit_inner
def update(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Note an approved sale's acceptor and channel numbers; write how many there are and how often they switch."""
    _decay(row, event)
    out.number_source = MISSING
    out.number_changed = MISSING
    out.numbers_28d = MISSING
    out.number_places_28d = MISSING
    out.number_switches_7d = np.nan
    out.number_switch_share_7d = np.nan
    if event.role != SALE or not event.approved or (event.acceptor == _0 and event.channel_merchant == _0):
        return
    late = event.now_ms - event.time_ms
    weight = np.float32(1.0) if late == 0 else np.float32(np.exp2(-late * _PER_MS))
    key = _key(row, event)
    by_acceptor, by_channel = False, False
    if event.acceptor != _0:
        place = i64(mix64(np.uint64(event.acceptor_region * 10_000 + event.acceptor_mcc + 1)) & np.uint64(0xFFFF))
        _hold(row, 0, event.acceptor, place, event.day)
        by_acceptor = _changes(row, 0, event.acceptor, key, weight)
    if event.channel_merchant != _0:
        _hold(row, 1, event.channel_merchant, event.channel_mcc + 1, event.day)
        by_channel = _changes(row, 1, event.channel_merchant, key, weight)
    source = 1 if event.acceptor == _0 or row.number_switches[1] > row.number_switches[0] else 0
    numbers, places = _fresh(row, source, event.now_day)
    out.number_source = source + 1
    out.number_changed = by_channel if source else by_acceptor
    out.numbers_28d = numbers
    out.number_places_28d = places
    out.number_switches_7d = row.number_switches[source]
    if row.number_judged[source] > 0:
        out.number_switch_share_7d = row.number_switches[source] / row.number_judged[source]

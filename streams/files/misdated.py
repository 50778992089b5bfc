"""Rows whose time is far from their neighbours' and from everything else in the file: misdated, not late.

A row is suspect if it lies more than a day from the rows before and behind it, which agree with each other. It is
refused if it also lies outside the time of all other rows by more than 14 days and by more than they span, and if its
merchant has other rows. So a shuffled file has no suspects, and a merchant with one sale is never refused.
"""

from __future__ import annotations

from collections import deque
from statistics import median_low
from typing import TYPE_CHECKING

from domain.timestamps import DAY_MS, iso
from streams.files.sorting import EVENT, SUSPECT, Sortable

if TYPE_CHECKING:
    from collections.abc import Sequence

APART_MS = DAY_MS
LEAST_GAP_MS = 14 * DAY_MS
_NEIGHBOURS = 3


class Misdated:
    """Finds misdated rows of one file, block by block in the file's order."""

    def __init__(self) -> None:
        self._merchants: deque[int] = deque()
        self._seen: set[int] = set()
        self._suspects: dict[bytes, int] = {}
        self._before: list[int] = []
        self._first_ms: int | None = None
        self._last_ms = 0
        self._next: deque[list[int]] = deque()

    def see(self, merchant: int) -> None:
        """Take the merchant of the file's next record, hashed; 0 of one that cannot be misdated."""
        self._merchants.append(merchant)

    def mark(self, block: list[Sortable]) -> None:
        """Take the next block; the times of its first rows judge the last ones of the block before."""
        self._next.append([each.ms for each in block if each.flag == EVENT][: _NEIGHBOURS * 2])

    def settled(self, block: list[Sortable]) -> list[Sortable]:
        """The earliest block that was taken, its suspects flagged."""
        self._next.popleft()
        behind = self._next[0] if self._next else []
        merchants = [self._merchants.popleft() for _ in block]
        at = [k for k, each in enumerate(block) if each.flag == EVENT and merchants[k]]
        times = [block[k].ms for k in at]
        around = [*self._before, *times, *behind]
        offset = len(self._before)
        for j, k in enumerate(at):
            here = offset + j
            before, after = around[max(0, here - _NEIGHBOURS) : here], around[here + 1 : here + 1 + _NEIGHBOURS]
            if is_suspect(times[j], before, after):
                block[k] = block[k]._replace(flag=SUSPECT)
                self._suspects[block[k].data] = merchants[k]
            else:
                self._seen.add(merchants[k])
                self._first_ms = times[j] if self._first_ms is None else min(self._first_ms, times[j])
                self._last_ms = max(self._last_ms, times[j])
        self._before = around[: offset + len(times)][-_NEIGHBOURS:]
        return block

    def verdict(self, ms: int, data: bytes) -> str:
        """Why a suspect is misdated; "" where it is not."""
        if self._first_ms is None or self._suspects.get(data) not in self._seen:
            return ""
        gap_ms = max(self._first_ms - ms, ms - self._last_ms)
        if gap_ms <= max(LEAST_GAP_MS, self._last_ms - self._first_ms):
            return ""
        return (
            f"event_time must be near that of other rows, got {iso(ms)}: {gap_ms // DAY_MS:,} days from all others,"
            f" which are of {iso(self._first_ms)} to {iso(self._last_ms)}; if it is right, ingest the row alone"
        )


def is_suspect(ms: int, before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether a time is far from those before and behind it, which are near each other or go on in one direction.

    >>> day = 86_400_000
    >>> is_suspect(90 * day, [1, 2, 3], [4, 5, 6]), is_suspect(90 * day, [1, 2, 3], [90 * day, 91 * day])
    (True, False)
    """
    if before and after:
        earlier, later = median_low(before), median_low(after)
        return abs(ms - earlier) > APART_MS and abs(ms - later) > APART_MS and abs(earlier - later) <= APART_MS
    others = before or after
    if len(others) < 2 or max(others) - min(others) > APART_MS:
        return False
    rises = others[-1] > others[0]
    if others[-1] == others[0]:
        return False
    if before:  # the last row of a file may go on in its direction
        return ms < min(before) - APART_MS if rises else ms > max(before) + APART_MS
    return ms > max(after) + APART_MS if rises else ms < min(after) - APART_MS

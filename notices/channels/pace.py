"""How fast a channel is asked: its budgets, the blocks of the far side, and a pause after failures that grows.

Time is passed in. A budget counts what was sent within the window that ends now: a bucket that refills meanwhile would
let nearly twice the budget through in one window, for which DingTalk blocks a robot.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING

from notices.channels.contract import Hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notices.channels.contract import Budget

MOST_HELD_S = 3_600.0
"""The longest that a far side can hold a channel back for, whatever it asks for."""
MOST_PAUSE_S = 60.0
"""The longest pause after failures that nobody gave a time for."""
HALF_HOUR_S = 1_800.0
BUSY_S = 60.0
"""Seconds from the full and half hour on that are kept off."""
ROUNDED_S = 1e-3
"""Less than this is no wait: times since 1970 are rounded."""
SPREAD_S = 30.0
"""Seconds after them over which notices are spread."""


class Pace:
    """What a channel remembers of its own sending; for one process (`notices.budgets` has what several share).

    Args:
        budgets: all of them count.
        spread: whether what is not urgent keeps off the full and half hour.

    Attributes:
        budgets: those.
    """

    def __init__(self, budgets: Sequence[Budget] = (), *, spread: bool = False) -> None:
        self.budgets = tuple(budgets)
        self._spread = spread
        self._sent_s: deque[float] = deque(maxlen=max((each.most for each in budgets), default=1))
        self._held_until_s = 0.0
        self._failures = 0

    def hold(self, now_s: float) -> Hold | None:
        """What holds the channel back: a block, a pause or a budget; None for nothing."""
        if self._held_until_s - now_s > ROUNDED_S:
            return Hold(self._held_until_s - now_s, "held back: the far side asked for a pause, or failed before")
        return over_budget(self.budgets, self._sent_s, now_s)

    def off_peak_hold(self, now_s: float, notice_id: str) -> Hold | None:
        """Until when a notice that is not urgent waits at the full or half hour, its own moment after it."""
        into_s = now_s % HALF_HOUR_S
        if not self._spread or into_s >= BUSY_S:
            return None
        return Hold(BUSY_S - into_s + SPREAD_S * share_of(notice_id), "held back: kept off the full and half hour")

    def asks(self, now_s: float) -> None:
        """Count a message."""
        self._sent_s.append(now_s)

    def went(self) -> None:
        """The far side answered, whatever it said of the message."""
        self._failures = 0

    def failed(self, now_s: float, retry_after_s: float | None, notice_id: str = "") -> None:
        """It was not reached, or asked for a pause."""
        self._failures += 1
        pause_s = backoff_s(self._failures, notice_id, most_s=MOST_PAUSE_S) if retry_after_s is None else retry_after_s
        self._held_until_s = max(self._held_until_s, now_s + min(pause_s, MOST_HELD_S))


def over_budget(budgets: Sequence[Budget], sent_s: Sequence[float], now_s: float) -> Hold | None:
    """What holds a message back because budgets are used up; None where all of them have room.

    Args:
        budgets: all of them count.
        sent_s: when the last messages were sent, seconds, in order; as many as the widest budget has, if there were.
        now_s: on the same clock.
    """
    found = []
    for most, window_s in budgets:
        free_s = sent_s[-most] + window_s if len(sent_s) >= most else now_s
        if free_s > now_s:
            found.append(Hold(free_s - now_s, f"held back: {most} messages in {window_s:g} s are sent"))
    return max(found, default=None)


def backoff_s(attempt: int, notice_id: str, *, first_s: float = 2.0, most_s: float = 900.0) -> float:
    """Seconds to wait after so many failed attempts: doubled each time; by the notice between half and all of that.

    Two notices that failed together come back apart, and one notice always at the same distance.

    >>> [round(backoff_s(each, "n-1"), 1) for each in (1, 2, 3, 20)]
    [1.8, 3.9, 5.4, 895.5]
    """
    whole_s = min(most_s, first_s * 2.0 ** min(attempt - 1, 30))
    return whole_s * (0.5 + 0.5 * share_of(f"{notice_id}/{attempt}"))


def share_of(words: str) -> float:
    """A share from 0 up to 1 that belongs to words, spread evenly."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:6]) / 2**48

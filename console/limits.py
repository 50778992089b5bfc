"""How often somebody may call: a bucket for each, which fills by time and which each call takes from."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from domain.errors import TillwatchError

MOST_NAMES = 10_000
"""Buckets that are kept; of more, the one that was used longest ago is forgotten, as if it were full again."""


class TooOften(TillwatchError):
    """Somebody calls too often.

    Attributes:
        wait_ms: until the next call is taken.
    """

    def __init__(self, message: str, wait_ms: int) -> None:
        super().__init__(message)
        self.wait_ms = wait_ms


class Buckets:
    """Calls of many, each of whom may make so many at once, and so many a second in the long run.

    Args:
        what: is limited, as refusals say it.
        per_s: calls a second.
        at_once: calls at once, 1 or more.
    """

    def __init__(self, what: str, per_s: float, at_once: int) -> None:
        self._what, self._per_ms, self._at_once = what, per_s / 1000, at_once
        self._kept: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()

    def take(self, name: str, now_ms: int) -> None:
        """Count a call; raises TooOften."""
        with self._lock:
            left, since_ms = self._kept.pop(name, (float(self._at_once), now_ms))
            left = min(self._at_once, left + max(0, now_ms - since_ms) * self._per_ms)
            fits = left >= 1
            self._kept[name] = (left - fits, now_ms)
            if len(self._kept) > MOST_NAMES:
                self._kept.popitem(last=False)
        if not fits:
            wait_ms = int((1 - left) / self._per_ms) + 1
            raise TooOften(f"{self._what} must call less often: again in {-(-wait_ms // 1000)} s", wait_ms)

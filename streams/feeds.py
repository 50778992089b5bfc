"""Which feeds have fallen silent: while they tell no time, the deadlines of their merchants wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mode import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = get_logger(__name__)

STALLED_S = 600.0
"""A feed that runs sends a clock record each event-minute; ten minutes without one is no hiccup."""


class FeedWatch:
    """Notes when each feed's clock moved last, and says so in the log when one stalls or goes on.

    Args:
        stalled_s: seconds without a clock record after which a feed counts as stalled.
    """

    def __init__(self, stalled_s: float = STALLED_S) -> None:
        self._stalled_s = stalled_s
        self._moved: dict[str, tuple[int, float]] = {}
        self._stalled: frozenset[str] = frozenset()

    def look(self, now_s: float, clocks: Iterable[Mapping[str, int]]) -> list[str]:
        """The feeds that are stalled now, sorted.

        Args:
            now_s: a clock that only goes forward.
            clocks: of each partition, by feed, the latest time that a clock record told, UTC milliseconds.
        """
        latest: dict[str, int] = {}
        for each in clocks:
            for feed, clock_ms in each.items():
                latest[feed] = max(clock_ms, latest.get(feed, clock_ms))
        for feed, clock_ms in latest.items():
            if feed not in self._moved or clock_ms > self._moved[feed][0]:
                self._moved[feed] = clock_ms, now_s
        stalled = frozenset(feed for feed in latest if now_s - self._moved[feed][1] >= self._stalled_s)
        for feed in sorted(stalled - self._stalled):
            logger.warning(
                "feed %r has sent no clock record for %g s: the deadlines of its merchants wait", feed, self._stalled_s
            )
        for feed in sorted(self._stalled - stalled):
            logger.warning("feed %r sends clock records again", feed)
        self._stalled = stalled
        return sorted(stalled)

"""Notices that a worker stands still, though there is something to do: then it ends, to be started again."""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from typing import TYPE_CHECKING

from mode import get_logger

from domain.errors import TillwatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = get_logger(__name__)

STUCK_S = 120.0
"""Longer than a locked log, a slow disk or a broker's election of a leader takes."""
LOOP_S = 300.0
"""The event loop does nothing else while a batch is processed, or a kernel compiled that was not warmed up."""
READY_S = 20.0
"""After so long without an answer of its log, a worker is not ready."""


class Stuck(TillwatchError):
    """There are records to read, the log answers, and nothing has moved for long."""


class Watchdog:
    """What a worker reports of itself, and what follows.

    A thread of its own ends the process where the event loop itself stands still.

    Args:
        stuck_s: seconds without any progress.
    """

    def __init__(self, stuck_s: float = STUCK_S) -> None:
        self._stuck_s = stuck_s
        self._moved_at = self._answered_at = self._looked_at = time.monotonic()
        self._done: Mapping[int, int] = {}
        self._partitions: int | None = None
        self._trouble = "no partition was assigned yet"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch_loop, name="watchdog", daemon=True)
        self._thread.start()

    def recovered(self, partitions: int) -> None:
        """The worker has these partitions' state."""
        self._partitions, self._trouble = partitions, ""
        self._moved_at = self._answered_at = time.monotonic()

    def released(self) -> None:
        """The worker waits for what it is given next."""
        self._partitions, self._trouble = None, "partitions are being assigned"

    def look(self, now: float, lag: int | None, done: Mapping[int, int]) -> None:
        """Note how far the worker is.

        Args:
            now: of `time.monotonic`.
            lag: records not processed; None where that is not known.
            done: by partition, the offset after the last processed record.

        Raises:
            Stuck: there was something to do, and nothing has moved for long.
        """
        self._answered_at = self._looked_at = now
        if not lag or done != self._done:
            self._done, self._moved_at = dict(done), now
        if now - self._moved_at >= self._stuck_s:
            raise Stuck(
                f"{lag} records are waiting and none was processed for {now - self._moved_at:.0f} s: start it again"
            )

    def unreachable(self, now: float, why: str) -> None:
        """The log does not answer; standing still is no fault of the worker."""
        if not self._trouble:
            logger.warning("the log does not answer: %s", why)
        self._looked_at = self._moved_at = now

    @property
    def trouble(self) -> str:
        """Why the worker is not ready; "" where it is."""
        silent_s = time.monotonic() - self._answered_at
        if self._partitions is not None and silent_s >= READY_S:
            return f"the log has not answered for {silent_s:.0f} s"
        return self._trouble

    @property
    def alive(self) -> bool:
        """Whether the event loop turns."""
        return time.monotonic() - self._looked_at < LOOP_S

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _watch_loop(self) -> None:
        while not self._stopping.wait(LOOP_S / 20):
            if not self.alive:
                logger.critical("the event loop has not turned for %.0f s: the process ends", LOOP_S)
                faulthandler.dump_traceback()
                os._exit(70)

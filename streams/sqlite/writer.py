"""One thread that writes to the embedded log, so that waiting for another writer never holds up the loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from mode import get_logger

from streams.sqlite.connection import SqliteFailed
from streams.sqlite.log import SqliteLog

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")
logger = get_logger(__name__)

_PATIENCE_S = 1.0


class Writer:
    """Writes to the log file `path`, one piece of work after another.

    While another process has the log locked, or the disk is full, work waits and is tried again: nothing is
    dropped, and what waits for it is not acknowledged.
    """

    def __init__(self, path: str) -> None:
        self._log = SqliteLog(path, busy_timeout_s=_PATIENCE_S)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="log-writer")
        self._closing = threading.Event()

    async def run(self, work: Callable[[SqliteLog], R]) -> R:
        """Do `work` in the thread; it must be one transaction, for it may be tried more than once."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._insist, work)

    def _insist(self, work: Callable[[SqliteLog], R]) -> R:
        while True:
            try:
                return work(self._log)
            except SqliteFailed as error:
                if not error.may_pass or self._closing.is_set():
                    raise
                logger.warning("cannot write to %s (%s); trying again", self._log.path, error.reason)
                self._closing.wait(_PATIENCE_S / 10)

    def give_up(self) -> None:
        """Try nothing again from now on: work that waits for another writer fails."""
        self._closing.set()

    def close(self) -> None:
        """End the thread."""
        self.give_up()
        self._pool.shutdown()
        self._log.close()

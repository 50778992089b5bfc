"""A thread that renews a lease, so that a batch that holds up the event loop for long does not lose it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from mode import get_logger

from streams.sqlite.connection import SqliteFailed
from streams.sqlite.log import SqliteLog

if TYPE_CHECKING:
    from streams.sqlite.leases import Lease

logger = get_logger(__name__)


class Renewal:
    """Renews `lease` every third of its time to live, until `stop`; made in a running event loop.

    It has a connection of its own, for the writer's work may wait long. A process that is stopped renews
    nothing, and loses the lease when it expires.

    Attributes:
        lost: fails with `Fenced` when somebody else has the lease, or with what else ended the renewal.
    """

    def __init__(self, path: str, lease: Lease) -> None:
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._lease = lease
        self._rest_s = lease.ttl_s / 3
        self._stopping = threading.Event()
        # no lease outlives a power failure, so a renewal need not wait for the disk
        self._log = SqliteLog(path, durable=False, busy_timeout_s=min(self._rest_s, 1.0))
        self._thread = threading.Thread(target=self._run, name="lease-renewal", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End the thread; from here on the lease runs out."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)
        self._log.close()

    def _run(self) -> None:
        rest_s = self._rest_s
        while not self._stopping.wait(rest_s):
            rest_s = self._rest_s
            try:
                self._log.renew_lease(self._lease)
            except Exception as error:  # noqa: BLE001  it belongs to the loop
                if not (isinstance(error, SqliteFailed) and error.may_pass):
                    self._loop.call_soon_threadsafe(self._tell, error)
                    return
                logger.warning("cannot renew lease %r (%s); trying again", self._lease.name, error.reason)
                rest_s = self._rest_s / 10

    def _tell(self, error: Exception) -> None:
        if not self.lost.done():
            self.lost.set_exception(error)

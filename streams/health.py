"""`/live` and `/ready` on loopback, for whoever starts and stops workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from streams.watchdog import Watchdog


class Health:
    """Answers 200 or 503 and says why.

    Args:
        port: on 127.0.0.1; 0 for none.
        watchdog: who knows.
    """

    def __init__(self, port: int, watchdog: Watchdog) -> None:
        self._port, self._watchdog = port, watchdog
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; raises OSError where somebody else does."""
        if not self._port:
            return
        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return _answer("" if self._watchdog.alive else "the worker stands still")

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(self._watchdog.trouble)


def _answer(trouble: str) -> web.Response:
    return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

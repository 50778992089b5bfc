"""`/live`, `/ready` and `/metrics` of a process: for whoever starts and stops it, and for Prometheus."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Protocol

from aiohttp import web
from mode import get_logger
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.endpoint import Endpoint

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = get_logger(__name__)


class Watched(Protocol):
    """Who knows how the process is."""

    @property
    def alive(self) -> bool:
        """Whether it does anything at all."""
        ...

    @property
    def trouble(self) -> str:
        """Why it is not ready; "" where it is."""
        ...


class Shown(Protocol):
    """What `/metrics` shows."""

    async def exposition(self) -> bytes:
        """Every metric in Prometheus' text format."""
        ...


class Health:
    """Answers `/live` and `/ready` with 200, or 503 and why; `/metrics` with every metric.

    Args:
        endpoint: where.
        watchdog: who knows how the process is.
        metrics: what `/metrics` shows; None for no such page.
        setting: of the port, for messages.
    """

    def __init__(
        self, endpoint: Endpoint, watchdog: Watched, metrics: Shown | None = None, setting: str = "health_port"
    ) -> None:
        self._endpoint, self._watchdog, self._metrics = endpoint, watchdog, metrics
        self._setting = setting
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; raises OSError where that cannot be and is required."""
        if not self._endpoint.port:
            return
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        if self._metrics is not None:
            app.router.add_get("/metrics", self._show_metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._endpoint.host, self._endpoint.port).start()
        except OSError as error:
            await runner.cleanup()
            where = f"{self._endpoint.host}:{self._endpoint.port}"
            if self._endpoint.required:
                raise OSError(error.errno, f"{self._setting} must be free, got {where}: {error.strerror}") from error
            logger.warning(
                "%s: %s: /live, /ready and /metrics are not served; give this process a %s of its own, or 0",
                where, error.strerror, self._setting,
            )  # fmt: skip
        else:
            self._runner = runner

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever has not the token."""
        if token := self._endpoint.token:
            given = request.headers.get("Authorization", "").encode(errors="replace")
            if not hmac.compare_digest(given, f"Bearer {token}".encode()):
                wanted = {"WWW-Authenticate": "Bearer"}
                return web.Response(status=401, text="Authorization must be Bearer <token>\n", headers=wanted)
        return await handler(request)

    async def _live(self, _: web.Request) -> web.Response:
        return _answer("" if self._watchdog.alive else "the process stands still")

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(self._watchdog.trouble)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        assert self._metrics is not None
        body = await self._metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _answer(trouble: str) -> web.Response:
    return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

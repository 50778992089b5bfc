"""`/live`, `/ready` and `/metrics` of a worker: for whoever starts and stops it, and for Prometheus."""

from __future__ import annotations

import hmac
import stat
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aiohttp import web
from mode import get_logger
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from streams.metrics import Metrics
    from streams.watchdog import Watchdog

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = get_logger(__name__)

LOOPBACK = "127.0.0.1"
LEAST_TOKEN = 16
"""Characters of a token, at least; `openssl rand -hex 32` makes one of 64."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a worker answers.

    Attributes:
        port: 0 for nowhere.
        host: an IP address of this machine, 0.0.0.0 or :: for all of them.
        token: what a request must carry as `Authorization: Bearer <token>`; "" where nobody must, on loopback alone.
        required: whether a port that somebody else has keeps the worker from starting; else it goes on without.

    Raises:
        ValueError: others than this machine could ask, and need no token.
    """

    port: int = 0
    host: str = LOOPBACK
    token: str = field(default="", repr=False)
    required: bool = True

    def __post_init__(self) -> None:
        if not self.token and not ip_address(self.host).is_loopback:
            raise ValueError(
                f"health_token_file must name a file where health_host is not loopback, got none for {self.host}:"
                " others than this machine could read the metrics"
            )


NOWHERE = Endpoint()


def read_token(path: Path) -> str:
    """The token in a file's first line.

    Raises:
        ValueError: others than its owner may read or write it, or it holds no token of `LEAST_TOKEN` characters.
        OSError: it cannot be read.
    """
    with path.open(encoding="ascii", errors="replace") as file:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            raise ValueError(f"{path} must have mode 0600, got {mode:04o}: others than its owner may read the token")
        token = file.readline().strip()
    if len(token) < LEAST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError(
            f"{path} must hold a token of at least {LEAST_TOKEN} printable ASCII characters without spaces in its first"
            f" line, got {len(token)} characters"
        )
    return token


class Health:
    """Answers `/live` and `/ready` with 200, or 503 and why; `/metrics` with every metric.

    Args:
        endpoint: where.
        watchdog: who knows how the worker is.
        metrics: what `/metrics` shows; None for no such page.
    """

    def __init__(self, endpoint: Endpoint, watchdog: Watchdog, metrics: Metrics | None = None) -> None:
        self._endpoint, self._watchdog, self._metrics = endpoint, watchdog, metrics
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
                raise OSError(error.errno, f"health_port must be free, got {where}: {error.strerror}") from error
            logger.warning(
                "%s: %s: /live, /ready and /metrics are not served; give this worker a health_port of its own, or 0",
                where, error.strerror,
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
        return _answer("" if self._watchdog.alive else "the worker stands still")

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(self._watchdog.trouble)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        assert self._metrics is not None
        body = await self._metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _answer(trouble: str) -> web.Response:
    return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

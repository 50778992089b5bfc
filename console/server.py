"""The console's web server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

from console.pages import live

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI


class Server(uvicorn.Server):
    """Serves the application of a configuration; when it stops, it first ends event streams, which never would."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; called once nothing new is accepted."""
        app: FastAPI = self.config.app  # type: ignore[assignment]  # any ASGI application, by uvicorn's own types
        await live.end(app)
        await super().shutdown(sockets)

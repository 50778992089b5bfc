"""What stands before every request: whom it calls, how large it is, how long it takes to come, and `HEAD`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES, MOST_UPLOAD_BYTES = 1 << 20, 12 << 20
"""Of a request's body, and of one with files by somebody who is signed in."""
BODY_S, UPLOAD_S = 30.0, 120.0
"""How long such bodies may take to come."""
METRICS = "/metrics"
"""Prometheus calls it by whatever name it reaches the console; its token keeps pages of elsewhere out."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def hosts_of(public_url: str, listens_on: str, *, is_loopback: bool) -> tuple[str, ...]:
    """Names under which the console answers; empty for any.

    A page of elsewhere whose name was made to point here (DNS rebinding) comes with that name. Over TLS of its own the
    certificate keeps it out already, whatever names it has.

    >>> hosts_of("https://risk.example:8443", "10.0.0.7", is_loopback=False)
    ('risk.example', '127.0.0.1', 'localhost', '::1')
    >>> hosts_of("", "0.0.0.0", is_loopback=False)
    ()
    """
    if public_url:
        return (urlsplit(public_url).hostname or "", *LOOPBACK)
    return tuple(dict.fromkeys((listens_on, *LOOPBACK))) if is_loopback else ()


class Guard:
    """Middleware that refuses requests before anything reads them.

    Args:
        app: what it stands before.
        hosts: names under which the console answers; empty for any.
        cookies: of sessions; who has none of them uploads nothing.
        body_s: how long a body may take to come.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str] = (), cookies: Collection[str] = (), body_s: float = BODY_S
    ) -> None:
        self._app, self._hosts, self._cookies, self._body_s = app, frozenset(hosts), tuple(cookies), body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        is_ours = scope["path"] == METRICS or _name(headers.get("host", "")) in self._hosts
        if self._hosts and not is_ours:
            answer = PlainTextResponse("Host must be a name of this console: see console_url\n", 400)
            await answer(scope, receive, send)
            return
        has_session = any(f"{each}=" in headers.get("cookie", "") for each in self._cookies)
        is_upload = has_session and headers.get("content-type", "").startswith("multipart/")
        most, within_s = (MOST_UPLOAD_BYTES, UPLOAD_S) if is_upload else (MOST_BYTES, self._body_s)
        if int(headers["content-length"] if headers.get("content-length", "").isdecimal() else 0) > most:
            answer = PlainTextResponse(f"a body must have at most {most} bytes\n", 413)
            await answer(scope, receive, send)
            return
        body = _Body(receive, most, within_s)
        if scope["method"] != "HEAD":
            await self._app(scope, body, send)
            return
        asked = {**scope, "method": "GET"}
        await self._app(asked, body, _without_body(send))
        scope["route"] = asked.get("route")  # for metrics


class _Body:
    """What comes of a request, until it is too much or takes too long."""

    def __init__(self, receive: Receive, most: int, within_s: float) -> None:
        self._receive, self._left, self._within_s = receive, most, within_s
        self._deadline: float | None = None
        self._is_whole = False

    async def __call__(self) -> Message:
        if self._is_whole:  # what comes now says only that the browser went away
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._within_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, f"a body must come within {self._within_s:g} s") from error
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, "the body must be smaller")
        self._is_whole = not message.get("more_body", False)
        return message


def _without_body(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sent


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; of a host that comes twice, none that fits."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = f"{found[key]},{value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _name(host: str) -> str:
    """A host's name, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""

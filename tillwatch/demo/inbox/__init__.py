"""The demonstration's inbox: a robot that takes notices as WeCom's would, and a page that shows them as on a phone."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from streams.log import now_utc_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
_HOST = "127.0.0.1"
_MOST_MESSAGES, _MOST_BYTES = 200, 16_384
_PAGES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/inbox.css": ("inbox.css", "text/css; charset=utf-8"),
    "/inbox.js": ("inbox.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
}  # fmt: skip


class Text(msgspec.Struct, frozen=True):
    """What a robot's message says, and whom it mentions."""

    content: str
    mentioned_list: tuple[str, ...] = ()


class Sent(msgspec.Struct, frozen=True):
    """The body of a request to the robot."""

    msgtype: str
    text: Text


class Shown(msgspec.Struct, frozen=True):
    """A message that came.

    Attributes:
        number: from 1, in the order in which they came.
        at_ms: when, UTC milliseconds.
        to: whom it mentions; "" for nobody.
        text: what it says.
    """

    number: int
    at_ms: int
    to: str
    text: str


@dataclass
class Inbox:
    """What came, the newest last; the oldest give way.

    Attributes:
        key: what whoever sends must know.
        port: where the robot and the page are, on this machine alone.
    """

    key: str
    port: int = 0
    _messages: list[Shown] = field(default_factory=list)
    _count: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def url(self) -> str:
        """The page."""
        return f"http://{_HOST}:{self.port}/"

    def take(self, body: bytes) -> tuple[int, str]:
        """Take a request's body; the code and the words that a robot of WeCom answers with."""
        try:
            sent = msgspec.json.decode(body, type=Sent)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return 40_058, f"message must be a text of a robot: {error}"
        with self._lock:
            self._count += 1
            to = ", ".join(sent.text.mentioned_list)
            self._messages.append(Shown(self._count, now_utc_ms(), to, sent.text.content))
            del self._messages[:-_MOST_MESSAGES]
        return 0, "ok"

    def messages(self) -> list[Shown]:
        """What is shown."""
        with self._lock:
            return [*self._messages]


class _Handler(BaseHTTPRequestHandler):
    inbox: ClassVar[Inbox]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Show the page, or what it shows."""
        path = urlsplit(self.path).path
        if not self._is_local():
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, b"", "text/plain")
        elif path == "/messages":
            self._answer(HTTPStatus.OK, msgspec.json.encode(self.inbox.messages()), "application/json")
        elif path in _PAGES:
            name, kind = _PAGES[path]
            self._answer(HTTPStatus.OK, (_HERE / name).read_bytes(), kind)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def do_POST(self) -> None:
        """Take a message."""
        asked = urlsplit(self.path)
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"", "text/plain")
            return
        body = self.rfile.read(int(length))
        key = parse_qs(asked.query).get("key", [""])[0]
        if asked.path != "/robot" or not secrets.compare_digest(key.encode(), self.inbox.key.encode()):
            code, words = 93_000, "invalid webhook url"
        else:
            code, words = self.inbox.take(body)
        self._answer(HTTPStatus.OK, msgspec.json.encode({"errcode": code, "errmsg": words}), "application/json")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class calls it so
        """Say nothing: the terminal is the demonstration's."""

    def _is_local(self) -> bool:
        """Whether it was asked by its address, and not by a name that leads here."""
        return self.headers.get("Host", "") in {f"{each}:{self.inbox.port}" for each in (_HOST, "localhost")}

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in (_HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@contextmanager
def receiving() -> Iterator[Inbox]:
    """An inbox that takes messages until the block is left."""
    inbox = Inbox(secrets.token_urlsafe(16))
    handler = type("Handler", (_Handler,), {"inbox": inbox})
    with _Server((_HOST, 0), handler) as server:
        inbox.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="inbox", daemon=True)
        thread.start()
        try:
            yield inbox
        finally:
            server.shutdown()
            thread.join()

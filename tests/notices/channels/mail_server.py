"""A mail server on loopback that refuses, hangs or cuts as it is told to."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import socket
    import ssl


@dataclass
class Rules:
    """What the server answers to a command: a reply, `hang` or `cut`; by command, or by command and address.

    Attributes:
        replies: such as `{"RCPT u@x": "550 no such user", "DATA END": "cut"}`.
        context: for STARTTLS, None for none.
    """

    replies: dict[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None


class MailServer:
    """Takes mails; what arrived whole is in `mails`, as envelope and text."""

    def __init__(self) -> None:
        self.rules = Rules()
        self.mails: list[tuple[str, str, bytes]] = []
        self.commands: list[str] = []
        self.done = threading.Event()

    def __enter__(self) -> Self:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = False
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def serve(self, connection: socket.socket) -> None:
        """One conversation."""
        connection.settimeout(5)
        talk = _Talk(self, connection)
        try:
            if talk.say("CONNECT", "220 mail.example ESMTP"):
                while talk.step():
                    pass
        except OSError:
            return  # the other side went
        finally:
            talk.connection.close()


class _Talk:
    def __init__(self, server: MailServer, connection: socket.socket) -> None:
        self.server, self.connection = server, connection
        self.file = connection.makefile("rb")
        self.sender, self.to = "", ""

    def say(self, key: str, usual: str) -> bool:
        """Answer; whether the conversation goes on."""
        reply = self.server.rules.replies.get(key, usual)
        if reply == "hang":
            self.server.done.wait(5)
            return False
        if reply == "cut":
            return False
        self.connection.sendall(reply.encode() + b"\r\n")
        return not reply.startswith("421")

    def step(self) -> bool:  # noqa: PLR0911  a command each
        line = self.file.readline().decode().strip()
        if not line:
            return False
        self.server.commands.append(line)
        word = line.split()[0].upper()
        if word in {"EHLO", "HELO"}:
            extra = "250-STARTTLS\r\n" if self.server.rules.context else ""
            return self.say("EHLO", f"250-mail.example\r\n{extra}250-AUTH PLAIN\r\n250 8BITMIME")
        if word == "STARTTLS" and self.server.rules.context:
            self.say("STARTTLS", "220 go ahead")
            self.connection = self.server.rules.context.wrap_socket(self.connection, server_side=True)
            self.file = self.connection.makefile("rb")
            return True
        if word == "MAIL":
            self.sender = line
            return self.say("MAIL", "250 ok")
        if word == "RCPT":
            self.to = line.partition("<")[2].partition(">")[0]
            return self.say(f"RCPT {self.to}", "250 ok")
        if word == "DATA":
            return self._take()
        if word == "QUIT":
            self.say("QUIT", "221 bye")
            return False
        return self.say(word, "235 signed in" if word == "AUTH" else "250 ok")

    def _take(self) -> bool:
        if not self.say("DATA", "354 go on"):
            return False
        if not self.server.rules.replies.get("DATA", "354").startswith("354"):
            return True
        lines = []
        while (line := self.file.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b".") else line)
        reply = self.server.rules.replies.get("DATA END", "250")
        if reply.startswith("250"):
            self.server.mails.append((self.sender, self.to, b"".join(lines)))
        return self.say("DATA END", "250 queued as 4F2A")

"""A real Alertmanager on this machine, and a webhook that notes what it sends."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Sent = list[tuple[str, Any]]
"""By message, the path of the webhook and the body."""


class Alertmanager:
    """A server that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """What it answers to JSON that is posted, or to a question where there is none."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@contextmanager
def receiving(sent: Sent) -> Iterator[int]:
    """A webhook on a free port, which notes what comes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append((self.path.strip("/"), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def running(config: str, folder: Path) -> Iterator[Alertmanager]:
    """One with a configuration, in YAML or JSON, that keeps its data in a folder."""
    binary = require(lambda: command("prometheus-alertmanager", "prometheus-alertmanager"))
    file, (port,) = folder / "alertmanager.yml", free_ports(1)
    file.write_text(config, encoding="utf-8")
    where = [f"--config.file={file}", f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, *where, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            made = Alertmanager(f"http://127.0.0.1:{port}")
            wait_until(lambda: answers(f"{made.url}/-/ready"), "Alertmanager answers", 60)
            yield made
        finally:
            process.terminate()
            process.wait(20)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False

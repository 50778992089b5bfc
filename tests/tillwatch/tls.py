"""Certificates that are wrong in one way each, and a server that shows one."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"


class Issuer:
    """Makes certificates in a folder, by openssl."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._openssl = require(partial(command, "openssl", "openssl"))
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.authority = folder, folder / f"{name}.pem"
        self._make(name, "basicConstraints = critical, CA:TRUE", 400)

    def certificate(self, name: str, *, of: str = f"IP:{HOST}", days: int = 400, made: str = "") -> Path:
        """A certificate, beside its key; `made` is when by the clock, such as `10 days ago`."""
        self._make(name, f"subjectAltName = {of}", days, made, signed=True)
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        """The key of a certificate."""
        return self.folder / f"{name}.key"

    def _make(self, name: str, extension: str, days: int, made: str = "", *, signed: bool = False) -> None:
        config = self.folder / f"{name}.cnf"
        config.write_text(f"[req]\ndistinguished_name = name\n[name]\n[own]\n{extension}\n", encoding="ascii")
        by = ["-CA", str(self.authority), "-CAkey", str(self.authority.with_suffix(".key"))] if signed else []
        then = [require(partial(command, "faketime", "faketime")), made] if made else []
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]
        what = ["-config", str(config), "-extensions", "own", "-subj", f"/CN={name}", "-days", str(days)]
        request = [*then, self._openssl, "req", "-x509", *key, *what, *by, "-out", f"{name}.pem"]
        subprocess.run(request, cwd=self.folder, check=True, capture_output=True)
        (self.folder / f"{name}.key").chmod(0o600)


@contextmanager
def serving(certificate: Path | None) -> Iterator[int]:
    """A port that takes connections, with TLS where a certificate is given, and never says anything else."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, context))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listening: socket.socket, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # it was shut down
            return
        with connection, suppress(OSError):
            connection.settimeout(1.0)
            if context is None:
                connection.recv(1)
                connection.sendall(b"no TLS here\n")
            else:
                with context.wrap_socket(connection, server_side=True):
                    pass

"""Certificates for a broker and a client, made by openssl when they are needed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.parts import Missing, command

if TYPE_CHECKING:
    from pathlib import Path

_EXTENSIONS = """\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
subjectAltName = IP:127.0.0.1, DNS:localhost
extendedKeyUsage = serverAuth
[client]
extendedKeyUsage = clientAuth
"""


@dataclass(frozen=True)
class Certificates:
    """PEM files in a folder; each certificate beside its key, and valid for two days."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the others: a client's `cafile`."""
        return self.folder / "authority.pem"

    @property
    def server(self) -> Path:
        """The broker's key and certificate, in one file as Kafka wants them."""
        return self.folder / "server-both.pem"

    @property
    def client(self) -> Path:
        """The client's certificate."""
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        """The key of the client's certificate, without a password."""
        return self.folder / "client.key"

    def make(self) -> None:
        """Make them, unless they are there; raises Missing where there is no openssl."""
        if self.server.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "extensions.cnf").write_text(_EXTENSIONS, encoding="utf-8")
        self._certify("authority")
        signed = ("-CA", str(self.authority), "-CAkey", str(self.folder / "authority.key"))
        self._certify("client", *signed)
        self._certify("server", *signed)
        both = (self.folder / name for name in ("server.key", "server.pem"))
        self.server.write_text("".join(each.read_text(encoding="ascii") for each in both), encoding="ascii")

    def _certify(self, name: str, *signed: str) -> None:
        openssl = command("openssl", "openssl")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
        what = ("-config", "extensions.cnf", "-extensions", name, "-subj", f"/CN=tillwatch-{name}", "-days", "2")
        request = [openssl, "req", "-x509", *key, *what, *signed, "-out", f"{name}.pem"]
        made = subprocess.run(request, cwd=self.folder, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Missing(f"openssl should make the certificate of {name}, but said:\n{made.stderr}")

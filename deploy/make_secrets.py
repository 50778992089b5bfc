"""Makes the passwords, tokens and the console's certificate of docker-compose.yml at its first start.

`show` prints Grafana's password, and how to connect. What is there is never changed: to change a secret, remove its
volume. Kafka gets a salted hash, never the password.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("TILLWATCH_SECRETS", "/run/secrets"))
USER = "tillwatch"
ITERATIONS = 8_192
"""Of SCRAM: RFC 7677 asks for 4,096 at least."""
OURS, SHARED = 0o600, 0o640
DAYS = 825
"""For which the console's own certificate is valid; browsers take none for longer."""
NAMES = "subjectAltName=DNS:localhost,DNS:console,IP:127.0.0.1"
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


def main() -> None:
    """Do what the first argument says."""
    what = sys.argv[1] if len(sys.argv) > 1 else "make"
    if what == "make":
        make()
    elif what == "show":
        show()
    else:
        sys.exit(f"the argument must be make or show, got {what!r}")


def make() -> None:
    """Write what is not there."""
    os.umask(0)  # modes are as they are given here
    password = _written(ROOT / "tillwatch" / "kafka-password", secrets.token_urlsafe(32), OURS)
    token = _written(ROOT / "tillwatch" / "metrics-token", secrets.token_urlsafe(32), OURS)
    _written(ROOT / "prometheus" / "metrics-token", token, SHARED)
    _written(ROOT / "kafka" / "scram", _scram(password), SHARED)
    _written(ROOT / "kafka" / "cluster-id", base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[:22], SHARED)
    _written(ROOT / "grafana" / "admin-password", secrets.token_urlsafe(18), SHARED)
    _make_of_casework()


def _make_of_casework() -> None:
    """Write what database and console need."""
    password = _written(ROOT / "casework" / "casework-password", secrets.token_urlsafe(32), OURS)
    _written(ROOT / "casework" / "pgpass", f"postgres:5432:casework:{USER}:{password}\n", OURS)
    _written(ROOT / "postgres" / "casework-password", password, SHARED)
    _written(ROOT / "postgres" / "admin-password", secrets.token_urlsafe(32), SHARED)
    reader = _written(ROOT / "grafana" / "casework-password", secrets.token_urlsafe(32), SHARED)
    _written(ROOT / "postgres" / "grafana-password", reader, SHARED)
    pem = ROOT / "console" / "console.pem"
    both = _written(pem, "" if pem.exists() else _key_and_certificate(), OURS)
    _written(ROOT / "prometheus" / "console-ca.pem", _CERTIFICATE + both.partition(_CERTIFICATE)[2], SHARED)


def show() -> None:
    """Print what a person on this machine needs."""
    print(f"Grafana at http://127.0.0.1:3000: admin, {(ROOT / 'grafana' / 'admin-password').read_text()}")
    print("console at https://127.0.0.1:8643: `docker compose logs console` has the link that makes its first user")
    print(f"Kafka at 127.0.0.1:19092: {USER}, {(ROOT / 'tillwatch' / 'kafka-password').read_text()}")


def _written(path: Path, text: str, mode: int) -> str:
    """What the file holds: `text`, unless it was there before."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(text)
    return text


def _key_and_certificate() -> str:
    """A key and its certificate, signed by itself, in PEM; a site puts its own in their place."""
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    of_whom = ["-subj", "/CN=Tillwatch console", "-addext", NAMES, "-days", str(DAYS)]
    command = ["openssl", "req", "-x509", *kind, *of_whom, "-keyout", "-", "-out", "-"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  all of it stands here
    return made.stdout


def _scram(password: str) -> str:
    """The user as `kafka-storage format --add-scram` takes it, with the salted password of RFC 5802."""
    salt = secrets.token_bytes(24)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode("ascii"), salt, ITERATIONS)
    secret = f'salt="{_base64(salt)}",saltedpassword="{_base64(salted)}"'
    return f"SCRAM-SHA-512=[name={USER},iterations={ITERATIONS},{secret}]"


def _base64(of: bytes) -> str:
    return base64.b64encode(of).decode("ascii")


if __name__ == "__main__":
    main()

"""Asks the worker here whether it is `live` or `ready`, or the `console` for a page: exit code 0, or 1 and why.

For health checks that cannot send the token of `health_token_file` themselves, or do not know the console's
certificate. It uses the process' own settings in the environment, and nothing but Python.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from pathlib import Path

TIMEOUT_S = 4.0


def main() -> None:
    """Ask, and end with the answer."""
    if sys.argv[1:] == ["console"]:
        ask(console(), "/login", {})
    elif sys.argv[1:] in (["live"], ["ready"]):
        ask(worker(), f"/{sys.argv[1]}", authorization())
    else:
        sys.exit(f"the argument must be live, ready or console, got {sys.argv[1:]}")


def authorization() -> dict[str, str]:
    """The header with the token, if one is set."""
    headers = {}
    if token_file := os.environ.get("TILLWATCH_HEALTH_TOKEN_FILE"):
        token = Path(token_file).read_text(encoding="ascii").split("\n", 1)[0].strip()
        headers["Authorization"] = f"Bearer {token}"
    return headers


def worker() -> http.client.HTTPConnection:
    """Where a worker answers."""
    port = int(os.environ.get("TILLWATCH_HEALTH_PORT", "9464"))
    return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)


def console() -> http.client.HTTPConnection:
    """Where the console answers; its certificate's name is not asked for: this is the same machine."""
    port = int(os.environ.get("TILLWATCH_CONSOLE_PORT", "8643"))
    if not os.environ.get("TILLWATCH_CONSOLE_CERT_FILE"):
        return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=context)


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    """Ask, and end with the answer where it is none or a bad one."""
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        said = answer.read(1_000).decode(errors="replace").strip()
    except OSError as error:
        sys.exit(f"{connection.host}:{connection.port} does not answer: {error}")
    if answer.status != http.client.OK:
        sys.exit(f"{answer.status}: {said}")


if __name__ == "__main__":
    main()

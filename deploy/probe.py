"""Asks the worker of this machine whether it is `live` or `ready`: exit code 0, or 1 with its reason.

For health checks that cannot send the token of `health_token_file` themselves. It uses the worker's own settings in the
environment, and nothing but Python.
"""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path

TIMEOUT_S = 4.0


def main() -> None:
    """Ask, and end with the answer."""
    if sys.argv[1:] not in (["live"], ["ready"]):
        sys.exit(f"the argument must be live or ready, got {sys.argv[1:]}")
    headers = {}
    if token_file := os.environ.get("TILLWATCH_HEALTH_TOKEN_FILE"):
        token = Path(token_file).read_text(encoding="ascii").split("\n", 1)[0].strip()
        headers["Authorization"] = f"Bearer {token}"
    port = int(os.environ.get("TILLWATCH_HEALTH_PORT", "9464"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"/{sys.argv[1]}", headers=headers)
        answer = connection.getresponse()
        said = answer.read(1_000).decode(errors="replace").strip()
    except OSError as error:
        sys.exit(f"127.0.0.1:{port} does not answer: {error}")
    if answer.status != http.client.OK:
        sys.exit(f"{answer.status}: {said}")


if __name__ == "__main__":
    main()

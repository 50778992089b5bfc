"""Where a worker answers `/live`, `/ready` and `/metrics`, and the token that a request must carry."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = "127.0.0.1"
LEAST_TOKEN = 16
"""Characters of a token, at least; `openssl rand -hex 32` makes one of 64."""
_MOST_LINE = 4_096
"""Characters of a secret's line: more is another file."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a worker answers.

    Attributes:
        port: 0 for nowhere.
        host: an IP address of this machine, 0.0.0.0 or :: for all of them.
        token: what a request must carry as `Authorization: Bearer <token>`; "" where nobody must, on loopback alone.
        required: whether a port that somebody else has keeps the worker from starting; else it goes on without.

    Raises:
        ValueError: others than this machine could ask, and need no token.
    """

    port: int = 0
    host: str = LOOPBACK
    token: str = field(default="", repr=False)
    required: bool = True

    def __post_init__(self) -> None:
        if not self.token and not ip_address(self.host).is_loopback:
            raise ValueError(
                f"health_token_file must name a file where health_host is not loopback, got none for {self.host}:"
                " others than this machine could read the metrics"
            )


NOWHERE = Endpoint()


def first_line(path: Path) -> str:
    """A secret in a file's first line; its end, which editors put there, is none of it. Raises OSError."""
    with path.open(encoding="utf-8") as file:
        return file.readline(_MOST_LINE).rstrip("\r\n")


def read_token(path: Path) -> str:
    """The token in a file's first line.

    Raises:
        ValueError: others than its owner may read or write it, or it holds no token of `LEAST_TOKEN` characters.
        OSError: it cannot be read.
    """
    with path.open(encoding="ascii", errors="replace") as file:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            raise ValueError(f"{path} must have mode 0600, got {mode:04o}: others than its owner may read the token")
        token = file.readline(_MOST_LINE).strip()
    if len(token) < LEAST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError(
            f"{path} must hold a token of at least {LEAST_TOKEN} printable ASCII characters without spaces in its first"
            f" line, got {len(token)} characters"
        )
    return token

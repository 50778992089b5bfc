"""Secrets of channels, each in a file that only its owner may read."""

from __future__ import annotations

import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MOST_BYTES = 4_096


class Secret:
    """Words that are never shown: not in a text, an error or a log.

    Args:
        lines: the secret, and others that are still good beside it.
    """

    __slots__ = ("_lines",)

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    def __repr__(self) -> str:
        return "Secret(***)"

    @property
    def value(self) -> str:
        """The secret."""
        return self._lines[0]

    @property
    def all(self) -> tuple[str, ...]:
        """The secret, and those that are still good beside it."""
        return self._lines


def read_secret(path: str) -> Secret:
    """The lines of a file.

    Raises:
        ValueError: others than its owner may read it, it holds nothing, or more than printable ASCII without blanks.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        mode = stat.S_IMODE(Path(path).stat().st_mode)
        if mode & _OTHERS:
            raise ValueError(f"{path} must have mode 0600, got {mode:04o}: others than its owner may read the secret")
        text = file.read(_MOST_BYTES + 1).decode("ascii", errors="replace")
    lines = tuple(each.strip() for each in text.splitlines() if each.strip())
    if not lines or not all(each.isascii() and each.isprintable() and " " not in each for each in lines):
        raise ValueError(f"{path} must hold a secret of printable ASCII characters without blanks in its first line")
    return Secret(*lines)

"""Files that commands of casework write: new ones, of mode 0600."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


def write_new(file: Path, body: bytes) -> None:
    """Write a file that is not there yet and that nobody else can read; `-` is standard output.

    Raises:
        ClickException: it is there.
    """
    if str(file) == "-":
        sys.stdout.buffer.write(body)
        return
    try:
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        raise click.ClickException(f"{file} must be a new file, it is there") from error
    file.write_bytes(body)

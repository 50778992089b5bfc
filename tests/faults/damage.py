"""Damaging what is stored of the state, and what an operator does about it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


def flipped(body: bytes, draw: random.Random) -> bytes:
    """One to three of its bytes made others."""
    damaged = bytearray(body)
    for at in draw.sample(range(len(damaged)), min(draw.randint(1, 3), len(damaged))):
        damaged[at] ^= draw.randrange(1, 256)
    return bytes(damaged)


def rebuild(log_url: str, partitions: int) -> None:
    """Compute the state of a log anew, as an operator does."""
    command = [sys.executable, "-m", "tillwatch", "--log-url", log_url, "state", "rebuild"]
    ours = {name for name in os.environ if name.startswith("TILLWATCH_")} - {"TILLWATCH_CACHE"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["TILLWATCH_PARTITIONS"] = str(partitions)
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr

"""Damaging what is stored of the state, and what an operator does about it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from tests.tillwatch.forked import run

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
    code, _, errors = run("--log-url", log_url, "state", "rebuild", first=partial(_set, partitions))
    assert code == 0, errors


def _set(partitions: int) -> None:
    """Leave nothing set that the tests were run with."""
    for name in [each for each in os.environ if each.startswith("TILLWATCH_") and each != "TILLWATCH_CACHE"]:
        del os.environ[name]
    os.environ["TILLWATCH_PARTITIONS"] = str(partitions)

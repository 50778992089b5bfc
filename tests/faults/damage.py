"""Damaging bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


def flipped(body: bytes, draw: random.Random) -> bytes:
    """One to three of its bytes made others."""
    damaged = bytearray(body)
    for at in draw.sample(range(len(damaged)), min(draw.randint(1, 3), len(damaged))):
        damaged[at] ^= draw.randrange(1, 256)
    return bytes(damaged)

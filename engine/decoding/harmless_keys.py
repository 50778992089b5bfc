"""Keys that are none of ours, and that the slow way found harmless: the scanner passes over them by their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.decoding.hashing import hash_of
from engine.jit import i64, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAYS = 4
"""Keys that share a set: those whose hashes agree in their upper bits."""
MOST_KEY_BYTES = 48
"""Longest key that is held, a multiple of eight."""
_SETS = 128
_SHIFT = 64 - 7
_PLACE = np.uint64(_SHIFT)


class KeyTable(NamedTuple):
    """What the scanner looks keys up in: a row per set and way."""

    hash: NDArray[np.uint64]
    """(sets, ways): 0 where there is none."""
    length: NDArray[np.int64]
    """(sets, ways): bytes of the key."""
    text: NDArray[np.uint8]
    """(sets, ways, MOST_KEY_BYTES): the key, and zeros."""
    used: NDArray[np.uint8]
    """(sets, ways): whether it was met since its set was last looked through for room."""


class HarmlessKeys:
    """At most 512 keys. Of a full set a key goes that was not met lately: junk never keeps a steady key out.

    A hash is no proof, for it can be forged: keys are compared by their bytes.

    Attributes:
        table: for the scanner.
    """

    def __init__(self) -> None:
        shape = (_SETS, WAYS)
        self.table = KeyTable(
            np.zeros(shape, np.uint64), np.zeros(shape, np.int64), np.zeros((*shape, MOST_KEY_BYTES), np.uint8),
            np.zeros(shape, np.uint8),
        )  # fmt: skip
        self._next = 0

    def add(self, key: str) -> None:
        """Hold a key, if it is of ASCII and short enough."""
        raw = key.encode(errors="replace")
        if not key.isascii() or len(raw) > MOST_KEY_BYTES:
            return
        h = hash_of(key)
        at = h >> _SHIFT
        table = self.table
        text = np.frombuffer(raw.ljust(MOST_KEY_BYTES, b"\0"), np.uint8)
        if any(table.hash[at, way] == h and (table.text[at, way] == text).all() for way in range(WAYS)):
            return
        empty = np.flatnonzero(table.hash[at] == 0)
        free = empty if len(empty) else np.flatnonzero(table.used[at] == 0)
        if len(free) == 0:
            table.used[at] = 0
            self._next = (self._next + 1) % WAYS
            free = np.array([self._next])
        way = int(free[0])
        table.hash[at, way], table.length[at, way], table.used[at, way] = h, len(raw), 0
        table.text[at, way] = text


@njit_inline
def is_harmless(data: NDArray[np.uint8], start: int, end: int, h: np.uint64, table: KeyTable) -> bool:
    """Whether the key in [start, end), of hash `h`, is held; it is then noted as met."""
    at = i64(h >> _PLACE)
    for way in range(WAYS):
        if table.hash[at, way] != h or table.length[at, way] != end - start:
            continue
        same = True
        for k in range(end - start):
            same &= data[start + k] == table.text[at, way, k]
        if same:
            table.used[at, way] = 1
            return True
    return False

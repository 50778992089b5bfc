"""Keys of requests that were taken, kept in the log with what they brought: one that is sent again is known."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.log import Log

MOST_KEYS = 65_536
"""Keys of an input that are known, the latest."""


class RequestKeys:
    """The latest keys of an input, in as many places of the log, the oldest of which is written over.

    Args:
        log: keeps them.
        name: of the input.
        most: keys that are kept.
    """

    def __init__(self, log: Log, name: str, most: int = MOST_KEYS) -> None:
        self._log, self._name, self._most = log, name, most
        self._next = 0
        self._key_at: dict[int, int] = {}
        self._content: dict[int, int] = {}
        self._added: list[int] = []

    def begin(self) -> None:
        """Read those that are kept, in the transaction of the input's writer."""
        self._next = self._log.position(f"{self._name}/next-key") or 0
        places = range(min(self._next, self._most))
        keys = self._log.read_positions([self._of("key", each) for each in places])
        contents = self._log.read_positions([self._of("content", each) for each in places])
        for each in places:
            self._key_at[each] = keys[self._of("key", each)]
            self._content[self._key_at[each]] = contents[self._of("content", each)]

    def content_of(self, key: int) -> int | None:
        """What came with a key; None for one that is not known."""
        return self._content.get(key)

    def add(self, key: int, content: int) -> None:
        """Know another key, in the place of the oldest where there are `most`."""
        place = self._next % self._most
        self._content.pop(self._key_at.get(place, -1), None)
        self._key_at[place] = key
        self._content[key] = content
        self._next += 1
        self._added.append(place)

    def keep(self) -> None:
        """Keep those that were added, in the transaction of what came with them."""
        if not self._added:
            return
        for each in dict.fromkeys(self._added):
            key = self._key_at[each]
            self._log.set_position(self._of("key", each), key)
            self._log.set_position(self._of("content", each), self._content[key])
        self._log.set_position(f"{self._name}/next-key", self._next)
        self._added.clear()

    def _of(self, what: str, place: int) -> str:
        return f"{self._name}/{what}/{place}"


def digest_of(parts: Iterable[bytes]) -> int:
    """What some bytes are known by: 56 bits, which depend on where one part ends and the next begins."""
    made = blake2b(digest_size=7)
    for each in parts:
        made.update(len(each).to_bytes(8, "little"))
        made.update(each)
    return int.from_bytes(made.digest(), "little")

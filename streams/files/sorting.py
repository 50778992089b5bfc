"""Sorting more than memory holds: runs are sorted, kept in files without a name, and merged.

A file without a name is its owner's alone and is gone with the process, however that ends.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_BYTES = 64 * 1024 * 1024
"""Bytes that are held before a run is written; in memory they take three times as many."""
_MOST_RUNS = 64
_OVERHEAD = 64
_HEAD = struct.Struct("<qHqBI")
_BUFFER = 256 * 1024


class Sortable(NamedTuple):
    """What is sorted: by time, then by file, then by place in it.

    Attributes:
        ms: UTC milliseconds.
        file: number of the file it came from.
        place: its order in the file among those of one time: its line, negative where the file is newest first.
        flag: one of `EVENT`, `LETTER`, `SUSPECT`.
        data: the event, or the dead letter, without card numbers.
    """

    ms: int
    file: int
    place: int
    flag: int
    data: bytes


EVENT, LETTER, SUSPECT = range(3)


class Sorter:
    """Takes what is to be sorted, then gives it in order, from the first each time.

    Args:
        run_bytes: how much is held in memory; `RUN_BYTES` by default.

    Attributes:
        runs: how many were written to files.
    """

    def __init__(self, run_bytes: int | None = None) -> None:
        self._run_bytes = run_bytes or RUN_BYTES
        self._held: list[Sortable] = []
        self._size = 0
        self._files: list[IO[bytes]] = []
        self.runs = 0

    def add(self, item: Sortable) -> None:
        """Take one."""
        self._held.append(item)
        self._size += len(item.data) + _OVERHEAD
        if self._size >= self._run_bytes:
            self._spill()

    def __iter__(self) -> Iterator[Sortable]:
        self._held.sort()
        if not self._files:
            yield from self._held
            return
        yield from heapq.merge(*map(_read, self._files), self._held)

    def close(self) -> None:
        """Drop everything."""
        for each in self._files:
            each.close()
        self._files.clear()
        self._held.clear()

    def _spill(self) -> None:
        self._held.sort()
        self._files.append(_written(self._held))
        self._held, self._size = [], 0
        self.runs += 1
        if len(self._files) >= _MOST_RUNS:
            merged = _written(heapq.merge(*map(_read, self._files)))
            for each in self._files:
                each.close()
            self._files = [merged]


def _written(items: Iterator[Sortable] | list[Sortable]) -> IO[bytes]:
    file = tempfile.TemporaryFile(buffering=_BUFFER, prefix="tillwatch-sort-")  # noqa: SIM115  closed by its owner
    for ms, number, place, flag, data in items:
        file.write(_HEAD.pack(ms, number, place, flag, len(data)))
        file.write(data)
    return file


def _read(file: IO[bytes]) -> Iterator[Sortable]:
    file.seek(0)
    while head := file.read(_HEAD.size):
        ms, number, place, flag, size = _HEAD.unpack(head)
        yield Sortable(ms, number, place, flag, file.read(size))

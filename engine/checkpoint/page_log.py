"""Pages of a checkpoint's side values: which are live, and when they are joined or rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.checkpoint.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]


class Fresh(NamedTuple):
    """A page to be written."""

    id: int
    page: Page


class Ids:
    """Numbers pages; a page that is written later has a greater number."""

    def __init__(self) -> None:
        self._last = 0

    def take(self) -> int:
        """The next number."""
        self._last += 1
        return self._last

    def go_on(self, last: int) -> None:
        """Go on after `last`."""
        self._last = last


class PageLog:
    """Values that are only ever added to: a checkpoint adds a stretch, and small pages are joined with the one before.

    Pages are joined when the new one is at least half as long as the one before it, so that there are few however
    often checkpoints are taken, and each value is written a few times only.

    Args:
        kind: of the pages.
        most: entries of a page.
        ids: numbers pages.
        pack: makes a page's arrays of a stretch's.
    """

    def __init__(self, kind: str, most: int, ids: Ids, pack: Callable[[Arrays], Arrays] = dict) -> None:
        self.kind = kind
        self.pages: dict[int, int] = {}
        """Entries of each live page."""
        self._most, self._ids, self._pack = most, ids, pack
        self._tail: list[tuple[int, int, Arrays]] = []
        self._aside: set[int] = set()

    @property
    def entries(self) -> int:
        """Entries of all live pages."""
        return sum(self.pages.values())

    def put_back(self, page_id: int, arrays: Arrays) -> None:
        """Count a page that was written before; pages in their order."""
        length = len(next(iter(arrays.values())))
        self.pages[page_id] = length
        self._keep(page_id, length, arrays)

    def add(self, arrays: Arrays, *, whole: bool, dropped: list[int]) -> list[Fresh]:
        """Add entries; the pages to write.

        Args:
            arrays: of one length each; they are kept and must never change.
            whole: whether they replace all that was there.
            dropped: gets the pages that hold nothing any more.
        """
        if whole:
            dropped += self.pages
            self.pages.clear()
            self._tail.clear()
        length = len(next(iter(arrays.values())))
        fresh = []
        for first in range(0, length, self._most):
            part = {name: each[first : first + self._most] for name, each in arrays.items()}
            fresh.append(self._page(min(self._most, length - first), part, dropped))
        return fresh

    def set_aside(self) -> None:
        """Note the pages there are, for `drop_aside`."""
        self._aside = set(self.pages)
        self._tail.clear()

    def drop_aside(self, dropped: list[int]) -> None:
        """Drop the pages that `set_aside` noted: what came since replaces them."""
        gone = sorted(self._aside & self.pages.keys())
        for page_id in gone:
            del self.pages[page_id]
        dropped += gone
        self._aside.clear()

    def _keep(self, page_id: int, entries: int, arrays: Arrays) -> None:
        """Keep what a later page may be joined with: none ever is with one that is two thirds full, nor beyond it."""
        if 3 * entries > 2 * self._most:
            self._tail.clear()
        else:
            self._tail.append((page_id, entries, arrays))

    def _page(self, entries: int, part: Arrays, dropped: list[int]) -> Fresh:
        while self._tail and self._tail[-1][1] <= 2 * entries and self._tail[-1][1] + entries <= self._most:
            before_id, before_entries, before = self._tail.pop()
            part = {name: np.concatenate([before[name], each]) for name, each in part.items()}
            entries += before_entries
            del self.pages[before_id]
            dropped.append(before_id)
        page_id = self._ids.take()
        self.pages[page_id] = entries
        self._keep(page_id, entries, part)
        return Fresh(page_id, Page(self.kind, {}, dict(self._pack(part))))


_SLACK = 1_000
"""Outdated entries that are not worth writing everything anew for."""


class Keyed:
    """Values by key, of which some change: a checkpoint adds those, and all are written anew when too many are
    outdated.

    Args:
        kind: of the pages.
        most: entries of a page.
        ids: numbers pages.
        encode: makes an entry of a key and its value; None says that the key is no more.
    """

    def __init__(self, kind: str, most: int, ids: Ids, encode: Callable[[Any, Any], bytes]) -> None:
        self.log = PageLog(kind, most, ids, _joined)
        self.values: dict[Any, Any] = {}
        self._encode = encode

    def add(self, changes: Mapping[Any, Any], dropped: list[int]) -> list[Fresh]:
        """Apply changes, by key the new value or None where the key is gone; return the pages to write."""
        self._update(changes.items())
        whole = self.log.entries + len(changes) > 2 * len(self.values) + _SLACK
        entries = [self._encode(*each) for each in sorted((self.values if whole else changes).items(), key=_key)]
        return self.log.add({"entry": _objects(entries)}, whole=whole, dropped=dropped)

    def put_back(self, page_id: int, page: Page, decode: Callable[[bytes], tuple[Any, Any]]) -> None:
        """Restore a page that was written before; pages must come in their order."""
        entries = list(_entries(page))
        self._update(map(decode, entries))
        self.log.put_back(page_id, {"entry": _objects(entries)})

    def _update(self, changes: Iterable[tuple[Any, Any]]) -> None:
        for key, value in changes:
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


def _joined(part: Arrays) -> Arrays:
    entries = part["entry"].tolist()
    return {"entry": np.frombuffer(b"".join(entries), np.uint8), "length": np.array([*map(len, entries)], np.int32)}


def _key(item: tuple[Any, Any]) -> Any:
    return item[0]


def _entries(page: Page) -> Iterator[bytes]:
    data, at = page.arrays["entry"].tobytes(), 0
    for length in page.arrays["length"].tolist():
        yield data[at : at + length]
        at += length


def _objects(entries: list[bytes]) -> NDArray[np.object_]:
    found = np.empty(len(entries), np.object_)
    found[:] = entries
    return found

"""The newest row of each key, of many more rows than Python objects would have room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_PACKED = 16_384
"""Rows that wait as tuples before they are packed."""
_SPARE = 131_072
"""Rows beyond a quarter more than were kept last that are packed before the superseded ones are dropped."""


class NewestRows:
    """Rows of which each key keeps the one with the highest rank; of two with one rank the later.

    Args:
        dtype: of a row; its fields begin with `key` and `rank`.
        keep: of rows, which are needed; all, if None. The others may be dropped at any time, so rows of their keys with
            lower ranks that come later must not be needed either.
    """

    def __init__(
        self, dtype: np.dtype[np.void], keep: Callable[[NDArray[Any]], NDArray[np.bool_]] | None = None
    ) -> None:  # fmt: skip
        self._dtype, self._keep = dtype, keep
        self._fresh: list[tuple[int, ...]] = []
        self._parts: list[NDArray[Any]] = []
        self._packed = self._kept = 0

    def add(self, *row: int) -> None:
        """Add a row: its fields in the order of the dtype."""
        self._fresh.append(row)
        if len(self._fresh) >= _PACKED:
            self._pack()
            if self._packed > self._kept + self._kept // 4 + _SPARE:
                self._merge()

    def rows(self) -> NDArray[Any]:
        """The newest row of each key, by ascending key."""
        self._pack()
        self._merge()
        return self._parts[0]

    def _pack(self) -> None:
        self._parts.append(np.array(self._fresh, self._dtype))
        self._packed += len(self._fresh)
        self._fresh.clear()

    def _merge(self) -> None:
        rows = np.concatenate(self._parts)
        self._parts.clear()
        rows = rows[np.lexsort((rows["rank"], rows["key"]))]
        newest = np.ones(len(rows), np.bool_)
        newest[:-1] = rows["key"][1:] != rows["key"][:-1]
        if self._keep is not None:
            newest &= self._keep(rows)
        self._parts.append(rows[newest])
        self._packed = self._kept = int(newest.sum())

"""Raw records of one partition, as every log carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

PADDING = 32
"""Zero bytes behind the last record, for the scanner reads words of eight bytes."""
_ZEROS = bytes(PADDING)


def padded(parts: Iterable[bytes | bytearray | memoryview]) -> NDArray[np.uint8]:
    """Byte strings joined as `Records.data` has them, with `PADDING` zero bytes behind; one copy."""
    return np.frombuffer(b"".join([*parts, _ZEROS]), np.uint8)


@dataclass(frozen=True, slots=True)
class Broken:
    """Offsets whose records could not be read.

    Attributes:
        first_offset: the first of them.
        last_offset: the last of them; some in between may never have held a record.
        message: what was expected and what came.
    """

    first_offset: int
    last_offset: int
    message: str


@dataclass(frozen=True, slots=True)
class Records:
    """A run of records of one partition, in order, as one array of bytes, and what could not be read between them.

    Attributes:
        data: the records' values, joined, and `PADDING` zero bytes; the decoder reads it where it lies. Read-only from
            here on.
        ends: where each ends in `data`, int64, ascending.
        offsets: the source offset of each, int64, ascending.
        appended_ms: when each was appended, UTC milliseconds, int64: the receipt of records without `received_at`.
        source: the topic and partition, or the file, for dead letters.
        broken: ranges of offsets that could not be read, in order; they lie before, between and behind the records.

    >>> batch = Records.of([b"{}", b"[1]"])
    >>> len(batch), batch.value(1)
    (2, b'[1]')
    """

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]
    offsets: NDArray[np.int64]
    appended_ms: NDArray[np.int64]
    source: str
    broken: tuple[Broken, ...] = ()

    @classmethod
    def of(
        cls, values: Sequence[bytes], *, first_offset: int = 0, appended_ms: int = 0, source: str = "events-0"
    ) -> Records:
        """Records of `values`, at consecutive offsets, all appended at one time."""
        n = len(values)
        ends = np.cumsum(np.fromiter(map(len, values), np.int64, n))
        offsets = np.arange(first_offset, first_offset + n, dtype=np.int64)
        return cls(padded(values), ends, offsets, np.full(n, appended_ms, np.int64), source)

    def __post_init__(self) -> None:
        # Machine code is made for read-only arrays; with others it would be compiled once more.
        self.data.flags.writeable = False

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def value_bytes(self) -> int:
        """Bytes of all values together."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def value(self, i: int) -> bytes:
        """The value of record `i`, 0 ≤ i < len."""
        start = int(self.ends[i - 1]) if i else 0
        return self.data[start : int(self.ends[i])].tobytes()

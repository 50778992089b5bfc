"""Kafka's record sets: from a fetch response's raw bytes of one partition to `Records`.

A record set is record batches, one behind the other, as they lie in the broker's log; the last one may be cut
short. A batch that cannot be read becomes a `Broken` range of offsets: nothing is lost in silence.
"""

# pyright: reportArgumentType=false
# What it touches is inferred from the library's code, which is not typed for whoever builds on it.

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.decoding.records import PADDING, Broken, Records
from streams.errors import LogFailed
from streams.fetched_batch import Batch
from streams.kafka import record_parser
from streams.kafka.aiokafka_compat import DefaultRecordBatchBuilder, calc_crc32c
from streams.kafka.codecs import CannotDecompress, decompress
from streams.kafka.record_parser import DONE, FAULTS, FULL, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_FRAME = struct.Struct(">qi")  # base offset, length of what follows
_HEAD = struct.Struct(">qiibIhiqqqhii")
_LEAST = 14  # the length of the shortest message of the layouts before record batches
_MAGIC, _MAGIC_AT = 2, 16
_MOST_OFFSETS = 1 << 62
_CHECKED_FROM = 21  # the checksum covers what follows it
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20


class CutShort(LogFailed):
    """A record set that does not begin with a whole batch: larger than what may be fetched, or damaged."""


class _Head(NamedTuple):
    """A batch's header, and where it lies in the set."""

    base_offset: int
    length: int
    epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_ms: int
    max_ms: int
    producer_id: int
    producer_epoch: int
    sequence: int
    records: int

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_delta


class _Open:
    """A batch that is being read: its records' bytes once they are decompressed, and how far it was read."""

    __slots__ = ("body", "compressed", "fields", "head", "state")

    def __init__(self, head: _Head, compressed: memoryview, asked: int) -> None:
        self.head, self.compressed = head, compressed
        self.body: NDArray[np.uint8] | None = None
        append_time = head.attributes & _APPEND_TIME != 0
        fields = (head.records, head.base_offset, head.last_delta, head.first_ms, head.max_ms, append_time, asked)
        self.fields = np.array(fields, np.int64)
        self.state = np.zeros(record_parser.STATE, np.int64)
        self.state[record_parser.LAST] = -1

    def load(self) -> NDArray[np.uint8]:
        """The records' bytes; raises CannotDecompress."""
        if self.body is None:
            self.body = decompress(self.head.attributes & _CODEC, self.compressed)
        return self.body


class _Room:
    """Where records are put: the values where `Records` has them, with room for its padding."""

    def __init__(self, most_records: int, most_bytes: int) -> None:
        self.values = np.empty(most_bytes + PADDING, np.uint8)
        self.ends, self.offsets, self.times = (np.empty(most_records, np.int64) for _ in range(3))
        self.taken = self.used = 0

    def fill(self, opened: _Open) -> int:
        """Take records of a batch; what `read_records` ends with. Raises CannotDecompress."""
        body, state = opened.load(), opened.state
        while True:
            state[record_parser.TAKEN], state[record_parser.USED] = self.taken, self.used
            room = self.values[:-PADDING]
            status = read_records(body, opened.fields, state, room, self.ends, self.offsets, self.times)
            self.taken, self.used = int(state[record_parser.TAKEN]), int(state[record_parser.USED])
            if status != FULL or self.taken or len(room) >= len(body):
                return status
            # a value that is too large goes alone
            self.values, self.ends = np.empty(len(body) + PADDING, np.uint8), self.ends[:1]

    def records(self, source: str, broken: Iterable[Broken]) -> Records:
        """What was put here, beside what could not be read; nothing else fits in afterwards."""
        n = self.taken
        ends, offsets, times = self.ends[:n].copy(), self.offsets[:n].copy(), self.times[:n].copy()
        self.values.resize(self.used + PADDING, refcheck=False)  # gives memory back and copies nothing; no view is left
        self.values[self.used :] = 0
        return Records(self.values, ends, offsets, times, source, tuple(broken))


class RecordSet:
    """A partition's record set, read piece by piece; each batch is decompressed once.

    Args:
        data: the record set.
        offset: the offset that was asked for; records below it are passed over.
        source: topic and partition, for `Records`.
        aborted: (producer id, first offset) of each aborted transaction, where only committed records are asked for.
        check_crcs: whether each batch's CRC-32C is checked.

    Attributes:
        next_offset: the offset of the next record to be read.
        done: whether all of it was read.
    """

    def __init__(
        self, data: bytes, offset: int, source: str, *, aborted: Iterable[tuple[int, int]] = (), check_crcs: bool = True
    ) -> None:
        self.next_offset = offset
        self.done = False
        self._data, self._source, self._check_crcs = memoryview(data), source, check_crcs
        self._at = 0
        self._begun = False  # whether a batch was met that reaches the offset asked for
        self._opened: _Open | None = None
        self._aborted = sorted(aborted, key=lambda each: each[1], reverse=True)
        self._aborting: set[int] = set()

    def take(self, max_records: int, max_bytes: int) -> Batch:
        """Read on.

        Args:
            max_records: most records to take.
            max_bytes: most bytes of values to take; a single larger one is taken alone.

        Returns:
            What was read. It holds nothing at all where the rest of the set holds nothing.

        Raises:
            CutShort: nothing can be read of the whole set; nothing is passed over.
        """
        room, broken = _Room(max_records, max_bytes), list[Broken]()
        full = False
        while self._find(broken) and not full:
            full = self._read(room, broken)
        return Batch(room.records(self._source, broken), self.next_offset)

    def _read(self, room: _Room, broken: list[Broken]) -> bool:
        """Read the open batch; whether room is lacking for its rest."""
        opened = self._opened
        assert opened is not None
        head = opened.head
        try:
            status = room.fill(opened)
        except CannotDecompress as error:
            self._lose(head.last_offset, f"record batch at offset {head.base_offset} {error}", broken)
            return False
        last_read = head.base_offset + int(opened.state[record_parser.LAST])
        self.next_offset = max(self.next_offset, last_read + 1)
        if status == FULL:
            return True
        if status != DONE:
            at = f"record {int(opened.state[record_parser.READ]) + 1} of {head.records} at offset {self.next_offset}"
            self._lose(head.last_offset, f"{at} must be whole, got an impossible {FAULTS[status]}", broken)
        elif int(opened.state[record_parser.AT]) != len(opened.load()):
            what = f"record batch at offset {head.base_offset} must end with its record {head.records}, got more bytes"
            self._lose(head.last_offset, what, broken)
        self._pass(head.last_offset)
        return False

    def _pass(self, last_offset: int) -> None:
        """Be done with a batch."""
        self.next_offset = max(self.next_offset, last_offset + 1)
        self._opened = None

    def _lose(self, last: int, message: str, broken: list[Broken]) -> None:
        """Be done with what cannot be read; say so unless all of it was read before."""
        if last >= self.next_offset:
            broken.append(Broken(self.next_offset, last, message))
        self._pass(last)

    def _frame(self, at: int) -> tuple[int, int] | None:
        """Base offset and length of the batch at `at`; None where there is no whole header."""
        return _FRAME.unpack_from(self._data, at) if at + _FRAME.size <= len(self._data) else None

    def _find(self, broken: list[Broken]) -> bool:
        """Go to the next batch with records to be read; whether there is one."""
        while self._opened is None and not self.done:
            at, frame = self._at, self._frame(self._at)
            whole = frame is not None and frame[1] >= _LEAST and at + _FRAME.size + frame[1] <= len(self._data)
            if frame is None or not whole:
                self._end()
                break
            self._at = at + _FRAME.size + frame[1]
            self._open(self._data[at : self._at], broken)
        return self._opened is not None

    def _end(self) -> None:
        """Come to where no whole batch is left. One that is cut short is fetched again, and then the first."""
        self.done = True
        if self._data and not self._begun:
            at = f"{self._source} at offset {self.next_offset}"
            raise CutShort(f"{at}: the fetch must bring a whole record batch, got {len(self._data)} bytes without one")

    def _open(self, batch: memoryview, broken: list[Broken]) -> None:
        """Pass over a batch, or get ready to read it."""
        base = _FRAME.unpack_from(batch)[0]
        if batch[_MAGIC_AT] != _MAGIC or len(batch) < _HEAD.size:
            what = f"record batch at offset {base} must be of magic 2, got {batch[_MAGIC_AT]} in {len(batch)} bytes"
            self._refuse(base, 0, what, broken)
            return
        head = _Head._make(_HEAD.unpack_from(batch))
        extent = max(min(head.last_delta, head.records - 1), 0)
        if self._check_crcs and (crc := calc_crc32c(batch[_CHECKED_FROM:])) != head.crc:
            what = f"record batch at offset {base} must have CRC-32C {head.crc:#010x}, got {crc:#010x}"
            self._refuse(base, extent, what, broken)
        elif not self._follows(head):
            what = f"record batch must follow offset {self.next_offset - 1}, got {base} and {head.records} records"
            self._refuse(base, extent, what, broken)
        elif head.last_offset >= self.next_offset:
            self._begun = True
            if self._holds_records(head):
                self._opened = _Open(head, batch[_HEAD.size :], self.next_offset)
            else:
                self._pass(head.last_offset)

    def _follows(self, head: _Head) -> bool:
        """Whether a header is possible here: the first batch may begin before the offset asked for."""
        in_order = head.base_offset >= (self.next_offset if self._begun else 0)
        return in_order and head.records >= 0 and head.base_offset <= head.last_offset < _MOST_OFFSETS

    def _refuse(self, base: int, extent: int, message: str, broken: list[Broken]) -> None:
        """Lose a batch whose header cannot be trusted: up to the next one, or `extent` offsets behind `base`.

        Where that is too little, the broker sends the batch again.
        """
        following = self._frame(self._at)
        if following is not None and following[0] > self.next_offset:
            last = following[0] - 1
        elif following is not None and not self._begun and base < following[0]:
            return  # it lies before what was asked for
        else:
            last = max(base, self.next_offset if self._begun else 0) + extent
        self._begun = True
        self._lose(max(last, self.next_offset), message, broken)

    def _holds_records(self, head: _Head) -> bool:
        """Whether a batch holds records that were asked for: no marker, not of an aborted transaction."""
        while self._aborted and self._aborted[-1][1] <= head.base_offset:
            self._aborting.add(self._aborted.pop()[0])
        if head.attributes & _CONTROL:
            # A transaction has one marker, so for an aborted one it is that of the abort.
            self._aborting.discard(head.producer_id)
            return False
        return head.records > 0 and not (head.attributes & _TRANSACTIONAL and head.producer_id in self._aborting)


def compile_reader() -> None:
    """Compile the reader of Kafka's record sets by having it read one."""
    batch = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1_000,
    )  # fmt: skip
    batch.append(0, timestamp=0, key=None, value=b"{}", headers=[])
    RecordSet(bytes(batch.build()), 0, "warm").take(1, 100)

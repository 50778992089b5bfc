"""Reading `merchant-days`: each day of each merchant once, however often workers wrote it."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from domain.readings import MerchantDays
    from streams.log import Log

_AT_A_TIME = 1_000


class Days(NamedTuple):
    """Days of merchants, a row for each.

    Attributes:
        merchant_id: of each row.
        day: the local day that ended, ISO 8601.
        columns: by name, those that were asked for, float64; NaN where one is null or was not written.
    """

    merchant_id: list[str]
    day: list[str]
    columns: dict[str, NDArray[np.float64]]


class _Heads(msgspec.Struct):
    merchant_id: list[str]
    day: list[str]
    epoch: int = 0


def days_of(published: MerchantDays, names: Sequence[str]) -> Days:
    """Some columns of days as they are published."""
    columns = {each: _floats(published.columns.get(each), len(published.day)) for each in names}
    return Days(published.merchant_id, published.day, columns)


def chosen(days: Days, rows: Sequence[int]) -> Days:
    """Some of the rows."""
    return Days(
        [days.merchant_id[k] for k in rows], [days.day[k] for k in rows],
        {name: each[rows] for name, each in days.columns.items()},
    )  # fmt: skip


class DayReader:
    """Reads the days that lie in the log when it is made: every iteration gives the same ones.

    A worker that was killed writes once more what it had written since its last checkpoint. Of two rows of one merchant
    and day the one of the greater epoch is given, or of one epoch the later. For this the heads of all records are
    read first; 16 bytes a row are held meanwhile, and afterwards the places of those that are passed over.

    Args:
        log: the log.
        names: the columns to read.
        from_day: the first day, ISO 8601; "" for the first there is.
        to_day: the last day; "" for the last there is.

    Attributes:
        records: in the log, for progress.
        read: of them, in the iteration under way.
    """

    def __init__(self, log: Log, names: Sequence[str], *, from_day: str = "", to_day: str = "") -> None:
        self._log, self._topic, self._names = log, log.topics.merchant_days.name, tuple(names)
        self._from, self._to = from_day, to_day or "9"
        partitions = range(log.partitions(self._topic))
        self._spans = [(log.first_offset(self._topic, each), log.end_offset(self._topic, each)) for each in partitions]
        self._decode = _decoder(self._names)
        self._superseded: list[set[tuple[int, int]]] | None = None
        self._last = ""
        self.records, self.read = sum(end - first for first, end in self._spans), 0

    def __iter__(self) -> Iterator[Days]:
        gone_of = self._read_heads()
        self.read = 0
        for partition, gone in enumerate(gone_of):
            for offset, value in self._values(partition):
                self.read += 1
                found = self._decode(value)
                kept = [
                    i for i, day in enumerate(found.day)
                    if self._from <= day <= self._to and (offset, i) not in gone
                ]  # fmt: skip
                if kept:
                    yield self._rows(found, kept)

    def last_day(self) -> str:
        """The last day within the window, ISO 8601; "" where there is none."""
        self._read_heads()
        return self._last

    def _read_heads(self) -> list[set[tuple[int, int]]]:
        """By partition, offset and row of those that another row stands for."""
        if self._superseded is None:
            self._superseded = [self._find_superseded(each) for each in range(len(self._spans))]
        return self._superseded

    def _rows(self, found: Any, kept: list[int]) -> Days:
        count = len(found.day)
        whole = {each: _floats(getattr(found.columns, each), count) for each in self._names}
        days = Days(found.merchant_id, found.day, whole)
        return days if len(kept) == count else chosen(days, kept)

    def _values(self, partition: int) -> Iterator[tuple[int, bytes]]:
        """The records of a partition, each with its offset."""
        offset, end = self._spans[partition]
        while offset < end and len(records := self._log.read(self._topic, partition, offset, _AT_A_TIME)):
            for i in range(len(records)):
                offset = int(records.offsets[i])
                if offset < end:
                    yield offset, records.value(i)
            offset += 1

    def _find_superseded(self, partition: int) -> set[tuple[int, int]]:
        """Offset and row of those that another row of the same merchant and day stands for; notes the last day."""
        decode = msgspec.json.Decoder(_Heads).decode
        keys, epochs, firsts, offsets = array("q"), array("q"), array("q"), array("q")
        for offset, value in self._values(partition):
            heads = decode(value)
            firsts.append(len(keys))
            offsets.append(offset)
            keys.extend(map(hash, zip(heads.merchant_id, heads.day, strict=True)))
            epochs.extend([heads.epoch] * len(heads.day))
            self._last = max([self._last, *(day for day in heads.day if self._from <= day <= self._to)])
        key, epoch = np.frombuffer(keys, np.int64), np.frombuffer(epochs, np.int64)
        if len(key) == 0 or epoch.min() == epoch.max():
            return set()
        order = np.lexsort((np.arange(len(key)), epoch, key))
        rows = order[:-1][key[order[:-1]] == key[order[1:]]]
        first, at = np.frombuffer(firsts, np.int64), np.frombuffer(offsets, np.int64)
        record = np.searchsorted(first, rows, "right") - 1
        return set(zip(at[record].tolist(), (rows - first[record]).tolist(), strict=True))


def _floats(values: Sequence[float | None] | None, count: int) -> NDArray[np.float64]:
    return np.full(count, np.nan) if not values else np.array(values, np.float64)


def _decoder(names: Sequence[str]) -> Callable[[bytes], Any]:
    """Decodes what is asked for of a record; the other columns are passed over, which takes a third of the time."""
    columns = msgspec.defstruct("_Columns", [(each, list[float | None] | None, None) for each in names])
    kind = msgspec.defstruct("_Days", [("merchant_id", list[str]), ("day", list[str]), ("columns", columns)])
    return msgspec.json.Decoder(kind).decode

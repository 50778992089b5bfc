"""Where merchant-days come from: the log, or a file of events that is replayed."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

import msgspec
import numpy as np

from domain.habits import NAMES
from engine.features.families.oddity import LEAST_AGE_D
from models.anomaly.habits import Habits
from models.anomaly.samples import Batch
from streams.files.reading import Door
from streams.merchant_days import DayReader, Days, chosen, days_of
from streams.verdicts import Confirmed, Span, read_confirmed
from tillwatch.inputs import opened as open_input
from tillwatch.logs import open_log
from tillwatch.monitors import replaying_monitor
from tillwatch.precompile import compile_engine
from tillwatch.replay import batches
from tillwatch.show import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tillwatch.settings import Settings

_VALUES = tuple(f"habit_{each}" for each in NAMES)
_USUAL = tuple(f"{each}_usual" for each in _VALUES)
_WEIGHT, _MCC, _AGE = "habit_sales", "habit_mcc", "age_h"
COLUMNS = (*_VALUES, *_USUAL, _WEIGHT, _MCC, _AGE)
"""What is read of merchant-days."""
_HOURS = 24


class Rows(NamedTuple):
    """Merchant-days, with the names of their merchants."""

    merchant_id: list[str]
    batch: Batch


class Source(Protocol):
    """Merchant-days that can be read more than once, the same each time."""

    words: str
    """What they are."""

    def __iter__(self) -> Iterator[Rows]: ...

    def confirmed(self) -> Mapping[int, list[Span]]:
        """By key of a merchant, the days from the first to the last hit of each confirmed alert."""
        ...

    def last_day(self) -> str:
        """The last day there is, ISO 8601; "" where there is none."""
        ...


@contextmanager
def opened(
    settings: Settings, events: Path | None, from_day: str = "", to_day: str = "", door: Door | None = None
) -> Iterator[Source]:  # fmt: skip
    """The merchant-days of a file of events, or of the settings' log.

    Args:
        settings: where the log is, and how a file is replayed.
        events: the file; None for the log.
        from_day: the first day, ISO 8601; "" for the first there is.
        to_day: the last day; "" for the last there is.
        door: how the file is read; as events by default.
    """
    if events is not None:
        with tempfile.TemporaryFile() as file:
            yield _Replayed(settings, events, Spool(file), from_day, to_day, door or Door())
        return
    with open_log(settings, make=False) as log:
        reader = DayReader(log, COLUMNS, from_day=from_day, to_day=to_day)
        yield _Logged(reader, lambda: read_confirmed(log, settings.time_zone))


class _Logged:
    """Those of a log."""

    words = "merchant-days of the log"

    def __init__(self, reader: DayReader, confirmed: Callable[[], Confirmed]) -> None:
        self._reader, self._read_confirmed = reader, confirmed

    def __iter__(self) -> Iterator[Rows]:
        with Bar("merchant-days", self._reader.records) as bar:
            count = 0
            for each in self._reader:
                count += len(each.day)
                bar.show(self._reader.read, count)
                yield rows_of(each)

    def confirmed(self) -> dict[int, list[Span]]:
        return _by_key(self._read_confirmed())

    def last_day(self) -> str:
        return self._reader.last_day()


class Spool:
    """Merchant-days kept in a file, to be read more than once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._encode = file, msgspec.msgpack.Encoder().encode

    def put(self, days: Days) -> None:
        """Add days behind the others."""
        raw = self._encode((days.merchant_id, days.day, {name: each.tobytes() for name, each in days.columns.items()}))
        self._file.write(len(raw).to_bytes(4) + raw)

    def __iter__(self) -> Iterator[Days]:
        self._file.seek(0)
        while length := self._file.read(4):
            merchant_id, day, columns = msgspec.msgpack.decode(self._file.read(int.from_bytes(length)))
            yield Days(merchant_id, day, {name: np.frombuffer(each) for name, each in columns.items()})


class _Replayed:
    """Those of a file of events: it is replayed once, and what it gives is kept in a file without a name."""

    def __init__(
        self, settings: Settings, events: Path, spool: Spool, from_day: str, to_day: str, door: Door
    ) -> None:  # fmt: skip
        self.words = f"merchant-days of {events.name}"
        self._spool, self._last = spool, ""
        self._confirmed = Confirmed(settings.time_zone)
        monitor = replaying_monitor(settings)
        forms = monitor.controls.id_forms()
        with open_input([events], door, settings, forms=forms) as found, Bar("bytes", found.size) as bar:
            compile_engine()
            for done, records in batches(found.lines, events.name, [], self._hear, forms):
                outputs = monitor.process(records)
                self._confirmed.take(outputs.alerts)
                for published in outputs.days:
                    days = _within(days_of(published, COLUMNS), from_day, to_day)
                    spool.put(days)
                    self._last = max([self._last, *days.day])
                bar.show(done, monitor.counts.records)

    def _hear(self, lines: list[bytes]) -> list[bytes]:
        for each in lines:
            self._confirmed.hear(each)
        return lines

    def __iter__(self) -> Iterator[Rows]:
        return map(rows_of, self._spool)

    def confirmed(self) -> dict[int, list[Span]]:
        return _by_key(self._confirmed)

    def last_day(self) -> str:
        return self._last


def _within(days: Days, from_day: str, to_day: str) -> Days:
    kept = [k for k, each in enumerate(days.day) if from_day <= each and (not to_day or each <= to_day)]
    return days if len(kept) == len(days.day) else chosen(days, kept)


def rows_of(days: Days) -> Rows:
    """Merchant-days as the model reads them; those of merchants that workers do not score yet are left out."""
    old = days.columns[_AGE] >= LEAST_AGE_D * _HOURS  # not where it is unknown
    if not old.all():
        days = chosen(days, np.flatnonzero(old).tolist())
    columns = days.columns
    value, usual = (np.stack([columns[each] for each in names], axis=1) for names in (_VALUES, _USUAL))
    weight = np.nan_to_num(columns[_WEIGHT], nan=0.0)
    mcc = np.nan_to_num(columns[_MCC], nan=-1.0).astype(np.int64)
    age_d = columns[_AGE].astype(np.int64) // _HOURS
    keys = np.fromiter(map(merchant_key, days.merchant_id), np.uint64, len(days.day))
    return Rows(days.merchant_id, Batch(keys, day_numbers(days.day), Habits(value, usual, weight, mcc, age_d)))


def merchant_key(merchant_id: str) -> int:
    """A number for a merchant, of 63 bits, the same in every run.

    >>> merchant_key("898210154110001") >> 63
    0
    """
    return int.from_bytes(blake2b(merchant_id.encode(), digest_size=8).digest()) >> 1


def day_numbers(days: list[str]) -> NDArray[np.int64]:
    """Days since 1970-01-01 of ISO dates."""
    return np.array(days, "datetime64[D]").astype(np.int64)


def _by_key(confirmed: Confirmed) -> dict[int, list[Span]]:
    return {merchant_key(merchant_id): spans for merchant_id, spans in confirmed.spans().items()}


def in_spans(batch: Batch, spans: Mapping[int, list[Span]], after_d: int) -> NDArray[np.bool_]:
    """Which rows lie in a span of their merchant, or up to `after_d` days behind it; shape (n,)."""
    found = np.zeros(len(batch.day), np.bool_)
    if spans:
        for k in np.flatnonzero(np.isin(batch.merchant, np.fromiter(spans, np.uint64, len(spans)))).tolist():
            day = int(batch.day[k])
            found[k] = any(each.from_day <= day <= each.to_day + after_d for each in spans[int(batch.merchant[k])])
    return found

"""`tillwatch score-series`."""

from __future__ import annotations

import csv
import gzip
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
import numpy as np

from domain.errors import TillwatchError
from domain.visible import visible
from streams.intake import chunks
from tillwatch.language import counted, lang_option, speaker
from tillwatch.number_options import FiniteRange
from tillwatch.show import failing, to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.series import SeriesModel

COLUMNS = ("entity_id", "ts", "value")
HEADER = b"entity_id,ts,score,expected,alert\n"
NAMED = 100
"""Bad lines that are named; beyond, they are counted."""
MILLISECONDS_FROM = 10**11
"""Integers from here on, or below its negative, are milliseconds (from 1973 on), others seconds (until 5138)."""
COMPACT_YEARS = range(1900, 2100)
"""Years of dates without separators: with the day or the month first, digits give another year or no date at all."""
_LARGEST = 1e30  # that of models.rarity, which would load the compiler for it
_LATEST = 253_402_300_800_000  # the end of the year 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class BadInput(TillwatchError):
    """The input has no row that can be scored."""


def parse_ts_ms(text: str) -> int:
    """UTC milliseconds of an ISO 8601 time, a compact date, or integer epoch seconds or milliseconds.

    What has no offset is UTC. Digits alone may be a date or an epoch: 8 and 14 digits are a date, 12 are one where
    they begin with 19 or 20; all others are an epoch, so 10 digits are seconds and 13 milliseconds.

    >>> parse_ts_ms("2026-11-21T11:02:03+08:00"), parse_ts_ms("20261121030203"), parse_ts_ms("1795230123")
    (1795230123000, 1795230123000, 1795230123000)

    Raises:
        ValueError: it is none of these.
    """
    text = text.strip()
    if text.isascii() and text.removeprefix("-").isdecimal():
        return _compact_ms(text) if _is_compact(text) else _epoch_ms(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"ts must be ISO 8601, YYYYMMDD[hhmm[ss]] or integer epoch seconds or milliseconds, got {text!r}"
        ) from None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MS


def _is_compact(digits: str) -> bool:
    """Whether digits are a date. As epochs, 8 would lie before March 1973, 14 after 2286, these of 12 in 1976."""
    return len(digits) in {8, 14} or (len(digits) == 12 and digits.startswith(("19", "20")))


def _compact_ms(digits: str) -> int:
    try:
        moment = datetime.fromisoformat(f"{digits[:8]}T{digits[8:] or '00'}").replace(tzinfo=UTC)
    except ValueError:
        moment = None
    if moment is None or moment.year not in COMPACT_YEARS:
        raise ValueError(
            f"ts of {len(digits)} digits must be a date YYYYMMDD[hhmm[ss]] of {COMPACT_YEARS[0]} to"
            f" {COMPACT_YEARS[-1]}, got {digits!r}"
        )
    return (moment - _EPOCH) // _MS


def _epoch_ms(digits: str) -> int:
    number = int(digits) if len(digits) <= 18 else _LATEST
    ts_ms = number if abs(number) >= MILLISECONDS_FROM else number * 1000
    if abs(ts_ms) >= _LATEST:
        raise ValueError(f"ts must lie before the year 10000, got {digits!r}")
    return ts_ms


def parse_value(text: str) -> float:
    """A number.

    Raises:
        ValueError: it is none, not finite, or so large that sums of such would overflow.
    """
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"value must be a number, got {text!r}") from None
    if not abs(value) <= _LARGEST or "_" in text:
        raise ValueError(f"value must be a number within ±{_LARGEST:g}, got {text!r}")
    return value


@dataclass(slots=True)
class Block:
    """Rows that were read together."""

    given: list[str] = field(default_factory=list)
    """Entity and time of each row, as the output repeats them."""
    series: list[int] = field(default_factory=list)
    ts_ms: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)


class SeriesReader:
    """Parses lines into rows, reports those it cannot read, and numbers the series."""

    def __init__(self) -> None:
        self.bad = 0
        self.series: dict[str, int] = {}
        self._line = 0
        self._places: tuple[int, int, int] | None = None
        self._fields = len(COLUMNS)

    @property
    def begun(self) -> bool:
        """Whether there was a header or a row."""
        return self._places is not None

    def read(self, lines: list[str]) -> Block:
        """The rows of these lines; the first line of all may be the header."""
        block = Block()
        for line in lines:
            self._line += 1
            if not line or line.isspace():
                continue
            try:
                fields = _split(line)
                if self._places is None and self._begin(fields):
                    continue
                self._add(fields, block)
            except (ValueError, csv.Error) as error:
                self._report(error)
        return block

    def _begin(self, fields: list[str]) -> bool:
        """Whether the first line is a header, which says where the columns are; else it must be a row."""
        names = [each.strip().lower() for each in fields]
        if set(COLUMNS) <= set(names):
            entity, ts, value = (names.index(name) for name in COLUMNS)
            self._places, self._fields = (entity, ts, value), len(names)
            return True
        self._places = (0, 1, 2)
        try:
            self._add(fields, Block())
        except ValueError:
            raise BadInput(f"a header with {','.join(COLUMNS)} was expected, got {','.join(fields)[:100]!r}") from None
        return False

    def _add(self, fields: list[str], block: Block) -> None:
        entity_at, ts_at, value_at = self._places or (0, 1, 2)
        if len(fields) != self._fields:
            raise ValueError(f"{self._fields} fields expected, got {len(fields)}")
        entity, ts = fields[entity_at], fields[ts_at]
        if not entity:
            raise ValueError("entity_id is empty")
        ts_ms, value = parse_ts_ms(ts), parse_value(fields[value_at])
        block.series.append(self.series.setdefault(entity, len(self.series)))
        block.ts_ms.append(ts_ms)
        block.value.append(value)
        block.given.append(f"{_quoted(entity)},{_quoted(ts)}")

    def _report(self, error: Exception) -> None:
        self.bad += 1
        if self.bad <= NAMED:
            click.echo(visible(f"line {self._line}: {error}"), err=True)
        elif self.bad == NAMED + 1:
            click.echo("further bad lines are only counted", err=True)


def _split(line: str) -> list[str]:
    if '"' not in line:
        return line.split(",")
    (fields,) = csv.reader([line], strict=True)
    return fields


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _lines(raw: BinaryIO | gzip.GzipFile) -> Iterator[list[str]]:
    """Whole lines, as many at a time as there are: a pipe's do not wait for more."""
    for chunk in chunks(raw):  # type: ignore[arg-type]  # files, pipes and gzip all have what it reads by
        text = b"".join(chunk.lines).decode("utf-8", "surrogateescape").replace("\r", "")
        yield text.removesuffix("\n").split("\n")


def _score(reader: SeriesReader, model: SeriesModel, lines: list[str]) -> tuple[int, bytes]:
    """The number of rows in these lines, and the output for them."""
    block = reader.read(lines)
    found = model.score(
        np.array(block.series, np.int64), np.array(block.ts_ms, np.int64), np.array(block.value, np.float64)
    )
    rows = zip(block.given, found.scores.tolist(), found.expected.tolist(), found.alerts.tolist(), strict=True)
    text = "".join([f"{given},{score:.6f},{expected:.10g},{alert:d}\n" for given, score, expected, alert in rows])
    return len(block.given), text.encode("utf-8", "surrogateescape")


@click.command("score-series")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write, not standard output.")
@click.option(
    "--threshold",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Score from which a row is an alert.",
)
@lang_option
def command(file: Path, out: Path | None, threshold: float, lang: str) -> None:
    """Score how unusual each value of the series in FILE is, given the values before it; - is standard input.

    FILE is CSV with entity_id,ts,value. It may be gzipped, and may hold any number of series in any order.
    The output has entity_id,ts,score,expected,alert. A row whose score reaches the threshold is an alert (1); then the
    series is quiet for 60 rows, or for 10 if it has a row a day, unless a row is clearly more surprising.

    \b
    Examples:
      tillwatch score-series takings.csv --out scores.csv
      zcat metrics.csv.gz | tillwatch score-series - | awk -F, '$NF == 1'
    """
    if out is not None and out.exists() and file.exists() and out.samefile(file):
        raise click.UsageError(f"--out must be another file than the one that is read, got {out}")
    rows, reader = 0, SeriesReader()
    with ExitStack() as stack, failing(EOFError):
        raw = _opened(file)
        stack.callback(raw.close)
        written = click.get_binary_stream("stdout") if out is None else stack.enter_context(out.open("wb"))
        model, started = _model(threshold), time.monotonic()
        written.write(HEADER)
        for lines in _lines(raw):
            count, text = _score(reader, model, lines)
            rows += count
            written.write(text)
            written.flush()
        if not rows and (reader.bad or not reader.begun):
            raise BadInput(f"{file}: no row could be read, {reader.bad:,} bad lines")
    series, rate = f"{len(reader.series):,}", f"{rows / (time.monotonic() - started):,.0f}"
    to_stderr().print(
        speaker(lang)(
            f"{counted(rows, 'row')} of {series} series, {counted(reader.bad, 'bad line')}: {rate} rows/s",
            f"{series}个序列共{rows:,}行，无法读取{reader.bad:,}行；每秒{rate}行",
        )
    )


def _opened(file: Path) -> BinaryIO | gzip.GzipFile:
    if str(file) == "-":
        return click.get_binary_stream("stdin")
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


def _model(threshold: float) -> SeriesModel:
    """A model whose machine code is kept where that of the engine is."""
    import engine.jit  # noqa: F401, PLC0415  sets the folder, which must come first
    from models.series import SeriesModel  # noqa: PLC0415

    return SeriesModel(threshold)

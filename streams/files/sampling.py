"""The first rows of a file that nobody has described yet, for a guess: whatever kind it is, where its header is."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from domain.events import EARLIEST_MS, LATEST_MS
from streams.files import sniffing
from streams.files.cells import BLANK_WORDS, clean, text_of
from streams.files.errors import FileRefused, UnknownEncoding
from streams.files.json_rows import document_records, line_records
from streams.files.raw_rows import MOST_PREAMBLE, column_name
from streams.files.tables import DELIMITERS
from streams.files.texts import Decoding, lines_of
from streams.files.times import time_reader
from streams.files.unpacking import EXCEL, unpacked
from streams.files.workbooks import first_cells, parquet_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import ExitStack

    from streams.files.unpacking import Unpacked

ROWS = 300
"""Rows that a guess is made from."""
_FORMATS = ("auto", "day-first", "month-first", "epoch-ms", "epoch-s", "epoch-us", "excel")
_WESTERN = "cp1252"


class Sample(NamedTuple):
    """Columns, and the first cells of each that are not blank.

    Attributes:
        header: the columns' names in their order, "" for one without.
        cells: by column.
        layout: lines of the mapping that say where the rows are, and how they are written.
    """

    header: list[str]
    cells: dict[str, list[object]]
    layout: tuple[str, ...] = ()


def sample_of(stream: BinaryIO, name: str, stack: ExitStack) -> Sample:
    """The first rows of a file without a mapping: its header is the first row of names as wide as others.

    Raises:
        FileRefused: it cannot be read, or has no header that can be told.
    """
    found = unpacked(stream, name, stack)
    if found.kind == sniffing.PARQUET:
        rows = parquet_rows(found.stream, [], found.name)
        return _sampled(rows.header, (each.cells for each in rows.rows))
    if found.kind in (sniffing.JSON, sniffing.JSON_LINES):
        return _of_objects(found)
    layout: tuple[str, ...] = ()
    if found.kind == EXCEL:
        table: list[list[object]] = first_cells(found.stream, found.name)
    else:
        lines, layout = _first_lines(found)
        delimiter = max(DELIMITERS, key=lambda each: sum(min(line.count(each), 20) for line in lines))
        table = [list(each) for each in csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)]
    at = _header_at(table)
    if at is None:
        raise FileRefused(f"{found.name} must have a header of two columns or more to be guessed from, none was found")
    return _sampled([column_name(each) for each in table[at]], table[at + 1 :], layout)


def _first_lines(found: Unpacked) -> tuple[list[str], tuple[str, ...]]:
    """The first lines of a text, and what the mapping must say of its encoding."""
    most = ROWS + MOST_PREAMBLE
    try:
        return [each.text for each in islice(lines_of(found.stream, Decoding(found.name), found.name), most)], ()
    except UnknownEncoding:
        if not found.stream.seekable():
            raise
        found.stream.seek(0)
        lines = lines_of(found.stream, Decoding(found.name, _WESTERN), found.name)
        said = f'encoding = "{_WESTERN}"  # not sure: it is neither UTF-8, UTF-16 nor GB18030; are its letters right?'
        return [each.text for each in islice(lines, most)], (said,)


def _of_objects(found: Unpacked) -> Sample:
    """Of JSON; the records of a document that is one object are the longest list of objects in it."""
    read = line_records if found.kind == sniffing.JSON_LINES else document_records
    held = [each.value for each in islice(read(found.stream, Decoding(found.name), found.name), ROWS)]
    path = ""
    if len(held) == 1 and isinstance(held[0], dict):
        path, held = max(_lists(held[0]), key=lambda each: len(each[1]), default=("", held))
    flat = [dict(_flat(each)) for each in held if isinstance(each, dict)]
    header = list(dict.fromkeys(key for each in flat for key in each))
    layout = (f"records = {json.dumps(path, ensure_ascii=False)}",) if path else ()
    return _sampled(header, ([each.get(key) for key in header] for each in flat), layout)


def _lists(record: dict[str, object]) -> Iterator[tuple[str, list[object]]]:
    """The lists of objects in an object, and the path to each."""
    for key, value in record.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            yield key, value
        elif isinstance(value, dict):
            yield from ((f"{key}.{inner}", found) for inner, found in _lists(value))


def _flat(record: dict[str, object], start: str = "") -> Iterator[tuple[str, object]]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", value


def _header_at(table: Sequence[Sequence[object]]) -> int | None:
    """Where the header is: the first row of names alone that is nearly as wide as most rows are."""
    widths = Counter(n for row in table if (n := sum(1 for each in row if column_name(each))) > 1)
    if not widths:
        return None
    usual = max(n for n, _ in widths.most_common(2))
    for at, row in enumerate(table):
        names = [column_name(each) for each in row if column_name(each)]
        if len(names) * 2 > usual and len(names) > 1 and not any(_is_value(each) for each in names):
            return at
    return None


def _is_value(text: str) -> bool:
    return reads(text, "auto") or bool(re.fullmatch(r"[¥$€£(-]*[0-9][0-9,. ]*\)?", text))


def _sampled(header: list[str], rows: Iterable[Sequence[object]], layout: tuple[str, ...] = ()) -> Sample:
    cells: dict[str, list[object]] = {each: [] for each in header if each}
    for row in islice(rows, ROWS):
        if sum(1 for each in row if column_name(each)) * 2 < len(cells):
            continue
        for name, cell in zip(header, row, strict=False):
            if name and clean(text_of(cell)) not in ("", *BLANK_WORDS):
                cells[name].append(cell)
    return Sample(header, cells, layout)


def time_format(cells: Sequence[object]) -> str:
    """The format that reads every one of some times, "" for none."""
    some = cells[:100]
    return next((form for form in _FORMATS if some and all(reads(each, form) for each in some)), "")


def reads(cell: object, form: str) -> bool:
    """Whether a cell is a time of a format, of the years that events may have."""
    try:
        ms = time_reader([form], "UTC")(cell if not isinstance(cell, str) else clean(cell))
    except ValueError:
        return False
    return EARLIEST_MS <= ms < LATEST_MS

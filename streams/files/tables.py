"""Tables of text: CSV, TSV and other delimiters, and columns of fixed widths.

A quote that never closes costs the one line that has it: what follows is read as if it were not there.
"""

from __future__ import annotations

import csv
from collections import deque
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from domain.cards import mask
from streams.files.errors import NoHeader
from streams.files.raw_rows import MOST_PREAMBLE, RawRow, Rows, column_name, has_column
from streams.files.texts import MOST_CHARS, has_bad_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.files.rules import Layout
    from streams.files.texts import Decoding, Line

DELIMITERS = (",", "\t", ";", "|")
_MOST_LINES = 100
"""Lines that one row may take."""
_SHOWN_COLUMNS = 20


def table_rows(lines: Iterator[Line], layout: Layout, columns: Sequence[str], name: str, decoding: Decoding) -> Rows:
    """The rows of a table of text.

    Args:
        lines: of the file.
        layout: what the mapping says of it.
        columns: names that the header must have.
        name: of the file, for messages.
        decoding: of the file, for columns of fixed widths, which are bytes.

    Raises:
        NoHeader: no row has those names.
    """
    if layout.fixed:
        return Rows([column_name(each[0]) for each in layout.fixed], _fixed(lines, layout, decoding))
    first = list(islice(lines, MOST_PREAMBLE))
    candidates = (layout.delimiter,) if layout.delimiter else DELIMITERS
    if layout.names:
        names = [column_name(each) for each in layout.names]
        delimiter = max(candidates, key=lambda each: sum(_width(line.text, each) == len(names) for line in first))
        return Rows(names, _rows(chain(first, lines), delimiter, names))
    found = find_header(first, candidates, columns)
    if found is None:
        raise NoHeader(no_header(name, [_cells(each.text, _likeliest(first, candidates)) for each in first], columns))
    at, count, delimiter, header = found
    return Rows(header, _rows(chain(first[at + count :], lines), delimiter, header), at)


def find_header(
    lines: Sequence[Line], delimiters: Sequence[str], columns: Sequence[str]
) -> tuple[int, int, str, list[str]] | None:
    """The first row that has all columns: at which line, of how many, by which delimiter, and its names."""
    wanted = {column_name(each) for each in columns}
    for at in range(len(lines)):
        for delimiter in delimiters:
            if delimiter not in lines[at].text and len(wanted) > 1:
                continue
            for count, cells in _headers(lines[at : at + _MOST_LINES], delimiter):
                header = [column_name(each) for each in cells]
                if all(has_column(header, each) for each in wanted):
                    return at, count, delimiter, header
    return None


def _headers(lines: Sequence[Line], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of a row that may be a header, and its lines: with quotes over several, then of its first alone."""
    reader = csv.reader((f"{each.text}\n" for each in lines), delimiter=delimiter)
    with suppress(csv.Error):
        yield next(((reader.line_num, cells) for cells in reader), (1, []))
    if reader.line_num > 1:
        yield 1, _cells(lines[0].text, delimiter)


def no_header(name: str, rows: Sequence[Sequence[object]], columns: Sequence[str]) -> str:
    """What is said of a file without the header that is wanted: which columns the likeliest row lacks."""
    wanted = [column_name(each) for each in columns]
    best = max(rows, key=lambda cells: len({column_name(each) for each in cells} & set(wanted)), default=())
    names = [column_name(each) for each in best]
    missing = [each for each in wanted if not has_column(names, each)]
    shown = ", ".join(mask(each) for each in names[:_SHOWN_COLUMNS] if each) or "nothing"
    return (
        f"{name} must have a row with the columns of the mapping among its first {MOST_PREAMBLE}: {missing[0]!r} is"
        f" missing; the likeliest has {shown}"
    )


def _likeliest(lines: Sequence[Line], delimiters: Sequence[str]) -> str:
    return max(delimiters, key=lambda each: sum(line.text.count(each) for line in lines))


def _width(text: str, delimiter: str) -> int:
    return len(_cells(text, delimiter))


def _cells(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def _rows(lines: Iterable[Line], delimiter: str, header: Sequence[str]) -> Iterator[RawRow]:
    """Rows of delimited cells; blank lines and headers that come again are passed over."""
    width, names = len(header), list(header)
    waiting: deque[Line] = deque()
    source = iter(lines)
    while True:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return
        number, text = line
        if '"' in text:
            cells, raw, bad = _quoted(line, delimiter, width, waiting, source)
        else:
            cells, raw, bad = text.split(delimiter), text, ""
        if not bad and len(cells) != width:
            if not text or text.isspace():
                continue
            cells, bad = _fitted(cells, width)
        if len(text) > MOST_CHARS:
            bad = f"line must be at most {MOST_CHARS:,} characters, it is longer"
        elif has_bad_bytes(raw):
            bad = "line must be of the file's encoding, it has bytes that are not"
        elif (
            not bad
            and cells[0]
            and column_name(cells[0]) == names[0]
            and [column_name(each) for each in cells] == names
        ) or (not bad and not text.strip(f"{delimiter} \t\xa0\u3000")):
            continue
        yield RawRow(number, cells, raw, bad)


def _fitted(cells: list[str], width: int) -> tuple[list[str], str]:
    """Cells as many as the header has; blank ones behind may be missing in the header."""
    if len(cells) > width and not any(each.strip() for each in cells[width:]):
        return cells[:width], ""
    return cells, f"row must have {width} cells as the header has, got {len(cells)}"


def _quoted(
    line: Line, delimiter: str, width: int, waiting: deque[Line], source: Iterator[Line]
) -> tuple[list[str], str, str]:
    """Cells of a row with quotes, which may go over several lines; those that are none of it are put back."""
    taken = [line]
    while True:
        raw = "\n".join(each.text for each in taken)
        try:
            cells = next(csv.reader(_ended(taken), delimiter=delimiter, strict=True), [])
            break
        except csv.Error as error:
            is_open = "unexpected end of data" in str(error)
        if not is_open:
            _put_back(taken, waiting)
            return _cells(line.text, delimiter), line.text, ""
        if len(taken) >= _MOST_LINES or len(raw) > MOST_CHARS or not _take_until_quote(taken, waiting, source):
            _put_back(taken, waiting)
            return [], line.text, "row must close its quotes, one stays open"
    if len(taken) > 1 and len(_fitted(cells, width)[0]) != width:
        _put_back(taken, waiting)
        return [], line.text, "row must close its quotes, one stays open"
    return cells, raw, ""


def _ended(taken: Sequence[Line]) -> Iterator[str]:
    yield from (f"{each.text}\n" for each in taken[:-1])
    yield taken[-1].text


def _take_until_quote(taken: list[Line], waiting: deque[Line], source: Iterator[Line]) -> bool:
    """Take lines up to the next that has a quote; false where none is near."""
    while len(taken) < _MOST_LINES:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return False
        taken.append(line)
        if '"' in line.text:
            return True
    return False


def _put_back(taken: list[Line], waiting: deque[Line]) -> None:
    """Leave all lines but the first to be taken again."""
    waiting.extendleft(reversed(taken[1:]))


def _fixed(lines: Iterator[Line], layout: Layout, decoding: Decoding) -> Iterator[RawRow]:
    """Rows of columns of fixed widths, in bytes of the file's encoding."""
    spans = [(first - 1, first - 1 + length) for _, first, length in layout.fixed]
    shortest = max(start for start, _ in spans) + 1
    for number, text in lines:
        if not text.strip():
            continue
        if has_bad_bytes(text):
            yield RawRow(number, [], text, "line must be of the file's encoding, it has bytes that are not")
            continue
        data = text.encode(decoding.encoding, "replace")
        bad = f"line must have at least {shortest} bytes, got {len(data)}" if len(data) < shortest else ""
        yield RawRow(number, [data[s:e].decode(decoding.encoding, "replace") for s, e in spans], text, bad)

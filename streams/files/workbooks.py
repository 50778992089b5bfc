"""Rows of Excel workbooks and Parquet files, whose cells have types."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.etree.ElementTree import ParseError

from streams.files.cells import MOST_DIGITS, Lost
from streams.files.errors import FileRefused, NoHeader
from streams.files.json_rows import cells_of
from streams.files.raw_rows import MOST_PREAMBLE, RawRow, Rows, column_name, has_column, is_blank
from streams.files.tables import no_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.files.rules import Layout

_ROWS_AT_ONCE = 10_000
_MOST_TEXT_BYTES = 512 * 1024 * 1024
_TEXTS = "xl/sharedStrings.xml"
_DAMAGED = (
    KeyError, ValueError, TypeError, AttributeError, IndexError, OSError, EOFError, zipfile.BadZipFile, zlib.error,
    ParseError,
)  # fmt: skip
"""What openpyxl raises at files that are damaged."""


def excel_rows(stream: BinaryIO, layout: Layout, columns: Sequence[str], name: str) -> Rows:
    """The rows of the first sheet that has the columns.

    Raises:
        FileRefused: no sheet has them, or the workbook is damaged.
    """
    from openpyxl import load_workbook  # noqa: PLC0415  it takes a quarter of a second

    seen: list[Sequence[object]] = []
    try:
        with zipfile.ZipFile(stream) as archive:
            size = sum(each.file_size for each in archive.infolist() if each.filename == _TEXTS)
        _check_size(size, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that are not read
            book = load_workbook(stream, read_only=True, data_only=True)
        sheets = _sheets(book.worksheets, layout.sheet, name)
        for sheet in sheets:
            sheet.reset_dimensions()
            rows = _numbered(sheet.iter_rows(values_only=True), name)
            first = list(islice(rows, MOST_PREAMBLE))
            found = _header(first, layout, columns)
            if found is not None:
                at, header = found
                return Rows(header, _sheet_rows(chain(first[at:], rows), header), at)
            seen += [cells for _, cells in first]
    except FileRefused:
        raise
    except _DAMAGED as error:
        raise FileRefused(f"{name} seems to be a damaged workbook ({error}): save it again") from error
    raise NoHeader(no_header(name, seen, columns))


def first_cells(stream: BinaryIO, name: str) -> list[list[object]]:
    """The first rows of the sheet that is fullest there, for a guess; raises FileRefused if the workbook is damaged."""
    from openpyxl import load_workbook  # noqa: PLC0415  it takes a quarter of a second

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sheets = load_workbook(stream, read_only=True, data_only=True).worksheets
        return max(map(_first_of, sheets), key=lambda rows: sum(not is_blank(each) for each in rows))
    except _DAMAGED as error:
        raise FileRefused(f"{name} seems to be a damaged workbook ({error}): save it again") from error


def _first_of(sheet: Any) -> list[list[object]]:
    sheet.reset_dimensions()
    return [list(each) for each in islice(sheet.iter_rows(values_only=True), MOST_PREAMBLE * 2)]


def _check_size(size: int, name: str) -> None:
    if size > _MOST_TEXT_BYTES:
        raise FileRefused(f"{name} holds {size:,} bytes of texts, which are held in memory: save it as CSV")


def _sheets(sheets: Sequence[Any], title: str, name: str) -> list[Any]:
    found = [each for each in sheets if not title or each.title == title]
    if not found:
        titles = ", ".join(each.title for each in sheets)
        raise FileRefused(f"{name} must have a sheet {title!r}, it has {titles}")
    return found


def _header(
    rows: Sequence[tuple[int, Sequence[object]]], layout: Layout, columns: Sequence[str]
) -> tuple[int, list[str]] | None:
    if layout.names:
        return 0, [column_name(each) for each in layout.names]
    wanted = {column_name(each) for each in columns}
    for at, (_, cells) in enumerate(rows):
        header = [column_name(each) for each in cells]
        if all(has_column(header, each) for each in wanted):
            return at + 1, header
    return None


def _numbered(rows: Iterator[Sequence[object]], name: str) -> Iterator[tuple[int, Sequence[object]]]:
    try:
        yield from enumerate(rows, start=1)
    except _DAMAGED as error:
        raise FileRefused(f"{name} seems to be a damaged workbook ({error}): save it again") from error


def _sheet_rows(rows: Iterator[tuple[int, Sequence[object]]], header: list[str]) -> Iterator[RawRow]:
    width = len(header)
    for number, given in rows:
        if is_blank(given):
            continue
        cells = [_kept(each) for each in given[:width]] + [None] * (width - len(given))
        if all(column_name(each) == name for each, name in zip(cells, header, strict=True)):
            continue
        yield RawRow(number, cells, "")


def _kept(cell: object) -> object:
    """A cell; of a whole number that is longer than a spreadsheet keeps, that it is."""
    if isinstance(cell, int) and not isinstance(cell, bool) and len(str(abs(cell))) > MOST_DIGITS:
        return Lost(cell)
    return cell


def parquet_rows(stream: BinaryIO, columns: Sequence[str], name: str) -> Rows:
    """The rows of a Parquet file; of a struct the columns are `outer.inner`.

    Raises:
        FileRefused: it has no such columns, or is damaged.
    """
    import pyarrow as pa  # noqa: PLC0415  it takes a third of a second
    from pyarrow import parquet  # noqa: PLC0415

    try:
        file = parquet.ParquetFile(stream)
        names = [str(each) for each in file.schema_arrow.names]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileRefused(f"{name} seems to be a damaged Parquet file ({error}): write it again") from error
    wanted = list(columns) or names
    tops = {column_name(each): each for each in names}
    missing = [each for each in wanted if each not in tops and each.partition(".")[0] not in tops]
    if missing:
        raise NoHeader(no_header(name, [names], columns))

    def rows() -> Iterator[RawRow]:
        number = 0
        read = [each for key, each in tops.items() if any(key in (one, one.partition(".")[0]) for one in wanted)]
        try:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=read):
                for record in batch.to_pylist():
                    number += 1
                    held: dict[str, Any] = {column_name(key): value for key, value in record.items()}
                    yield RawRow(number, cells_of(held, wanted), "")
        except (pa.ArrowException, OSError, ValueError) as error:
            raise FileRefused(f"{name} seems to be a damaged Parquet file ({error}): write it again") from error

    return Rows(wanted, rows())

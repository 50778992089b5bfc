"""Tables that people download, as CSV and Excel files in which no cell is a formula.

What merchants wrote stands in these tables, and a spreadsheet computes a text that begins with `=`, whoever wrote it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from itertools import chain, islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from casework.errors import NotFound
from domain.visible import visible_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from openpyxl.cell.cell import Cell as SheetCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

Cell = str | int | float | bool | None
"""Of a table; None is an empty one. Numbers stay numbers, texts are texts whatever they begin with."""
CSV, XLSX = "csv", "xlsx"
TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with: the wide forms of = + - @ too, which spreadsheets of East Asia read alike."""
_MOST_SHEET_CELL = 32_767
"""Characters that a cell of Excel holds."""
MOST_SHEET_ROWS = 1_048_575
"""Rows that a sheet of Excel holds below its header."""
_ROWS_A_PART = 500


def inert(cell: Cell) -> Cell:
    """A cell that no spreadsheet computes: a text that it might gets an apostrophe before it.

    What nobody sees of it stands as escapes.

    >>> inert("=1+1"), inert("-5"), inert(-5), inert("Wang's"), inert(None)
    ("'=1+1", "'-5", -5, "Wang's", None)
    """
    if not isinstance(cell, str):
        return cell
    text = visible_lines(cell)
    return f"'{text}" if cell.startswith(_FORMULA) else text


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A table as CSV in UTF-8, marked as such, so that Excel reads Chinese."""
    return b"".join(csv_parts(header, rows))


def csv_parts(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The same in parts, as rows come: a table of any length takes little memory."""
    yield codecs.BOM_UTF8
    rest = chain([header], rows)
    while some := [*islice(rest, _ROWS_A_PART)]:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([inert(each) for each in row] for row in some)
        yield text.getvalue().encode()


def as_xlsx(title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A table as an Excel file with one sheet, whose header stays in sight."""
    book = Workbook(write_only=True)
    sheet: WriteOnlyWorksheet = book.create_sheet(re.sub(r"[\[\]:*?/\\']", " ", title)[:31] or "Sheet")
    sheet.freeze_panes = "A2"
    sheet.append([_sheet_cell(sheet, each, Font(bold=True)) for each in header])
    for row in rows:
        sheet.append([_sheet_cell(sheet, each) for each in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _sheet_cell(sheet: WriteOnlyWorksheet, cell: Cell, font: Font | None = None) -> SheetCell:
    value = inert(cell)
    made: SheetCell = WriteOnlyCell(sheet, value[:_MOST_SHEET_CELL] if isinstance(value, str) else value)
    if isinstance(value, str):
        made.data_type = "s"  # openpyxl would take some texts for formulas or errors
    if font is not None:
        made.font = font
    return made


def download(name: str, kind: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """An answer that a browser keeps as a file; CSV is sent as rows come.

    Args:
        name: of the file, without its kind.
        kind: `CSV` or `XLSX`.
        header: what the columns are called.
        rows: with a cell for each column.
    """
    headers = {"Content-Disposition": disposition(f"{name}.{kind}")}
    if kind == CSV:
        return StreamingResponse(csv_parts(header, rows), media_type=TYPES[kind], headers=headers)
    return Response(as_xlsx(name, header, rows), media_type=TYPES[kind], headers=headers)


def kind_of(text: str) -> str:
    """A kind of file that an address names; raises NotFound for any other."""
    if text not in TYPES:
        raise NotFound(f"a table must be {CSV} or {XLSX}, got {text[:10]!r}")
    return text


def disposition(name: str) -> str:
    """The header that makes a browser keep an answer under a name, which may be Chinese."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"

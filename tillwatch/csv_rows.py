"""Rows of a CSV file as people keep merchants and colleagues in: columns by name, cells as fields of an event."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from domain.errors import RecordError
from domain.events import EVENT_KINDS, PRICE, Field, Kind
from domain.field_names import columns_zh
from domain.moments import utc_ms
from engine.decoding.decode import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ENCODINGS = ("auto", "utf-8", "gb18030")
_DATES = tuple(
    re.compile(f"{date}(?:[ T](\\d{{1,2}}):(\\d{{2}})(?::(\\d{{2}}))?)?")
    for date in (
        r"(\d{4})-(\d{1,2})-(\d{1,2})", r"(\d{4})/(\d{1,2})/(\d{1,2})", r"(\d{4})\.(\d{1,2})\.(\d{1,2})",
        r"(\d{4})年(\d{1,2})月(\d{1,2})日", r"(\d{4})(\d{2})(\d{2})",
    )
)  # fmt: skip
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?E\+\d+", re.IGNORECASE)
_BETWEEN = re.compile(r"[;,|、，；\s]+")
_IDENTIFIERS = (Kind.CODE, Kind.DIGITS)


class BadCell(RecordError):
    """A cell that is no value of its field: which field, and in words why."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which columns are which fields, and what words in them mean.

    Attributes:
        columns: the header of each field's column.
        values: by field, what words of the file stand for, such as `{"status": {"正常": "active"}}`.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Row(NamedTuple):
    """A row.

    Attributes:
        line: of the file, from 1, where it begins.
        cells: the values by field, None of an empty cell.
        bad: what is wrong with it; None where nothing is.
    """

    line: int
    cells: dict[str, Any]
    bad: BadCell | None


class Table(NamedTuple):
    """A file's rows.

    Attributes:
        fields: the fields that it has columns of.
        ignored: headers of columns that are no field.
        rows: the rows that are not blank.
    """

    fields: tuple[str, ...]
    ignored: tuple[str, ...]
    rows: list[Row]


def importable(kind: str) -> dict[str, Field]:
    """The fields of a kind that a table may have, by name; of contracts those of a price too, which a row is."""
    fields = (*EVENT_KINDS[kind].fields, *(PRICE if kind == "contract" else ()))
    return {each.name: each for each in fields if each.name in columns_zh(kind)}


def mapping_of(kind: str, columns: tuple[str, ...], file: Path | None) -> Mapped:
    """What the options `--columns` and `--mapping` say.

    Raises:
        ClickException: the file is no TOML of such a form.
        BadParameter: a field is none of the kind.
    """
    held: dict[str, Any] = {}
    if file is not None:
        try:
            held = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
        except ValueError as error:
            raise click.ClickException(f"{file} must be TOML: {error}") from error
        if set(held) - {"columns", "values"} or not _is_mapping(held):
            raise click.ClickException(f"{file} must hold tables of strings [columns] and [values.FIELD] alone")
    named = dict(held.get("columns", {}))
    for each in ",".join(columns).split(",") if columns else ():
        name, equals, header = each.partition("=")
        if not equals:
            raise click.BadParameter(f"must be FIELD=HEADER, got {each!r}", param_hint="'--columns'")
        named[name.strip()] = header.strip()
    for name in (*named, *held.get("values", {})):
        if name not in importable(kind):
            raise click.BadParameter(
                f"field must be one of {', '.join(importable(kind))}, got {name!r}", param_hint="'--columns'"
            )
    return Mapped(named, held.get("values", {}))


def _is_mapping(held: dict[str, Any]) -> bool:
    columns, values = held.get("columns", {}), held.get("values", {})
    tables = [columns, *(values.values() if isinstance(values, dict) else [values])]
    return all(isinstance(each, dict) and all(isinstance(word, str) for word in each.values()) for each in tables)


def read_table(kind: str, file: Path, mapped: Mapped, encoding: str, time_zone: str) -> Table:
    """The rows of a file whose first line names the columns.

    Args:
        kind: `merchant`, `person` or `contract`.
        file: in UTF-8, with or without a mark at its beginning, or GB18030.
        mapped: which columns are which fields; others are recognised by a field's own name, English or Chinese.
        encoding: one of `ENCODINGS`; `auto` takes what is no UTF-8 for GB18030.
        time_zone: of times that name none.

    Raises:
        ClickException: it is of another encoding, has no such columns, or a column twice.
    """
    text = _decoded(file, encoding)
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [each.strip() for each in next(reader, [])]
        at = _columns(kind, file, header, mapped)
        rows = list(_rows(kind, reader, len(header), at, mapped, ZoneInfo(time_zone)))
    except csv.Error as error:
        raise click.ClickException(f"{file} must be CSV, line {reader.line_num}: {error}") from error
    ignored = tuple(name for i, name in enumerate(header) if name and i not in at.values())
    return Table(tuple(at), ignored, rows)


def _decoded(file: Path, encoding: str) -> str:
    raw = file.read_bytes()
    for each in ("utf-8", "gb18030") if encoding == "auto" else (encoding,):
        try:
            return raw.decode(each).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    wanted = "UTF-8 or GB18030" if encoding == "auto" else encoding.upper()
    raise click.ClickException(f"{file} must be in {wanted}, got other bytes")


def _columns(kind: str, file: Path, header: list[str], mapped: Mapped) -> dict[str, int]:
    """The column of each field that the file has."""
    at: dict[str, int] = {}
    for name, zh in columns_zh(kind).items():
        wanted = (mapped.columns[name],) if name in mapped.columns else (name, zh)
        places = [i for i, each in enumerate(header) if each in wanted]
        if len(places) > 1:
            raise click.ClickException(f"{file} must have one column of {name}, got {len(places)}")
        if name in mapped.columns and not places:
            raise click.ClickException(
                f"{file} must have the column {mapped.columns[name]!r} of {name}, got {', '.join(header)}"
            )
        if places:
            at[name] = places[0]
    key = EVENT_KINDS[kind].key
    if key not in at:
        raise click.ClickException(
            f"{file} must have a column {key} or {columns_zh(kind)[key]}, or one that --columns names,"
            f" got {', '.join(header) or 'no header'}"
        )
    return at


def _rows(
    kind: str, reader: Any, width: int, at: dict[str, int], mapped: Mapped, zone: ZoneInfo
) -> Iterator[Row]:  # fmt: skip
    fields, line = importable(kind), reader.line_num + 1
    for cells in reader:
        here, line = line, reader.line_num + 1
        if not any(each.strip() for each in cells):
            continue
        if len(cells) != width:
            yield Row(here, {}, BadCell("", f"row must have {width} cells as the header has, got {len(cells)}"))
            continue
        values: dict[str, Any] = {}
        bad = None
        for name, i in at.items():
            try:
                values[name] = cell_value(fields[name], cells[i], mapped.values.get(name, {}), zone)
            except BadCell as found:
                bad = bad or found
        yield Row(here, values, bad)


def cell_value(wanted: Field, cell: str, words: Mapping[str, str], zone: ZoneInfo) -> Any:
    """A cell as the value of a field; None of an empty one.

    Raises:
        BadCell: it is no time or number, or a spreadsheet has lost digits of it.

    >>> from domain.events import MERCHANT_ID
    >>> cell_value(MERCHANT_ID, '="000123"', {}, ZoneInfo("UTC"))
    '000123'
    """
    text = cell.strip()
    if text.startswith('="') and text.endswith('"'):  # how spreadsheets are kept from taking it for a number
        text = text[2:-1]
    text = words.get(text, text.removeprefix("'"))
    if not text:
        return None
    if wanted.kind in _IDENTIFIERS and _SCIENTIFIC.fullmatch(text):
        raise BadCell(wanted.name, f"{wanted.name} must be written out, got {text}: a spreadsheet has lost its digits")
    if wanted.kind is Kind.TIME:
        return _time(wanted.name, text, zone)
    if wanted.kind is Kind.CODES:
        return [each for each in _BETWEEN.split(text) if each]
    if wanted.kind is Kind.INT:
        return _rate(wanted.name, text) if wanted.name == "rate_ppm" else _decimal(wanted.name, text)
    if wanted.kind is Kind.FLOAT:
        try:
            return float(text)
        except ValueError as error:
            raise BadCell(wanted.name, f"{wanted.name} must be a number, got {shown(text)}") from error
    return text


def _decimal(name: str, text: str) -> Decimal:
    try:
        found = Decimal(text.replace(",", ""))
    except ArithmeticError as error:
        raise BadCell(name, f"{name} must be a number such as 20 or 20.50, got {shown(text)}") from error
    if not found.is_finite():
        raise BadCell(name, f"{name} must be a number such as 20 or 20.50, got {shown(text)}")
    return found


def _rate(name: str, text: str) -> int:
    """Parts per million of a rate: `0.6%`, `6‰`, or parts per million as they are."""
    unit = {"%": 10_000, "‰": 1_000}.get(text[-1], 1)
    found = _decimal(name, text.rstrip("%‰").strip()) * unit
    if found != found.to_integral_value():
        raise BadCell(name, f"{name} must be whole parts per million, such as 0.6% or 6000, got {shown(text)}")
    return int(found)


def _time(name: str, text: str, zone: ZoneInfo) -> int:
    """UTC milliseconds of a date or time; one without an offset is of the zone, a date its midnight."""
    try:
        found = next((match for each in _DATES if (match := each.fullmatch(text))), None)
        if found:
            year, month, day, hour, minute, second = (int(each or 0) for each in found.groups())
            moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        else:
            moment = datetime.fromisoformat(text)
        return utc_ms(moment, zone)
    except ValueError as error:
        raise BadCell(name, f"{name} must be a time such as 2026-01-05 or 2026/1/5 09:30, got {shown(text)}") from error

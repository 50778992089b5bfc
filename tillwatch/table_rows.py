"""Rows of tables that merchants, colleagues and prices are kept in: read as `ingest` reads files, cells as fields."""

from __future__ import annotations

import tomllib
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from domain.events import EVENT_KINDS, PRICE, Field, Kind
from domain.field_names import columns_zh
from streams.files import sniffing
from streams.files.errors import BadRow, FileRefused, NoHeader
from streams.files.joining import joined_of
from streams.files.mapping import parse_mapping
from streams.files.raw_rows import column_name
from streams.files.reading import rows_of
from streams.files.row_events import RowEvents
from streams.files.rules import AUTO, FieldRule, FileMapping, Layout, Source
from streams.files.unpacking import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from streams.files.raw_rows import Rows

ENCODINGS = ("auto", "utf-8", "gb18030")
_CURRENCY = Field("currency", Kind.CODE)
_SHORT = {"columns", "values"}
"""Tables of the short form of a mapping."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which columns are which fields.

    Attributes:
        name: of the mapping's file, for errors.
        whole: what the file says where it is a mapping as `ingest` takes them; columns that it does not name are not
            read then.
        columns: else the header of each field's column; others are recognised by a field's name.
        values: and by field, what words of the file stand for, such as `{"status": {"正常": "active"}}`.
    """

    name: str = ""
    whole: FileMapping | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Row(NamedTuple):
    """A row.

    Attributes:
        line: of the file, from 1, where it begins.
        cells: the values by field; an empty cell has none.
        bad: what is wrong with it; None where nothing is.
    """

    line: int
    cells: dict[str, Any]
    bad: BadRow | None


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
        BadParameter: a field is none of the kind, or `--columns` stands beside a whole mapping.
        MappingRefused: a whole mapping says something that cannot be.
    """
    held: dict[str, Any] = {}
    if file is not None:
        try:
            held = tomllib.loads(file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
        except ValueError as error:
            raise click.ClickException(f"{file} must be TOML: {error}") from error
        if "fields" in held:
            if columns:
                raise click.BadParameter("must stand without a mapping that has [fields]", param_hint="'--columns'")
            return Mapped(file.name, parse_mapping(file.name, held, file.parent, table_of=kind))
        if set(held) - _SHORT or not _is_short(held):
            raise click.ClickException(
                f"{file} must hold tables of strings [columns] and [values.FIELD] alone, or be a mapping with [fields]"
            )
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
    return Mapped(file.name if file else "--columns", None, named, held.get("values", {}))


def _is_short(held: dict[str, Any]) -> bool:
    columns, values = held.get("columns", {}), held.get("values", {})
    tables = [columns, *(values.values() if isinstance(values, dict) else [values])]
    return all(isinstance(each, dict) and all(isinstance(word, str) for word in each.values()) for each in tables)


def read_table(kind: str, file: Path, mapped: Mapped, encoding: str, time_zone: str, currency: str = "") -> Table:
    """The rows of a file, whatever `ingest` reads: text, Excel or Parquet, packed or not.

    Args:
        kind: `merchant`, `person` or `contract`.
        file: a table with a header.
        mapped: which columns are which fields.
        encoding: one of `ENCODINGS`; `auto` is told by the bytes.
        time_zone: of times that name none.
        currency: of amounts, ISO 4217; "" where there are none.

    Raises:
        FileRefused: it cannot be read.
        ClickException: it has no such columns, or a column twice.
    """
    with ExitStack() as stack:
        rows, mapping = _opened(kind, file, mapped, encoding, stack)
        if currency:
            code = FieldRule(_CURRENCY, Source((), "constant", currency))
            mapping = replace(mapping, fields=(*mapping.fields, code))
        joined = {each.name: joined_of(each, mapping.joined_columns(each)) for each in mapping.joins}
        events = RowEvents(mapping, rows.header, time_zone, None, joined)
        made = list(_rows(rows, events))
    read = mapping.columns()
    ignored = tuple(each for each in rows.header if each and each not in read)
    fields = tuple(each.target.name for each in mapping.fields if each.target is not _CURRENCY)
    return Table(fields, ignored, made)


def _rows(rows: Rows, events: RowEvents) -> Iterator[Row]:
    for row in rows.rows:
        if row.bad:
            yield Row(row.line, {}, BadRow("", row.bad))
        elif (found := events.values(row.cells, row.line)) is not None:
            yield Row(row.line, *found)


def _opened(kind: str, file: Path, mapped: Mapped, encoding: str, stack: ExitStack) -> tuple[Rows, FileMapping]:
    """The rows of a file, and the mapping that fits them."""
    if mapped.whole:
        layout = replace(mapped.whole.layout, encoding=encoding) if encoding != AUTO else mapped.whole.layout
        found = unpacked(stack.enter_context(file.open("rb")), file.name, stack, layout.member)
        return rows_of(found, layout, mapped.whole.columns()), mapped.whole
    key = EVENT_KINDS[kind].key
    names = (mapped.columns[key],) if key in mapped.columns else (key, columns_zh(kind)[key])
    refusals = []
    for each in names:
        found = unpacked(stack.enter_context(file.open("rb")), file.name, stack)
        if found.kind in (sniffing.JSON, sniffing.JSON_LINES):
            raise FileRefused(f"{file.name} is JSON, and must be a table: ingest takes versions in JSON as events")
        try:
            rows = rows_of(found, Layout(encoding), [each])
        except NoHeader as error:
            refusals.append(str(error))
        else:
            return rows, _recognised(kind, file, rows.header, mapped)
    raise click.ClickException(
        f"{file.name} must have a column {' or '.join(names)}, or one that --columns names: {refusals[0]}"
    )


def _recognised(kind: str, file: Path, header: Sequence[str], mapped: Mapped) -> FileMapping:
    """A mapping by the short form, and by the columns that have a field's name, English or Chinese."""
    fields: dict[str, Any] = {}
    for name, zh in columns_zh(kind).items():
        wanted = (column_name(mapped.columns[name]),) if name in mapped.columns else (name, zh)
        found = [each for each in header if each in wanted]
        if len(found) > 1:
            raise click.ClickException(f"{file.name} must have one column of {name}, got {len(found)}")
        if name in mapped.columns and not found:
            raise click.ClickException(
                f"{file.name} must have the column {mapped.columns[name]!r} of {name}, got {', '.join(header)}"
            )
        if found:
            words = {"values": mapped.values[name], "otherwise": "same"} if name in mapped.values else {}
            fields[name] = {"column": found[0], **words}
    return parse_mapping(mapped.name, {"fields": fields}, table_of=kind)

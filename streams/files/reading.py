"""Events of one file: unpacked, decoded, cut into rows, and mapped; a row gives an event, a dead letter or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from domain.alerts import DeadLetter
from domain.cards import mask
from domain.events import Reason
from domain.forbidden_names import Rule, rule_of
from domain.masking import mask_record
from engine.decoding.card_scan import find_stars
from streams.files import sniffing
from streams.files.cells import clean, text_of
from streams.files.errors import BadRow, FileRefused
from streams.files.joining import joined_of
from streams.files.json_rows import Record, document_records, json_rows, line_records
from streams.files.row_events import RowEvents, encode
from streams.files.tables import table_rows
from streams.files.texts import Decoding, lines_of
from streams.files.unpacking import EXCEL, Unpacked, unpacked
from streams.files.workbooks import excel_rows, parquet_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from streams.files.raw_rows import RawRow, Rows
    from streams.files.rules import FileMapping, Layout
    from streams.pan_field import PanField

_MOST_FOOTER = 200
"""Rows at the end that may be no events because they lack most cells."""


class Item(NamedTuple):
    """What a row gave.

    Attributes:
        line: of the file.
        event: as JSON; b"" where there is none.
        letter: why not; None where there is an event.
    """

    line: int
    event: bytes
    letter: DeadLetter | None = None


@dataclass(slots=True)
class Passed:
    """Rows that are no events and no errors.

    Attributes:
        skipped: left out by the mapping.
        outside: before the header, or behind the last event.
    """

    skipped: int = 0
    outside: int = 0


@dataclass(frozen=True, slots=True)
class Door:
    """How files are read.

    Attributes:
        mappings: each file takes the first whose columns it has; none where files hold events as they are.
        time_zone: of times without an offset, where a mapping names none.
        pan_field: makes tokens of card numbers; None where none come.
    """

    mappings: tuple[FileMapping, ...] = ()
    time_zone: str = "UTC"
    pan_field: PanField | None = None


def items_of(stream: BinaryIO, name: str, door: Door, stack: ExitStack, passed: Passed) -> Iterator[Item]:
    """What each row of a file gives, in the file's order.

    Args:
        stream: the file.
        name: for messages and dead letters.
        door: how it is read.
        stack: closes what is opened.
        passed: counts rows that are left out.

    Raises:
        FileRefused: it cannot be read, or has other columns than every mapping.
        MappingRefused: a mapping does not fit.
    """
    name = mask(name)
    found = unpacked(
        stream, name, stack, next((each.layout.member for each in door.mappings if each.layout.member), "")
    )
    if not door.mappings:
        return _unmapped(found, door.pan_field)
    refusals: list[str] = []
    for k, mapping in enumerate(door.mappings):
        if k:
            if not stream.seekable():
                raise FileRefused(f"{name} must be a file where several mappings are given, it is a pipe")
            stream.seek(0)
            found = unpacked(stream, name, stack, mapping.layout.member)
        try:
            rows = rows_of(found, mapping.layout, mapping.columns())
            joined = {each.name: joined_of(each, mapping.joined_columns(each)) for each in mapping.joins}
            return _mapped(rows, RowEvents(mapping, rows.header, door.time_zone, door.pan_field, joined), name, passed)
        except FileRefused as error:
            refusals.append(str(error))
    raise FileRefused(refusals[0] if len(refusals) == 1 else f"{refusals[0]} (nor do the other mappings fit)")


def rows_of(found: Unpacked, layout: Layout, columns: Sequence[str]) -> Rows:
    """The rows of a file, whatever it is; raises FileRefused if it lacks columns."""
    if found.kind == EXCEL:
        return excel_rows(found.stream, layout, columns, found.name)
    if found.kind == sniffing.PARQUET:
        return parquet_rows(found.stream, columns, found.name)
    decoding = Decoding(found.name, layout.encoding)
    if found.kind in (sniffing.JSON, sniffing.JSON_LINES):
        return json_rows(_records(found, decoding, layout.records), columns)
    return table_rows(lines_of(found.stream, decoding, found.name), layout, columns, found.name, decoding)


def _records(found: Unpacked, decoding: Decoding, path: str = "") -> Iterator[Record]:
    if found.kind == sniffing.JSON_LINES and not path:
        return line_records(found.stream, decoding, found.name)
    return document_records(found.stream, decoding, found.name, path)


def _unmapped(found: Unpacked, pan_field: PanField | None) -> Iterator[Item]:
    """Events as they stand in a file of JSON."""
    if found.kind not in (sniffing.JSON, sniffing.JSON_LINES):
        what = "a table of text" if found.kind == sniffing.TEXT else found.kind
        raise FileRefused(
            f"{found.name} is {what}: say by --mapping which columns are which fields, or have a first mapping made by"
            " --guess"
        )
    for each in _records(found, Decoding(found.name)):
        event = each.raw.strip().encode(errors="surrogateescape")
        yield Item(each.line, pan_field.replaced(event) if pan_field else event)


def _mapped(rows: Rows, events: RowEvents, name: str, passed: Passed) -> Iterator[Item]:
    passed.outside += rows.preamble
    hides = any(rule_of(each) is not Rule.FREE for each in rows.header if each)
    waiting: list[Item] = []  # rows that lack most cells: a footer, unless others follow
    width = len([each for each in rows.header if each])
    for row in rows.rows:
        item = _item(row, events, name, passed, hides=hides)
        if item is None:
            continue
        if item.letter is not None and not row.json and _is_hollow(row, events, width) and len(waiting) < _MOST_FOOTER:
            waiting.append(item)
            continue
        yield from waiting
        waiting.clear()
        yield item
    passed.outside += len(waiting)


def _is_hollow(row: RawRow, events: RowEvents, width: int) -> bool:
    """Whether a row lacks most of its cells, and of those that an event needs at least one."""
    given = sum(1 for each in row.cells if clean(text_of(each)))
    needed = [row.cells[at] if at < len(row.cells) else "" for at in events.needed]
    blank = sum(1 for each in needed if not clean(text_of(each)))
    return given * 2 <= width and blank > 0 and blank * 2 >= len(needed) and bool(row.cells)


def _item(row: RawRow, events: RowEvents, name: str, passed: Passed, *, hides: bool) -> Item | None:
    if row.bad:
        record = "" if hides else row.raw
        return Item(row.line, b"", _letter(row, name, "", row.bad, record))
    try:
        event = events.event(row.cells, row.line)
    except BadRow as error:
        return Item(row.line, b"", _letter(row, name, error.field, error.message, events.record(row.cells)))
    if event is None:
        passed.skipped += 1
        return None
    return Item(row.line, encode(event))


def _letter(row: RawRow, name: str, field: str, message: str, record: str) -> DeadLetter:
    return DeadLetter(
        reason=Reason.NOT_JSON if row.json else Reason.BAD_ROW, field=field, message=message, source=name,
        position=row.line, record=mask_record(record.encode(errors="replace"), find_stars),
    )  # fmt: skip

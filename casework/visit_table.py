"""Visits as a table: kept as a file, and taken in from one, as other programs for inspections (巡检) write them.

A file that is taken in again changes nothing. Rows that cannot be taken are told by line; the others are taken.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update

from casework import audit, field_sums, inspections
from casework.bodies import ms_of
from casework.change import changing
from casework.chunks import chunks
from casework.errors import Refused
from casework.outbox import WRITER, post
from casework.people import WORKS, sees_merchant
from casework.persons import names_of_people
from casework.schema import merchant_profiles, merchants, visits
from casework.user_table import Fault, decoded
from casework.visit_words import VISIT_KINDS, VISIT_OUTCOMES
from domain.alerts import Text
from domain.events import COORD_SYSTEMS
from domain.timestamps import iso
from streams.master_data import Reason, prepared_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.change import Change
    from casework.people import Actor
    from casework.store import Store

COLUMNS: Mapping[str, Text] = {
    "merchant_id": Text("merchant_id", "商户号"), "shop": Text("shop", "店名"),
    "visited_at": Text("visited_at", "走访时间"), "person_id": Text("person_id", "走访人"),
    "person": Text("person", "走访人姓名"), "visit_kind": Text("visit_kind", "走访类别"),
    "outcome": Text("outcome", "走访结果"), "note": Text("note", "备注"), "lat": Text("lat", "纬度"),
    "lon": Text("lon", "经度"), "coord_sys": Text("coord_sys", "坐标系"),
}  # fmt: skip
"""What a table's columns are called in its header, in either language. Those of `TOLD` are for reading alone."""
TOLD = ("shop", "person")
NEEDED = ("merchant_id", "visited_at")
MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
_MOST_UNPACKED = 100 * 1024 * 1024
"""Bytes of an Excel file's parts: some small files unpack to a machine's whole memory."""
_AT_A_TIME = 500
_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3})\d*)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_KEPT_FROM_COMPUTING = re.compile(r"\A'(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_FIELDS = ("visit_kind", "outcome", "note", "lat", "lon", "coord_sys")


class VisitRow(NamedTuple):
    """A row that can be taken: its line of the file, from 1, and the event that it is."""

    line: int
    event: dict[str, Any]


class Read(NamedTuple):
    """A table that was read: its rows that can be taken, and those that cannot."""

    rows: tuple[VisitRow, ...]
    faults: tuple[Fault, ...]


class Taken(NamedTuple):
    """What became of a table.

    Attributes:
        new: visits that were not known.
        corrected: visits that were known otherwise.
        same: visits that were known so.
        faults: rows that were not taken.
    """

    new: int
    corrected: int
    same: int
    faults: tuple[Fault, ...]


def rows_of(
    store: Store, actor: Actor, from_ms: int, until_ms: int, zone: str, now_ms: int
) -> list[list[str | float | None]]:  # fmt: skip
    """Rows of a table, in the order of `COLUMNS`: visits of a time that the actor sees, the oldest first.

    Args:
        store: the store.
        actor: who looks.
        from_ms: of the visits, UTC milliseconds.
        until_ms: before which they were.
        zone: time zone of the table, an IANA name.
        now_ms: UTC milliseconds.
    """
    table = visits.c
    seen = (table.visited_ms >= from_ms, table.visited_ms < until_ms, sees_merchant(actor, table.merchant_id, now_ms))
    statement = select(visits).where(*seen).order_by(table.visited_ms, table.visit_id)
    with store.reading() as connection:
        found = connection.execute(statement).all()
        names = names_of_people(connection, {each.by for each in found if each.by}, now_ms)
        shops: dict[str, str] = {}
        for some in chunks({each.merchant_id for each in found}):
            named = select(merchants.c.merchant_id, merchants.c.name).where(merchants.c.merchant_id.in_(some))
            shops |= {each.merchant_id: each.name for each in connection.execute(named)}
    here = ZoneInfo(zone)
    return [
        [
            each.merchant_id, shops.get(each.merchant_id, ""), _told(each.visited_ms, here), each.by,
            names.get(each.by, ""), each.visit_kind, each.outcome, each.note, each.lat, each.lon, each.coord_sys,
        ]
        for each in found
    ]  # fmt: skip


def _told(time_ms: int, here: ZoneInfo) -> str:
    """A time with its offset, so that it is read as it was written; milliseconds where there are any."""
    exact = "milliseconds" if time_ms % 1000 else "seconds"
    return datetime.fromtimestamp(time_ms / 1000, here).isoformat(sep=" ", timespec=exact)


def read_table(raw: bytes, zone: str, now_ms: int) -> Read:
    """Read a table, CSV in UTF-8 or GB18030 or the first sheet of an Excel file, with a header.

    Args:
        raw: the file.
        zone: of times without an offset, an IANA name.
        now_ms: UTC milliseconds: no visit is later.

    Raises:
        Refused: it is no such table, is too large, or lacks a column.
    """
    if len(raw) > MOST_BYTES:
        raise Refused(f"a table of visits must have at most {MOST_BYTES} bytes, got {len(raw)}")
    lines = _sheet(raw) if raw.startswith(b"PK") else _csv(raw)
    names = _header(next(lines, (1, []))[1])
    rows, faults = [], []
    for count, (line, cells) in enumerate(each for each in lines if any(_cell(cell) for cell in each[1])):
        if count >= MOST_ROWS:
            raise Refused(f"a table of visits must have at most {MOST_ROWS} rows, got more")
        try:
            rows.append(VisitRow(line, _event(dict(zip(names, cells, strict=False)), ZoneInfo(zone), now_ms)))
        except Refused as error:
            faults.append(Fault(line, str(error)))
    return _checked(rows, faults)


def _csv(raw: bytes) -> Iterator[tuple[int, list[Any]]]:
    reader = csv.reader(io.StringIO(decoded(raw).removeprefix("\ufeff"), newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, [*cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise Refused(f"the table must be CSV, line {reader.line_num}: {error}") from error


def _sheet(raw: bytes) -> Iterator[tuple[int, list[Any]]]:
    from openpyxl import load_workbook  # noqa: PLC0415  it takes a quarter of a second
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
        if unpacked > _MOST_UNPACKED:
            raise Refused(f"an Excel file must unpack to at most {_MOST_UNPACKED} bytes, got {unpacked}")
        book = load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        for line, cells in enumerate(rows, 1):
            yield line, [*cells]
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, SyntaxError) as error:
        raise Refused(f"the table must be an Excel file with a sheet, got another: {error}") from error


def _header(cells: Sequence[Any]) -> list[str]:
    by_word = {word: name for name, words in COLUMNS.items() for word in (words.en, words.zh)}
    names = [by_word.get(_cell(each), "") for each in cells]
    twice = [each for each in COLUMNS if names.count(each) > 1]
    if any(each not in names for each in NEEDED) or twice:
        wanted = ", ".join(f"{words.en} ({words.zh})" for words in COLUMNS.values())
        got = ",".join(_cell(each) for each in cells)[:200]
        raise Refused(f"the header must have {' and '.join(NEEDED)}, each column once, of {wanted}; got {got!r}")
    return names


def _cell(value: Any) -> str:
    """A cell as text, without the apostrophe that keeps spreadsheets from computing it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _KEPT_FROM_COMPUTING.sub("", str(value).strip())


def _event(cells: Mapping[str, Any], here: ZoneInfo, now_ms: int) -> dict[str, Any]:
    told = {name: _cell(value) for name, value in cells.items() if name and name not in TOLD}
    for name in NEEDED:
        if not told.get(name):
            raise Refused(f"{name} must be given, got nothing")
    visited_ms = _time(cells["visited_at"], here)
    if visited_ms > now_ms:
        raise Refused(f"visited_at must not be after now, {iso(now_ms)}, got {iso(visited_ms)}")
    event: dict[str, Any] = {
        "type": "visit", "merchant_id": told["merchant_id"], "event_time": iso(visited_ms),
        "person_id": told.get("person_id", ""), "note": told.get("note", ""),
        "visit_kind": _word("visit_kind", told.get("visit_kind", ""), VISIT_KINDS),
        "outcome": _word("outcome", told.get("outcome", ""), VISIT_OUTCOMES),
        "coord_sys": told.get("coord_sys", "").lower().replace("-", ""),
    }  # fmt: skip
    if event["coord_sys"] not in {*COORD_SYSTEMS, ""}:
        raise Refused(f"coord_sys must be one of {', '.join(COORD_SYSTEMS)}, got {event['coord_sys'][:20]!r}")
    for name in ("lat", "lon"):
        if text := told.get(name):
            event[name] = _degrees(name, text)
    return {name: value for name, value in event.items() if value != ""}


def _time(value: Any, here: ZoneInfo) -> int:
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=value.tzinfo or here).timestamp() * 1000)
    text = _cell(value)
    if (found := _TIME.fullmatch(text)) is not None:
        year, month, day, hour, minute, second = (int(each or 0) for each in found.groups()[:6])
        try:
            zone = here if found[8] is None else datetime.fromisoformat(f"2000-01-01T00:00{found[8]}").tzinfo
            made = datetime(year, month, day, hour, minute, second, int((found[7] or "").ljust(3, "0")) * 1000, zone)
            return round(made.timestamp() * 1000)
        except (ValueError, OverflowError):
            pass  # no day or hour that there is
    raise Refused(f"visited_at must be a time such as 2026-11-30 10:15, got {text[:40]!r}")


def _word(name: str, text: str, words: Mapping[str, Text]) -> str:
    """A code that is given as itself or in words."""
    by_word = {word.lower(): code for code, each in words.items() for word in (code, each.en, each.zh)}
    if text and text.lower() not in by_word:
        raise Refused(f"{name} must be one of {', '.join(words)}, got {text[:40]!r}")
    return by_word[text.lower()] if text else ""


def _degrees(name: str, text: str) -> float:
    most = 90 if name == "lat" else 180
    try:
        found = float(text)
    except ValueError as error:
        raise Refused(f"{name} must be degrees, got {text[:20]!r}") from error
    if not -most <= found <= most:  # nan too
        raise Refused(f"{name} must be -{most} to {most} degrees, got {text[:20]}")
    return found


def _checked(rows: Sequence[VisitRow], faults: Sequence[Fault]) -> Read:
    """Rows as intake would take them: texts masked, values of the fields' ranges; of two of one visit the later."""
    ready = prepared_for(1, [each.event for each in rows], WRITER)
    found, refused = dict[tuple[str, str, str], VisitRow](), [*faults]
    for row, made in zip(rows, ready, strict=True):
        if isinstance(made, Reason):
            refused.append(Fault(row.line, f"{made.field}: {made.message}" if made.field else made.message))
            continue
        event = row.event | ({"note": made.event["note"]} if "note" in made.event else {})
        found[event["merchant_id"], event["event_time"], event.get("person_id", "")] = VisitRow(row.line, event)
    return Read(tuple(found.values()), tuple(sorted(refused)))


# -- taking in


def take_in(store: Store, actor: Actor, found: Read, now_ms: int, *, dry_run: bool = False) -> Taken:
    """Take in the rows of a table, and have the log hear of what is new in them.

    Args:
        store: the store.
        actor: somebody who works on cases.
        found: the table.
        now_ms: UTC milliseconds.
        dry_run: whether nothing is changed.

    Raises:
        NotAllowed: the actor does not work on cases.
    """
    actor.need(WORKS, "to take in visits")
    new = corrected = same = 0
    faults = [*found.faults]
    for first in range(0, len(found.rows), _AT_A_TIME):
        some = found.rows[first : first + _AT_A_TIME]
        if dry_run:
            with store.reading() as connection:
                held = _compared(connection, actor, some, now_ms)
        else:
            with changing(store, actor, now_ms, WORKS, "to take in visits") as change:
                held = _compared(change.connection, actor, some, now_ms)
                _write(change, held)
        faults += held.faults
        new, corrected, same = new + len(held.new), corrected + len(held.corrected), same + held.same
    return Taken(new, corrected, same, tuple(sorted(faults)))


class _Held(NamedTuple):
    """Rows held against the store: those to insert, those to change by number, how many are the same, faults."""

    new: list[tuple[dict[str, Any], dict[str, Any]]]
    corrected: list[tuple[int, dict[str, Any], dict[str, Any]]]
    same: int
    faults: list[Fault]


def _compared(connection: Connection, actor: Actor, rows: Sequence[VisitRow], now_ms: int) -> _Held:
    shops, known = _shops(connection, actor, rows, now_ms), _known(connection, rows)
    new, corrected, faults, same = [], [], [], 0
    for line, event in rows:
        if event["merchant_id"] not in shops:
            faults.append(Fault(line, f"there is no merchant {event['merchant_id']}"))
            continue
        row = _row(event, now_ms)
        before = known.get((row["merchant_id"], row["visited_ms"], row["by"]))
        if before is None:
            new.append((row, event))
        elif any(getattr(before, name) != row[name] for name in _FIELDS):
            corrected.append((before.visit_id, row, event))
        else:
            same += 1
    return _Held(new, corrected, same, faults)


def _write(change: Change, held: _Held) -> None:
    if held.new:
        with field_sums.kept(change.store, change.connection, {row["merchant_id"] for row, _ in held.new}):
            change.connection.execute(insert(visits), [row for row, _ in held.new])
    for visit_id, row, _ in held.corrected:
        given = {name: row[name] for name in _FIELDS}
        change.connection.execute(update(visits).where(visits.c.visit_id == visit_id).values(given))
    events = [event for _, event in held.new] + [event for _, _, event in held.corrected]
    if not events:
        return
    post(change.connection, events, change.now_ms)
    shops = {each["merchant_id"] for each in events}
    inspections.refresh(change.store, change.connection, shops, change.now_ms)
    audit.append(
        change.connection, time_ms=change.now_ms, actor=change.actor.user_id, kind="import_visits",
        detail={"new": len(held.new), "corrected": len(held.corrected), "merchants": len(shops)},
    )  # fmt: skip


def _row(event: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    return {
        "merchant_id": event["merchant_id"],
        "visited_ms": ms_of(event["event_time"]),
        "visit_kind": event.get("visit_kind", ""), "outcome": event.get("outcome", ""), "note": event.get("note", ""),
        "by": event.get("person_id", ""), "recorded_ms": now_ms, "lat": event.get("lat"), "lon": event.get("lon"),
        "coord_sys": event.get("coord_sys", ""),
    }  # fmt: skip


def _shops(connection: Connection, actor: Actor, rows: Sequence[VisitRow], now_ms: int) -> set[str]:
    table = merchant_profiles.c
    ids = {each.event["merchant_id"] for each in rows}
    of_them = (table.merchant_id.in_(ids), sees_merchant(actor, table.merchant_id, now_ms))
    return {*connection.execute(select(table.merchant_id.distinct()).where(*of_them)).scalars()}


def _known(connection: Connection, rows: Sequence[VisitRow]) -> dict[tuple[str, int, str], Any]:
    ids = {each.event["merchant_id"] for each in rows}
    found = connection.execute(select(visits).where(visits.c.merchant_id.in_(ids)).order_by(visits.c.visit_id.desc()))
    return {(each.merchant_id, each.visited_ms, each.by): each for each in found}

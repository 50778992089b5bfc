"""What `tillwatch merchants` and `tillwatch people` share: a table against the versions in the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from domain.cards import mask
from domain.events import EVENT_KINDS
from domain.field_names import FIELD_NAMES_ZH
from domain.timestamps import iso
from engine.decoding.decode import shown
from engine.features.zones import zone_names
from streams.log import now_utc_ms
from streams.master_data import STAMPS, Ready, Reason, append, newest_versions, prepared
from tillwatch.cli import REFUSED
from tillwatch.csv_rows import ENCODINGS, BadCell, Row, mapping_of, read_table
from tillwatch.logs import open_log
from tillwatch.master_data_view import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.csv_rows import Table

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for.

    Attributes:
        kind: `merchant` or `person`.
        file: the table.
        columns: of `--columns`.
        mapping: of `--mapping`.
        encoding: of the file.
        time_zone: of its times that name none; None for the setting's.
        effective_from: from when on what changed holds; None for now.
        lang: of what is shown.
        as_json: whether that is JSON.
    """

    kind: str
    file: Path
    columns: tuple[str, ...]
    mapping: Path | None
    encoding: str
    time_zone: str | None
    effective_from: str | None
    lang: str
    as_json: bool


class Change(NamedTuple):
    """A field that a row changes; None where there is no value."""

    id: str
    field: str
    old: Any
    new: Any


class Refusal(NamedTuple):
    """A row that cannot be taken.

    Attributes:
        line: of the file, from 1.
        id: whom it is about, "" where unknown.
        field: at fault, "" where none is.
        message: what was expected and what came.
    """

    line: int
    id: str
    field: str
    message: str


@dataclass(slots=True)
class Comparison:
    """A file against the log.

    Attributes:
        rows: rows of the file.
        added: ids that the log has no version of.
        changed: ids of which a field changes.
        unchanged: how many stay as they are.
        absent: how many are in the log and not in the file; they stay as they are.
        changes: by row, what changes; of an added one every field that it has.
        refused: rows that cannot be taken.
        ignored: headers of columns that are no field.
        ready: what is to be appended.
    """

    rows: int = 0
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    absent: int = 0
    changes: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    ready: list[Ready] = field(default_factory=list)


def asked_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that reads a table; FILE comes first."""
    for each in reversed((
        click.argument("file", type=_FILE),
        click.option("--columns", multiple=True, metavar="FIELD=HEADER,...", help="Which column is which field."),
        click.option("--mapping", type=_FILE, help="The same, and what words stand for, as TOML."),
        click.option("--encoding", type=click.Choice(ENCODINGS), default="auto", show_default=True,
                     help="Of FILE; auto takes what is no UTF-8 for GB18030."),
        click.option("--time-zone", metavar="ZONE", help="Of times that name none; the setting time_zone by default."),
        click.option("--effective-from", metavar="TIME", help="From when on what changed holds; now by default."),
    )):  # fmt: skip
        function = each(function)
    return function


def run(invocation: Invocation, asked: Asked, *, write: bool, dry_run: bool = False) -> None:
    """Compare a file with the log, append what changed if it is to be written, and show it; the exit code follows."""
    found, zone = compare(invocation, asked, write=write)
    show(asked, found, zone, written=write, dry_run=dry_run)
    if found.refused:
        click.get_current_context().exit(REFUSED)


def compare(invocation: Invocation, asked: Asked, *, write: bool) -> tuple[Comparison, str]:
    """Compare a file with the log, and with `write` append what changed; the result, and the zone times were read by.

    Raises:
        ClickException: the file cannot be read as such a table, or there is no log.
    """
    settings = invocation.settings()
    zone = asked.time_zone or settings.time_zone
    _check_zone(zone)
    since_ms = _moment(asked.effective_from, zone)
    mapped = mapping_of(asked.kind, asked.columns, asked.mapping)
    table = read_table(asked.kind, asked.file, mapped, asked.encoding, zone)
    with open_log(settings, make=write) as log:
        found = _compared(log, asked, table, since_ms)
        if write and found.ready:
            append(log, found.ready, writer=f"import-{asked.kind}")
    return found, zone


def _check_zone(zone: str) -> None:
    if zone not in zone_names():
        raise click.BadParameter(
            f"must be an IANA name such as Asia/Shanghai, got {zone!r}", param_hint="'--time-zone'"
        )


def _moment(text: str | None, zone: str) -> int:
    if text is None:
        return now_utc_ms()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"must be a time such as 2026-01-05T00:00, got {text!r}", param_hint="'--effective-from'"
        ) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp() * 1000)


def _compared(log: Log, asked: Asked, table: Table, since_ms: int) -> Comparison:
    """What the rows change of the versions in the log."""
    key, newest = EVENT_KINDS[asked.kind].key, newest_versions(log, asked.kind)
    found = Comparison(rows=len(table.rows), ignored=table.ignored)
    taken: dict[str, int] = {}
    wanted: list[tuple[Row, dict[str, Any]]] = []
    for row in table.rows:
        who = row.cells.get(key) or ""
        event = _event(asked.kind, row, table.fields, newest.get(who, {}), since_ms)
        bad = row.bad or _unfit(key, row, event, taken)
        if who:
            taken.setdefault(who, row.line)
        if bad:
            found.refused.append(Refusal(row.line, mask(who), bad.name, bad.message))
        else:
            wanted.append((row, event))
    made = prepared(log, [event for _, event in wanted], asked.file.name)
    for (row, _), each in zip(wanted, made, strict=True):
        if isinstance(each, Reason):
            who = mask(row.cells.get(key) or "")
            found.refused.append(Refusal(row.line, who, each.field, each.message))
        else:
            _take(found, asked.kind, row, each, newest.get(each.event[key]))
    found.absent = len(newest.keys() - taken.keys())
    found.refused.sort()
    return found


def _event(kind: str, row: Row, fields: tuple[str, ...], before: dict[str, Any], since_ms: int) -> dict[str, Any]:
    """A row as an event: its own columns, and of the newest version what it has no column of."""
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in before.items() if name not in fields and name not in STAMPS
    }  # fmt: skip
    cells = {name: value for name, value in row.cells.items() if value is not None}
    return {"effective_from": since_ms, **kept, **cells, "type": kind}


def _unfit(key: str, row: Row, event: dict[str, Any], taken: dict[str, int]) -> BadCell | None:
    """What is wrong with a row that intake does not see; None where nothing is."""
    who = row.cells.get(key)
    if who in taken:
        return BadCell(key, f"{key} must stand once in a file, got {shown(who)} again, of line {taken[who]}")
    zone = event.get("time_zone")
    if zone is not None and zone not in zone_names():
        return BadCell("time_zone", f"time_zone must be an IANA name such as Asia/Shanghai, got {shown(zone)}")
    return None


def _take(found: Comparison, kind: str, row: Row, ready: Ready, before: dict[str, Any] | None) -> None:
    """Count a version that intake takes: as it is, new, changed, or refused because a newer one is in the log."""
    who, since_ms = ready.event[EVENT_KINDS[kind].key], ready.event["effective_from"]
    changes = list(_changes(kind, ready.event, before or {}))
    if before is not None and not changes:
        found.unchanged += 1
        return
    if before is not None and since_ms < before["effective_from"]:
        least, name = iso(before["effective_from"]), "effective_from"
        why = f"{name} must be {least} or later, as of the newest version in the log, got {iso(since_ms)}"
        found.refused.append(Refusal(row.line, who, name, why))
        return
    (found.added if before is None else found.changed).append(who)
    found.changes += changes
    found.ready.append(ready)


def _changes(kind: str, event: dict[str, Any], before: dict[str, Any]) -> Iterator[Change]:
    key = EVENT_KINDS[kind].key
    for name in FIELD_NAMES_ZH[kind]:
        if name not in (key, *STAMPS) and event.get(name) != before.get(name):
            yield Change(event[key], name, before.get(name), event.get(name))

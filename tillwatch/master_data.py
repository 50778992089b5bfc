"""What `tillwatch merchants`, `contracts` and `people` share: a table against the versions in the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from domain.cards import mask
from domain.events import EARLIEST_MS, EVENT_KINDS
from domain.field_names import FIELD_NAMES_ZH
from domain.timestamps import iso
from engine.decoding.decode import shown
from engine.features.zones import zone_names
from streams.files.errors import BadRow
from streams.files.guessing_tables import guessed_table
from streams.log import now_utc_ms
from streams.master_data import STAMPS, Ready, Reason, append, newest_versions, prepared_for
from tillwatch.cli import REFUSED
from tillwatch.contract_rows import contracts_of, price_changes
from tillwatch.ingest_preview import write_guess
from tillwatch.language import lang_option
from tillwatch.logs import open_log
from tillwatch.master_data_view import show
from tillwatch.table_rows import ENCODINGS, Row, mapping_of, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tillwatch.cli import Invocation
    from tillwatch.table_rows import Mapped, Table

_OUT = click.Path(dir_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for.

    Attributes:
        kind: `merchant`, `person` or `contract`.
        file: the table.
        old: the table that it is compared with, instead of the log; None for the log.
        currency: of a contract's amounts.
        columns: of `--columns`.
        guess: where a first mapping is to be written, instead of anything else.
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
    guess: Path | None
    old: Path | None = None
    currency: str = "CNY"


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
        gone: ids that are in the log, or in the older table, and not in the file; they stay as they are.
        changes: by row, what changes; of an added one every field that it has.
        refused: rows that cannot be taken.
        ignored: headers of columns that are no field.
        ready: what is to be appended.
    """

    rows: int = 0
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    gone: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    ready: list[Ready] = field(default_factory=list)


def asked_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that reads a table; FILE comes first."""
    return click.argument("file", type=_FILE)(_table_options(function))


def diff_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that compares a table with another, or with the log."""
    function = click.option("--import", "write", is_flag=True, help="Put what changed into the log.")(
        lang_option(
            click.option(
                "--json", "as_json", is_flag=True, help="As one line of JSON on standard output, with every row."
            )(function)
        )
    )
    return click.argument("files", metavar="[OLD] NEW", nargs=-1, required=True, type=_FILE)(_table_options(function))


def run_diff(invocation: Invocation, kind: str, files: tuple[Path, ...], asked: dict[str, Any], *, write: bool) -> None:
    """Compare the last of one or two files with the first, or with the log; raises UsageError for more of them."""
    if len(files) > 2:
        raise click.UsageError(f"there must be one table, or an older and a newer one, got {len(files)}")
    newer, *older = reversed(files)
    run(invocation, Asked(kind=kind, file=newer, old=older[0] if older else None, **asked), write=write)


def _table_options(function: Callable[..., None]) -> Callable[..., None]:
    for each in reversed((
        click.option("--columns", multiple=True, metavar="FIELD=HEADER,...", help="Which column is which field."),
        click.option("--mapping", type=_FILE, help="The same, and what words stand for, as TOML."),
        click.option("--guess", type=_OUT, help="Write a first mapping of FILE, and end."),
        click.option("--encoding", type=click.Choice(ENCODINGS), default="auto", show_default=True,
                     help="Of FILE; auto takes what is no UTF-8 for GB18030."),
        click.option("--time-zone", metavar="ZONE", help="Of times that name none; the setting time_zone by default."),
        click.option("--effective-from", metavar="TIME", help="From when on what changed holds; now by default."),
    )):  # fmt: skip
        function = each(function)
    return function


def run(invocation: Invocation, asked: Asked, *, write: bool, dry_run: bool = False) -> None:
    """Compare a file with the log, append what changed if it is to be written, and show it; the exit code follows."""
    if asked.guess:
        write_guess(asked.file, asked.guess, asked.lang, partial(guessed_table, asked.kind))
        return
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
    table = _read(asked, asked.file, mapped, zone)
    older = _read(asked, asked.old, mapped, zone) if asked.old else None
    found = _between(asked, older, table, since_ms) if older else None
    if found and not write:
        return found, zone
    with open_log(settings, make=write) as log:
        known, partitions = newest_versions(log, asked.kind), log.partitions(log.topics.events.name)
        if found:  # of the rows that differ, what they change of the log
            key, differ = EVENT_KINDS[asked.kind].key, {*found.added, *found.changed}
            table = table._replace(rows=[each for each in table.rows if each.cells.get(key) in differ])
            new = _compared(partitions, asked, table, since_ms, known)
            found.ready, found.refused = new.ready, sorted({*found.refused, *new.refused})
        else:
            found = _compared(partitions, asked, table, since_ms, known)
        if write and found.ready:
            append(log, found.ready, writer=f"import-{asked.kind}")
    return found, zone


def _read(asked: Asked, file: Path, mapped: Mapped, zone: str) -> Table:
    if asked.kind == "contract":
        return contracts_of(read_table(asked.kind, file, mapped, asked.encoding, zone, asked.currency))
    return read_table(asked.kind, file, mapped, asked.encoding, zone)


def _between(asked: Asked, older: Table, newer: Table, since_ms: int) -> Comparison:
    """What a table changes of an older one; rows of that one which cannot be read count as missing there."""
    before: dict[str, dict[str, Any]] = {}
    rows = [each for each in older.rows if not each.bad]
    events = [_event(asked.kind, each, older.fields, {}, EARLIEST_MS) for each in rows]
    for each in prepared_for(1, events, asked.file.name):
        if not isinstance(each, Reason):
            before[each.event[EVENT_KINDS[asked.kind].key]] = {**each.event, "effective_from": EARLIEST_MS}
    return _compared(1, asked, newer, since_ms, before)


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


def _compared(
    partitions: int, asked: Asked, table: Table, since_ms: int, newest: dict[str, dict[str, Any]]
) -> Comparison:  # fmt: skip
    """What the rows change of the versions that are known, for a log of so many partitions."""
    key = EVENT_KINDS[asked.kind].key
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
            found.refused.append(Refusal(row.line, mask(who), bad.field, bad.message))
        else:
            wanted.append((row, event))
    made = prepared_for(partitions, [event for _, event in wanted], asked.file.name)
    for (row, _), each in zip(wanted, made, strict=True):
        if isinstance(each, Reason):
            who = mask(row.cells.get(key) or "")
            found.refused.append(Refusal(row.line, who, each.field, each.message))
        else:
            _take(found, asked.kind, row, each, newest.get(each.event[key]))
    found.gone = sorted(newest.keys() - taken.keys())
    found.refused.sort()
    return found


def _event(kind: str, row: Row, fields: tuple[str, ...], before: dict[str, Any], since_ms: int) -> dict[str, Any]:
    """A row as an event: its own columns, and of the newest version what it has no column of."""
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in before.items() if name not in fields and name not in STAMPS and kind != "contract"
    }  # fmt: skip
    cells = {name: value for name, value in row.cells.items() if value is not None}
    return {"effective_from": since_ms, **kept, **cells, "type": kind}


def _unfit(key: str, row: Row, event: dict[str, Any], taken: dict[str, int]) -> BadRow | None:
    """What is wrong with a row that intake does not see; None where nothing is."""
    who = row.cells.get(key)
    if who in taken:
        return BadRow(key, f"{key} must stand once in a file, got {shown(who)} again, of line {taken[who]}")
    zone = event.get("time_zone")
    if zone is not None and zone not in zone_names():
        return BadRow("time_zone", f"time_zone must be an IANA name such as Asia/Shanghai, got {shown(zone)}")
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
        if name == "prices":
            yield from (Change(event[key], name, *each) for each in price_changes(before.get(name), event[name]))
        elif name in (key, *STAMPS) or (kind == "contract" and name not in event):
            continue  # a contract whose table has no notice says nothing of it
        elif event.get(name) != before.get(name):
            yield Change(event[key], name, before.get(name), event.get(name))

"""`tillwatch ingest`."""

from __future__ import annotations

import os
import stat
import sys
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from streams.intake import IntakeTotals, ingest
from tillwatch.logs import open_log
from tillwatch.show import Bar, emit_json, to_stderr

if TYPE_CHECKING:
    from tillwatch.cli import Invocation


@click.command("ingest")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--feed", default="main", show_default=True, help="The feed of events that name none.")
@click.option("--historic", is_flag=True, help="The events are of the past: receipt is the event time, not now.")
@click.option("--name", help="What the position is kept under; the file's full path by default.")
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output.")
@click.pass_obj
def command(invocation: Invocation, file: Path, feed: str, name: str | None, *, historic: bool, as_json: bool) -> None:
    """Put the events of FILE, one JSON object a line, into the log; - is standard input.

    Each event is checked, card numbers in free text are masked, and it goes to its merchant's partition;
    what is no event becomes a dead letter. The position is committed with the records: started again, it
    goes on behind the last committed line. Standard input has a position only with --name.

    \b
    Examples:
      tillwatch ingest var/sim/events.jsonl --historic
      kcat -C -t pos-txn | tillwatch ingest - --feed pos --name pos-txn
    """
    with open_log(invocation.settings()) as log, _opened(file) as lines:
        started = time.monotonic()
        with Bar("bytes", _size(lines)) as bar:

            def show(totals: IntakeTotals) -> None:
                bar.show(totals.bytes_read, totals.lines, f"  {totals.dead_letters:,} dead letters")

            totals = ingest(log, lines, name=name or _name(file), feed=feed, historic=historic, on_progress=show)
        seconds = time.monotonic() - started
    rate = totals.lines / seconds
    if as_json:
        emit_json({**asdict(totals), "seconds": round(seconds, 3), "records_per_second": round(rate)})
    else:
        to_stderr().print(
            f"{totals.forwarded:,} events, {totals.dead_letters:,} dead letters,"
            f" {totals.skipped_lines:,} blank lines: {rate:,.0f} lines/s"
        )
        if totals.unfinished_bytes:
            to_stderr().print(
                f"left for the next time: a last line of {totals.unfinished_bytes:,} bytes without an end"
            )


def _opened(file: Path) -> BinaryIO:
    return sys.stdin.buffer if str(file) == "-" else file.open("rb")


def _size(lines: BinaryIO) -> int | None:
    """Bytes of a file; None of what has no end yet."""
    about = os.fstat(lines.fileno())
    return about.st_size if stat.S_ISREG(about.st_mode) else None


def _name(file: Path) -> str:
    # A pipe brings something else each time: under one name its beginning would be passed over.
    return f"stdin-{uuid.uuid4()}" if str(file) == "-" else str(file.resolve())

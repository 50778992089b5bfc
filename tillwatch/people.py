"""`tillwatch people` and its subcommands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tillwatch.language import lang_option
from tillwatch.master_data import Asked, asked_options, diff_options, run, run_diff

if TYPE_CHECKING:
    from pathlib import Path

    from tillwatch.cli import Invocation


@click.group("people")
def command() -> None:
    """Compare a table of reps, agents and analysts with the log, or put what changed into it.

    \b
    Examples:
      tillwatch people diff staff.csv
      tillwatch people import staff.csv --effective-from 2026-07-01
    """


@command.command("diff", short_help="Show what a table changes.")
@diff_options
@click.pass_obj
def diff(invocation: Invocation, /, *, files: tuple[Path, ...], write: bool, **asked: Any) -> None:
    """Show what NEW, a table with a header, changes of the people in OLD, or in the log.

    A column is known by the name of its field, in English or Chinese, or by --columns. An empty cell takes its field
    away; a field without a column stays as it is. Nothing is written but with --import.

    \b
    Examples:
      tillwatch people diff staff.csv
      tillwatch people diff staff.csv --columns person_id=员工编号,name=姓名 --lang zh
    """
    run_diff(invocation, "person", files, asked, write=write)


@command.command("import", short_help="Put what a table changes into the log.")
@asked_options
@click.option("--dry-run", is_flag=True, help="Show what would be appended, and append nothing.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON on standard output, with every row.")
@click.pass_obj
def import_(invocation: Invocation, /, *, dry_run: bool, **asked: Any) -> None:
    """Append what FILE, a table with a header, changes of the people in the log, in force from a date on.

    Rows are checked and masked as by ingest. Those that cannot be taken are shown with line and reason, the others are
    appended; the exit code is then 3. Importing a file again appends nothing.

    \b
    Examples:
      tillwatch people import staff.csv --dry-run
      tillwatch people import staff.csv --mapping staff.toml --effective-from 2026-07-01
    """
    run(invocation, Asked(kind="person", **asked), write=not dry_run, dry_run=dry_run)

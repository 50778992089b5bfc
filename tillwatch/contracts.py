"""`tillwatch contracts` and its subcommands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from domain.currencies import DIGITS
from tillwatch.language import lang_option
from tillwatch.master_data import Asked, asked_options, diff_options, run, run_diff

if TYPE_CHECKING:
    from pathlib import Path

    from tillwatch.cli import Invocation

_currency = click.option(
    "--currency", type=click.Choice(sorted(DIGITS)), default="CNY", show_default=True, metavar="CODE",
    help="Of the amounts in the table.",
)  # fmt: skip


@click.group("contracts")
def command() -> None:
    """Compare a table of contracts' prices with the log, or put what changed into it.

    \b
    Examples:
      tillwatch contracts diff prices-june.csv prices-july.csv
      tillwatch contracts import prices-july.csv --effective-from 2026-07-01
    """


@command.command("diff", short_help="Show what a table changes.")
@diff_options
@_currency
@click.pass_obj
def diff(invocation: Invocation, /, *, files: tuple[Path, ...], write: bool, **asked: Any) -> None:
    """Show what NEW, a table of prices with a header, changes of the contracts in OLD, or in the log.

    A row is a price; all rows of a merchant are its contract. Nothing is written but with --import.

    \b
    Examples:
      tillwatch contracts diff prices-june.csv prices-july.csv
      tillwatch contracts diff prices-july.csv --import --effective-from 2026-07-01
    """
    run_diff(invocation, "contract", files, asked, write=write)


@command.command("import", short_help="Put what a table changes into the log.")
@asked_options
@_currency
@click.option("--dry-run", is_flag=True, help="Show what would be appended, and append nothing.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON on standard output, with every row.")
@click.pass_obj
def import_(invocation: Invocation, /, *, dry_run: bool, **asked: Any) -> None:
    """Append what FILE, a table of prices with a header, changes of the contracts in the log.

    Rows are checked as by ingest. Contracts that cannot be taken are shown with line and reason, the others are
    appended; the exit code is then 3. Importing a file again appends nothing.

    \b
    Examples:
      tillwatch contracts import prices-july.csv --dry-run
      tillwatch contracts import prices-july.csv --effective-from 2026-07-01
    """
    run(invocation, Asked(kind="contract", **asked), write=not dry_run, dry_run=dry_run)

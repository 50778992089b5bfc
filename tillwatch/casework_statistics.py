"""`tillwatch casework statistics`: a month's figures of reps, regions or agents, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from casework.month_sums import BY
from casework.people import actor_of
from casework.reading.reps import month_of, statistics
from streams.log import now_utc_ms
from tillwatch.casework_files import write_new
from tillwatch.casework_store import open_store
from tillwatch.language import lang_option

if TYPE_CHECKING:
    from tillwatch.cli import Invocation


@click.command("statistics", short_help="Write a month's figures of reps to a CSV file.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--as", "user", required=True, metavar="USER", help="Who looks: a user of the store.")
@click.option("--month", required=True, metavar="YYYY-MM", help="Which month, by the clock of `time_zone`.")
@click.option("--by", type=click.Choice(BY), default=BY[0], show_default=True, help="What there is a row for each of.")
@lang_option
@click.pass_obj
def show_statistics(invocation: Invocation, file: Path, user: str, month: str, by: str, lang: str) -> None:
    """Write a month's figures of reps, regions or agents to FILE as CSV, as the console's page Reps has them.

    `-` is standard output. A file that is there is not overwritten.

    \b
    Examples:
      tillwatch casework statistics november.csv --as wang --month 2026-11
      tillwatch casework statistics - --as wang --month 2026-11 --by agent --lang zh
    """
    from console.languages import speaker  # noqa: PLC0415  it loads the console, which other commands do without
    from console.rep_columns import cells, header  # noqa: PLC0415
    from console.tables import as_csv  # noqa: PLC0415

    settings, now_ms = invocation.settings(), now_utc_ms()
    with open_store(settings) as store:
        store.check_version()
        chosen = month_of(month, settings.time_zone, now_ms)
        found = statistics(store, actor_of(store, user), chosen, by, now_ms)
    rows = (row for each in found for row in cells(each))
    write_new(file, as_csv(header(by, speaker(lang)), rows))

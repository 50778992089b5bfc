"""`tillwatch casework visits` and its subcommands: visits that are due, and tables of those that were made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from casework import visit_table
from casework.people import actor_of
from casework.reading.reps import month_of
from casework.visit_list import ORDERS, WITHIN_D, Stop, Wanted, visit_list
from casework.visit_words import RULES
from domain.currencies import money_text
from streams.log import now_utc_ms
from tillwatch.casework_files import write_new
from tillwatch.casework_store import open_store
from tillwatch.language import lang_option, local, speaker
from tillwatch.show import emit_json, table, to_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tillwatch.cli import Invocation

_REFUSED = 3
_AS = click.option("--as", "user", required=True, metavar="USER", help="Who looks: a user of the store.")


@click.group("visits", short_help="List visits that are due, and tables of those made.")
def command() -> None:
    """List visits that are due, and write or take in tables of those that were made.

    \b
    Examples:
      tillwatch casework visits due --as wang --rep rep-2102-07
      tillwatch casework visits export november.csv --as wang --month 2026-11
      tillwatch casework visits import inspections.xlsx --as wang --dry-run
    """


@command.command("due")
@_AS
@click.option("--rep", default="", metavar="ID", help="Of this rep's merchants; of all that the user sees by default.")
@click.option("--within", default=WITHIN_D, show_default=True, help="Days ahead; what is late is always listed.")
@click.option("--order", type=click.Choice([each for each in ORDERS if each != "distance"]), default="due",
              show_default=True, help="The earliest, or the greatest turnover first.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Each as a line of JSON.")
@lang_option
@click.pass_obj
def due(invocation: Invocation, user: str, rep: str, within: int, order: str, lang: str, *, as_json: bool) -> None:
    """List merchants at which an inspection is due, at most 2,000.

    \b
    Examples:
      tillwatch casework visits due --as wang --within 7
    """
    settings, now_ms = invocation.settings(), now_utc_ms()
    with open_store(settings) as store:
        store.check_version()
        found = visit_list(store, actor_of(store, user), Wanted(rep, within, order), now_ms)
    if as_json:
        for each in found:
            emit_json(each._asdict() | {"due": [one._asdict() for one in each.due]})
        return
    _show(found, settings.time_zone, lang)


def _show(found: Sequence[Stop], zone: str, lang: str) -> None:
    say = speaker(lang)
    made = table(
        say(f"visits due; times in {zone}", f"待走访；时间为{zone}"), say("due", "到期"), say("merchant", "商户"),
        say("shop", "店名"), say("rep", "客户经理"), say("why", "事由"), say("turnover", "交易额"), numbers=(5,),
    )  # fmt: skip
    for each in found:
        why = say("; ", "；").join(say(RULES[one.rule].en, RULES[one.rule].zh) for one in each.due)
        known = each.turnover_minor is not None and each.currency
        turnover = money_text(each.turnover_minor or 0, each.currency) if known else ""
        made.add_row(local(each.due_ms, zone), each.merchant_id, each.name, each.rep_name or each.rep_id, why, turnover)
    to_stdout().print(made)


@command.command("export", short_help="Write the visits of a month to a file.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@_AS
@click.option("--month", required=True, metavar="YYYY-MM", help="Visits of this month.")
@lang_option
@click.pass_obj
def export(invocation: Invocation, file: Path, user: str, month: str, lang: str) -> None:
    """Write the visits of a month to FILE as CSV, or as Excel where its name ends with .xlsx; `-` is standard output.

    A file that is there is not overwritten. No cell is a formula, and `import` takes the table in again.

    \b
    Examples:
      tillwatch casework visits export november.csv --as wang --month 2026-11
    """
    from console.tables import as_csv, as_xlsx  # noqa: PLC0415  it loads the console, which other commands do without

    settings, now_ms = invocation.settings(), now_utc_ms()
    with open_store(settings) as store:
        store.check_version()
        chosen = month_of(month, settings.time_zone, now_ms)
        actor = actor_of(store, user)
        rows = visit_table.rows_of(store, actor, chosen.from_ms, chosen.until_ms, settings.time_zone, now_ms)
    header = [each.zh if lang == "zh" else each.en for each in visit_table.COLUMNS.values()]
    is_sheet = file.suffix.lower() == ".xlsx"
    write_new(file, as_xlsx(month, header, rows) if is_sheet else as_csv(header, rows))


@command.command("import", short_help="Take in visits of another program.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_AS
@click.option("--dry-run", is_flag=True, help="Show what would be taken, and take nothing.")
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@lang_option
@click.pass_obj
def import_(invocation: Invocation, file: Path, user: str, lang: str, *, dry_run: bool, as_json: bool) -> None:
    """Take in the visits of FILE, a table in CSV or Excel with the columns merchant_id and visited_at at least.

    Rows that cannot be taken are shown with line and reason, the others are taken; the exit code is then 3. A file that
    is taken in again changes nothing; a row that says otherwise corrects its visit.

    \b
    Examples:
      tillwatch casework visits import inspections.xlsx --as wang --dry-run
    """
    settings, now_ms = invocation.settings(), now_utc_ms()
    with open_store(settings) as store:
        store.check_version()
        actor = actor_of(store, user)
        found = visit_table.read_table(file.read_bytes(), settings.time_zone, now_ms)
        taken = visit_table.take_in(store, actor, found, now_ms, dry_run=dry_run)
    if as_json:
        emit_json(taken._asdict() | {"faults": [each._asdict() for each in taken.faults]})
    else:
        _show_taken(taken, lang)
    if taken.faults:
        raise click.exceptions.Exit(_REFUSED)


def _show_taken(taken: visit_table.Taken, lang: str) -> None:
    say, console = speaker(lang), to_stdout()
    for line, message in taken.faults:
        console.print(say(f"line {line}: {message}", f"第{line}行：{message}"), soft_wrap=True)
    counts = say(
        f"{taken.new} new, {taken.corrected} corrected, {taken.same} known, {len(taken.faults)} refused",
        f"新增{taken.new}次，更正{taken.corrected}次，已存在{taken.same}次，拒绝{len(taken.faults)}行",
    )
    console.print(counts)

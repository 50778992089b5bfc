"""`tillwatch profiles`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.mcc_names import mcc_short_name
from domain.profiles import TICKET
from models.profiles import build_profiles
from tillwatch.language import lang_option, said, speaker
from tillwatch.sales import read_sales
from tillwatch.show import emit_json, table, to_stdout

if TYPE_CHECKING:
    from tillwatch.cli import Invocation


@click.group("profiles")
def command() -> None:
    """Build MCC profiles, from which miscoded merchants are recognised.

    \b
    Examples:
      tillwatch profiles build var/sim/events.jsonl --out var/profiles.json
    """


@command.command("build")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output, no table.")
@click.pass_obj
def build_command(invocation: Invocation, file: Path, out: Path, lang: str, *, as_json: bool) -> None:
    """Build profiles from FILE, one event a line.

    FILE should have a month of sales, and master data if you have it. Then name the file written in the setting
    `profiles`. The same FILE always gives the same bytes.

    \b
    Examples:
      tillwatch profiles build var/sim/events.jsonl --out var/profiles.json
      tillwatch profiles build june.jsonl --out profiles.json --json
    """
    if out.resolve() == file.resolve():
        raise click.UsageError(f"--out must be another file than {file}, which is read")
    sales = read_sales(file, invocation.settings())
    try:
        made = build_profiles(sales.frame, sales.registered, file.name)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    out.write_bytes(made.encoded())
    if as_json:
        emit_json({
            "file": str(out), "profiles": len(made.profiles), "merchants": sum(e.merchants for e in made.profiles),
            "sales": sum(each.sales for each in made.profiles), "refused": sales.refused,
        })  # fmt: skip
        return
    say = speaker(lang)
    shown = table(
        say("Profiles", "行业画像"), "MCC", say("name", "名称"), say("merchants", "商户"), say("sales", "交易笔数"),
        say("median ticket", "笔均中位数"), numbers=[2, 3, 4],
    )  # fmt: skip
    for each in made.profiles:
        ticket = f"{2 ** each.mean[TICKET] / 100:,.2f}"
        shown.add_row(each.mcc, said(mcc_short_name(each.mcc), lang), f"{each.merchants:,}", f"{each.sales:,}", ticket)
    console = to_stdout()
    console.print(shown)
    first, last = (datetime.fromtimestamp(ms / 1000, UTC).date() for ms in (made.from_ms, made.to_ms))
    console.print(
        say(
            f"{out}: sales of {first} to {last}; {sales.refused:,} records were refused",
            f"{out}：{first}至{last}的交易；拒收记录{sales.refused:,}条",
        )
    )

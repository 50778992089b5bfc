"""`tillwatch peers` and its subcommand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.peers import build_peers, dump_peers
from tillwatch.inputs import door_of, mapping_options
from tillwatch.language import lang_option, speaker
from tillwatch.sales import read_sales
from tillwatch.show import table, to_stdout

if TYPE_CHECKING:
    from domain.peers import Peers
    from tillwatch.cli import Invocation


@click.group("peers")
def command() -> None:
    """Learn what merchants of each trade usually do.

    \b
    Examples:
      tillwatch peers build june.jsonl --out peers.json
    """


@command.command("build", short_help="Build the file that the setting peers names.")
@click.argument(
    "files", metavar="FILE…", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True
)
@mapping_options
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default="peers.json",
    help="File to write; peers.json by default.",
)  # fmt: skip
@lang_option
@click.pass_obj
def build(
    invocation: Invocation,
    files: tuple[Path, ...],
    mappings: tuple[Path, ...],
    joins: tuple[str, ...],
    out: Path,
    lang: str,
) -> None:
    """Learn weekdays, hours, spread and new shops' days of each MCC from FILE, one JSON object a line.

    An MCC of fewer than 20 merchants keeps the generic prior. Days and hours are the merchants' own: by the time zone
    of their master data, else by the setting time_zone.

    \b
    Examples:
      tillwatch peers build june.jsonl --out peers.json
    """
    if out.resolve() in {each.resolve() for each in files}:
        raise click.UsageError(f"--out must be another file than {out}, which is read")
    settings = invocation.settings()
    peers = build_peers(read_sales(files, settings, door_of(settings, mappings, joins)).frame)
    out.write_bytes(dump_peers(peers))
    _print(peers, out, lang)


def _print(peers: Peers, out: Path, lang: str) -> None:
    say = speaker(lang)
    shown = table(
        say(f"Peers in {out}", f"{out}中的同业基准"), "MCC", say("spread", "离散度"),
        say("new shop's day, week 1", "新商户首周日均"), numbers=(1, 2),
    )  # fmt: skip
    for each in peers.groups[1:]:
        shown.add_row(", ".join(each.mccs), f"{each.spread:.3f}", f"{each.new_minor[0] / 100:,.2f}")
    to_stdout().print(shown)

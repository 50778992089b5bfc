"""`tillwatch notices` and its subcommands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from notices.check import DAYS, check, sums
from notices.routing.reading import read_routing
from streams.log import now_utc_ms
from tillwatch.casework_store import open_store
from tillwatch.language import lang_option, local, speaker, zone_name
from tillwatch.routing import routing_of
from tillwatch.show import emit_json, failing, table, to_stdout

if TYPE_CHECKING:
    from notices.check import Checked
    from tillwatch.cli import Invocation
    from tillwatch.language import Say

_MOST_DAYS = 400


@click.group("notices")
def command() -> None:
    """Try a routing file of notices against the past.

    \b
    Examples:
      tillwatch notices check routing.yaml
    """


@command.command("check", short_help="Show who would have got what by a routing file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", required=False)
@click.option("--days", type=click.IntRange(1, _MOST_DAYS), default=DAYS, show_default=True, help="How far back.")
@click.option("--each", "shows_each", is_flag=True, help="Every notice, beside the sums.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Each notice as a line of JSON.")
@click.pass_obj
def check_file(
    invocation: Invocation, file: Path | None, days: int, lang: str, *, shows_each: bool, as_json: bool
) -> None:  # fmt: skip
    """Check the routing FILE, that of the settings by default, and show who would have got what in the last month.

    A file that cannot be ends the command with line, place, what was expected and what came. Nothing is sent or
    changed.

    \b
    Examples:
      tillwatch notices check routing.yaml
      tillwatch notices check routing.yaml --days 7 --each --lang zh
      tillwatch notices check --json | jq -r .recipient
    """
    settings = invocation.settings()
    with failing(OSError):
        routing = read_routing(file) if file is not None else routing_of(settings)
    with open_store(settings) as store:
        store.check_version()
        found = check(store, routing, now_utc_ms(), days)
    if as_json:
        _emit(found)
        return
    say = speaker(lang)
    _show_sums(found, say)
    if shows_each:
        _show_each(found, lang, settings.time_zone)
    left = found.alerts - found.told
    to_stdout().print(
        say(f"{found.alerts:,} alerts, {found.told:,} of them told; {left:,} were cleared before, or wait",
            f"告警{found.alerts:,}条，其中通知{found.told:,}条；{left:,}条在通知前已排除或仍在等待"),
        soft_wrap=True,
    )  # fmt: skip


def _emit(found: Checked) -> None:
    for each in found.notices:
        entries = each.made.body.entries
        emit_json(
            {
                "at_ms": each.at_ms, "recipient": each.made.recipient.name, "is_desk": each.made.recipient.is_desk,
                "kind": each.made.kind, "urgent": each.made.urgent,
                "tasks": [one.merchant_id for one in entries if one.is_task],
                "listed": [one.merchant_id for one in entries if not one.is_task],
            }
        )  # fmt: skip


def _show_sums(found: Checked, say: Say) -> None:
    shown = table(
        say("Who would have got what", "通知对象与数量"), say("recipient", "接收人"), say("notices", "通知"),
        say("most a day", "单日最多"), say("tasks", "任务"), say("in lists", "清单"), numbers=(1, 2, 3, 4),
    )  # fmt: skip
    for each in sums(found.notices):
        shown.add_row(each.recipient, *(f"{n:,}" for n in (each.notices, each.most_a_day, each.tasks, each.listed)))
    to_stdout().print(shown)


def _show_each(found: Checked, lang: str, zone: str) -> None:
    say, clock = speaker(lang), zone_name(zone, lang)
    title = say(f"Notices (times: {clock})", f"通知（时间：{clock}）")
    shown = table(title, say("when", "时间"), say("recipient", "接收人"), say("shops", "商户"))
    for each in found.notices:
        shops = ", ".join(one.merchant_id for one in each.made.body.entries)
        shown.add_row(local(each.at_ms, zone), each.made.recipient.name, shops)
    to_stdout().print(shown)

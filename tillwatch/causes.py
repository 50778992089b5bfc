"""`tillwatch causes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from causes.reader import CauseReader, LogReader
from domain.risk_codes import risk_code_name
from tillwatch.language import lang_option, said, speaker, zone_name
from tillwatch.logs import open_log
from tillwatch.show import (
    UNKNOWN,
    bearer,
    emit_json,
    money,
    severity_bar,
    severity_words,
    styled,
    table,
    to_stderr,
    to_stdout,
)  # fmt: skip
from tillwatch.stopping import stop_signals, tie_to_stdin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from domain.causes import Cause
    from streams.log import Log
    from tillwatch.cli import Invocation

_POLL_S = 1.0


@click.command("causes")
@click.option("--follow", is_flag=True, help="Publish causes to their topic as they are found, until Ctrl-C.")
@click.option(
    "--pulse", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="With --follow: touch FILE after each look, for health checks.",
)  # fmt: skip
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Each cause as a line of JSON.")
@click.option("--tied", is_flag=True, hidden=True, help="End when standard input does.")
@click.pass_obj
def command(
    invocation: Invocation, lang: str, pulse: Path | None, *, follow: bool, as_json: bool, tied: bool
) -> None:  # fmt: skip
    """Show what many merchants of one agent, rep, channel, pair of MCCs or city show within days.

    Without --follow the causes of all alerts in the log are shown, and nothing is written. With --follow one process
    publishes them to the topic causes, and goes on where it was when it is started again; on a terminal, or with
    --json, it shows each revision as it comes.

    \b
    Examples:
      tillwatch causes
      tillwatch causes --json | jq -r .reason.en
      tillwatch causes --follow
    """
    if tied:
        tie_to_stdin()
    settings = invocation.settings()
    with open_log(settings, make=follow) as log:
        if follow:
            _follow(log, settings.time_zone, lang, pulse, as_json=as_json)
            return
        reader = LogReader(log, settings.time_zone)
        reader.read()
        found = sorted(reader.causes.causes(), key=lambda each: (each.last_day, each.severity), reverse=True)
    if as_json:
        for each in found:
            emit_json(each)
    else:
        _show(found, lang, settings.time_zone)


def _follow(log: Log, zone: str, lang: str, pulse: Path | None, *, as_json: bool) -> None:
    console = to_stdout()
    with stop_signals() as stop:
        reader = CauseReader(log, zone)
        while not stop.is_set():
            for each in reader.publish():
                if as_json:
                    emit_json(each)
                elif console.is_terminal:  # a service's journal is no place for suspicions
                    console.print(line(each, lang), soft_wrap=True)
            while True:
                if pulse is not None:
                    pulse.touch()
                if stop.wait(_POLL_S) or log.changed():
                    break


def line(cause: Cause, lang: str) -> Text:
    """A revision of a cause in one line."""
    say = speaker(lang)
    return styled(
        (cause.last_day, "dim"), "  ", severity_bar(cause.severity, lang), "  ", said(cause.reason, lang),
        (say("  (closed)", "  （已结束）") if cause.closed else "", "dim"),
    )  # fmt: skip


def _show(found: Sequence[Cause], lang: str, zone: str) -> None:
    say, console = speaker(lang), to_stdout()
    if not found:
        to_stderr().print(say("no causes", "未发现集中异常"))
        return
    clock = zone_name(zone, lang)
    made = table(
        say(f"Causes (days: {clock})", f"集中异常（日期：{clock}）"),
        say("found", "发现日期"), say("last", "最近日期"), say("severity", "级别"), say("whose", "共同点"),
        say("shows", "表现"), say("members", "涉及商户"), say("elsewhere", "其他商户占比"), say("loss", "损失"),
        say("risk type", "风险类型"), numbers=(5, 6),
    )  # fmt: skip
    for each in found:
        code = risk_code_name(each.risk_code)
        made.add_row(
            each.first_day, each.last_day, severity_words(each.severity, lang), said(each.name, lang),
            said(each.title, lang), f"{each.count:,} / {each.merchants:,}",
            say(f"{100 * each.share_elsewhere:.2g} %", f"{100 * each.share_elsewhere:.2g}%"), _losses(each, lang),
            f"{each.risk_code} {said(code, lang)}".strip() or UNKNOWN,
        )  # fmt: skip
    console.print(made)


def _losses(cause: Cause, lang: str) -> str:
    known = [each for each in cause.money if each.loss is not None]
    return ", ".join(f"{money(each.loss, each.currency)} ({bearer(each.bearer, lang)})" for each in known) or UNKNOWN

"""`tillwatch tail`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from domain.alerts import Alert
from tillwatch.language import lang_option, local, local_iso, said, speaker, zone_name
from tillwatch.logs import Follower, open_log
from tillwatch.show import emit_json, named_money, severity_bar, status, styled, to_stderr, to_stdout, versions

if TYPE_CHECKING:
    from rich.text import Text

    from streams.log import Log
    from tillwatch.cli import Invocation

_POLL_S = 0.05


@click.command("tail")
@click.option("--from-start", is_flag=True, help="First show the last revision of each alert already in the log.")
@click.option("--merchant", "merchant_id", metavar="MERCHANT", help="Only alerts of this merchant.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Each revision as a line of JSON.")
@click.pass_obj
def command(
    invocation: Invocation, merchant_id: str | None, lang: str, *, from_start: bool, as_json: bool
) -> None:  # fmt: skip
    """Show each revision of an alert as it comes, until Ctrl-C.

    A line has the time of the last hit, severity, detector, merchant, turnover, loss and who bears it, the reason,
    whether the alert is closed and how often it was reopened, and the versions of the controls in force where any were
    published. What is not known is a dash. Times are by the setting time_zone, which the first line names.

    \b
    Examples:
      tillwatch tail --from-start
      tillwatch tail --from-start --merchant 898210154110002 --lang zh
      tillwatch tail --json | jq .merchant_id
    """
    console, settings = to_stdout(), invocation.settings()
    with open_log(settings, make=False) as log:
        if not as_json:
            to_stderr().print(heading(log, settings.time_zone, lang))
        follower = Follower(log, log.topics.alerts.name, Alert, from_start=from_start)
        try:
            while True:
                for alert in follower.poll():
                    if merchant_id not in {None, alert.merchant_id}:
                        continue
                    if as_json:
                        emit_json(alert)
                    else:
                        console.print(line(alert, lang, settings.time_zone), soft_wrap=True)
                while not log.changed():
                    time.sleep(_POLL_S)
        except KeyboardInterrupt:
            return


def heading(log: Log, zone: str, lang: str) -> str:
    """By whose clock times are, and up to when the log's workers have come."""
    say, reached = speaker(lang), max((each.clock_ms for each in log.progress()), default=0)
    as_of = local(reached, zone) if reached else say("no transaction yet", "暂无交易")
    clock = zone_name(zone, lang)
    return say(f"alerts as of {as_of}; times: {clock}", f"告警数据截至{as_of}；时间：{clock}")


def line(alert: Alert, lang: str, zone: str) -> Text:
    """A revision in one line.

    Args:
        alert: the revision.
        lang: `en` or `zh`.
        zone: by whose clock its time is, an IANA name.
    """
    say, reason = speaker(lang), said(alert.reason, lang)
    stands, by = status(alert, lang), versions(alert.controls, lang)
    stands = say(f"  ({stands})", f"  （{stands}）") if stands else ""
    return styled(
        (local_iso(alert.last_time, zone), "dim"), "  ", severity_bar(alert.severity, lang), "  ",
        (alert.detector, "bold"),
        "  ", alert.merchant_id, "  ", named_money(alert, lang, zone), "  ", reason, (stands, "dim"),
        (f"  [{by}]" if by else "", "dim"),
    )  # fmt: skip

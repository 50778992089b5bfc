"""`tillwatch tail`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
from rich.text import Text

from domain.alerts import Alert
from tillwatch.logs import Follower, open_log
from tillwatch.show import emit_json, money, severity_bar, to_stdout, versions

if TYPE_CHECKING:
    from tillwatch.cli import Invocation

_POLL_S = 0.05


@click.command("tail")
@click.option("--from-start", is_flag=True, help="Show first what is there already: of each alert the last revision.")
@click.option("--lang", type=click.Choice(("en", "zh")), default="en", show_default=True, help="Language of reasons.")
@click.option("--json", "as_json", is_flag=True, help="Each revision as a line of JSON.")
@click.pass_obj
def command(invocation: Invocation, lang: str, *, from_start: bool, as_json: bool) -> None:
    """Show each revision of an alert as it comes, until Ctrl-C.

    A line has the time of the last hit (UTC), severity, detector, merchant, money at stake, the reason, and the
    versions of the controls in force where any were published.

    \b
    Examples:
      tillwatch tail --from-start
      tillwatch tail --json | jq .merchant_id
    """
    console = to_stdout()
    with open_log(invocation.settings(), make=False) as log:
        follower = Follower(log, log.topics.alerts.name, Alert, from_start=from_start)
        try:
            while True:
                for alert in follower.poll():
                    if as_json:
                        emit_json(alert)
                    else:
                        console.print(line(alert, lang), soft_wrap=True)
                while not log.changed():
                    time.sleep(_POLL_S)
        except KeyboardInterrupt:
            return


def line(alert: Alert, lang: str = "en") -> Text:
    """A revision in one line.

    Args:
        alert: the revision.
        lang: `en` or `zh`.
    """
    chinese = lang == "zh"
    reason = alert.reason.zh if chinese else alert.reason.en
    closed = ("  (已结束)" if chinese else "  (closed)") if alert.closed else ""
    by = versions(alert.controls, lang)
    return Text.assemble(
        (alert.last_time, "dim"), "  ", severity_bar(alert.severity), "  ", (alert.detector, "bold"),
        "  ", alert.merchant_id, "  ", money(alert.at_stake, alert.currency), "  ", reason, (closed, "dim"),
        (f"  [{by}]" if by else "", "dim"),
    )  # fmt: skip

"""The command: which checks there are, and how their findings are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streams.diagnosis import FAULT, OK, skipped
from tillwatch.doctor.casework import casework
from tillwatch.doctor.console import console
from tillwatch.doctor.machine import compiled_code, disk, packages, secrets
from tillwatch.doctor.settings_faults import checked_settings
from tillwatch.show import emit_json, styled, to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.diagnosis import Finding
    from tillwatch.cli import Invocation

_STYLES = {OK: "green", FAULT: "bold red"}
CERTIFICATE_DAYS = 30
"""Certificates are looked at monthly at least: what expires before the next look is a fault."""


@click.command("doctor")
@click.option("--certificate-days", type=click.IntRange(0, 3650), default=CERTIFICATE_DAYS, show_default=True,
              help="A certificate that expires within so many days is a fault.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="All findings as one line of JSON.")
@click.pass_obj
def command(invocation: Invocation, certificate_days: int, *, as_json: bool) -> None:
    """Look for faults of settings, machine and log, and name the cure of each; exit code 1 where there is one.

    A worker may run meanwhile. On Kafka one record is written to the topic positions, which shows the brokers' clock;
    nothing else is changed.

    \b
    Examples:
      tillwatch doctor
      tillwatch doctor --json | jq -r '.[] | select(.status == "fault") | .cure'
    """
    found = []
    for each in _findings(invocation, certificate_days):
        found.append(each)
        if not as_json:
            _show(each)
    faults = sum(each.status == FAULT for each in found)
    if as_json:
        emit_json([each._asdict() for each in found])
    else:
        to_stdout().print(f"{faults} faults" if faults else "no faults")
    if faults:
        raise click.exceptions.Exit(1)


def _findings(invocation: Invocation, certificate_days: int) -> Iterator[Finding]:
    yield from packages()
    yield compiled_code()
    settings, found = checked_settings(invocation)
    yield from found
    if settings is None:
        for check in ("secrets", "disk", "console", "connection", "topics", "casework", "verdicts"):
            yield skipped(check, "the settings are not valid")
        return
    yield from secrets(settings)
    yield from disk(settings)
    yield from console(settings, certificate_days)
    yield from settings.address().diagnose(
        settings.topics(), settings.partitions, settings.keep_events_days, certificate_days
    )
    yield from casework(settings)


def _show(finding: Finding) -> None:
    out, style = to_stdout(), _STYLES.get(finding.status, "dim")
    line = styled((f"{finding.status:<8}", style), f"{finding.check:<15}{finding.message}")
    out.print(line, soft_wrap=True)
    if finding.cure:
        out.print(f"{'':<8}{'cure:':<15}{finding.cure}", soft_wrap=True)

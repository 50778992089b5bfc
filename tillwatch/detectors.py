"""`tillwatch detectors`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from domain.timestamps import iso
from engine.checkpoint.coverage import covered
from engine.control_kinds.registry import DETECTORS
from engine.controls import Controls
from evaluation.verdict_reader import read_alerts, read_events, read_log
from evaluation.verdicts import SEGMENTS, Answers, Standing
from streams.errors import NoState
from tillwatch.detector_cost import measure
from tillwatch.detector_tables import Listing, print_listing
from tillwatch.language import lang_option
from tillwatch.logs import open_log, read_controls
from tillwatch.show import emit_json, failing, to_stdout

if TYPE_CHECKING:
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

DAYS = 90
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("detectors")
@click.option("--days", type=click.IntRange(1, 4000), default=DAYS, show_default=True,
              help="Alerts with a hit in so many days before the latest clock.")  # fmt: skip
@click.option("--by", type=click.Choice(SEGMENTS), help="Also show what is confirmed by city, agent or MCC.")
@click.option("--alerts", type=_FILE, metavar="FILE", help="Read alerts from JSON lines, not from the log.")
@click.option("--events", type=_FILE, metavar="FILE", help="With --alerts: read verdicts from these events.")
@click.option("--cost", type=_FILE, metavar="FILE", help="Replay these events, and measure each detector's time.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="All of it as one line of JSON.")
@click.pass_obj
def command(
    invocation: Invocation, days: int, by: str | None, alerts: Path | None, events: Path | None, cost: Path | None,
    lang: str, *, as_json: bool,
) -> None:  # fmt: skip
    """Show what each detector found, how much of it analysts confirmed, and what their verdicts suggest.

    Of each detector: alerts, the share confirmed of those that verdicts confirmed or dismissed, its last hit, and how
    much of the stream it can judge. Where verdicts dismissed at least 80 % of the milder alerts, the least severity
    that would have left them out is suggested, with what else it would have left out. Nothing is changed.

    \b
    Examples:
      tillwatch detectors
      tillwatch detectors --days 30 --by agent --lang zh
      tillwatch detectors --alerts alerts.jsonl --events june.jsonl --cost june.jsonl
      tillwatch detectors --json | jq -r '.detectors[].suggestion.toml // empty'
    """
    if events and not alerts:
        raise click.UsageError("--events must be given with --alerts")
    settings = invocation.settings()
    running = settings.make_detectors()
    controls = Controls(running)
    controls.learn(read_controls(settings))
    if alerts:
        answers, coverage = _of_files(days, alerts, events), None
    else:
        answers, coverage = _of_log(settings, days)
    standings = answers.standings(
        {each.name: each.title for each in running},
        {each.name: each.least_severity for each in controls.newest(DETECTORS)},
    )
    listing = Listing(
        as_of=iso(answers.reached_ms), since=iso(answers.since_ms), days=days, standings=standings,
        needs={each.name: each.needs for each in running}, coverage=coverage,
        missing={each.name: name for each in running if (name := _missing(each, controls))},
        costs=measure(settings, controls, cost) if cost else None,
    )  # fmt: skip
    if as_json:
        emit_json(_as_object(listing))
    else:
        print_listing(to_stdout(), listing, lang, settings.time_zone, by)


def _missing(detector: Any, controls: Controls) -> str:
    """The control that a detector needs and that nobody published; "" where nothing is missing."""
    name: str = getattr(detector, "artefact", "")
    return name if name and controls.newest(name) is None else ""


def _of_files(days: int, alerts: Path, events: Path | None) -> Answers:
    answers = Answers(days)
    with alerts.open("rb") as lines, failing(ValueError):
        try:
            read_alerts(lines, answers)
        except ValueError as error:
            raise ValueError(f"{alerts}: {error}") from error
    if events:
        with events.open("rb") as lines:
            read_events(lines, answers)
    return answers


def _of_log(settings: Settings, days: int) -> tuple[Answers, dict[str, tuple[int, dict[str, int]]]]:
    """What a log has of alerts and verdicts, and by detector, transactions and what there was of what it needs."""
    with open_log(settings, make=False) as log:
        answers = Answers(days, max((each.clock_ms for each in log.progress()), default=0))
        read_log(log, answers)
    coverage: dict[str, tuple[int, dict[str, int]]] = {}
    for partition in range(settings.partitions):
        for name, (transactions, present, fired_ms) in _checkpointed(settings, partition).items():
            total, sums = coverage.get(name, (0, {}))
            coverage[name] = total + transactions, {need: sums.get(need, 0) + count for need, count in present.items()}
            if fired_ms is not None:
                answers.note_hit(name, fired_ms)
    return answers, coverage


def _checkpointed(settings: Settings, partition: int) -> dict[str, Any]:
    """By detector, what a partition's last checkpoint has; nothing where there is none."""
    try:  # anew for each partition: on Kafka a view holds what it has read
        with settings.address().checkpoints(settings.topics()) as store:
            manifest = store.manifest(partition)
    except NoState:
        return {}
    return {} if manifest is None else covered(manifest.notes)


def _as_object(listing: Listing) -> dict[str, Any]:
    costs = listing.costs
    return {
        "as_of": listing.as_of, "since": listing.since, "days": listing.days,
        "features_ms_per_1000": costs and costs.ms_per_1000(costs.features_s),
        "detectors": [_detector(each, listing) for each in listing.standings],
    }  # fmt: skip


def _detector(it: Standing, listing: Listing) -> dict[str, Any]:
    costs, found = listing.costs, (listing.coverage or {}).get(it.detector)
    return msgspec.structs.asdict(it) | {
        "runs": it.detector in listing.needs,
        "silent_days": listing.silent_days(it),
        "coverage": found and {"transactions": found[0], "present": found[1]},
        "missing_control": listing.missing.get(it.detector, ""),
        "ms_per_1000": costs.ms_per_1000(costs.detector_s[it.detector]) if costs and it.detector in listing.needs
        else None,
    }  # fmt: skip

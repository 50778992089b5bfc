"""`tillwatch evaluate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from domain.timestamps import iso
from evaluation.collection import Collector, Sieve
from evaluation.matching import match_alerts
from evaluation.metrics import report
from evaluation.page import MOST, page
from evaluation.queue import queue
from simulator.truth import read_truth
from tillwatch.account import NOTHING, Account
from tillwatch.evaluate_queue import print_queue
from tillwatch.evaluate_tables import print_tables
from tillwatch.inputs import door_of, mapping_options, opened
from tillwatch.language import lang_option, speaker
from tillwatch.monitors import replaying_monitor
from tillwatch.precompile import compile_engine
from tillwatch.replay import batches
from tillwatch.show import Bar, to_stderr, to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.alerts import DeadLetter
    from evaluation.matching import MatchedAlert, Matching, Outcome
    from evaluation.metrics import Report
    from evaluation.queue import Queue
    from simulator.truth import Truth
    from streams.files.reading import Door
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command("evaluate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@mapping_options
@click.option("--json", "json_out", type=_OUT, metavar="FILE", help="Write every figure, miss and false alarm as JSON.")
@click.option("--html", "html_out", type=_OUT, metavar="FILE", help="Write a page with plots.")
@click.option("--without-master-data", is_flag=True, help="Leave out merchant events: detectors rely on history.")
@click.option("--without-contracts", is_flag=True, help="Leave out contract events: the fees due are learned.")
@lang_option
@click.pass_obj
def command(
    invocation: Invocation,
    folder: Path,
    mappings: tuple[Path, ...],
    joins: tuple[str, ...],
    json_out: Path | None,
    html_out: Path | None,
    lang: str,
    *,
    without_master_data: bool,
    without_contracts: bool,
) -> None:
    """Replay DIR's events.jsonl through the monitor, and match the alerts with its truth.json.

    DIR is a folder that simulate wrote; with --mapping its events are in one file events.* of any kind. The tables show
    how many violations are found from which effect size on and how fast, the false alarms at a number of alerts that
    analysts can handle, and what severities and grades mean.

    \b
    Examples:
      tillwatch evaluate var/sim
      tillwatch evaluate var/sim --html report.html --json report.json
      tillwatch evaluate var/sim --lang zh
      tillwatch evaluate var/sim --without-master-data --without-contracts
    """
    settings = invocation.settings()
    inputs = [folder / "truth.json", _events_of(folder) if mappings else folder / "events.jsonl"]
    if any(each and each.resolve() in {it.resolve() for it in inputs} for each in (json_out, html_out)):
        raise click.UsageError("outputs must be other files than the folder's truth and events, which are read")
    truth = read_truth(inputs[0])
    left_out = [
        name for name, gone in (("merchant", without_master_data), ("contract", without_contracts)) if gone
    ]  # fmt: skip
    started, account = time.monotonic(), Account()
    matching, grades, transactions = evaluated(
        settings, inputs[1], truth, left_out, door_of(settings, mappings, joins), account
    )
    seconds = time.monotonic() - started
    figures, of_queue = report(truth, matching), queue(truth, matching, grades)
    facts: dict[str, Any] = {
        "folder": folder.name, "left_out": left_out, "transactions": transactions, "seconds": round(seconds, 1)
    }  # fmt: skip
    if json_out:
        json_out.write_bytes(msgspec.json.format(msgspec.json.encode(as_json(facts, figures, of_queue, matching))))
    if html_out:
        html_out.write_text(page(facts, figures, of_queue, matching), encoding="utf-8")
    print_tables(to_stdout(), figures, matching, lang, settings.time_zone)
    print_queue(to_stdout(), of_queue, lang)
    rate = round(transactions / seconds)
    say = speaker(lang)
    to_stderr().print(
        say(
            f"{transactions:,} transactions replayed in {seconds:,.1f} s: {rate:,} a second",
            f"回放交易{transactions:,}笔，用时{seconds:,.1f}秒，每秒{rate:,}笔",
        )
    )
    if account.refused:
        to_stderr().print(account.shown(say))
    if not transactions:
        click.get_current_context().exit(NOTHING)


def _events_of(folder: Path) -> Path:
    """The one file `events.*` of a folder; raises UsageError where there is none, or several are."""
    found = sorted(folder.glob("events.*"))
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise click.UsageError(f"DIR must hold one file events.* for --mapping, it holds {names}")
    return found[0]


def evaluated(
    settings: Settings, events: Path, truth: Truth, left_out: Iterable[str], door: Door, account: Account
) -> tuple[Matching, dict[str, str], int]:
    """Replay a file: its alerts matched with the truth, merchants' highest grades, and the transactions accepted.

    What was not counted is added to `account`.
    """
    monitor = replaying_monitor(settings)
    sieve = Sieve(left_out, (txn_id for each in truth.violations for txn_id in each.txn_ids))
    collector = Collector(settings.make_detectors(), monitor.controls)
    forms = monitor.controls.id_forms()
    with opened([events], door, settings, forms=forms) as found, Bar("bytes", found.size) as bar:
        compile_engine()
        letters: list[DeadLetter] = []
        for done, records in batches(found.lines, events.name, letters, sieve, forms):
            outputs = monitor.process(records)
            account.take(letters)
            account.take(map(found.at_origin, outputs.dead_letters))
            letters.clear()
            collector.take(outputs.alerts)
            collector.take_scores(outputs.scores)
            bar.show(done, monitor.counts.records, f"  {len(collector.last):,} alerts")
    return match_alerts(truth, collector.found(), sieve.txn_ms), collector.grades, monitor.counts.transactions


def as_json(facts: dict[str, Any], figures: Report, of_queue: Queue, matching: Matching) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        **facts,
        "report": figures,
        "queue": of_queue,
        "false_alarms": [_false_alarm(each) for each in matching.false_alarms()[:MOST]],
        "missed": [_missed(each) for each in matching.missed()],
    }


def _false_alarm(matched: MatchedAlert) -> dict[str, Any]:
    it = matched.alert
    return {
        "merchant_id": it.merchant_id, "detector": it.detector, "severity": it.severity, "hits": it.hits,
        "first_time": iso(it.first_ms), "last_time": iso(it.last_ms), "reason": it.reason,
        "look_alike": matched.look_alike.kind if matched.look_alike else None,
    }  # fmt: skip


def _missed(outcome: Outcome) -> dict[str, Any]:
    it = outcome.violation
    return {
        "merchant_id": it.merchant_id, "category": it.category, "kind": it.kind, "effect": it.effect,
        "effect_unit": it.effect_unit, "onset": iso(it.onset_ms), "end": iso(it.end_ms),
        "transactions": it.transactions, "amount_minor": it.amount_minor, "money_minor": it.money_minor,
        "severity": outcome.severity,
    }  # fmt: skip

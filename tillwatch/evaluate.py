"""`tillwatch evaluate`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from domain.events import TRANSACTION
from domain.peers import NO_PEERS
from engine.controls import Controls
from engine.decode import Refused, to_ms
from engine.episodes import iso
from tillwatch.evaluate_page import MOST, page
from tillwatch.evaluate_tables import print_tables
from tillwatch.judge import Found, Step, judge
from tillwatch.measures import report
from tillwatch.replay import batches
from tillwatch.show import Bar, failing, to_stderr, to_stdout
from tillwatch.truth import TruthError, read_truth
from tillwatch.warm import compile_engine
from tillwatch.worker import replaying_monitor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.contract import Detector
    from domain.alerts import Alert
    from tillwatch.cli import Invocation
    from tillwatch.judge import Judged, Judgement, Outcome
    from tillwatch.measures import Report
    from tillwatch.settings import Settings
    from tillwatch.truth import Truth

_OUT = click.Path(dir_okay=False, path_type=Path)
_EVENT_TIME = next(each for each in TRANSACTION if each.name == "event_time")


class _Line(msgspec.Struct):
    """What is read of an event beside the monitor."""

    type: str = "transaction"
    txn_id: str = ""
    event_time: str | int = 0


class Sieve:
    """Leaves out events of some types, and notes when the transactions that the truth names happened.

    Args:
        types: of events to leave out.
        txn_ids: those to note.

    Attributes:
        txn_ms: event times of those that came, UTC milliseconds.
    """

    def __init__(self, types: Iterable[str], txn_ids: Iterable[str]) -> None:
        self._types, self._wanted = frozenset(types), frozenset(txn_ids)
        self.txn_ms: dict[str, int] = {}
        self._decoder = msgspec.json.Decoder(_Line)

    def __call__(self, lines: list[bytes]) -> list[bytes]:
        """The lines that are left; what is no event is left for the monitor to refuse."""
        return [line for line in lines if self._keeps(line)]

    def _keeps(self, line: bytes) -> bool:
        try:
            event = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return True
        if event.txn_id in self._wanted and event.txn_id not in self.txn_ms:
            try:
                self.txn_ms[event.txn_id] = to_ms(_EVENT_TIME, event.event_time)
            except Refused:
                return True
        return event.type not in self._types


@dataclass(slots=True)
class Collector:
    """Gathers each alert's revisions.

    Attributes:
        detectors: what the monitor runs.
        controls: the monitor's, where versions were published.
        last: each alert's last revision.
        steps: each alert's revisions in order.
    """

    detectors: tuple[Detector, ...]
    controls: Controls | None = None
    last: dict[str, Alert] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)

    def take(self, alerts: Iterable[Alert]) -> None:
        """Take revisions in, in the order they were emitted."""
        for each in alerts:
            # A closing revision follows the quiet gap behind the last hit.
            emitted_ms = _ms(each.last_time) + (self._gap_ms(each) if each.closed else 0)
            self.steps.setdefault(each.alert_id, []).append(Step(emitted_ms, each.severity))
            self.last[each.alert_id] = each

    def _gap_ms(self, alert: Alert) -> int:
        """The quiet gap of an alert's detector by the version that set it."""
        controls = self.controls or Controls(self.detectors, NO_PEERS, None)
        return controls.detector(alert.detector, alert.controls.detectors).quiet_gap_s * 1000

    def found(self) -> list[Found]:
        """Every alert."""
        families = {each.name: each.family for each in self.detectors}
        return [
            Found(
                alert_id=alert_id, detector=each.detector, family=families[each.detector], merchant_id=each.merchant_id,
                reason=each.reason.en, hits=each.hits, at_stake_minor=each.at_stake, currency=each.currency,
                first_ms=_ms(each.first_time), last_ms=_ms(each.last_time), steps=tuple(self.steps[alert_id]),
            )
            for alert_id, each in self.last.items()
        ]  # fmt: skip


@click.command("evaluate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@click.option("--json", "json_out", type=_OUT, metavar="FILE", help="Write every figure, miss and false alarm as JSON.")
@click.option("--html", "html_out", type=_OUT, metavar="FILE", help="Write a page with plots.")
@click.option("--without-master-data", is_flag=True, help="Leave out merchant events: what is learned must do.")
@click.option("--without-contracts", is_flag=True, help="Leave out contract events: fees must be learned.")
@click.pass_obj
def command(
    invocation: Invocation,
    folder: Path,
    json_out: Path | None,
    html_out: Path | None,
    *,
    without_master_data: bool,
    without_contracts: bool,
) -> None:
    """Replay DIR's events.jsonl through the monitor, and judge the alerts against its truth.json.

    DIR is what simulate writes. Says how many violations are found from which effect size on, how fast, how many
    false alarms there are at a load analysts can carry, and which.

    \b
    Examples:
      tillwatch evaluate var/sim
      tillwatch evaluate var/sim --html report.html --json report.json
      tillwatch evaluate var/sim --without-master-data --without-contracts
    """
    settings = invocation.settings()
    inputs = [folder / name for name in ("truth.json", "events.jsonl")]
    if any(each and each.resolve() in {it.resolve() for it in inputs} for each in (json_out, html_out)):
        raise click.UsageError("outputs must be other files than truth.json and events.jsonl, which are read")
    with failing(TruthError):
        truth = read_truth(inputs[0])
    left_out = [
        name for name, gone in (("merchant", without_master_data), ("contract", without_contracts)) if gone
    ]  # fmt: skip
    started = time.monotonic()
    judgement, transactions = evaluated(settings, inputs[1], truth, left_out)
    seconds = time.monotonic() - started
    figures = report(truth, judgement)
    facts: dict[str, Any] = {
        "folder": folder.name, "left_out": left_out, "transactions": transactions, "seconds": round(seconds, 1)
    }  # fmt: skip
    if json_out:
        json_out.write_bytes(msgspec.json.format(msgspec.json.encode(as_json(facts, figures, judgement))))
    if html_out:
        html_out.write_text(page(facts, figures, judgement), encoding="utf-8")
    print_tables(to_stdout(), figures, judgement)
    rate = round(transactions / seconds)
    to_stderr().print(f"{transactions:,} transactions judged in {seconds:,.1f} s: {rate:,} a second")


def evaluated(settings: Settings, events: Path, truth: Truth, left_out: Iterable[str]) -> tuple[Judgement, int]:
    """Replay a file and judge what it gives; also how many transactions were accepted."""
    monitor = replaying_monitor(settings)
    sieve = Sieve(left_out, (txn_id for each in truth.violations for txn_id in each.txn_ids))
    collector = Collector(settings.make_detectors(), monitor.controls)
    with events.open("rb") as lines, Bar("bytes", events.stat().st_size) as bar:
        compile_engine()
        for done, records in batches(lines, events.name, [], sieve):
            collector.take(monitor.process(records).alerts)
            bar.show(done, monitor.counts.records, f"  {len(collector.last):,} alerts")
    return judge(truth, collector.found(), sieve.txn_ms), monitor.counts.transactions


def as_json(facts: dict[str, Any], figures: Report, judgement: Judgement) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        **facts,
        "report": figures,
        "false_alarms": [_false_alarm(each) for each in judgement.false_alarms()[:MOST]],
        "missed": [_missed(each) for each in judgement.missed()],
    }


def _false_alarm(judged: Judged) -> dict[str, Any]:
    it = judged.alert
    return {
        "merchant_id": it.merchant_id, "detector": it.detector, "severity": it.severity, "hits": it.hits,
        "first_time": iso(it.first_ms), "last_time": iso(it.last_ms), "reason": it.reason,
        "control": judged.control.kind if judged.control else None,
    }  # fmt: skip


def _missed(outcome: Outcome) -> dict[str, Any]:
    it = outcome.violation
    return {
        "merchant_id": it.merchant_id, "family": it.family, "kind": it.kind, "effect": it.effect,
        "effect_unit": it.effect_unit, "onset": iso(it.onset_ms), "end": iso(it.end_ms),
        "transactions": it.transactions, "amount_minor": it.amount_minor, "money_minor": it.money_minor,
        "severity": outcome.severity,
    }  # fmt: skip


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)

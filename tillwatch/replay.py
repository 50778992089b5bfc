"""`tillwatch replay`."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import msgspec
import numpy as np

from domain.events import EVENTS
from engine.decoding.records import Records
from streams.intake import chunks
from streams.line_intake import BATCH_LINES, LineProcessor, ProcessedLines
from streams.log import now_utc_ms
from tillwatch.show import Bar, emit_json, money, table, to_stdout
from tillwatch.warm import compile_engine
from tillwatch.worker import replaying_monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.table import Table

    from domain.alerts import Alert, DeadLetter
    from engine.monitor import Coverage
    from engine.outputs import Outputs
    from tillwatch.cli import Invocation

_OUT = click.Path(dir_okay=False, path_type=Path)


@dataclass(slots=True)
class Summary:
    """What a replay found, without keeping what was written.

    Attributes:
        letters: dead letters by reason.
        alerts: each alert's last revision's detector, title, money at stake and currency.
    """

    letters: Counter[str] = field(default_factory=Counter)
    alerts: dict[str, tuple[str, str, int, str]] = field(default_factory=dict)

    def take(self, outputs: Outputs) -> None:
        """Take a batch's outputs in."""
        self.letters.update(each.reason for each in outputs.dead_letters)
        for each in outputs.alerts:
            self.alerts[each.alert_id] = each.detector, _title(each), each.at_stake, each.currency

    def by_detector(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Alerts and money at stake, by detector, title and currency."""
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}
        for detector, title, at_stake, currency in self.alerts.values():
            count, total = sums.get((detector, title, currency), (0, 0))
            sums[detector, title, currency] = count + 1, total + at_stake
        return dict(sorted(sums.items()))


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--alerts-out", type=_OUT, help="Every revision of every alert, as JSON lines.")
@click.option("--scores-out", type=_OUT, help="Every change of a merchant's score, as JSON lines.")
@click.option("--dead-letters-out", type=_OUT, help="Every record that was not counted, as JSON lines.")
@click.option("--totals-out", type=_OUT, help="Each merchant's sums at the end, as JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output, no tables.")
@click.pass_obj
def command(
    invocation: Invocation,
    file: Path,
    alerts_out: Path | None,
    scores_out: Path | None,
    dead_letters_out: Path | None,
    totals_out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Run FILE, one JSON object a line, through the monitor as a live stream is, and say what it found.

    No log is needed or written. Every line goes the way of `ingest --historic` and a worker: events without
    received_at count as received when they happened. The same file, settings and controls, which are those of the
    settings' log if there is one, give the same output.

    \b
    Examples:
      tillwatch replay var/sim/events.jsonl
      tillwatch replay june.jsonl --alerts-out alerts.jsonl --json
    """
    settings = invocation.settings()
    monitor = replaying_monitor(settings)
    summary = Summary()
    compile_engine()
    outs = (alerts_out, scores_out, dead_letters_out, totals_out)
    if any(each and each.resolve() == file.resolve() for each in outs):
        raise click.UsageError(f"outputs must be other files than {file}, which is read")
    started, before = time.monotonic(), 0
    with ExitStack() as files:
        alerts, scores, letters, totals = (files.enter_context(path.open("wb")) if path else None for path in outs)
        bar = files.enter_context(Bar("bytes", file.stat().st_size))
        refused: list[DeadLetter] = []
        for done, records in batches(files.enter_context(file.open("rb")), file.name, refused):
            outputs = monitor.process(records)
            outputs.dead_letters = sorted(refused + outputs.dead_letters, key=lambda each: each.position)
            before += len(refused)
            refused.clear()
            summary.take(outputs)
            _write(alerts, outputs.alerts)
            _write(scores, outputs.scores)
            _write(letters, outputs.dead_letters)
            bar.show(done, monitor.counts.records, f"  {len(summary.alerts):,} alerts")
        seconds = time.monotonic() - started
        merchants = list(monitor.totals())
        _write(totals, merchants)
    counts = monitor.counts
    figures = {
        **asdict(counts),
        "records": counts.records + before,
        "dead_letters": counts.dead_letters + before,
        "merchants": len(merchants),
        "alerts": len(summary.alerts),
        "seconds": round(seconds, 3),
        "tx_per_second": round(monitor.counts.transactions / seconds),
    }
    if as_json:
        emit_json(figures)
    else:
        _print_tables(figures, summary, monitor.coverage)


def batches(
    lines: BinaryIO, source: str, letters: list[DeadLetter], sift: Callable[[list[bytes]], list[bytes]] | None = None
) -> Iterator[tuple[int, Records]]:
    """The file's events as `ingest --historic` would append them, offsets the line numbers from 1.

    Args:
        lines: the open file.
        source: its name, for dead letters.
        letters: what became dead letters is added to it.
        sift: leaves out lines; numbers of those behind them in a batch are then too low.

    Yields:
        the bytes read so far, and the records; what became dead letters before them is added to `letters`.
    """
    processor = LineProcessor(source, "main", 1, historic=True, now_utc_ms=now_utc_ms)
    done = number = 0
    for chunk, _ in chunks(lines):
        for k in range(0, len(chunk), BATCH_LINES):
            part = chunk[k : k + BATCH_LINES]
            found = processor.process(number + 1, sift(part) if sift else part)
            number += len(part)
            done += sum(map(len, part))
            letters += found.letters
            yield done, _records(found, source)
    yield done, _records(processor.end(number), source)


def _records(found: ProcessedLines, source: str) -> Records:
    plain = Records.of(found.values[0], source=source)
    offsets = np.array(found.numbers[0], np.int64)
    return Records(plain.data, plain.ends, offsets, plain.appended_ms, source)


def _write(out: BinaryIO | None, values: Iterable[Any]) -> None:
    if out is not None:
        out.writelines(msgspec.json.encode(each) + b"\n" for each in values)


def _title(alert: Alert) -> str:
    return f"{alert.title.en} {alert.title.zh}"


def _print_tables(figures: dict[str, float], summary: Summary, coverage: list[Coverage]) -> None:
    totals = table("Totals", "what", "figure", numbers=[1])
    for name, figure in figures.items():
        totals.add_row(name.replace("_", " "), f"{figure:,}")
    letters = table("Dead letters", "reason", "records", numbers=[1])
    for reason, count in sorted(summary.letters.items()):
        letters.add_row(reason, f"{count:,}")
    alerts = table("Alerts", "detector", "finds", "alerts", "at stake", numbers=[2, 3])
    for (detector, title, currency), (count, at_stake) in summary.by_detector().items():
        alerts.add_row(detector, title, f"{count:,}", money(at_stake, currency))
    console = to_stdout()
    for each in (totals, letters, alerts, _coverage_table(coverage)):
        if each.row_count:
            console.print(each)
            console.print()


def _coverage_table(coverage: list[Coverage]) -> Table:
    made = table(
        "Coverage: the share of transactions with a field, or the number of events, that a detector needs",
        "detector",
        "needs",
        "there",
        numbers=[2],
    )
    for each in coverage:
        if each.artefact:
            made.add_row(each.detector, f"setting {each.artefact}", "none: silent", style="red")
            continue
        if each.silent:
            made.add_row(each.detector, " or ".join(each.needs), "none: silent", style="red")
            continue
        for name in each.needs:
            present = each.present.get(name, 0)
            made.add_row(
                each.detector, name, f"{present:,}" if name in EVENTS else f"{present / each.transactions:.1%}"
            )
    return made

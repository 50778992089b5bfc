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

from domain.cards import mask
from domain.events import EVENTS
from engine.decoding.records import Records
from streams.files.inputs import SortedInput
from streams.files.reading import Passed
from streams.intake import at_origin, chunks
from streams.line_intake import BATCH_LINES, LineProcessor, ProcessedLines
from streams.log import now_utc_ms
from tillwatch.account import Account, exit_code, most_refused_option, passed_words
from tillwatch.inputs import door_of, mapping_options, opened
from tillwatch.language import counted, lang_option, said, speaker
from tillwatch.monitors import replaying_monitor
from tillwatch.precompile import compile_engine
from tillwatch.show import Bar, bearer, emit_json, money, table, to_stderr, to_stdout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.table import Table

    from domain.alerts import DeadLetter, Text
    from domain.id_forms import IdForms
    from engine.monitor import Coverage
    from engine.outputs import Outputs
    from tillwatch.cli import Invocation
    from tillwatch.language import Say

_IN = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@dataclass(slots=True)
class Summary:
    """What a replay found, without keeping what was written.

    Attributes:
        letters: dead letters by reason.
        alerts: each alert's last revision's detector, title, currency and bearer, and its turnover and loss.
    """

    letters: Counter[str] = field(default_factory=Counter)
    alerts: dict[str, tuple[tuple[str, Text, str, str | None], int | None, int | None]] = field(default_factory=dict)

    def take(self, outputs: Outputs) -> None:
        """Take a batch's outputs in."""
        self.letters.update(each.reason for each in outputs.dead_letters)
        for each in outputs.alerts:
            kind = each.detector, each.title, each.currency, each.bearer
            self.alerts[each.alert_id] = kind, each.turnover, each.loss

    def rows(self, lang: str) -> Iterator[tuple[str, ...]]:
        """By detector, currency and bearer: how many alerts, their turnover and loss, and who bears it."""
        groups: dict[tuple[str, str, str, str], list[tuple[int | None, int | None]]] = {}
        for (detector, title, currency, who), *money_of in self.alerts.values():
            key = detector, said(title, lang), currency, bearer(who, lang)
            groups.setdefault(key, []).append((money_of[0], money_of[1]))
        for (name, words, code, borne_by), found in sorted(groups.items()):
            turnover, loss = (money(_sum(each[k] for each in found), code) for k in range(2))
            yield name, words, f"{len(found):,}", turnover, loss, borne_by


def _sum(known: Iterable[int | None]) -> int | None:
    """The sum of what is known; None where nothing is."""
    found = [each for each in known if each is not None]
    return sum(found) if found else None


@click.command("replay")
@click.argument("files", metavar="FILE…", type=_IN, nargs=-1, required=True)
@mapping_options
@click.option("--alerts-out", type=_OUT, help="Every revision of every alert, as JSON lines.")
@click.option("--scores-out", type=_OUT, help="Every change of a merchant's score, as JSON lines.")
@click.option("--dead-letters-out", type=_OUT, help="Every record that was not counted, as JSON lines.")
@most_refused_option
@click.option("--totals-out", type=_OUT, help="Each merchant's sums at the end, as JSON lines.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output, no tables.")
@click.pass_obj
def command(
    invocation: Invocation,
    files: tuple[Path, ...],
    mappings: tuple[Path, ...],
    joins: tuple[str, ...],
    alerts_out: Path | None,
    scores_out: Path | None,
    dead_letters_out: Path | None,
    totals_out: Path | None,
    max_refused: float,
    lang: str,
    *,
    as_json: bool,
) -> None:
    """Run FILE through the monitor like a live stream, and print a summary.

    FILE is what ingest takes, read and sorted as there; --mapping is for what is no JSON of events. No log is needed or
    written. Every line is processed as by `ingest --historic` and a worker: events without received_at count as
    received when they happened. Controls are read from the settings' log, if it exists. The same files, settings and
    controls give the same output. The exit code is 1 if no record was counted, 3 if more than --max-refused was not.

    \b
    Examples:
      tillwatch replay var/sim/events.jsonl
      tillwatch replay june.jsonl --alerts-out alerts.jsonl --json
      tillwatch replay payments.csv refunds.csv --mapping payments.toml --mapping refunds.toml
    """
    settings, say = invocation.settings(), speaker(lang)
    monitor = replaying_monitor(settings)
    summary, account = Summary(), Account()
    compile_engine()
    outs = (alerts_out, scores_out, dead_letters_out, totals_out)
    if any(each and each.resolve() in {it.resolve() for it in files} for each in outs):
        raise click.UsageError(f"outputs must be other files than {', '.join(map(str, files))}, which is read")
    started, before = time.monotonic(), 0
    with ExitStack() as stack:
        forms = monitor.controls.id_forms()
        found = stack.enter_context(opened(files, door_of(settings, mappings, joins), settings, forms=forms))
        alerts, scores, letters, totals = (stack.enter_context(path.open("wb")) if path else None for path in outs)
        bar = stack.enter_context(Bar("bytes", found.size))
        refused: list[DeadLetter] = []
        forwarded: Counter[str] = Counter()
        for done, records in batches(found.lines, files[0].name, refused, None, forms, forwarded):
            outputs = monitor.process(records)
            own = [found.at_origin(each) for each in outputs.dead_letters]
            outputs.dead_letters = sorted(refused + own, key=lambda each: each.position)
            before += len(refused)
            refused.clear()
            summary.take(outputs)
            account.take(outputs.dead_letters)
            _write(alerts, outputs.alerts)
            _write(scores, outputs.scores)
            _write(letters, outputs.dead_letters)
            bar.show(
                done,
                monitor.counts.records,
                say(f"  {counted(len(summary.alerts), 'alert')}", f"  告警{len(summary.alerts):,}条"),
            )
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
        emit_json({**figures, "refused": account.as_list()})
    else:
        _print_tables(figures, summary, account, monitor.coverage, lang)
        passed = found.lines.passed if isinstance(found.lines, SortedInput) else Passed()
        for words in passed_words(passed.skipped, passed.outside, say):
            to_stderr().print(words)
    read = forwarded["events"] + before
    click.get_current_context().exit(
        exit_code(read, read - account.refused, counts.duplicates, account.refused, max_refused)
    )


def batches(
    lines: BinaryIO | SortedInput,
    source: str,
    letters: list[DeadLetter],
    sift: Callable[[list[bytes]], list[bytes]] | None = None,
    forms: IdForms | None = None,
    forwarded: Counter[str] | None = None,
) -> Iterator[tuple[int, Records]]:
    """The file's events as `ingest --historic` would append them, offsets the line numbers from 1.

    Args:
        lines: the open file, or a finished input.
        source: its name, for dead letters.
        letters: what became dead letters is added to it.
        sift: leaves out lines; numbers of those behind them in a batch are then too low.
        forms: of identifiers that are no card numbers.
        forwarded: its `events` count those that were handed on, without the clock records that come between.

    Yields:
        the bytes read so far, and the records; what became dead letters before them is added to `letters`.
    """
    source = mask(source)
    forwarded = Counter() if forwarded is None else forwarded
    processor = LineProcessor(source, "main", 1, historic=True, now_utc_ms=now_utc_ms)
    if forms:
        processor.learn(forms)
    done = number = 0
    if isinstance(lines, SortedInput):
        yield from _sorted_batches(lines, processor, source, letters, sift, forwarded)
        return
    for chunk in chunks(lines):
        size = chunk.size  # counted with the first part
        for k in range(0, len(chunk.lines), BATCH_LINES):
            part = chunk.lines[k : k + BATCH_LINES]
            found = processor.process(number + 1, sift(part) if sift else part)
            number += len(part)
            done, size = done + size, 0
            letters += found.letters
            forwarded["events"] += found.forwarded
            yield done, _records(found, source)
    yield done, _records(processor.end(number), source)


def _sorted_batches(
    lines: SortedInput, processor: LineProcessor, source: str, letters: list[DeadLetter],
    sift: Callable[[list[bytes]], list[bytes]] | None, forwarded: Counter[str],
) -> Iterator[tuple[int, Records]]:  # fmt: skip
    """The events of a finished input, offsets their places in the order of time."""
    done = number = 0
    for part in lines.parts():
        found = processor.process(number + 1, sift(part.lines) if sift else part.lines)
        done += part.size
        letters += [at_origin(each, part.origins[each.position - number - 1]) for each in found.letters]
        letters += part.letters
        forwarded["events"] += found.forwarded
        lines.remember(number + 1, part.origins)
        number += len(part.lines)
        yield done, _records(found, source)
    yield done, _records(processor.end(number), source)


def _records(found: ProcessedLines, source: str) -> Records:
    plain = Records.of(found.values[0], source=source)
    offsets = np.array(found.numbers[0], np.int64)
    return Records(plain.data, plain.ends, offsets, plain.appended_ms, source)


def _write(out: BinaryIO | None, values: Iterable[Any]) -> None:
    if out is not None:
        out.writelines(msgspec.json.encode(each) + b"\n" for each in values)


_TOTALS_ZH = {
    "records": "记录", "transactions": "交易笔数", "merchants": "商户", "alerts": "告警", "dead_letters": "未计入记录",
    "duplicates": "重复交易", "other": "其他事件", "unmatched_verdicts": "无对应告警的结论",
    "controls_late": "晚到的设置版本", "seconds": "用时（秒）", "tx_per_second": "笔/秒",
}  # fmt: skip


def _print_tables(
    figures: dict[str, float], summary: Summary, account: Account, coverage: list[Coverage], lang: str
) -> None:
    say = speaker(lang)
    totals = table(say("Totals", "合计"), say("what", "项目"), say("figure", "数值"), numbers=[1])
    for name, figure in figures.items():
        plain = name.replace("_", " ")
        totals.add_row(say(plain, _TOTALS_ZH[name]), f"{figure:,}")
    letters = table(say("Dead letters", "未计入记录"), say("reason", "原因"), say("records", "记录"), numbers=[1])
    for reason, count in sorted(summary.letters.items()):
        letters.add_row(reason, f"{count:,}")
    alerts = table(
        say("Alerts", "告警"), say("detector", "检测"), say("finds", "检测内容"), say("alerts", "告警"),
        say("turnover", "涉及金额"), say("loss", "损失"), say("borne by", "承担方"), numbers=[2, 3, 4],
    )  # fmt: skip
    for cells in summary.rows(lang):
        alerts.add_row(*cells)
    console = to_stdout()
    first = account.shown(say)
    for each in (totals, letters, first, alerts, _coverage_table(coverage, say)):
        if each.row_count:
            console.print(each)
            console.print()


def _coverage_table(coverage: list[Coverage], say: Say) -> Table:
    made = table(
        say("Coverage: the share of transactions with a field, or the number of events, that a detector needs",
            "覆盖情况：各项检测所需字段的交易占比，或所需事件的数量"),
        say("detector", "检测"), say("needs", "所需"), say("present", "覆盖"), numbers=[2],
    )  # fmt: skip
    none = say("none: finds nothing", "无，不检测")
    for each in coverage:
        if each.artefact:
            made.add_row(each.detector, say(f"setting {each.artefact}", f"控制项{each.artefact}"), none, style="red")
            continue
        if each.silent:
            made.add_row(each.detector, say(" or ", " 或 ").join(each.needs), none, style="red")
            continue
        for name in each.needs:
            present = each.present.get(name, 0)
            made.add_row(
                each.detector, name, f"{present:,}" if name in EVENTS else f"{present / each.transactions:.1%}"
            )
    return made

"""`tillwatch ingest`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domain.cards import find_pans
from domain.masking import MAX_UNKNOWN_CHARS, mask_record
from engine.decoding.card_scan import find_stars
from streams.files.inputs import SortedInput
from streams.files.reading import Passed
from streams.intake import IntakeTotals, ingest, was_taken
from streams.line_intake import CUT_BYTES
from tillwatch.account import Account, exit_code, most_refused_option, passed_words
from tillwatch.ingest_preview import preview, write_guess
from tillwatch.ingest_wait import Waiting
from tillwatch.ingest_watch import watch
from tillwatch.inputs import STDIN, door_of, id_forms, mapping_options, opened
from tillwatch.language import counted, lang_option, speaker
from tillwatch.logs import open_log
from tillwatch.pan_options import PanOptions, pan_options, tokens_of
from tillwatch.show import Bar, emit_json, to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.files.reading import Door
    from streams.pan_field import PanField
    from tillwatch.cli import Invocation
    from tillwatch.ingest_wait import Outcome
    from tillwatch.language import Say
    from tillwatch.settings import Settings

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command("ingest")
@click.argument("files", metavar="FILE…", type=_FILE, nargs=-1)
@click.option("--feed", default="main", show_default=True, help="Feed of events that have no field feed.")
@click.option("--feeds", multiple=True, help="More feeds that events may name, with commas between; may be repeated.")
@click.option("--historic", is_flag=True, help="Events of the past: the time of receipt is the event time.")
@click.option("--name", help="Name under which the position is kept; the file's full path by default.")
@mapping_options
@click.option(
    "--guess", type=click.Path(dir_okay=False, path_type=Path), help="Write a first mapping of FILE, and end."
)
@click.option("--dry-run", is_flag=True, help="Show ten rows as events, and every problem; write nothing.")
@most_refused_option
@click.option("--wait", is_flag=True, help="Wait until a worker has processed the events, and say what became of them.")
@click.option("--watch", type=_FOLDER, help="Ingest each finished file that comes into this folder, until Ctrl-C.")
@pan_options
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output.")
@click.pass_context
def command(ctx: click.Context, /, files: tuple[Path, ...], **asked: Any) -> None:
    """Put the events of FILE into the log; - is standard input.

    FILE is JSON lines, a JSON array, CSV, TSV, Excel or Parquet, plain or packed as gz, zst or zip; which it is, its
    bytes say. What is no JSON of events needs a --mapping. Each event is checked, card numbers in free text are masked,
    and it is appended to its merchant's partition; what is none becomes a dead letter. JSON lines in their order, and
    standard input, are taken as they come; any other input is read whole, sorted by time, and several files are merged.
    The position is committed with the records: an ingest that is started again continues after the last committed
    record; standard input is known by --name, or by its first row. Feeds are declared by --feed and --feeds, once for
    a log; events that name another count under --feed. With --pan-field the card number of each event becomes a token
    before anything is written. The exit code is 1 if nothing was forwarded, 3 if more than --max-refused was not.

    \b
    Examples:
      tillwatch ingest var/sim/events.jsonl --feed sim --historic
      kcat -C -t pos-txn | tillwatch ingest - --feed pos --name pos-txn
      tillwatch ingest june.csv.gz --guess june.toml
      tillwatch ingest june.csv.gz --mapping june.toml --dry-run
      tillwatch ingest june.csv.gz --mapping june.toml --historic
      tillwatch ingest june.jsonl --pan-field pan --token-key card.key --token-key-id k2026
    """
    invocation: Invocation = ctx.obj
    options = Options(**asked)
    _check(files, options)
    settings = invocation.settings()
    asked_tokens = PanOptions(*(getattr(options, each) for each in PanOptions._fields))
    tokens = tokens_of(asked_tokens, by_mapping=bool(options.mappings))
    door = door_of(settings, options.mappings, options.joins, tokens)
    if options.guess:
        write_guess(files[0], options.guess, options.lang)
        return
    if options.dry_run:
        ctx.exit(preview(files, door, options.feed, options.max_refused, options.lang))
    if options.watch:
        watch(options.watch, lambda path: take([path], settings, door, tokens, options), options.lang)
        return
    ctx.exit(take(files, settings, door, tokens, options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for, as the options have it."""

    feed: str
    feeds: tuple[str, ...]
    historic: bool
    name: str | None
    mappings: tuple[Path, ...]
    joins: tuple[str, ...]
    guess: Path | None
    dry_run: bool
    max_refused: float
    wait: bool
    watch: Path | None
    pan_field: str | None
    token_key: Path | None
    token_key_id: str
    next_token_key: Path | None
    next_token_key_id: str
    token_hash: str
    lang: str
    as_json: bool


def _check(files: Sequence[Path], options: Options) -> None:
    """Refuse options that do not go together."""
    if options.watch and (files or options.name or options.guess or options.dry_run):
        raise click.UsageError("--watch must stand without FILE, --name, --guess and --dry-run")
    if not options.watch and not files:
        raise click.UsageError("Missing argument 'FILE…'.")
    if options.guess and len(files) != 1:
        raise click.UsageError(f"--guess must have one FILE, got {len(files)}")
    if len(files) > 1 and any(str(each) == STDIN for each in files):
        raise click.UsageError("- must stand alone: standard input has no end that others could be merged with")
    if len({each.resolve() for each in files}) != len(files):
        raise click.UsageError("FILE must be given once each, one stands twice")


def take(files: Sequence[Path], settings: Settings, door: Door, tokens: PanField | None, options: Options) -> int:
    """Ingest files as one input, and show the account; the exit code."""
    say, account, name = speaker(options.lang), Account(), options.name or _name(files)
    with open_log(settings) as log:
        waiting = Waiting(log) if options.wait else None
        opening = opened(
            files, door, settings, feed=options.feed, forms=id_forms(log),
            as_it_is=lambda stream: was_taken(log, name or _name_by(stream.readline(CUT_BYTES)), stream),
        )  # fmt: skip
        with opening as given:
            found = given if name else given.looked_into()
            name = name or _name_by(found.beginning)
            started = time.monotonic()
            with Bar("bytes", found.size) as bar:

                def show(totals: IntakeTotals) -> None:
                    letters = f"{totals.dead_letters:,}"
                    bar.show(totals.bytes_read, totals.lines, say(f"  {letters} not counted", f"  未计入{letters}条"))

                totals = ingest(
                    log, found.lines, name=name, feed=options.feed, historic=options.historic, on_progress=show,
                    pan_field=tokens if options.pan_field else None, overlap_s=settings.late_s,
                    feeds=[each.strip() for some in options.feeds for each in some.split(",") if each.strip()],
                    on_letters=account.take,
                )  # fmt: skip
        seconds = time.monotonic() - started
        outcome = waiting.outcome() if waiting else None
    passed = found.lines.passed if isinstance(found.lines, SortedInput) else Passed()
    _show(totals, account, passed, outcome, seconds, options)
    return exit_code(
        totals.lines - totals.skipped_lines, totals.forwarded, totals.repeated + totals.passed_clocks,
        totals.dead_letters, options.max_refused,
    )  # fmt: skip


def _show(
    totals: IntakeTotals, account: Account, passed: Passed, outcome: Outcome | None, seconds: float, options: Options
) -> None:
    say, rate = speaker(options.lang), totals.lines / seconds if seconds else 0.0
    if options.as_json:
        emit_json({
            **asdict(totals), "seconds": round(seconds, 3), "records_per_second": round(rate),
            "skipped": passed.skipped, "outside": passed.outside, "refused": account.as_list(),
            **({} if outcome is None else {"processed": outcome.counts, "not_counted": outcome.account.as_list()}),
        })  # fmt: skip
        return
    console = to_stderr()
    for line in (*_words(totals, options.feed, rate, say), *passed_words(passed.skipped, passed.outside, say)):
        console.print(line)
    if account.refused:
        console.print(account.shown(say))
    if outcome is not None:
        of = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in sorted(outcome.counts.items()) if count)
        console.print(say(f"processed: {of}", f"已处理：{of}"))
        if outcome.account.refused:
            console.print(outcome.account.shown(say))
    if not totals.lines:
        console.print(say("nothing new was there to read", "没有新的记录可读"))


def _words(totals: IntakeTotals, feed: str, rate: float, say: Say) -> Iterator[str]:
    yield say(
        f"{counted(totals.forwarded, 'event')}, {counted(totals.dead_letters, 'dead letter')},"
        f" {counted(totals.skipped_lines, 'blank line')}: {rate:,.0f} lines/s",
        f"写入事件{totals.forwarded:,}条，未计入记录{totals.dead_letters:,}条，空行{totals.skipped_lines:,}行；"
        f"每秒{rate:,.0f}行",
    )
    if totals.cut_texts:
        texts = counted(totals.cut_texts, "text of unknown fields was", "texts of unknown fields were")
        yield say(
            f"{texts} longer than {MAX_UNKNOWN_CHARS:,} characters, and cut",
            f"未知字段中有{totals.cut_texts:,}段文本超过{MAX_UNKNOWN_CHARS:,}个字符，已截断",
        )
    if totals.repeated:
        events = counted(totals.repeated, "event was", "events were")
        yield say(
            f"{events} left out: brought before by another input of the feed",
            f"已略过{totals.repeated:,}条记录：同一来源的其他输入此前已写入",
        )
    if totals.passed_clocks:
        clocks = counted(totals.passed_clocks, "clock record was", "clock records were")
        yield say(
            f"{clocks} passed over: behind the feed's clock, or of a feed that is not declared",
            f"已略过{totals.passed_clocks:,}条时钟记录：落后于其来源的时钟，或来源未声明",
        )
    if totals.undeclared:
        names = ", ".join(totals.undeclared_feeds)
        records = counted(
            totals.undeclared,
            "record named a feed that is not declared and counts",
            "records named feeds that are not declared and count",
        )
        yield say(
            f"{records} under {feed}: {names} (declare them by --feeds)",
            f"{totals.undeclared:,}条记录的来源未声明，计入{feed}：{names}（请用 --feeds 声明）",
        )
    if totals.unfinished_bytes:
        yield say(
            f"left for the next run: an incomplete last line of {counted(totals.unfinished_bytes, 'byte')}",
            f"最后一行不完整（{totals.unfinished_bytes:,}字节），留待下次读取",
        )


def _name(files: Sequence[Path]) -> str | None:
    """The name of files, where none is given; None of standard input, which is known by its first row."""
    return None if str(files[0]) == STDIN else " + ".join(str(each.resolve()) for each in files)


def _name_by(row: bytes) -> str:
    """The name of what begins with a row; no card number in it or in the row counts."""
    plain = mask_record(row.strip(), find_stars).encode()
    tries = (blake2b(plain, digest_size=12, salt=bytes((k,))).hexdigest() for k in range(256))
    return next(name for each in tries if not find_pans(name := f"stdin-{each}"))

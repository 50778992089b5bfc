"""`tillwatch ingest`."""

from __future__ import annotations

import os
import stat
import sys
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from domain.card_tokens import HASHES
from domain.cards import find_pans
from domain.masking import MAX_UNKNOWN_CHARS
from streams.intake import IntakeTotals, ingest
from streams.pan_field import PanField, read_key
from tillwatch.language import counted, lang_option, speaker
from tillwatch.logs import open_log
from tillwatch.show import Bar, emit_json, to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tillwatch.cli import Invocation
    from tillwatch.language import Say


_KEY = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("ingest")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--feed", default="main", show_default=True, help="Feed of events that have no field feed.")
@click.option("--feeds", multiple=True, help="More feeds that events may name, with commas between; may be repeated.")
@click.option("--historic", is_flag=True, help="Events of the past: the time of receipt is the event time.")
@click.option("--name", help="Name under which the position is kept; the file's full path by default.")
@click.option("--pan-field", help="Field with card numbers: dropped, a token and the last four digits come for it.")
@click.option("--token-key", type=_KEY, help="File with the key of tokens, of mode 0600.")
@click.option("--token-key-id", default="k1", show_default=True, help="Name of the key in its tokens.")
@click.option("--next-token-key", type=_KEY, help="File with the key that will follow: a second token is written.")
@click.option("--next-token-key-id", default="k2", show_default=True, help="Name of the key that will follow.")
@click.option("--token-hash", type=click.Choice(HASHES), default=HASHES[0], show_default=True, help="Hash of tokens.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output.")
@click.pass_obj
def command(
    invocation: Invocation, file: Path, feed: str, feeds: tuple[str, ...], name: str | None, pan_field: str | None,
    token_key: Path | None, token_key_id: str, next_token_key: Path | None, next_token_key_id: str, token_hash: str,
    lang: str, *, historic: bool, as_json: bool,
) -> None:  # fmt: skip
    """Put the events of FILE, one JSON object a line, into the log; - is standard input.

    Each line is checked, card numbers in free text are masked, and the event is appended to its merchant's
    partition; an invalid line becomes a dead letter. The position is committed with the records: an ingest
    that is started again continues after the last committed line. Standard input has a position only with --name.
    Feeds are declared by --feed and --feeds, once for a log; events that name another count under --feed.
    With --pan-field the card number of each event becomes a token before anything is written.

    \b
    Examples:
      tillwatch ingest var/sim/events.jsonl --feed sim --historic
      kcat -C -t pos-txn | tillwatch ingest - --feed pos --name pos-txn
      tillwatch ingest june.jsonl --pan-field pan --token-key card.key --token-key-id k2026
    """
    say = speaker(lang)
    tokens = _pan_field(pan_field, token_key, token_key_id, next_token_key, next_token_key_id, token_hash)
    settings = invocation.settings()
    with open_log(settings) as log, _opened(file) as lines:
        started = time.monotonic()
        with Bar("bytes", _size(lines)) as bar:

            def show(totals: IntakeTotals) -> None:
                letters = f"{totals.dead_letters:,}"
                bar.show(totals.bytes_read, totals.lines, say(f"  {letters} not counted", f"  未计入{letters}条"))

            totals = ingest(
                log,
                lines,
                name=name or _name(file),
                feed=feed,
                historic=historic,
                on_progress=show,
                pan_field=tokens,
                overlap_s=settings.late_s,
                feeds=[each.strip() for some in feeds for each in some.split(",") if each.strip()],
            )
        seconds = time.monotonic() - started
    rate = totals.lines / seconds
    if as_json:
        emit_json({**asdict(totals), "seconds": round(seconds, 3), "records_per_second": round(rate)})
    else:
        for line in _words(totals, feed, rate, say):
            to_stderr().print(line)


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


def _pan_field(
    pan_field: str | None, token_key: Path | None, token_key_id: str, next_token_key: Path | None,
    next_token_key_id: str, token_hash: str,
) -> PanField | None:  # fmt: skip
    """What makes tokens, where a field of card numbers is named."""
    if pan_field is None and token_key is None and next_token_key is None:
        return None
    if pan_field is None or token_key is None:
        raise click.UsageError("--pan-field and --token-key must be given together")
    key = read_key(token_key, token_key_id, token_hash)
    return PanField(pan_field, key, read_key(next_token_key, next_token_key_id, token_hash) if next_token_key else None)


def _opened(file: Path) -> BinaryIO:
    return sys.stdin.buffer if str(file) == "-" else file.open("rb")


def _size(lines: BinaryIO) -> int | None:
    """Bytes of a file; None of what has no end yet."""
    about = os.fstat(lines.fileno())
    return about.st_size if stat.S_ISREG(about.st_mode) else None


def _name(file: Path) -> str:
    # A pipe brings something else each time: under one name its beginning would be passed over.
    if str(file) != "-":
        return str(file.resolve())
    while find_pans(name := f"stdin-{uuid.uuid4()}"):  # one in some thousand looks as if it held a card number
        pass
    return name

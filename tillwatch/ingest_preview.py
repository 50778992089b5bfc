"""What `ingest` shows before it takes anything: a first mapping, or ten rows as events and every problem."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from streams.files.guessing import guessed
from streams.intake import at_origin
from streams.line_intake import LineProcessor
from streams.log import now_utc_ms
from tillwatch.account import Account, exit_code, passed_words
from tillwatch.inputs import opened_sorted
from tillwatch.language import counted, speaker
from tillwatch.show import to_stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from domain.alerts import DeadLetter
    from streams.files.reading import Door

_SHOWN = 10


def write_guess(
    file: Path, out: Path, lang: str, guess: Callable[[BinaryIO, str], str] = guessed
) -> None:  # fmt: skip
    """Write a first mapping of a file, and say what it is not sure of."""
    if out.exists():
        raise click.UsageError(f"--guess must name a file that is not there yet, got {out}")
    with file.open("rb") as stream:
        text = guess(stream, file.name)
    out.write_text(text, encoding="utf-8")
    unsure = [each for each in text.splitlines() if "not sure" in each and not each.startswith("# A first")]
    say, console = speaker(lang), to_stderr()
    console.print(say(f"{out}: {counted(len(unsure), 'line')} to check", f"{out}：{len(unsure)}行待核对"))
    for each in unsure:
        console.print(f"  {each}")


def preview(files: Sequence[Path], door: Door, feed: str, most_refused: float, lang: str) -> int:
    """Show ten rows as events on standard output and every problem by its line on standard error; the exit code.

    Nothing is written: no log is opened.
    """
    say, console, account = speaker(lang), to_stderr(), Account()
    processor = LineProcessor("preview", feed, 1, historic=True, now_utc_ms=now_utc_ms)
    shown = forwarded = 0
    with ExitStack() as stack:
        found = stack.enter_context(opened_sorted(files, door, feed))
        for part in found.parts():
            out = processor.process(1, part.lines)
            letters = [at_origin(each, part.origins[each.position - 1]) for each in out.letters]
            letters = sorted([*letters, *part.letters], key=lambda each: each.position)
            account.take(letters)
            forwarded += out.forwarded
            for letter in letters:
                console.print(_problem(letter))
            for line in part.lines[: max(0, _SHOWN - shown)]:
                click.echo(line.decode().rstrip("\n"))
                shown += 1
        passed = found.passed
        rows = found.rows
    if account.refused:
        console.print(account.shown(say))
    console.print(
        say(
            f"{counted(rows, 'row')} read, {counted(forwarded, 'event')}, {counted(account.refused, 'row')} refused;"
            " nothing was written",
            f"读取{rows:,}行，可写入事件{forwarded:,}条，拒收{account.refused:,}行；未写入任何内容",
        ),
    )
    for words in passed_words(passed.skipped, passed.outside, say):
        console.print(words)
    return exit_code(rows, forwarded, 0, account.refused, most_refused)


def _problem(letter: DeadLetter) -> str:
    return f"{letter.source}:{letter.position}: {letter.message}"

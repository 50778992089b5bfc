"""`tillwatch dead-letters` and its subcommands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import click
import msgspec

from domain.alerts import Text
from streams.dead_letters import Choice, find_letter, read_letters
from streams.errors import OffsetGone
from streams.log import now_utc_ms
from streams.retry import MOST_RETRIES, RetryTotals, Why, mark_of, retry
from tillwatch.language import counted, lang_option, local, said, speaker, zone_name
from tillwatch.logs import open_log
from tillwatch.moments import moment_of
from tillwatch.show import UNKNOWN, Bar, emit_json, table, to_stderr, to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from streams.dead_letters import Letter
    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.language import Say

F = TypeVar("F", bound=Callable[..., Any])

_WORDS = {
    Why.EARLIER: Text("forwarded before", "此前已重新提交"),
    Why.EXHAUSTED: Text("failed as often as --max-retries allows", "失败次数已达 --max-retries 上限"),
    Why.UNREADABLE: Text("record masked or cut, and its source not in the log", "记录已掩码或截断，且日志中无原始记录"),
    Why.UNKNOWN_FEED: Text("feed not known, or not declared", "来源未知或未声明"),
    Why.CLOCK: Text("clock records", "时钟记录"),
    Why.REFUSED: Text("would be refused still", "仍会被拒绝"),
}


def chosen(function: F) -> F:
    """Add the options that choose dead letters."""
    for option in reversed((
        click.option("--reason", help="Only those of this reason, such as late or capacity."),
        click.option("--field", help="Only those with a fault in this field."),
        click.option("--feed", help="Only those of this feed."),
        click.option("--since", metavar="WHEN", help="Only those from then on: a date, a weekday, 7d, 12h."),
        click.option("--until", metavar="WHEN", help="Only those before then, likewise."),
    )):  # fmt: skip
        function = option(function)
    return function


@click.group("dead-letters")
def command() -> None:
    """Look at the records that were not counted, and forward them again once their cause is cured.

    \b
    Examples:
      tillwatch dead-letters list
      tillwatch dead-letters show 2/118
      tillwatch dead-letters export late.jsonl --reason late --since 7d
      tillwatch dead-letters retry --reason capacity --dry-run
    """


@command.command("list", short_help="Count them by reason, field and feed.")
@chosen
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@click.pass_obj
def list_(invocation: Invocation, /, lang: str, *, as_json: bool, **options: str | None) -> None:
    """Count dead letters by reason, field and feed, each with an example; those written twice count once.

    \b
    Examples:
      tillwatch dead-letters list
      tillwatch dead-letters list --reason out-of-range --since 7d --json
    """
    settings, say = invocation.settings(), speaker(lang)
    zone = settings.time_zone
    with open_log(settings, make=False) as log:
        kinds = _kinds(log, read_letters(log, _choice(options, zone)))
    if as_json:
        emit_json(kinds)
        return
    if not kinds:
        to_stdout().print(say("no dead letters", "没有未计入的记录"))
        return
    to_stdout().print(_kinds_table(kinds, zone, lang))


def _kinds_table(kinds: Iterable[dict[str, Any]], zone: str, lang: str) -> Table:
    say = speaker(lang)
    made = table(
        say(f"Dead letters (times: {zone_name(zone, lang)})", f"未计入记录（时间：{zone_name(zone, lang)}）"),
        say("reason", "原因"), say("field", "字段"), say("feed", "来源"), say("count", "数量"),
        say("forwarded", "已重新提交"), say("first", "最早"), say("last", "最近"), say("example", "示例"),
        numbers=(3, 4),
    )  # fmt: skip
    for each in kinds:
        made.add_row(
            each["reason"], each["field"] or UNKNOWN, each["feed"] or UNKNOWN, f"{each['count']:,}",
            f"{each['forwarded']:,}", local(each["first_ms"], zone), local(each["last_ms"], zone),
            f"{each['example']}: {each['message']}",
        )  # fmt: skip
    return made


def _kinds(log: Log, letters: Iterable[Letter]) -> list[dict[str, Any]]:
    """Counts by reason, field and feed, the most frequent first."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    marks: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    identity = log.identity
    for letter in letters:
        value, at_ms = letter.value, letter.appended_ms
        kind = found.setdefault((value.reason, value.field, feed := letter.feed), {
            "reason": value.reason, "field": value.field, "feed": feed, "count": 0, "forwarded": 0,
            "first_ms": at_ms, "last_ms": at_ms, "example": letter.id, "message": value.message,
        })  # fmt: skip
        kind["count"] += 1
        kind["first_ms"], kind["last_ms"] = min(kind["first_ms"], at_ms), max(kind["last_ms"], at_ms)
        name, bit = mark_of(identity, letter)
        marks.setdefault(name, []).append((bit, kind))
    for name, bits in log.read_positions([*marks]).items():
        for bit, kind in marks[name]:
            kind["forwarded"] += bits >> bit & 1
    return sorted(found.values(), key=lambda each: (-each["count"], each["reason"], each["field"], each["feed"]))


@command.command("show", short_help="Show one.")
@click.argument("letter_id", metavar="ID")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@click.pass_obj
def show(invocation: Invocation, letter_id: str, lang: str, *, as_json: bool) -> None:
    """Show the dead letter ID, as `list` names it: its partition and offset in the topic dead-letters.

    \b
    Examples:
      tillwatch dead-letters show 2/118
      tillwatch dead-letters show 2/118 --json | jq -r .record
    """
    settings, say = invocation.settings(), speaker(lang)
    zone = settings.time_zone
    with open_log(settings, make=False) as log:
        letter = _find(log, letter_id)
        name, bit = mark_of(log.identity, letter)
        forwarded = bool(log.read_positions([name]).get(name, 0) >> bit & 1)
    if as_json:
        emit_json(_as_object(letter) | {"forwarded": forwarded})
        return
    value = letter.value
    lines = (
        (say("reason", "原因"), value.reason), (say("field", "字段"), value.field or UNKNOWN),
        (say("message", "说明"), value.message), (say("source", "出处"), value.source),
        (say("position", "位置"), f"{value.position}"), (say("feed", "来源"), letter.feed or UNKNOWN),
        (say("written", "写入时间"), f"{local(letter.appended_ms, zone)} ({zone_name(zone, lang)})"),
        (say("forwarded", "已重新提交"), say("yes", "是") if forwarded else say("no", "否")),
        (say("record", "记录"), value.record or UNKNOWN),
    )  # fmt: skip
    made = table(say(f"Dead letter {letter.id}", f"未计入记录 {letter.id}"), "", "")
    for name, text in lines:
        made.add_row(name, text)
    to_stdout().print(made)


def _find(log: Log, letter_id: str) -> Letter:
    """The dead letter of an id; raises BadParameter."""
    partition, slash, offset = letter_id.partition("/")
    if not (slash and partition.isdecimal() and offset.isdecimal()):
        raise click.BadParameter(f"must be PARTITION/OFFSET as `list` shows it, got {letter_id!r}", param_hint="'ID'")
    try:
        found = find_letter(log, int(partition), int(offset))
    except OffsetGone:
        found = None
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if found is None:
        raise click.ClickException(
            f"there is no dead letter {letter_id}; `tillwatch dead-letters list` names those there are"
        )
    return found


@command.command("export", short_help="Write them as JSON lines.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE")
@chosen
@lang_option
@click.pass_obj
def export(invocation: Invocation, /, file: Path, lang: str, **options: str | None) -> None:
    """Write dead letters to FILE as JSON lines, masked as they are stored; - is standard output.

    A new FILE can be read by its owner alone, and one that is there is not overwritten.

    \b
    Examples:
      tillwatch dead-letters export late.jsonl --reason late --since 7d
      tillwatch dead-letters export - --feed pos | jq -r .message
    """
    settings, say = invocation.settings(), speaker(lang)
    count = 0
    with open_log(settings, make=False) as log:
        letters = read_letters(log, _choice(options, settings.time_zone))
        if str(file) == "-":
            for letter in letters:
                emit_json(_as_object(letter))
            return
        file.touch(mode=0o600, exist_ok=False)
        with file.open("wb") as opened:
            for letter in letters:
                opened.write(msgspec.json.encode(_as_object(letter)) + b"\n")
                count += 1
    to_stderr().print(say(f"{counted(count, 'dead letter')} written to {file}", f"已将{count:,}条未计入记录写入{file}"))


def _as_object(letter: Letter) -> dict[str, Any]:
    own = {"id": letter.id, "appended_ms": letter.appended_ms}
    return own | msgspec.structs.asdict(letter.value) | {"feed": letter.feed}


@command.command("retry", short_help="Forward them again, each once.")
@chosen
@click.option("--all", "everything", is_flag=True, help="All of them, where no other option chooses.")
@click.option("--max-retries", type=click.IntRange(1, 1000), default=MOST_RETRIES, show_default=True,
              help="How often a record may be forwarded again in all.")  # fmt: skip
@click.option("--historic", is_flag=True, help="Receipt of a record without one is its event time.")
@click.option("--dry-run", is_flag=True, help="Only count what would be forwarded.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@click.pass_obj
def retry_command(
    invocation: Invocation, /, max_retries: int, lang: str, *, everything: bool, historic: bool, dry_run: bool,
    as_json: bool, **options: str | None,
) -> None:  # fmt: skip
    """Forward dead letters to the events again, each once, after their cause has been cured.

    A retry that is repeated, or that was killed, forwards none twice. A record that fails again has a new dead letter,
    which is forwarded by the next retry, until --max-retries is reached.

    \b
    Examples:
      tillwatch dead-letters retry --reason capacity --dry-run
      tillwatch dead-letters retry --reason out-of-range --field mcc --since 2026-07-01
    """
    if everything == any(options.values()):
        raise click.UsageError("either --all or an option that chooses dead letters must be given")
    settings, say = invocation.settings(), speaker(lang)
    with open_log(settings, make=False) as log, Bar("dead letters", None) as bar:
        totals = retry(
            log, _choice(options, settings.time_zone), most_retries=max_retries, historic=historic, dry_run=dry_run,
            on_progress=lambda so_far: bar.show(so_far.chosen, so_far.chosen),
        )  # fmt: skip
    if as_json:
        left = {why: totals.left[why] for why in _WORDS}
        emit_json({"chosen": totals.chosen, "forwarded": totals.forwarded, "dry_run": dry_run, "left": left})
        return
    _show_totals(totals, say, lang, dry_run=dry_run)


def _show_totals(totals: RetryTotals, say: Say, lang: str, *, dry_run: bool) -> None:
    would = (say("would be forwarded", "将重新提交"), say("forwarded", "已重新提交"))[not dry_run]
    made = table(say(counted(totals.chosen, "dead letter"), f"未计入记录{totals.chosen:,}条"), "", "", "", numbers=[1])
    made.add_row(would, f"{totals.forwarded:,}", "")
    for why, words in _WORDS.items():
        if totals.left[why]:
            letter_id, message = totals.examples[why]
            made.add_row(said(words, lang), f"{totals.left[why]:,}", f"{letter_id}: {message}")
    to_stdout().print(made)


def _choice(options: dict[str, str | None], zone: str) -> Choice:
    """What the options of `chosen` say; raises BadParameter."""
    now_ms, moments = now_utc_ms(), {}
    for name in ("since", "until"):
        if (given := options[name]) is not None:
            moments[name] = moment_of(given, now_ms, ZoneInfo(zone), option=f"--{name}", clock="now")
    return Choice(
        reason=options["reason"], field=options["field"], feed=options["feed"], from_ms=moments.get("since"),
        until_ms=moments.get("until"),
    )  # fmt: skip

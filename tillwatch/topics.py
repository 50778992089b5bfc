"""`tillwatch topics` and its subcommands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from streams.topic_faults import UNFIT
from streams.topics import GROUP
from tillwatch.language import lang_option, local, speaker, zone_name
from tillwatch.logs import open_log
from tillwatch.show import UNKNOWN, emit_json, styled, table, to_stderr, to_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.log import Log
    from streams.topic_faults import TopicFault
    from tillwatch.cli import Invocation
    from tillwatch.language import Say
    from tillwatch.settings import Settings


@click.group("topics")
def command() -> None:
    """Make the log's topics, compare them with what workers rely on, and show how far behind workers are.

    \b
    Examples:
      tillwatch topics create
      tillwatch topics check
      tillwatch topics lag
    """


@command.command("create", short_help="Make those that are missing.")
@lang_option
@click.pass_obj
def create(invocation: Invocation, lang: str) -> None:
    """Make the topics that are missing, and set retention anew; one that does not fit is refused, and nothing is made.

    \b
    Examples:
      tillwatch topics create
      tillwatch topics create --lang zh
    """
    settings, say = invocation.settings(), speaker(lang)
    address = settings.address()
    before = _faults(settings) if address.exists() else []
    if unfit := [each for each in before if each.kind == UNFIT]:
        _show_faults(unfit, say)
        raise click.ClickException(f"{len(unfit)} faults of topics at {address} must be cured first; nothing was made")
    with open_log(settings):
        pass
    if after := _faults(settings):
        _show_faults(after, say)
        raise click.ClickException(f"{len(after)} faults of topics at {address} are left")
    made = len(before)
    to_stderr().print(say(f"topics made or set anew: {made}; all fit", f"新建或重设主题：{made}；全部符合要求"))


@command.command("check", short_help="Compare them with what workers rely on.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="The faults as one line of JSON.")
@click.pass_obj
def check(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """Compare the topics with what workers rely on; each fault with its cure, and exit code 1 where there is one.

    Nothing is changed. On the embedded log only partitions and compaction can be wrong.

    \b
    Examples:
      tillwatch topics check
      tillwatch topics check --json | jq -r .[].cure
    """
    settings, say = invocation.settings(), speaker(lang)
    faults = _faults(settings)
    if as_json:
        emit_json([asdict(each) for each in faults])
    else:
        _show_faults(faults, say)
    if faults:
        raise click.exceptions.Exit(1)
    if not as_json:
        to_stdout().print(say("all topics fit", "所有主题均符合要求"))


def _faults(settings: Settings) -> list[TopicFault]:
    return settings.address().topic_faults(settings.topics(), settings.partitions, settings.keep_events_days)


def _show_faults(faults: Sequence[TopicFault], say: Say) -> None:
    console = to_stdout()
    for each in faults:
        console.print(styled((each.topic, "bold"), f": {each.message}"), soft_wrap=True)
        console.print(say(f"  cure: {each.cure}", f"  处理：{each.cure}"), soft_wrap=True)


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a partition of the events has been processed.

    Attributes:
        partition: which.
        first: the first offset that can be read.
        end: the offset after the last record.
        checkpoint: the offset up to which the last checkpoint goes; None before the first.
        lag: records from there, or from the first one, to the end; on Kafka the markers of transactions count, too.
        reached: the offset that its worker showed last; None where none has.
        behind: records from there to the end.
        shown_ms: when the worker showed it, UTC milliseconds.
    """

    partition: int
    first: int
    end: int
    checkpoint: int | None
    lag: int
    reached: int | None
    behind: int | None
    shown_ms: int | None


@command.command("lag", short_help="Show how far behind workers are.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@click.pass_obj
def lag(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """Show of each partition how many records lie behind its last checkpoint, and behind where its worker is.

    \b
    Examples:
      tillwatch topics lag
      tillwatch topics lag --json | jq .[].lag
    """
    settings, say = invocation.settings(), speaker(lang)
    with open_log(settings, make=False) as log:
        found = read_lag(log)
    if as_json:
        emit_json([asdict(each) for each in found])
        return
    zone = settings.time_zone
    made = table(
        say(f"Lag of {log.topics.events.name} (times: {zone_name(zone, lang)})",
            f"{log.topics.events.name} 的积压（时间：{zone_name(zone, lang)}）"),
        say("partition", "分区"), say("end", "末尾位点"), say("checkpoint", "检查点位点"), say("lag", "检查点后积压"),
        say("worker", "worker位点"), say("behind", "待处理"), say("shown", "上报时间"), numbers=range(6),
    )  # fmt: skip
    for each in found:
        figures = (each.end, each.checkpoint, each.lag, each.reached, each.behind)
        texts = (UNKNOWN if figure is None else f"{figure:,}" for figure in figures)
        made.add_row(f"{each.partition}", *texts, local(each.shown_ms, zone) or UNKNOWN)
    to_stdout().print(made)
    to_stdout().print(
        say(f"total lag: {sum(each.lag for each in found):,}", f"积压合计：{sum(each.lag for each in found):,}")
    )


def read_lag(log: Log) -> list[PartitionLag]:
    """How far each partition of the events has been processed."""
    topic = log.topics.events.name
    shown: dict[int, tuple[int, int]] = {}
    for progress in log.progress():
        if progress.topic == topic and progress.worker.partition("/")[0] == GROUP:
            for partition, offset in progress.next_offsets.items():
                shown[partition] = max(shown.get(partition, (0, 0)), (progress.updated_ms, offset))
    found = []
    for partition in range(log.partitions(topic)):
        first, end = log.first_offset(topic, partition), log.end_offset(topic, partition)
        checkpoint = log.committed(GROUP, topic, partition)
        shown_ms, reached = shown.get(partition, (None, None))
        found.append(PartitionLag(
            partition, first, end, checkpoint, max(0, end - max(first, checkpoint or 0)),
            reached, None if reached is None else max(0, end - reached), shown_ms,
        ))  # fmt: skip
    return found

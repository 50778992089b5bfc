"""`tillwatch state` and its subcommands."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.decoding.hashing import partition_of
from streams.checkpointing import restore
from streams.errors import Superseded
from streams.sqlite.checkpoints import SqliteCheckpoints
from streams.state_rebuild import RebuildRequest
from tillwatch.language import lang_option, local, said, speaker, zone_name
from tillwatch.logs import file_address, open_log, read_controls
from tillwatch.monitors import new_monitor
from tillwatch.show import emit_json, table, to_stderr, to_stdout
from tillwatch.state_view import as_object, tables
from tillwatch.worker import command as worker

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from engine.monitor import Monitor
    from streams.log_address import CheckpointView
    from streams.manifests import Manifest
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings


@click.group("state")
def command() -> None:
    """Look at what the monitor remembers, back it up, or build it anew.

    A worker checkpoints it every few seconds to a file beside the log: that of tillwatch.db is tillwatch.state.db.

    \b
    Examples:
      tillwatch state inspect 898210154110002
      tillwatch state backup var/state-backup.db
      tillwatch state rebuild
    """


@command.command("backup", short_help="Copy it to a file, while a worker runs or not.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@lang_option
@click.pass_obj
def backup(invocation: Invocation, file: Path, lang: str) -> None:
    """Copy every partition's last checkpoint to the new FILE; a worker may run meanwhile.

    What is shown of each checkpoint is read from the copy.

    \b
    Examples:
      tillwatch state backup var/state-backup.db
    """
    settings, say = invocation.settings(), speaker(lang)
    with file_address(settings).checkpoints(settings.topics()) as store:
        store.backup(file)
    with SqliteCheckpoints(file, read_only=True) as copied:
        found = [copied.manifest(partition) for partition in copied.offsets()]
    clock = zone_name(settings.time_zone, lang)
    made = table(
        say(f"Backup {file} (times: {clock})", f"备份{file}（时间：{clock}）"), say("partition", "分区"),
        say("checkpoint", "检查点"), say("offset", "位点"), say("merchants", "商户"), say("taken", "生成时间"),
        numbers=range(4),
    )  # fmt: skip
    for each in filter(None, found):
        figures = (each.partition, each.checkpoint, each.offset, each.rows)
        made.add_row(*(f"{figure:,}" for figure in figures), local(each.checkpoint_ms, settings.time_zone))
    to_stdout().print(made)


@command.command("inspect", short_help="Show what is remembered of a merchant.")
@click.argument("merchant_id", metavar="MERCHANT")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="All of it as one line of JSON.")
@click.pass_obj
def inspect(invocation: Invocation, merchant_id: str, lang: str, *, as_json: bool) -> None:
    """Show what the monitor remembers of MERCHANT as of the last checkpoint of its partition.

    Master data, open episodes, the risk score with what each detector adds, and every feature.

    \b
    Examples:
      tillwatch state inspect 898210154110002 --lang zh
      tillwatch state inspect 898210154110002 --json | jq .score
    """
    settings = invocation.settings()
    partition = partition_of(merchant_id.encode(), settings.partitions)
    with open_log(settings, make=False) as log, looking(settings) as store:
        manifest, monitor = last_checkpoint(settings, store, partition)
        beyond = log.end_offset(log.topics.events.name, partition) - manifest.offset
    seen = monitor.snapshot(merchant_id)
    if seen is None:
        as_of = f"checkpoint {manifest.checkpoint} of partition {partition}, which the log has {beyond} records beyond"
        raise click.ClickException(f"merchant {merchant_id!r} is not known as of {as_of}")
    if as_json:
        emit_json(as_object(seen, manifest, beyond))
        return
    console = to_stdout()
    for each in tables(seen, manifest, beyond, lang):
        console.print(each)
        console.print()


@command.command("rebuild", short_help="Build damaged state anew from the log, or from a backup.")
@click.option("--from", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="BACKUP",
              help="Go on from this backup, not from the log's first event.")  # fmt: skip
@click.option("--partition", "asked", type=int, multiple=True, metavar="N",
              help="Build this partition anew, damaged or not; may be given again.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Build every partition anew, damaged or not.")
@click.option("--from-first", is_flag=True, help="Where the log's beginning is gone, begin at its first event.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="The worker's totals as one line of JSON on standard output.")
@click.pass_context
def rebuild(
    ctx: click.Context, source: Path | None, asked: tuple[int, ...], lang: str, *, everything: bool,
    from_first: bool, as_json: bool,
) -> None:  # fmt: skip
    """Build the state of damaged partitions anew from the log, then run the worker until it is idle.

    Without --partition and --all those that a worker cannot go on from are found and built anew. No worker may run on a
    log in a file; on Kafka one that has such a partition reads it again. Nothing is changed where one of them cannot be
    built anew.

    \b
    Examples:
      tillwatch state rebuild
      tillwatch state rebuild --from var/state-backup.db
      tillwatch state rebuild --partition 2 --json
    """
    settings = ctx.obj.settings()
    numbers = range(settings.partitions)
    if wrong := sorted(set(asked) - set(numbers)):
        raise click.BadParameter(f"must be 0 to {settings.partitions - 1}, got {wrong[0]}", param_hint="'--partition'")
    chosen = frozenset(numbers if everything else asked)
    request = RebuildRequest(
        partitions=settings.partitions,
        chosen=chosen,
        source=source,
        from_first=from_first,
        open_log=partial(open_log, settings, make=False),
        make_monitor=partial(new_monitor, settings),
        restored=partial(restored, settings),
    )
    rebuilt = settings.address().rebuild_state(request)
    for each in rebuilt:
        to_stderr().print(said(each, lang))
    if rebuilt:
        ctx.invoke(worker, lang=lang, until_idle=True, as_json=as_json, tied=False)
    else:
        whole = ("nothing is damaged: a worker can go on from the state as it is", "无损坏：worker可从现有状态继续")
        to_stderr().print(speaker(lang)(*whole))


def looking(settings: Settings) -> AbstractContextManager[CheckpointView]:
    """The checkpoints of the settings' log, to be looked at."""
    return settings.address().checkpoints(settings.topics())


def restored(settings: Settings, store: CheckpointView, manifest: Manifest) -> Monitor:
    """A monitor that stands where a checkpoint was taken; raises what `streams.checkpointing.restore` does."""
    monitor = new_monitor(settings, manifest.partition)
    monitor.learn(read_controls(settings))
    restore(monitor, manifest, store.pages(manifest))
    return monitor


def last_checkpoint(settings: Settings, store: CheckpointView, partition: int) -> tuple[Manifest, Monitor]:
    """A partition's last checkpoint, and a monitor that stands where it was taken; a worker may run meanwhile."""
    while (manifest := store.manifest(partition)) is not None:
        try:
            return manifest, restored(settings, store, manifest)
        except Superseded:  # the worker has checkpointed it anew
            continue
    raise click.ClickException(f"no checkpoint was taken yet of partition {partition}, to which the merchant belongs")

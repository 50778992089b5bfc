"""`tillwatch explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click
import msgspec

from domain.alerts import Alert
from engine.decoding.hashing import partition_of
from engine.risk.explain import explain
from streams.files.reading import Door
from tillwatch.explain_view import Explained, as_object, tables
from tillwatch.inputs import opened
from tillwatch.language import counted, lang_option, local, speaker
from tillwatch.logs import open_log
from tillwatch.moments import moment_of
from tillwatch.monitors import replaying_monitor
from tillwatch.precompile import compile_engine
from tillwatch.replay import batches
from tillwatch.show import emit_json, to_stderr, to_stdout
from tillwatch.state import last_checkpoint, looking

if TYPE_CHECKING:
    from collections.abc import Collection

    from domain.alerts import DeadLetter
    from engine.merchant_snapshot import MerchantSnapshot
    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.language import Say
    from tillwatch.settings import Settings


@click.command("explain")
@click.argument("merchant_id", metavar="MERCHANT")
@click.option("--since", default="7d", show_default=True, metavar="WHEN",
              help="Start, by the merchant's clock: a date, a weekday, or a duration such as 7d or 12h.")  # fmt: skip
@click.option("--events", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Replay this file of events, and explain the score at its end.")  # fmt: skip
@lang_option
@click.option("--json", "as_json", is_flag=True, help="All of it as one line of JSON.")
@click.pass_obj
def command(
    invocation: Invocation, merchant_id: str, since: str, events: Path | None, lang: str, *, as_json: bool
) -> None:
    """Explain why MERCHANT's risk score changed: findings and decisions with their times, and points that faded.

    The score is read from the last checkpoint of the merchant's partition; a worker may run meanwhile.

    \b
    Examples:
      tillwatch explain 898210154110002
      tillwatch explain 898210154110002 --since monday --lang zh
      tillwatch explain 898210154110002 --since 2026-01-05 --events june.jsonl --json
    """
    settings, say = invocation.settings(), speaker(lang)
    if events:
        seen, alerts = _replayed(settings, events, merchant_id)
    else:
        seen, alerts = _remembered(settings, merchant_id, say)
    if seen is None:
        where = f"in {events}" if events else "as of the last checkpoint of its partition"
        raise click.ClickException(f"merchant {merchant_id!r} is not known {where}")
    if seen.account is None or seen.score is None:
        raise click.ClickException(f"merchant {merchant_id!r} has no score: no detector ever found anything")
    now_ms = max(seen.watermark_ms, seen.account.at_ms)
    then_ms = moment_of(since, now_ms, ZoneInfo(seen.time_zone))
    difference = explain(seen.account, seen.risk_groups, then_ms, now_ms)
    found = Explained(merchant_id, seen.time_zone, then_ms, difference, seen.score, alerts)
    if as_json:
        emit_json(as_object(found))
        return
    if difference.then.at_ms > then_ms:
        start = local(difference.then.at_ms, seen.time_zone)
        words = say(
            f"older changes are no longer kept; this explains from {start} on",
            f"更早的变动已不再保留，以下从{start}起说明",
        )
        to_stderr().print(words)
    console = to_stdout()
    for each in tables(found, lang):
        console.print(each)
        console.print()


def _replayed(settings: Settings, file: Path, merchant_id: str) -> tuple[MerchantSnapshot | None, dict[str, Alert]]:
    """A merchant's snapshot at the end of a file, and its alerts."""
    monitor = replaying_monitor(settings)
    compile_engine()
    alerts: dict[str, Alert] = {}
    letters: list[DeadLetter] = []
    forms = monitor.controls.id_forms()
    with opened([file], Door(), settings, forms=forms) as lines:
        for _, records in batches(lines.lines, file.name, letters, forms=forms):
            found = monitor.process(records).alerts
            alerts |= {each.alert_id: each for each in found if each.merchant_id == merchant_id}
    return monitor.snapshot(merchant_id), alerts


def _remembered(settings: Settings, merchant_id: str, say: Say) -> tuple[MerchantSnapshot | None, dict[str, Alert]]:
    """A merchant's snapshot in its partition's last checkpoint, and the alerts that its score rests on."""
    partition = partition_of(merchant_id.encode(), settings.partitions)
    with open_log(settings, make=False) as log, looking(settings) as store:
        manifest, monitor = last_checkpoint(settings, store, partition)
        beyond = log.end_offset(log.topics.events.name, partition) - manifest.offset
        seen = monitor.snapshot(merchant_id)
        wanted = {each.alert_id for each in seen.account.entries} if seen and seen.account else set()
        alerts = _alerts(log, partition, wanted - {""})
    to_stderr().print(
        say(
            f"as of checkpoint {manifest.checkpoint:,}; the log has {counted(beyond, 'record')} beyond it",
            f"截至检查点{manifest.checkpoint:,}，其后还有记录{beyond:,}条",
        ),
    )
    return seen, alerts


def _alerts(log: Log, partition: int, wanted: Collection[str]) -> dict[str, Alert]:
    """The last revisions of some alerts of a partition that the log still holds."""
    keys = {each.encode() for each in wanted}
    decode = msgspec.json.Decoder(Alert).decode
    found: dict[str, Alert] = {}
    topic = log.topics.alerts.name
    at = log.first_offset(topic, partition)
    while keys and (records := log.read_keyed(topic, partition, at)):
        at = records[-1].offset + 1
        for alert in (decode(each.value) for each in records if each.key in keys and each.value):
            before = found.get(alert.alert_id)
            if before is None or (alert.revision, alert.epoch) >= (before.revision, before.epoch):
                found[alert.alert_id] = alert
    return found

"""`tillwatch worker`."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from domain.secrets import masked_url
from streams.app import WorkerSettings
from streams.metrics import Metrics
from streams.observer import Observer
from streams.sqlite.address import SqliteAddress
from streams.worker import run_worker
from tillwatch.language import counted, lang_option, speaker
from tillwatch.log_lines import log_to_stderr
from tillwatch.logs import open_log
from tillwatch.monitors import new_monitor
from tillwatch.precompile import compile_engine
from tillwatch.seeding import seed_controls
from tillwatch.show import emit_json, failing
from tillwatch.stopping import tie_to_stdin

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.monitor import Monitor
    from streams.log import Progress
    from tillwatch.cli import Invocation
    from tillwatch.language import Say
    from tillwatch.settings import Settings

_logger = logging.getLogger("tillwatch")
_LINE_S = 5.0


class _Lines(Observer):
    """A line of the log every few seconds, in the language that `say` picks."""

    def __init__(self, say: Say) -> None:
        self._next, self._say = 0.0, say

    def on_progress(self, progress: Progress) -> None:
        """Say how far the worker is, where the last line is old enough."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LINE_S
            sales, letters, rate = progress.counts["transactions"], progress.counts["dead_letters"], progress.rate
            _logger.info(
                "%s",
                self._say(
                    f"{counted(sales, 'transaction')}, {counted(letters, 'dead letter')}, {rate:,.0f} records/s",
                    f"交易{sales:,}笔，未计入记录{letters:,}条，每秒{rate:,.0f}条记录",
                ),
            )


@click.command("worker")
@click.option("--until-idle", is_flag=True, help="End when everything in the log has been processed.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Totals at the end as one line of JSON on standard output.")
@click.option("--tied", is_flag=True, hidden=True, help="End when standard input does.")
@click.pass_obj
def command(invocation: Invocation, lang: str, *, until_idle: bool, as_json: bool, tied: bool) -> None:
    """Read the log's events and write alerts, scores and dead letters, until Ctrl-C or SIGTERM.

    The state is checkpointed every few seconds, to a file beside the log or to a topic on Kafka; a worker that is
    started again, even after a crash, continues from there. A log in a file has one worker; a second is refused. On
    Kafka workers share the partitions, and take over from each other.

    \b
    Examples:
      tillwatch worker
      tillwatch worker --until-idle --json
    """
    if tied:
        tie_to_stdin()
    settings, say = invocation.settings(), speaker(lang)
    log_to_stderr(settings.log_format)
    with failing(ValueError, OSError):
        asked = worker_settings(settings)
    with open_log(settings) as log:
        for line in seed_controls(log, settings, say):
            _logger.warning("%s", line)
    monitors: dict[int, Monitor] = {}
    factory = _factory(settings, monitors)
    compile_engine()  # now: while it is compiled or loaded, a member of a group would not be heard of
    started = time.monotonic()
    _logger.info(
        say("worker on %s, %d partitions", "开始处理%s，%d个分区"), masked_url(settings.log_url), settings.partitions
    )
    metrics = new_metrics(settings) if asked.health.port else None
    counts = run_worker(asked, factory, until_idle=until_idle, observer=_Lines(say), metrics=metrics)
    seconds = time.monotonic() - started
    merchants = sum(1 for each in monitors.values() for _ in each.totals())
    ended = say(
        f"ended: {counted(counts.transactions, 'transaction')} of {counted(merchants, 'merchant')}",
        f"已结束：交易{counts.transactions:,}笔，商户{merchants:,}家",
    )
    _logger.info("%s", ended)
    if as_json:
        emit_json({**asdict(counts), "merchants": merchants, "seconds": round(seconds, 3)})


def worker_settings(settings: Settings) -> WorkerSettings:
    """What a worker is told, as the settings have it."""
    return WorkerSettings(
        address=settings.address(),
        topics=settings.topics(),
        partitions=settings.partitions,
        batch_records=settings.batch_records,
        checkpoint_every_s=settings.checkpoint_every_s,
        keep_events_days=settings.keep_events_days,
        health=settings.endpoint(),
    )


def new_metrics(settings: Settings) -> Metrics:
    """A worker's metrics, as the settings have it."""
    address = settings.address()
    folder = address.path.parent if isinstance(address, SqliteAddress) else None
    detectors = [each.name for each in settings.make_detectors()]
    return Metrics(version("tillwatch"), detectors, folder)


def _factory(settings: Settings, monitors: dict[int, Monitor]) -> Callable[[int, int], Monitor]:
    """Makes the monitors, and keeps each partition's newest in `monitors`."""

    def make(partition: int, _: int) -> Monitor:
        monitors[partition] = new_monitor(settings, partition)
        return monitors[partition]

    return make

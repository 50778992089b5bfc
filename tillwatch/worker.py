"""`tillwatch worker`."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.profiles import Profiles
from engine.cut import OtherState
from engine.monitor import Monitor, MonitorConfig
from engine.pages import Damaged
from streams.app import WorkerSettings
from streams.checkpoints import StateLocked, UnknownFormat, WrongParent
from streams.leases import Fenced, LeaseHeld
from streams.sqlite_log import OffsetGone, Progress
from streams.sqlite_transport import log_url
from streams.worker import MonitorFailed, run_worker
from tillwatch.logs import open_log
from tillwatch.show import emit_json, failing
from tillwatch.stopping import tie_to_stdin

if TYPE_CHECKING:
    from collections.abc import Callable

    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

_logger = logging.getLogger("tillwatch")
_LINE_S = 5.0


REFUSALS = (
    LeaseHeld, Fenced, MonitorFailed, OffsetGone, Damaged, OtherState, StateLocked, UnknownFormat, WrongParent,
)  # fmt: skip
"""What ends a worker with one line: `streams.worker.run_worker` says when."""


class _Lines:
    """A line of the log every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        """Say how far the worker is, where the last line is old enough."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LINE_S
            _logger.info(
                "%s transactions, %s dead letters, %s records/s",
                *(f"{each:,}" for each in (progress.counts["transactions"], progress.counts["dead_letters"])),
                f"{progress.rate:,.0f}",
            )


@click.command("worker")
@click.option("--until-idle", is_flag=True, help="End when everything in the log has been processed.")
@click.option("--json", "as_json", is_flag=True, help="Totals at the end as one line of JSON on standard output.")
@click.option("--tied", is_flag=True, hidden=True, help="End when standard input does.")
@click.pass_obj
def command(invocation: Invocation, *, until_idle: bool, as_json: bool, tied: bool) -> None:
    """Read the log's events and write what they come to, until Ctrl-C or SIGTERM.

    What it remembers is cut to a file beside the log every few seconds; started again, even after a crash, it goes on
    from there. A log has one worker; a second is refused.

    \b
    Examples:
      tillwatch worker
      tillwatch worker --until-idle --json
    """
    if tied:
        tie_to_stdin()
    log_to_stderr()
    settings = invocation.settings()
    open_log(settings).close()
    monitors: dict[int, Monitor] = {}
    factory = _factory(settings, monitors)
    worker_settings = WorkerSettings(
        log_url=log_url(settings.log_path),
        partitions=settings.partitions,
        batch_records=settings.batch_records,
        cut_every_s=settings.cut_every_s,
        keep_events_days=settings.keep_events_days,
    )
    started = time.monotonic()
    _logger.info("worker on %s, %d partitions", settings.log_path, settings.partitions)
    with failing(*REFUSALS):
        counts = run_worker(worker_settings, factory, until_idle=until_idle, on_progress=_Lines())
    seconds = time.monotonic() - started
    merchants = sum(1 for each in monitors.values() for _ in each.totals())
    _logger.info("ended: %s transactions of %s merchants", f"{counts.transactions:,}", f"{merchants:,}")
    if as_json:
        emit_json({**asdict(counts), "merchants": merchants, "seconds": round(seconds, 3)})


def _factory(settings: Settings, monitors: dict[int, Monitor]) -> Callable[[int, int], Monitor]:
    """Makes the monitors, and keeps each partition's newest in `monitors`."""

    def make(partition: int, _: int) -> Monitor:
        monitors[partition] = new_monitor(settings, partition)
        return monitors[partition]

    return make


def new_monitor(settings: Settings, partition: int) -> Monitor:
    """A partition's monitor as the settings have it, that can be cut."""
    detectors = settings.make_detectors()
    return Monitor(monitor_config(settings), partition, settings.partitions, detectors=detectors, cuts=True)


def monitor_config(settings: Settings) -> MonitorConfig:
    """What a monitor is told of its acquirer."""
    return MonitorConfig(
        capacity=settings.capacity,
        late_s=settings.late_s,
        time_zone=settings.time_zone,
        country=settings.country,
        peers=settings.load_peers(),
        profiles=_profiles(settings.profiles),
        foreign=settings.foreign_topic,
    )


def _profiles(path: str) -> Profiles | None:
    if not path:
        return None
    try:
        return Profiles.decoded(Path(path).read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from error


def log_to_stderr() -> None:
    """Write Tillwatch's log lines to standard error, and Faust's from warnings on."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    _logger.setLevel(logging.INFO)

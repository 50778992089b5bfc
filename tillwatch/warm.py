"""`tillwatch warm`, hidden: compiles what is compiled on first use, so that nobody waits for it later."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import numpy as np

from domain.timestamps import DAY_MS
from engine.decoding.card_scan import find_stars
from engine.jit import cache_folder
from models.anomaly.model import Model
from models.anomaly.shipped import FILE as MODEL
from models.series import SeriesModel
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from simulator.write import write_jsonl
from streams.intake import ingest
from streams.kafka.record_batches import compile_reader
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from streams.worker import run_worker
from tillwatch.feed import feed_simulation
from tillwatch.logs import open_log
from tillwatch.monitors import new_monitor
from tillwatch.precompile import compile_kernel
from tillwatch.settings import Settings
from tillwatch.show import to_stderr
from tillwatch.worker import worker_settings

if TYPE_CHECKING:
    from engine.monitor import Monitor


@click.command("warm", hidden=True)
def command() -> None:
    """Compile the scanner, the kernel, the models, the simulator and a worker, at first in two processes."""
    started = time.monotonic()
    # A process of its own, for Numba compiles one function at a time in each.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        others = pool.submit(compile_others)
        compile_kernel()
        others.result()
    compile_worker()
    marker().touch()
    to_stderr().print(f"compiled in {time.monotonic() - started:.1f} s; kept for the next start")


def compile_worker() -> None:
    """Compile what is left by running a worker, which checkpoints, and another, which goes on from there."""
    simulation = simulate(SimulationConfig(merchants=30, days=0.5))
    with TemporaryDirectory() as folder:
        url = SqliteAddress(Path(folder) / "tillwatch.db").url
        settings = Settings.model_validate({"log_url": url, "partitions": 1, "health_port": 0})  # not this machine's
        for until_ms in (simulation.config.start_ms + DAY_MS // 4, None):
            with open_log(settings) as log:
                feed_simulation(log, simulation, until_ms=until_ms)
            run_worker(worker_settings(settings), partial(_monitor, settings), until_idle=True)


def _monitor(settings: Settings, partition: int, _: int) -> Monitor:
    return new_monitor(settings, partition)


def marker() -> Path:
    """A file that is there when this version was compiled."""
    return cache_folder() / "warm"


def compile_others() -> None:
    """Compile the simulator, the scanner, both models and the reader of Kafka's records by using each."""
    Model.decoded(MODEL.read_bytes())  # scores its golden batch
    simulation = simulate(SimulationConfig(merchants=20, days=0.25, jump_share=1.0))
    simulation.ledger()
    simulation.violations()  # of which some name transactions
    with TemporaryDirectory() as folder, SqliteLog(Path(folder) / "tillwatch.db") as log:
        create_topics(log)
        lines = Path(folder) / "events.jsonl"
        write_jsonl(simulation, lines)
        feed_simulation(log, simulation)
        with lines.open("rb") as opened:
            ingest(log, opened, name="warm", historic=True)
    SeriesModel().score(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))
    compile_reader()
    find_stars("4" * 16)

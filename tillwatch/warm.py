"""`tillwatch warm`, hidden: compiles what is compiled on first use, so that nobody waits for it later."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from engine.decoding.card_scan import find_stars
from engine.jit import cache_folder
from models.series import SeriesModel
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from simulator.write import write_jsonl
from streams.intake import ingest
from streams.kafka.record_batches import compile_reader
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tillwatch.feed import feed_simulation
from tillwatch.precompile import compile_kernel
from tillwatch.show import to_stderr


@click.command("warm", hidden=True)
def command() -> None:
    """Compile the scanner, the kernel, the series model and the simulator into their cache, in two processes."""
    started = time.monotonic()
    # A process of its own, for Numba compiles one function at a time in each.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        others = pool.submit(compile_others)
        compile_kernel()
        others.result()
    marker().touch()
    to_stderr().print(f"compiled in {time.monotonic() - started:.1f} s; kept for the next start")


def marker() -> Path:
    """A file that is there when this version was compiled."""
    return cache_folder() / "warm"


def compile_others() -> None:
    """Compile the simulator, the scanner, the series model and the reader of Kafka's records by using each."""
    simulation = simulate(SimulationConfig(merchants=20, days=0.25))
    simulation.ledger()
    simulation.violations()
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

"""`tillwatch warm`, hidden: compiles what is compiled on first use, so that nobody waits for it later."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from engine.decoding.records import Records
from engine.jit import cache_folder
from engine.monitor import Monitor, MonitorConfig
from models.series import SeriesModel
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from simulator.write import write_jsonl
from streams.intake import ingest
from streams.kafka.record_batches import compile_reader
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tillwatch.feed import feed_simulation
from tillwatch.show import to_stderr


@click.command("warm", hidden=True)
def command() -> None:
    """Compile the scanner, the kernel, the series model and the simulator into their cache."""
    started = time.monotonic()
    simulation = simulate(SimulationConfig(merchants=20, days=0.25))
    simulation.ledger()
    simulation.violations()
    SeriesModel().score(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))
    compile_engine()
    compile_reader()
    with TemporaryDirectory() as folder, SqliteLog(Path(folder) / "tillwatch.db") as log:
        create_topics(log)
        lines = Path(folder) / "events.jsonl"
        write_jsonl(simulation, lines)
        feed_simulation(log, simulation)
        with lines.open("rb") as opened:
            ingest(log, opened, name="warm", historic=True)
    marker().touch()
    to_stderr().print(f"compiled in {time.monotonic() - started:.1f} s; kept for the next start")


def marker() -> Path:
    """A file that is there when this version was compiled."""
    return cache_folder() / "warm"


def compile_engine() -> None:
    """Compile the scanner and the kernel by running a record through a monitor that is then forgotten."""
    sale = b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    monitor = Monitor(MonitorConfig(capacity=1), historic=True)
    monitor.process(Records.of([sale]))
    monitor.snapshot("m")

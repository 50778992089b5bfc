"""Imports and loads all that a worker or a feed needs. The fork server does so once; its children need not."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from streams.app import WorkerSettings
from streams.kafka import backend as kafka_backend
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from streams.worker import run_worker
from tests.faults import child, cluster, traffic
from tillwatch.feed import feed_simulation

__all__ = ["child", "cluster", "kafka_backend", "traffic"]

with TemporaryDirectory() as folder:
    path = Path(folder) / "tillwatch.db"
    with SqliteLog(path) as log:
        create_topics(log, 1)
        feed_simulation(log, simulate(SimulationConfig(merchants=5, days=0.1)))
    run_worker(
        WorkerSettings(address=SqliteAddress(path), partitions=1),
        lambda partition, partitions: Monitor(MonitorConfig(capacity=10), partition, partitions, checkpoints=True),
        until_idle=True,
    )

"""Compiles the engine, or loads it from its cache, before anyone waits for it."""

from __future__ import annotations

from engine.decoding.card_scan import find_stars
from engine.decoding.records import Records
from engine.features.partition import MonitorConfig
from engine.features.pipeline import FeaturePipeline
from engine.monitor import Monitor


def compile_engine() -> None:
    """Compile the scanner and the kernel by running a record through a monitor that is then forgotten."""
    sale = b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    monitor = Monitor(MonitorConfig(capacity=1), historic=True)
    monitor.process(Records.of([sale]))
    monitor.snapshot("m")
    find_stars("4" * 16)


def compile_kernel() -> None:
    """Compile the kernel alone: half of all that there is to compile."""
    FeaturePipeline(MonitorConfig(capacity=1)).compile_kernel()

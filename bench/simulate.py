"""How fast the simulator writes on one core: `taskset -c 0 python bench/simulate.py`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from domain.timestamps import HOUR_MS

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from simulator.write import write_jsonl


def measure(simulation: Simulation, name: str) -> None:
    """Print the rates of generating, of generating and writing, and of the ledger."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        start = time.perf_counter()
        lines = write_jsonl(simulation, path)
        to_file_s = time.perf_counter() - start
        size = path.stat().st_size
    start = time.perf_counter()
    records = payload = 0
    for batch in simulation.batches():
        records += len(batch)
        payload += len(batch.data)
    to_memory_s = time.perf_counter() - start
    start = time.perf_counter()
    simulation.ledger()
    ledger_s = time.perf_counter() - start
    print(
        f"{name:28} {records:>9,} records of {payload / records:5.1f} bytes: "
        f"{records / to_memory_s:>9,.0f}/s in memory, {lines / to_file_s:>9,.0f}/s and "
        f"{size / to_file_s / 1e6:5.0f} MB/s to a file, ledger {records / ledger_s:>9,.0f}/s"
    )


def main() -> None:
    """Measure both sizes of record, few merchants and many."""
    morning_ms = SimulationConfig().start_ms + 9 * HOUR_MS
    for merchants, days, mean in ((1_000, 14.0, 60.0), (100_000, 0.5, 20.0), (1_000_000, 0.125, 10.0)):
        for record_size in ("usual", "all"):
            config = SimulationConfig(
                merchants=merchants,
                start_ms=morning_ms,
                days=days,
                tx_per_merchant_day=mean,
                record_size=record_size,
            )
            start = time.perf_counter()
            simulation = simulate(config)
            next(simulation.batches())
            built_s = time.perf_counter() - start
            measure(simulation, f"{merchants:,} merchants, {record_size}")
            print(f"{'':28} built in {built_s:.1f} s")


if __name__ == "__main__":
    main()

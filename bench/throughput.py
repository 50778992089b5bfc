"""What one core carries: the engine alone, and end to end on the embedded log with `synchronous=FULL`.

    taskset -c 0 python -m bench.throughput [--records 500000] [--merchants 10000] [--rounds 3] [--json]

For 358- and 700-byte records of the simulator. Rounds alternate between the cases, so that a machine whose speed drifts
is fair to all; quote medians, and ratios within one run. The share of each step is of the engine's own time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.places import Embedded
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from streams.addresses import address_of
from streams.app import WorkerSettings
from streams.topics import create_topics
from streams.worker import run_worker
from tests.watching import Watching
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 5000


class Clock:
    """Time spent in named steps."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.spent[name] = self.spent.get(name, 0.0) + time.perf_counter() - begun

    def wrap(self, holder: Any, method: str, name: str) -> None:
        """Time every call of a method."""
        call = getattr(holder, method)

        def timed(*args: Any) -> Any:
            with self.step(name):
                return call(*args)

        setattr(holder, method, timed)


def simulation(size: str, merchants: int, records: int) -> Simulation:
    days = max(1, records // (merchants * 60) + 1)
    return simulate(SimulationConfig(merchants=merchants, days=days, record_size=size, seed=7))


def batches(source: Simulation, records: int) -> tuple[Records, list[Records]]:
    """The master data of a simulation, and its first `records` as full batches."""
    values: list[bytes] = []
    for batch in source.batches():
        values += batch.values()
        if len(values) >= records:
            break
    return Records.of(source.master_records()), [
        Records.of(values[i : i + BATCH], first_offset=i) for i in range(0, records - BATCH + 1, BATCH)
    ]


def engine_alone(master: Records, given: list[Records], *, clock: Clock | None = None) -> float:
    """Records a second through one monitor that knows its merchants."""
    monitor = Monitor(MonitorConfig(capacity=1_200_000))
    monitor.process(master)
    if clock is not None:
        _time_steps(monitor, clock)
    begun = time.perf_counter()
    for batch in given:
        monitor.process(batch)
    return sum(map(len, given)) / (time.perf_counter() - begun)


def _time_steps(monitor: Any, clock: Clock) -> None:
    pipeline = monitor._pipeline
    for holder, method, name in (
        (pipeline._decoder, "decode", "decode"),
        (pipeline, "_stage", "master data, receipt"),
        (pipeline.state, "make_room", "make room"),
        (monitor._judge, "judge", "detectors, episodes, score"),
    ):
        clock.wrap(holder, method, name)
    run = pipeline._composition.run

    class Timed:
        def __getattr__(self, name: str) -> Any:
            return getattr(composition, name)

        def run(self, *args: Any) -> int:
            with clock.step("kernel"):
                return run(*args)

    composition = pipeline._composition
    pipeline._composition = Timed()


def end_to_end(place: Embedded) -> float:
    """Records a second of a worker that reads a filled log to its end, publishing as it goes, after the first tenth."""
    place.drop_state()  # an earlier round's
    settings = WorkerSettings(address=address_of(place.url, {}), batch_records=BATCH)
    marks: list[tuple[float, int]] = []
    run_worker(
        settings,
        lambda partition, partitions: Monitor(MonitorConfig(), partition, partitions, checkpoints=True),
        until_idle=True,
        observer=Watching(lambda it: marks.append((time.perf_counter(), it.counts["records"]))),
    )
    whole = marks[-1][1]
    (first_s, before) = next(mark for mark in marks if mark[1] >= whole / 10)  # master data lies before
    (last_s, after) = next(mark for mark in marks if mark[1] == whole)
    return (after - before) / (last_s - first_s)


def fill(place: Embedded, source: Simulation, records: int) -> None:
    with place.log() as log:
        create_topics(log)
        reached = 0

        def note(count: int, _: int) -> None:
            nonlocal reached
            reached = count

        feed_simulation(log, source, stop=lambda: reached >= records, on_progress=note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--merchants", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results: dict[str, list[float]] = {}
    steps: dict[str, dict[str, float]] = {}
    sizes: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        cases, places = {}, {}
        for size in ("usual", "all"):
            source = simulation(size, args.merchants, args.records)
            given = batches(source, args.records)
            sizes[size] = sum(each.value_bytes for each in given[1]) / sum(len(each) for each in given[1])
            places[size] = Embedded(Path(folder), f"{size}.db")
            fill(places[size], source, args.records)
            cases[size] = given
        engine_alone(*cases["usual"])
        for _ in range(args.rounds):
            for size, given in cases.items():
                results.setdefault(f"engine alone, {size}", []).append(engine_alone(*given))
                results.setdefault(f"end to end, {size}", []).append(end_to_end(places[size]))
        for size, given in cases.items():
            clock = Clock()
            rate = engine_alone(*given, clock=clock)
            whole = sum(map(len, given[1])) / rate
            steps[size] = {name: spent / whole for name, spent in clock.spent.items()}
            steps[size]["the rest"] = 1 - sum(steps[size].values())
    report(args.json, args.records, args.merchants, sizes, results, steps)


def report(
    as_json: bool, records: int, merchants: int, sizes: dict[str, float], results: dict[str, list[float]],
    steps: dict[str, dict[str, float]],
) -> None:  # fmt: skip
    if as_json:
        print(json.dumps({
            "records": records, "merchants": merchants, "bytes": sizes, "records_per_second": results, "share": steps,
        }))  # fmt: skip
        return
    print(f"{records:,} records, {merchants:,} merchants, batches of {BATCH:,}, all columns and detectors")
    for name, found in results.items():
        size = sizes[name.split(", ")[1]]
        print(
            f"{name:24} {size:5.0f} bytes  median {statistics.median(found):>9,.0f}/s"
            f"  ({min(found):,.0f} to {max(found):,.0f})"
        )
    for size, shares in steps.items():
        print(f"engine, {size}: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))


if __name__ == "__main__":
    main()

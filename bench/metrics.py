"""What metrics cost: a record in a loop of its own, a scrape, and a worker's throughput with and without them.

    taskset -c 0 python -m bench.metrics [--records 300000] [--merchants 10000] [--rounds 3] [--json]

The loop repeats, on real batches of 5,000, everything that is done for metrics alone: the sums of findings, alerts and
dead letters, the standings of merchants whose score changed, and the observer. Rounds with and without alternate, for
the machine's speed drifts; processor time is the surer figure where others use the machine, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bench.places import Embedded
from bench.throughput import BATCH, batches, fill, simulation
from engine.monitor import Monitor, MonitorConfig
from engine.risk.standings import Standings
from engine.tallies import Tallies, add
from streams.addresses import address_of
from streams.app import WorkerSettings
from streams.endpoint import Endpoint
from streams.log import now_utc_ms
from streams.metrics import Metrics
from streams.observer import AssignedPartition, BatchReport, PartitionLook, Tallied
from streams.worker import run_worker
from tests.kafka.ports import free_ports
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.decoding.records import Records
    from engine.outputs import Outputs

REPEATS = 5
PARTITIONS = 4


@dataclass
class Calls:
    """What was called for metrics while a batch was judged, with what."""

    made: list[tuple[Callable[..., object], tuple[Any, ...]]] = field(default_factory=list)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the calls, which are made all the same."""
        self.made = []
        holders = ((Tallies, "count_findings"), (Tallies, "count_begun"), (Standings, "note"))
        with _patched(*((holder, name, self._noting(getattr(holder, name))) for holder, name in holders)):
            yield

    def _noting(self, call: Callable[..., object]) -> Callable[..., object]:
        def noting(*args: object) -> object:
            self.made.append((call, args))
            return call(*args)

        return noting


@contextmanager
def _patched(*given: tuple[object, str, object]) -> Iterator[None]:
    patches = [patch.object(*each) for each in given]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def loop(master: Records, given: list[Records]) -> dict[str, float]:
    """Nanoseconds a record that are spent for metrics alone, by what for; the least of `REPEATS` for each batch."""
    monitor, metrics, calls = Monitor(MonitorConfig(capacity=1_200_000), checkpoints=True), Metrics("bench"), Calls()
    monitor.process(master)
    metrics.on_assigned([AssignedPartition(0, Tallied.of(monitor), 0, None)])
    spent = {"sums and standings": 0.0, "dead letters and fields": 0.0, "observer": 0.0}
    for batch in given:
        with calls.noted():
            outputs = monitor.process(batch)
        report = BatchReport(0, outputs.counts.records, outputs, now_utc_ms(), 0.01, 0.01)
        sums = [(call, args) for call, args in calls.made if call.__name__ != "note"]
        notes = [(args[1], args[2], args[3]) for call, args in calls.made if call.__name__ == "note"]
        spent["sums and standings"] += _least(lambda s=sums, n=notes: _again(s, n))
        spent["dead letters and fields"] += _least(lambda o=outputs: _letters(o))
        spent["observer"] += _least(lambda r=report: metrics.on_batch(r))
    records = sum(map(len, given))
    return {name: seconds / records * 1e9 for name, seconds in spent.items()}


def _again(sums: list[tuple[Callable[..., object], tuple[Any, ...]]], notes: list[tuple[Any, ...]]) -> None:
    tallies, standings = Tallies(), Standings(_ACCOUNTS)
    for call, (_, *args) in sums:
        call(tallies, *args)
    for each in notes:
        standings.note(*each)


_ACCOUNTS: dict[int, Any] = {}


def _letters(outputs: Outputs) -> None:
    tallies = Tallies()
    for name, count in outputs.fields_dropped.items():
        add(tallies.fields_dropped, name, count)
    for letter in outputs.dead_letters:
        add(tallies.dead_letters, letter.reason, 1)


def _least(work: Callable[[], object]) -> float:
    found = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


def scrape(master: Records, given: list[Records]) -> dict[str, float]:
    """Milliseconds of a scrape of a worker with `PARTITIONS`: of the stream's time, and of a thread beside it."""
    monitor, metrics = Monitor(MonitorConfig(capacity=1_200_000), checkpoints=True), Metrics("bench", folder_names())
    for each in (master, *given):
        monitor.process(each)
    numbers = range(PARTITIONS)
    metrics.on_assigned([AssignedPartition(each, Tallied.of(monitor), 0, None) for each in numbers])
    metrics.on_look([PartitionLook(each, monitor, 0) for each in numbers])
    snapshot = metrics.snapshot()
    return {
        "snapshot": _least(metrics.snapshot) * 1e3,
        "writing": _least(lambda: metrics.written(snapshot)) * 1e3,
        "copy for a checkpoint": _least(lambda: Tallied.of(monitor)) * 1e3,
        "series": metrics.written(snapshot).count(b"\ntillwatch_"),
    }


def folder_names() -> list[str]:
    from detectors.registry import DETECTORS  # noqa: PLC0415

    return [each.name for each in DETECTORS]


def end_to_end(place: Embedded, *, on: bool) -> tuple[float, float]:
    """Records a second after the first tenth, by the clock and by processor time, with metrics or without any."""
    place.drop_state()
    settings = WorkerSettings(
        address=address_of(place.url, {}), batch_records=BATCH, health=Endpoint(*free_ports(1)) if on else Endpoint()
    )
    marks: list[tuple[float, float, int]] = []
    watching = Watching(lambda it: marks.append((time.perf_counter(), time.process_time(), it.counts["records"])))
    nothing = lambda *_: None  # noqa: E731
    without = [(Tallies, "count_findings", nothing), (Tallies, "count_begun", nothing), (Standings, "note", nothing)]
    with _patched(*([] if on else without)):
        run_worker(
            settings,
            lambda partition, partitions: Monitor(MonitorConfig(), partition, partitions, checkpoints=True),
            until_idle=True,
            observer=watching,
            metrics=Metrics("bench", folder_names()) if on else None,
        )
    whole = marks[-1][2]
    first_s, first_cpu_s, before = next(mark for mark in marks if mark[2] >= whole / 10)
    last_s, last_cpu_s, after = next(mark for mark in marks if mark[2] == whole)
    return (after - before) / (last_s - first_s), (after - before) / (last_cpu_s - first_cpu_s)


def rounds(source: Any, records: int, count: int) -> dict[str, dict[str, list[float]]]:
    """Rates by the clock and by processor time, with and without metrics, of rounds that alternate."""
    found: dict[str, dict[str, list[float]]] = {each: {"on": [], "off": []} for each in ("clock", "processor")}
    with tempfile.TemporaryDirectory() as folder:
        place = Embedded(Path(folder), "metrics.db")
        fill(place, source, records)
        end_to_end(place, on=True)  # the first loads everything
        for k in range(2 * count):
            on = k % 4 in {0, 3}
            for what, rate in zip(found, end_to_end(place, on=on), strict=True):
                found[what]["on" if on else "off"].append(rate)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--merchants", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    source = simulation("usual", args.merchants, args.records)
    given = batches(source, args.records)
    cost = loop(*given)
    read = scrape(*given)
    rates = rounds(source, args.records, args.rounds)
    if args.json:
        print(json.dumps({"ns_a_record": cost, "scrape_ms": read, "records_per_second": rates}))
        return
    print(f"in a loop of its own: {sum(cost.values()):.1f} ns a record of " + _listed(cost, "ns"))
    print(f"a scrape of {PARTITIONS} partitions, {read.pop('series'):,.0f} series: " + _listed(read, "ms"))
    for what, by in rates.items():
        on, off = (statistics.median(by[each]) for each in ("on", "off"))
        print(f"by {what}: {on:,.0f} records/s with metrics, {off:,.0f} without: {on / off:.3f}")


def _listed(figures: dict[str, float], unit: str) -> str:
    return ", ".join(f"{name} {figure:.2f} {unit}" for name, figure in figures.items())


if __name__ == "__main__":
    main()

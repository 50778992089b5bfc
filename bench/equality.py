"""Invariant 1 at length: the same alerts, scores, dead letters and sums, whatever carried the events, whoever worked.

    python -m bench.equality [--records 5000000] [--only kafka-2x1] [--json FILE] [--keep FOLDER]

A simulation with violations, disorder, late records and duplicates is fed to SQLite with 1, 2 and 4 partitions, and to
a Kafka broker of its own with 1, 2 and 4 partitions and 1 and 2 workers, each `tillwatch worker --until-idle` in a
process of its own, as anyone starts it. Compared is what is committed when all have ended: each alert's last revision
and each merchant's last score with every field but `epoch`, dead letters by reason, field and record, and the sums of
every merchant, restored from the last checkpoints; with the first case's, and the sums with the simulator's own ledger.
What differs is shown, and the exit code is 1. Records are those of all partitions, with the clock records of each, and
on Kafka the markers of transactions; owners are those that the partitions have had in all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.places import OnKafka
from engine.outputs import Counts
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate
from streams.kafka.address import KafkaAddress
from streams.sqlite.address import SqliteAddress
from streams.topics import TOPICS, create_topics
from tests.faults.cluster import CommittedLog
from tests.outcome import Result, differences, ledger_differences, result_of
from tillwatch.feed import feed_simulation
from tillwatch.logs import file_address
from tillwatch.settings import load
from tillwatch.state import last_checkpoint, looking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.sqlite.log import SqliteLog
    from tillwatch.settings import Settings

ROOT = Path(__file__).parents[1]
DAYS = 10.0
SHOWN = 12


@dataclass(frozen=True)
class Case:
    """A backend, how many partitions it has, and how many workers share them."""

    backend: str
    partitions: int
    workers: int

    @property
    def name(self) -> str:
        return f"{self.backend}-{self.partitions}x{self.workers}"


CASES = [
    *(Case("sqlite", partitions, 1) for partitions in (1, 2, 4)),
    *(Case("kafka", partitions, workers) for partitions in (1, 2, 4) for workers in (1, 2)),
]


@dataclass
class Outcome:
    """What a case came to, and how it went.

    Attributes:
        result: what its readers see, and the sums.
        records: in `events`.
        owners: how often a partition changed hands, its first owner included.
        fed_s: seconds that feeding took.
        worked_s: seconds from the start of the workers to the end of the last.
    """

    result: Result
    records: int
    owners: int
    fed_s: float
    worked_s: float


def simulation_of(records: int) -> Simulation:
    """About so many records of ten days, with everything in them that could come out otherwise."""
    merchants = max(20, round(records / (64 * DAYS)))
    return simulate(SimulationConfig(
        seed=20_26, merchants=merchants, days=DAYS, jump_share=0.1, volume_share=0.05, fee_share=0.05, undo_share=0.02,
        refund_share=0.02, duplicate_share=0.02, late_share=0.003, future_share=0.0005, disorder_s=60,
        mcc_change_share=0.03,
    ))  # fmt: skip


def run(case: Case, simulation: Simulation, url: str) -> Outcome:
    """Feed a new log, let workers do everything, and read what came of it."""
    settings = load(log_url=url, partitions=case.partitions)
    with opened(settings) as log:
        create_topics(log, case.partitions)
        begun = time.monotonic()
        feed_simulation(log, simulation)
        records = sum(log.end_offset(TOPICS.events.name, each) for each in range(case.partitions))
    fed_s, begun = time.monotonic() - begun, time.monotonic()
    work(case, url)
    worked_s = time.monotonic() - begun
    counts, totals, owners = Counts(), [], 0
    with looking(settings) as store:
        for partition in range(case.partitions):
            manifest, monitor = last_checkpoint(settings, store, partition)
            counts.add(monitor.counts)
            totals += list(monitor.totals())
            owners += manifest.epoch
    with opened(settings) as log:
        return Outcome(result_of(log, case.partitions, counts, totals), records, owners, fed_s, worked_s)


def opened(settings: Settings) -> SqliteLog | CommittedLog:
    """The log, of which only what is committed is read."""
    address = settings.address()
    if isinstance(address, KafkaAddress):
        return CommittedLog(address.options)
    return file_address(settings).open(settings.topics())


def work(case: Case, url: str) -> None:
    """Let the case's workers do everything; raises CalledProcessError where one fails."""
    told = {"TILLWATCH_LOG_URL": url, "TILLWATCH_PARTITIONS": str(case.partitions), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tillwatch", "worker", "--until-idle"]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as nowhere:
        workers = []
        for _ in range(case.workers):
            worker = subprocess.Popen(command, cwd=nowhere, env=os.environ | told, stderr=subprocess.DEVNULL)
            stack.callback(worker.wait)
            stack.callback(worker.kill)
            workers.append(worker)
        for each in workers:
            if each.wait():
                raise subprocess.CalledProcessError(each.returncode, command)


def urls(cases: list[Case], folder: Path) -> Iterator[tuple[Case, str]]:
    """Each case with a log that nobody has used; the broker ends with the last."""
    with ExitStack() as stack:
        place: OnKafka | None = None
        for case in cases:
            if case.backend == "sqlite":
                yield case, SqliteAddress(folder / f"{case.name}.db").url
                continue
            if place is None:
                place = stack.enter_context(OnKafka(folder))
            yield case, place.url
            place.drop_all()


def compare(cases: list[Case], simulation: Simulation, folder: Path) -> dict[str, dict[str, Any]]:
    """Run each case; what to say of it, by its name."""
    found: dict[str, dict[str, Any]] = {}
    first: Result | None = None
    for case, url in urls(cases, folder):
        outcome = run(case, simulation, url)
        result = outcome.result
        first = first or result
        found[case.name] = {
            "records": outcome.records, "alerts": len(result.alerts), "scores": len(result.scores),
            "dead_letters": result.dead_letters.total(), "merchants": len(result.totals), "owners": outcome.owners,
            "fed_s": round(outcome.fed_s, 1), "worked_s": round(outcome.worked_s, 1),
            "records_per_second": round(outcome.records / outcome.worked_s), "counts": asdict(result.counts),
            "differences": differences(result, first), "against_ledger": ledger_differences(result, simulation),
        }  # fmt: skip
        show(case.name, found[case.name])
    return found


COLUMNS = ("records", "alerts", "scores", "dead_letters", "merchants", "owners", "fed_s", "worked_s")


def show(name: str, figures: Mapping[str, Any]) -> None:
    """Print a line of the table, and what differs."""
    differ = figures["differences"] + figures["against_ledger"]
    cells = "".join(f"{figures[each]:>14,}" for each in COLUMNS)
    print(f"{name:<12}{cells}  {f'{len(differ)} DIFFER' if differ else 'the same'}", flush=True)
    for each in differ[:SHOWN]:
        print(f"    {each}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--only", action="append", choices=[each.name for each in CASES], help="may be given again")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--keep", type=Path, help="a folder for logs and brokers that is not removed")
    args = parser.parse_args()
    cases = [each for each in CASES if args.only is None or each.name in args.only]
    simulation = simulation_of(args.records)
    print(f"{'case':<12}" + "".join(f"{each:>14}" for each in COLUMNS), flush=True)
    with ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tillwatch-equality-")))
        folder.mkdir(parents=True, exist_ok=True)
        found = compare(cases, simulation, folder)
    if args.json:
        args.json.write_text(json.dumps({"config": asdict(simulation.config), "cases": found}, indent=2) + "\n")
    sys.exit(any(each["differences"] or each["against_ledger"] for each in found.values()))


if __name__ == "__main__":
    main()

"""Partitions go from an older version to a newer one and back, twice; what both versions can find must be the same.

    python -m bench.upgrade [--merchants 200000] [--records 2000000] [--only sqlite]

The newer version has one family of features more (`numbers`), the detector that reads it (`mcc_rotation`), and one
detector fewer (`volume_decline`). In each of five phases a fifth of the records is fed; then the other version takes
over. On the embedded log its worker starts when the one before has ended; on Kafka a worker joins the group while the
one before goes on, which leaves once the new one has partitions: partitions move by rebalances, both ways.

Compared with a monitor that read the log from its first to its last record at once, with the detectors of both: the
alerts of the detectors that both versions run, in their last revisions with all evidence, and the sums of every
merchant. `mcc_rotation` must find nothing of a merchant that is not new: of whom a record lies before where the newer
version began to read, which after a rebalance is where the last checkpoint was.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.equality import opened
from bench.places import PARTITIONS, Embedded, OnKafka, settings_of
from detectors.registry import make_detectors
from engine.decoding.hashing import partition_of
from engine.features.families import numbers
from engine.features.families.registry import FAMILIES
from engine.monitor import Monitor, MonitorConfig
from engine.outputs import Counts
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from streams.checkpointing import restore
from streams.topics import TOPICS, create_topics
from streams.worker import run_worker
from tests.faults.waiting import wait_until
from tests.outcome import result_of
from tests.watching import Watching
from tillwatch.feed import feed_simulation
from tillwatch.logs import read_controls
from tillwatch.settings import load
from tillwatch.state import looking

if TYPE_CHECKING:
    from domain.alerts import Alert
    from simulator.simulation import Simulation

ROOT = Path(__file__).parents[1]
PHASES = ("older", "newer", "older", "newer", "older")
NEW, REMOVED = "mcc_rotation", "volume_decline"


def monitor(version: str, partition: int, partitions: int) -> Monitor:
    """A partition's monitor of a version."""
    missing = NEW if version == "older" else REMOVED
    detectors = [each for each in make_detectors() if each.name != missing]
    families = tuple(each for each in FAMILIES if version == "newer" or each is not numbers)
    return Monitor(
        MonitorConfig(), partition, partitions, detectors=detectors, historic=True, checkpoints=True, families=families
    )


def work(version: str, url: str) -> None:
    """Be a worker of a version until told to end; print the offsets it has come to, by partition."""
    monitor(version, 0, 1)  # loaded before a group knows of it
    run_worker(
        settings_of(url, 2.0), lambda partition, partitions: monitor(version, partition, partitions),
        observer=Watching(lambda it: print(msgspec.json.encode(it.next_offsets).decode(), flush=True)),
    )  # fmt: skip


class Worker:
    """A worker in a process of its own."""

    def __init__(self, version: str, url: str, folder: Path, number: int) -> None:
        self.said = folder / f"{number}-{version}.out"
        command = [sys.executable, "-m", "bench.upgrade", "--work", version, "--url", url]
        with self.said.open("w") as out, self.said.with_suffix(".err").open("w") as err:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, env=dict(os.environ))

    def offsets(self) -> dict[int, int]:
        """Where it has come to, by partition; empty before it has any."""
        lines = [each for each in self.said.read_text().splitlines() if each.endswith("}")]
        assert self.process.poll() is None, self.said.with_suffix(".err").read_text()[-2_000:]
        return msgspec.json.decode(lines[-1], type=dict[int, int]) if lines else {}

    def began(self) -> dict[int, int]:
        """Where it began to read, by partition."""
        found: dict[int, int] = {}
        for line in self.said.read_text().splitlines():
            for partition, offset in msgspec.json.decode(line, type=dict[int, int]).items():
                found.setdefault(partition, offset)
        return found

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        assert code == 0, self.said.with_suffix(".err").read_text()[-2_000:]


def feed(place: Embedded | OnKafka, simulation: Simulation, most: int) -> dict[int, int]:
    """Feed some `most` further records; the end offset of each partition."""
    fed = 0

    def note(count: int, _: int) -> None:
        nonlocal fed
        fed = count

    with place.log() as log:
        feed_simulation(log, simulation, stop=lambda: fed >= most, on_progress=note)
        return {each: log.end_offset(TOPICS.events.name, each) for each in range(PARTITIONS)}


def go(place: Embedded | OnKafka, simulation: Simulation, records: int, folder: Path) -> dict[int, int]:
    """Feed phase by phase, each to a worker of the other version; where the newer one first began, by partition."""
    before: Worker | None = None
    began: dict[int, int] = {}
    for number, version in enumerate(PHASES):
        if before is not None and place.name == "SQLite":
            before.end()
        ends = feed(place, simulation, records // len(PHASES))
        worker, begun = Worker(version, place.url, folder, number), time.monotonic()
        if before is not None and place.name == "Kafka":
            wait_until(worker.offsets, f"{worker.said.name}: partitions are assigned", 120, poll_s=0.1)
            before.end()
        wait_until(lambda: reached(worker, ends), f"{worker.said.name}: all is read", 600, poll_s=0.1)  # noqa: B023
        print(f"  {version}: {sum(ends.values()):,} records after {time.monotonic() - begun:.1f} s", flush=True)
        if version == "newer":
            began = {each: min(at, began.get(each, at)) for each, at in worker.began().items()}
        before = worker
    assert before is not None
    before.end()
    return began


def reached(worker: Worker, ends: dict[int, int]) -> bool:
    found = worker.offsets()
    # Markers of transactions take offsets, too: a few at the end are never handed out.
    return len(found) == PARTITIONS and all(found[each] >= end - 2 for each, end in ends.items())


def alone(place: Embedded | OnKafka, merchants: int) -> dict[str, Any]:
    """What a monitor finds that reads the log from its first to its last record; by alert, and the merchants' sums."""
    alerts: dict[str, Any] = {}
    totals, detectors = [], [each for each in make_detectors() if each.name not in {NEW, REMOVED}]
    with place.log() as log:
        for partition in range(PARTITIONS):
            one = Monitor(MonitorConfig(capacity=merchants), partition, PARTITIONS, detectors=detectors, historic=True)
            offset = 0
            while len(records := log.read(TOPICS.events.name, partition, offset, 5_000)):
                outputs = one.process(records)
                alerts |= {each.alert_id: as_read(each) for each in sorted(outputs.alerts, key=lambda it: it.revision)}
                offset = int(records.offsets[-1]) + 1
            totals += list(one.totals())
    return {"alerts": alerts, "totals": totals}


def as_read(alert: Alert) -> dict[str, Any]:
    """An alert as a reader of the topic has it, without the epoch."""
    return {name: value for name, value in json.loads(msgspec.json.encode(alert)).items() if name != "epoch"}


def is_known(place: Embedded | OnKafka, merchant_id: str, began: dict[int, int]) -> bool:
    """Whether a record of the merchant lies before where the newer version began."""
    partition, offset, told = partition_of(merchant_id.encode(), PARTITIONS), 0, f'"{merchant_id}"'.encode()
    with place.log() as log:
        while offset < began[partition] and len(records := log.read(TOPICS.events.name, partition, offset, 5_000)):
            if any(
                told in records.value(i) and int(records.offsets[i]) < began[partition] for i in range(len(records))
            ):
                return True
            offset = int(records.offsets[-1]) + 1
    return False


def compared(place: Embedded | OnKafka, merchants: int, began: dict[int, int]) -> list[str]:
    """What differs, in lines; none where nothing does."""
    settings = load(log_url=place.url, partitions=PARTITIONS)
    want, totals, counts = alone(place, merchants), [], Counts()
    with looking(settings) as store:
        for partition in range(PARTITIONS):
            manifest = store.manifest(partition)
            assert manifest is not None
            one = monitor(PHASES[-1], partition, PARTITIONS)
            one.learn(read_controls(settings))
            restore(one, manifest, store.pages(manifest))
            counts.add(one.counts)
            totals += list(one.totals())
    with opened(settings) as log:
        result = result_of(log, PARTITIONS, counts, totals)
    got, both = result.alerts, {NEW, REMOVED}
    common = {key: each for key, each in got.items() if each["detector"] not in both}
    differ = [f"not found: {describe(each)}" for key, each in want["alerts"].items() if key not in got]
    differ += [f"found besides: {describe(each)}" for key, each in common.items() if key not in want["alerts"]]
    differ += [f"other: {describe(each)}" for key, each in common.items() if want["alerts"].get(key, each) != each]
    differ += [f"of the new: {describe(each)}" for each in got.values()
               if each["detector"] == NEW and is_known(place, each["merchant_id"], began)]  # fmt: skip
    print(f"  {len(want['alerts']):,} alerts expected, {len(common):,} found", flush=True)
    if {each.merchant_id: each for each in totals} != {each.merchant_id: each for each in want["totals"]}:
        differ.append("the sums of merchants differ")
    print(f"  {len(totals):,} merchants' sums compared, {counts.dead_letters:,} dead letters", flush=True)
    return differ


def describe(alert: dict[str, Any]) -> str:
    return f"{alert['detector']} {alert['merchant_id']} revision {alert['revision']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merchants", type=int, default=200_000)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--only", choices=("sqlite", "kafka"))
    parser.add_argument("--work", choices=("older", "newer"), help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work, args.url)
        return
    simulation = simulate(SimulationConfig(seed=20_26, merchants=args.merchants, days=3, jump_share=0.05))
    differ: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tillwatch-upgrade-")))
        for name in ("sqlite", "kafka") if args.only is None else (args.only,):
            place = Embedded(folder) if name == "sqlite" else stack.enter_context(OnKafka(folder))
            print(place.name, flush=True)
            with place.log() as log:
                create_topics(log, PARTITIONS)
            began = go(place, simulation, args.records, folder)
            differ += compared(place, args.merchants, began)
    for each in differ[:20]:
        print(f"    {each}")
    print(f"{len(differ)} DIFFER" if differ else "the same")
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()

"""What one worker carries on Kafka with everything on, and how soon an alert can be read.

    python -m bench.kafka [--records 1000000] [--merchants 10000] [--rounds 3] [--only throughput]
    python -m bench.kafka [--rate 2000] [--seconds 30] --only latency

All columns and detectors, checkpoints every 5 s, alerts out, 4 partitions, lz4, batches of 5,000. A broker of its own
on core 0, the worker on core 1. Latency: sales at a steady rate, of which every hundredth is a shop's first and has a
foreign MCC, from 10,000 a second on every 450th, as many as the simulator's alerts; from when it is given to the
producer until the alert about it was read. The first fifth is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.throughput import BATCH, simulation
from domain.alerts import Alert
from engine.decoding.hashing import partition_of
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from streams.app import WorkerSettings
from streams.kafka.address import KafkaAddress
from streams.kafka.log import KafkaLog
from streams.kafka.options import KafkaOptions
from streams.topics import TOPICS, create_topics
from streams.worker import run_worker
from tests.kafka.broker import STEADY, Cluster
from tests.watching import Watching
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.simulation import Simulation
    from streams.topics import Topics

PARTITIONS = 4
_START_MS = 1_780_000_000_000
_BROKER, _WORKER = {0}, {1}


def monitor(partition: int, partitions: int) -> Monitor:
    """With everything on."""
    return Monitor(MonitorConfig(), partition, partitions, checkpoints=True)


def worker_settings(options: KafkaOptions, group: str, topics: Topics = TOPICS) -> WorkerSettings:
    return WorkerSettings(
        address=KafkaAddress(options), topics=topics, group=group, partitions=PARTITIONS, batch_records=BATCH
    )


def throughput(source: Simulation, records: int, rounds: int) -> list[dict[str, float]]:
    """Records a second of a worker that reads filled topics to their end, after the first tenth, round by round."""
    found = []
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder)) as broker:
        options = KafkaOptions(bootstrap=(broker.bootstrap,), compression="lz4")
        fill(options, source, records)
        for k in range(rounds):
            state = replace(TOPICS.checkpoints, name=f"checkpoints-{k}")  # of its own
            settings = worker_settings(options, f"bench-{k}", replace(TOPICS, checkpoints=state))
            found.append(read_to_end(settings))
    return found


def read_to_end(settings: WorkerSettings) -> dict[str, float]:
    marks: list[tuple[float, float, int]] = []
    os.sched_setaffinity(0, _WORKER)
    run_worker(
        settings, monitor, until_idle=True,
        observer=Watching(
            lambda it: marks.append((time.perf_counter(), time.process_time(), it.counts["records"]))
        ),
    )  # fmt: skip
    whole = marks[-1][2]
    first_s, first_cpu_s, before = next(mark for mark in marks if mark[2] >= whole / 10)  # master data lies before
    last_s, last_cpu_s, after = next(mark for mark in marks if mark[2] == whole)
    count = after - before
    return {"rate": count / (last_s - first_s), "cpu_us": (last_cpu_s - first_cpu_s) / count * 1e6}


def cluster(folder: Path) -> Cluster:
    os.sched_setaffinity(0, _BROKER)  # what is started inherits it
    return Cluster(folder, java=STEADY)


def fill(options: KafkaOptions, source: Simulation, records: int) -> None:
    os.sched_setaffinity(0, _BROKER | _WORKER)
    reached = 0

    def note(count: int, _: int) -> None:
        nonlocal reached
        reached = count

    with KafkaLog(options) as log:
        create_topics(log, PARTITIONS)
        feed_simulation(log, source, stop=lambda: reached >= records, on_progress=note)


# -- latency


_SALE = json.dumps({
    "txn_id": "t%09d", "merchant_id": "%s", "amount": 12_800, "currency": "CNY", "event_time": "%d",
    "received_at": "%d", "terminal_id": "21000417", "acceptor_id": "898210158120002", "mcc": "%s",
    "scheme": "unionpay", "txn_type": "purchase", "card_kind": "credit", "entry_mode": "051", "card_token": "%032x",
    "card_last4": "7894", "response_code": "00", "stan": "%06d",
}).replace('"%d"', "%d")  # fmt: skip


def sale(number: int, merchant: str, mcc: str, now_ms: int) -> bytes:
    """A sale of some 350 bytes."""
    return (_SALE % (number, merchant, now_ms, now_ms, mcc, number, number % 10**6)).encode()


def probe_every(rate: int) -> int:
    """One of how many sales is a probe."""
    return 100 if rate < 10_000 else 450


def master(merchant: str) -> bytes:
    return json.dumps({
        "type": "merchant", "merchant_id": merchant, "effective_from": _START_MS, "mccs": ["5812"],
    }).encode()  # fmt: skip


def latency(rate: int, seconds: int) -> dict[str, float]:
    """Percentiles of the time from a produced sale to the alert about it, ms."""
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder)) as broker:
        options = KafkaOptions(bootstrap=(broker.bootstrap,), compression="lz4")
        probes = [f"p{k:06d}" for k in range(rate * seconds // probe_every(rate))]
        usual = [f"m{k:06d}" for k in range(max(2_000, rate // 10))]
        with KafkaLog(options) as log:
            create_topics(log, PARTITIONS)
            each = [[master(m) for m in probes + usual if home(m) == p] for p in range(PARTITIONS)]
            log.append_each(TOPICS.events.name, each)
        command = [sys.executable, "-m", "bench.kafka", "--worker", broker.bootstrap]
        worker = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, _WORKER))  # noqa: PLW1509
        try:
            time.sleep(15)  # it has loaded its kernel and taken the master data in
            return measured(options, rate, probes, usual)
        finally:
            worker.terminate()
            worker.wait()


def home(merchant: str) -> int:
    return partition_of(merchant.encode(), PARTITIONS)


def measured(options: KafkaOptions, rate: int, probes: Sequence[str], usual: Sequence[str]) -> dict[str, float]:
    """Produce in a process, read in this one."""
    code = f"from bench.kafka import produce; produce({options.bootstrap[0]!r}, {rate}, {len(probes)}, {len(usual)})"
    with tempfile.TemporaryFile("w+") as said:
        producer = subprocess.Popen([sys.executable, "-c", code], stdout=said)
        read_ns = asyncio.run(read_alerts(options, set(probes), producer))
        producer.wait()
        said.seek(0)
        sent_ns = {name: int(at) for name, at in map(str.split, said)}
    spent = np.array([(read_ns[each] - sent_ns[each]) / 1e6 for each in probes if each in read_ns])
    warm = spent[len(spent) // 5 :]
    return {
        "rate": rate, "probes": len(probes), "missing": len(probes) - len(spent),
        **{f"p{q}": float(np.percentile(warm, q)) for q in (50, 90, 99)}, "max": float(warm.max()),
    }  # fmt: skip


async def read_alerts(options: KafkaOptions, probes: set[str], producer: subprocess.Popen[bytes]) -> dict[str, int]:
    """When the first alert about each of these merchants was read; until all are, or 5 s after the producer's end."""
    read_ns: dict[str, int] = {}
    ended = math.inf
    topic = TOPICS.alerts.name
    async with AIOKafkaConsumer(topic, **options.client_kwargs(), auto_offset_reset="earliest") as consumer:
        while probes - read_ns.keys() and time.monotonic() < ended + 5:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for each in records:
                    read_ns.setdefault(msgspec.json.decode(each.value, type=Alert).merchant_id, time.time_ns())
            if ended == math.inf and producer.poll() is not None:
                ended = time.monotonic()
    return read_ns


def produce(bootstrap: str, rate: int, probes: int, usual: int) -> None:
    """Send sales at a steady rate, some every 5 ms; when each probe was sent, on standard output."""

    every, at_once = probe_every(rate), max(10, rate // 200)
    homes = {name: home(name) for name in [f"p{k:06d}" for k in range(probes)] + [f"m{k:06d}" for k in range(usual)]}

    async def run() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1, max_batch_size=1 << 20) as producer:
            begun = time.perf_counter()
            for first in range(0, probes * every, at_once):
                await asyncio.sleep(max(0.0, begun + first / rate - time.perf_counter()))
                batches = {}
                at = time.time_ns()
                for number in range(first, min(first + at_once, probes * every)):
                    is_probe = number % every == 0
                    merchant = f"p{number // every:06d}" if is_probe else f"m{number * 7919 % usual:06d}"
                    value = sale(number, merchant, "8062" if is_probe else "5812", at // 1_000_000)
                    if (partition := homes[merchant]) not in batches:
                        batches[partition] = producer.create_batch()
                    batches[partition].append(key=merchant.encode(), value=value, timestamp=None)
                    if is_probe:
                        print(merchant, at, flush=True)
                for partition, batch in batches.items():
                    await producer.send_batch(batch, TOPICS.events.name, partition=partition)

    asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--merchants", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--only", choices=("throughput", "latency"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    Monitor(MonitorConfig(capacity=10)).process(Records.of([sale(0, "m", "5812", _START_MS)]))  # loads the kernel
    if args.worker:
        run_worker(worker_settings(KafkaOptions(bootstrap=(args.worker,)), "bench"), monitor)
        return
    found: dict[str, Any] = {"records": args.records, "merchants": args.merchants}
    for size in ("usual", "all") if args.only != "latency" else ():
        rounds = throughput(simulation(size, args.merchants, args.records), args.records, args.rounds)
        found[size] = rounds
        rates, cpu = [each["rate"] for each in rounds], [each["cpu_us"] for each in rounds]
        if not args.json:
            print(
                f"{size:6} median {statistics.median(rates):>9,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f}),"
                f" {statistics.median(cpu):.2f} us of processor time a record"
            )
    if args.only != "throughput":
        found["latency_ms"] = latency(args.rate, args.seconds)
        if not args.json:
            print("latency " + ", ".join(f"{name} {value:,.1f}" for name, value in found["latency_ms"].items()))
    if args.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()

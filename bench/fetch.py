"""What it costs to fetch from Kafka: aiokafka's and confluent-kafka's records, and our batches.

    python bench/fetch.py [--records 600000] [--rounds 3] [--confluent /path/to/venv/bin/python]

A broker is started on core 0; each reader runs in a process of its own on core 1. The simulator's records of the usual
fields, lz4, one partition, batches of 5,000. The clock starts behind a reader's first batch. Rounds alternate between
the readers; quote medians. confluent-kafka is read where a Python that has it is named.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.fetch_confluent import BATCH, Clock
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from streams.kafka.fetcher import BatchKafkaConsumer
from tests.kafka.broker import STEADY, Cluster
from tests.kafka.topics import make_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

BROKER_CORE, READER_CORE = 0, 1
KEY = b"898210158120002"


async def read(name: str, bootstrap: str, topic: str, records: int, *, check_crcs: bool) -> str:
    """Read a topic to its end; the clock's report."""
    clock, tp = Clock(), TopicPartition(topic, 0)
    made: Any = BatchKafkaConsumer if name == "ours" else AIOKafkaConsumer
    async with made(bootstrap_servers=bootstrap, check_crcs=check_crcs) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        count = 0
        while count < records:
            if name == "ours":
                found = await consumer.getbatches(timeout_ms=1_000, max_records=BATCH)
                count = clock.count(sum(len(each.records) for each in found.values()))
            else:
                found = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
                count = clock.count(sum(map(len, found.values())))
        return clock.report()


def usual_records(count: int) -> list[bytes]:
    config = SimulationConfig(merchants=10_000, days=count // 600_000 + 1, record_size="usual", seed=7)
    values: list[bytes] = []
    for batch in simulate(config).batches():
        values += batch.values()
        if len(values) >= count:
            break
    return values[:count]


async def fill(bootstrap: str, topic: str, values: Sequence[bytes], batch_bytes: int) -> None:
    settings: Any = {"bootstrap_servers": bootstrap, "compression_type": "lz4", "max_batch_size": batch_bytes}
    async with AIOKafkaProducer(**settings) as producer:
        sent = []
        batch = producer.create_batch()
        for value in values:
            if batch.append(key=KEY, value=value, timestamp=None) is None:
                sent.append(await producer.send_batch(batch, topic, partition=0))
                batch = producer.create_batch()
                batch.append(key=KEY, value=value, timestamp=None)
        sent.append(await producer.send_batch(batch, topic, partition=0))
        await asyncio.gather(*sent)


def measure(records: int, rounds: int, sizes: Sequence[int], confluent: str | None) -> None:
    values = usual_records(records)
    print(f"{len(values):,} records of {sum(map(len, values)) / len(values):.0f} bytes")
    readers = {"aiokafka": [sys.executable, __file__, "--read", "aiokafka"]}
    if confluent:
        readers["confluent"] = [confluent, str(Path(__file__).with_name("fetch_confluent.py"))]
    readers["ours"] = [sys.executable, __file__, "--read", "ours"]
    os.sched_setaffinity(0, {BROKER_CORE})
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), java=STEADY) as kafka:
        for size in sizes:
            topic = make_topic(kafka.direct, "fetch")
            asyncio.run(fill(kafka.bootstrap, topic, values, size))
            print(f"\nproducer's batches of {size:,} bytes before compression")
            compare([kafka.bootstrap, topic, str(len(values))], readers, rounds)


def compare(where: list[str], readers: dict[str, list[str]], rounds: int) -> None:
    cases = [(name, crc) for name in readers for crc in ("1", "0")]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {case: [] for case in cases}
    for _ in range(rounds):
        for name, crc in cases:
            command = ["taskset", "-c", str(READER_CORE), *readers[name], *where, crc]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            found[name, crc].append((float(said[0]), float(said[1])))
    for (name, crc), figures in found.items():
        rates, cpu = zip(*figures, strict=True)
        print(
            f"{name:10} CRC-32C {'checked    ' if crc == '1' else 'not checked'} {statistics.median(rates):>10,.0f}/s"
            f" ({min(rates):,.0f} to {max(rates):,.0f}), CPU {statistics.median(cpu):.3f} µs a record"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-bytes", type=int, nargs="+", default=[1 << 14, 1 << 20])
    parser.add_argument("--confluent", help="a Python with confluent-kafka")
    parser.add_argument("--read", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        name, bootstrap, topic, records, crc = args.read
        print(asyncio.run(read(name, bootstrap, topic, int(records), check_crcs=crc == "1")))
    else:
        measure(args.records, args.rounds, args.batch_bytes, args.confluent)


if __name__ == "__main__":
    main()

"""Workers on a real broker, with a monitor that only sums, and what tests look at of them."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from domain.alerts import DeadLetter, Score
from streams.app import WorkerSettings
from streams.kafka.address import KafkaAddress
from tests.faults.waiting import wait_until
from tests.streams.sums import SumMonitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from engine.decoding.records import Records
    from engine.outputs import Counts, Outputs
    from streams.kafka.log import KafkaLog
    from streams.kafka.options import KafkaOptions
    from streams.worker import Worker

PARTITIONS = 3
GROUP = "tillwatch"
SOON_S = 15.0
"""Within which partitions go from one worker to another; a second or two where the machine does nothing else."""
Read = list[tuple[int, int]]
"""Partition and offset of each record that a worker read."""


def settings_of(options: KafkaOptions, **more: Any) -> WorkerSettings:
    told = {
        "address": KafkaAddress(options),
        "partitions": PARTITIONS,
        "batch_records": 50,
        "checkpoint_every_s": 0.2,
    }
    return WorkerSettings(**{**told, **more})


def values_of(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % i if i % 40 else b"odd" for i in range(start, start + count)]


def fill(log: KafkaLog, count: int, start: int = 0) -> None:
    log.append_each("events", [values_of(count, start)] * PARTITIONS)


def newest(log: KafkaLog, topic: str, *, committed: bool = True) -> dict[bytes, bytes]:
    """Each key's newest value, without the number of the owner that wrote it."""
    found: dict[bytes, bytes] = {}
    for partition in range(PARTITIONS):
        for each in log._run(log._reader.read(topic, partition, 0, 1_000_000, committed=committed)):
            assert each.key.split(b"-")[0] == b"m%d" % partition, "where its merchant's events are"
            found[each.key] = re.sub(rb',"epoch":\d+', b"", each.value)
    return found


def sums(log: KafkaLog) -> dict[str, float]:
    """By merchant, of which each partition has one, the sum that was published and committed last."""
    found = (msgspec.json.decode(each, type=Score) for each in newest(log, "merchant-risk").values())
    return {each.merchant_id: each.score for each in found}


def all_sums(count: int) -> dict[str, float]:
    """What the sums come to once the first `count` records of every partition are counted."""
    return {f"m{each}": sum(i for i in range(count) if i % 40) for each in range(PARTITIONS)}


def letters(log: KafkaLog, partition: int) -> list[DeadLetter]:
    found = log.read("dead-letters", partition, 0)
    return [msgspec.json.decode(found.value(i), type=DeadLetter) for i in range(len(found))]


def committed(log: KafkaLog) -> list[int | None]:
    return [log.committed(GROUP, "events", each) for each in range(PARTITIONS)]


def noting(read: Read) -> type[SumMonitor]:
    class Noting(SumMonitor):
        def process(self, records: Records) -> Outputs:
            read.extend((int(self.merchant[1:]), int(each)) for each in records.offsets)
            return super().process(records)

    return Noting


def everything(end: int) -> Read:
    return [(partition, offset) for partition in range(PARTITIONS) for offset in range(end)]


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(90):
            await test

    asyncio.run(bounded())


async def until(holds: Callable[[], object], what: str) -> None:
    await asyncio.to_thread(wait_until, holds, what, 45, poll_s=0.02)


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[Counts]]:
    """The worker in this loop; it is stopped at the end, unless it has ended."""
    running = asyncio.create_task(worker.run())
    try:
        yield running
    finally:
        if not running.done():
            worker.stop()
        await asyncio.wait({running})
    running.result()


async def feed(log: KafkaLog, start: int, holds: Callable[[], object], *reads: Read) -> int:
    """Append to every partition, on and on, until something holds; where that ends. It waits for those who read."""
    end = start
    while not holds():
        await asyncio.to_thread(fill, log, 40, end)
        end += 40
        least = PARTITIONS * (end - 400)
        await until(lambda: holds() or sum(map(len, reads)) > least, "what is appended is read")  # noqa: B023
    return end


def reach(end: int, *workers: Worker) -> Callable[[], bool]:
    """Whether these workers together have processed every partition up to `end`."""

    def holds() -> bool:
        offsets: dict[int, int] = {}
        for each in workers:
            offsets |= each.agent.next_offsets
        return offsets == dict.fromkeys(range(PARTITIONS), end)

    return holds

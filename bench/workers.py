"""What one and two workers carry on Kafka at many merchants, and what it costs when one joins and when one is killed.

    python -m bench.workers [--merchants 10000 100000 1000000] [--records 5000000] [--rounds 2] [--json FILE]

Zipf traffic of 356 bytes a record (`bench/zipf.py`), four partitions, a checkpoint every 5 s, nothing pinned: broker,
workers and whatever else runs share the machine's cores. One and two workers by turns. Rate and processor time are of
the records after each merchant came once, and after both workers have their partitions. Where the machine has other
work, processor time is what can be relied on. Then a second worker joins one that works on a backlog, and is killed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.checkpoints import fill
from bench.places import PARTITIONS, OnKafka, settings_of
from bench.zipf import Traffic
from streams.topics import TOPICS
from streams.worker import run_worker
from tests.faults.waiting import wait_until
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
EVERY_S = 5.0
PATIENCE_S = 240.0


@dataclass(frozen=True)
class Mark:
    """Where a worker was: seconds of the clock, seconds of its processor time, next offset by partition."""

    at_s: float
    cpu_s: float
    offsets: dict[int, int]


@dataclass
class Running:
    """A worker in a process of its own, and the marks that it has written."""

    process: subprocess.Popen[str]
    marks: list[Mark] = field(default_factory=list)

    @classmethod
    def start(cls, url: str) -> Running:
        command = [sys.executable, "-m", "bench.workers", "--work", url]
        running = cls(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        threading.Thread(target=running._read, daemon=True).start()
        return running

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            at_s, cpu_s, offsets = json.loads(line)
            self.marks.append(Mark(at_s, cpu_s, {int(each): offset for each, offset in offsets.items()}))

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait()

    def cpu_s(self, at_s: float) -> float:
        """Processor time at that moment, between the marks around it."""
        before = [each for each in self.marks if each.at_s <= at_s][-1]
        after = next((each for each in self.marks if each.at_s > at_s), before)
        share = (at_s - before.at_s) / (after.at_s - before.at_s) if after is not before else 0.0
        return before.cpu_s + share * (after.cpu_s - before.cpu_s)


def work(url: str) -> None:
    """The worker: a line for each look at its progress."""
    from engine.monitor import Monitor, MonitorConfig  # noqa: PLC0415  only the child needs it

    run_worker(
        settings_of(url, EVERY_S),
        lambda partition, of: Monitor(MonitorConfig(capacity=1_200_000), partition, of, checkpoints=True),
        observer=Watching(
            lambda it: print(json.dumps([time.time(), time.process_time(), it.next_offsets]), flush=True)
        ),
    )


def reached(workers: list[Running]) -> dict[int, int]:
    """The greatest next offset of each partition that any worker has shown."""
    found = dict.fromkeys(range(PARTITIONS), 0)
    for worker in workers:
        for mark in list(worker.marks):
            for partition, offset in mark.offsets.items():
                found[partition] = max(found[partition], offset)
    return found


def course(workers: list[Running]) -> list[tuple[float, int, bool]]:
    """By time: records processed in all so far, and whether every worker has partitions."""
    found = dict.fromkeys(range(PARTITIONS), 0)
    holds = [False] * len(workers)
    out = []
    for mark, k in sorted(((m, k) for k, w in enumerate(workers) for m in w.marks), key=lambda it: it[0].at_s):
        holds[k] = bool(mark.offsets)
        for partition, offset in mark.offsets.items():
            found[partition] = max(found[partition], offset)
        out.append((mark.at_s, sum(found.values()), all(holds)))
    return out


def whole(place: OnKafka) -> dict[int, int]:
    with place.log() as log:
        return {each: log.end_offset(TOPICS.events.name, each) for each in range(PARTITIONS)}


def until_all(workers: list[Running], ends: dict[int, int]) -> None:
    wait_until(lambda: reached(workers) == ends, f"workers have processed {ends}", PATIENCE_S, poll_s=0.2)


def shared(place: OnKafka, traffic: Traffic, count: int) -> dict[str, Any]:
    """So many workers over the whole log."""
    place.drop_state()
    ends = whole(place)
    workers = [Running.start(place.url) for _ in range(count)]
    try:
        until_all(workers, ends)
    finally:
        for each in workers:
            each.end()
    found = course(workers)
    total = sum(ends.values())
    first_s, before, _ = next(it for it in found if it[1] >= max(traffic.merchants, total / 10) and it[2])
    last_s, after, _ = next(it for it in found if it[1] == total)
    cpu_s = [each.cpu_s(last_s) - each.cpu_s(first_s) for each in workers]
    return {
        "workers": count, "records": after - before, "seconds": round(last_s - first_s, 2),
        "rate": round((after - before) / (last_s - first_s)), "cpu_s": [round(each, 2) for each in cpu_s],
        "cpu_us_a_record": round(sum(cpu_s) / (after - before) * 1e6, 2),
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def longest_gap_s(marks: list[Mark], partitions: set[int], since_s: float) -> float:
    """The longest time in which a worker's own partitions did not advance."""
    gap, last_s, before = 0.0, since_s, -1
    for each in marks:
        now = sum(each.offsets.get(one, 0) for one in partitions)
        if each.at_s >= since_s and now > before:
            gap, last_s = max(gap, each.at_s - last_s), each.at_s
        before = max(before, now)
    return gap


def joined_and_killed(place: OnKafka) -> dict[str, Any]:
    """A second worker joins one that works on a backlog, then is killed: what each costs."""
    place.drop_state()
    ends = whole(place)
    first = Running.start(place.url)
    workers = [first]
    try:
        wait_until(lambda: sum(reached(workers).values()) > 0, "the first worker works", PATIENCE_S, poll_s=0.05)
        begun_s = time.time()
        second = Running.start(place.url)
        workers.append(second)
        wait_until(lambda: any(m.offsets for m in second.marks), "the second has partitions", PATIENCE_S, poll_s=0.05)
        taken = set(second.marks[-1].offsets)
        started_s = next(m.at_s for m in second.marks if m.offsets)
        at_start = reached(workers)
        wait_until(lambda: _sum(reached(workers), taken) > _sum(at_start, taken), "it works", PATIENCE_S, poll_s=0.05)
        gap_s = longest_gap_s(list(first.marks), set(range(PARTITIONS)) - taken, begun_s)
        time.sleep(1.0)  # it works a while before it is killed
        second.end(signal.SIGKILL)
        killed_s, at_kill = time.time(), reached(workers)
        wait_until(
            lambda: any(_has_all(m, killed_s) for m in list(first.marks)), "it takes over", PATIENCE_S, poll_s=0.1
        )
        until_all(workers, ends)
    finally:
        for each in workers:
            if each.process.poll() is None:
                each.end()
    again = _first(first.marks, lambda it: _has_all(it, killed_s))
    caught = _first(
        first.marks, lambda it: it.at_s > killed_s and all(it.offsets.get(p, 0) >= at_kill[p] for p in taken)
    )
    return {
        "taken": len(taken), "left_at_join": sum(ends.values()) - sum(at_start.values()),
        "joined_s": round(started_s - begun_s, 2), "stalled_s": round(gap_s, 2),
        "moved_stalled_s": round(handed_over_s(first, second, taken), 2),
        "taken_over_s": round(again.at_s - killed_s, 2), "caught_up_s": round(caught.at_s - killed_s, 2),
        "read_again": _sum(at_kill, taken) - _sum(again.offsets, taken), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def handed_over_s(before: Running, after: Running, partitions: set[int]) -> float:
    """Time in which nobody advanced partitions that moved from one worker to another."""
    begun = _first(after.marks, lambda it: _sum(it.offsets, partitions) > 0)
    at_most = _sum(begun.offsets, partitions)
    advanced = _first(after.marks, lambda it: _sum(it.offsets, partitions) > at_most)
    held = [each for each in before.marks if partitions <= set(each.offsets) and each.at_s < begun.at_s]
    reached_last = max(_sum(each.offsets, partitions) for each in held)
    return advanced.at_s - _first(held, lambda it: _sum(it.offsets, partitions) == reached_last).at_s


def _has_all(mark: Mark, since_s: float) -> bool:
    return mark.at_s > since_s and set(range(PARTITIONS)) <= set(mark.offsets)


def _sum(offsets: dict[int, int], partitions: set[int]) -> int:
    return sum(offsets.get(each, 0) for each in partitions)


def _first(marks: list[Mark], fits: Callable[[Mark], bool]) -> Mark:
    return next(each for each in marks if fits(each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merchants", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work)
        return
    results = []
    for merchants in args.merchants:
        traffic = Traffic(merchants, args.records, "usual")
        with tempfile.TemporaryDirectory() as folder, OnKafka(Path(folder)) as place:
            fill(place, traffic)
            runs = [partial(shared, place, traffic, count) for _ in range(args.rounds) for count in (1, 2)]
            for run in [*runs, partial(joined_and_killed, place)]:
                results.append({"merchants": merchants, **run()})
                print(json.dumps(results[-1]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

"""What checkpoints cost on one core, how long they stop the stream, how large they are, and how long a recovery takes.

    python -m bench.checkpoints [--kafka] [--merchants 10000 200000 1000000] [--records 4000000] [--sizes usual all]

Zipf traffic (`bench/zipf.py`) in a log of four partitions, with `synchronous=FULL` or on a broker of its own; the
worker is a process of its own on core 0, what it reads from and who produces are on core 1. For each number of
merchants and size: without (SQLite alone knows that) and with checkpoints by turns, and with checkpoints while a
producer appends as fast as it can. The rate is taken over the records after each merchant came once. Then the worker is
killed in the middle with `kill -9` and started again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.places import Embedded, OnKafka, settings_of
from bench.zipf import Traffic
from streams.topics import create_topics
from streams.worker import run_worker
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bench.places import Place

ROOT = Path(__file__).parents[1]
EVERY_S = 5.0


def work(url: str, every_s: float | None) -> None:
    """The worker: a line of JSON for each look at its progress and each checkpoint."""
    from engine.monitor import Monitor, MonitorConfig  # noqa: PLC0415  only the child needs it

    def say(**what: Any) -> None:
        print(json.dumps({"at": time.time(), **what}), flush=True)

    run_worker(
        settings_of(url, every_s),
        lambda partition, of: Monitor(
            MonitorConfig(capacity=1_200_000), partition, of, checkpoints=every_s is not None
        ),
        until_idle=True,
        observer=Watching(
            lambda it: say(records=it.counts["records"], earlier=it.earlier.get("records", 0)),
            lambda it: say(checkpoint={name: getattr(it, name) for name in it.__slots__}),
        ),
    )
    say(rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def worker(place: Place, every_s: float | None) -> subprocess.Popen[str]:
    """Start the worker on core 0."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.checkpoints", "--work", place.url]
    return subprocess.Popen([*command, "--every", str(every_s or 0)], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    yield from map(json.loads, process.stdout)


def rate(said: list[dict[str, Any]], merchants: int) -> float:
    """Records a second from when every merchant was known, up to the end."""
    marks = [(each["at"], each["records"]) for each in said if "records" in each]
    whole = marks[-1][1]
    first = next(mark for mark in marks if mark[1] >= max(merchants, whole / 10))
    last = next(mark for mark in marks if mark[1] == whole)
    return (last[1] - first[1]) / (last[0] - first[0])


def cuts_of(said: list[dict[str, Any]], merchants: int) -> dict[str, Any]:
    """Figures of the checkpoints after every merchant was known."""
    known = next(each["at"] for each in said if each.get("records", 0) >= merchants)
    checkpoints = [each["checkpoint"] for each in said if "checkpoint" in each and each["at"] > known]
    if not checkpoints:
        return {}
    pauses, slices = ([each[name] * 1000 for each in checkpoints] for name in ("pause_s", "slice_s"))
    return {
        "checkpoints": len(checkpoints),
        "pause_ms": {"p50": _quantile(pauses, 0.5), "p99": _quantile(pauses, 0.99)},
        "slice_ms": {"p50": _quantile(slices, 0.5), "p99": _quantile(slices, 0.99)},
        "bytes": {
            "median": statistics.median(each["bytes"] for each in checkpoints),
            "most": max(e["bytes"] for e in checkpoints),
        },
        "seconds": {
            "median": statistics.median(each["seconds"] for each in checkpoints),
            "most": max(e["seconds"] for e in checkpoints),
        },
        "cost_s": sum(each["cost_s"] for each in checkpoints),
    }


def _quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 3)


def fill(place: Place, traffic: Traffic, share: float = 1.0) -> None:
    """Make a log with the first share of the traffic."""
    with place.filling() as log:
        create_topics(log)
        done = 0
        for block in traffic.blocks():
            if done >= share * traffic.records:
                return
            traffic.append(log, block)
            done += sum(map(len, block)) // traffic.length


def one(place: Place, traffic: Traffic, every_s: float | None, *, producing: bool) -> dict[str, Any]:
    """One run of the worker over the whole log."""
    place.drop_state()
    began = time.time()
    process = worker(place, every_s)
    if producing:
        with place.log() as log:
            for block in traffic.blocks():
                if process.poll() is not None:
                    break
                traffic.append(log, block)
    said = list(lines(process))
    assert process.wait() == 0
    return {
        "rate": round(rate(said, traffic.merchants)), **cuts_of(said, traffic.merchants),
        "rss": next(each["rss"] for each in said if "rss" in each), "seconds_in_all": round(time.time() - began, 1),
        "state_bytes": None if every_s is None else place.state_bytes(),
    }  # fmt: skip


def recovery(place: Place, traffic: Traffic) -> dict[str, Any]:
    """Kill a worker that knows everyone right before a checkpoint is due, and start it again: until it is where it
    was.
    """
    place.drop_state()
    process = worker(place, EVERY_S)
    reached, checkpoint_at = 0, 0.0
    for each in lines(process):
        reached = each.get("records", reached)
        checkpoint_at = each["at"] if "checkpoint" in each else checkpoint_at
        # four partitions take turns: the oldest checkpoint is nearly a whole interval old at any moment
        if reached > traffic.merchants + 0.6 * (traffic.records - traffic.merchants) and checkpoint_at:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = time.time()
    process = worker(place, EVERY_S)
    restored = caught_up = 0.0
    earlier = 0
    for each in lines(process):
        if "records" in each:
            earlier = each["earlier"]
            restored = restored or each["at"] - killed
            if each["records"] >= reached:
                caught_up = each["at"] - killed
                break
    process.kill()
    process.wait()
    return {
        "records_at_kill": reached, "records_read_again": reached - earlier,
        "restored_s": round(restored, 2), "caught_up_s": round(caught_up, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merchants", type=int, nargs="+", default=[10_000, 200_000, 1_000_000])
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--sizes", nargs="+", default=["usual", "all"], choices=["usual", "all"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kafka", action="store_true", help="on a broker instead of in SQLite")
    parser.add_argument("--only", choices=("rate", "recovery", "producing"), help="one of the three")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--every", type=float, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work, args.every or None)
        return
    os.sched_setaffinity(0, {1})  # what is started inherits it
    results = []
    for merchants in args.merchants:
        for size in args.sizes:
            traffic = partial(Traffic, merchants, args.records, size)
            with tempfile.TemporaryDirectory() as folder, place_of(Path(folder), kafka=args.kafka) as place:
                results += case(place, traffic, args.rounds, args.only)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def place_of(folder: Path, *, kafka: bool) -> AbstractContextManager[Place]:
    return OnKafka(folder) if kafka else nullcontext(Embedded(folder))


def case(place: Place, made: Callable[..., Traffic], rounds: int, only: str | None) -> Iterator[dict[str, Any]]:
    """All runs of one number of merchants and size."""
    traffic = made()
    what = {"merchants": traffic.merchants, "bytes_a_record": traffic.length, "backend": place.name}
    if only != "producing":
        fill(place, traffic)
    for turn in range(rounds if only in (None, "rate") else 0):
        for every_s in (None, EVERY_S) if place.works_without_checkpoints else (EVERY_S,):
            run = one(place, traffic, every_s, producing=False)
            yield show(what | {"checkpoints": every_s, "producing": False, "round": turn, "run": run})
    if only in (None, "recovery"):
        yield show(what | {"recovery": recovery(place, traffic)})
    if only in (None, "producing"):
        place.drop_all()
        fill(place, made(), 0.5)
        run = one(place, made(seed=2), EVERY_S, producing=True)
        yield show(what | {"checkpoints": EVERY_S, "producing": True, "run": run})


def show(found: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(found), flush=True)
    return found


if __name__ == "__main__":
    main()

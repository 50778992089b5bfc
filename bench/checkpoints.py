"""What cuts cost on one core, how long they stop the stream, how large they are, and how long a recovery takes.

    python bench/checkpoints.py [--merchants 10000 200000 1000000] [--records 4000000] [--sizes usual all] [--json FILE]

Zipf traffic (`bench/zipf.py`) in a log of four partitions with `synchronous=FULL`; the worker is a process of its own
on core 0. For each number of merchants and size: without and with cuts by turns, and with cuts while a producer on the
other core appends as fast as it can. The rate is taken over the records after each merchant came once. Then the worker
is killed in the middle with `kill -9` and started again.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.zipf import Traffic
from streams.app import WorkerSettings
from streams.checkpoints import state_path
from streams.sqlite_log import SqliteLog
from streams.sqlite_transport import log_url
from streams.topics import create_topics
from streams.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
EVERY_S = 5.0


def work(path: Path, every_s: float | None) -> None:
    """The worker: a line of JSON for each look at its progress and each cut."""
    from engine.monitor import Monitor, MonitorConfig  # noqa: PLC0415  only the child needs it

    def say(**what: Any) -> None:
        print(json.dumps({"at": time.time(), **what}), flush=True)

    run_worker(
        WorkerSettings(log_url=log_url(path), cut_every_s=every_s),
        lambda partition, of: Monitor(MonitorConfig(capacity=1_200_000), partition, of, cuts=every_s is not None),
        until_idle=True,
        on_progress=lambda it: say(records=it.counts["records"], earlier=it.earlier.get("records", 0)),
        on_cut=lambda it: say(cut={name: getattr(it, name) for name in it.__slots__}),
    )
    say(rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def worker(path: Path, every_s: float | None) -> subprocess.Popen[str]:
    """Start the worker on core 0."""
    pin = ["taskset", "-c", "0"]
    command = [*pin, sys.executable, __file__, "--work", str(path), "--every", str(every_s or 0)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


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
    """Figures of the cuts after every merchant was known."""
    known = next(each["at"] for each in said if each.get("records", 0) >= merchants)
    cuts = [each["cut"] for each in said if "cut" in each and each["at"] > known]
    if not cuts:
        return {}
    pauses, slices = ([each[name] * 1000 for each in cuts] for name in ("pause_s", "slice_s"))
    return {
        "cuts": len(cuts),
        "pause_ms": {"p50": _quantile(pauses, 0.5), "p99": _quantile(pauses, 0.99)},
        "slice_ms": {"p50": _quantile(slices, 0.5), "p99": _quantile(slices, 0.99)},
        "bytes": {"median": statistics.median(each["bytes"] for each in cuts), "most": max(e["bytes"] for e in cuts)},
        "seconds": {
            "median": statistics.median(each["seconds"] for each in cuts),
            "most": max(e["seconds"] for e in cuts),
        },
        "cost_s": sum(each["cost_s"] for each in cuts),
    }


def _quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 3)


def fill(path: Path, traffic: Traffic, share: float = 1.0) -> None:
    """Make a log with the first share of the traffic."""
    with SqliteLog(path, durable=False) as log:
        create_topics(log)
        done = 0
        for block in traffic.blocks():
            if done >= share * traffic.records:
                return
            traffic.append(log, block)
            done += sum(map(len, block)) // traffic.length


def drop_state(path: Path) -> None:
    """Forget what an earlier run kept, in the log too."""
    for end in ("", "-wal", "-shm"):
        Path(f"{state_path(path)}{end}").unlink(missing_ok=True)


def one(path: Path, traffic: Traffic, every_s: float | None, *, producing: bool) -> dict[str, Any]:
    """One run of the worker over the whole log."""
    drop_state(path)
    began = time.time()
    process = worker(path, every_s)
    if producing:
        with SqliteLog(path) as log:
            for block in traffic.blocks():
                if process.poll() is not None:
                    break
                traffic.append(log, block)
    said = list(lines(process))
    assert process.wait() == 0
    found = {
        "rate": round(rate(said, traffic.merchants)), **cuts_of(said, traffic.merchants),
        "rss": next(each["rss"] for each in said if "rss" in each), "seconds_in_all": round(time.time() - began, 1),
    }  # fmt: skip
    if every_s is not None:
        found["state_bytes"] = state_path(path).stat().st_size
    return found


def recovery(path: Path, traffic: Traffic) -> dict[str, Any]:
    """Kill a worker that knows everyone right before a cut is due, and start it again: until it is where it was."""
    drop_state(path)
    process = worker(path, EVERY_S)
    reached, cut_at = 0, 0.0
    for each in lines(process):
        reached = each.get("records", reached)
        cut_at = each["at"] if "cut" in each else cut_at
        # four partitions take turns: the oldest cut is nearly a whole interval old at any moment
        if reached > traffic.merchants + 0.6 * (traffic.records - traffic.merchants) and cut_at:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = time.time()
    process = worker(path, EVERY_S)
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
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--every", type=float, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work, args.every or None)
        return
    results = []
    for merchants in args.merchants:
        for size in args.sizes:
            with tempfile.TemporaryDirectory() as folder:
                results += case(Path(folder), merchants, size, args.records, args.rounds)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def case(folder: Path, merchants: int, size: str, records: int, rounds: int) -> Iterator[dict[str, Any]]:
    """All runs of one number of merchants and size."""
    traffic = Traffic(merchants, records, size)
    path = folder / "whole.db"
    fill(path, traffic)
    for turn in range(rounds):
        for every_s in (None, EVERY_S):
            yield show({"merchants": merchants, "bytes_a_record": traffic.length, "cuts": every_s, "producing": False,
                        "round": turn} | {"run": one(path, traffic, every_s, producing=False)})  # fmt: skip
    yield show({"merchants": merchants, "bytes_a_record": traffic.length, "recovery": recovery(path, traffic)})
    path.unlink()
    half = folder / "half.db"
    fill(half, traffic, 0.5)
    more = Traffic(merchants, records, size, seed=2)
    yield show({"merchants": merchants, "bytes_a_record": traffic.length, "cuts": EVERY_S, "producing": True,
                "run": one(half, more, EVERY_S, producing=True)})  # fmt: skip


def show(found: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(found), flush=True)
    return found


if __name__ == "__main__":
    main()

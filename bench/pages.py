"""What a checkpoint's pages cost: CPU time and bytes a merchant's row, for ways to write one.

    taskset -c 0 python bench/pages.py [--merchants 1500] [--days 1 30] [--rows 1000] [--rounds 15]

Rows are those of a monitor that the simulator's records went through, for each length of history. Every way makes the
rows into one page; the least of the rounds counts. Says last how much of its speed a thread that counts in Python keeps
while another encodes (on two cores, so without `taskset`), and what that one gets done.
"""

from __future__ import annotations

import argparse
import threading
import time
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import cramjam
import numpy as np

from engine.checkpoint.pages import Page, _pack, _unpack, decode, encode
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BATCH = 5000


def simulated_rows(merchants: int, days: int) -> NDArray[Any]:
    """The merchants' rows at the end."""
    source = simulate(SimulationConfig(merchants=merchants, days=days, seed=7))
    monitor = Monitor(MonitorConfig(capacity=merchants))
    monitor.process(Records.of(source.master_records()))
    values: list[bytes] = []
    done = 0
    for batch in source.batches():
        values += batch.values()
        while len(values) >= BATCH:
            monitor.process(Records.of(values[:BATCH], first_offset=done))
            done += BATCH
            del values[:BATCH]
    rows: NDArray[Any] = monitor._pipeline.state.rows.rows[: int(monitor._pipeline.state.rows.count[0])].copy()
    return rows


def packed(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    room = np.empty(9 * rows.size // 8 + 9, np.uint8)
    return room[: _pack(rows, room)]


def planes(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rows.T)


def since_last(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each row XOR the one before."""
    out = rows.copy()
    out[1:] ^= rows[:-1]
    return out


def compressed(codec: Callable[[Any], Any], lay_out: Callable[[], NDArray[np.uint8]]) -> Any:
    return codec(lay_out().ravel().data)


def ways(rows: NDArray[np.uint8]) -> dict[str, Callable[[], Any]]:
    """What is measured: gives what is written, where it is a way to write."""
    masked, flat = packed(rows), rows.reshape(-1, 1)
    room, back = np.append(masked, np.uint8(0)), np.empty_like(rows)
    codecs: dict[str, Callable[[Any], Any]] = {
        "lz4": lambda data: cramjam.lz4.compress_block(data, store_size=False),
        "zstd -1": lambda data: cramjam.zstd.compress(data, -1),
        "zstd 1": lambda data: cramjam.zstd.compress(data, 1),
    }
    layouts: dict[str, Callable[[], NDArray[np.uint8]]] = {
        "rows": lambda: rows,
        "planes (NumPy)": lambda: planes(rows),
        "masks": lambda: packed(flat),
        "planes, masks": lambda: packed(rows),
        "XOR, planes, masks": lambda: packed(since_last(rows)),
    }
    found: dict[str, Callable[[], Any]] = {
        f"{layout} + {codec}": partial(compressed, call, lay)
        for layout, lay in layouts.items()
        for codec, call in codecs.items()
    }
    small = found["planes, masks + zstd -1"]()
    return found | {
        "step: planes, masks": lambda: packed(rows),
        "step: zstd -1": lambda: codecs["zstd -1"](masked.data),
        "step: checksum": lambda: zlib.crc32(small),
        "step back: zstd": lambda: cramjam.zstd.decompress_into(small, masked.data),
        "step back: masks, planes": lambda: _unpack(room, back),
    }


def least_s(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """CPU seconds of each, taken in turn."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds + 1):  # the first compiles
        for name, call in calls.items():
            begun = time.thread_time()
            call()
            least[name] = min(least[name], time.thread_time() - begun)
    return least


def beside(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Counts a second of a thread in Python, alone or beside one that works on and on; and how often that worked."""
    stop, worked = threading.Event(), 0

    def repeat() -> None:
        nonlocal worked
        while not stop.is_set():
            work()
            worked += 1

    thread = threading.Thread(target=repeat)
    thread.start()
    counted, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        counted += 1
    stop.set()
    thread.join()
    return counted / seconds, worked / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merchants", type=int, default=1500)
    parser.add_argument("--days", type=int, nargs="+", default=[1, 30])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    for days in args.days:
        rows = simulated_rows(args.merchants, days)[: args.rows]
        page = Page("rows", {}, {"rows": rows})
        calls: dict[str, Callable[[], Any]] = {"encode": partial(encode, page), "decode": partial(decode, encode(page))}
        calls |= ways(rows[:, None].view(np.uint8))
        print(f"{len(rows):,} rows of {rows.itemsize:,} bytes, history of {days} days")
        for name, least in least_s(calls, args.rounds).items():
            made = calls[name]()
            size = f"{len(made) / len(rows):8,.0f} bytes" if "+" in name or name == "encode" else ""
            print(f"  {name:28}{1e6 * least / len(rows):6.2f} us a row{size}")
        alone, _ = beside(lambda: time.sleep(0.01), 1)
        kept, pages_s = beside(calls["encode"], 3)
        print(f"  a counting thread keeps {kept / alone:.0%} beside {pages_s * len(rows):,.0f} rows encoded a second")


if __name__ == "__main__":
    main()

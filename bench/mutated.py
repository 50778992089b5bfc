"""Sends mutated records through a monitor: `python -m bench.mutated --records 10000000 --seed 1`.

Half of each round is simulated traffic of which every record is damaged (`simulator.poison`), half are mutations of
events of every kind (`bench.scan_fuzz`). Each record must end in exactly one count, each dead letter must be of a
record of its own, and no card number that was put in may stand in what the monitor gives. Exits with 1 where that does
not hold.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from bench.scan_fuzz import batch
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.poison import poison
from simulator.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BATCH = 5_000
_BATCHES_A_MONITOR = 40


class Unaccounted(Exception):
    """A record ended in no count or in two, or a card number was written."""


def _simulated(seed: int) -> Iterator[tuple[list[bytes], list[str]]]:
    """Batches of damaged traffic, with the card numbers that were put in; endless."""
    while True:
        values = [
            value
            for part in simulate(SimulationConfig(seed=seed, merchants=500, days=1.0, record_size="all")).batches()
            for value in part.values()
        ]
        for first in range(0, len(values), _BATCH):
            damaged = poison(values[first : first + _BATCH], seed=seed + first, share=1.0)
            yield damaged.records, damaged.pans
        seed += 1_000


def _fuzzed(seed: int) -> Iterator[tuple[list[bytes], list[str]]]:
    """Batches of mutated events of every kind; endless."""
    rng = random.Random(seed)
    while True:
        yield batch(rng, _BATCH), []


def _check(monitor: Monitor, records: Sequence[bytes], pans: Sequence[str], first: int, reasons: Counter[str]) -> None:
    """Process a batch, and refuse what does not add up."""
    now_ms = max(0, int(time.time() * 1_000))
    outputs = monitor.process(Records.of(list(records), first_offset=first, appended_ms=now_ms))
    got = outputs.counts
    ended = got.transactions + got.duplicates + got.other + got.dead_letters
    if not len(records) == got.records == ended:
        raise Unaccounted(f"{len(records)} records came, {got.records} were read and {ended} ended: {got}")
    positions = {each.position for each in outputs.dead_letters}
    if len(positions) != got.dead_letters or not positions <= set(range(first, first + len(records))):
        raise Unaccounted(f"{got.dead_letters} dead letters are of {len(positions)} records")
    reasons.update(each.reason for each in outputs.dead_letters)
    written = b"\n".join(msgspec.json.encode(each) for topic in outputs.by_topic() for each in topic.records)
    if pans and (found := re.search("|".join(pans).encode(), written)):
        raise Unaccounted(f"the card number {found[0].decode()} was written")


def run(records: int, seed: int) -> tuple[int, Counter[str]]:
    """Send so many records through monitors; how many were sent, and dead letters by reason."""
    sources = _simulated(seed), _fuzzed(seed)
    sent, batches, reasons = 0, 0, Counter[str]()
    monitor = Monitor(MonitorConfig(capacity=400_000))
    while sent < records:
        if batches % _BATCHES_A_MONITOR == 0:
            monitor = Monitor(MonitorConfig(capacity=400_000))
        values, pans = next(sources[batches % 2])
        _check(monitor, values, pans, sent, reasons)
        sent, batches = sent + len(values), batches + 1
    return sent, reasons


def main() -> None:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        sent, reasons = run(arguments.records, arguments.seed)
    except Unaccounted as error:
        sys.exit(f"seed {arguments.seed}: {error}")
    print(f"{sent:,} mutated records, all accounted for, {time.monotonic() - began:.0f} s; dead letters:")
    for reason, count in reasons.most_common():
        print(f"  {count:>10,}  {reason}")


if __name__ == "__main__":
    main()

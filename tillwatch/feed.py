"""Feeds a simulation into the log, by partition, at a pace."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from engine.decoding.hashing import partition_of, partitions_of
from engine.jit import njit_cached
from simulator.simulation import clock_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulator.simulation import SimBatch, Simulation
    from streams.log import Log

_POLL_S = 0.02
_SIMULATOR, _SIMULATOR_PART = "simulator", "simulator/records"


def feed_simulation(
    log: Log, simulation: Simulation, *, until_ms: int | None = None, pace: float | None = None,
    stop: Callable[[], bool] = lambda: False, on_progress: Callable[[int, int], None] | None = None,
) -> int:  # fmt: skip
    """Append a simulation's records to `events`, continuing where the last feed of this log stopped.

    Args:
        log: has the topics.
        simulation: the same each time.
        until_ms: received before this moment, UTC milliseconds; all by default.
        pace: simulated time per real time, above 0; as fast as possible by default.
        stop: asked between appends; true ends the feed.
        on_progress: called after each append with the records of this feed and the moment reached.

    Returns:
        How many records were appended, clock records not counted.
    """
    if pace is not None and not pace > 0:
        raise ValueError(f"pace must be above 0, got {pace!r}")
    router = _Router(log, simulation)
    count = router.begin()
    pacer = _Pacer(router.reached_ms, pace, until_ms)
    for batch in simulation.batches(from_ms=router.reached_ms):
        done = router.passed_over(len(batch))
        while not stop():
            up_to = pacer.due(batch)
            if up_to > done or up_to == len(batch):
                count += router.append(batch, done, up_to)
                done = up_to
                if on_progress:
                    on_progress(count, router.reached_ms)
            if done == len(batch):
                break
            if until_ms is not None and int(batch.received_ms[done]) >= until_ms:
                return count
            time.sleep(_POLL_S)
        if stop():
            break
    return count


class _Pacer:
    """How much of a batch is due, by simulated time and the end asked for."""

    def __init__(self, origin_ms: int, pace: float | None, until_ms: int | None) -> None:
        self._begun, self._origin_ms = time.monotonic(), origin_ms
        self._pace, self._until_ms = pace, until_ms

    def due(self, batch: SimBatch) -> int:
        """Number of the batch's first records that are due now."""
        up_to = len(batch)
        if self._pace is not None:
            now_ms = self._origin_ms + int((time.monotonic() - self._begun) * 1000 * self._pace)
            up_to = int(np.searchsorted(batch.received_ms, now_ms, side="right"))
        if self._until_ms is not None:
            up_to = min(up_to, int(np.searchsorted(batch.received_ms, self._until_ms)))
        return up_to


class _Router:
    """Splits a simulation's batches by partition, and keeps the position with them."""

    def __init__(self, log: Log, simulation: Simulation) -> None:
        self._log, self._simulation = log, simulation
        self._partitions = log.partitions(log.topics.events.name)
        ids = [simulation.merchant_id(k).encode() for k in range(simulation.config.merchants)]
        length = np.fromiter(map(len, ids), np.int32, len(ids))
        start = (np.cumsum(length) - length).astype(np.int32)
        self._of = partitions_of(np.frombuffer(b"".join(ids), np.uint8), start, length, self._partitions)
        with log.transaction(writer=_SIMULATOR):  # a feed that still runs cannot go on from here
            position = log.position(_SIMULATOR)
            self._at_reached = self._skip = log.position(_SIMULATOR_PART) or 0
        self._begun = position is not None
        self.reached_ms = simulation.config.start_ms if position is None else position

    def begin(self) -> int:
        """Append people and master data if this is the log's first feed; return the number of records."""
        if self._begun:
            return 0
        people, records = self._simulation.people_records(), self._simulation.master_records()
        with self._log.transaction(writer=_SIMULATOR):
            of = [self._of[k % len(self._of)] for k in range(len(records))]
            split = [[each for p, each in zip(of, records, strict=True) if p == own] for own in range(self._partitions)]
            for each in people:
                split[partition_of(each.key.encode(), self._partitions)].append(each.value)
            self._log.append_each(self._log.topics.events.name, split)
            self._log.set_position(_SIMULATOR, self.reached_ms)
            self._log.set_position(_SIMULATOR_PART, 0)
        return len(records) + len(people)

    def passed_over(self, length: int) -> int:
        """Number of a batch's first records that an earlier feed appended."""
        done = min(self._skip, length)
        self._skip -= done
        return done

    def append(self, batch: SimBatch, done: int, up_to: int) -> int:
        """Append records `done` to `up_to` with the clock records among and right behind them."""
        starts = np.concatenate([[0], batch.ends])
        last = up_to == len(batch)
        due = (batch.clock_at >= done) & ((batch.clock_at < up_to) | last)
        clocks = [clock_record(int(ms)) for ms in batch.clock_ms[due]]
        data = batch.data + b"".join(clocks)
        clock_ends = len(batch.data) + np.cumsum([0, *map(len, clocks)])
        every = np.arange(self._partitions, dtype=np.int32)
        at = np.repeat(batch.clock_at[due] - done, self._partitions)
        start = np.insert(starts[done:up_to], at, np.repeat(clock_ends[:-1], self._partitions))
        end = np.insert(starts[done + 1 : up_to + 1], at, np.repeat(clock_ends[1:], self._partitions))
        part = np.insert(self._of[batch.merchant_index[done:up_to]], at, np.tile(every, len(clocks)))
        joined, lengths, counts = _split(np.frombuffer(data, np.uint8), start, end, part, self._partitions)
        with self._log.transaction(writer=_SIMULATOR):
            self._log.append_blocks(self._log.topics.events.name, joined.tobytes(), lengths, counts.tolist())
            self._move(batch, done, up_to)
        return up_to - done

    def _move(self, batch: SimBatch, done: int, up_to: int) -> None:
        if up_to > done:
            reached = int(batch.received_ms[up_to - 1])
            same = int(np.count_nonzero(batch.received_ms[done:up_to] == reached))
            self._at_reached = same + (self._at_reached if reached == self.reached_ms else 0)
            self.reached_ms = reached
        self._log.set_position(_SIMULATOR, self.reached_ms)
        self._log.set_position(_SIMULATOR_PART, self._at_reached)


@njit_cached
def _split(
    data: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64], partition: NDArray[np.int32],
    partitions: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int64]]:  # fmt: skip
    """The records' bytes ordered by partition, their lengths, and how many each partition has."""
    counts = np.zeros(partitions, np.int64)
    size = 0
    for i in range(len(start)):
        counts[partition[i]] += 1
        size += end[i] - start[i]
    out, lengths = np.empty(size, np.uint8), np.empty(len(start), np.int32)
    at, k = 0, 0
    for p in range(partitions):
        for i in range(len(start)):
            if partition[i] == p:
                n = end[i] - start[i]
                out[at : at + n] = data[start[i] : end[i]]
                lengths[k] = n
                at += n
                k += 1
    return out, lengths, counts

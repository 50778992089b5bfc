"""What runs in a worker's process: the real worker with the real monitor, taking notes of what it does."""

from __future__ import annotations

import logging
import os
import struct
import sys
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engine.monitor import Monitor, MonitorConfig, Totals
from engine.outputs import Counts
from streams.agent import MonitorAgent
from streams.metrics import Metrics
from streams.worker import run_worker
from tests.faults.strikes import Strike, arm, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from engine.decoding.records import Records
    from engine.outputs import Outputs
    from streams.agent import Partition
    from streams.app import WorkerSettings

_NOTE = struct.Struct("<cxxxiqq")
_CAPACITY = 1000


class Did(Enum):
    """What a note is of: a batch was processed; what it gave was published."""

    PROCESSED = b"p"
    PUBLISHED = b"a"


class Note(NamedTuple):
    """Something a worker did with records `first` to `last` of a partition. Written at once, so it outlives a kill."""

    did: Did
    partition: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a worker process is told.

    Attributes:
        settings: the worker's.
        folder: for its files.
        name: of its files: how it ended, its notes, and what it said.
        until_idle: end when everything has been processed; else on SIGTERM.
        strike: where it strikes itself.
        given: values of module attributes (`module:NAME`) to set before it starts.
    """

    settings: WorkerSettings
    folder: Path
    name: str
    until_idle: bool = False
    strike: Strike | None = None
    given: Mapping[str, object] = field(default_factory=dict)

    @property
    def ending(self) -> Path:
        return self.folder / f"{self.name}.ending"

    @property
    def notes(self) -> Path:
        return self.folder / f"{self.name}.notes"

    @property
    def said(self) -> Path:
        return self.folder / f"{self.name}.log"


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker ended by itself.

    Attributes:
        failures: the exception's type and those of its causes; none if it ended in order.
        message: what the exception said.
        counts: records by what became of them.
        totals: every merchant's sums.
    """

    failures: tuple[str, ...] = ()
    message: str = ""
    counts: Counts = msgspec.field(default_factory=Counts)
    totals: tuple[Totals, ...] = ()


def speak_into(path: Path) -> None:
    """Send what this process says to a file: many share the test's own output."""
    with path.open("ab") as file:
        for each in (sys.stdout, sys.stderr):
            each.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)


def run(order: Order) -> None:
    """Be the worker that `order` describes; leave with code 1 when it fails."""
    speak_into(order.said)
    for target, value in order.given.items():
        setattr(*owner_of(target), value)
    _take_notes(order.notes)
    if order.strike is not None:
        arm(order.strike)
    monitors: dict[int, Monitor] = {}

    def make(partition: int, partitions: int) -> Monitor:
        checkpoints = order.settings.checkpoint_every_s is not None
        monitors[partition] = Monitor(MonitorConfig(capacity=_CAPACITY), partition, partitions, checkpoints=checkpoints)
        return monitors[partition]

    try:
        metrics = Metrics("test") if order.settings.health.port else None
        counts = run_worker(order.settings, make, until_idle=order.until_idle, metrics=metrics)
    except Exception as error:
        _write(order, Ending(failures=tuple(type(each).__name__ for each in _causes(error)), message=str(error)))
        raise
    totals = tuple(each for partition in sorted(monitors) for each in monitors[partition].totals())
    _write(order, Ending(counts=counts, totals=totals))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _write(order: Order, ending: Ending) -> None:
    order.ending.write_bytes(msgspec.json.encode(ending))


def _take_notes(path: Path) -> None:
    """Note every batch processed and published, in this process, for good."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    process, publish = Monitor.process, MonitorAgent._publish
    spans: dict[int, tuple[int, int]] = {}

    def process_and_note(self: Monitor, records: Records) -> Outputs:
        outputs = process(self, records)
        partition = int(records.source.rpartition("-")[2])
        spans[partition] = int(records.offsets[0]), int(records.offsets[-1])
        os.write(file, _NOTE.pack(Did.PROCESSED.value, partition, *spans[partition]))
        return outputs

    async def publish_and_note(self: MonitorAgent, partition: Partition, outputs: Outputs) -> None:
        await publish(self, partition, outputs)
        os.write(file, _NOTE.pack(Did.PUBLISHED.value, partition.number, *spans[partition.number]))

    Monitor.process = process_and_note  # type: ignore[method-assign]
    MonitorAgent._publish = publish_and_note  # type: ignore[method-assign]


def read_notes(path: Path) -> list[Note]:
    """The notes so far."""
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = len(written) // _NOTE.size * _NOTE.size
    return [Note(Did(did), *rest) for did, *rest in _NOTE.iter_unpack(written[:whole])]

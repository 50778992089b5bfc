"""Writes a simulation to files: the stream as JSON lines, and the truth and the ledger beside it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from simulator.simulation import clock_record
from simulator.truth import Truth

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from simulator.simulation import SimBatch, Simulation


def write_jsonl(simulation: Simulation, path: Path) -> int:
    """Write people and master data, then all records in order of receipt, one per line, with clock records among them.

    Returns the number of lines.
    """
    lines = 0
    with path.open("wb") as out:
        people = (each.value for each in simulation.people_records())
        for record in chain(people, simulation.master_records()):
            out.write(record + b"\n")
            lines += 1
        for batch in simulation.batches(newline=True):
            lines += _write_batch(out, batch)
    return lines


def _write_batch(out: BinaryIO, batch: SimBatch) -> int:
    """Write a batch whose records end in newlines, each clock record in its place; the lines written."""
    starts = [0, *batch.ends.tolist()]
    done = 0
    for place, event_ms in zip(batch.clock_at.tolist(), batch.clock_ms.tolist(), strict=True):
        out.write(batch.data[done : starts[place]])
        out.write(clock_record(event_ms) + b"\n")
        done = starts[place]
    out.write(batch.data[done:])
    return len(batch) + len(batch.clock_at)


def write_truth(simulation: Simulation, folder: Path) -> None:
    """Write `truth.json` (violations and look-alikes) and `ledger.json` (sums by merchant) into `folder`."""
    config = simulation.config
    truth = Truth(
        violations=tuple(simulation.violations()),
        look_alikes=tuple(simulation.look_alikes()),
        start_ms=config.start_ms,
        end_ms=config.end_ms,
        merchants=config.merchants,
    )
    (folder / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(truth)))
    ledger = simulation.ledger()
    names = ledger.dtype.names or ()
    sums = {simulation.merchant_id(i): dict(zip(names, row, strict=True)) for i, row in enumerate(ledger.tolist())}
    (folder / "ledger.json").write_bytes(msgspec.json.format(msgspec.json.encode(sums)))

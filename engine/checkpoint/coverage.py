"""What a checkpoint's notes have of its detectors, for whoever does not need the state itself."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.tallies import Tallies


class Covered(NamedTuple):
    """What a detector could judge of a partition, as of a checkpoint.

    Attributes:
        transactions: accepted transactions.
        present: how many of them had each field that it needs, or how many events of each type were accepted.
        fired_ms: the greatest merchant's clock at a finding, UTC milliseconds; None where there was none.
    """

    transactions: int
    present: dict[str, int]
    fired_ms: int | None


class _Notes(msgspec.Struct, frozen=True):
    """What is read of `engine.checkpoint.checkpoints.Notes`."""

    detectors: list[str]
    coverage: list[tuple[int, dict[str, int]]]
    tallies: Tallies = msgspec.field(default_factory=Tallies)


def covered(notes: bytes) -> dict[str, Covered]:
    """By detector, what the notes of a checkpoint have."""
    found = msgspec.msgpack.decode(notes, type=_Notes)
    fired_ms = found.tallies.fired_ms
    return {
        name: Covered(transactions, present, fired_ms.get(name))
        for name, (transactions, present) in zip(found.detectors, found.coverage, strict=True)
    }

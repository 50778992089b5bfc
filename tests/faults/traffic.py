"""The traffic that the faults are tried on: small simulations, one of them poisoned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from domain.timestamps import HOUR_MS
from simulator.config import SimulationConfig
from simulator.poison import poison
from simulator.simulation import Simulation, simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.simulation import SimBatch

ORDINARY = SimulationConfig(
    seed=11, merchants=100, days=3, jump_share=0.3, mcc_change_share=0.2, undo_share=0.03, refund_share=0.02,
    duplicate_share=0.02, late_share=0.003, future_share=0.001, disorder_s=60, record_size="all",
)  # fmt: skip
DISORDERED = replace(
    ORDINARY, seed=12, start_ms=ORDINARY.start_ms + 11 * HOUR_MS, days=0.125, tx_per_merchant_day=720,
    undo_share=0.3, duplicate_share=0.05, disorder_s=300,
)  # fmt: skip
"""Three busy hours: so dense that at many a moment a reversal waits for its original, and a duplicate is due."""
HOT = replace(ORDINARY, seed=14, merchants=1, days=1, tx_per_merchant_day=150_000)
"""One merchant that does what a thousand do elsewhere."""
_POISON_SHARE = 0.01


@dataclass(frozen=True)
class Traffic:
    """A simulation to feed, and what is known of it.

    Attributes:
        name: among `TRAFFIC`.
        simulation: the records.
        damaged: merchants some of whose records are damaged, by index.
    """

    name: str
    simulation: Simulation
    damaged: frozenset[int] = frozenset()

    def until_ms(self, share: float) -> int:
        """The moment of receipt before which a share of the simulation's time lies, UTC milliseconds."""
        config = self.simulation.config
        return config.start_ms + round(share * (config.end_ms - config.start_ms))


class PoisonedSimulation(Simulation):
    """A simulation with one record in a hundred damaged: always the same ones, wherever reading begins."""

    def __init__(self, config: SimulationConfig, seed: int) -> None:
        super().__init__(config)
        batches = list(super().batches())
        values = [value for batch in batches for value in batch.values()]
        merchants = np.concatenate([batch.merchant_index for batch in batches])
        poisoned = poison(values, seed=seed, share=_POISON_SHARE)
        self.damaged = frozenset(int(merchants[damage.index]) for damage in poisoned.damages)
        self._poisoned = poisoned.records
        self._received_ms = np.concatenate([batch.received_ms for batch in batches])

    def batches(
        self, max_records: int = 5000, *, from_ms: int | None = None, newline: bool = False
    ) -> Iterator[SimBatch]:
        """As of an undamaged simulation, but never with `newline`."""
        assert not newline, "damaged records are no lines"
        first = 0 if from_ms is None else int(np.searchsorted(self._received_ms, from_ms))
        for batch in super().batches(max_records, from_ms=from_ms):
            values = self._poisoned[first : first + len(batch)]
            first += len(batch)
            yield replace(
                batch, data=b"".join(values), ends=np.cumsum([len(value) for value in values], dtype=np.int64)
            )


def _poisoned() -> Traffic:
    simulation = PoisonedSimulation(replace(ORDINARY, seed=13), seed=13)
    return Traffic("poisoned", simulation, simulation.damaged)


TRAFFIC = {
    "ordinary": lambda: Traffic("ordinary", simulate(ORDINARY)),
    "disordered": lambda: Traffic("disordered", simulate(DISORDERED)),
    "hot": lambda: Traffic("hot", simulate(HOT)),
    "poisoned": _poisoned,
}


@cache
def traffic(name: str) -> Traffic:
    """The traffic of that name, the same in every process."""
    return TRAFFIC[name]()

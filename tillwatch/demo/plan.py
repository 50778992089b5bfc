"""What a demonstration simulates, kept beside its log so that it can be taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain.timestamps import HOUR_MS
from simulator.config import SimulationConfig

if TYPE_CHECKING:
    from pathlib import Path

FILE = "demo.json"
DAYS = 20.0
JUMP_SHARE = 0.1
HISTORY_HOURS = 3 * 24 + 9
"""Written as fast as possible at first. Jumps begin after a tenth of the run, so some are in it; it ends at
nine in the morning, when shops open."""
MERCHANTS = 2_000
SEED = 1


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulation of a folder.

    >>> Plan(merchants=10, seed=1).simulation().days
    20.0
    """

    merchants: int
    seed: int

    def simulation(self) -> SimulationConfig:
        """The simulation's settings; raises ValueError where they are out of range."""
        return SimulationConfig(seed=self.seed, merchants=self.merchants, days=DAYS, jump_share=JUMP_SHARE)

    @property
    def live_from_ms(self) -> int:
        """When history ends, UTC milliseconds of the simulation."""
        return self.simulation().start_ms + HISTORY_HOURS * HOUR_MS


def read_plan(folder: Path) -> Plan:
    """The folder's plan.

    Raises:
        ValueError: the file is damaged.
        OSError: there is none.
    """
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Plan)


def plan_of(folder: Path, merchants: int | None, seed: int | None) -> Plan:
    """The folder's plan, made where there is none.

    Args:
        folder: where it lies.
        merchants: how many were asked for; None asks for nothing.
        seed: likewise.

    Raises:
        ValueError: it is out of range, or the folder's plan is another one.
    """
    if not (folder / FILE).exists():
        plan = Plan(MERCHANTS if merchants is None else merchants, SEED if seed is None else seed)
        plan.simulation()
        (folder / FILE).write_bytes(msgspec.json.encode(plan))
        return plan
    plan = read_plan(folder)
    for name, asked, held in (("merchants", merchants, plan.merchants), ("seed", seed, plan.seed)):
        if asked is not None and asked != held:
            raise ValueError(
                f"{name} must be {held} as in the demonstration in {folder}, got {asked}; --fresh drops that one"
            )
    return plan

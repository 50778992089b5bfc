"""What a demonstration simulates, kept beside its log so that it can be taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.config import SimulationConfig
from tillwatch.demo.stories import HISTORY_H, START_MS, STORIES

if TYPE_CHECKING:
    from pathlib import Path

FILE = "demo.json"
DAYS = 22.0
MERCHANTS = 1_000
SEED = 1
EDITION = 4
"""Of the simulation that a plan stands for: its records go on only where it is the same."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulation of a folder; a file without an edition is of the first.

    >>> Plan(merchants=10, seed=1).simulation().days
    22.0
    """

    merchants: int
    seed: int
    edition: int = 1
    start_ms: int = START_MS

    def simulation(self) -> SimulationConfig:
        """The simulation's settings; raises ValueError where they are out of range."""
        # Calm, so that the stories are what one sees. Beside them some do something at some time of the run: with
        # them 1 to 2 % of all.
        return SimulationConfig(
            seed=self.seed, merchants=self.merchants, start_ms=self.start_ms, days=DAYS,
            jump_share=0.001, static_share=0.0, rotation_share=0.001, drift_share=0.001, fee_share=0.001,
            fall_share=0.001, volume_share=0.002, world="calm", people=True,
            visits_until_ms=self.start_ms + round(DAYS * DAY_MS), stories=STORIES[: max(0, self.merchants)],
        )  # fmt: skip

    @property
    def live_from_ms(self) -> int:
        """When history ends, UTC milliseconds of the simulation."""
        return self.start_ms + HISTORY_H * HOUR_MS


def read_plan(folder: Path) -> Plan:
    """The folder's plan.

    Raises:
        ValueError: the file is damaged.
        OSError: there is none.
    """
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Plan)


def start_before(now_ms: int) -> int:
    """When a simulation begins that is over by now: at the weekday and hour of `START_MS`, within the last weeks.

    So what pages say of the last 28 days, of what is late and of who was not visited, is said of days that were.

    >>> [(start_before(START_MS + days * DAY_MS) - START_MS) // DAY_MS for days in (22, 28, 30)]
    [0, 0, 7]
    """
    weeks = (now_ms - round(DAYS * DAY_MS) - START_MS) // (7 * DAY_MS)
    return START_MS + weeks * 7 * DAY_MS


def plan_of(folder: Path, merchants: int | None, seed: int | None, now_ms: int) -> Plan:
    """The folder's plan, made where there is none.

    Args:
        folder: where it lies.
        merchants: how many were asked for; None asks for nothing.
        seed: likewise.
        now_ms: UTC milliseconds; a new plan's simulation is over by then.

    Raises:
        ValueError: it is out of range, or the folder's plan is another one.
    """
    if not (folder / FILE).exists():
        plan = Plan(
            MERCHANTS if merchants is None else merchants, SEED if seed is None else seed, EDITION, start_before(now_ms)
        )
        plan.simulation()
        (folder / FILE).write_bytes(msgspec.json.encode(plan))
        return plan
    plan = read_plan(folder)
    if plan.edition != EDITION:
        raise ValueError(
            f"the demonstration in {folder} must be of edition {EDITION}, got {plan.edition}; --fresh drops it"
        )
    for name, asked, held in (("merchants", merchants, plan.merchants), ("seed", seed, plan.seed)):
        if asked is not None and asked != held:
            raise ValueError(
                f"{name} must be {held} as in the demonstration in {folder}, got {asked}; --fresh drops that one"
            )
    return plan

"""`tillwatch demo-feed`, hidden: the simulated terminals of a demonstration, a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.simulation import simulate
from streams.log import now_utc_ms
from tillwatch.demo.plan import plan_of, read_plan
from tillwatch.feed import feed_simulation
from tillwatch.logs import open_log
from tillwatch.number_options import FiniteRange
from tillwatch.stopping import stop_signals, tie_to_stdin

if TYPE_CHECKING:
    from tillwatch.cli import Invocation


@click.command("demo-feed", hidden=True)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--speed", type=FiniteRange(), required=True)
@click.option("--alone", is_flag=True, help="Make the plan where there is none, and outlive standard input.")
@click.pass_obj
def command(invocation: Invocation, folder: Path, speed: float, *, alone: bool) -> None:
    """Put the folder's simulation into the log: history at once, then `speed` times as fast as real time."""
    with stop_signals() as stop, open_log(invocation.settings()) as log:
        if alone:
            folder.mkdir(parents=True, exist_ok=True)
            plan = plan_of(folder, None, None, now_utc_ms())
        else:
            tie_to_stdin()
            plan = read_plan(folder)
        simulation = simulate(plan.simulation())
        for until_ms, pace in ((plan.live_from_ms, None), (None, speed)):
            if not stop.is_set():
                feed_simulation(log, simulation, until_ms=until_ms, pace=pace, stop=stop.is_set)

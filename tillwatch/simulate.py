"""`tillwatch simulate`."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domain.timestamps import DAY_MS
from simulator.config import FEES, RECORD_SIZES, TIME_FORMATS, WORLD_NAMES, SimulationConfig
from simulator.simulation import SimBatch, Simulation
from simulator.write import write_jsonl, write_truth
from tillwatch.language import lang_option, speaker
from tillwatch.number_options import FiniteRange
from tillwatch.show import Bar, emit_json, to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULTS = {each.name: each.default for each in fields(SimulationConfig)}


class _Shown(Simulation):
    """A simulation that moves a bar as it is written."""

    bar: Bar

    def batches(
        self, max_records: int = 5000, *, from_ms: int | None = None, newline: bool = False
    ) -> Iterator[SimBatch]:
        """As `Simulation.batches`."""
        records = 0
        for batch in super().batches(max_records, from_ms=from_ms, newline=newline):
            yield batch
            records += len(batch)
            if len(batch):
                self.bar.show(int(batch.received_ms[-1]) - self.config.start_ms, records)


@click.command("simulate")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--merchants", type=int, default=_DEFAULTS["merchants"], show_default=True, help="Number of merchants.")
@click.option("--days", type=FiniteRange(), default=_DEFAULTS["days"], show_default=True, help="Length of the run.")
@click.option("--seed", type=int, default=_DEFAULTS["seed"], show_default=True, help="Seed; each gives its own bytes.")
@click.option(
    "--tx-per-merchant-day",
    type=FiniteRange(),
    default=_DEFAULTS["tx_per_merchant_day"],
    show_default=True,
    help="Transactions of a merchant a day, mean over all merchants.",
)
@click.option(
    "--jump-share",
    type=FiniteRange(),
    default=_DEFAULTS["jump_share"],
    show_default=True,
    help="Share of merchants that jump MCC.",
)
@click.option(
    "--volume-share", type=FiniteRange(), default=_DEFAULTS["volume_share"], show_default=True,
    help="Share of merchants whose volume departs from the usual.",
)  # fmt: skip
@click.option(
    "--world", type=click.Choice(WORLD_NAMES), default=_DEFAULTS["world"], show_default=True,
    help="How wild honest merchants' trade is, and in what way.",
)  # fmt: skip
@click.option(
    "--calendar/--no-calendar", default=_DEFAULTS["calendar"], show_default=True,
    help="Whether holidays, paydays, growth and other lawful causes move the volume.",
)  # fmt: skip
@click.option(
    "--static-share", type=FiniteRange(), default=_DEFAULTS["static_share"], show_default=True,
    help="Share of merchants registered under a cheaper MCC than their trade's.",
)  # fmt: skip
@click.option(
    "--rotation-share", type=FiniteRange(), default=_DEFAULTS["rotation_share"], show_default=True,
    help="Share of merchants whose number rotates.",
)  # fmt: skip
@click.option(
    "--drift-share", type=FiniteRange(), default=_DEFAULTS["drift_share"], show_default=True,
    help="Share of merchants whose sales move to the cheaper of their MCCs.",
)  # fmt: skip
@click.option(
    "--never-seen-share", type=FiniteRange(), default=_DEFAULTS["never_seen_share"], show_default=True,
    help="Share of merchants that show an MCC they never had.",
)  # fmt: skip
@click.option(
    "--fee-share", type=FiniteRange(), default=_DEFAULTS["fee_share"], show_default=True,
    help="Share of merchants overcharged.",
)  # fmt: skip
@click.option(
    "--fall-share", type=FiniteRange(), default=_DEFAULTS["fall_share"], show_default=True,
    help="Share of merchants charged too little.",
)  # fmt: skip
@click.option(
    "--look-alike-share", type=FiniteRange(), default=_DEFAULTS["look_alike_share"], show_default=True,
    help="Share of merchants that get each kind of lawful look-alike of a violation.",
)  # fmt: skip
@click.option(
    "--fees", type=click.Choice(FEES), default=_DEFAULTS["fees"], show_default=True,
    help="Which events carry fees.",
)  # fmt: skip
@click.option(
    "--contracts/--no-contracts", default=_DEFAULTS["contracts"], show_default=True,
    help="Whether contract events state what merchants pay.",
)  # fmt: skip
@click.option(
    "--master-data/--no-master-data", default=_DEFAULTS["master_data"], show_default=True,
    help="Whether merchant events are given, and MCCs change lawfully.",
)  # fmt: skip
@click.option(
    "--people/--no-people", default=_DEFAULTS["people"], show_default=True,
    help="Whether reps, agents and who looks after whom are told.",
)  # fmt: skip
@click.option(
    "--reports/--no-reports", default=_DEFAULTS["reports"], show_default=True,
    help="Whether reports of fraud, chargebacks and retrieval requests come.",
)  # fmt: skip
@click.option(
    "--compromised-share", type=FiniteRange(), default=_DEFAULTS["compromised_share"], show_default=True,
    help="With reports: share of merchants whose cards leak.",
)  # fmt: skip
@click.option(
    "--service-share", type=FiniteRange(), default=_DEFAULTS["service_share"], show_default=True,
    help="Share of merchants that get each kind of service case.",
)  # fmt: skip
@click.option(
    "--habits/--no-habits", default=_DEFAULTS["habits"], show_default=True,
    help="Whether merchants have habits of their own and change them lawfully.",
)  # fmt: skip
@click.option(
    "--odd-share", type=FiniteRange(), default=_DEFAULTS["odd_share"], show_default=True,
    help="Share of merchants that do what no rule describes.",
)  # fmt: skip
@click.option(
    "--record-size", type=click.Choice(RECORD_SIZES), default=_DEFAULTS["record_size"], show_default=True,
    help="Common fields only, or every field.",
)  # fmt: skip
@click.option(
    "--time-format", type=click.Choice(TIME_FORMATS), default=_DEFAULTS["time_format"], show_default=True,
    help="How event_time is written.",
)  # fmt: skip
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output.")
def command(folder: Path, lang: str, *, as_json: bool, **asked: Any) -> None:
    """Write simulated traffic to DIR: events.jsonl, with truth.json and ledger.json to compare results with.

    The same options always give the same bytes.

    \b
    Examples:
      tillwatch simulate var/sim
      tillwatch simulate var/sim --merchants 200 --days 2 --seed 7 --json
    """
    try:
        simulation = _Shown(SimulationConfig(**asked))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    events = folder / "events.jsonl"
    with Bar("events", simulation.config.days * DAY_MS) as simulation.bar:
        started = time.monotonic()
        records = write_jsonl(simulation, events)
        seconds = time.monotonic() - started
    write_truth(simulation, folder)
    size, rate = events.stat().st_size, records / seconds
    if as_json:
        emit_json(
            {
                "folder": str(folder),
                "records": records,
                "bytes": size,
                "merchants": simulation.config.merchants,
                "violations": len(simulation.violations()),
                "seconds": round(seconds, 3),
                "records_per_second": round(rate),
            }
        )
    else:
        say = speaker(lang)
        to_stderr().print(
            say(
                f"{records:,} records, {size / 1e6:,.1f} MB in {folder}: {rate:,.0f} records/s",
                f"{folder}：记录{records:,}条，{size / 1e6:,.1f} MB；每秒{rate:,.0f}条",
            )
        )

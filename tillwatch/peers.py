"""`tillwatch peers` and its subcommand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import pandas as pd

from domain.events import APPROVED_CODES, KIND_TRANSACTION, ROLES, TXN_TYPES, Role
from engine.decoding.columns import MISSING, NUMBERS, STRINGS, pack
from engine.decoding.decode import Decoder
from models.peers import build_peers, dump_peers
from tillwatch.replay import batches
from tillwatch.show import Bar, table, to_stdout

if TYPE_CHECKING:
    from domain.alerts import DeadLetter
    from domain.peers import Peers
    from engine.decoding.decode import Decoded
    from tillwatch.cli import Invocation

_SALES = [place for place, name in enumerate(TXN_TYPES) if ROLES[name] is Role.SALE]
_APPROVED = [MISSING, *map(pack, APPROVED_CODES)]


@click.group("peers")
def command() -> None:
    """Learn what merchants of each trade usually do.

    \b
    Examples:
      tillwatch peers build june.jsonl --out peers.json
    """


@command.command("build", short_help="Make the artefact that the setting peers names.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default="peers.json", help="The artefact; peers.json."
)
@click.pass_obj
def build(invocation: Invocation, file: Path, out: Path) -> None:
    """Learn weekdays, hours, spread and new shops' days of each MCC from FILE, one JSON object a line.

    An MCC of fewer than 20 merchants keeps the generic prior. All times are taken in the setting time_zone.

    \b
    Examples:
      tillwatch peers build june.jsonl --out peers.json
    """
    if out.resolve() == file.resolve():
        raise click.UsageError(f"--out must be another file than {file}, which is read")
    peers = build_peers(read_sales(file, invocation.settings().time_zone))
    out.write_bytes(dump_peers(peers))
    _print(peers, out)


def read_sales(file: Path, time_zone: str) -> pd.DataFrame:
    """The approved sales of a file of events, as `models.peers.build_peers` takes them."""
    decoder, parts = Decoder(), []
    letters: list[DeadLetter] = []
    with file.open("rb") as lines, Bar("bytes", file.stat().st_size) as bar:
        for done, records in batches(lines, file.name, letters):
            parts.append(_sales(decoder.decode(records)))
            bar.show(done, sum(map(len, parts)), "")
    sales = pd.concat(parts)
    local = pd.to_datetime(sales.pop("ms"), unit="ms", utc=True).dt.tz_convert(time_zone).dt.tz_localize(None)
    sales["day"] = (local - pd.Timestamp(0)).dt.days
    sales["hour"] = local.dt.hour
    return sales.reset_index(drop=True)


def _sales(decoded: Decoded) -> pd.DataFrame:
    """Merchant (a hash), MCC, time and amount of the approved sales of a batch."""
    columns = decoded.columns
    number = {
        name: columns.number[NUMBERS.index(name)]
        for name in ("txn_type", "response_code", "mcc", "amount", "event_time")
    }
    keep = columns.kind == KIND_TRANSACTION
    keep &= np.isin(number["txn_type"], [MISSING, *_SALES]) & np.isin(number["response_code"], _APPROVED)
    return pd.DataFrame({
        "merchant": columns.hash[STRINGS.index("merchant_id")][keep],
        "mcc": [f"{mcc:04d}" if mcc != MISSING else "" for mcc in number["mcc"][keep].tolist()],
        "ms": number["event_time"][keep],
        "minor": number["amount"][keep],
    })  # fmt: skip


def _print(peers: Peers, out: Path) -> None:
    shown = table(f"Peers in {out}", "MCC", "spread", "new shop's day, week 1", numbers=(1, 2))
    for each in peers.groups[1:]:
        shown.add_row(", ".join(each.mccs), f"{each.spread:.3f}", f"{each.new_minor[0] / 100:,.2f}")
    to_stdout().print(shown)

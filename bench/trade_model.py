"""What the trade model adds to `mcc_static`: `python -m bench.trade_model TRAIN.npz [TRAIN.npz ...] --seeds 41 42`.

TRAIN are files of `python -m bench.oddities --habits` with `--odd-share 0`, of honest merchants: of them the model is
trained, and its table of confusions printed. Each seed gives a world of other merchants, some of them registered under
a cheaper MCC than their trade's from the start. Their profiles are built of a world of its own. For each weight of the
model the table says how many of the miscoded merchants had an alert, and how many of the honest ones.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from bench.oddities import QUIET
from bench.severity import records_of
from detectors.contract import HOME
from detectors.mcc_static import MccStatic
from domain.habits import NAMES
from domain.mcc_names import mcc_short_name
from engine.decoding.records import Records
from engine.features.families.oddity import LEAST_AGE_D
from engine.features.partition import MonitorConfig
from engine.features.pipeline import FeaturePipeline
from models.anomaly.habits import Habits
from models.anomaly.samples import Batch
from models.profiles import build_profiles
from models.trade.training import train
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from tillwatch.sales import read_sales
from tillwatch.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.profiles import Profiles
    from models.trade.model import TradeModel

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
COLUMNS = tuple(each for each in MccStatic.columns if each not in HOME)


def honest(file: Path, of: int) -> Batch:
    """The merchant-days of a file of `bench.oddities` on which merchants are old enough to be scored."""
    with np.load(file) as held:
        places = {name: k for k, name in enumerate(held["names"].tolist())}
        kept = held["values"][:, [places[f"habit_{name}"] for name in (*NAMES, "sales")]].astype(np.float64)
        merchant, day, mcc = held["merchant"], held["day"], held["mcc"]
    value, weight = np.ascontiguousarray(kept[:, :-1]), np.nan_to_num(kept[:, -1])
    first = np.full(int(merchant.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, merchant, day)
    age_d = day - first[merchant]
    habits = Habits(value, value, weight, mcc.astype(np.int64), age_d)
    keys = (merchant + 1_000_000 * of).astype(np.uint64)
    return Batch(keys, day.astype(np.int64), habits).rows(age_d >= LEAST_AGE_D)


def world(seed: int, args: argparse.Namespace, static_share: float) -> SimulationConfig:
    return SimulationConfig(
        seed=seed, merchants=args.merchants, days=args.days, tx_per_merchant_day=args.sales_a_day, habits=True,
        mcc_change_share=0.0, compromised_share=0.0, **(QUIET | {"static_share": static_share}),
    )  # fmt: skip


def profiles_of(config: SimulationConfig) -> Profiles:
    simulation = simulate(config)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.jsonl"
        with file.open("wb") as lines:
            for each in records_of(simulation):
                lines.writelines(line + b"\n" for line in each)
        sales = read_sales(file, Settings())
    return build_profiles(sales.frame, sales.registered, "simulated")


def closings(config: SimulationConfig, profiles: Profiles, model: TradeModel) -> tuple[Mapping[str, Any], Any, Any]:
    """Columns of closed days, the merchant of each, and what is planned of the merchants."""
    simulation = simulate(config)
    place = {simulation.merchant_id(i): i for i in range(config.merchants)}
    controls = {"profiles": profiles, "trade": model}
    pipeline = FeaturePipeline(MonitorConfig(capacity=config.merchants, controls=controls), historic=True)
    merchant, parts = [], []
    for lines in records_of(simulation):
        for rows in pipeline.rows(Records.of(lines)):
            closed = rows.closings
            merchant += [place[each] for each in rows.merchant_ids(closed)]
            parts.append({name: rows.columns[name][closed] for name in COLUMNS})
    columns = {name: np.concatenate([each[name] for each in parts]) for name in COLUMNS}
    one = np.ones(len(merchant), np.int64)
    return columns | dict.fromkeys(HOME, one), np.array(merchant), simulation.merchants.table


def found(columns: Mapping[str, Any], merchant: Any, table: Any, **settings: Any) -> tuple[int, int]:
    """How many miscoded and honest merchants had an alert for what they sell, not for their name alone."""
    index = MccStatic(**settings).detect(columns).index
    hit = np.unique(merchant[index[~np.isnan(columns["trade_evidence"][index])]])
    static = table["jump_kind"][hit] > 0
    return int(static.sum()), int((~static).sum())


def confusions(model: TradeModel) -> None:
    it = model.manifest
    print(f"{len(model.encoded()):,} bytes, {it.merchants:,} merchants, {it.merchant_days:,} merchant-days; log loss "
          f"{it.log_loss:.3f} nats, {it.guess_log_loss:.3f} by guessing; likeliest {100 * it.hit:.1f} %, among three "
          f"{100 * it.near:.1f} %; temperature {model.parts.temperature:.2f}")  # fmt: skip
    for each in it.classes:
        likened = ", ".join(f"{mcc or 'others'} {100 * share:.0f} %" for mcc, share in each.likened if mcc != each.mcc)
        name = mcc_short_name(each.mcc).en if each.mcc else "all others"
        print(f"| {each.mcc or '–'} | {name} | {each.merchants} | {100 * each.hit:.0f} % | {100 * each.near:.0f} % "
              f"| {likened or '–'} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[41, 42])
    parser.add_argument("--merchants", type=int, default=1000)
    parser.add_argument("--days", type=float, default=50.0)
    parser.add_argument("--sales-a-day", type=float, default=15.0, help="mean over merchants")
    parser.add_argument("--static-share", type=float, default=0.1)
    parser.add_argument("--out", type=Path, help="file for the trained model")
    args = parser.parse_args()
    model = train([honest(each, k) for k, each in enumerate(args.train)], version="simulated", seed=1,
                  source="simulated merchants")  # fmt: skip
    if args.out:
        args.out.write_bytes(model.encoded())
    confusions(model)
    profiles = profiles_of(world(1 + max(args.seeds), args, static_share=0.0))
    print("weight of the model: miscoded merchants found, honest ones accused, by least evidence of 4, 5, 6, 7 nats")
    for seed in args.seeds:
        columns, merchant, table = closings(world(seed, args, args.static_share), profiles, model)
        static, judged = int((table["jump_kind"] > 0).sum()), int((~np.isnan(columns["trade_odds"])).sum())
        print(f"seed {seed}: {static} miscoded of {len(table)} merchants, {judged:,} merchant-days judged by the model")
        for weight in WEIGHTS:
            pairs = [found(columns, merchant, table, model_weight=weight, evidence_nats=each) for each in (4, 5, 6, 7)]
            print(f"  {weight:4.2f}  " + "   ".join(f"{hits:3d} {wrong:3d}" for hits, wrong in pairs))


if __name__ == "__main__":
    main()

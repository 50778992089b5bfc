"""Merchant-days with what is known of them, to train and compare models of habits: `python -m bench.oddities OUT.npz`.

Simulates a world in which merchants have habits of their own, change them lawfully, and some do what no rule
describes; the features of every closed day are kept. With `--odd-share 0` all are honest. The file has

- `merchant` (rows,), int32; `day` (rows,), int32, local days from 1970; `mcc` (rows,), int16, the first registered;
- `names` (columns,), the columns of a day's closing, and `values` (rows, columns), float32, NaN where there is none;
- `label` (rows,), int8: place in `kinds` of what is odd about the merchant on the day; 0 nothing;
- `lawful` (rows,), int8: place in `kinds` of a lawful change then, of several the latest to begin; 0 none;
- `effect` (rows,), float32, of what is odd, NaN where nothing is; `kinds`, the names, "" first.

Days after the end of what is odd and within the grace of an evaluation have label -1: they are neither.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.severity import records_of
from domain.feature_codes import NULL
from domain.timestamps import DAY_MS
from engine.decoding.records import Records
from engine.features.families.registry import closing_columns
from engine.features.partition import MonitorConfig
from engine.features.pipeline import FeaturePipeline
from evaluation.matching import GRACE_MS, MODEL
from simulator.config import SimulationConfig
from simulator.habits import KINDS
from simulator.simulation import simulate
from simulator.table import ODD_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.features.feature_rows import FeatureRows
    from simulator.simulation import Simulation

LABELS = (*ODD_KINDS, *KINDS)
"""What a day may be labelled with, by number; 0 is nothing."""
NEITHER = -1
QUIET: dict[str, Any] = dict.fromkeys(
    ("jump_share", "static_share", "rotation_share", "drift_share", "fee_share", "fall_share", "volume_share"), 0.0
)
"""Shares of the violations that rules describe: left out, so that a day is odd, changed or neither."""


def settings_of(
    seed: int, odd_share: float, *, merchants: int, days: float, sales_a_day: float, world: str, reports: bool = False
) -> SimulationConfig:
    """The run of a seed, in which nobody's registered MCC changes."""
    return SimulationConfig(
        seed=seed, merchants=merchants, days=days, tx_per_merchant_day=sales_a_day, world=world, odd_share=odd_share,
        habits=True, mcc_change_share=0.0, reports=reports, compromised_share=0.0, **QUIET,
    )  # fmt: skip


def day_rows(simulation: Simulation, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """`merchant`, `day` and `values` of every day that the engine closes."""
    config = simulation.config
    place = {simulation.merchant_id(i): i for i in range(config.merchants)}
    pipeline = FeaturePipeline(MonitorConfig(capacity=config.merchants), historic=True)
    kinds = {each.name: each.kind for each in pipeline.columns}
    parts: list[tuple[list[int], NDArray[Any], NDArray[Any]]] = []
    for lines in records_of(simulation):
        for rows in pipeline.rows(Records.of(lines)):
            closed = rows.closings
            if len(closed):
                ids = [place[each] for each in rows.merchant_ids(closed)]
                parts.append((ids, rows.local_day()[closed], _values(rows, closed, names, kinds)))
    return {
        "merchant": np.array([i for ids, _, _ in parts for i in ids], np.int32),
        "day": np.concatenate([days for _, days, _ in parts]).astype(np.int32),
        "values": np.concatenate([values for _, _, values in parts]),
    }


def _values(
    rows: FeatureRows, closed: NDArray[np.int64], names: Sequence[str], kinds: Mapping[str, str]
) -> NDArray[np.float32]:
    """Some columns of closed days, NaN where one is null, shape (closed, names)."""
    out = np.empty((len(closed), len(names)), np.float32)
    for k, name in enumerate(names):
        column = rows.columns[name][closed]
        out[:, k] = column if kinds[name] == "float" else np.where(column == NULL, np.nan, column)
    return out


def labels_of(simulation: Simulation, merchant: NDArray[np.int32], day: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    """`label`, `effect` and `lawful` of merchant-days."""
    table = simulation.merchants.table
    label, lawful = np.zeros(len(day), np.int8), np.zeros(len(day), np.int8)
    effect = np.full(len(day), np.nan, np.float32)
    of_merchant = np.argsort(merchant, kind="stable")
    starts = np.searchsorted(merchant[of_merchant], np.arange(len(table) + 1))

    def days_of(i: int, from_ms: int, until_ms: int) -> NDArray[np.int64]:
        mine = of_merchant[starts[i] : starts[i + 1]]
        midnight = day[mine].astype(np.int64) * DAY_MS - int(table["offset_h"][i]) * DAY_MS // 24
        return np.asarray(mine[(midnight + DAY_MS > from_ms) & (midnight < until_ms)], np.int64)

    for each in simulation.violations():
        if each.category != MODEL:
            continue
        label[days_of(each.merchant_index, each.end_ms, each.end_ms + GRACE_MS[MODEL])] = NEITHER
        odd = days_of(each.merchant_index, each.onset_ms, each.end_ms)
        label[odd], effect[odd] = LABELS.index(each.kind), each.effect
    changes = [each for each in simulation.look_alikes() if each.category == MODEL]
    for change in sorted(changes, key=lambda each: each.from_ms):
        lawful[days_of(change.merchant_index, change.from_ms, change.until_ms)] = LABELS.index(change.kind)
    return {"label": label, "effect": effect, "lawful": lawful}


def collect(config: SimulationConfig, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Everything that the file has, of one run; `names` are the columns, by default all of a closing."""
    simulation = simulate(config)
    names = [each.name for each in closing_columns()[1:]] if names is None else list(names)
    found: dict[str, Any] = day_rows(simulation, names)
    found |= labels_of(simulation, found["merchant"], found["day"])
    found["mcc"] = simulation.merchants.table["mcc0"][found["merchant"]]
    return found | {"names": np.array(names), "kinds": np.array(LABELS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="file to write; with several seeds their numbers are put before .npz")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--merchants", type=int, default=2000)
    parser.add_argument("--days", type=float, default=150.0)
    parser.add_argument("--sales-a-day", type=float, default=20.0, help="mean over merchants")
    parser.add_argument("--world", default="mixed")
    parser.add_argument("--odd-share", type=float, default=0.1)
    parser.add_argument("--reports", action="store_true", help="with honest reports of fraud and chargebacks")
    parser.add_argument("--habits", action="store_true", help="keep the columns habit_* and *_usual alone")
    args = parser.parse_args()
    names = [each.name for each in closing_columns()[1:] if each.name.startswith("habit_")] if args.habits else None
    for seed in args.seeds:
        started = time.perf_counter()
        config = settings_of(
            seed, args.odd_share, merchants=args.merchants, days=args.days, sales_a_day=args.sales_a_day,
            world=args.world, reports=args.reports,
        )  # fmt: skip
        found = collect(config, names)
        out = args.out if len(args.seeds) == 1 else args.out.with_suffix(f".{seed}.npz")
        np.savez_compressed(out, **found)
        label, lawful = found["label"], found["lawful"]
        print(
            f"seed {seed}: {len(label):,} merchant-days, {len(found['names'])} columns; {np.sum(label > 0):,} odd, "
            f"{np.sum((label == 0) & (lawful > 0)):,} after a lawful change; {time.perf_counter() - started:.0f} s"
        )


if __name__ == "__main__":
    main()

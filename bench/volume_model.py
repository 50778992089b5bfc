"""How well the model of volume finds events, beside plain baselines: `python -m bench.volume_model`.

Honest daily counts of the simulator's worlds get one event in each of half of the shops; the others say how many alerts
untouched trade costs. An alert is a day whose rarity passes a threshold, then quiet for 10 days unless it is clearly
rarer. Thresholds are set so that all worlds together cost so many alerts per 1,000 shop-days. `--write` writes
`engine/features/day_quantiles.py` from honest trade of another seed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.realism import MEAN
from bench.series_daily import windowed_z
from detectors.volume_collapse import VolumeCollapse
from detectors.volume_decline import VolumeDecline
from detectors.volume_rise import VolumeRise
from domain.calendars import FIRST_DAY, DayKind
from domain.timestamps import DAY_MS
from engine.control_kinds.registry import KINDS, version_0
from engine.features import day_model, day_quantiles
from engine.features.day_quantiles import FIRST_DECADE, STEP
from engine.features.event import REFERENCE
from engine.jit import njit_cached
from models.series import SeriesModel
from simulator.config import SimulationConfig
from simulator.festivals import EPOCH
from simulator.worlds import daily_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Scores = NDArray[np.float64]

WORLDS = ("platform", "restaurants", "supermarkets")
SALES_A_DAY = {**MEAN, "supermarkets": MEAN["supermarkets"] / 10}
"""Of a shop; supermarkets as one sale in ten."""
START_MS = round(datetime(2024, 3, 31, 16, tzinfo=UTC).timestamp() * 1000)
DAYS, WARM_D = 480, 90
QUIET_D, CLEARLY = 10, 0.5
MARKET_SHARE = 0.08
"""Least share of shops that are all odd on one day by the market's doing."""
THRESHOLDS = (*[VolumeRise().decades] * 4, *[VolumeCollapse().decades] * 3, VolumeCollapse().silent_decades,
              VolumeDecline().decades)  # fmt: skip
"""The detectors' defaults, by view."""
EASED = tuple(THRESHOLDS[0] - each + ease for each, ease in zip(THRESHOLDS, day_model.EASE, strict=True))
"""What each view's threshold is lower by, decades: the detectors' defaults."""
EVENTS = ("spike x4", "mild x2.2", "burst x2.5", "level x1.6", "ramp to x3", "drop to 15 %", "wake x3", "decline 40 %")
VIEWS = len(day_model.VIEWS)
UPWARDS = tuple(range(day_model.DAY_DOWN))
DOWNWARDS = tuple(range(day_model.THREE_DOWN, VIEWS))
"""Views that alerts rest on; a low day alone is only scored, for it may be a hole in the data."""
_ROW = np.dtype([*day_model.FIELDS, ("seen_days", np.uint16)], align=True)


class Event(NamedTuple):
    """An event in a shop: its kind, a place in `EVENTS`, and the days on which an alert finds it."""

    shop: int
    kind: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Trade:
    """A world's counts, shape (days, shops), with and without events."""

    world: str
    first_day: int
    honest: Counts
    counts: Counts
    events: list[Event]
    special: NDArray[np.bool_]
    """(days,): a holiday or the days before it."""
    tables: NDArray[np.void]
    """(1,): what the kernel reads of calendar and peers."""

    @property
    def untouched(self) -> NDArray[np.int64]:
        """Shops without an event."""
        return np.setdiff1d(np.arange(self.counts.shape[1]), [each.shop for each in self.events])


def reference(world: str) -> NDArray[np.void]:
    """The tables in force by default, as the kernel reads them, shape (1,); supermarkets are told of Christmas."""
    tables = np.zeros(1, REFERENCE)
    in_force = version_0({})
    for kind in KINDS.values():
        if kind.install is not None:
            kind.install(tables, in_force)
    for year in range(2023, 2027) if world == "supermarkets" else ():
        christmas = (date(year, 12, 25) - EPOCH).days - FIRST_DAY
        tables["day_kind"][0, christmas - 8 : christmas] = DayKind.RUSH
        tables["day_kind"][0, christmas - 1] = DayKind.FESTIVAL
        tables["day_kind"][0, christmas] = DayKind.HOLIDAY
    return tables


@njit_cached
def _views(counts: Any, first_day: int, tables: Any, rows: Any, out: Any) -> None:
    for shop in range(counts.shape[1]):
        row = rows[shop]
        for t in range(counts.shape[0]):
            n = float(counts[t, shop])
            if row.seen_days == 0:
                if n > 0.0:
                    day_model.first(row, tables[0], 0, first_day + t, n)
                    row.seen_days = 1
                continue
            day_model.adopt(row)
            logs = day_model.expect(row, tables[0], 0, first_day + t)
            found = day_model.judge(row, tables[0], 0, first_day + t, n, 0.0, 0.0, logs)
            for k in range(VIEWS):
                out[t, shop, k] = found[k]
            row.seen_days = min(int(row.seen_days) + 1, 60_000)


def views(counts: Counts, first_day: int, tables: NDArray[np.void]) -> Scores:
    """What the engine's own model of a day makes of daily counts, in deviations; shape (days, shops, views)."""
    out = np.zeros((*counts.shape, VIEWS))
    _views(np.ascontiguousarray(counts, np.int64), first_day, tables, np.zeros(counts.shape[1], _ROW), out)
    return out


def trade(world: str, shops: int, seed: int) -> Trade:
    """A world's trade, with an event in every second shop."""
    tables = reference(world)
    config = SimulationConfig(
        seed=seed, merchants=shops, days=DAYS, start_ms=START_MS, world=world, tx_per_merchant_day=SALES_A_DAY[world]
    )
    counts, first_day = daily_counts(config, disturbed=False)
    honest = counts.astype(np.int64)
    special = tables["day_kind"][0, first_day - FIRST_DAY :][: len(honest)] > day_model.SALE_DAY
    disturbed, events = inject(honest, seed)
    return Trade(world, first_day, honest, disturbed, events, np.asarray(special, np.bool_), tables)


def inject(honest: Counts, seed: int) -> tuple[Counts, list[Event]]:
    """Counts with one event in every second shop that sells 3 or more a day."""
    rng, out, events = np.random.default_rng(seed), honest.copy(), []
    days, shops = honest.shape
    for k, shop in enumerate(rng.permutation(shops)[: shops // 2].tolist()):
        open_days = np.flatnonzero(honest[:, shop])
        at = open_days[(open_days >= WARM_D) & (open_days < days - 45)]
        if len(at) < 60 or honest[:, shop].mean() < 3:
            continue
        kind, day = k % len(EVENTS), int(rng.choice(at))
        last = _disturb(out[:, shop], kind, day, rng)
        first = {6: day + 21, 7: day + 7}.get(kind, day)
        events.append(Event(shop, kind, max(first, 0) if kind != 6 else last, last))
    return out, events


def _disturb(counts: Counts, kind: int, day: int, rng: np.random.Generator) -> int:
    """Let an event of `kind` begin on `day`; the last day on which it is to be found."""
    rises = {0: [4.0], 1: [2.2], 2: [2.5] * 3, 3: [1.6] * 14, 4: list(1 + 2 * np.arange(1, 22) / 21)}
    falls = {5: [0.15] * 5, 7: [*(1 - 0.6 * np.arange(1, 29) / 28), *[0.4] * 10]}
    if kind in rises:
        part = counts[day : day + len(rises[kind])]
        part += rng.poisson(part * (np.array(rises[kind]) - 1))
        return day + len(part) - 1
    if kind in falls:
        part = counts[day : day + len(falls[kind])]
        part[:] = rng.binomial(part, falls[kind])
        return day + len(part) - 1
    before = counts[:day]
    usual = np.median(before[before > 0][-28:])
    counts[day : day + 21] = 0
    wakes = day + 21 + int(np.argmax(counts[day + 21 :] > 0))
    counts[wakes] = rng.poisson(3 * usual)
    return wakes


def alarms(rarity: Scores, threshold: float) -> NDArray[np.bool_]:
    """Days on which an alert begins; rarity and result of shape (days, shops)."""
    out = np.zeros(rarity.shape, np.bool_)
    _alarms(rarity, threshold, out)
    return out


@njit_cached
def _alarms(rarity: Any, threshold: float, out: Any) -> None:
    days, shops = rarity.shape
    for shop in range(shops):
        last, top = -1000, 0.0
        for t in range(days):
            now = rarity[t, shop]
            if now < threshold:
                continue
            if t - last > QUIET_D or now > top + CLEARLY:
                out[t, shop] = True
                top = now
            top = max(top, now)
            last = t


def quiet_days(found: Scores) -> NDArray[np.bool_]:
    """Days but for the warm-up, and for those on which all shops are odd alike: the market's; shape (days,)."""
    out = np.arange(len(found)) >= WARM_D
    for view in (day_model.DAY_UP, day_model.DAY_DOWN):
        out &= (found[..., view] > np.quantile(found[WARM_D:, :, view], 0.99)).mean(axis=1) < MARKET_SHARE
    return out


def honest_values(trades: list[Trade], found: list[Scores], view: int, *, special: bool) -> Scores:
    """A view of the untouched shops' days of a class, ascending; of what lasts, its greatest day alone counts.

    So 3 decades are what a lawful shop comes to once in 1,000 days, however long it stays there.
    """
    parts = []
    for of, mine in zip(trades, found, strict=True):
        days = quiet_days(mine) & (of.special == special)
        values = mine[:, of.untouched, view]
        parts.append(_tops(values)[days].ravel())
    return np.sort(np.concatenate(parts))


def _tops(values: Scores) -> Scores:
    """The values that none within `QUIET_D` days exceeds, 0 for the others; shape (days, shops)."""
    near = np.pad(values, ((QUIET_D, QUIET_D), (0, 0)))
    most = np.max([near[k : k + len(values)] for k in range(2 * QUIET_D + 1)], axis=0)
    return np.asarray(np.where(values == most, values, 0.0), np.float64)


def ranks(trades: list[Trade], found: list[Scores], eased: Sequence[float]) -> list[Scores]:
    """Rarity of each view among honest shop-days of its class, powers of ten."""
    out = [np.zeros_like(each) for each in found]
    for special in (False, True):
        for view in range(VIEWS):
            among = honest_values(trades, found, view, special=special)
            for of, mine, into in zip(trades, found, out, strict=True):
                values = mine[of.special == special][..., view]
                above = len(among) - np.searchsorted(among, values, side="left")
                rare = -np.log10((above + 1.0) / (len(among) + 1.0)) + eased[view]
                into[of.special == special, :, view] = np.where(values > 0, rare, 0.0)
    return out


@dataclass(frozen=True, slots=True)
class Result:
    """What a threshold finds in a world: shares of events by kind, alerts per 1,000 shop-days, and holidays' rate."""

    found: list[float]
    load: float
    holiday_ratio: float

    @property
    def all_found(self) -> float:
        return float(np.mean(self.found))


def tried(trades: list[Trade], rarities: list[Scores], load: float) -> tuple[float, list[Result]]:
    """The threshold at which all worlds together cost `load`, and what it finds in each."""
    low, high = 1.0, 7.0
    for _ in range(20):
        middle = (low + high) / 2
        cost = np.mean([_alerts(each, rarity, middle)[2].mean() for each, rarity in zip(trades, rarities, strict=True)])
        low, high = (middle, high) if 1000 * cost > load else (low, middle)
    return high, [_result(each, rarity, high) for each, rarity in zip(trades, rarities, strict=True)]


def _alerts(of: Trade, rarity: Scores, threshold: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Any]:
    up = alarms(rarity[:, :, list(UPWARDS)].max(axis=2), threshold)
    down = alarms(rarity[:, :, list(DOWNWARDS)].max(axis=2), threshold)
    return up, down, (up | down)[WARM_D:, of.untouched]


def _result(of: Trade, rarity: Scores, threshold: float) -> Result:
    up, down, false = _alerts(of, rarity, threshold)
    found: list[list[bool]] = [[] for _ in EVENTS]
    for event in of.events:
        mine = down if event.kind in (5, 7) else up
        found[event.kind].append(bool(mine[event.first : event.last + 1, event.shop].any()))
    special = of.special[WARM_D:]
    ratio = false[special].mean() / max(false[~special].mean(), 1e-9)
    return Result([float(np.mean(each)) for each in found], 1000 * float(false.mean()), float(ratio))


def quantiles(values: Scores) -> list[float]:
    """Deviations at the decades from `FIRST_DECADE` on; shape of `values` (shop-days,)."""
    steps = FIRST_DECADE + STEP * np.arange(17)
    top = np.quantile(values, 1.0 - 10.0**-steps)
    out: list[float] = []
    for each in top.tolist():
        out.append(round(max(each, (out[-1] if out else 0.0) + 0.02), 3))
    return out


def write(path: Path, trades: list[Trade], found: list[Scores]) -> None:
    """Write the quantiles of honest trade, by view and class of day."""
    lines = ['"""Quantiles of lawful trade: deviations of each view of a day at decades of rarity.', "",
             "Written by `python -m bench.volume_model --write` from honest trade of the simulator's three worlds.",
             '"""', "", "FIRST_DECADE, STEP = 1.0, 0.25", "TABLE = ("]  # fmt: skip
    for view, name in enumerate(day_model.VIEWS):
        lines.append(f"    # {name}: ordinary days, then eves and holidays")
        lines.append("    (")
        for special in (False, True):
            values = honest_values(trades, found, view, special=special)
            row = [str(each) for each in quantiles(values)]
            lines += [f"        ({', '.join(row[:9])},", f"         {', '.join(row[9:])}),"]
        lines.append("    ),")
    path.write_text("\n".join([*lines, ")  # fmt: skip", ""]), encoding="utf-8")


def shipped(trades: list[Trade], found: list[Scores]) -> list[Scores]:
    """Rarity of each view by the shipped table, powers of ten, less what its threshold lies above that of rises."""
    out = [np.zeros_like(each) for each in found]
    for of, mine, into in zip(trades, found, out, strict=True):
        _rarity(mine, of.special, np.array(EASED), into)
    return out


@njit_cached
def _rarity(found: Any, special: Any, eased: Any, out: Any) -> None:
    for t in range(found.shape[0]):
        for shop in range(found.shape[1]):
            for view in range(found.shape[2]):
                if found[t, shop, view] > 0.0:
                    out[t, shop, view] = day_model.decades(view, found[t, shop, view], special[t]) + eased[view]


def week_residual(counts: Counts, first_day: int, tables: Any) -> Scores:
    """A plain baseline: against the median of the same weekday of six weeks before, in deviations of 30 days."""
    del first_day, tables
    out, n = np.zeros((*counts.shape, VIEWS)), counts.astype(float)
    with np.errstate(invalid="ignore"):
        for t in range(42, len(n)):
            before = np.where(n[t - 42 : t : 7] > 0, n[t - 42 : t : 7], np.nan)
            usual = np.nan_to_num(np.nanquantile(np.where(np.isnan(before).all(axis=0), 0.0, before), 0.5, axis=0))
            z = (n[t] - usual) / (n[t - 30 : t].std(axis=0) + 1.0)
            out[t, :, day_model.DAY_UP], out[t, :, day_model.THREE_DOWN] = (
                np.where(n[t] > 0, np.maximum(z, 0), 0),
                np.maximum(-z, 0),
            )
    return out


def windowed(counts: Counts, first_day: int, tables: Any) -> Scores:
    """A plain baseline: the deviation against the last 30 days."""
    del first_day, tables
    out, z = np.zeros((*counts.shape, VIEWS)), windowed_z(counts.astype(float).T).T
    out[..., day_model.DAY_UP], out[..., day_model.THREE_DOWN] = np.maximum(z, 0), np.maximum(-z, 0)
    return out


def cusum(counts: Counts, first_day: int, tables: Any) -> Scores:
    """A plain baseline: one-sided sums of deviations of the square root against the last 28 days, half a one let go."""
    del first_day, tables
    out, n = np.zeros((*counts.shape, VIEWS)), np.sqrt(counts.astype(float))
    up, down = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for t in range(28, len(n)):
        z = (n[t] - n[t - 28 : t].mean(axis=0)) / (n[t - 28 : t].std(axis=0) + 0.5)
        up, down = np.maximum(0, up + np.clip(z, -3, 4) - 0.5), np.maximum(0, down - np.clip(z, -4, 3) - 0.5)
        out[t, :, day_model.DAY_UP], out[t, :, day_model.THREE_DOWN] = up, down
    return out


def market_known(counts: Counts, first_day: int, tables: Any) -> Scores:
    """The engine's model on counts from which the day's market is taken out: what no shop alone can know.

    The market is the median over shops of a day's ratio to the median of the same weekday of six weeks before.
    """
    n, market = counts.astype(float), np.ones(len(counts))
    for t in range(42, len(n)):
        usual = np.median(n[t - 42 : t : 7], axis=0)
        seen = (usual >= 5) & (n[t] > 0)
        market[t] = np.median(n[t, seen] / usual[seen]) if seen.sum() >= 20 else 1.0
    without = np.where(counts > 0, np.maximum(np.rint(n / market[:, None]), 1), 0)
    return views(without.astype(np.int64), first_day, tables)


def score_series(counts: Counts, first_day: int, tables: Any) -> Scores:
    """What `tillwatch score-series` makes of the counts, upwards or downwards by what it expected."""
    del tables
    days, shops = counts.shape
    ts_ms = np.repeat((first_day + np.arange(days)) * DAY_MS, shops)
    found = SeriesModel().score(np.tile(np.arange(shops), days), ts_ms, counts.ravel().astype(np.float64))
    score, above = found.scores.reshape(counts.shape), counts > found.expected.reshape(counts.shape)
    out = np.zeros((*counts.shape, VIEWS))
    out[..., day_model.DAY_UP], out[..., day_model.THREE_DOWN] = np.where(above, score, 0), np.where(above, 0, score)
    return out


MODELS: dict[str, Callable[[Counts, int, Any], Scores]] = {
    "model": views,
    "market known": market_known,
    "score-series": score_series,
    "weekday residual": week_residual,
    "windowed z": windowed,
    "cusum": cusum,
}


def show(name: str, load: float, results: list[Result]) -> None:
    """Print a table's part."""
    for world, result in zip(WORLDS, results, strict=True):
        parts = " ".join(f"{100 * each:4.0f}" for each in result.found)
        rest = f"{100 * result.all_found:4.0f} {result.load:6.2f} {result.holiday_ratio:6.1f}  at {load:g}"
        print(f"{name:17} {world:13} {parts}  {rest}")


def main() -> None:
    """Compare, or write the quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--loads", type=float, nargs="*", default=[2.5, 5.0])
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    trades = [trade(world, args.shops, args.seed) for world in WORLDS]
    if args.write:
        found = [views(each.honest, each.first_day, each.tables) for each in trades]
        write(Path(day_quantiles.__file__), trades, found)
        return
    print(f"{'':17} {'':13} {' '.join(each.split()[0][:4].rjust(4) for each in EVENTS)}   all   load holiday")
    by_table = shipped(trades, [views(each.counts, each.first_day, each.tables) for each in trades])
    show("defaults", 0, [_result(of, rarity, THRESHOLDS[0]) for of, rarity in zip(trades, by_table, strict=True)])
    for name in args.models:
        eased = EASED if name in {"model", "market known"} else (0.0,) * VIEWS
        rarities = ranks(trades, [MODELS[name](each.counts, each.first_day, each.tables) for each in trades], eased)
        for load in args.loads:
            show(name, load, tried(trades, rarities, load)[1])


if __name__ == "__main__":
    main()

"""How much like real shops the simulator's honest merchants trade: `python bench/realism.py [world …]`.

The real figures are published statistics about three kinds of shops, not the data, which are not here: some 2,000 of a
growing payment platform (`platform`), 829 restaurants and 54 supermarkets, on daily counts of one and a third to four
and a half years. Each stands beside the same figure of simulated merchants, with `within` (a quarter, or 0.05 if
that is more) or `off`.

A residual is the logarithm of a day's sales over the median of the same weekday of the six weeks before (the
expectation), less the day's median over all shops (the market), on open days with an expectation of 10 or more.
Spring Festival has rows of its own and is left out of the other rows about holidays. Of a long holiday the first two
days count for supermarkets: the calendar of the real ones has no longer ones.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulator.config import SimulationConfig
from simulator.festivals import EPOCH, NEW_YEARS, is_holiday
from simulator.shops import is_data_hole
from simulator.worlds import daily_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

Figures = dict[str, tuple[float, ...]]
START_MS = round(datetime(2024, 6, 2, 16, tzinfo=UTC).timestamp() * 1000)
"""A Monday; the 500 days from it hold one Spring Festival and one turn of the year."""
DAYS = 500.0
MEAN = {"platform": 79.0, "restaurants": 18.5, "supermarkets": 1650.0}
"""Sales of a shop a day."""
_LAGS = (1, 2, 3, 7, 14, 28)
_TIMES = (1.5, 2.0, 3.0, 4.0)
_BANDS = ((10, 30), (30, 100), (100, 300), (300, 1000), (1000, 10**9))
_SPRING = {-4: "eve -3", -1: "eve", 0: "day 1", 3: "day +3", 7: "day +7", 14: "day +14"}
_RAMP = ((0, 14), (14, 28), (28, 42), (56, 70), (90, 104))

REAL: dict[str, Figures] = {
    "platform": {
        "mean a day, q10 50 90": (50, 78, 201),
        "robust sd q10 50 90, 10 to 30 a day": (0.32, 0.48, 0.90),
        "robust sd q10 50 90, 30 to 100 a day": (0.20, 0.27, 0.47),
        "robust sd q10 50 90, 100 to 300 a day": (0.15, 0.20, 0.37),
        "robust sd q10 50 90, 300 to 1000 a day": (0.11, 0.16, 0.28),
        "days in 1,000 above 1.5 2 3 4 times, 10 to 30 a day": (372, 222, 105, 58),
        "days in 1,000 above 1.5 2 3 4 times, 30 to 100 a day": (106, 39, 11.8, 5.2),
        "days in 1,000 above 1.5 2 3 4 times, 100 to 300 a day": (48, 15, 2.9, 0.9),
        "days in 1,000 below 1/2 1/4, 30 to 100 a day": (35, 7.8),
        "autocorrelation at 1 2 3 7 14 28 days": (0.57, 0.45, 0.38, 0.31, 0.14, -0.06),
        "level of 14 days: sd, q5, q95": (0.65, -0.56, 0.52),
        "level above 1.6, below 1/1.6, above 2.5, %": (5.8, 6.2, 1.7),
        "spells of 1 2 3 4-6 7-13 14+ days, %": (61, 17, 7, 9, 4, 1),
        "spells a shop-year": (14,),
        "runs without a sale a shop-year": (2.6,),
        "runs of 7+, 21+ days, %": (23, 12),
        "weekend over weekdays": (1.11,),
        "best over worst weekday p5 50 95": (1.12, 1.42, 2.48),
        "weekdays, Monday first": (0.94, 0.93, 0.95, 0.96, 1.05, 1.09, 1.07),
        "market: sd, largest": (0.21, 2.9),
        "holidays if open q5 50 95": (0.37, 0.95, 2.0),
        "closed on holidays, others, %": (2.5, 2.6),
        "holiday over normal, above 1.5, 2, below 1/2": (0.9, 0.8, 2.7),
        "spread over shops a day q5 50 95": (0.47, 0.76, 1.32),
        "new shop, days 0-13: median p10 p90": (0.50, 0.06, 1.1),
        "new shop, days 14-27: median p10 p90": (0.73, 0.18, 1.5),
        "new shop, days 28-41: median p10 p90": (0.83, 0.28, 1.5),
        "new shop, days 56-69: median p10 p90": (0.91, 0.40, 1.6),
        "new shop, days 90-103: median p10 p90": (0.92, 0.57, 1.3),
        "Spring Festival eve -3: closed %, p25 50 75": (10, 0.73, 1.12, 1.55),
        "Spring Festival eve: closed %, p25 50 75": (19, 0.16, 0.51, 0.88),
        "Spring Festival day 1: closed %, p25 50 75": (22, 0.12, 0.53, 1.14),
        "Spring Festival day +3: closed %, p25 50 75": (19, 0.21, 0.60, 1.18),
        "Spring Festival day +7: closed %, p25 50 75": (10, 0.67, 1.02, 1.46),
        "Spring Festival day +14: closed %, p25 50 75": (2, 0.82, 1.02, 1.24),
    },
    "restaurants": {
        "mean a day, q10 50 90": (6, 16, 33),
        "robust sd q10 50 90, 10 to 30 a day": (0.33, 0.48, 0.73),
        "robust sd q10 50 90, 30 to 100 a day": (0.24, 0.32, 0.50),
        "days in 1,000 above 1.5 2 3 4 times, 10 to 30 a day": (167, 57, 10.5, 3.0),
        "days in 1,000 above 1.5 2 3 4 times, 30 to 100 a day": (61, 10.6, 1.3, 0.5),
        "days in 1,000 below 1/2 1/4, 30 to 100 a day": (76, 18.7),
        "autocorrelation at 1 2 3 7 14 28 days": (0.06, 0.04, 0.03, 0.05, 0.00, -0.07),
        "level of 14 days: sd, q5, q95": (0.26, -0.37, 0.32),
        "level above 1.6, below 1/1.6, above 2.5, %": (1.5, 2.9, 0.2),
        "spells of 1 2 3 4-6 7-13 14+ days, %": (88, 10, 2, 0, 0, 0),
        "spells a shop-year": (34,),
        "runs without a sale a shop-year": (34,),
        "runs of 7+, 21+ days, %": (1.3, 0.2),
        "weekend over weekdays": (1.34,),
        "best over worst weekday": (4.9,),
        "market: sd, largest": (0.11, 1.55),
        "holidays if open q5 50 95": (0.26, 1.11, 2.7),
        "closed on holidays, others, %": (26, 3.3),
        "holiday over normal, above 1.5, 2, below 1/2": (2.1, 3.1, 1.3),
    },
    "supermarkets": {
        "mean a day, q10 50 90": (863, 1364, 2944),
        "robust sd q10 50 90, 300 to 1000 a day": (0.054, 0.061, 0.094),
        "robust sd q10 50 90, above 1000 a day": (0.042, 0.053, 0.069),
        "days in 1,000 above 1.5 2 3 4 times, 300 to 1000 a day": (10.1, 4.2, 0.9, 0.3),
        "autocorrelation at 1 2 3 7 14 28 days": (0.37, 0.25, 0.18, 0.17, 0.07, -0.03),
        "level of 14 days: sd, q5, q95": (0.31, -0.07, 0.06),
        "level above 1.6, below 1/1.6, above 2.5, %": (0.2, 0.3, 0.1),
        "spells of 1 2 3 4-6 7-13 14+ days, %": (49, 18, 8, 19, 6, 0),
        "spells a shop-year": (0.3,),
        "runs without a sale a shop-year": (1.9,),
        "runs of 7+, 21+ days, %": (1.3, 1.3),
        "weekend over weekdays": (1.19,),
        "best over worst weekday": (1.3,),
        "market: sd, largest": (0.09, 3.3),
        "holidays if open q5 50 95": (0.76, 1.15, 2.1),
        "closed on holidays, others, %": (8.7, 0.4),
        "holiday over normal, above 1.5, 2, below 1/2": (51, 64, 29),
        "1 in 10: mean a day, q10 50 90": (86, 136, 294),
        "1 in 10: robust sd q10 50 90, 30 to 100 a day": (0.11, 0.13, 0.17),
        "1 in 10: robust sd q10 50 90, 100 to 300 a day": (0.085, 0.108, 0.123),
        "1 in 10: days in 1,000 above 1.5 2 3 4 times, 30 to 100 a day": (11.2, 4.4, 1.0, 0.3),
        "1 in 10: days in 1,000 above 1.5 2 3 4 times, 100 to 300 a day": (1.7, 0.2, 0, 0),
        "1 in 10: days in 1,000 below 1/2 1/4, 30 to 100 a day": (0.5, 0.2),
        "1 in 10: autocorrelation at 1 2 3 7 14 28 days": (0.14, 0.10, 0.08, 0.08, 0.01, -0.06),
    },
}


class Daily:
    """Counts of days by shop, shape (days, shops), and what is worked out from them once.

    `ratio` and `residual` are nan where the day is closed, not there or expected below 10; `there` from a shop's first
    sale to its last.
    """

    def __init__(self, counts: NDArray[np.int32], first_day: int, lost: NDArray[np.bool_], longest_feast: int) -> None:
        n = len(counts)
        open_ = counts > 0
        self.counts, self.first_day = counts, first_day
        self.since = np.where(open_.any(axis=0), open_.argmax(axis=0), n)
        until = n - open_[::-1].argmax(axis=0)
        place = np.arange(n)[:, None]
        self.there = (place >= self.since) & (place < until)
        self.expected = _expected(np.where(self.there, counts, np.nan).astype(np.float32))
        dates = [EPOCH + timedelta(first_day + i) for i in range(n)]
        self.holiday = np.array([is_holiday(date) for date in dates])
        self.kept = ~lost[:, None]
        self.known = self.there & (self.expected >= 10) & self.kept
        self.ratio = np.where(self.known & open_, np.log(counts / self.expected), np.nan)
        enough = np.isfinite(self.ratio).sum(axis=1) >= 20
        self.market = np.full(n, np.nan)
        self.market[enough] = np.nanmedian(self.ratio[enough], axis=1)
        self.residual = self.ratio - self.market[:, None]
        self.feast = self.holiday & ~np.array([is_holiday(date - timedelta(longest_feast)) for date in dates])
        days = first_day + np.arange(n)
        self.spring = np.array([np.abs(NEW_YEARS - day).min() <= 14 for day in days])

    def band(self, low: float, high: float) -> NDArray[np.float64]:
        """Residuals of days expected from `low` to below `high`, nan elsewhere."""
        return np.where((self.expected >= low) & (self.expected < high), self.residual, np.nan)


def _expected(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of the same weekday of the six weeks before, of three or more; nan where there are fewer."""
    before = np.full((6, *counts.shape), np.nan, np.float32)
    for week in range(1, 7):
        before[week - 1, 7 * week :] = counts[: -7 * week]
    before.sort(axis=0)
    known = np.isfinite(before).sum(axis=0)
    low, high = (np.maximum(each, 0)[None] for each in ((known - 1) // 2, known // 2))
    middle = (np.take_along_axis(before, low, 0) + np.take_along_axis(before, np.minimum(high, 5), 0))[0] / 2
    return np.where(known >= 3, middle, np.nan)


def _runs(on: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lengths of the runs of true days of each shop, and after how many days each begins."""
    edge = np.zeros((1, on.shape[1]), np.int8)
    change = np.diff(np.concatenate([edge, on.astype(np.int8), edge]), axis=0).T
    begin, end = np.nonzero(change == 1)[1], np.nonzero(change == -1)[1]
    return end - begin, begin


def _q(values: NDArray[Any], *at: float) -> tuple[float, ...]:
    values = values[np.isfinite(values)]
    return tuple(np.percentile(values, at).tolist()) if len(values) else (np.nan,) * len(at)


def _tails(daily: Daily) -> Figures:
    out: Figures = {}
    for low, high in _BANDS:
        name = f"{low} to {high} a day" if high < 10**6 else f"above {low} a day"
        band = daily.band(low, high)
        shops = np.isfinite(band).sum(axis=0) >= 30
        if shops.any():
            mine = band[:, shops]
            sd = 1.4826 * np.nanmedian(np.abs(mine - np.nanmedian(mine, axis=0)), axis=0)
            out[f"robust sd q10 50 90, {name}"] = _q(sd, 10, 50, 90)
        r = band[np.isfinite(band)]
        if len(r):
            above = tuple(1000 * float((r > np.log(times)).mean()) for times in _TIMES)
            out[f"days in 1,000 above 1.5 2 3 4 times, {name}"] = above
            out[f"days in 1,000 below 1/2 1/4, {name}"] = tuple(1000 * float((r < -np.log(k)).mean()) for k in (2, 4))
    return out


def _memory(daily: Daily) -> Figures:
    enough = np.isfinite(daily.residual).sum(axis=0) >= 100
    r = daily.residual[:, enough] - np.nanmean(daily.residual[:, enough], axis=0)
    variance = np.nanmean(r * r, axis=0)
    lagged = tuple(float(np.nanmean(np.nanmean(r[lag:] * r[:-lag], axis=0) / variance)) for lag in _LAGS)
    total = np.cumsum(np.concatenate([np.zeros((1, daily.counts.shape[1])), daily.counts]), axis=0)
    ends = np.arange(42, len(daily.counts) + 1, 7)
    now, before = (total[ends] - total[ends - 14]) / 14, (total[ends - 14] - total[ends - 42]) / 28
    there = (ends[:, None] - 42 >= daily.since) & daily.there[ends - 1]
    level = np.log((now / np.maximum(before, 1e-9))[there & (before >= 10) & (now > 0)])
    return {
        "autocorrelation at 1 2 3 7 14 28 days": lagged,
        "level of 14 days: sd, q5, q95": (float(level.std()), *_q(level, 5, 95)),
        "level above 1.6, below 1/1.6, above 2.5, %": tuple(
            100 * float(each.mean()) for each in (level > np.log(1.6), level < -np.log(1.6), level > np.log(2.5))
        ),
    }


def _spells(daily: Daily) -> Figures:
    lengths, _ = _runs(daily.residual > np.log(1.6))
    edges = np.array([1, 2, 3, 4, 7, 14, 10**6])
    shares = 100 * np.histogram(lengths, edges)[0] / max(1, len(lengths))
    there = daily.there.sum() / 365
    silent, _ = _runs(daily.there & daily.kept & (daily.counts == 0))
    return {
        "spells of 1 2 3 4-6 7-13 14+ days, %": tuple(shares.tolist()),
        "spells a shop-year": (len(lengths) / (daily.known.sum() / 365),),
        "runs without a sale a shop-year": (len(silent) / there,),
        "runs of 7+, 21+ days, %": tuple(100 * float((silent >= days).mean()) for days in (7, 21)),
    }


def _week(daily: Daily) -> Figures:
    weekday = (daily.first_day + np.arange(len(daily.counts)) + 3) % 7
    counts = np.where(daily.there, daily.counts, np.nan)
    counts = counts[:, daily.there.sum(axis=0) >= 84]
    by_day = np.stack([np.nanmean(counts[weekday == i], axis=0) for i in range(7)])
    # A weekday that never sells makes a ratio too large to be told, not none.
    ratio = by_day.max(axis=0) / np.maximum(by_day.min(axis=0), 1e-6)
    factors = by_day.sum(axis=1)
    return {
        "weekend over weekdays": _q(by_day[5:].mean(axis=0) / by_day[:5].mean(axis=0), 50),
        "best over worst weekday": _q(ratio, 50),
        "best over worst weekday p5 50 95": _q(ratio, 5, 50, 95),
        "weekdays, Monday first": tuple((factors / factors.mean()).tolist()),
    }


def _holidays(daily: Daily) -> Figures:
    feast, plain = daily.feast & ~daily.spring, ~daily.holiday & ~daily.spring
    ratio = np.exp(daily.ratio[feast])
    closed = daily.known & (daily.counts == 0)
    on, off = (100 * closed[each].sum() / max(1, daily.known[each].sum()) for each in (feast, plain))
    over = []
    for wild in (daily.residual > np.log(1.5), daily.residual > np.log(2), daily.residual < -np.log(2)):
        rates = [wild[each].sum() / max(1, np.isfinite(daily.residual[each]).sum()) for each in (feast, plain)]
        over.append(float(rates[0] / max(rates[1], 1e-9)))
    market = daily.market[np.isfinite(daily.market)]
    out: Figures = {
        "market: sd, largest": (float(market.std()), float(np.exp(np.abs(market).max()))),
        "holidays if open q5 50 95": _q(ratio, 5, 50, 95),
        "closed on holidays, others, %": (float(on), float(off)),
        "holiday over normal, above 1.5, 2, below 1/2": tuple(over),
        "spread over shops a day q5 50 95": _q(np.nanstd(daily.residual[np.isfinite(daily.market)], axis=1), 5, 50, 95),
    }
    for from_new_year, name in _SPRING.items():
        days = NEW_YEARS + from_new_year - daily.first_day
        days = days[(days >= 0) & (days < len(feast))]
        away = 100 * closed[days].sum() / max(1, daily.known[days].sum())
        out[f"Spring Festival {name}: closed %, p25 50 75"] = (float(away), *_q(np.exp(daily.ratio[days]), 25, 50, 75))
    return out


def _new_shops(daily: Daily) -> Figures:
    new = np.flatnonzero((daily.since > 7) & (daily.since < len(daily.counts) - 126))
    if not len(new):
        return {}
    age = daily.since[new] + np.arange(126)[:, None]
    counts = daily.counts[age, new]
    full = counts[112:].mean(axis=0)
    counts, full = counts[:, full > 0], full[full > 0]
    return {
        f"new shop, days {a}-{b - 1}: median p10 p90": _q(counts[a:b].mean(axis=0) / full, 50, 10, 90) for a, b in _RAMP
    }


def figures(counts: NDArray[np.int32], first_day: int, lost: NDArray[np.bool_], longest_feast: int = 30) -> Figures:
    """Every figure of the counts of days by shop, shape (days, shops), days of which the data are `lost` left out.

    Of a holiday so many days count.
    """
    with warnings.catch_warnings():
        # A day, a band or a shop without a residual has no mean: it is nan, and left out.
        warnings.simplefilter("ignore", RuntimeWarning)
        daily = Daily(counts, first_day, lost, longest_feast)
        out = {"mean a day, q10 50 90": _q(counts.sum(axis=0) / np.maximum(daily.there.sum(axis=0), 1), 10, 50, 90)}
        for part in (_tails, _memory, _spells, _week, _holidays, _new_shops):
            out |= part(daily)
    return out


def simulated(world: str, shops: int, days: float = DAYS, seed: int = 1) -> Figures:
    """The figures of honest shops of `world`; of supermarkets those of one sale in ten besides."""
    config = SimulationConfig(
        seed=seed, merchants=shops, start_ms=START_MS, days=days, world=world, tx_per_merchant_day=MEAN[world]
    )
    counts, first_day = daily_counts(config, disturbed=False)
    lost = np.array([is_data_hole(seed, first_day + i) for i in range(len(counts))])
    if world != "supermarkets":
        return figures(counts, first_day, lost)
    out = figures(counts, first_day, lost, longest_feast=2)
    tenth = np.random.default_rng(seed).binomial(counts, 0.1).astype(np.int32)
    of_tenth = figures(tenth, first_day, lost, longest_feast=2)
    return out | {f"1 in 10: {name}": each for name, each in of_tenth.items()}


def within(real: float, found: float) -> bool:
    """Whether `found` lies within a quarter of `real` or within 0.05."""
    return abs(found - real) <= max(0.25 * abs(real), 0.05)


def compare(real: Figures, found: Figures) -> list[tuple[str, float, float, bool]]:
    """Name, real, found and whether it is within, of each number."""
    return [
        (name, a, b, within(a, b))
        for name, numbers in real.items()
        for a, b in zip(numbers, found.get(name, (np.nan,) * len(numbers)), strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worlds", nargs="*", default=list(REAL), help="which worlds; all by default")
    parser.add_argument("--shops", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for world in args.worlds:
        begin = time.perf_counter()
        found = simulated(world, args.shops, seed=args.seed)
        rows = compare(REAL[world], found)
        print(f"{world}: {args.shops} shops, {DAYS:.0f} days, {time.perf_counter() - begin:.1f} s")
        for name, real, each, good in rows:
            print(f"  {name:62} {real:9.3g} {each:9.3g}  {'within' if good else 'off'}")
        print(f"{world}: {sum(good for *_, good in rows)} of {len(rows)} within")


if __name__ == "__main__":
    main()

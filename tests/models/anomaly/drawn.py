"""Habits drawn by chance: groups of MCCs, heavy tails, missing fields, and planted oddities."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from domain.habits import HABITS, NAMES
from models.anomaly.habits import COUNT, Habits
from models.anomaly.samples import Batch

MCCS = np.array([5411, 5812, 5814, 5732, 5541, 7011, 5999, 4121, 8062, 5310])
BEGIN = 20_000


class Shops(NamedTuple):
    """What merchants are like; n of them."""

    mcc: np.ndarray
    centre: np.ndarray
    """(n, COUNT) on the scales."""
    sales: np.ndarray
    missing: np.ndarray
    """(n, COUNT) whether a terminal never tells it."""
    opened: np.ndarray


def shops(n: int, seed: int) -> Shops:
    rng = np.random.default_rng(seed)
    mcc = MCCS[np.minimum(rng.geometric(0.25, n) - 1, len(MCCS) - 1)]
    trade = np.random.default_rng(1)
    means = {code: trade.normal(0, 1, COUNT) for code in MCCS.tolist()}
    spread = np.array([{"share": 0.12, "log": 0.6, "plain": 0.3}[each.scale] for each in HABITS])
    base = np.array([{"share": 0.45, "log": 7.0, "plain": 1.0}[each.scale] for each in HABITS])
    centre = base + spread * (np.array([means[each] for each in mcc.tolist()]) + rng.standard_t(5, (n, COUNT)))
    rare = np.isin(NAMES, ["testing_share", "refund_share", "undone_share", "foreign_share", "reported_share"])
    centre[:, rare] = np.abs(centre[:, rare] - 0.45) * 0.4
    sales = np.exp(rng.normal(3, 1, n))
    centre[:, NAMES.index("sales_a_day")] = np.log(sales)
    missing = (rng.random((n, COUNT)) < 0.05) & (np.arange(COUNT) > 3)
    return Shops(mcc, centre, sales, missing, BEGIN - rng.integers(0, 400, n))


def natural(scaled: np.ndarray) -> np.ndarray:
    value = scaled.copy()
    for k, each in enumerate(HABITS):
        if each.scale == "share":
            value[:, k] = np.sin(np.clip(scaled[:, k], 0, np.pi / 2)) ** 2
        elif each.scale == "log":
            value[:, k] = np.exp(scaled[:, k])
    return value


def days(made: Shops, count: int, seed: int, first: int = BEGIN) -> Batch:
    """Merchant-days, ordered by day; what is usual follows a slow walk, the day's figure moves about it."""
    rng = np.random.default_rng(seed)
    n = len(made.mcc)
    walk, rows = np.zeros((n, COUNT)), []
    step = np.array([{"share": 0.01, "log": 0.02, "plain": 0.02}[each.scale] for each in HABITS])
    weight = made.sales * 10.6
    for day in range(count):
        walk = 0.97 * walk + step * rng.standard_t(4, (n, COUNT))
        noise = rng.normal(0, 1, (n, COUNT)) * np.sqrt(0.25 / weight)[:, None]
        value, usual = natural(made.centre + walk + noise), natural(made.centre + 0.5 * walk)
        value[made.missing], usual[made.missing] = np.nan, np.nan
        age = first + day - made.opened
        usual[age < 28] = np.nan
        rows.append((np.arange(n, dtype=np.uint64), np.full(n, first + day), value, usual, weight, made.mcc, age))
    merchant, day_of, *habits = (np.concatenate(each) for each in zip(*rows, strict=True))
    return Batch(merchant, day_of, Habits(*habits))


def cut(batch: Batch, sizes: list[int]) -> list[Batch]:
    """The same rows in batches of these sizes, the last one of the rest."""
    ends = [0, *np.cumsum(sizes).tolist(), len(batch.day)]
    return [batch.rows(slice(begin, end)) for begin, end in itertools.pairwise(ends) if end > begin]


def planted(batch: Batch, seed: int, far: float = 6.0, habits: int = 3) -> tuple[Habits, np.ndarray, np.ndarray]:
    """Honest rows with some of their habits moved far from peers and own; which rows, and which habits."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(batch.day), 400, replace=False)
    chosen = np.array([rng.choice(COUNT, habits, replace=False) for _ in rows])
    value = batch.habits.value.copy()
    for row, places in zip(rows.tolist(), chosen.tolist(), strict=True):
        for k in places:
            scale = HABITS[k].scale
            now = value[row, k]
            if np.isnan(now):
                now = 0.2
            if scale == "share":
                angle = np.arcsin(np.sqrt(now))
                move = 0.12 * far * rng.uniform(0.7, 1.3)
                angle = angle + move if angle < 0.6 else angle - move
                value[row, k] = np.sin(np.clip(angle, 0, np.pi / 2)) ** 2
            elif scale == "log":
                value[row, k] = now * np.exp(0.6 * far * rng.choice([-1, 1]))
            else:
                value[row, k] = now + 0.3 * far * rng.choice([-1, 1])
    return batch.habits._replace(value=value), rows, chosen

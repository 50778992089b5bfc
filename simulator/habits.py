"""The habits of a run's merchants: what is usual, what changes lawfully, and what is odd.

Every merchant differs from the others of its trade, and in a year most change some habit, for good or for a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.draw import trades
from simulator.festivals import EPOCH, NEW_YEARS
from simulator.manners import STREAM, Change, Manners, rows_of, stream_of, usual_manners, wandering
from simulator.oddities import OddPlan
from simulator.rhythm import day_ms, local_days
from simulator.table import Draws
from simulator.trades import HOURS, TRADES
from simulator.truth import LookAlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig
    from simulator.oddities import Oddity

AFTER_DAYS = 28
"""How long a lasting change is listed from its beginning: until then it may seem new."""
_FOREVER = 2**30


class _Rate(NamedTuple):
    """How often a change comes to a merchant of some trades, a year; 0 trades: of any."""

    a_year: float
    mccs: tuple[int, ...] = ()


RATES = {
    "new_hours": _Rate(0.25),
    "price_change": _Rate(0.5),
    "new_till": _Rate(0.2),
    "code_campaign": _Rate(0.4),
    "returns_season": _Rate(0.8, (5311, 5651, 5732, 5722)),
    "foreign_season": _Rate(0.3, (7011, 5813, 5311, 5944, 5812)),
    "month_end_trade": _Rate(0.4, (5045, 5533, 5200)),
    "staff_canteen": _Rate(0.1, (5812, 5814, 5411)),
    "open_at_night": _Rate(0.06, (5814, 5411, 5912, 5813)),
    "slow_change": _Rate(0.3),
}
"""Lawful changes a year and merchant: assumptions. Of `month_end_trade` it is a share of merchants, at all times."""
KINDS = tuple(RATES)


class HabitPlan:
    """Everything planned about habits.

    Args:
        config: the run.
        table: its merchants, `simulator.table.MERCHANT`; its columns on what is odd are filled in.
        able: who may do anything odd, shape (merchants,).

    Attributes:
        manners: the habits.
        oddities: who does what no rule describes.
        lawful: lawful changes, of merchants that do nothing odd.
    """

    def __init__(self, config: SimulationConfig, table: NDArray[np.void], able: NDArray[np.bool_]) -> None:
        self._config, self._table, self._draws = config, table, Draws(config.seed, len(table))
        self._first, self._days = local_days(config)
        usual = usual_manners(table, self._draws)
        odd = OddPlan(config, table, able, usual)
        self.oddities: list[Oddity] = odd.oddities
        self._usual, self._streams = usual, odd.streams
        self._trades = trades()
        self._held: dict[int, NDArray[np.float64]] = {}
        self.lawful = [each for each in self._lawful() if not table["odd_kind"][each.merchant]]
        weekly = wandering(usual, table["key"], self._first, self._days)
        streams = np.concatenate(self._streams) if self._streams else np.zeros(0, STREAM)
        self.manners = Manners(rows_of(weekly, [*self.lawful, *odd.changes]), streams)

    def look_alikes(self, name: Callable[[int], str]) -> list[LookAlike]:
        """Lawful changes of habits, by kind and merchant: until two weeks after they end, or four after they begin."""
        spans: dict[tuple[str, int], tuple[int, int]] = {}
        for each in self.lawful:
            until = each.from_day + AFTER_DAYS if each.until_day == _FOREVER else each.until_day + AFTER_DAYS // 2
            first, last = spans.get((each.kind, each.merchant), (each.from_day, until))
            spans[each.kind, each.merchant] = min(first, each.from_day), max(last, until)
        start_ms, end_ms = self._config.start_ms, self._config.end_ms
        out = []
        for (kind, i), days in sorted(spans.items()):
            from_ms, until_ms = (min(max(day_ms(self._table[i], day), start_ms), end_ms) for day in days)
            if from_ms < until_ms:
                out.append(LookAlike(
                    merchant_id=name(i), merchant_index=i, category="model", kind=kind, from_ms=from_ms,
                    until_ms=until_ms, told_ms=0,
                ))  # fmt: skip
        return out

    def _lawful(self) -> Iterator[Change]:
        mcc = np.array([each.mcc for each in TRADES])[self._table["trade"]]
        years = self._days / 365.0
        for number, (kind, rate) in enumerate(RATES.items()):
            often = rate.a_year if kind == "month_end_trade" else rate.a_year * years
            u = self._draws.uniform(870 + number)
            of_trade = np.isin(mcc, rate.mccs) if rate.mccs else np.ones(len(mcc), np.bool_)
            for i in np.flatnonzero(of_trade & (u < often)).tolist():
                day = self._first + int(u[i] / often * self._days)
                yield from _PLANS[kind](self, i, day)

    def chance(self, i: int, question: int) -> float:
        """Uniform in [0, 1), of merchant `i` and `question` (890 to 929)."""
        return float(self._uniform(question)[i])

    def _uniform(self, question: int) -> NDArray[np.float64]:
        if question not in self._held:
            self._held[question] = self._draws.uniform(question)
        return self._held[question]

    def between(self, i: int, question: int, low: float, high: float) -> float:
        """Log-uniform from `low` to `high`."""
        return float(low * (high / low) ** self.chance(i, question))

    def month_ends(self) -> Iterator[tuple[int, int]]:
        """The last three local days of each month of the run."""
        day = self._first
        while day < self._first + self._days + 31:
            date = EPOCH.fromordinal(EPOCH.toordinal() + day)
            last = EPOCH.fromordinal(EPOCH.toordinal() + day + 32 - date.day).replace(day=1).toordinal()
            until = last - EPOCH.toordinal()
            yield until - 3, until
            day = until

    def canteen(self, i: int, median_minor: float, cards: int) -> int:
        """Add a stream of meals of a firm's staff at working noons; its number."""
        meals = self._trades[0].copy()
        noon = np.zeros(24)
        noon[11:14] = HOURS["meals"][11:14]
        week = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
        rhythm = np.outer(week, noon).ravel()
        meals["rhythm"] = rhythm * 7 / rhythm.sum()
        meals["list_share"], meals["price_count"] = 1.0, 3
        meals["prices"][:3] = np.array([1.0, 1.2, 1.5]) * round(median_minor / 100) * 100
        figures = {"credit": 0.3, "code": 0.1, "foreign": 0.0, "keyed": 0.0}
        self._streams.append(stream_of(meals, self._usual[i], regular=1.0, cards=cards, **figures))
        return len(self._streams) - 1

    def usual(self, i: int, name: str) -> float:
        """A habit of merchant `i` before any change."""
        return float(self._usual[i][name])

    def median_minor(self, i: int) -> float:
        """The median of merchant `i`'s tickets."""
        row = self._table[i]
        return float(row["scale"]) * TRADES[row["trade"]].median_yuan * 100


def _lasting(i: int, kind: str, day: int, times: dict[str, float], to: dict[str, float] | None = None) -> Change:
    return Change(i, kind, day, _FOREVER, times, to or {})


def _new_hours(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    later = (-3, -2, -1, 1, 2, 3)[int(6 * plan.chance(i, 890))]
    yield _lasting(i, "new_hours", day, {}, {"moved_h": later})


def _price_change(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    cut = plan.chance(i, 891) < 0.15
    factor = plan.between(i, 892, 0.8, 0.95) if cut else plan.between(i, 892, 1.03, 1.25)
    yield _lasting(i, "price_change", day, {"ticket": factor})


def _new_till(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    terminals = min(1000, int(plan.usual(i, "terminals")) + 1 + int(2 * plan.chance(i, 893)))
    yield _lasting(i, "new_till", day, {"stripe": 0.4, "keyed": 0.6, "code": 1.1}, {"terminals": terminals})


def _code_campaign(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    days = 7 + int(15 * plan.chance(i, 894))
    more, codes = plan.between(i, 895, 1.1, 1.6), plan.between(i, 896, 1.3, 2.2)
    cheaper, fewer = plan.between(i, 897, 0.75, 0.95), plan.between(i, 898, 0.6, 0.9)
    times = {"own": more, "code": codes, "ticket": cheaper, "regular": fewer}
    yield Change(i, "code_campaign", day, day + days, times, {})


def _returns_season(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    """After 11 November or the lunar new year where the run has them, else on any day."""
    days, more = 10 + int(16 * plan.chance(i, 899)), plan.between(i, 900, 2.0, 6.0)
    dates = [int(each) + 8 for each in NEW_YEARS.tolist()]
    dates += [(EPOCH.replace(year=year, month=11, day=13) - EPOCH).days for year in range(2023, 2029)]
    near = [each for each in dates if abs(each - day) <= 45]
    begin = near[0] if near else day
    yield Change(i, "returns_season", begin, begin + days, {"refund": more}, {})


def _foreign_season(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    days, more = 40 + int(60 * plan.chance(i, 901)), plan.between(i, 902, 2.0, 7.0)
    ticket, fewer = plan.between(i, 903, 1.0, 1.3), plan.between(i, 904, 0.5, 0.9)
    foreign = min(0.4, plan.usual(i, "foreign") * more)
    begin = day - days // 2
    # The season takes two weeks to come and to go.
    edges = (begin, begin + 7, begin + days - 7, begin + days)
    for k, part in enumerate((0.5, 1.0, 0.5)):
        mixed = plan.usual(i, "foreign") * (1.0 - part) + foreign * part
        times = {"ticket": ticket**part, "regular": fewer**part}
        yield Change(i, "foreign_season", edges[k], edges[k + 1], times, {"foreign": mixed})


def _month_end_trade(plan: HabitPlan, i: int, _day: int) -> Iterator[Change]:
    ticket, more = plan.between(i, 905, 1.3, 3.0), plan.between(i, 906, 1.2, 2.0)
    for begin, until in plan.month_ends():
        yield Change(i, "month_end_trade", begin, until, {"ticket": ticket, "own": more, "credit": 0.7}, {})


def _staff_canteen(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    cards, more = 12 + int(50 * plan.chance(i, 907)), plan.between(i, 908, 0.06, 0.4)
    number = plan.canteen(i, plan.between(i, 909, 1_500.0, 3_500.0), cards)
    yield _lasting(i, "staff_canteen", day, {}, {"stream": number, "second": more})


def _open_at_night(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    yield _lasting(i, "open_at_night", day, {}, {"night": plan.between(i, 910, 0.03, 0.2)})


def _slow_change(plan: HabitPlan, i: int, day: int) -> Iterator[Change]:
    """Customers change within two to five months, in eight small steps; then it stays so."""
    every = 8 + int(12 * plan.chance(i, 911))
    ends = {
        "code": plan.between(i, 912, 0.75, 1.6), "ticket": plan.between(i, 913, 0.85, 1.2),
        "regular": plan.between(i, 914, 0.75, 1.25), "credit": plan.between(i, 915, 0.85, 1.2),
        "evening": plan.between(i, 916, 0.9, 1.1), "refund": plan.between(i, 917, 0.6, 1.8),
    }  # fmt: skip
    for k in range(1, 9):
        until = day + every * k if k < 8 else _FOREVER
        yield Change(i, "slow_change", day + every * (k - 1), until, {a: b ** (k / 8) for a, b in ends.items()}, {})


_PLANS: dict[str, Callable[[HabitPlan, int, int], Iterator[Change]]] = {
    "new_hours": _new_hours,
    "price_change": _price_change,
    "new_till": _new_till,
    "code_campaign": _code_campaign,
    "returns_season": _returns_season,
    "foreign_season": _foreign_season,
    "month_end_trade": _month_end_trade,
    "staff_canteen": _staff_canteen,
    "open_at_night": _open_at_night,
    "slow_change": _slow_change,
}

"""Three kinds of trade, each as wild as real shops of its kind: their figures, and which merchants are of which.

The figures were fitted until `bench/realism.py` gave statistics like those published about real shops; a parameter
means nothing by itself. How they act is in `simulator/shops.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.table import Draws
from simulator.trades import TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

CALM = -1
"""Number of the world of merchants that have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """Stretches of days of one shop; at most one of a kind in `within_days`.

    Attributes:
        within_days: length of the periods.
        chance: that a period of a shop of average restlessness has one, 0 to 1.
        days: shortest and longest, log-uniform.
        size: median factor of the number of sales; 0: closed.
        spread: standard deviation of the logarithm of the size.
    """

    within_days: int
    chance: float
    days: tuple[int, int]
    size: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How the shops of a world trade. Sizes are of the natural logarithm of a day's sales unless said otherwise.

    Attributes:
        smaller: standard deviation of the logarithm of a shop's mean below the median.
        larger: above it.
        own: standard deviation of the days of a shop with 50 sales a day, chance apart.
        own_slope: the greater a shop, the calmer: `own`, rises, falls and spells by (rate / 50) ** -own_slope.
        own_spread: standard deviation of the logarithm of what each shop makes of `own`, below the median and above.
        white: share of `own` that is forgotten the next day.
        wander: share of `own` of moves that take so many days.
        level_days: how long a level lasts, on average.
        level: standard deviation of levels.
        level_tail: weight of the third power: how much rarer and larger great changes are.
        rise: chance of a day out of the ordinary, and its mean size.
        fall: likewise downwards.
        restless: standard deviation of the logarithm of what each shop makes of rises, falls and spells.
        spells: stretches of other trade.
        closures: stretches without trade.
        ajar: share of closures of a week or more in which a little is sold on most days, and how much, as a factor.
        week: mean logarithm of each weekday, Monday first.
        week_spread: standard deviation of each shop's weekdays around it.
        closes_weekly: share of shops with a closing day.
        closes_twice: share of these with two.
        moves_closing: share of these whose day moves every some months.
        opens_anyway: mean chance that a closing day is not kept.
        closed_day: mean chance that any day is closed.
        market: standard deviation of what moves all shops on a day.
        market_slow: share of `market` of moves over weeks.
        campaign: greatest factor of a week's campaign each year; 1: none.
        holiday: median logarithm of holidays' sales.
        holiday_spread: how far shops lie below and above it.
        holiday_again: correlation of what two holidays are to a shop.
        holiday_power: the greater, the more shops hardly notice holidays and the more the others do.
        holiday_fades: what is left of a holiday from its third day on, as a factor.
        odd_slope: the greater a shop, the fewer oddities and the less its holidays: by (rate / mean) ** -odd_slope.
        holiday_closed: share of shops closed on a holiday.
        new_year_closed: share closed for some days around 1 January.
        spring: whether Spring Festival moves it day by day.
        christmas: factor on 24 December.
        first_of_january: factor on 1 January.
        first_closed: share closed on it.
        early_january: factor on 2 and 3 January.
        openings: new shops a year, as a share of all.
        closings: shops that end a year, likewise.
        ramp: median logarithm a new shop lacks on its first day, and its spread.
        own_calendar: share of merchants' paydays, promotions and months without trade that are kept.
        season: share of the yearly wave of trades that is kept.
        peculiar: share of the lawful oddities (`simulator.peculiar`) that are kept.
    """

    smaller: float
    larger: float
    own: float
    own_slope: float
    own_spread: tuple[float, float]
    white: float
    wander: tuple[tuple[float, float], ...]
    level_days: float
    level: float
    level_tail: float
    rise: tuple[float, float]
    fall: tuple[float, float]
    restless: float
    spells: tuple[Spells, ...]
    closures: tuple[Spells, ...]
    ajar: tuple[float, float]
    week: tuple[float, ...]
    week_spread: float
    closes_weekly: float = 0.0
    closes_twice: float = 0.0
    moves_closing: float = 0.0
    opens_anyway: float = 0.0
    closed_day: float = 0.0
    market: float
    market_slow: float = 0.3
    campaign: float = 1.0
    holiday: float
    holiday_spread: tuple[float, float]
    holiday_again: float = 0.7
    holiday_power: float = 1.0
    holiday_fades: float = 1.0
    odd_slope: float = 0.0
    holiday_closed: float
    new_year_closed: float = 0.0
    spring: bool = False
    christmas: float = 1.0
    first_of_january: float = 1.0
    first_closed: float = 0.0
    early_january: float = 1.0
    openings: float
    closings: float
    ramp: tuple[float, float]
    own_calendar: float
    season: float = 1.0
    peculiar: float = 1.0


WORLDS = {
    "platform": World(
        smaller=0.39, larger=0.663, own=0.115, own_slope=0.42, own_spread=(0.266, 0.54), white=0.6,
        wander=((4.84, 0.737), (12.0, 0.528)), level_days=70.9, level=0.083, level_tail=0.25, rise=(0.016, 0.45),
        fall=(0.01, 0.5), restless=1.49,
        spells=(
            Spells(within_days=14, chance=0.042, days=(1, 6), size=1.9, spread=0.407),
            Spells(within_days=60, chance=0.044, days=(6, 30), size=1.97, spread=0.26),
            Spells(within_days=30, chance=0.08, days=(2, 14), size=0.61, spread=0.45),
        ),
        closures=(
            Spells(within_days=30, chance=0.055, days=(1, 4)),
            Spells(within_days=120, chance=0.22, days=(13, 120)),
        ),
        ajar=(0.282, 0.0131), week=(-0.06, -0.07, -0.05, -0.04, 0.05, 0.09, 0.07), week_spread=0.0923, market=0.105,
        campaign=2.9, holiday=0.0257, holiday_spread=(0.38, 0.0), holiday_power=0.823, odd_slope=0.6,
        holiday_closed=0.0025, spring=True, openings=0.3, closings=0.08, ramp=(0.8, 1.25), own_calendar=0.3,
    ),
    "restaurants": World(
        smaller=0.76, larger=0.595, own=0.157, own_slope=0.43, own_spread=(0.2, 0.2), white=0.907,
        wander=((3.2, 0.12), (19.6, 0.0965)), level_days=86.1, level=0.045, level_tail=0.166, rise=(0.0035, 0.6),
        fall=(0.085, 0.76), restless=0.454,
        spells=(Spells(within_days=60, chance=0.0396, days=(2, 12), size=1.5, spread=0.301),),
        closures=(
            Spells(within_days=60, chance=0.0881, days=(1, 4)),
            Spells(within_days=360, chance=0.22, days=(7, 30)),
        ),
        ajar=(0.284, 0.03), week=(-0.2, -0.16, -0.13, -0.12, 0.1, 0.2, 0.1), week_spread=0.19, closes_weekly=0.503,
        closes_twice=0.105, moves_closing=0.15, opens_anyway=0.12, closed_day=0.00488, market=0.0845,
        market_slow=0.255, holiday=0.0739, holiday_spread=(0.42, 0.378), holiday_closed=0.203, new_year_closed=0.567,
        early_january=1.5, openings=0.12, closings=0.08, ramp=(0.69, 0.41), own_calendar=0.2,
    ),
    "supermarkets": World(
        smaller=0.36, larger=0.6, own=0.062, own_slope=0.14, own_spread=(0.15, 0.3), white=0.75,
        wander=((4.0, 0.45), (14.9, 0.5)), level_days=192.0, level=0.012, level_tail=0.0813, rise=(0.000257, 0.262),
        fall=(0.0001, 0.5), restless=0.389,
        spells=(Spells(within_days=360, chance=0.0255, days=(3, 12), size=1.8, spread=0.0994),),
        closures=(
            Spells(within_days=90, chance=0.27, days=(1, 2)),
            Spells(within_days=1440, chance=0.11, days=(21, 60)),
        ),
        ajar=(0.05, 0.00863), week=(-0.03, -0.06, -0.05, -0.08, -0.02, 0.12, 0.1), week_spread=0.0492, market=0.053,
        market_slow=0.11, holiday=0.14, holiday_spread=(0.036, 0.1), holiday_again=0.8, holiday_power=2.6,
        holiday_fades=0.5, odd_slope=1.2, holiday_closed=0.005, christmas=2.2, first_of_january=0.3,
        first_closed=0.88, early_january=0.8, openings=0.015, closings=0.01, ramp=(0.331, 0.4), own_calendar=0.01,
        season=0.3, peculiar=0.02,
    ),
}  # fmt: skip
NAMES = tuple(WORLDS)
MIXED_SHARES = {
    **dict.fromkeys((5812, 5813, 5814, 5462), (0.4, 0.6, 0.0)),
    **dict.fromkeys((5411, 5311, 5912, 5541, 4111, 4900, 8062, 8211, 5200), (0.3, 0.0, 0.7)),
}
"""Of which worlds the merchants of a trade are, in the order of `WORLDS`: the rest as `OTHER_SHARES`."""
OTHER_SHARES = (0.6, 0.25, 0.15)


def worlds_of(config: SimulationConfig, table: NDArray[np.void]) -> NDArray[np.int64]:
    """Number of each merchant's world, shape (merchants,); `CALM` where it has none."""
    if config.world == "calm" or not config.calendar:
        return np.full(len(table), CALM)
    if config.world != "mixed":
        return np.full(len(table), NAMES.index(config.world))
    shares = np.array([MIXED_SHARES.get(trade.mcc, OTHER_SHARES) for trade in TRADES])[table["trade"]]
    chosen = Draws(config.seed, len(table)).uniform(14)[:, None] >= np.cumsum(shares, axis=1)
    return np.asarray(np.minimum(chosen.sum(axis=1), len(NAMES) - 1), np.int64)


def by_world(figure: str, world: NDArray[np.int64], *, calm: float) -> NDArray[np.float64]:
    """That figure of each merchant's world, and `calm` for those that have none, shape (merchants,)."""
    # The last is for the calm, whose number is -1.
    return np.array([*(getattr(each, figure) for each in WORLDS.values()), calm])[world]


def sizes(world: World, draws: Draws) -> NDArray[np.float64]:
    """How large each shop is against the mean, shape (merchants,)."""
    normal = draws.normal(13)
    size = np.exp(normal * np.where(normal < 0, world.smaller, world.larger))
    return np.asarray(size / size.mean(), np.float64)

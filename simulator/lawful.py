"""What is lawful about each merchant and its days: growth, paydays, promotions, openings and closings, seasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from simulator.festivals import EPOCH, SEASON_OF, SEASONS
from simulator.figures import CALM, by_world
from simulator.peculiar import plan_peculiar
from simulator.table import of_period, uniform
from simulator.trades import CITIES, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOREVER = 2**30
"""A day that never comes; its negative always was."""
PAYDAYS = (10, 15)
OPENINGS_A_YEAR, CLOSINGS_A_YEAR, SEASONAL_SHARE = 0.08, 0.06, 0.01
RAMP_DAYS = (28, 70)
_OPENING_VOLUME = 0.15
_SEASONAL_MCCS = (7011, 7298, 5814, 5813, 5999)
_PERIOD_DAYS = 28


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What is lawful about each merchant; arrays of shape (merchants,), days from 1970.

    Attributes:
        world: number of its world (`simulator.figures`); `CALM` where it has none.
        peculiar: kind of its own rhythm, index into `simulator.peculiar.KINDS`; 0 none.
        row: which column of the trades' calendar is its own; abroad there are no holidays.
        log_growth: natural logarithm of its growth a day.
        payday: day of the month, 0 none.
        payday_factor: of the number of sales on that day.
        promotes: indices of merchants that have sales of their own.
        open_day: first day; `-FOREVER` where it was always there.
        ramp_days: how long it takes to its full volume.
        close_day: first day it is gone.
        closed: how many days it is closed around the lunar new year, 0 to 8.
        seasonal: indices of merchants that close for months each year.
        season_from: day of the year each of these opens.
        season_days: how long each of these stays open.
    """

    world: NDArray[np.int64]
    peculiar: NDArray[np.int8]
    row: NDArray[np.int64]
    log_growth: NDArray[np.float64]
    payday: NDArray[np.int8]
    payday_factor: NDArray[np.float64]
    promotes: NDArray[np.int64]
    open_day: NDArray[np.int64]
    ramp_days: NDArray[np.int64]
    close_day: NDArray[np.int64]
    closed: NDArray[np.int64]
    seasonal: NDArray[np.int64]
    season_from: NDArray[np.int64]
    season_days: NDArray[np.int64]

    def steady(self) -> NDArray[np.bool_]:
        """Merchants that neither open nor close nor have a season or a rhythm of their own, shape (merchants,)."""
        out = np.asarray((self.open_day == -FOREVER) & (self.close_day == FOREVER), np.bool_)
        out[self.seasonal] = False
        out[self.peculiar > 0] = False
        return out

    def steadied(self, merchants: NDArray[np.int64]) -> Undisturbed:
        """The same, but these are calm, neither open nor close, have no season and no promotions of their own."""
        self.open_day[merchants], self.close_day[merchants] = -FOREVER, FOREVER
        self.world[merchants], self.peculiar[merchants] = CALM, 0
        stays = ~np.isin(self.seasonal, merchants)
        return replace(
            self,
            promotes=np.setdiff1d(self.promotes, merchants),
            seasonal=self.seasonal[stays],
            season_from=self.season_from[stays],
            season_days=self.season_days[stays],
        )


def _rare_day(
    u: NDArray[np.float64], a_year: NDArray[np.float64], begin: int, until: int, else_: int
) -> NDArray[np.int64]:
    """Days that come to a share `a_year` of merchants a year, from `begin` to `until`; `else_` to the others."""
    day = begin + np.floor(u * 365.2425 / a_year)
    return np.asarray(np.where(day < until, day, else_), np.int64)


def plan_undisturbed(table: NDArray[np.void], world: NDArray[np.int64], first_day: int, days: int) -> Undisturbed:
    """Choose what is lawful about each merchant of `table` (`simulator.merchants.MERCHANT`)."""
    keys = table["key"]
    openings = by_world("openings", world, calm=OPENINGS_A_YEAR)
    closings = by_world("closings", world, calm=CLOSINGS_A_YEAR)
    own = uniform(keys, 290) < by_world("own_calendar", world, calm=1.0)
    n, trade = len(table), table["trade"].astype(np.int64)
    season = SEASON_OF[trade]
    abroad = np.array([city.offset_h not in {6, 8} for city in CITIES])[table["city"]]
    growth = -0.3 + 0.9 * uniform(keys, 100)
    paid = np.array([each.payday for each in SEASONS])[season]
    lift = np.clip(1.0 + (paid - 1.0) * (0.5 + uniform(keys, 101)), 1.2, 1.6)
    has_payday = (paid > 1.0) & ~abroad & own
    promotes = np.array([each.promotes for each in SEASONS])[season]
    closed = np.where(abroad | (world != CALM), 0.0, np.array([each.closed for each in SEASONS])[season])
    last = first_day + days
    opened = _rare_day(uniform(keys, 105), openings, first_day - RAMP_DAYS[1], last, -FOREVER)
    gone = _rare_day(uniform(keys, 107), closings, first_day, last, FOREVER)
    may = np.isin(np.array([each.mcc for each in TRADES])[trade], _SEASONAL_MCCS) & (opened == -FOREVER)
    seasonal = np.flatnonzero(may & own & (gone == FOREVER) & (uniform(keys, 108) < SEASONAL_SHARE))
    return Undisturbed(
        world=world,
        peculiar=plan_peculiar(keys, world, table["city"]),
        row=trade + len(TRADES) * abroad,
        log_growth=np.log1p(growth) / 365.0,
        payday=np.where(has_payday, np.array(PAYDAYS)[(uniform(keys, 102) < 0.4).astype(int)], 0).astype(np.int8),
        payday_factor=np.where(has_payday, lift, 1.0),
        promotes=np.flatnonzero((uniform(keys, 103) < promotes) & own),
        open_day=opened,
        ramp_days=(RAMP_DAYS[0] + np.floor(uniform(keys, 106) * (RAMP_DAYS[1] + 1 - RAMP_DAYS[0]))).astype(np.int64),
        close_day=np.where(gone > opened, gone, FOREVER),
        closed=np.where(uniform(keys, 104) < closed, 3 + np.floor(uniform(keys, 109) * 6), 0)
        .astype(np.int64)
        .reshape(n),
        seasonal=seasonal,
        season_from=(60 + np.floor(uniform(keys[seasonal], 110) * 120)).astype(np.int64),
        season_days=(120 + np.floor(uniform(keys[seasonal], 111) * 120)).astype(np.int64),
    )


def promotion(keys: NDArray[np.uint64], day: int) -> NDArray[np.float64]:
    """Factor of the number of sales of promoting merchants on `day`, 1 on most days.

    In four of ten periods of 28 days such a merchant has a sale of 1 to 3 days, which multiplies them by 1.5 to 2.5.
    """
    period = of_period(keys, day // _PERIOD_DAYS)
    begin = np.floor(uniform(period, 121) * (_PERIOD_DAYS - 2))
    length = 1 + np.floor(uniform(period, 122) * 3)
    within = (day % _PERIOD_DAYS >= begin) & (day % _PERIOD_DAYS < begin + length)
    on = within & (uniform(period, 120) < 0.4)
    return np.where(on, 1.5 + uniform(period, 123), 1.0)


def closed_on(lawful: Undisturbed, day: int, new_year: int) -> NDArray[np.bool_]:
    """Who is closed for the lunar `new_year` on `day`: from the eve on."""
    return np.asarray((day >= new_year - 1) & (day < new_year - 1 + lawful.closed), np.bool_)


def presence(lawful: Undisturbed, day: int) -> NDArray[np.float32]:
    """How much of each merchant is there on `day`: 0 before it opens and once it is closed, less than 1 at first."""
    out = np.ones(len(lawful.row), np.float32)
    new = np.flatnonzero(lawful.open_day > day - RAMP_DAYS[1])
    grown = (day - lawful.open_day[new]) / lawful.ramp_days[new]
    full = np.minimum(1.0, _OPENING_VOLUME + (1 - _OPENING_VOLUME) * grown)
    out[new] = np.where(grown < 0, 0.0, np.where(lawful.world[new] == CALM, full, 1.0))
    out[lawful.close_day <= day] = 0.0
    of_year = (EPOCH + timedelta(day)).timetuple().tm_yday
    away = (of_year - lawful.season_from) % 365 >= lawful.season_days
    out[lawful.seasonal[away]] = 0.0
    return out

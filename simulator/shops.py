"""What the shops of a world sell on a day, as a factor of their mean: hashes of shop, day and question alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.festivals import EPOCH, NEW_YEARS, day_number, is_holiday
from simulator.table import PHI, bell, mixed, of_period, salt, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.figures import Spells, World

Keys = "NDArray[np.uint64]"
CAMPAIGN_DAYS = 7
HOLES_A_DAY = 1 / 700
"""Chance that a day's data are mostly missing."""
SPRING = (-11, -4, -1, 0, 3, 7, 14, 21)
"""Days from the first of the lunar year, and what shops of the platform do then: closed, median and spread."""
_SAMPLED = 1000
_MOST_OF_HOLIDAYS = 1.4
_SPRING_CLOSED = (0.0, 0.08, 0.165, 0.195, 0.165, 0.075, 0.0, 0.0)
_SPRING_MEDIAN = (0.0, 0.11, -0.67, -0.63, -0.51, 0.02, 0.02, 0.0)
_SPRING_SIDES = (0.5, 1.0)
"""Of the spread, above the median and below."""
RAMP_DAYS = (8.0, 64.0)
"""In how many days new shops make up most of what they lack."""
_SPRING_SPREAD = (0.0, 0.5, 1.8, 2.3, 1.6, 0.8, 0.1, 0.0)


def normal(keys: NDArray[np.uint64], question: int) -> NDArray[np.float32]:
    """Nearly standard normal, at most 3.5: the sum of four uniform numbers."""
    return bell(mixed(keys ^ salt(question + 2_000_003))) * np.float32(3**0.5 / 65_536)


def campaign_begins(year: int) -> int:
    """First day, from 1970, of the campaign that a world may have each year: 8 December."""
    return day_number(date(year, 12, 8))


def is_data_hole(seed: int, day: int) -> bool:
    """Whether the feed lost most of `day`."""
    key = mixed(np.array([seed], np.uint64))
    return bool(uniform(of_period(key, day), 248)[0] < HOLES_A_DAY)


def data_hole(seed: int, keys: NDArray[np.uint64], day: int) -> NDArray[np.float64] | float:
    """What is left of each merchant's sales on `day`: 1 on nearly all days, nothing or a little where most is lost."""
    if not is_data_hole(seed, day):
        return 1.0
    u = uniform(of_period(keys, day), 249)
    return np.where(u < 0.8, 0.0, np.where(u < 0.95, u - 0.78, 1.0))


class Found(NamedTuple):
    """Shops that are within a spell on a day.

    Attributes:
        at: places in an array of shape (days, shops), made flat.
        keys: of shop and period.
        days: how long the spells are.
        age: whole days since they began.
    """

    at: NDArray[np.int64]
    keys: NDArray[np.uint64]
    days: NDArray[np.int64]
    age: NDArray[np.int64]


class Shops:
    """The shops of one world. Days are given as an array of shape (days, 1), local and counted from 1970.

    Args:
        world: how they trade.
        everyone: key of what is common to all of them.
        keys: of their draws, shape (shops,).
        rate: mean sales a day.
        size: against the mean of all merchants.
        open_day: first day of each, from 1970; far in the past where it was always there.
        week: each weekday of its trade, by which the factors are divided, shape (7, shops).
    """

    def __init__(
        self,
        world: World,
        everyone: NDArray[np.uint64],
        keys: NDArray[np.uint64],
        rate: NDArray[np.float64],
        size: NDArray[np.float64],
        open_day: NDArray[np.int64],
        week: NDArray[np.float64],
    ) -> None:
        self.world, self.keys, self.open_day, self._everyone = world, keys, open_day, everyone
        z = normal(keys, 200)
        calmer = (np.maximum(rate, 2.0) / 50.0) ** -world.own_slope
        self.own = (world.own * calmer * np.exp(z * np.where(z < 0, *world.own_spread))).astype(np.float32)
        self._oddity = np.minimum(np.maximum(size, 1e-9) ** -world.odd_slope, 3.0).astype(np.float32)
        self.restless = calmer * self._oddity * np.exp(world.restless * normal(keys, 201) - world.restless**2 / 2)
        self.phase = uniform(keys, 202)
        self._week = np.asarray(self._weekdays() - np.log(week), np.float32)
        self._plan_closing_days()
        self._feasts = normal(keys, 203)

    def factors(self, days: NDArray[np.int64]) -> NDArray[np.float32]:
        """Factor of the number of sales, shape (days, shops)."""
        lacks = self._ramp(days)
        out = self._week[(days[:, 0] + 3) % 7] + self.level(days) + self._market(days) - lacks
        # New shops are restless, too.
        out += self._noise(days) * (1.0 + np.minimum(lacks, 2.0))
        for i, day in enumerate(days[:, 0].tolist()):
            self._add_holidays(day, out[i])
        flat = out.ravel()
        for spells, on in self.spells_on(days):
            flat[on.at] += np.log(spells.size) + spells.spread * normal(on.keys, 403)
        out = np.asarray(np.exp(np.minimum(out, 3.0)), np.float32)
        for _, on in self.closures_on(days):
            out.ravel()[on.at[self._ajar(on, days)]] *= self.world.ajar[1]
        out[self.closed(days)] = 0.0
        return out

    def spells_on(self, days: NDArray[np.int64]) -> list[tuple[Spells, Found]]:
        """Who trades more or less than usual for a while."""
        return [(each, self._spell(each, 400 + 10 * i, days)) for i, each in enumerate(self.world.spells)]

    def closures_on(self, days: NDArray[np.int64]) -> list[tuple[Spells, Found]]:
        """Who is closed for a while."""
        return [(each, self._spell(each, 450 + 10 * i, days)) for i, each in enumerate(self.world.closures)]

    def _spell(self, spells: Spells, question: int, days: NDArray[np.int64]) -> Found:
        at = days + np.floor(self.phase * spells.within_days).astype(np.int64)
        keys = of_period(self.keys, at // spells.within_days)
        has = np.flatnonzero(uniform(keys, question) < spells.chance * self.restless)
        keys, offset = keys.ravel()[has], at.ravel()[has] % spells.within_days
        shortest, longest = spells.days
        length = np.floor(shortest * ((longest + 1) / shortest) ** uniform(keys, question + 1)).astype(np.int64)
        begin = np.floor(uniform(keys, question + 2) * (spells.within_days - length + 1)).astype(np.int64)
        on = (begin <= offset) & (offset < begin + length)
        return Found(has[on], keys[on], length[on], (offset - begin)[on])

    def closed(self, days: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Who does not trade, shape (days, shops)."""
        world, today = self.world, of_period(self.keys, days)
        out = self.open_day > days
        if world.closes_weekly:
            out |= self._closes_weekly(days) & (uniform(today, 210) >= self._opens_anyway)
        if world.closed_day:
            out |= uniform(today, 211) < world.closed_day * self.restless
        for _, on in self.closures_on(days):
            out.ravel()[on.at[~self._ajar(on, days)]] = True
        for i, day in enumerate(days[:, 0].tolist()):
            self._close_for_holidays(day, out[i])
        return out

    def _ajar(self, on: Found, days: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the closed sell a little nevertheless."""
        often = uniform(of_period(on.keys, days[on.at // len(self.keys), 0]), 212) < 0.7
        return np.asarray((on.days >= 7) & (uniform(on.keys, 235) < self.world.ajar[0]) & often, np.bool_)

    def _closes_weekly(self, days: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whose weekly closing day it is."""
        moved = of_period(self.keys, (days + np.floor(self.phase * 150).astype(np.int64)) // 150)
        weekday = np.where(self._moves, np.floor(uniform(moved, 213) * 5).astype(np.int64), self._closing_day)
        after = (days + 3 - weekday) % 7
        return np.asarray(self.closes & ((after == 0) | (self._twice & (after == 1))), np.bool_)

    def _weekdays(self) -> NDArray[np.float32]:
        """Logarithm of each weekday, Monday first, shape (7, shops)."""
        world = self.world
        spread = world.week_spread * np.exp(0.6 * normal(self.keys, 204))
        strength = np.exp(0.5 * normal(self.keys, 205))
        out = np.stack([spread * normal(self.keys, 220 + i) + strength * mean for i, mean in enumerate(world.week)])
        return np.asarray(out - np.log(np.exp(out).mean(axis=0)), np.float32)

    def _plan_closing_days(self) -> None:
        world, keys = self.world, self.keys
        self.closes = uniform(keys, 214) < world.closes_weekly
        self._twice = uniform(keys, 215) < world.closes_twice
        self._moves = uniform(keys, 216) < world.moves_closing
        # Most often early in the week.
        self._closing_day = np.searchsorted([0.32, 0.52, 0.74, 0.84, 0.87, 0.90], uniform(keys, 217), side="right")
        self._opens_anyway = -np.log1p(-0.999 * uniform(keys, 218)) * world.opens_anyway

    def level(self, days: NDArray[np.int64]) -> NDArray[np.float32]:
        """What lasts for weeks and months and then changes from one day to the next, shape (days, shops)."""
        world = self.world
        out = np.zeros((len(days), len(self.keys)), np.float32)
        for question, share in ((206, 0.6), (207, 1.8)):
            period = world.level_days * share * (0.5 + self.phase)
            z = normal(of_period(self.keys, np.floor(days / period + self.phase).astype(np.int64)), question)
            out += world.level * z * (1.0 + world.level_tail * z * z) * np.float32(0.7)
        return out

    def _noise(self, days: NDArray[np.int64]) -> NDArray[np.float32]:
        world, today = self.world, of_period(self.keys, days)
        out = world.white * normal(today, 208)
        for question, (length, share) in enumerate(world.wander):
            at = days / length + self.phase
            number = np.floor(at).astype(np.int64)
            w = (at - number).astype(np.float32)
            w *= w * (3.0 - 2.0 * w)
            before, after = (normal(of_period(self.keys, number + i), 300 + question) for i in (0, 1))
            out += share * (before * (1.0 - w) + after * w) / np.sqrt(w * w + (1.0 - w) ** 2)
        out *= self.own
        u, flat = uniform(today, 209), out.ravel()
        for sign, (chance, mean), place in ((1, world.rise, u), (-1, world.fall, 1.0 - u)):
            hit = np.flatnonzero(place < chance * self.restless)
            flat[hit] -= sign * mean * np.log1p(-0.999 * uniform(today.ravel()[hit], 219))
        return np.asarray(out, np.float32)

    def _market(self, days: NDArray[np.int64]) -> NDArray[np.float32]:
        """What moves all shops of the world alike, shape (days, 1)."""
        out = np.zeros(days.shape)
        for question, (length, share) in enumerate(((1, 0.8), (4, 0.6), (20, self.world.market_slow))):
            number, w = days // length, days % length / length
            before, after = (normal(of_period(self._everyone, number + i), 310 + question) for i in (0, 1))
            out += self.world.market * share * (before * (1 - w) + after * w)
        return np.asarray(
            out + [[self._of_the_year(EPOCH + timedelta(day))] for day in days[:, 0].tolist()], np.float32
        )

    def _of_the_year(self, today: date) -> float:
        """What moves all shops on fixed days of the year."""
        world = self.world
        since = day_number(today) - campaign_begins(today.year)
        if world.campaign > 1.0 and 0 <= since < CAMPAIGN_DAYS:
            return float(np.log(world.campaign)) * (1.0 if since < 5 else 0.6)
        if today.month == 12 and 20 <= today.day <= 24:
            return float(np.log(world.christmas)) * ((today.day - 19) / 5) ** 5
        if today.month == 1 and today.day <= 3:
            return float(np.log(world.first_of_january if today.day == 1 else world.early_january))
        return 0.0

    def _add_holidays(self, day: int, out: NDArray[np.float32]) -> None:
        """Add what holidays are to each shop, much alike from one to the next, shape (shops,)."""
        world = self.world
        if world.spring and (at := _from_new_year(day)) is not None:
            median, spread = (np.interp(at, SPRING, each) for each in (_SPRING_MEDIAN, _SPRING_SPREAD))
            feast = of_period(self.keys, day - at)
            z = 0.85 * normal(feast, 231) + 0.5 * normal(of_period(self.keys, day), 232)
            out += median + spread * z * np.where(z > 0, *_SPRING_SIDES)
        elif is_holiday(EPOCH + timedelta(day)):
            again = world.holiday_again
            z = again * self._feasts + (1.0 - again**2) ** 0.5 * normal(of_period(self.keys, day // 4), 228)
            size = np.abs(z) ** world.holiday_power * self._oddity
            moved = np.where(z < 0, -world.holiday_spread[0], world.holiday_spread[1]) * size
            fades = world.holiday_fades if is_holiday(EPOCH + timedelta(day - 2)) else 1.0
            out += fades * (world.holiday + np.minimum(moved, _MOST_OF_HOLIDAYS))

    def _close_for_holidays(self, day: int, out: NDArray[np.bool_]) -> None:
        world = self.world
        share, feast = world.holiday_closed if is_holiday(EPOCH + timedelta(day)) else 0.0, day // 3
        if world.spring and (at := _from_new_year(day)) is not None:
            share, feast = float(np.interp(at, SPRING, _SPRING_CLOSED)), day - at
        if share:
            # One number for some days: who is closed on the first is closed on the next.
            out |= uniform(of_period(self.keys, feast), 229) < share
        if world.first_closed and (today := EPOCH + timedelta(day)).month == today.day == 1:
            out |= uniform(of_period(self.keys, day), 250) < world.first_closed
        new_year = day - day_number((EPOCH + timedelta(day + 180)).replace(month=1, day=1))
        if world.new_year_closed and -3 <= new_year <= 3:
            # From 29, 30 or 31 December to 2, 3 or 4 January.
            first, last = (np.floor(3 * uniform(self.keys, question)) for question in (236, 237))
            on = (new_year >= first - 3) & (new_year <= last + 1)
            out |= on & (uniform(self.keys, 238) < world.new_year_closed)

    def _ramp(self, days: NDArray[np.int64]) -> NDArray[np.float32]:
        """What new shops lack, shape (days, shops)."""
        out = np.zeros((len(days), len(self.keys)), np.float32)
        new = np.flatnonzero((self.open_day <= days[-1]) & (self.open_day > days[0] - 250))
        median, spread = self.world.ramp
        lacks = median * np.exp(spread * normal(self.keys[new], 234))
        takes = RAMP_DAYS[0] * (RAMP_DAYS[1] / RAMP_DAYS[0]) ** uniform(self.keys[new], 225)
        out[:, new] = lacks * np.exp(-np.maximum(days - self.open_day[new], 0) / takes)
        return out


def _from_new_year(day: int) -> int | None:
    """Days from the first of the lunar year, where Spring Festival moves trade."""
    at = int(day - NEW_YEARS[np.abs(NEW_YEARS - day).argmin()])
    return at if SPRING[0] < at < SPRING[-1] else None


def mean_factor(world: World, everyone: NDArray[np.uint64], days: NDArray[np.int64]) -> float:
    """Mean factor on `days`, shape (days, 1), over many made-up shops of the world, none of them new."""
    keys = mixed(np.arange(1, _SAMPLED + 1, dtype=np.uint64) * PHI)
    z = normal(keys, 251)
    rate = 50.0 * np.exp(z * np.where(z < 0, world.smaller, world.larger))
    shops = Shops(world, everyone, keys, rate, rate / rate.mean(), np.full(_SAMPLED, -(2**30)), np.ones((7, _SAMPLED)))
    return float((shops.factors(days).mean(axis=0) * rate).sum() / rate.sum())

"""How much each merchant sells on each local day, and at what tickets, against its usual.

Two factors a merchant and day, each a hash of merchant, day and question: whatever part of a run is drawn alone
comes out the same. What is lawful is here; `simulator.volume` plans what departs from it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.festivals import EPOCH, NEW_YEARS, seasons, trade_days
from simulator.figures import CALM, WORLDS, by_world
from simulator.lawful import PAYDAYS, Undisturbed, closed_on, presence, promotion
from simulator.manners import NO_MANNERS
from simulator.peculiar import HOURS_MOVED, KINDS, rhythm_of
from simulator.shops import Shops, data_hole, mean_factor
from simulator.table import bell, mixed, of_period
from simulator.trades import ACQUIRERS, CITIES, TRADES, WEEKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig
    from simulator.manners import Manners

CELLS = 24_000_000
"""Merchants by days kept at once, 8 bytes each."""
BLOCK_CELLS = 100_000
"""Merchants by days worked out at a time: few calls, and little besides the result."""
BACK_DAYS = 9
"""Days before an hour whose sales may be drawn with it: a refund's original lies up to 168 h back."""

SEGMENT = np.dtype([
    ("merchant", "i4"), ("from_day", "i4"), ("until_day", "i4"),
    ("sales", "f4"), ("ticket", "f4"),
    ("growth", "f4"), ("least", "f4"), ("most", "f4"),
])  # fmt: skip
"""Factors of one merchant on the days `from_day` up to `until_day`; the number of sales is further multiplied by
(1 + `growth`)^days, at least `least` and at most `most`."""
PULSE = np.dtype([
    ("merchant", "i4"), ("from_day", "i4"), ("until_day", "i4"),
    ("from_hour", "i1"), ("until_hour", "i1"), ("weekdays", "u1"),
    ("sales", "f4"), ("ticket", "f4"),
    ("plus", "f4"), ("amount", "i8"), ("median", "f4"), ("spread", "f4"), ("cards", "i4"),
])  # fmt: skip
"""What is peculiar to some hours of some days of one merchant.

The hours' sales and tickets are multiplied; `plus` sales an hour are added, of `amount` fen or, where that is 0, of
`median` times the merchant's median with `spread` (of logarithms), by `cards` cards that come again (0: by anyone).
`weekdays`: bit 0 is Monday.
"""


class Rhythm(NamedTuple):
    """The factors of a stretch of days, as the drawing wants them.

    Attributes:
        first_day: first local day, from 1970.
        first_hour: first hour of the run, from 1970.
        sales: factor of the number of sales, shape (days, merchants).
        ticket: factor of the ticket, shape (days, merchants).
        catch_up: factor of the number of sales by acquirer and hour of the run, shape (acquirers, hours).
        pulse_at: where each merchant's pulses begin, shape (merchants + 1,).
        pulses: all pulses, by merchant, of `PULSE`.
        manner_at: where each merchant's manners begin, shape (merchants + 1,).
        manners: habits of merchants, by merchant and day, of `simulator.manners.MANNER`.
        streams: further streams of sales, of `simulator.manners.STREAM`.
    """

    first_day: int
    first_hour: int
    sales: NDArray[np.float32]
    ticket: NDArray[np.float32]
    catch_up: NDArray[np.float32]
    pulse_at: NDArray[np.int32]
    pulses: NDArray[np.void]
    manner_at: NDArray[np.int32]
    manners: NDArray[np.void]
    streams: NDArray[np.void]


def _noise(keys: NDArray[np.uint64], day: int) -> NDArray[np.float32]:
    """What no plan foresees: log-normal, 15 %, mean 1."""
    sizes = bell(mixed(keys ^ np.uint64(day))) * np.float32(0.15 * 3**0.5 / 65_536)
    return np.asarray(np.exp(sizes - np.float32(0.01125)), np.float32)


class Rhythms:
    """The factors of a whole run, worked out a stretch of days at a time.

    Args:
        config: the run.
        table: its merchants, `simulator.merchants.MERCHANT`.
        lawful: what is lawful about them; None: every day is like the other.
        segments: what departs from it by day, `SEGMENT`.
        pulses: what departs from it by hour, `PULSE`, by merchant.
        manners: the merchants' habits; none where they have no habits of their own.
    """

    def __init__(
        self,
        config: SimulationConfig,
        table: NDArray[np.void],
        lawful: Undisturbed | None,
        segments: NDArray[np.void],
        pulses: NDArray[np.void],
        manners: Manners = NO_MANNERS,
    ) -> None:
        self._table, self._lawful, self._segments = table, lawful, segments
        self.first_day, self.days = local_days(config)
        self._config = config
        self._first_hour = config.start_ms // HOUR_MS
        n = max(1, len(table))
        whole = n * self.days <= CELLS
        self._step = self.days if whole else max(1, CELLS // n - BACK_DAYS)
        self._pulses = np.ascontiguousarray(pulses)
        self._pulse_at = np.searchsorted(pulses["merchant"], np.arange(len(table) + 1)).astype(np.int32)
        self._manners = manners
        self._manner_at = np.searchsorted(manners.rows["merchant"], np.arange(len(table) + 1)).astype(np.int32)
        caught_up = catch_up(config)
        self._catch_up = caught_up if lawful else np.ones_like(caught_up)
        if lawful:
            self._sales, self._ticket = _calendar(self.first_day, self.days)
            self._waves, self._calm = seasons(self.first_day, self.days), lawful.world == CALM
            self._season = by_world("season", lawful.world, calm=1.0).astype(np.float32)
            self._middle = self.first_day + self.days / 2
            everyone = np.arange(len(table))
            self._shops = shops_of(config, table, lawful, everyone)
            self._peculiar = [
                (kind, each, weeks_of(table[each]))
                for number, kind in enumerate(KINDS)
                if number not in {0, HOURS_MOVED} and len(each := np.flatnonzero(lawful.peculiar == number))
            ]
            self._scale = np.ones(len(table), np.float32)
            self._scale = self._mean_factors(lawful)
        self._held: tuple[int, Rhythm] | None = None

    def at(self, hour: int) -> Rhythm:
        """The stretch of days that holds `hour` (from 1970) of the run and what it looks back to."""
        number = max(0, (hour + 10) // 24 - self.first_day) // self._step
        if self._held is None or self._held[0] != number:
            self._held = None  # lets go of the old before the new is made
            self._held = number, self._stretch(number)
        return self._held[1]

    def stretches(self) -> Iterator[tuple[int, Rhythm]]:
        """All days of the run in stretches, each with its first day; one may begin before the end of the last."""
        for number in range(-(-self.days // self._step)):
            stretch = self._stretch(number)
            yield stretch.first_day, stretch

    def _stretch(self, number: int) -> Rhythm:
        begin = max(0, number * self._step - BACK_DAYS)
        end = min(self.days, (number + 1) * self._step)
        shape = (end - begin, len(self._table))
        sales, ticket = np.empty(shape, np.float32), np.ones(shape, np.float32)
        many = max(1, BLOCK_CELLS // max(1, len(self._table)))
        for i in range(0, shape[0], many):
            days = np.arange(i, min(i + many, shape[0])) + self.first_day + begin
            self._undisturbed(days, sales[i : i + many], ticket[i : i + many])
        self._depart(self.first_day + begin, sales, ticket)
        return Rhythm(
            self.first_day + begin, self._first_hour, sales, ticket, self._catch_up, self._pulse_at, self._pulses,
            self._manner_at, self._manners.rows, self._manners.streams,
        )  # fmt: skip

    def _undisturbed(self, days: NDArray[np.int64], sales: NDArray[np.float32], ticket: NDArray[np.float32]) -> None:
        """Fill `sales`, and multiply `ticket`, shape (days, merchants), with their factors without departures."""
        keys = self._table["key"]
        for i, day in enumerate(days.tolist()):
            sales[i] = _noise(keys, day)
        if not self._lawful:
            return
        for each, shops in self._shops:
            sales[:, each] = shops.factors(days[:, None])
        for i, day in enumerate(days.tolist()):
            for kind, each, week in self._peculiar:
                own = rhythm_of(kind, keys[each], self._table["trade"][each], day)
                sales[i, each] = _noise(keys[each], day) * own / week[(day + 3) % 7]
            self._lawful_day(self._lawful, day, sales[i], ticket[i])

    def _mean_factors(self, lawful: Undisturbed) -> NDArray[np.float32]:
        """Undoes what all this does to the mean over merchants; of a world's, whoever else there is."""
        out = np.full(len(self._table), self._calm_factor(lawful), np.float32)
        years = self.days / 365.0
        for number, world in enumerate(WORLDS.values()):
            if len(mine := np.flatnonzero(lawful.world == number)):
                there = max(0.5, 1.0 - world.openings * years / 2) * max(0.5, 1.0 - world.closings * years / 2)
                out[mine] = 1.0 / max(0.2, there * mean_factor(world, _market_key(self._config, number), self._sample))
        return out

    @property
    def _sample(self) -> NDArray[np.int64]:
        """Days of the run from which its mean is taken, shape (days, 1)."""
        return self.first_day + np.unique(np.linspace(0, self.days - 1, min(self.days, 60)).astype(np.int64))[:, None]

    def _calm_factor(self, lawful: Undisturbed) -> np.float32:
        """Undoes what openings, closings, seasons and paydays do to the mean over calm merchants."""
        rate = self._table["rate"] * (lawful.world == CALM)
        there = np.ones(len(rate))
        there -= np.clip(lawful.open_day - self.first_day, 0, self.days) / self.days
        there -= np.clip(self.first_day + self.days - lawful.close_day, 0, self.days) / self.days
        there[lawful.seasonal] = lawful.season_days / 365.0
        there *= 1.0 + (lawful.payday_factor - 1.0) / 30.4
        mean = float((rate * there).sum()) / max(float(rate.sum()), 1e-9)
        return np.float32(1.0 / max(mean, 0.5))

    def _lawful_day(
        self, lawful: Undisturbed, day: int, sales: NDArray[np.float32], ticket: NDArray[np.float32]
    ) -> None:
        """Multiply `sales` and `ticket`, shape (merchants,), by what is lawful on `day`."""
        date = EPOCH + timedelta(day)
        wave = self._waves[day - self.first_day][self._table["trade"]]
        of_trade = np.where(
            self._calm, self._sales[day - self.first_day][lawful.row], 1.0 + self._season * (wave - 1.0)
        )
        sales *= of_trade * self._scale
        ticket *= self._ticket[day - self.first_day][lawful.row]
        sales *= np.exp(lawful.log_growth * (day - self._middle)).astype(np.float32)
        if date.day in PAYDAYS:
            paid = lawful.payday == date.day
            sales[paid] *= lawful.payday_factor[paid].astype(np.float32)
        promotes = lawful.promotes
        sales[promotes] *= promotion(self._table["key"][promotes], day).astype(np.float32)
        for new_year in NEW_YEARS[np.abs(NEW_YEARS - day) < 10]:
            sales[closed_on(lawful, day, int(new_year))] = 0.0
        sales *= presence(lawful, day)
        if not self._calm.all():
            sales *= np.where(self._calm, 1.0, data_hole(self._config.seed, self._table["key"], day))

    def _depart(self, first: int, sales: NDArray[np.float32], ticket: NDArray[np.float32]) -> None:
        """Multiply in the segments; row 0 is day `first`."""
        for each in self._segments:
            begin, until = max(int(each["from_day"]), first), min(int(each["until_day"]), first + len(sales))
            if begin >= until:
                continue
            rows, merchant = slice(begin - first, until - first), each["merchant"]
            grown = (1.0 + each["growth"]) ** (np.arange(begin, until) - each["from_day"] + 1)
            sales[rows, merchant] *= each["sales"] * np.clip(grown, each["least"], each["most"])
            ticket[rows, merchant] *= each["ticket"]


def local_days(config: SimulationConfig) -> tuple[int, int]:
    """First local day of the run anywhere, from 1970, and how many there are up to its end."""
    offsets = [city.offset_h for city in CITIES]
    first = (config.start_ms // HOUR_MS + min(offsets) - 1) // 24
    last = ((config.end_ms - 1) // HOUR_MS + max(offsets) + 1) // 24
    return first, last - first + 1


def _calendar(first_day: int, days: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`trade_days` for merchants in China, and beside it flat for those abroad, shape (days, twice the trades)."""
    sales, ticket = trade_days(first_day, days)
    flat = np.ones_like(sales)
    return np.hstack([sales, flat]), np.hstack([ticket, flat])


def weeks_of(table: NDArray[np.void]) -> NDArray[np.float64]:
    """Each weekday of the merchants' trades, mean 1, shape (7, merchants)."""
    weeks = np.array([np.array(WEEKS[trade.week]) * 7 / sum(WEEKS[trade.week]) for trade in TRADES])
    return np.asarray(weeks[table["trade"]].T, np.float64)


def _market_key(config: SimulationConfig, world: int) -> NDArray[np.uint64]:
    """Key of what is common to the merchants of a world, shape (1,)."""
    return mixed(np.array([config.seed], np.uint64) ^ mixed(np.array([world], np.uint64)))


def shops_of(
    config: SimulationConfig, table: NDArray[np.void], lawful: Undisturbed, among: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], Shops]]:
    """Of the merchants `among`, the places of those of each world, and how they trade."""
    out = []
    for number, world in enumerate(WORLDS.values()):
        places = np.flatnonzero(lawful.world[among] == number)
        if len(places):
            rows, opened = table[among[places]], lawful.open_day[among[places]]
            size = rows["rate"] / max(config.tx_per_merchant_day, 1e-9)
            everyone = _market_key(config, number)
            out.append((places, Shops(world, everyone, rows["key"], rows["rate"], size, opened, weeks_of(rows))))
    return out


def outages(config: SimulationConfig) -> Iterator[tuple[int, int, int, int]]:
    """Acquirer, hour from 1970, first moment and end of each outage in the run, UTC milliseconds."""
    hours = np.arange(config.start_ms // HOUR_MS, -(-config.end_ms // HOUR_MS), dtype=np.uint64)
    for acquirer in range(len(ACQUIRERS)):
        # As in `simulator.draw.in_outage`.
        keys = mixed(np.uint64(config.seed) ^ mixed(hours * np.uint64(16) + np.uint64(acquirer)))
        starts, lengths = _unit(keys, 1) * 2_700_000.0, 300_000.0 + _unit(keys, 2) * 600_000.0
        for i in np.flatnonzero(_unit(keys, 0) < config.outages_per_day / 24):
            begin = int(hours[i]) * HOUR_MS + int(starts[i])
            yield acquirer, int(hours[i]), begin, begin + int(lengths[i])


def _unit(keys: NDArray[np.uint64], question: int) -> NDArray[np.float64]:
    bits = mixed(of_period(keys, question)) >> np.uint64(11)
    return np.asarray(bits.astype(np.float64) * 2.0**-53, np.float64)


def catch_up(config: SimulationConfig) -> NDArray[np.float32]:
    """Factor of the number of sales by acquirer and hour of the run: what an outage stopped comes an hour later."""
    first = config.start_ms // HOUR_MS
    out = np.ones((len(ACQUIRERS), -(-config.end_ms // HOUR_MS) - first + 1), np.float32)
    for acquirer, hour, begin, end in outages(config):
        out[acquirer, hour - first + 1] += 0.9 * (end - begin) / HOUR_MS
    return out


def day_ms(row: np.void, day: int, hour: int = 0) -> int:
    """When `hour` of local `day` begins at the merchant of `row`, UTC milliseconds, its hours' shift taken off."""
    return day * DAY_MS + (hour - int(row["offset_h"]) - int(row["shift_h"])) * HOUR_MS

"""How the day of the year moves each trade: season, holidays and the days before them.

The dates of 2023 to 2028 are facts; outside these years only holidays of a fixed date are known. How strongly a
trade answers is an assumption; no source states it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from simulator.trades import TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCH = date(1970, 1, 1)
NEW_YEAR_OF_MOON = (
    date(2023, 1, 22), date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26),
)  # fmt: skip
"""First days of the lunar year."""
MOVING = (
    date(2023, 4, 5), date(2024, 4, 4), date(2025, 4, 4), date(2026, 4, 5), date(2027, 4, 5), date(2028, 4, 4),
    date(2023, 6, 22), date(2024, 6, 10), date(2025, 5, 31), date(2026, 6, 19), date(2027, 6, 9), date(2028, 5, 28),
    date(2023, 9, 29), date(2024, 9, 17), date(2025, 10, 6), date(2026, 9, 25), date(2027, 9, 15), date(2028, 10, 3),
)  # fmt: skip
"""Qingming, Dragon Boat and Mid-Autumn festivals."""
SALES_DAYS = ((6, 18), (11, 11), (12, 12))
"""Month and day of the sales everyone has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """How a group of trades moves through the year; factors of the number of sales.

    Attributes:
        mccs: the trades.
        amplitude: of the yearly wave, 0 to 1.
        peak: day of the year it is highest, 1 to 365.
        holiday: on public holidays.
        before_new_year: on the seven days before the eve of the lunar new year.
        closed: share of merchants closed for some days around it, 0 to 1.
        payday: mean on the merchant's payday; 1 where there is none.
        promotes: share of merchants that have sales of their own, 0 to 1.
        holiday_ticket: of tickets on holidays; between 0.8 and 1.25, where price lists stay as they are.
    """

    mccs: tuple[int, ...]
    amplitude: float
    peak: int
    holiday: float
    before_new_year: float = 1.0
    closed: float
    payday: float = 1.0
    promotes: float = 0.0
    holiday_ticket: float = 1.0


SEASONS = (
    Season(mccs=(5812, 5813, 5814, 5462), amplitude=0.06, peak=355, holiday=1.45, before_new_year=1.15, closed=0.35,
           payday=1.3, promotes=0.1, holiday_ticket=1.12),
    Season(mccs=(5411, 5912), amplitude=0.05, peak=20, holiday=1.15, before_new_year=1.7, closed=0.15, payday=1.25,
           promotes=0.2, holiday_ticket=1.1),
    Season(mccs=(5311, 5651, 5732, 5944, 5722, 5999), amplitude=0.12, peak=345, holiday=1.5, before_new_year=1.5,
           closed=0.3, payday=1.4, promotes=0.35, holiday_ticket=1.15),
    Season(mccs=(7011, 7230, 7298, 7832), amplitude=0.2, peak=210, holiday=1.6, closed=0.15, payday=1.25,
           promotes=0.15, holiday_ticket=1.15),
    Season(mccs=(5541, 5533, 4111), amplitude=0.05, peak=190, holiday=1.15, closed=0.03),
    Season(mccs=(5200, 5045), amplitude=0.2, peak=285, holiday=0.5, closed=0.9),
    Season(mccs=(4900, 8062, 8211), amplitude=0.1, peak=250, holiday=0.2, closed=0.6),
)  # fmt: skip
SEASON_OF = np.array([next(i for i, each in enumerate(SEASONS) if trade.mcc in each.mccs) for trade in TRADES])
"""Index into `SEASONS` by number of the trade."""


def day_number(day: date) -> int:
    """Days since 1970.

    >>> day_number(date(2025, 1, 29))
    20117
    """
    return (day - EPOCH).days


NEW_YEARS = np.array([day_number(day) for day in NEW_YEAR_OF_MOON])


def is_holiday(day: date) -> bool:
    """Whether `day` is a public holiday in China, its bridging days left out.

    Labour Day is 1 to 5 May, National Day 1 to 7 October, Spring Festival the eve and seven days.

    >>> [is_holiday(date(2025, 1, d)) for d in (1, 2, 27, 28)]
    [True, False, False, True]
    """
    if (day.month, day.day) == (1, 1) or (day.month == 5 and day.day <= 5) or (day.month == 10 and day.day <= 7):
        return True
    return day in MOVING or any(timedelta(-1) <= day - first < timedelta(7) for first in NEW_YEAR_OF_MOON)


def _wave(season: Season, days: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(1.0 + season.amplitude * np.cos(2 * np.pi * (days - season.peak) / 365.2425), np.float64)


def seasons(first_day: int, days: int) -> NDArray[np.float32]:
    """Factors of each trade's yearly wave alone, shape (days, trades)."""
    of_year = np.array([(EPOCH + timedelta(first_day + i)).timetuple().tm_yday for i in range(days)])
    return np.stack([_wave(each, of_year) for each in SEASONS], axis=1)[:, SEASON_OF].astype(np.float32)


def trade_days(first_day: int, days: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factors of the number of sales and of the ticket of each trade on each local day, shape (days, trades).

    `first_day` counts from 1970. The number's mean over the 366 days from `first_day` is 1 before paydays.
    """
    longest = max(days, 366)
    dates = [EPOCH + timedelta(first_day + i) for i in range(longest)]
    of_year = np.array([day.timetuple().tm_yday for day in dates])
    holiday = np.array([is_holiday(day) for day in dates])
    before = np.array([any(timedelta(2) <= first - day <= timedelta(8) for first in NEW_YEAR_OF_MOON) for day in dates])
    on_sale = np.array([(day.month, day.day) in SALES_DAYS for day in dates])
    sales = np.empty((longest, len(SEASONS)), np.float32)
    ticket = np.ones_like(sales)
    for i, season in enumerate(SEASONS):
        sales[:, i] = _wave(season, of_year)
        sales[holiday, i] *= season.holiday
        sales[before, i] *= season.before_new_year
        sales[on_sale, i] *= 1.0 + season.promotes
        ticket[holiday, i] = season.holiday_ticket
    sales /= sales[:366].mean(axis=0)
    return sales[:days, SEASON_OF], ticket[:days, SEASON_OF]

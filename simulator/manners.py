"""How a merchant's sales look: its cards and how they are read, refunds, voids, declines, tickets and tills.

Each merchant with habits of its own has a row from every local day on which one of them changes. Rates by trade are
assumptions unless said otherwise (docs/simulator.md).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.draw import TRADE
from simulator.table import bell, mixed, of_period, salt, uniform
from simulator.trades import CITIES, HOURS, TRADES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from simulator.table import Draws

ALWAYS = -(2**30)
"""A day before every other."""

_HABITS = (
    "own", "ticket", "spread", "evening", "round", "regular", "again", "credit", "foreign", "code", "keyed", "stripe",
    "refund", "undo", "decline", "tilt", "night", "late", "centre_h", "skew", "second", "odd_refund", "unsold",
)  # fmt: skip
MANNER = np.dtype([
    ("merchant", "i4"), ("from_day", "i4"), ("since_day", "i4"),
    ("own_step", "f4"), ("second_step", "f4"), *((name, "f4") for name in _HABITS),
    ("stream", "i4"), ("terminals", "i4"), ("refund_cards", "i4"), ("moved_h", "i1"),
])  # fmt: skip
"""What is so of a merchant from local day `from_day` on.

`own` is a factor of its number of sales, `second` how many more a second stream (`stream`, -1: none) has, of the usual
number; both change by their step on each day after `since_day`. `ticket` and `spread` are factors of tickets, `evening`
one of those from 17:00 on. Shares of sales: `round` to whole hundreds, `regular` cards, cards used `again` at once,
`foreign` and `code`, `keyed` and `stripe` of the others, `credit` of cards, `refund`, `undo` and `decline`. `tilt`: the
greater, the more declines are for want of money. `night`: sales from 0 to 6 h besides, of a day's. `late`: factor of
the sales 6 hours after `centre_h`, the middle of the trade's day, and of others in proportion. `skew`: the greater, the
more sales are at the first of the `terminals`. `moved_h`: hours lie so much later. `odd_refund` more refunds a sale go
to `refund_cards` cards; `unsold` of these name no sale.
"""
STREAM = np.dtype([
    ("trade", TRADE),
    *((name, "f4") for name in ("regular", "credit", "foreign", "code", "keyed", "stripe")),
    ("cards", "i4"), ("terminal", "i4"), ("within_ms", "i4"), ("odd", "i1"),
])  # fmt: skip
"""Sales beside a merchant's own: of a `trade`'s hours and tickets, on the merchant's level.

`regular` of them are by `cards` cards; at one `terminal` (-1: at any); all of an hour within `within_ms` (0: spread).
"""


class Manners(NamedTuple):
    """The habits of a run's merchants: `MANNER` rows by merchant and day, and the `STREAM`s that they name."""

    rows: NDArray[np.void]
    streams: NDArray[np.void]


NO_MANNERS = Manners(np.zeros(0, MANNER), np.zeros(0, STREAM))


class Change(NamedTuple):
    """What changes about a merchant from a local day on, and before another: factors, and figures in their place."""

    merchant: int
    kind: str
    from_day: int
    until_day: int
    times: Mapping[str, float]
    to: Mapping[str, float]


class _OfTrade(NamedTuple):
    """Usual shares of a trade; `abroad` is how often foreign cards are used against the usual."""

    refund: float
    regular: float
    again: float
    credit: float
    code: float
    keyed: float
    round: float
    abroad: float
    evening: float = 1.0


_BY_MCC = {
    5812: _OfTrade(0.002, 0.25, 0.01, 0.50, 0.35, 0.003, 0.04, 1.2, 1.35),
    5411: _OfTrade(0.004, 0.60, 0.02, 0.35, 0.35, 0.001, 0.01, 0.4, 1.1),
    5814: _OfTrade(0.002, 0.55, 0.02, 0.40, 0.50, 0.001, 0.01, 0.6, 1.1),
    5541: _OfTrade(0.001, 0.50, 0.01, 0.45, 0.20, 0.001, 0.10, 0.3),
    5311: _OfTrade(0.035, 0.25, 0.04, 0.55, 0.20, 0.002, 0.03, 1.8, 1.1),
    5651: _OfTrade(0.040, 0.20, 0.03, 0.50, 0.25, 0.003, 0.02, 1.0),
    5732: _OfTrade(0.025, 0.10, 0.03, 0.60, 0.15, 0.010, 0.06, 1.0),
    5912: _OfTrade(0.005, 0.45, 0.02, 0.35, 0.30, 0.002, 0.02, 0.5),
    7011: _OfTrade(0.030, 0.10, 0.04, 0.65, 0.08, 0.080, 0.08, 4.0),
    5944: _OfTrade(0.015, 0.06, 0.02, 0.65, 0.06, 0.010, 0.12, 2.5),
    5722: _OfTrade(0.020, 0.10, 0.03, 0.55, 0.12, 0.010, 0.08, 0.4),
    5999: _OfTrade(0.010, 0.30, 0.02, 0.45, 0.30, 0.010, 0.06, 1.0),
    7230: _OfTrade(0.002, 0.50, 0.01, 0.45, 0.35, 0.001, 0.08, 0.3),
    7298: _OfTrade(0.004, 0.45, 0.01, 0.55, 0.25, 0.005, 0.15, 0.8, 1.2),
    5813: _OfTrade(0.002, 0.30, 0.15, 0.60, 0.25, 0.003, 0.06, 2.0, 1.2),
    5462: _OfTrade(0.002, 0.50, 0.02, 0.35, 0.50, 0.001, 0.01, 0.5),
    7832: _OfTrade(0.020, 0.20, 0.05, 0.45, 0.45, 0.001, 0.01, 0.4, 1.15),
    4111: _OfTrade(0.000, 0.80, 0.02, 0.30, 0.65, 0.000, 0.00, 0.5),
    4900: _OfTrade(0.001, 0.40, 0.02, 0.30, 0.30, 0.010, 0.03, 0.1),
    5200: _OfTrade(0.025, 0.20, 0.03, 0.50, 0.12, 0.010, 0.10, 0.2),
    5533: _OfTrade(0.020, 0.30, 0.02, 0.45, 0.15, 0.010, 0.08, 0.2),
    5045: _OfTrade(0.020, 0.40, 0.02, 0.45, 0.05, 0.050, 0.12, 0.5),
    8062: _OfTrade(0.030, 0.35, 0.08, 0.30, 0.25, 0.002, 0.06, 0.2),
    8211: _OfTrade(0.006, 0.50, 0.03, 0.30, 0.12, 0.040, 0.20, 0.2),
}
_RATES = np.array([_BY_MCC[trade.mcc] for trade in TRADES])
_ABROAD_CITIES = ("Bangkok", "Tokyo", "Riyadh")
_VISITED = {"Beijing": 1.5, "Shanghai": 1.8, "Guangzhou": 1.4, "Shenzhen": 1.3, "Xian": 1.4}
FOREIGN_SHARE = 0.02
"""Usual share of foreign cards, in a city that is not visited above others."""
OPEN_AT_NIGHT = {5814: 0.12, 5411: 0.08, 5912: 0.08, 5541: 0.3, 5813: 0.3, 7011: 0.2}
"""Share of merchants of a trade that sell at night too."""
_CENTRE_H = np.array([np.average(np.arange(24), weights=HOURS[trade.hours]) for trade in TRADES])
WANDERS = {
    "ticket": 0.05, "evening": 0.04, "round": 0.2, "regular": 0.12, "again": 0.25, "credit": 0.06, "foreign": 0.3,
    "code": 0.1, "keyed": 0.4, "stripe": 0.3, "refund": 0.4, "undo": 0.25, "decline": 0.2, "tilt": 0.12, "night": 0.15,
    "late": 0.06,
}  # fmt: skip
"""Standard deviation of the logarithm of a habit over the weeks, at a restless merchant twice as great, at a steady one
two fifths of it: assumptions."""
_FADING, _REMEMBERED = 0.8, 8
"""How much of what is out of the ordinary is left a week later, and the weeks after which the rest is neglected."""
_LIMIT = 0.95
"""Most that a share may be."""


def tills(table: NDArray[np.void], draws: Draws) -> NDArray[np.int64]:
    """How many terminals each merchant has, where merchants differ in that: one for each 15 to 120 sales a day."""
    return np.ceil(table["rate"] / draws.spread(800, 15.0, 120.0)).astype(np.int64)


def usual_manners(table: NDArray[np.void], draws: Draws) -> NDArray[np.void]:
    """What is so of each merchant before anything changes, `MANNER`, shape (merchants,)."""
    out = np.zeros(len(table), MANNER)
    out["merchant"], out["from_day"], out["since_day"] = np.arange(len(table)), ALWAYS, 0
    out["own"], out["ticket"], out["stream"], out["terminals"] = 1.0, 1.0, -1, table["terminals"]
    rates = _RATES[table["trade"]]
    for k, (name, size) in enumerate(
        (("refund", 0.6), ("regular", 0.3), ("again", 0.7), ("credit", 0.18), ("code", 0.35), ("keyed", 0.9),
         ("round", 0.7))
    ):  # fmt: skip
        out[name] = np.clip(rates[:, k] * np.exp(size * draws.normal(801 + k)), 0.0, 0.9)
    out["keyed"][draws.uniform(810) < 0.35] = 0.0
    # Most read few stripes; some have old terminals or customers with old cards.
    out["stripe"] = np.where(draws.uniform(811) < 0.12, draws.spread(812, 0.05, 0.4), draws.spread(813, 0.003, 0.03))
    city = np.array([_VISITED.get(each.name, 0.7) for each in CITIES])
    city[[k for k, each in enumerate(CITIES) if each.name in _ABROAD_CITIES]] = 2.0
    foreign = FOREIGN_SHARE * rates[:, 7] * city[table["city"]] * np.exp(0.6 * draws.normal(814))
    out["foreign"] = np.clip(foreign, 0.0, 0.4)
    out["evening"] = np.clip(rates[:, 8] * np.exp(0.08 * draws.normal(815)), 0.7, 2.0)
    out["spread"] = np.exp(0.15 * draws.normal(816))
    out["decline"], out["tilt"] = np.clip(draws.spread(817, 0.015, 0.09), 0, 1), draws.spread(818, 0.6, 1.7)
    out["undo"], out["skew"] = draws.spread(819, 0.002, 0.018), 1.0 + 2.0 * draws.uniform(820)
    at_night = np.array([OPEN_AT_NIGHT.get(trade.mcc, 0.0) for trade in TRADES])[table["trade"]]
    out["night"] = np.where(draws.uniform(821) < at_night, draws.spread(822, 0.02, 0.2), 0.0)
    out["late"], out["centre_h"] = np.exp(0.2 * draws.normal(824)), _CENTRE_H[table["trade"]]
    return out


def wandering(usual: NDArray[np.void], keys: NDArray[np.uint64], first_day: int, days: int) -> NDArray[np.void]:
    """What is so of each merchant in each week of a run, `MANNER`, shape (weeks, merchants); at first from `ALWAYS` on.

    Habits wander around the usual ones: nothing stays as it is, and what is out of the ordinary fades within weeks.
    """
    weeks = np.arange(first_day // 7, (first_day + days) // 7 + 1)
    out = np.repeat(usual[None], len(weeks), axis=0)
    out["from_day"] = (weeks * 7)[:, None]
    out["from_day"][0] = ALWAYS
    restless = 0.4 * 5.0 ** uniform(keys, 823)
    fading = _FADING ** np.arange(_REMEMBERED)
    fading /= np.sqrt((fading**2).sum())
    for k, (name, size) in enumerate(WANDERS.items()):
        known = np.arange(weeks[0] - _REMEMBERED + 1, weeks[-1] + 1)
        news = bell(mixed(of_period(keys ^ salt(930 + k), known[:, None]))) * (3**0.5 / 65_536)
        moved = sum(fading[j] * news[_REMEMBERED - 1 - j : len(known) - j] for j in range(_REMEMBERED))
        most = np.inf if name in {"ticket", "evening", "tilt", "late"} else _LIMIT
        out[name] = np.minimum(out[name] * np.exp(size * restless * moved), most)
    return out


def rows_of(weekly: NDArray[np.void], changes: Iterable[Change]) -> NDArray[np.void]:
    """Manners of each week (`wandering`) and all changes as rows by merchant and day."""
    of_merchant: dict[int, list[Change]] = {}
    for each in changes:
        of_merchant.setdefault(each.merchant, []).append(each)
    more = []
    for merchant, mine in of_merchant.items():
        starts = weekly["from_day"][:, merchant].tolist()
        for day in sorted({*starts, *(edge for each in mine for edge in (each.from_day, each.until_day))}):
            row = weekly[bisect_right(starts, day) - 1, merchant].copy()
            row["from_day"] = day
            for each in mine:
                if each.from_day <= day < each.until_day:
                    _change(row, each)
            more.append(row)
    unchanged = np.setdiff1d(np.arange(weekly.shape[1]), list(of_merchant))
    out = np.concatenate([weekly[:, unchanged].ravel(), np.array(more, MANNER)])
    return np.ascontiguousarray(out[np.lexsort((out["from_day"], out["merchant"]))])


def _change(row: np.void, change: Change) -> None:
    for name, factor in change.times.items():
        row[name] *= factor
    for name, value in change.to.items():
        row[name] = value
    if row["code"] + row["foreign"] > _LIMIT:
        row["code"] = max(0.0, _LIMIT - row["foreign"])
    for name in ("credit", "regular", "keyed", "round"):
        row[name] = min(float(row[name]), _LIMIT)


def stream_of(trade: np.void, usual: np.void, **figures: float) -> NDArray[np.void]:
    """A stream of the sales of a `trade` (`simulator.draw.TRADE`), by cards such as the `usual` manner has.

    `figures` stand in the place of others; shape (1,).
    """
    out = np.zeros(1, STREAM)
    out["trade"], out["terminal"], out["cards"] = trade, -1, 1
    for name in ("credit", "foreign", "code", "keyed", "stripe"):
        out[name] = usual[name]
    for name, value in figures.items():
        out[name] = value
    return out


def card_mix(mcc: int) -> dict[str, float]:
    """How often credit cards, codes and foreign cards are used in a trade.

    >>> card_mix(5944)
    {'credit': 0.65, 'code': 0.06, 'foreign': 0.05}
    """
    rates = _BY_MCC[mcc]
    return {"credit": rates.credit, "code": rates.code, "foreign": FOREIGN_SHARE * rates.abroad}

"""When a merchant trades: heat maps by weekday and by part of the day.

Closed days have no hours. What there is of them are habits: shares of six parts of the day, in sums that lose half of
their weight within seven closings, beside what was usual before.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain.alerts import Text

if TYPE_CHECKING:
    from console.merchant.charts import Calendar, Values

HEATS = 8
"""Levels of a cell: `heat-0` to `heat-8` of `static/merchants.css`."""
WEEKDAYS = (
    Text("Mon", "周一"), Text("Tue", "周二"), Text("Wed", "周三"), Text("Thu", "周四"), Text("Fri", "周五"),
    Text("Sat", "周六"), Text("Sun", "周日"),
)  # fmt: skip
PARTS = {
    "night": Text("00–06", "0–6时"), "morning": Text("06–11", "6–11时"), "lunch": Text("11–14", "11–14时"),
    "afternoon": Text("14–17", "14–17时"), "dinner": Text("17–20", "17–20时"), "evening": Text("20–24", "20–24时"),
}  # fmt: skip
"""By part of the day, as habits name it, its hours."""
COLUMNS = tuple(f"habit_{part}_share{end}" for part in PARTS for end in ("", "_usual"))
"""Columns of merchant-days that the parts of the day are in."""


class Cell(NamedTuple):
    """A cell: what it is, None for unknown, and how hot, 0 to `HEATS`."""

    value: float | None
    heat: int


class HeatRow(NamedTuple):
    """A row: what it is called, and a cell for each column."""

    title: Text
    cells: tuple[Cell, ...]


class Heat(NamedTuple):
    """Weeks by their Mondays, ISO 8601, rows with a cell for each week, and of parts of the day what is usual."""

    weeks: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    usual: tuple[Cell, ...] = ()


def weekdays(of: Calendar) -> Heat:
    """Sales by weekday and week."""
    weeks = _weeks(of.days)
    sales = dict(zip(of.days, of.columns["closed_sales"], strict=True))
    grid = [[sales.get(_day(week, place)) for week in weeks] for place in range(7)]
    most = max((each for row in grid for each in row if each is not None), default=0)
    return Heat(weeks, tuple(HeatRow(WEEKDAYS[place], _cells(row, most)) for place, row in enumerate(grid)))


def parts(of: Calendar) -> Heat:
    """Shares of the parts of the day at the last closing of each week that has them, and what was usual before that."""
    places: dict[str, list[int]] = {}
    for at, day in enumerate(of.days):
        places.setdefault(_monday(day), []).append(at)
    weeks = tuple(places)
    grid = [[_last(of.columns[f"habit_{part}_share"], each) for each in places.values()] for part in PARTS]
    kept = [at for at in range(len(weeks)) if any(row[at] is not None for row in grid)]
    usual = [_last(of.columns[f"habit_{part}_share_usual"], range(len(of.days))) for part in PARTS]
    most = max((each for row in [*grid, usual] for each in row if each is not None), default=0)
    rows = tuple(
        HeatRow(title, _cells([row[at] for at in kept], most)) for title, row in zip(PARTS.values(), grid, strict=True)
    )
    is_usual = any(each is not None for each in usual)
    return Heat(tuple(weeks[at] for at in kept), rows, _cells(usual, most) if is_usual else ())


def _weeks(days: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_monday(each) for each in days))


def _monday(day: str) -> str:
    found = date.fromisoformat(day)
    return (found - timedelta(days=found.weekday())).isoformat()


def _day(week: str, place: int) -> str:
    return (date.fromisoformat(week) + timedelta(days=place)).isoformat()


def _last(values: Values, places: range | list[int]) -> float | None:
    return next((values[at] for at in reversed(places) if values[at] is not None), None)


def _cells(values: Values, most: float) -> tuple[Cell, ...]:
    return tuple(Cell(each, 0 if not each or not most else max(1, round(HEATS * each / most))) for each in values)

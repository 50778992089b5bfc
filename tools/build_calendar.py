"""Writes `engine/control_kinds/calendar.json`, version 0 of the control kind `calendar`, from the package `holidays`.

`make calendar` runs it. The rules here make kinds of days of holidays; what is shipped, and published, is their result.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from importlib.metadata import metadata, version
from typing import TYPE_CHECKING, Any

import holidays
import msgspec

from domain.calendars import DAYS, FIRST, LAST, DayKind
from engine.control_kinds.calendar import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

RUSH_DAYS = 8
"""Days of shopping before the eve of the main festival."""
FESTIVAL_DAYS = 15
"""Spring Festival lasts to the 15th of the first month (元宵节): many shops open again only after it."""
PAYDAYS = (10, 15)
SALES_DAYS = ((6, 18), (11, 11), (12, 12))
_YEARS = range(FIRST.year, LAST.year + 1)
_ALL = [FIRST + timedelta(k) for k in range(DAYS)]


def build() -> bytes:
    """The artefact: every country that the package knows."""
    countries = sorted(each for each in holidays.list_supported_countries() if len(each) == 2)
    licence = metadata("holidays").get("License-Expression") or metadata("holidays")["License"]
    source = {"package": "holidays", "version": version("holidays"), "licence": licence}
    made = {"format": 1, "source": source, "countries": {each: _written(_kinds(each)) for each in countries}}
    return b"".join(_lines(made))


def _lines(made: dict[str, Any]) -> Iterator[bytes]:
    """JSON with a line for each country, so that a new version shows which ones changed."""
    yield b'{"format":%d,"source":%s,"countries":{\n' % (made["format"], msgspec.json.encode(made["source"]))
    lines = [msgspec.json.encode(name) + b":" + msgspec.json.encode(days) for name, days in made["countries"].items()]
    yield b",\n".join(lines)
    yield b"\n}}\n"


def _kinds(country: str) -> dict[date, DayKind]:
    """The days of a country that are not ordinary; of two kinds the greater counts."""
    kinds: dict[date, DayKind] = {}
    for kind, days in _special(country):
        for day in days:
            if FIRST <= day <= LAST:
                kinds[day] = max(kinds.get(day, kind), kind)
    return kinds


def _special(country: str) -> Iterator[tuple[DayKind, list[date]]]:
    found: Any = holidays.country_holidays(country, years=_YEARS, language="en_US")
    off = set(found)
    if country == "CN":
        yield DayKind.SALE, [day for day in _ALL if (day.month, day.day) in SALES_DAYS]
        yield DayKind.PAYDAY, [day for day in _ALL if day.day in PAYDAYS]
        off |= {date(year, 5, day) for year in _YEARS for day in range(1, 6)}
        off |= {date(year, 10, day) for year in _YEARS for day in range(1, 8)}
        starts = _new_years(found)
        yield DayKind.FESTIVAL, [start + timedelta(k) for start in starts for k in range(-1, FESTIVAL_DAYS)]
    else:
        starts = [date(year, 12, 26) for year in _YEARS if date(year, 12, 25) in off]
        yield DayKind.FESTIVAL, [start - timedelta(2) for start in starts]
    yield DayKind.RUSH, [start - timedelta(k) for start in starts for k in range(2, 2 + RUSH_DAYS)]
    yield DayKind.HOLIDAY, sorted(off)
    eves = {day - timedelta(1) for day in off} | set(found.weekend_workdays)
    yield DayKind.EVE, sorted(eves - off)


def _new_years(found: dict[date, str]) -> list[date]:
    """First day of each lunar year: the first in its year that is named so."""
    first: dict[int, date] = {}
    for day in sorted(found):
        if "Chinese New Year (Spring Festival)" in found[day].split("; "):
            first.setdefault(day.year, day)
    return list(first.values())


def _written(kinds: dict[date, DayKind]) -> dict[str, dict[str, str]]:
    """By kind, each day of a year with its years."""
    years: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for day in sorted(kinds):
        years[kinds[day].name.lower()][f"{day:%m-%d}"].append(day.year % 100)
    return {
        kind.name.lower(): {day: _spans(years[kind.name.lower()][day]) for day in sorted(years[kind.name.lower()])}
        for kind in DayKind
        if kind.name.lower() in years
    }


def _spans(years: list[int]) -> str:
    """Years, ascending, as in `02-05 07`."""
    spans: list[list[int]] = []
    for year in years:
        if spans and spans[-1][1] == year - 1:
            spans[-1][1] = year
        else:
            spans.append([year, year])
    return " ".join(f"{first:02d}" if first == last else f"{first:02d}-{last:02d}" for first, last in spans)


if __name__ == "__main__":
    SHIPPED.write_bytes(build())

"""The control kind `calendar`: what kind of day each day is, by country."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from domain.calendars import DAYS, FIRST, LAST, DayKind
from engine.control_kinds.kind import ControlKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SHIPPED = Path(__file__).with_name("calendar.json")
"""Version 0. `make calendar` writes it, from the source that it names."""

_Kind = Literal["payday", "sale", "eve", "rush", "holiday", "festival"]
_Country = dict[_Kind, dict[str, str]]
_DAYS = re.compile(r"(\d\d)-(\d\d)(?:/(\d\d)-(\d\d))?")
_YEARS = re.compile(r"(\d\d)(?:-(\d\d))?")
_LEAP = (2, 29)


class _Artefact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The artefact's JSON."""

    format: Literal[1]
    source: dict[str, str]
    countries: dict[str, _Country]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The kinds of days of some countries. Two that were read from the same JSON are equal.

    Attributes:
        raw: the artefact, without spaces.
        countries: ISO 3166 alpha-2, ascending.
    """

    raw: bytes = field(repr=False)
    _countries: Mapping[str, _Country] = field(compare=False, repr=False)

    @classmethod
    def decoded(cls, raw: bytes) -> Calendar:
        """The calendar in `raw`, JSON, checked.

        By country and kind of day it has days as `MM-DD`, or `MM-DD/MM-DD` for all days from one to another of a year,
        each with its years, two digits each: `02-35` for 2002 to 2035, `07 12 18` for three years.

        Raises:
            ValueError: it is no calendar, or a day is none.

        >>> raw = b'{"format":1,"source":{},"countries":{"CN":{"festival":{"02-16/03-03":"26"}}}}'
        >>> int(Calendar.decoded(raw).day_kinds("CN")[(date(2026, 2, 17) - FIRST).days]) == DayKind.FESTIVAL
        True
        """
        try:
            found = msgspec.json.decode(raw, type=_Artefact)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"calendar must have kinds of days by country: {error}") from error
        for country, kinds in found.countries.items():
            if not re.fullmatch("[A-Z]{2}", country):
                raise ValueError(f"countries must be two capital letters each, got {country!r}")
            for days in kinds.values():
                for each, years in days.items():
                    _check(each, years)
        return cls(msgspec.json.format(raw, indent=-1), found.countries)

    @property
    def countries(self) -> tuple[str, ...]:
        """ISO 3166 alpha-2, ascending."""
        return tuple(sorted(self._countries))

    def day_kinds(self, country: str) -> NDArray[np.uint8]:
        """`DayKind` of each day from `FIRST` on, shape (DAYS,); of two the greater counts.

        A country that the calendar does not have has ordinary days alone.

        Args:
            country: ISO 3166 alpha-2.
        """
        kinds = np.zeros(DAYS, np.uint8)
        for name, days in self._countries.get(country, {}).items():
            kind = np.uint8(DayKind[name.upper()])
            for each, years in days.items():
                for first, end in _spans(each, years):
                    kinds[first:end] = np.maximum(kinds[first:end], kind)
        return kinds


def _spans(days: str, years: str) -> tuple[tuple[int, int], ...]:
    """Where days of some years stand from `FIRST` on: the first, and the one after the last."""
    first, last = _ends(days)
    return tuple(((date(y, *first) - FIRST).days, (date(y, *last) - FIRST).days + 1) for y in _years(years))


def _check(days: str, years: str) -> None:
    if _LEAP in _ends(days) and (common := [year for year in _years(years) if year % 4]):  # from 2002 to 2035
        raise ValueError(f"days must be in each of their years, got {days} in {common[0]}")
    _years(years)


@cache
def _ends(days: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first and the last of some days, as month and day."""
    found = _DAYS.fullmatch(days)
    if found is None:
        raise ValueError(f"days must be MM-DD or MM-DD/MM-DD, got {days!r}")
    month, day, last_month, last_day = found.groups()
    first, last = (int(month), int(day)), (int(last_month or month), int(last_day or day))
    try:
        ascend = date(2004, *first) <= date(2004, *last)
    except ValueError as error:
        raise ValueError(f"days must be those of a month, got {days}") from error
    if not ascend:
        raise ValueError(f"days must ascend, got {days}")
    return first, last


@cache
def _years(text: str) -> tuple[int, ...]:
    """The years of a text such as `02-05 07`."""
    years: list[int] = []
    for part in text.split():
        found = _YEARS.fullmatch(part)
        if found is None:
            raise ValueError(f"years must be two digits each, as in 02-35 or 07 12, got {part!r}")
        first, last = 2000 + int(found[1]), 2000 + int(found[2] or found[1])
        if not FIRST.year <= first <= last <= LAST.year:
            raise ValueError(f"years must ascend from {FIRST.year % 100:02d} to {LAST.year % 100}, got {part}")
        years += range(first, last + 1)
    return tuple(years)


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    """Enter the days of the acquirer's country, which the kind `engine` names."""
    reference["day_kind"] = in_force["calendar"].day_kinds(in_force["engine"].country)


KIND = ControlKind(
    name="calendar", name_zh="日历", decode=Calendar.decoded, default=lambda _: SHIPPED.read_bytes(), install=_install
)

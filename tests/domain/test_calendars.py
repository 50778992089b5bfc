from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from domain.calendars import DAYS, FIRST, LAST, DayKind, day_kinds

NEW_YEARS = (
    "2002-02-12", "2004-01-22", "2010-02-14", "2015-02-19", "2020-01-25", "2023-01-22", "2024-02-10", "2025-01-29",
    "2026-02-17", "2027-02-06", "2028-01-26", "2033-01-31", "2035-02-08",
)  # fmt: skip
"""First days of the lunar year, from an almanac."""


@pytest.fixture
def china() -> dict[date, DayKind]:
    return {FIRST + timedelta(k): DayKind(int(kind)) for k, kind in enumerate(day_kinds("CN"))}


def test_there_is_a_kind_for_each_day_and_nobody_can_change_it() -> None:
    kinds = day_kinds("CN")
    assert kinds.shape == (DAYS,) == ((LAST - FIRST).days + 1,)
    with pytest.raises(ValueError, match="read-only"):
        kinds[0] = 1


def test_paydays_and_sales_days_need_no_almanac() -> None:
    kinds = day_kinds("CN")
    for day, kind in ((date(2026, 3, 10), DayKind.PAYDAY), (date(2026, 11, 11), DayKind.SALE)):
        assert kinds[(day - FIRST).days] == kind


@pytest.mark.parametrize("start", [date.fromisoformat(each) for each in NEW_YEARS])
def test_spring_festival_goes_by_the_moon(china: dict[date, DayKind], start: date) -> None:
    around = [china[start + timedelta(k)] for k in range(-9, 15)]
    assert around == [DayKind.RUSH] * 8 + [DayKind.SPRING] * 16
    assert china[start + timedelta(15)] is not DayKind.SPRING


def test_every_year_has_one_spring_festival(china: dict[date, DayKind]) -> None:
    for year in range(2002, 2036):
        assert sum(kind is DayKind.SPRING for day, kind in china.items() if day.year == year) == 16


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2025-10-01", DayKind.HOLIDAY), ("2025-10-07", DayKind.HOLIDAY), ("2025-10-08", DayKind.HOLIDAY),
        ("2025-10-11", DayKind.EVE), ("2025-05-05", DayKind.HOLIDAY), ("2025-05-31", DayKind.HOLIDAY),
        ("2026-04-05", DayKind.HOLIDAY), ("2026-04-04", DayKind.EVE), ("2030-10-06", DayKind.HOLIDAY),
        ("2025-07-16", DayKind.ORDINARY), ("2025-09-28", DayKind.EVE),
    ],
)  # fmt: skip
def test_holidays_days_off_and_working_weekends_are_known(china: dict[date, DayKind], day: str, kind: DayKind) -> None:
    assert china[date.fromisoformat(day)] is kind


def test_most_days_are_ordinary(china: dict[date, DayKind]) -> None:
    counts = np.bincount(list(china.values()), minlength=len(DayKind)) / 34
    assert 280 <= counts[DayKind.ORDINARY] <= 300
    assert 12 <= counts[DayKind.HOLIDAY] <= 25


def test_another_country_has_its_own_and_an_unknown_one_has_none() -> None:
    assert day_kinds("DE")[(date(2026, 12, 25) - FIRST).days] == DayKind.HOLIDAY
    assert day_kinds("DE")[(date(2026, 12, 20) - FIRST).days] == DayKind.RUSH
    assert day_kinds("DE")[(date(2026, 2, 17) - FIRST).days] == DayKind.ORDINARY
    assert not day_kinds("XX").any()

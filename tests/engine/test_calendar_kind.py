"""The calendar: what is shipped is what its source gives, days are data, and the library is never loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.calendars import DAYS, FIRST, LAST, DayKind
from engine.control_kinds.calendar import KIND, SHIPPED, Calendar

NEW_YEARS = (
    "2002-02-12", "2004-01-22", "2010-02-14", "2015-02-19", "2020-01-25", "2023-01-22", "2024-02-10", "2025-01-29",
    "2026-02-17", "2027-02-06", "2028-01-26", "2033-01-31", "2035-02-08",
)  # fmt: skip
"""First days of the lunar year, from an almanac."""


@pytest.fixture(scope="module")
def shipped() -> Calendar:
    return Calendar.decoded(SHIPPED.read_bytes())


@pytest.fixture(scope="module")
def china(shipped: Calendar) -> dict[date, DayKind]:
    return {FIRST + timedelta(k): DayKind(int(kind)) for k, kind in enumerate(shipped.day_kinds("CN"))}


def test_there_is_a_kind_for_each_day(shipped: Calendar) -> None:
    assert shipped.day_kinds("CN").shape == (DAYS,) == ((LAST - FIRST).days + 1,)
    assert len(shipped.countries) > 200


def test_paydays_and_sales_days_are_those_of_china(china: dict[date, DayKind], shipped: Calendar) -> None:
    assert (china[date(2026, 3, 10)], china[date(2026, 11, 11)]) == (DayKind.PAYDAY, DayKind.SALE)
    assert shipped.day_kinds("DE")[(date(2026, 3, 10) - FIRST).days] == DayKind.ORDINARY


@pytest.mark.parametrize("start", [date.fromisoformat(each) for each in NEW_YEARS])
def test_spring_festival_goes_by_the_moon(china: dict[date, DayKind], start: date) -> None:
    around = [china[start + timedelta(k)] for k in range(-9, 15)]
    assert around == [DayKind.RUSH] * 8 + [DayKind.FESTIVAL] * 16
    assert china[start + timedelta(15)] is not DayKind.FESTIVAL


def test_every_year_has_one_spring_festival(china: dict[date, DayKind]) -> None:
    for year in range(2002, 2036):
        assert sum(kind is DayKind.FESTIVAL for day, kind in china.items() if day.year == year) == 16


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


def test_another_country_has_its_own_and_an_unknown_one_has_none(shipped: Calendar) -> None:
    german = shipped.day_kinds("DE")
    assert german[(date(2026, 12, 25) - FIRST).days] == DayKind.HOLIDAY
    assert german[(date(2026, 12, 20) - FIRST).days] == DayKind.RUSH
    assert german[(date(2026, 2, 17) - FIRST).days] == DayKind.ORDINARY
    assert not shipped.day_kinds("XX").any()


# -- where it comes from


def test_what_is_shipped_names_its_source_and_is_what_that_gives() -> None:
    """Skipped where another version of the library is installed than the file names."""
    source = json.loads(SHIPPED.read_bytes())["source"]
    assert source.keys() == {"package", "version", "licence"}
    try:
        installed = version(source["package"])
    except PackageNotFoundError:
        installed = "none"
    if installed != source["version"]:
        pytest.skip(f"NOT CHECKED: calendar.json is of {source['package']} {source['version']}, not of {installed}")
    from tools.build_calendar import build  # noqa: PLC0415  it loads the library

    assert build() == SHIPPED.read_bytes()


def test_what_decides_findings_never_loads_the_library() -> None:
    code = (
        "import sys; sys.modules['holidays'] = None; from engine.monitor import Monitor, MonitorConfig;"
        "import tillwatch.worker, tillwatch.replay; Monitor(MonitorConfig(capacity=1))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_a_calendar_fits_into_a_record_of_any_log() -> None:
    assert len(KIND.default({})) < 900_000


# -- what may be published


def calendar(**countries: Any) -> bytes:
    return msgspec.json.encode({"format": 1, "source": {"package": "by hand"}, "countries": countries})


def test_ramadan_and_school_terms_are_data() -> None:
    """Seasons that move, and spans of days, for a country that the package may know nothing of."""
    made = Calendar.decoded(
        calendar(
            AE={"festival": {"02-18/03-19": "26", "02-08/03-09": "27"}, "holiday": {"03-20/03-22": "26"}},
            EN={"eve": {"12-19/12-31": "02-34", "01-01/01-03": "03-35"}},
        )
    )
    kinds = made.day_kinds("AE")
    ramadan = [FIRST + timedelta(k) for k in np.flatnonzero(kinds == DayKind.FESTIVAL).tolist()]
    assert len(ramadan) == 60
    assert (ramadan[0], ramadan[29], ramadan[30]) == (date(2026, 2, 18), date(2026, 3, 19), date(2027, 2, 8))
    assert np.count_nonzero(made.day_kinds("EN")) == 33 * (13 + 3)


def test_of_two_kinds_of_one_day_the_greater_counts() -> None:
    made = Calendar.decoded(calendar(CN={"holiday": {"05-01": "26"}, "eve": {"04-30/05-02": "26"}}))
    first = (date(2026, 4, 30) - FIRST).days
    assert made.day_kinds("CN")[first : first + 3].tolist() == [DayKind.EVE, DayKind.HOLIDAY, DayKind.EVE]


def test_the_29th_of_february_is_a_day_of_leap_years() -> None:
    assert np.count_nonzero(Calendar.decoded(calendar(CN={"sale": {"02-29": "04 28"}})).day_kinds("CN")) == 2


@pytest.mark.parametrize(
    ("countries", "words"),
    [
        ({"CN": {"holiday": {"13-01": "26"}}}, "days must be those of a month, got 13-01"),
        ({"CN": {"holiday": {"1-1": "26"}}}, "days must be MM-DD or MM-DD/MM-DD, got '1-1'"),
        ({"CN": {"holiday": {"05-02/05-01": "26"}}}, "days must ascend, got 05-02/05-01"),
        ({"CN": {"holiday": {"02-29": "26"}}}, "days must be in each of their years, got 02-29 in 2026"),
        ({"CN": {"holiday": {"05-01": "2026"}}}, "years must be two digits each, as in 02-35 or 07 12, got '2026'"),
        ({"CN": {"holiday": {"05-01": "26-25"}}}, "years must ascend from 02 to 35, got 26-25"),
        ({"CN": {"holiday": {"05-01": "36"}}}, "years must ascend from 02 to 35, got 36"),
        ({"china": {}}, "countries must be two capital letters each, got 'china'"),
        ({"CN": {"ordinary": {}}}, "calendar must have kinds of days by country"),
        ({"CN": 1}, "calendar must have kinds of days by country"),
    ],
)
def test_what_is_no_calendar_is_refused_by_what_is_wrong(countries: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Calendar.decoded(calendar(**countries))

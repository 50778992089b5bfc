"""What a merchant's page makes of profiles and days, without a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casework.reading.merchant import Version
from casework.reading.series import Days, ScorePoint
from console.languages import speaker
from console.merchant import charts, memory, profile, rhythm, words
from console.merchant.column_words import GROUPS
from domain.alerts import Text
from domain.events import VISIT_KINDS, VISIT_OUTCOMES
from domain.risk import GRADES
from engine.features.families.registry import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAY = speaker("en")
ZONE = "Asia/Shanghai"


def days(first: str, columns: Mapping[str, Sequence[float | None]], *more: str) -> charts.Calendar:
    """Days of a merchant, of which all columns that are not given are unknown."""
    listed = (first, *more)
    names = (*charts.COLUMNS, *rhythm.COLUMNS)
    told = {name: tuple(columns.get(name, [None] * len(listed))) for name in names}
    return charts.calendar(Days(listed, ("CNY",) * len(listed), (None,) * len(listed), told))


def test_every_column_of_a_closed_day_has_words_in_one_group() -> None:
    closing = {name for family in FAMILIES for name in getattr(family, "CLOSES", ())}
    told = [name for _, found in GROUPS.values() for name in found]
    assert sorted(told) == sorted(closing)
    assert all(each.en and each.zh for _, found in GROUPS.values() for each in found.values())


def test_a_closed_day_is_told_in_groups_without_what_is_not_known() -> None:
    columns = {"closed_sales": 46, "closed_minor": 6_174_900, "habit_night_share": 0.25, "model_reason_1": 6}
    columns |= {"model_value_1": 0.25, "closed_mcc_1": 763}
    found = {
        group.title.en: {each.name: each.value.en for each in group.lines} for group in memory.groups(columns, "CNY")
    }
    assert found == {
        "The day": {"closed_sales": "46", "closed_minor": "¥61,749.00", "closed_mcc_1": "0763 (farm cooperatives)"},
        "Habits": {"habit_night_share": "25%"},
        "Anomaly model": {"model_reason_1": "share of 00-06 h", "model_value_1": "25%"},
    }


def test_what_happens_to_be_a_visit_has_words() -> None:
    assert {*words.VISIT_KINDS} == {*VISIT_KINDS}
    assert {*words.VISIT_OUTCOMES} == {*VISIT_OUTCOMES}


def test_a_version_is_told_by_what_it_changed_of_the_one_of_its_kind_before() -> None:
    before = {"mccs": ["5722"], "status": "active", "received_at": 1}
    after = {"mccs": ["5722", "8211"], "status": "suspended", "city": "宁波", "received_at": 2}
    prices = {"prices": [{"rate_ppm": 6000, "month_from": 100_000}]}
    found = profile.history(
        (Version("merchant", 3, after), Version("contract", 2, prices), Version("merchant", 1, before)), "CNY", ZONE
    )
    assert [(each.kind, each.is_first) for each in found] == [
        ("merchant", False),
        ("contract", True),
        ("merchant", True),
    ]
    assert {each.name: (each.before, each.after) for each in found[0].changes} == {
        "mccs": (
            (Text("5722 (appliances)", "5722（家电）"),),
            (Text("5722 (appliances)", "5722（家电）"), Text("8211 (schools)", "8211（中小学校）")),
        ),
        "status": ((Text("active", "正常"),), (Text("suspended", "暂停"),)),
        "city": ((), (Text("宁波", "宁波"),)),
    }
    assert profile.lines(prices, "CNY", ZONE)[0].values == (
        Text("from ¥1,000.00 a month: 0.60 %", "月交易¥1,000.00起：0.60%"),
    )


def test_days_that_were_never_closed_stay_empty_between_the_others() -> None:
    found = days("2025-01-06", {"closed_sales": [5, 7]}, "2025-01-08")
    assert found.days == ["2025-01-06", "2025-01-07", "2025-01-08"]
    assert charts.volume(found, (), SAY).series[-1].values == [5, None, 7]
    assert [each["day"] for each in charts.rows(found)] == ["2025-01-08", "2025-01-06"]
    assert charts.volume(days("2025-01-06", {}), (), SAY).is_empty


def test_mccs_that_are_not_registered_stand_apart_and_the_rest_is_told_too() -> None:
    columns: dict[str, Sequence[float | None]] = {
        "closed_sales": [10], "closed_mcc_1": [763], "closed_mcc_1_sales": [6], "closed_mcc_2": [8062],
        "closed_mcc_2_sales": [3],
    }  # fmt: skip
    found = charts.mix(days("2025-01-06", columns), ["0763"], SAY)
    assert [(each.label, each.colour, each.values) for each in found.series] == [
        ("0763 (farm cooperatives)", "own-0", [6]), ("8062 (hospitals)", "other-0", [3]),
        ("other or none", "quiet", [1]),
    ]  # fmt: skip


def test_fees_are_compared_with_what_was_due_of_the_same_payments() -> None:
    columns: dict[str, Sequence[float | None]] = {
        "closed_minor": [100_000, 50_000, 0], "closed_fee_minor": [600, 300, 0],
        "closed_fee_judged_minor": [300, None, 0], "closed_fee_due_minor": [150, None, 0],
    }  # fmt: skip
    charged, due = charts.fees(days("2025-01-06", columns, "2025-01-07", "2025-01-08"), SAY).series
    assert charged.values == [0.6, 0.6, None]
    assert due.values == [0.3, None, None]


def test_a_score_is_drawn_by_the_clock_on_the_wall_before_its_grades() -> None:
    point = ScorePoint("2025-01-05T20:00:00.000Z", 71.0, "D")
    found = charts.risk((point,), (), ZONE, SAY)
    assert found.x == [charts.midnight("2025-01-06") + 4 * 3_600]
    assert [(each.name, each.low) for each in found.zones] == [(grade, least) for least, grade in GRADES]
    both = charts.aligned({"risk": found, "volume": charts.volume(days("2025-01-08", {}), (), SAY)})
    assert both["risk"].span == both["volume"].span == (charts.midnight("2025-01-06"), charts.midnight("2025-01-08"))


def test_a_week_has_seven_days_and_unknown_ones_are_not_noughts() -> None:
    found = rhythm.weekdays(days("2025-01-06", {"closed_sales": [8, 0]}, "2025-01-07"))
    assert found.weeks == ("2025-01-06",)
    assert [each.cells[0] for each in found.rows[:3]] == [(8, rhythm.HEATS), (0, 0), (None, 0)]


def test_parts_of_the_day_are_those_of_each_weeks_last_closing() -> None:
    columns: dict[str, Sequence[float | None]] = {
        "habit_night_share": [0.1, 0.2, 0.4],
        "habit_night_share_usual": [None, 0.05, 0.1],
    }
    found = rhythm.parts(days("2025-01-11", columns, "2025-01-12", "2025-01-13"))
    assert found.weeks == ("2025-01-06", "2025-01-13")
    assert [each.value for each in found.rows[0].cells] == [0.2, 0.4]
    assert found.usual[0].value == 0.1

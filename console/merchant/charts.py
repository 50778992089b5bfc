"""Days of a merchant as charts: what `static/merchants.js` draws, as plain lists."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from casework.bodies import ms_of
from detectors.words.figures import mcc_text
from domain.risk import GRADES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from casework.reading.series import Days, ScorePoint
    from console.languages import Say

Values = list[float | None]
_DAY_S = 86_400
MCC_PLACES = (1, 2, 3)
"""How many MCCs a closed day tells sales of."""
MOST_MCCS = 5
"""MCCs that are told apart in a chart; the rest is one."""
COLUMNS = (
    "closed_sales", "closed_minor", "expected_1d", "expected_low_1d", "expected_high_1d", "volume_score",
    "closed_fee_minor", "closed_fee_judged_minor", "closed_fee_due_minor",
    *(f"closed_mcc_{place}" for place in MCC_PLACES), *(f"closed_mcc_{place}_sales" for place in MCC_PLACES),
)  # fmt: skip
"""Columns of merchant-days that the charts are made of."""


class Series(NamedTuple):
    """One line, or one row of bars.

    Attributes:
        label: what it is called.
        values: by day; None where nothing is known.
        draws: `line`, `dashed`, `bars`, `step`, `stack` (bars upon those before) or `edge` (of a band, without a line).
        colour: a name of `--chart-…` in `static/merchants.css`.
        unit: `count`, `percent`, `decades` or `score`.
    """

    label: str
    values: Values
    draws: str
    colour: str
    unit: str


class Mark(NamedTuple):
    """Something that happened: a line across the charts, and words when one points at its day.

    Attributes:
        x: the day, or the moment, as charts count it.
        kind: `alert`, `verdict`, `version` or `visit`.
        words: what it was.
    """

    x: int
    kind: str
    words: str


class Zone(NamedTuple):
    """A stretch of the vertical axis with a name, such as a grade."""

    low: float
    high: float
    name: str


class Chart(NamedTuple):
    """A chart.

    Attributes:
        x: seconds since 1970 as a clock on the wall shows them: a day is its midnight.
        series: drawn in this order.
        band: places in `series` of the lower and the upper edge of what is expected; () for none.
        zones: behind the lines.
        most: of the vertical axis; None for what the values come to.
        marks: what happened.
        span: from which x to which it is drawn, alike in all charts of a page; () for that of `x`.
        height: in pixels of CSS.
    """

    x: list[int]
    series: list[Series]
    band: tuple[int, ...] = ()
    zones: tuple[Zone, ...] = ()
    most: float | None = None
    marks: tuple[Mark, ...] = ()
    span: tuple[int, ...] = ()
    height: int = 190

    @property
    def data(self) -> dict[str, Any]:
        """All of it with names, as the script reads it."""
        parts = {name: [each._asdict() for each in getattr(self, name)] for name in ("series", "zones", "marks")}
        return {**self._asdict(), **parts}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return all(value is None for each in self.series for value in each.values)


class Calendar(NamedTuple):
    """Every day from the first to the last, with what the store has of it, None where it has nothing.

    Attributes:
        days: local days, ISO 8601, without gaps.
        x: the days as charts count them.
        columns: by name, a value for each day.
    """

    days: list[str]
    x: list[int]
    columns: dict[str, Values]


def calendar(found: Days) -> Calendar:
    """Days with those that were never closed put in between."""
    if not found.day:
        return Calendar([], [], {name: [] for name in found.columns})
    first, last = (date.fromisoformat(each) for each in (found.day[0], found.day[-1]))
    listed = [(first + timedelta(days=each)).isoformat() for each in range((last - first).days + 1)]
    places = {each: place for place, each in enumerate(found.day)}
    columns = {
        name: [None if (at := places.get(each)) is None else values[at] for each in listed]
        for name, values in found.columns.items()
    }
    begins = midnight(found.day[0])
    return Calendar(listed, [begins + _DAY_S * each for each in range(len(listed))], columns)


def midnight(day: str) -> int:
    """A day as charts count it.

    >>> midnight("1970-01-02")
    86400
    """
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def wall(ms: int, zone: str) -> int:
    """A moment as charts count it: what a clock of the zone shows.

    >>> wall(0, "Asia/Shanghai")
    28800
    """
    return round(datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).replace(tzinfo=UTC).timestamp())


def wall_text(ms: int, zone: str) -> str:
    """A moment as a field of date and time has it, by the clock of a zone.

    >>> wall_text(0, "Asia/Shanghai")
    '1970-01-01T08:00'
    """
    return f"{datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def by_day(marks: Iterable[Mark]) -> dict[str, list[str]]:
    """What happened, in words, by day."""
    found: dict[str, list[str]] = {}
    for each in marks:
        found.setdefault(f"{datetime.fromtimestamp(each.x, UTC):%Y-%m-%d}", []).append(each.words)
    return found


def volume(of: Calendar, marks: tuple[Mark, ...], say: Say) -> Chart:
    """Sales a day with the band in which nine lawful days in ten lie."""
    told, band = of.columns, say("nine lawful days in ten", "九成正常日子")
    series = [
        Series(band, told["expected_low_1d"], "edge", "quiet", "count"),
        Series(band, told["expected_high_1d"], "edge", "quiet", "count"),
        Series(say("expected", "预期"), told["expected_1d"], "dashed", "quiet", "count"),
        Series(say("sales", "笔数"), told["closed_sales"], "line", "accent", "count"),
    ]
    return Chart(of.x, series, band=(0, 1), marks=marks)


def rarity(of: Calendar, say: Say) -> Chart:
    """How rare each day is among lawful ones, by powers of ten."""
    title = say("so odd a day comes", "这样的日子")
    return Chart(of.x, [Series(title, of.columns["volume_score"], "bars", "high", "decades")], most=4.0, height=110)


def mix(of: Calendar, registered: Sequence[str], say: Say) -> Chart:
    """Sales a day by presented MCC, those that are registered below, and those of no told MCC on top."""
    by_mcc = _by_mcc(of)
    sums = Counter({mcc: sum(each or 0 for each in values) for mcc, values in by_mcc.items()})
    shown = [mcc for mcc, _ in sums.most_common(MOST_MCCS)]
    own = [each for each in shown if each in registered or not registered]
    others = [each for each in shown if each not in own]
    series = [_of_mcc(mcc, by_mcc[mcc], f"own-{place % 3}", say) for place, mcc in enumerate(own)]
    series += [_of_mcc(mcc, by_mcc[mcc], f"other-{place % 3}", say) for place, mcc in enumerate(others)]
    rest = _rest(of.columns["closed_sales"], [by_mcc[each] for each in shown])
    if any(rest):
        series.append(Series(say("other or none", "其他或未报"), rest, "stack", "quiet", "count"))
    return Chart(of.x, series)


def _of_mcc(mcc: str, values: Values, colour: str, say: Say) -> Series:
    return Series(say(mcc_text(mcc)), values, "stack", colour, "count")


def _by_mcc(of: Calendar) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for place in MCC_PLACES:
        pairs = zip(of.columns[f"closed_mcc_{place}"], of.columns[f"closed_mcc_{place}_sales"], strict=True)
        for at, (mcc, sales) in enumerate(pairs):
            if mcc is not None:
                found.setdefault(f"{mcc:04.0f}", [None] * len(of.days))[at] = sales
    return found


def _rest(sales: Values, told: list[Values]) -> Values:
    sums = [sum(each[at] or 0 for each in told) for at in range(len(sales))]
    return [None if all_of is None else max(0, all_of - part) for all_of, part in zip(sales, sums, strict=True)]


def fees(of: Calendar, say: Say) -> Chart:
    """What fees came to of each day's turnover, against what was due of it by contract, in percent."""
    told = of.columns
    charged: Values = []
    due: Values = []
    rows = zip(
        told["closed_minor"], told["closed_fee_minor"], told["closed_fee_judged_minor"], told["closed_fee_due_minor"],
        strict=True,
    )  # fmt: skip
    for turnover, fee, judged, owed in rows:
        rate = 100 * fee / turnover if turnover and fee else None
        charged.append(rate)
        # Of payments whose due fee is not known nothing is compared: the ratio is that of the others.
        due.append(rate * owed / judged if rate is not None and judged and owed is not None else None)
    series = [
        Series(say("charged", "实收"), charged, "line", "accent", "percent"),
        Series(say("due by contract", "按签约应收"), due, "dashed", "ink", "percent"),
    ]
    return Chart(of.x, series)


def risk(points: Sequence[ScorePoint], marks: tuple[Mark, ...], zone: str, say: Say) -> Chart:
    """The score over time, before the grades that it reached.

    Args:
        points: the oldest first.
        marks: what happened.
        zone: IANA name.
        say: picks the words.
    """
    told: dict[int, float | None] = {wall(ms_of(each.time), zone): each.score for each in points}
    x = sorted(told)
    tops = [100, *(least for least, _ in GRADES)]
    zones = tuple(Zone(least, top, grade) for top, (least, grade) in zip(tops, GRADES, strict=False))
    series = [Series(say("score", "评分"), [told[each] for each in x], "step", "accent", "score")]
    return Chart(x, series, zones=zones, most=100, marks=marks, height=170)


def aligned(found: Mapping[str, Chart]) -> dict[str, Chart]:
    """Charts drawn from the first to the last day of any of them, so that days stand under each other."""
    ends = [x for each in found.values() for x in each.x]
    span = (min(ends) // _DAY_S * _DAY_S, max(ends) // _DAY_S * _DAY_S) if ends else ()
    return {name: each._replace(span=span) for name, each in found.items()}


def rows(of: Calendar) -> list[dict[str, Any]]:
    """The days as rows of a table, the newest first, without those that were never closed."""
    listed = [
        {"day": day, **{name: values[at] for name, values in of.columns.items()}} for at, day in enumerate(of.days)
    ]
    return [each for each in reversed(listed) if each["closed_sales"] is not None]

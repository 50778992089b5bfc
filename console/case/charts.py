"""The chart of an alert: the days before and since, as they show most of what its detector finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from casework.bodies import ms_of
from casework.days import day_of
from casework.reading import series
from casework.reasons import VERDICT_WORDS
from console.filters import UNKNOWN
from console.merchant import charts
from console.merchant.charts import Calendar, Chart, Mark, Series, wall
from domain.alerts import Text
from domain.habits import HABITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from casework.reading.alert import AlertPage
    from console.languages import Say
    from console.page import Page
    from domain.alerts import Alert

BEFORE_D = 30
"""Days before the first hit that are shown."""
MOST_D = 120
"""Days that are shown at most, the latest."""
_HABITS = {each.name: each for each in HABITS}


class Kind(NamedTuple):
    """A chart that several detectors share.

    Attributes:
        title: what it shows.
        columns: of merchant-days, by the alert.
        draw: makes it of the days.
    """

    title: Text
    columns: Callable[[Alert], tuple[str, ...]]
    draw: Callable[[Drawn], Chart]


class Drawn(NamedTuple):
    """What a chart is made of: the alert, its days, what is marked, whose MCCs are registered, and in which words."""

    alert: Alert
    days: Calendar
    marks: tuple[Mark, ...]
    registered: tuple[str, ...]
    say: Say


def chart(page: Page, it: AlertPage) -> tuple[Text, Chart] | None:
    """The chart of an alert with its title; None where its detector has none, or no day was filed."""
    kind = KINDS.get(it.alert.detector, _VOLUME)
    first, last = _span(it.alert, page.now_ms, page.console.zone)
    found = series.days(
        page.store, page.actor, it.alert.merchant_id, first, last, kind.columns(it.alert), page.now_ms
    )  # fmt: skip
    days = charts.calendar(found)
    registered = next((each.registered for each in it.alert.transactions if each.registered), ())
    marks = tuple(_marks(it, page.console.zone, page.lang))
    made = _known(kind.draw(Drawn(it.alert, days, marks, registered, page.say)))
    if made.is_empty:
        return None
    return kind.title, made._replace(marks=_within(marks, days.x), span=(days.x[0], days.x[-1]))


def _known(of: Chart) -> Chart:
    """A chart without the series, and the band, that nothing is known of: a young shop has no expectation yet."""
    kept = [each for each in of.series if any(value is not None for value in each.values)]
    band = of.band if all(of.series[place] in kept for place in of.band) else ()
    return of._replace(series=[each for each in kept if band or each.draws != "edge"], band=band)


def _span(alert: Alert, now_ms: int, zone: str) -> tuple[str, str]:
    """The first and the last day: from 30 before the first hit on, until now or 30 after the latest hit."""
    begins, ends = (datetime.fromisoformat(each).date() for each in (alert.first_time, alert.last_time))
    today = day_of(now_ms, zone)
    last = max(min(today, ends + timedelta(days=BEFORE_D)), ends)
    first = max(begins - timedelta(days=BEFORE_D), last - timedelta(days=MOST_D))
    return first.isoformat(), last.isoformat()


def _marks(it: AlertPage, zone: str, lang: str) -> list[Mark]:
    def at(time: str, en: str, zh: str) -> Mark:
        return Mark(wall(ms_of(time), zone), "alert", zh if lang == "zh" else en)

    found = [at(it.alert.first_time, "first hit", "首次命中"), at(it.alert.last_time, "latest hit", "最近命中")]
    if it.alert.reopened_time:
        found.append(at(it.alert.reopened_time, "reopened", "重新打开"))
    if it.decision is not None:
        word = VERDICT_WORDS.get(it.decision.verdict, Text(it.decision.verdict, it.decision.verdict))
        found.append(Mark(wall(it.decision.decided_ms, zone), "verdict", word.zh if lang == "zh" else word.en))
    return found


def _within(marks: tuple[Mark, ...], x: list[int]) -> tuple[Mark, ...]:
    """Those within a day of the days shown."""
    day_s = round(timedelta(days=1).total_seconds())
    return tuple(each for each in marks if x and x[0] <= each.x < x[-1] + day_s)


# -- what is drawn


def _volume(of: Drawn) -> Chart:
    return charts.volume(of.days, of.marks, of.say)


def _fees(of: Drawn) -> Chart:
    return charts.fees(of.days, of.say)


def _mix(of: Drawn) -> Chart:
    return charts.mix(of.days, of.registered, of.say)


def _cheap_share(of: Drawn) -> Chart:
    usual, share = (_percent(of.days.columns[f"set_share_{each}"]) for each in ("usual", "1d"))
    return Chart(of.days.x, [
        Series(of.say("usual share", "平时占比"), usual, "dashed", "quiet", "percent"),
        Series(of.say("share of sales under cheap MCCs", "低费率MCC笔数占比"), share, "line", "accent", "percent"),
    ])  # fmt: skip


def _declines(of: Drawn) -> Chart:
    told = of.days.columns
    return Chart(of.days.x, [
        Series(of.say("sales", "交易笔数"), told["closed_sales"], "line", "accent", "count"),
        Series(of.say("declined", "拒绝笔数"), told["closed_declined"], "dashed", "quiet", "count"),
        Series(of.say("technical failures", "技术失败笔数"), told["closed_technical"], "bars", "high", "count"),
    ])  # fmt: skip


def _gauge(of: Drawn) -> Chart:
    shares = _percent(of.days.columns[_gauge_of(of.alert)[0]])
    return Chart(of.days.x, [
        Series(of.say("limit", "阈值"), [100.0] * len(shares), "dashed", "high", "percent"),
        Series(of.say("of the limit", "占阈值"), shares, "line", "accent", "percent"),
    ])  # fmt: skip


def _gauge_of(alert: Alert) -> tuple[str, ...]:
    named = (each.feature for each in alert.evidence if each.feature.startswith("gauge_"))
    return (next((each for each in named if each.endswith("_share")), "gauge_vamp_share"),)


def _habit(of: Drawn) -> Chart:
    name = _habit_of(of.alert)
    value = next((each for each in of.alert.evidence if each.feature == "model_value_1"), None)
    own, usual = (of.days.columns[each] for each in (f"habit_{name}", f"habit_{name}_usual"))
    unit = "percent" if _HABITS[name].unit == "share" else "count"
    drawn = [
        Series(of.say("its own usual", "自身平时"), usual, "dashed", "quiet", unit),
        Series(of.say(_HABITS[name].title), own, "line", "accent", unit),
    ]
    if value is not None and isinstance(value.threshold, (int, float)):
        edge: charts.Values = [float(value.threshold)] * len(own)
        drawn.insert(0, Series(of.say("end of the peers' range", "同业范围边界"), edge, "dashed", "high", unit))
    if unit == "percent":
        drawn = [each._replace(values=_percent(each.values)) for each in drawn]
    return Chart(of.days.x, drawn)


def _habit_of(alert: Alert) -> str:
    named = next((str(each.value) for each in alert.evidence if each.feature == "model_reason_1"), "")
    return named if named in _HABITS else HABITS[0].name


def _percent(values: charts.Values) -> charts.Values:
    return [None if each is None else 100 * each for each in values]


_VOLUME = Kind(
    Text("Sales a day, and between which numbers nine days in ten lie", "日笔数及预期区间（九成日子落在其中）"),
    lambda _: ("closed_sales", "expected_1d", "expected_low_1d", "expected_high_1d"), _volume,
)  # fmt: skip
_FEES = Kind(
    Text("Fees in percent of turnover, charged against due", "手续费占交易额：实收与应收"),
    lambda _: ("closed_minor", "closed_fee_minor", "closed_fee_judged_minor", "closed_fee_due_minor"), _fees,
)  # fmt: skip
_MIX = Kind(
    Text("Sales a day by MCC sent", "按上送MCC的日笔数"),
    lambda _: (
        "closed_sales",
        *(f"closed_mcc_{place}{what}" for place in charts.MCC_PLACES for what in ("", "_sales")),
    ), _mix,
)  # fmt: skip
_SHARE = Kind(
    Text("Share of sales under the cheaper registered MCCs", "低费率登记MCC占比"),
    lambda _: ("set_share_1d", "set_share_usual"), _cheap_share,
)  # fmt: skip
_DECLINES = Kind(
    Text("Sales, declines and technical failures a day", "日笔数、拒绝及技术失败"),
    lambda _: ("closed_sales", "closed_declined", "closed_technical"), _declines,
)  # fmt: skip
_GAUGE = Kind(Text("How much of the limit is reached", "已达阈值的比例"), _gauge_of, _gauge)
_HABIT = Kind(
    Text("The habit that says most", "最异常的经营特征"),
    lambda alert: (f"habit_{_habit_of(alert)}", f"habit_{_habit_of(alert)}_usual"), _habit,
)  # fmt: skip
KINDS: Mapping[str, Kind] = {
    "mcc_jump": _MIX, "mcc_static": _MIX, "mcc_rotation": _VOLUME, "mcc_drift": _SHARE,
    "fee_over": _FEES, "fee_under": _FEES, "fee_rise": _FEES, "fee_fall": _FEES, "fee_notice": _FEES,
    "volume_rise": _VOLUME, "volume_collapse": _VOLUME, "volume_decline": _VOLUME, "volume_burst": _VOLUME,
    "terminal_failing": _DECLINES, "terminal_silent": _VOLUME, "dormancy": _VOLUME, "licence_expiry": _VOLUME,
    "compromised_point": _VOLUME, "stan_reuse": _VOLUME, "gauge_breach": _GAUGE, "anomaly": _HABIT,
}  # fmt: skip
"""By detector, its chart; one that is not named shows the volume."""


def table(of: Chart) -> list[tuple[str, list[str]]]:
    """A chart as rows for those who do not see it, the newest first: the day, and each series' value as text."""
    days = [f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d}" for each in of.x]
    rows = [(day, [_text(each.values[at], each.unit) for each in of.series]) for at, day in enumerate(days)]
    return [each for each in reversed(rows) if any(value != UNKNOWN for value in each[1])]


def _text(value: float | None, unit: str) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.3g}%" if unit == "percent" else f"{value:,.4g}" if value % 1 else f"{value:,.0f}"

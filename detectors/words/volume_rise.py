"""What `volume_rise` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, day_text, ratio, since, volume
from domain.alerts import Text

TITLE = Text("Rise of volume", "交易量突增")
LONGEST_D = 400
"""Days without a sale that are counted at most."""


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert. What was sold is of the day `day`; of the form `hour`, of an hour of it.

    Attributes:
        form: `day`, `hour`, `three_days`, `lasting` or, where nothing is known of before, `return`.
        day: the local day that figures are of, or that they end with.
        sales: approved sales.
        sales_minor: their sum; of the form `lasting`, a day's mean of the week.
        usual_sales: approved sales to be expected.
        usual_minor: their sum; of the form `lasting`, of a day before the rise.
        idle_d: whole days without a sale before, `LONGEST_D` for more; None where they are few.
        rise_day: the day on which a lasting rise began.
        above_minor: what was sold above the usual so far.
        first_day: the day from which on that is counted.
    """

    form: str
    day: str | None = None
    sales: int = 0
    sales_minor: int = 0
    usual_sales: float | None = None
    usual_minor: int | None = None
    idle_d: int | None = None
    rise_day: str | None = None
    above_minor: int | None = None
    first_day: str | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """The form of the rise with the merchant's figures, and what it comes to since it was first seen."""
    if facts.form == "lasting":
        return _lasting(facts, currency)
    told, from_day = _day(facts, currency), since(facts.first_day, facts.day)
    if not facts.above_minor or not from_day.en:  # of one day the multiples say it
        return told
    above = volume(facts.above_minor, currency)
    return Text(
        f"{told.en}; {above.en} above the usual{from_day.en}", f"{told.zh}；{from_day.zh}累计超出平时{above.zh}"
    )


def _day(facts: Facts, currency: str) -> Text:
    day, sold, after = day_text(facts.day), volume(facts.sales_minor, currency), _after(facts.idle_d)
    sales = counted(facts.sales, "sale")
    on_en, on_zh = f"{day.en}{after.en}:", f"{after.zh}{day.zh}"
    if facts.form == "hour":
        on_en, on_zh = f"One hour of {on_en}", f"{on_zh}一小时内"
    elif facts.form == "three_days":
        on_en = f"Three days to {day.en}{after.en} together far above the usual; the last:"
        on_zh = f"{after.zh}截至{day.zh}的三天合计远高于平时，最后一天"
    if facts.usual_sales is None or facts.usual_minor is None:
        return Text(
            f"{on_en} {sales}, {sold.en}; the usual is not known",
            f"{on_zh}{facts.sales:,}笔、{sold.zh}，此前水平不详",
        )
    number, of_sum = ratio(facts.sales, facts.usual_sales, 0.1), ratio(facts.sales_minor, facts.usual_minor, 1)
    return Text(
        f"{on_en} {sales} ({number}× the usual), {sold.en} ({of_sum}×)",
        f"{on_zh}{facts.sales:,}笔（平时{number}倍）、{sold.zh}（{of_sum}倍）",
    )


def _after(idle_d: int | None) -> Text:
    if idle_d is None:
        return Text("", "")
    days_en, days_zh = (" days or more", "天以上") if idle_d >= LONGEST_D else (" days", "天")
    return Text(f", after {idle_d}{days_en} without a sale", f"{idle_d}{days_zh}无交易后，")


def _lasting(facts: Facts, currency: str) -> Text:
    now, before = volume(facts.sales_minor, currency), volume(facts.usual_minor, currency)
    times, day = ratio(facts.sales_minor, facts.usual_minor or 0, 1), day_text(facts.day)
    began = day_text(facts.rise_day)
    since_en, since_zh = (f" that began on {began.en}", f"{began.zh}开始上升") if facts.rise_day else ("", "上升")
    return Text(
        f"{now.en} a day in the week to {day.en}, {times}× the {before.en} before the rise{since_en}",
        f"截至{day.zh}一周日均{now.zh}，为{since_zh}前日均{before.zh}的{times}倍",
    )

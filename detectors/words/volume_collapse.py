"""What `volume_collapse` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, day_text, percent, since, volume
from domain.alerts import Text

TITLE = Text("Collapse of volume or silence", "交易骤降或停止交易")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        form: `low` or `silent`.
        day: the local day that ended.
        first_day: the first that was found.
        hits: days so far.
        sales: approved sales of the day.
        sales_minor: their sum.
        usual_sales: approved sales to be expected of it.
        usual_minor: their sum.
        idle_d: whole days without a sale.
        quiet_d: the same, holidays and the turn of the year left out.
        missed_sales: approved sales to be expected of the latter.
    """

    form: str
    day: str | None = None
    first_day: str | None = None
    hits: int = 1
    sales: int = 0
    sales_minor: int = 0
    usual_sales: float | None = None
    usual_minor: int | None = None
    idle_d: int = 0
    quiet_d: int | None = None
    missed_sales: float | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """For how long nothing came, or how little came, where how much is usual."""
    if facts.form == "low":
        return _low(facts, currency)
    idle = counted(facts.idle_d, "day")
    day, usual = day_text(facts.day), volume(facts.usual_minor, currency)
    to_en, to_zh = (f", to {day.en}", f"截至{day.zh}") if facts.day else ("", "")
    missed, holidays = f"{facts.missed_sales or 0:,.0f}", facts.quiet_d is not None and facts.quiet_d < facts.idle_d
    but_en, but_zh = (", holidays not counted", "（节假日不计）") if holidays else ("", "")
    return Text(
        f"No sale for {idle}{to_en}; {missed} would be usual{but_en} ({usual.en} a day)",
        f"{to_zh}已{facts.idle_d}天无交易，按平时应有{missed}笔{but_zh}，日均{usual.zh}",
    )


def _low(facts: Facts, currency: str) -> Text:
    day, sold = day_text(facts.day), volume(facts.sales_minor, currency)
    number = percent(facts.sales / max(facts.usual_sales or 0, 0.1))
    of_sum = percent(facts.sales_minor / max(facts.usual_minor or 0, 1))
    from_day = since(facts.first_day, facts.day)
    days_en = f"; {facts.hits} such days{from_day.en}" if facts.hits > 1 else ""
    days_zh = f"；{from_day.zh}共{facts.hits}天如此" if facts.hits > 1 else ""
    return Text(
        f"{day.en}: {counted(facts.sales, 'sale')} ({number.en} of the usual), {sold.en} ({of_sum.en}){days_en}",
        f"{day.zh}仅{facts.sales:,}笔（平时的{number.zh}）、{sold.zh}（{of_sum.zh}）{days_zh}",
    )

"""What `volume_decline` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, day_text, percent, since, volume
from domain.alerts import Text

TITLE = Text("Decline of business", "经营下滑预警")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        day: the local day that ended.
        first_day: the first that was found.
        hits: days so far.
        level_share: level of two weeks' sales per that of three months.
        week_minor: mean of a day of the last week.
    """

    day: str | None = None
    first_day: str | None = None
    hits: int
    level_share: float
    week_minor: int | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """How far the level fell, since when, and what a day brings now."""
    day, level, now = day_text(facts.day), percent(facts.level_share), volume(facts.week_minor, currency)
    from_day = since(facts.first_day, facts.day)
    days_en = f", low{from_day.en}" if from_day.en else ""
    days_zh = f"，{from_day.zh}持续偏低" if from_day.zh else ""
    return Text(
        f"Sales of the two weeks to {day.en} at {level.en} of their three-month level{days_en}; the last week brought "
        f"{now.en} a day",
        f"截至{day.zh}的两周交易量降至近三个月水平的{level.zh}{days_zh}；最近一周日均{now.zh}",
    )

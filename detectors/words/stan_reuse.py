"""What `stan_reuse` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, day_text, since
from domain.alerts import Text

TITLE = Text("Reused trace numbers", "流水号重复")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        hits: payments so far.
        first_day: the first of their days.
        day: the latest.
        count: payments of that day with STAN and time of another.
    """

    hits: int
    first_day: str | None = None
    day: str | None = None
    count: int


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001  it finds no money
    """How many payments of the day bear the number and time of another, and what that may mean."""
    day, from_day = day_text(facts.day), since(facts.first_day, facts.day)
    on_en, on_zh = (f" on {day.en}", day.zh) if facts.day else ("", "当日")
    so_far_en = f"; {facts.hits:,}{from_day.en}" if from_day.en else ""
    so_far_zh = f"；{from_day.zh}累计{facts.hits:,}笔" if from_day.zh else ""
    return Text(
        f"{counted(facts.count, 'payment')}{on_en} with the STAN and time of another but a different amount or id: "
        f"perhaps the terminal's clock has stopped, or the terminal was altered{so_far_en}",
        f"{on_zh}{facts.count:,}笔交易的流水号和发送时间与其他交易相同，金额或交易号不同：可能是终端时钟停走，也可能是终端被改装{so_far_zh}",
    )

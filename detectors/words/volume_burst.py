"""What `volume_burst` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, day_text, ratio, volume
from domain.alerts import Text

TITLE = Text("Burst of a new merchant", "新入网商户交易突增")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        age_d: which day it is from the merchant's first sale on, from 1.
        day: the local day.
        sales: approved sales of the day so far.
        sales_minor: their sum.
        usual_minor: what is to be expected of the day by the merchant's own days; None while they are too few.
        total_minor: all that was sold since the merchant is new.
        by_peers: whether the day is far above new shops of its trade, and not only above its own.
        peer_z: by how many deviations.
        hits: sales found so far.
        turnover_minor: money of these, above the usual where that is known.
    """

    age_d: int
    day: str | None = None
    sales: int = 0
    sales_minor: int = 0
    usual_minor: int | None = None
    total_minor: int = 0
    by_peers: bool = False
    peer_z: float | None = None
    hits: int = 1
    turnover_minor: int | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """What it has sold on which day of its life, and against whom that is much."""
    day, sold, total = day_text(facts.day), volume(facts.sales_minor, currency), volume(facts.total_minor, currency)
    on_en, on_zh = (f", {day.en}", f"（{day.zh}）") if facts.day else ("", "")
    than_en, than_zh = (", far above new shops of its trade", "，远高于同业新商户") if facts.by_peers else ("", "")
    if not facts.by_peers and facts.usual_minor is not None:
        times = ratio(facts.sales_minor, facts.usual_minor, 1)
        than_en, than_zh = f", {times}× its usual day", f"，为其平时的{times}倍"
    since_en = since_zh = ""
    if facts.age_d > 1:
        since_en, since_zh = f"; {total.en} in all", f"；累计{total.zh}"
    return Text(
        f"New merchant, day {facts.age_d} from its first sale{on_en}: {counted(facts.sales, 'sale')}, {sold.en}"
        f"{than_en}{since_en}",
        f"新商户自首笔交易起第{facts.age_d}天{on_zh}：当日{facts.sales:,}笔、{sold.zh}{than_zh}{since_zh}",
    )

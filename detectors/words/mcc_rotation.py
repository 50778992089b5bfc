"""What `mcc_rotation` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, volume
from domain.alerts import Text

TITLE = Text("Rotation over a pool of merchant numbers", "跳商户")
SOURCES = {
    "acceptor": Text("acceptor numbers", "受理商户编号（42域）"),
    "channel": Text("channel merchant numbers", "通道商户号"),
}
MOST = 8
"""Different numbers that are counted at most."""


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        hits: sales that changed the number, so far.
        turnover_minor: money of these.
        source: which number, of `SOURCES`.
        numbers: different ones in 28 days, `MOST` for more.
        places: different regions and MCCs that they stand for.
        switch_share: of comparable sales at the same terminal, 0 to 1, that change the number.
    """

    hits: int
    turnover_minor: int | None = None
    source: str
    numbers: int
    places: int
    switch_share: float


def sentence(facts: Facts, currency: str) -> Text:
    """How many numbers of which kind, how often a terminal changes them, on what sales."""
    source, of_100 = SOURCES[facts.source], max(1, round(facts.switch_share * 100))
    least_en, least_zh = ("at least ", "至少") if facts.numbers >= MOST else ("", "")
    places_en = f", standing for {facts.places} regions or MCCs" if facts.places > 1 else ""
    places_zh = f"（分属{facts.places}个地区或MCC）" if facts.places > 1 else ""
    sold = volume(facts.turnover_minor, currency)
    sold_en, sold_zh = (f" ({sold.en})", f"、{sold.zh}") if facts.turnover_minor else ("", "")
    numbers_en = f"{least_en}{facts.numbers} {source.en}"
    return Text(
        f"{numbers_en[0].upper()}{numbers_en[1:]} in 28 days{places_en}; the same terminal changes the number on "
        f"{of_100} of 100 sales (usual: one number), {counted(facts.hits, 'change')}{sold_en} so far",
        f"近28天经{least_zh}{facts.numbers}个{source.zh}上送{places_zh}，同一终端每100笔约{of_100}笔换号（正常为固定1个）；"
        f"累计换号{facts.hits:,}笔{sold_zh}",
    )

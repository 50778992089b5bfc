"""What `gauge_breach` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted
from domain.alerts import Text
from domain.scheme_programmes import title_of

TITLE = Text("Scheme programme breached", "触及卡组织监测阈值")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert; the four lists have one entry for each programme.

    Attributes:
        programmes: of `domain.scheme_programmes.NAMES`, those breached, or else those that will be.
        items: what each counts, as reports and chargebacks.
        base: of how many.
        days: days until it is reached at the recent pace; 0 where it is breached.
        hits: days so far.
    """

    programmes: tuple[str, ...]
    items: tuple[int, ...]
    base: tuple[int, ...]
    days: tuple[int, ...]
    hits: int = 1


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001
    """Which programmes, with what was counted, and when they are reached."""
    told = [_gauge(*each) for each in zip(facts.programmes, facts.items, facts.base, facts.days, strict=True)]
    en, zh = "; ".join(each.en for each in told), "；".join(each.zh for each in told)
    if facts.hits == 1:
        return Text(en, zh)
    return Text(f"{en}; {counted(facts.hits, 'day')} so far", f"{zh}；已{facts.hits}天")


def _gauge(name: str, items: int, base: int, days: int) -> Text:
    title, ratio = title_of(name), f"{items / base * 100:.2f}" if base else "?"
    ahead_en = f", the limit will be reached in {counted(days, 'day')} at this pace" if days else ""
    ahead_zh = f"，按近期速度预计{days}天后达到阈值" if days else ""
    return Text(
        f"{title.en}: {items:,} of {base:,} ({ratio} %){ahead_en}",
        f"{title.zh}：{items:,}/{base:,}（{ratio}%）{ahead_zh}",
    )

"""What `gauge_breach` says."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from detectors.words.figures import FactsOf, counted, day_text, percent
from domain.alerts import Text
from domain.scheme_programmes import APPROVAL, APPROVAL_DROP_PPM, ECM, EFM, HECM, RETURNS, VAMP, programme_of

if TYPE_CHECKING:
    from domain.scheme_programmes import Programme

TITLE = Text("Scheme limit reached or near", "触及或接近卡组织监测阈值")
_BY_MONTH_BEFORE = Text(
    "{items} chargebacks in the month to {day}, {base} payments in the month before",
    "截至{day}当月拒付{items}笔、上月交易{base}笔",
)
_COUNTED = {
    VAMP: Text(
        "{items} fraud reports and chargebacks, {base} payments without the card in the month to {day}",
        "截至{day}当月欺诈报告及拒付{items}笔、无卡交易{base}笔",
    ),
    ECM: _BY_MONTH_BEFORE,
    HECM: _BY_MONTH_BEFORE,
    EFM: Text(
        "{items} chargebacks for fraud in the month to {day}, {base} e-commerce payments in the month before",
        "截至{day}当月欺诈拒付{items}笔、上月线上交易{base}笔",
    ),
    APPROVAL: Text(
        "{items} of {base} attempts approved in the three days to {day}",
        "截至{day}的3天内{base}笔授权中{items}笔通过",
    ),
    RETURNS: Text(
        "{items} refunds and chargebacks, {base} payments in the 30 days to {day}",
        "截至{day}的30天内退款及拒付{items}笔、交易{base}笔",
    ),
}
"""What each programme counts, over what time."""


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert; the four lists have one entry for each programme.

    Attributes:
        programmes: of `domain.scheme_programmes.NAMES`, those breached, or else those that will be.
        items: what each counts, as reports and chargebacks.
        base: of how many.
        days: days until it is reached at the recent pace; 0 where it is breached.
        hits: days so far.
        day: the local day up to which they count.
    """

    programmes: tuple[str, ...]
    items: tuple[int, ...]
    base: tuple[int, ...]
    days: tuple[int, ...]
    hits: int = 1
    day: str | None = None


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001
    """Which programmes, with what was counted, what they allow, and when that is reached."""
    lists = zip(facts.programmes, facts.items, facts.base, facts.days, strict=True)
    told = [_gauge(facts.day, *each) for each in lists]
    en, zh = "; ".join(each.en for each in told), "；".join(each.zh for each in told)
    if facts.hits == 1:
        return Text(en, zh)
    return Text(f"{en}; told on {counted(facts.hits, 'day')} so far", f"{zh}；累计{facts.hits}天")


def _gauge(day: str | None, name: str, items: int, base: int, days: int) -> Text:
    programme, to = programme_of(name, date.fromisoformat(day) if day else None), day_text(day)
    figures = {"items": f"{items:,}", "base": f"{base:,}"}
    en, zh = (_COUNTED[name].en.format(day=to.en, **figures), _COUNTED[name].zh.format(day=to.zh, **figures))
    ratio, limit = f"{items / base * 100:.2f}" if base else "?", _limit(programme, items, base)
    ahead_en = f", reached in {counted(days, 'day')} at the recent pace" if days else ""
    ahead_zh = f"，按近期速度预计{days}天后达到" if days else ""
    return Text(
        f"{programme.title.en}: {en} ({ratio} %; {limit.en}){ahead_en}",
        f"{programme.title.zh}：{zh}（{ratio}%；{limit.zh}）{ahead_zh}",
    )


def _limit(programme: Programme, items: int, base: int) -> Text:
    """What a programme allows: a share, and where it also goes by a number or by money, that."""
    share = percent(programme.ratio_ppm / 1e6)
    if programme.name == APPROVAL and items * 1_000_000 >= programme.ratio_ppm * base:  # then it is the fall
        points = APPROVAL_DROP_PPM // 10_000
        return Text(f"{points} points or more below the 28 days before", f"较前28天下降{points}个百分点以上")
    if programme.least_usd_minor:
        usd = f"{programme.least_usd_minor // 100:,}"
        return Text(f"limit {share.en} and {usd} USD of fraud", f"阈值{share.zh}且欺诈金额{usd}美元")
    if programme.name in {VAMP, ECM, HECM}:
        least = f"{programme.least_items:,}"
        return Text(f"limit {least} and {share.en}", f"阈值{least}笔且{share.zh}")
    return Text(f"limit {share.en}", f"阈值{share.zh}")
